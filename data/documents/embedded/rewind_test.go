package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand"
	randv2 "math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

// content is what an app has: collection to _id to value.
type content map[string]map[int64]int64

func (c content) clone() content {
	all := content{}
	for name, docs := range c {
		all[name] = maps.Clone(docs)
	}
	return all
}

// sink keeps what it is given.
type sink struct{ content }

func (s sink) Create(_ context.Context, info driver.CollectionInfo, _ []driver.Index) error {
	s.content[info.Name] = map[int64]int64{}
	return nil
}

func (s sink) Insert(_ context.Context, collection string, documents []bson.Raw) error {
	for _, doc := range documents {
		id := doc.Lookup("_id").AsInt64()
		if _, twice := s.content[collection][id]; twice {
			return fmt.Errorf("document %d comes twice", id)
		}
		s.content[collection][id] = doc.Lookup("n").AsInt64()
	}
	return nil
}

func contentOf(t testing.TB, e *embedded.Engine, app yunduo.AppID) content {
	t.Helper()
	all := content{}
	infos, err := e.Collections(t.Context(), app)
	require.NoError(t, err)
	for _, info := range infos {
		all[info.Name] = map[int64]int64{}
		cursor, err := e.Find(t.Context(), driver.Namespace{App: app, Collection: info.Name}, driver.Find{})
		require.NoError(t, err)
		for cursor.Next(t.Context()) {
			all[info.Name][cursor.Current().Lookup("_id").AsInt64()] = cursor.Current().Lookup("n").AsInt64()
		}
		require.NoError(t, errors.Join(cursor.Err(), cursor.Close()))
	}
	return all
}

// history runs random writes, drops and returns on an app and remembers what it had at each moment.
type history struct {
	e       *embedded.Engine
	clock   *clock
	r       *rand.Rand
	now     content
	moments map[int64]content
}

var names = []string{"a", "b", "c"}

func (h *history) step(t *testing.T) {
	t.Helper()
	app := things.App
	name := names[h.r.Intn(len(names))]
	ns := driver.Namespace{App: app, Collection: name}
	id, n := int64(h.r.Intn(30)), h.r.Int63n(1000)
	docs, exists := h.now[name]
	by := driver.WriteOptions{Actor: "test"}
	switch k := h.r.Intn(100); {
	case !exists:
		if h.r.Intn(4) > 0 {
			return
		}
		require.NoError(t, h.e.CreateCollection(t.Context(), ns, driver.CollectionOptions{}))
		require.NoError(t, h.e.CreateIndex(t.Context(), ns, driver.Index{Name: "n", Fields: []driver.IndexField{{Path: "n"}}}))
		h.now[name] = map[int64]int64{}
	case k < 2:
		require.NoError(t, h.e.DropCollection(t.Context(), ns))
		delete(h.now, name)
	case k < 25:
		_, err := h.e.Delete(t.Context(), ns, driver.Delete{Filter: mustFilter(bson.D{{Key: "_id", Value: id}})}, by)
		require.NoError(t, err)
		delete(docs, id)
	default:
		_, err := h.e.Update(t.Context(), ns, driver.Update{
			Filter: mustFilter(bson.D{{Key: "_id", Value: id}}), Upsert: true,
			Change: mustUpdate(bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: n}}}}),
		}, by)
		require.NoError(t, err)
		docs[id] = n
	}
}

// tick ends a moment.
func (h *history) tick() {
	h.moments[h.clock.ms.Load()] = h.now.clone()
	h.clock.ms.Add(1 + h.r.Int63n(5))
}

func newHistory(t *testing.T, seed int64, fs vfs.FS) *history {
	h := &history{clock: &clock{}, r: rand.New(rand.NewSource(seed)), now: content{}, moments: map[int64]content{}}
	h.clock.ms.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	o := options(fs)
	o.Now, o.SweepInterval = h.clock.now, time.Hour
	h.e = openIn(t, "store", o)
	return h
}

// Every moment that the log reaches back to can be read as it was.
func TestCopyPast_EveryMoment(t *testing.T) {
	for seed := range int64(6) {
		h := newHistory(t, seed, vfs.NewMem())
		for range 300 {
			for range h.r.Intn(6) {
				h.step(t)
			}
			h.tick()
		}
		for at, want := range h.moments {
			got := sink{content{}}
			require.NoError(t, h.e.CopyPast(t.Context(), things.App, time.UnixMilli(at), got))
			require.Equal(t, want, got.content, "seed %d, at %d", seed, at)
		}
		require.NoError(t, h.e.Close())
	}
}

