package embedded_test

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

func requireReason(t testing.TB, want yunduo.Reason, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, yunduo.ReasonOf(err), "%v", err)
}

// A dropped collection comes back whole, also after a restart, and who followed the changes has to read again.
func TestTrash_BringsBack(t *testing.T) {
	fs := vfs.NewMem()
	e := openIn(t, "store", options(fs))
	settings := mustRaw(bson.D{{Key: "rule", Value: "open"}})
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{Settings: settings}))
	index := driver.Index{Name: "a", Fields: []driver.IndexField{{Path: "a"}}}
	require.NoError(t, e.CreateIndex(t.Context(), things, index))
	insert(t, e, bson.D{{Key: "_id", Value: 1}, {Key: "a", Value: bson.A{1, 2}}}, bson.D{{Key: "_id", Value: 2}, {Key: "a", Value: 3}})
	require.NoError(t, e.DropCollection(t.Context(), things))
	_, err := e.Count(t.Context(), things, nil, "")
	requireReason(t, yunduo.ReasonCollectionNotFound, err)
	require.NoError(t, e.Close())

	e = openIn(t, "store", options(fs))
	dropped, err := e.Dropped(t.Context(), things.App)
	require.NoError(t, err)
	require.Len(t, dropped, 1)
	require.Equal(t, "things", dropped[0].Name)
	require.EqualValues(t, 2, dropped[0].Documents)
	require.Equal(t, []driver.Index{index}, dropped[0].Indexes)
	require.Equal(t, settings, dropped[0].Settings)
	require.Equal(t, 7*24*time.Hour, dropped[0].Until.Sub(dropped[0].DroppedAt))
	consistent(t, e)

	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}), "the name is free")
	requireReason(t, yunduo.ReasonCollectionExists, e.Undrop(t.Context(), things.App, dropped[0].ID, "things"))
	requireReason(t, yunduo.ReasonCollectionNotFound, e.Undrop(t.Context(), things.App, dropped[0].ID+1, "x"))
	requireReason(t, yunduo.ReasonCollectionNotFound, e.Undrop(t.Context(), "other", dropped[0].ID, "x"))
	requireReason(t, yunduo.ReasonInvalidCollectionName, e.Undrop(t.Context(), things.App, dropped[0].ID, ""))
	at, err := e.Position(t.Context(), things.App)
	require.NoError(t, err)
	feed, err := e.Changes(t.Context(), things.App, at)
	require.NoError(t, err)
	require.NoError(t, e.Undrop(t.Context(), things.App, dropped[0].ID, "back"))
	_, err = feed.Next(t.Context())
	requireReason(t, yunduo.ReasonPositionLost, err)
	require.NoError(t, feed.Close())
	_, err = e.Changes(t.Context(), things.App, at)
	requireReason(t, yunduo.ReasonPositionLost, err)

	for range 2 {
		back := driver.Namespace{App: things.App, Collection: "back"}
		indexes, err := e.Indexes(t.Context(), back)
		require.NoError(t, err)
		require.Equal(t, []driver.Index{index}, indexes)
		n, err := e.Count(t.Context(), back, mustFilter(bson.D{{Key: "a", Value: 2}}), "")
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		dropped, err = e.Dropped(t.Context(), things.App)
		require.NoError(t, err)
		require.Empty(t, dropped)
		consistent(t, e)
		require.NoError(t, e.Close())
		e = openIn(t, "store", options(fs))
	}
	require.NoError(t, e.Close())
}

func TestTrash_IsEmptied(t *testing.T) {
	e, c := openWithClock(t, nil)
	insert(t, e, bson.D{{Key: "_id", Value: 1}})
	require.NoError(t, e.DropCollection(t.Context(), things))
	c.ms.Add((7 * 24 * time.Hour).Milliseconds() - 1)
	require.NoError(t, e.Sweep(t.Context()))
	dropped, err := e.Dropped(t.Context(), things.App)
	require.NoError(t, err)
	require.Len(t, dropped, 1)
	c.ms.Add(1)
	require.NoError(t, e.Sweep(t.Context()))
	dropped, err = e.Dropped(t.Context(), things.App)
	require.NoError(t, err)
	require.Empty(t, dropped)
	consistent(t, e)

	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	insert(t, e, bson.D{{Key: "_id", Value: 1}})
	require.NoError(t, e.DropCollection(t.Context(), things))
	dropped, err = e.Dropped(t.Context(), things.App)
	require.NoError(t, err)
	require.NoError(t, e.Purge(t.Context(), things.App, dropped[0].ID))
	requireReason(t, yunduo.ReasonCollectionNotFound, e.Purge(t.Context(), things.App, dropped[0].ID))
	consistent(t, e)

	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	insert(t, e, bson.D{{Key: "_id", Value: 1}})
	require.NoError(t, e.DropCollection(t.Context(), things))
	require.NoError(t, e.DropApp(t.Context(), things.App))
	consistent(t, e)
	dropped, err = e.Dropped(t.Context(), things.App)
	require.NoError(t, err)
	require.Empty(t, dropped, "who removes an app means all of it")
}

func TestTrash_CanBeTurnedOff(t *testing.T) {
	e, _ := openWithClock(t, func(o *embedded.Options) { o.TrashAge = -1 })
	insert(t, e, bson.D{{Key: "_id", Value: 1}})
	require.NoError(t, e.DropCollection(t.Context(), things))
	dropped, err := e.Dropped(t.Context(), things.App)
	require.NoError(t, err)
	require.Empty(t, dropped)
	consistent(t, e)
}
