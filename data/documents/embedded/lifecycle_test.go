package embedded_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

var things = driver.Namespace{App: "app", Collection: "things"}

func insert(t testing.TB, e driver.Operations, docs ...bson.D) {
	t.Helper()
	var list []bson.Raw
	for _, d := range docs {
		list = append(list, mustRaw(d))
	}
	require.NoError(t, e.Insert(t.Context(), things, list, driver.WriteOptions{}))
}

func ids(t testing.TB, e driver.Operations, filter bson.D) []int64 {
	t.Helper()
	c, err := e.Find(t.Context(), things, driver.Find{Filter: mustFilter(filter)})
	require.NoError(t, err)
	list := []int64{}
	for c.Next(t.Context()) {
		list = append(list, c.Current().Lookup("_id").AsInt64())
	}
	require.NoError(t, c.Err())
	require.NoError(t, c.Close())
	return list
}

func consistent(t testing.TB, e *embedded.Engine) {
	t.Helper()
	problems, err := e.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestReopen(t *testing.T) {
	fs := vfs.NewMem()
	e := openIn(t, "store", options(fs))
	settings := mustRaw(bson.D{{Key: "rule", Value: "open"}})
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{Settings: settings}))
	index := driver.Index{Name: "a", Fields: []driver.IndexField{{Path: "a"}, {Path: "b.c", Descending: true}}, Unique: true, Sparse: true, ExpireAfter: time.Hour}
	require.NoError(t, e.CreateIndex(t.Context(), things, index))
	insert(t, e, bson.D{{Key: "_id", Value: 1}, {Key: "a", Value: bson.A{1, 2}}}, bson.D{{Key: "_id", Value: 2}, {Key: "a", Value: 3}})
	at, err := e.Position(t.Context(), things.App)
	require.NoError(t, err)
	require.NoError(t, e.Close())

	e = openIn(t, "store", options(fs))
	list, err := e.Collections(t.Context(), things.App)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.EqualValues(t, 2, list[0].Documents)
	require.Equal(t, settings, list[0].Settings)
	indexes, err := e.Indexes(t.Context(), things)
	require.NoError(t, err)
	require.Equal(t, []driver.Index{index}, indexes)
	again, err := e.Position(t.Context(), things.App)
	require.NoError(t, err)
	require.Equal(t, at, again)
	require.Equal(t, []int64{1}, ids(t, e, bson.D{{Key: "a", Value: bson.D{{Key: "$gt", Value: 1}, {Key: "$lt", Value: 2}}}, {Key: "_id", Value: 1}}), "still multikey: {1, 2} has a value above 1 and one below 2")
	insert(t, e, bson.D{{Key: "_id", Value: 3}, {Key: "a", Value: 9}})
	feed, err := e.Changes(t.Context(), things.App, at)
	require.NoError(t, err)
	c, err := feed.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, at.Offset+1, c.Position.Offset)
	consistent(t, e)
	require.NoError(t, e.Close())
}

func TestDroppedIDsAreNotReused(t *testing.T) {
	fs := vfs.NewMem()
	for i := range 3 {
		e := openIn(t, "store", options(fs))
		require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
		require.Empty(t, ids(t, e, bson.D{}))
		at, err := e.Position(t.Context(), things.App)
		require.NoError(t, err)
		insert(t, e, bson.D{{Key: "_id", Value: i}})
		require.NoError(t, e.DropApp(t.Context(), things.App))
		_, err = e.Changes(t.Context(), things.App, at)
		require.Equal(t, yunduo.ReasonPositionLost, yunduo.ReasonOf(err), "the new app has another epoch")
		require.NoError(t, e.Close())
	}
}

func TestOpenTwice_Refused(t *testing.T) {
	dir := t.TempDir()
	e := openIn(t, dir, options(nil))
	_, err := embedded.Open(dir, options(nil))
	require.Error(t, err)
	require.NoError(t, e.Close())
}

// TestClose closes an engine with everything open that there is: nothing hangs, nothing leaks, what is used
// afterwards says so.
func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	e := openIn(t, "store", options(vfs.NewMem()))
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	insert(t, e, bson.D{{Key: "_id", Value: 1}}, bson.D{{Key: "_id", Value: 2}})
	c, err := e.Find(t.Context(), things, driver.Find{})
	require.NoError(t, err)
	require.True(t, c.Next(t.Context()))
	tx, err := e.Begin(t.Context(), things.App)
	require.NoError(t, err)
	remove := driver.Delete{Filter: mustFilter(bson.D{{Key: "_id", Value: 1}})}
	_, err = tx.Delete(t.Context(), things, remove, driver.WriteOptions{})
	require.NoError(t, err)
	at, err := e.Position(t.Context(), things.App)
	require.NoError(t, err)
	feed, err := e.Changes(t.Context(), things.App, at)
	require.NoError(t, err)
	waiting := make(chan error, 2)
	go func() {
		_, err := feed.Next(context.Background())
		waiting <- err
	}()
	go func() { // meets the transaction's intent
		_, err := e.Delete(context.Background(), things, remove, driver.WriteOptions{})
		waiting <- err
	}()
	require.NoError(t, e.Close())
	require.NoError(t, e.Close())
	for range 2 {
		require.Equal(t, yunduo.ReasonShuttingDown, yunduo.ReasonOf(<-waiting))
	}
	require.False(t, c.Next(t.Context()))
	require.Equal(t, yunduo.ReasonShuttingDown, yunduo.ReasonOf(c.Err()))
	require.NoError(t, c.Close())
	require.Equal(t, yunduo.ReasonShuttingDown, yunduo.ReasonOf(tx.Commit(t.Context())))
	require.NoError(t, tx.Abort(t.Context()))
	_, err = e.Count(t.Context(), things, nil, "")
	require.Equal(t, yunduo.ReasonShuttingDown, yunduo.ReasonOf(err))
	_, err = feed.Next(t.Context())
	require.Error(t, err)
	require.NoError(t, feed.Close())
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		runtime.Gosched() // what was told to end is ending
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before, "%s", stacks())
}

func stacks() string {
	buffer := make([]byte, 1<<20)
	return strings.TrimSpace(string(buffer[:runtime.Stack(buffer, true)]))
}