// An app goes back again and again while another one keeps writing; each way back is a moment of its own.
func TestReplace_GoesBackAgainAndAgain(t *testing.T) {
	h := newHistory(t, 1, vfs.NewMem())
	other := driver.Namespace{App: "other", Collection: "kept"}
	require.NoError(t, h.e.CreateCollection(t.Context(), other, driver.CollectionOptions{}))
	for round := range 12 {
		for range 60 {
			h.step(t)
			h.tick()
		}
		back := h.r.Int63n(h.clock.ms.Load()-time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()) + time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		want, known := h.moments[back]
		if !known {
			continue
		}
		before, err := h.e.Position(t.Context(), things.App)
		require.NoError(t, err)
		replacement, err := h.e.Replace(t.Context(), things.App)
		require.NoError(t, err)
		require.NoError(t, h.e.CopyPast(t.Context(), things.App, time.UnixMilli(back), replacement))
		require.Equal(t, h.now, contentOf(t, h.e, things.App), "nobody sees it before the commit")
		require.NoError(t, h.e.Insert(t.Context(), other, []bson.Raw{mustRaw(bson.D{{Key: "_id", Value: round}})}, driver.WriteOptions{}))
		require.NoError(t, replacement.Commit(t.Context()))
		require.NoError(t, replacement.Abort(), "too late")
		require.Equal(t, want, contentOf(t, h.e, things.App))
		h.now = want.clone()
		h.tick()
		_, err = h.e.Changes(t.Context(), things.App, before)
		requireReason(t, yunduo.ReasonPositionLost, err)
		consistent(t, h.e)
	}
	for at, want := range h.moments {
		got := sink{content{}}
		require.NoError(t, h.e.CopyPast(t.Context(), things.App, time.UnixMilli(at), got))
		require.Equal(t, want, got.content, "at %d", at)
	}
	require.NoError(t, h.e.Close())
}

func TestReplace_Refuses(t *testing.T) {
	e, c := openWithClock(t, nil)
	insert(t, e, bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 1}})
	was := c.now()
	r, err := e.Replace(t.Context(), things.App)
	require.NoError(t, err)
	unique := driver.Index{Name: "n", Fields: []driver.IndexField{{Path: "n"}}, Unique: true}
	require.NoError(t, r.Create(t.Context(), driver.CollectionInfo{Name: "x"}, []driver.Index{unique}))
	requireReason(t, yunduo.ReasonCollectionExists, r.Create(t.Context(), driver.CollectionInfo{Name: "x"}, nil))
	requireReason(t, yunduo.ReasonInvalidIndex, r.Create(t.Context(), driver.CollectionInfo{Name: "y"}, []driver.Index{{}}))
	doc := mustRaw(bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 1}})
	requireReason(t, yunduo.ReasonCollectionNotFound, r.Insert(t.Context(), "z", []bson.Raw{doc}))
	require.NoError(t, r.Insert(t.Context(), "x", []bson.Raw{doc}))
	requireReason(t, yunduo.ReasonDuplicateKey, r.Insert(t.Context(), "x", []bson.Raw{doc}))
	requireReason(t, yunduo.ReasonDuplicateKey, r.Insert(t.Context(), "x", []bson.Raw{mustRaw(bson.D{{Key: "_id", Value: 2}, {Key: "n", Value: 1}})}))
	consistent(t, e)
	require.NoError(t, r.Abort())
	require.Error(t, r.Commit(t.Context()))
	require.Equal(t, content{"things": {1: 1}}, contentOf(t, e, things.App))
	consistent(t, e)

	err = e.CopyPast(t.Context(), "nobody", was, sink{content{}})
	requireReason(t, yunduo.ReasonPositionLost, err)
	_, err = e.PositionAt(t.Context(), "nobody", was)
	requireReason(t, yunduo.ReasonPositionLost, err)

	// The log is cut, and what was dropped is gone.
	c.ms.Add((23 * time.Hour).Milliseconds())
	require.NoError(t, e.DropCollection(t.Context(), things))
	dropped, err := e.Dropped(t.Context(), things.App)
	require.NoError(t, err)
	c.ms.Add(1)
	require.NoError(t, e.CopyPast(t.Context(), things.App, was, sink{content{}}))
	require.NoError(t, e.Purge(t.Context(), things.App, dropped[0].ID))
	requireReason(t, yunduo.ReasonCollectionNotFound, e.CopyPast(t.Context(), things.App, was, sink{content{}}))
	c.ms.Add((2 * time.Hour).Milliseconds())
	require.NoError(t, e.Sweep(t.Context()))
	requireReason(t, yunduo.ReasonPositionLost, e.CopyPast(t.Context(), things.App, was.Add(-time.Millisecond), sink{content{}}))
	c.ms.Add((48 * time.Hour).Milliseconds())
	require.NoError(t, e.Sweep(t.Context()))
	require.NoError(t, e.CopyPast(t.Context(), things.App, c.now(), sink{content{}}), "an empty log is no obstacle: nothing has changed")
}

