package embedded_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

// clock is a time that the test moves.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time { return time.UnixMilli(c.ms.Load()) }

func openWithClock(t *testing.T, change func(*embedded.Options)) (*embedded.Engine, *clock) {
	c := &clock{}
	c.ms.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	o := options(vfs.NewMem())
	o.Now = c.now
	o.SweepInterval = time.Hour
	if change != nil {
		change(&o)
	}
	e := openIn(t, "store", o)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	return e, c
}

func TestExpiry(t *testing.T) {
	for _, descending := range []bool{false, true} {
		e, c := openWithClock(t, nil)
		index := driver.Index{Name: "at", Fields: []driver.IndexField{{Path: "at", Descending: descending}, {Path: "x"}}, ExpireAfter: time.Hour}
		require.NoError(t, e.CreateIndex(t.Context(), things, index))
		at := func(minutes int) bson.DateTime {
			return bson.NewDateTimeFromTime(c.now().Add(time.Duration(minutes) * time.Minute))
		}
		insert(t, e,
			bson.D{{Key: "_id", Value: 1}, {Key: "at", Value: at(-61)}},
			bson.D{{Key: "_id", Value: 2}, {Key: "at", Value: at(-59)}},
			bson.D{{Key: "_id", Value: 3}, {Key: "at", Value: "2001-01-01"}},
			bson.D{{Key: "_id", Value: 4}},
			bson.D{{Key: "_id", Value: 5}, {Key: "at", Value: bson.A{at(0), at(-90)}}},
			bson.D{{Key: "_id", Value: 6}, {Key: "at", Value: nil}},
			bson.D{{Key: "_id", Value: 7}, {Key: "at", Value: 12}},
		)
		require.NoError(t, e.Sweep(t.Context()))
		require.Equal(t, []int64{2, 3, 4, 6, 7}, ids(t, e, bson.D{}))
		c.ms.Add(2 * time.Minute.Milliseconds())
		require.NoError(t, e.Sweep(t.Context()))
		require.Equal(t, []int64{3, 4, 6, 7}, ids(t, e, bson.D{}))
		consistent(t, e)
	}
}

func TestExpiry_ManyAndSilent(t *testing.T) {
	e, c := openWithClock(t, nil)
	require.NoError(t, e.CreateIndex(t.Context(), things, driver.Index{Name: "at", Fields: []driver.IndexField{{Path: "at"}}, ExpireAfter: time.Minute}))
	var docs []bson.Raw
	for i := range 1200 {
		docs = append(docs, mustRaw(bson.D{{Key: "_id", Value: i}, {Key: "at", Value: bson.NewDateTimeFromTime(c.now())}}))
	}
	require.NoError(t, e.Insert(t.Context(), things, docs[:1199], driver.WriteOptions{Silent: true}))
	require.NoError(t, e.Insert(t.Context(), things, docs[1199:], driver.WriteOptions{}))
	c.ms.Add(time.Hour.Milliseconds())
	require.NoError(t, e.Sweep(t.Context()))
	require.Empty(t, ids(t, e, bson.D{}))
	at, err := e.Position(t.Context(), things.App)
	require.NoError(t, err)
	require.EqualValues(t, 2, at.Offset, "only what was logged when it came is logged when it goes")
	consistent(t, e)
}

func TestRetention_Age(t *testing.T) {
	e, c := openWithClock(t, func(o *embedded.Options) { o.LogAge = time.Hour })
	start, err := e.Position(t.Context(), things.App)
	require.NoError(t, err)
	insert(t, e, bson.D{{Key: "_id", Value: 1}})
	insert(t, e, bson.D{{Key: "_id", Value: 2}})
	late, err := e.Changes(t.Context(), things.App, start)
	require.NoError(t, err)
	c.ms.Add(30 * time.Minute.Milliseconds())
	old, err := e.Position(t.Context(), things.App)
	require.NoError(t, err)
	insert(t, e, bson.D{{Key: "_id", Value: 3}})
	c.ms.Add(31 * time.Minute.Milliseconds())
	require.NoError(t, e.Sweep(t.Context()))
	_, err = e.Changes(t.Context(), things.App, start)
	require.Equal(t, yunduo.ReasonPositionLost, yunduo.ReasonOf(err))
	_, err = late.Next(t.Context())
	require.Equal(t, yunduo.ReasonPositionLost, yunduo.ReasonOf(err), "a feed that fell behind")
	require.NoError(t, late.Close())
	feed, err := e.Changes(t.Context(), things.App, old)
	require.NoError(t, err)
	change, err := feed.Next(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, change.ID.AsInt64())
	require.NoError(t, feed.Close())
	consistent(t, e)
}

