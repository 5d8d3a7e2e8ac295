package embedded_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

// A write that panics leaves no document and no collection locked.
func TestPanicInAWrite_GivesUpItsLocks(t *testing.T) {
	var spoilt atomic.Bool
	now := func() time.Time {
		if spoilt.Load() {
			panic("no time")
		}
		return time.Now()
	}
	e, err := embedded.Open(t.TempDir(), embedded.Options{CacheBytes: 1 << 20, MemtableBytes: 1 << 20, DiskReserve: -1, Now: now})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	ns := driver.Namespace{App: "a", Collection: "c"}
	require.NoError(t, e.CreateCollection(t.Context(), ns, driver.CollectionOptions{}))
	require.NoError(t, e.Insert(t.Context(), ns, []bson.Raw{mustRaw(bson.M{"_id": 1})}, driver.WriteOptions{}))
	u := driver.Update{Filter: mustFilter(bson.M{"_id": 1}), Change: mustUpdate(bson.M{"$set": bson.M{"n": 1}})}
	spoilt.Store(true)
	require.PanicsWithValue(t, "no time", func() { _, _ = e.Update(t.Context(), ns, u, driver.WriteOptions{}) })
	spoilt.Store(false)
	r, err := e.Update(t.Context(), ns, u, driver.WriteOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Modified)
	require.NoError(t, e.DropCollection(t.Context(), ns))
}
