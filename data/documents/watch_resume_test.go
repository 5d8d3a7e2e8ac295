package documents_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

var watchKey = []byte("a key of thirty-two bytes, always")

// counted expects an update of document a for every n from first to last, and nothing else.
func (w *watcher) counted(first, last int) {
	w.t.Helper()
	for n := first; n <= last; n++ {
		w.changes(move{documents.MoveUpdate, documents.CauseUpdate, "a", d("_id", "a", "n", n)})
	}
}

func count(t testing.TB, s *documents.Session, times int) {
	t.Helper()
	for range times {
		alter(t, s, "notes", d("_id", "a"), d("$inc", d("n", 1)))
	}
}

func TestWatch_ResumesWithoutGapOrDuplicate(t *testing.T) {
	dir := t.TempDir()
	engine := openEngine(t, dir)
	db := documents.New(engine, documents.Options{WatchKey: watchKey})
	s := db.As(owner)
	require.NoError(t, s.CreateCollection(t.Context(), "notes"))
	insert(t, s, "notes", d("_id", "a", "n", 0))
	w := watch(t, s, "notes", documents.WatchQuery{})
	w.snapshot(documents.ResetNone, d("_id", "a", "n", 0))
	count(t, s, 3)
	w.counted(1, 2)
	w.watch.Close() // the third was on its way, and is not lost
	count(t, s, 600)
	w.open(s, "notes", documents.WatchQuery{After: w.resume})
	w.counted(3, 300)
	resume := w.resume
	w.watch.Close()

	db.Close()
	require.NoError(t, engine.Close())
	engine = openEngine(t, dir) // the server starts again
	db = documents.New(engine, documents.Options{WatchKey: watchKey})
	t.Cleanup(func() { db.Close(); require.NoError(t, engine.Close()) })
	s = db.As(owner)
	again := newWatcher(t)
	again.docs = w.docs
	again.open(s, "notes", documents.WatchQuery{After: resume})
	count(t, s, 10)
	again.counted(301, 613)
	// A quiet watch moves on with the log.
	require.NoError(t, s.CreateCollection(t.Context(), "other"))
	insert(t, s, "other", d("_id", 1))
	require.Eventually(t, func() bool {
		token, ok := again.watch.Position()
		return ok && token != again.resume
	}, 10*time.Second, time.Millisecond)
	token, _ := again.watch.Position()
	again.watch.Close()
	count(t, s, 1)
	again.open(s, "notes", documents.WatchQuery{After: token})
	again.counted(614, 614)
}

func TestWatch_ResumesWithASnapshotWhereItMust(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	require.NoError(t, s.SetRules(t.Context(), "notes", "readonly"))
	insert(t, s, "notes", d("_id", "a", "n", 0, "_openid", "li"))
	mine := watch(t, db.As(li), "notes", documents.WatchQuery{})
	mine.snapshot(documents.ResetNone, d("_id", "a", "n", 0, "_openid", "li"))
	mine.watch.Close()
	a := d("_id", "a", "n", 0, "_openid", "li")
	for _, test := range []struct {
		name   string
		change func()
		query  documents.WatchQuery
		why    documents.Reset
	}{
		{"another query", func() {}, documents.WatchQuery{Filter: raw(t, d("n", 0))}, documents.ResetPosition},
		{"a limited one", func() {}, documents.WatchQuery{Limit: 3}, documents.ResetWindow},
		{"rules that came and went", func() {
			require.NoError(t, s.SetRules(t.Context(), "notes", "adminonly"))
			require.NoError(t, s.SetRules(t.Context(), "notes", "readonly"))
		}, documents.WatchQuery{}, documents.ResetRules},
		{"too far behind", func() {}, documents.WatchQuery{MaxReplay: 1}, documents.ResetPosition},
		{"other rules", func() { require.NoError(t, s.SetRules(t.Context(), "notes", "private")) }, documents.WatchQuery{}, documents.ResetPosition},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.change()
			test.query.After = mine.resume
			watch(t, db.As(li), "notes", test.query).snapshot(test.why, a)
		})
	}
	t.Run("a collection that was dropped", func(t *testing.T) {
		all := watch(t, s, "notes", documents.WatchQuery{})
		all.snapshot(documents.ResetNone, a)
		all.watch.Close()
		require.NoError(t, s.DropCollection(t.Context(), "notes"))
		watch(t, s, "notes", documents.WatchQuery{After: all.resume}).snapshot(documents.ResetDropped)
	})
	t.Run("another app", func(t *testing.T) {
		require.NoError(t, db.As(stranger).CreateCollection(t.Context(), "notes"))
		_, err := db.As(stranger).Watch(t.Context(), "notes", documents.WatchQuery{After: mine.resume}, func() {})
		requireReason(t, yunduo.ReasonInvalidRequest, err)
	})
}

