package embedded_test

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

// faults makes the next writes of the write-ahead log fail.
type faults struct {
	left atomic.Int64
	err  error
}

func (f *faults) inject(op errorfs.Op) error {
	writes := op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
	if writes && strings.HasSuffix(op.Path, ".log") && f.left.Add(-1) >= 0 {
		return f.err
	}
	return nil
}

func openFaulty(t *testing.T, cause error) (*embedded.Engine, *faults, *vfs.MemFS, *atomic.Int32) {
	f := &faults{err: cause}
	fs := vfs.NewCrashableMem()
	o := options(errorfs.Wrap(fs, errorfs.InjectorFunc(f.inject)))
	failures := &atomic.Int32{}
	o.OnFailure = func(error) { failures.Add(1) }
	e := openIn(t, "store", o)
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	require.NoError(t, e.CreateIndex(t.Context(), things, driver.Index{Name: "a", Fields: []driver.IndexField{{Path: "a"}}}))
	insert(t, e, bson.D{{Key: "_id", Value: 1}, {Key: "a", Value: 1}})
	return e, f, fs, failures
}

func write(t *testing.T, e *embedded.Engine, id int) error {
	return e.Insert(t.Context(), things, []bson.Raw{mustRaw(bson.D{{Key: "_id", Value: id}, {Key: "a", Value: 1}})}, driver.WriteOptions{})
}

// TestDiskFull_Once: the reserve is given up, what was being written succeeds, further writes are refused and reads
// and drops work until there is room.
func TestDiskFull_Once(t *testing.T) {
	e, f, _, failures := openFaulty(t, syscall.ENOSPC)
	f.left.Store(1)
	require.NoError(t, write(t, e, 2))
	require.Equal(t, yunduo.ReasonStorageFull, yunduo.ReasonOf(write(t, e, 3)))
	tx, err := e.Begin(t.Context(), things.App)
	require.NoError(t, err)
	insert(t, tx, bson.D{{Key: "_id", Value: 4}})
	require.Equal(t, yunduo.ReasonStorageFull, yunduo.ReasonOf(tx.Commit(t.Context())))
	require.Equal(t, []int64{1, 2}, ids(t, e, bson.D{{Key: "a", Value: 1}}))
	require.NoError(t, e.DropIndex(t.Context(), things, "a"))
	require.NoError(t, e.Sweep(t.Context())) // notices that there is room
	require.NoError(t, write(t, e, 3))
	require.Equal(t, []int64{1, 2, 3}, ids(t, e, bson.D{}))
	consistent(t, e)
	require.NoError(t, e.Close())
	require.Zero(t, failures.Load())
}

// TestDiskFull_ForGood and TestDiskBroken: the engine stops, and nothing of the failed write is half there.
func TestDiskFull_ForGood(t *testing.T) { diskFails(t, syscall.ENOSPC, yunduo.ReasonStorageFull) }

func TestDiskBroken(t *testing.T) { diskFails(t, syscall.EIO, yunduo.ReasonInternal) }

func diskFails(t *testing.T, cause error, want yunduo.Reason) {
	e, f, fs, failures := openFaulty(t, cause)
	f.left.Store(1 << 40)
	docs := []bson.Raw{mustRaw(bson.D{{Key: "_id", Value: 2}, {Key: "a", Value: 1}}), mustRaw(bson.D{{Key: "_id", Value: 3}, {Key: "a", Value: 1}})}
	require.Equal(t, want, yunduo.ReasonOf(e.Insert(t.Context(), things, docs, driver.WriteOptions{})))
	for range 3 {
		require.Equal(t, want, yunduo.ReasonOf(write(t, e, 4)))
	}
	_, err := e.Count(t.Context(), things, nil, "")
	require.Equal(t, want, yunduo.ReasonOf(err), "what memory shows may not be on disk")
	require.EqualValues(t, 1, failures.Load())
	left := fs.CrashClone(vfs.CrashCloneCfg{})
	f.left.Store(0)
	require.Error(t, e.Close())

	e = openIn(t, "store", options(left))
	consistent(t, e)
	require.Equal(t, []int64{1}, ids(t, e, bson.D{}))
	require.NoError(t, write(t, e, 2))
	require.NoError(t, e.Close())
}