func TestRetention_Size(t *testing.T) {
	e, _ := openWithClock(t, func(o *embedded.Options) { o.LogBytes = 20 << 10 })
	for i := range 100 {
		insert(t, e, bson.D{{Key: "_id", Value: i}, {Key: "fill", Value: string(make([]byte, 1000))}})
	}
	at, err := e.Position(t.Context(), things.App)
	require.NoError(t, err)
	require.NoError(t, e.Sweep(t.Context()))
	_, err = e.Changes(t.Context(), things.App, driver.Position{Epoch: at.Epoch, Offset: at.Offset - 30})
	require.Equal(t, yunduo.ReasonPositionLost, yunduo.ReasonOf(err))
	feed, err := e.Changes(t.Context(), things.App, driver.Position{Epoch: at.Epoch, Offset: at.Offset - 10})
	require.NoError(t, err)
	for i := range 10 {
		change, err := feed.Next(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 90+i, change.ID.AsInt64())
	}
	require.NoError(t, feed.Close())
	consistent(t, e)
}

// TestRetention_EverythingThenReopen makes sure that offsets go on after all entries are gone.
func TestRetention_EverythingThenReopen(t *testing.T) {
	c := &clock{}
	o := options(vfs.NewMem())
	o.Now = c.now
	e := openIn(t, "store", o)
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	insert(t, e, bson.D{{Key: "_id", Value: 1}})
	at, err := e.Position(t.Context(), things.App)
	require.NoError(t, err)
	c.ms.Add((48 * time.Hour).Milliseconds())
	require.NoError(t, e.Sweep(t.Context()))
	require.NoError(t, e.Close())
	e = openIn(t, "store", o)
	again, err := e.Position(t.Context(), things.App)
	require.NoError(t, err)
	require.Equal(t, at, again)
	consistent(t, e)
	require.NoError(t, e.Close())
}

func TestRetention_OfOneApp(t *testing.T) {
	e, c := openWithClock(t, func(o *embedded.Options) { o.LogAge = time.Hour })
	other := driver.Namespace{App: "other", Collection: "things"}
	require.NoError(t, e.CreateCollection(t.Context(), other, driver.CollectionOptions{}))
	e.Retain(func(app yunduo.AppID) driver.Retention {
		if app == other.App {
			return driver.Retention{Age: 24 * time.Hour}
		}
		return driver.Retention{}
	})
	kept := map[yunduo.AppID]yunduo.Reason{things.App: yunduo.ReasonPositionLost, other.App: ""}
	starts := map[yunduo.AppID]driver.Position{}
	for _, ns := range []driver.Namespace{things, other} {
		start, err := e.Position(t.Context(), ns.App)
		require.NoError(t, err)
		starts[ns.App] = start
		require.NoError(t, e.Insert(t.Context(), ns, []bson.Raw{mustRaw(bson.D{{Key: "_id", Value: 1}})}, driver.WriteOptions{}))
	}
	sweepAfter := func(d time.Duration) {
		c.ms.Add(d.Milliseconds())
		require.NoError(t, e.Sweep(t.Context()))
		for app, reason := range kept {
			feed, err := e.Changes(t.Context(), app, starts[app])
			require.Equal(t, reason, yunduo.ReasonOf(err), app)
			if err == nil {
				require.NoError(t, feed.Close())
			}
		}
	}
	sweepAfter(2 * time.Hour)
	kept[other.App] = yunduo.ReasonPositionLost
	sweepAfter(23 * time.Hour)
}