func TestWatch_BeyondTheLogIsResynced(t *testing.T) {
	engine, err := embedded.Open(t.TempDir(), embedded.Options{
		CacheBytes: 1 << 20, MemtableBytes: 1 << 20, DiskReserve: -1, LogBytes: 2000, SweepInterval: time.Millisecond,
	})
	require.NoError(t, err)
	db := documents.New(engine, documents.Options{})
	t.Cleanup(func() { db.Close(); require.NoError(t, engine.Close()) })
	s := db.As(owner)
	require.NoError(t, s.CreateCollection(t.Context(), "notes"))
	insert(t, s, "notes", d("_id", "a", "n", 0))
	w := watch(t, s, "notes", documents.WatchQuery{})
	w.snapshot(documents.ResetNone, d("_id", "a", "n", 0))
	w.watch.Close()
	at, err := s.Position(t.Context())
	require.NoError(t, err)
	count(t, s, 200)
	require.Eventually(t, func() bool { // the sweep cuts the log
		feed, err := s.Changes(t.Context(), at)
		if err == nil {
			require.NoError(t, feed.Close())
		}
		return yunduo.ReasonOf(err) == yunduo.ReasonPositionLost
	}, 20*time.Second, time.Millisecond)
	w.open(s, "notes", documents.WatchQuery{After: w.resume})
	w.snapshot(documents.ResetPosition, d("_id", "a", "n", 200))
	count(t, s, 1)
	w.counted(201, 201)
}

func TestWatch_SlowOneLosesNothingAndHoldsUpNobody(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	insert(t, s, "notes", d("_id", "a", "n", 0))
	slow, quick := watch(t, s, "notes", documents.WatchQuery{}), watch(t, s, "notes", documents.WatchQuery{})
	limited := watch(t, s, "notes", documents.WatchQuery{Limit: 1})
	for _, w := range []*watcher{slow, quick, limited} {
		w.snapshot(documents.ResetNone, d("_id", "a", "n", 0))
	}
	const writes = 3000 // more than may wait
	for done := 0; done < writes; done += 500 {
		count(t, s, 500)
		quick.counted(done+1, done+500)
	}
	slow.counted(1, writes)
	count(t, s, 10)
	slow.counted(writes+1, writes+10)
	last := raw(t, d("_id", "a", "n", writes+10))
	for string(limited.docs[id("a").String()]) != string(last) { // its steps may be larger, its end is the same
		_, err := limited.next()
		require.NoError(t, err)
	}
}

// plainEngine is an engine without the optional powers, whose transactions commit only what they read when that is
// durable.
type plainEngine struct{ driver.Engine }

func (e plainEngine) Begin(ctx context.Context, app yunduo.AppID) (driver.Transaction, error) {
	tx, err := e.Engine.Begin(ctx, app)
	return plainTransaction{tx}, err
}

type plainTransaction struct{ driver.Transaction }

func (t plainTransaction) Commit(ctx context.Context) error {
	if _, err := t.Transaction.(driver.Settler).Settled(ctx); err != nil {
		return err
	}
	return t.Transaction.Commit(ctx)
}

// Readers come and go while others write: each sees every document's versions in order and ends with what a query
// returns.
func TestWatch_UnderConcurrentWrites(t *testing.T) {
	for name, plain := range map[string]bool{"settled snapshots": false, "engine without them": true} {
		t.Run(name, func(t *testing.T) {
			var engine driver.Engine = openEngine(t, t.TempDir())
			if plain {
				engine = plainEngine{engine}
			}
			db := documents.New(engine, documents.Options{})
			t.Cleanup(func() { db.Close(); require.NoError(t, engine.Close()) })
			testConcurrentWrites(t, db)
		})
	}
}