// Power that fails in the midst of an exchange leaves the old state or the new one, whole, and nothing else.
func TestReplace_Crash(t *testing.T) {
	for seed := range int64(12) {
		fs := vfs.NewCrashableMem()
		h := newHistory(t, seed, fs)
		for range 120 {
			h.step(t)
			h.tick()
		}
		old := h.now.clone()
		fresh := content{"a": {}, "new": {}}
		r, err := h.e.Replace(t.Context(), things.App)
		require.NoError(t, err)
		stop, n := h.r.Intn(14), 0
		var left vfs.FS
		cut := func() { // the power fails after the n-th step
			if n == stop {
				left = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: h.r.Intn(101), RNG: randv2.New(randv2.NewPCG(uint64(seed), 1))})
			}
			n++
		}
		for name := range fresh {
			require.NoError(t, r.Create(t.Context(), driver.CollectionInfo{Name: name}, []driver.Index{{Name: "n", Fields: []driver.IndexField{{Path: "n"}}}}))
			cut()
			for i := range int64(5) {
				require.NoError(t, r.Insert(t.Context(), name, []bson.Raw{mustRaw(bson.D{{Key: "_id", Value: i}, {Key: "n", Value: -i}})}))
				fresh[name][i] = -i
				cut()
			}
		}
		committed := stop >= n
		require.NoError(t, r.Commit(t.Context()))
		cut()
		if left == nil {
			left = fs.CrashClone(vfs.CrashCloneCfg{})
		}
		require.NoError(t, h.e.Close())

		e := openIn(t, "store", options(left))
		want := old
		if committed {
			want = fresh
		}
		require.Equal(t, want, contentOf(t, e, things.App), "seed %d", seed)
		consistent(t, e)
		require.NoError(t, e.Close())
	}
}

func TestReadLog(t *testing.T) {
	e, c := openWithClock(t, nil)
	for i := range 10 {
		insert(t, e, bson.D{{Key: "_id", Value: i}})
		_, err := e.Update(t.Context(), things, driver.Update{
			Filter: mustFilter(bson.D{{Key: "_id", Value: 3}}), Upsert: true, Change: mustUpdate(bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: i}}}}),
		}, driver.WriteOptions{Actor: "function:f"})
		require.NoError(t, err)
		c.ms.Add(10)
		if i == 2 {
			_, err := e.Delete(t.Context(), things, driver.Delete{Filter: mustFilter(bson.D{{Key: "_id", Value: 3}})}, driver.WriteOptions{})
			require.NoError(t, err)
		}
	}
	read := func(q driver.LogQuery, most int) (offsets []uint64, stopped uint64) {
		stopped, err := e.ReadLog(t.Context(), things.App, q, func(c driver.Change) bool {
			offsets = append(offsets, c.Position.Offset)
			return len(offsets) < most
		})
		require.NoError(t, err)
		return offsets, stopped
	}
	three := mustRaw(bson.D{{Key: "v", Value: 3.0}}).Lookup("v")
	all, stopped := read(driver.LogQuery{}, 100)
	require.Len(t, all, 21)
	require.Zero(t, stopped)
	offsets, stopped := read(driver.LogQuery{Newest: true, Before: 5}, 2)
	require.Equal(t, []uint64{4, 3}, offsets)
	require.EqualValues(t, 3, stopped)
	offsets, _ = read(driver.LogQuery{Collection: "things", ID: three, Newest: true}, 100)
	require.Len(t, offsets, 12)
	offsets, stopped = read(driver.LogQuery{Collection: "things", ID: three, Examine: 4}, 100)
	require.Equal(t, []uint64{2, 4}, offsets)
	require.EqualValues(t, 4, stopped)
	offsets, _ = read(driver.LogQuery{Collection: "other"}, 100)
	require.Empty(t, offsets)
	offsets, _ = read(driver.LogQuery{After: 19}, 100)
	require.Equal(t, []uint64{20, 21}, offsets)
	at, err := e.PositionAt(t.Context(), things.App, c.now().Add(-100*time.Millisecond))
	require.NoError(t, err)
	require.EqualValues(t, 2, at.Offset)
	start, err := e.LogStart(t.Context(), things.App)
	require.NoError(t, err)
	require.True(t, start.Equal(c.now().Add(-100*time.Millisecond)), start)
}