func testConcurrentWrites(t *testing.T, db *documents.DB) {
	s := db.As(owner)
	require.NoError(t, s.CreateCollection(t.Context(), "notes"))
	queries := []documents.WatchQuery{
		{}, {Filter: raw(t, d("k", 1))}, {Filter: raw(t, d("k", d("$gt", 1)))}, {Filter: raw(t, d("_id", "d3"))},
		{Sort: raw(t, d("v", -1)), Limit: 4}, {Filter: raw(t, d("k", 2)), Sort: raw(t, d("k", 1)), Limit: 3},
	}
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for i := range 2 {
		writers.Go(func() { writeAtRandom(t, s, i) })
	}
	for i := range 12 {
		readers.Go(func() { readUntil(t, s, queries[i%len(queries)], stop) })
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}

// writeAtRandom counts up the versions of a few documents, removes them and makes them anew.
func writeAtRandom(t *testing.T, s *documents.Session, writer int) {
	random := rand.New(rand.NewPCG(uint64(writer), 7))
	for v := range 700 {
		filter, err := bson.Marshal(d("_id", fmt.Sprintf("d%d", random.IntN(5)+writer*5)))
		if err == nil && random.IntN(6) == 0 {
			_, err = s.Delete(t.Context(), "notes", documents.Delete{Filter: filter})
		} else if err == nil {
			var update bson.Raw
			update, err = bson.Marshal(d("$set", d("v", v, "k", random.IntN(3))))
			if err == nil {
				_, err = s.Update(t.Context(), "notes", documents.Update{Filter: filter, Change: update, Upsert: true})
			}
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// readUntil follows a query, now and then on a new watch, until it has what the query returns after the last write.
func readUntil(t *testing.T, s *documents.Session, q documents.WatchQuery, stop chan struct{}) {
	w := newWatcher(t)
	w.stop = stop
	versions := map[string]int32{}
	for {
		if w.watch == nil {
			q.After = w.resume
			w.open(s, "notes", q)
		}
		e, err := w.next()
		if err != nil {
			t.Error(err)
			return
		}
		if e == nil { // the last write is done
			if w.agrees(s, q) {
				return
			}
			w.stop = nil
			continue
		}
		for _, c := range e.Changes {
			if c.Move == documents.MoveLeave {
				continue
			}
			v := c.Document.Lookup("v").Int32()
			if known, ok := versions[c.ID.String()]; ok && q.Limit == 0 && v <= known {
				t.Errorf("version %d of %s after %d", v, c.ID, known)
			}
			versions[c.ID.String()] = v
		}
		for _, doc := range e.Documents {
			versions[doc.Lookup("_id").String()] = doc.Lookup("v").Int32()
		}
		if w.stop == nil {
			w.stop = stop
		} else if rand.IntN(40) == 0 {
			w.watch.Close()
			w.watch, w.queued = nil, nil
		}
	}
}

// agrees reports whether the watcher has what a query returns.
func (w *watcher) agrees(s *documents.Session, q documents.WatchQuery) bool {
	cursor, err := s.Find(w.t.Context(), "notes", documents.Query{Filter: q.Filter, Sort: q.Sort, Limit: q.Limit})
	require.NoError(w.t, err)
	rows, err := documents.All(w.t.Context(), cursor)
	require.NoError(w.t, err)
	if len(rows) != len(w.docs) {
		return false
	}
	for _, row := range rows {
		if string(w.docs[row.Lookup("_id").String()]) != string(row) {
			return false
		}
	}
	return true
}

func TestWatch_RestoredLogIsResynced(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()+"/copy"
	engine := openEngine(t, dir)
	db := documents.New(engine, documents.Options{WatchKey: watchKey})
	s := db.As(owner)
	require.NoError(t, s.CreateCollection(t.Context(), "notes"))
	insert(t, s, "notes", d("_id", "a", "n", 0))
	w := watch(t, s, "notes", documents.WatchQuery{})
	w.snapshot(documents.ResetNone, d("_id", "a", "n", 0))
	require.NoError(t, engine.Backup(t.Context(), copied))
	count(t, s, 1)
	w.counted(1, 1)
	w.watch.Close()
	db.Close()
	require.NoError(t, engine.Close())

	engine = openEngine(t, copied) // what was written since is gone, and other things take its place
	db = documents.New(engine, documents.Options{WatchKey: watchKey})
	t.Cleanup(func() { db.Close(); require.NoError(t, engine.Close()) })
	s = db.As(owner)
	w.open(s, "notes", documents.WatchQuery{After: w.resume})
	w.snapshot(documents.ResetPosition, d("_id", "a", "n", 0))
}
