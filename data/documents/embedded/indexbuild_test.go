package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	randv2 "math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/documentstest"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

// TestEngine_BuildInChunks runs the suite with every index built in the background, a few documents at a time.
func TestEngine_BuildInChunks(t *testing.T) {
	documentstest.Run(t, func(t *testing.T) driver.Engine {
		e := openIn(t, t.TempDir(), options(nil))
		e.BuildInChunks(37)
		t.Cleanup(func() { require.NoError(t, e.Close()) })
		return e
	})
}

// buildIndexes are of every kind.
var buildIndexes = []driver.Index{
	{Name: "n", Fields: []driver.IndexField{{Path: "n"}}},
	{Name: "tags", Fields: []driver.IndexField{{Path: "tags"}, {Path: "n", Descending: true}}},
	{Name: "name", Fields: []driver.IndexField{{Path: "name"}}, Unique: true},
	{Name: "sparse", Fields: []driver.IndexField{{Path: "extra"}}, Sparse: true},
	{Name: "partial", Fields: []driver.IndexField{{Path: "n"}}, Partial: mustRaw(bson.D{{Key: "extra", Value: bson.D{{Key: "$gt", Value: 5}}}})},
	{Name: "place", Fields: []driver.IndexField{{Path: "place", Kind: driver.KindPlaces}, {Path: "n"}}},
	{Name: "hashed", Fields: []driver.IndexField{{Path: "name", Kind: driver.KindHashed}}},
}

func buildDocument(r *rand.Rand, id int) bson.D {
	d := bson.D{{Key: "_id", Value: id}, {Key: "n", Value: r.Intn(50)}, {Key: "name", Value: fmt.Sprint("name ", id)}, {Key: "tags", Value: bson.A{r.Intn(5), r.Intn(5)}}}
	if r.Intn(2) == 0 {
		d = append(d, bson.E{Key: "extra", Value: r.Intn(10)})
	}
	if r.Intn(2) == 0 {
		d = append(d, bson.E{Key: "place", Value: bson.A{r.Float64() * 100, r.Float64() * 50}})
	}
	return d
}

func fill(t testing.TB, e *embedded.Engine, n int) {
	t.Helper()
	r := rand.New(rand.NewSource(1))
	var docs []bson.D
	for i := range n {
		docs = append(docs, buildDocument(r, i))
	}
	insert(t, e, docs...)
}

// disturb writes at random until the context ends: single writes and transactions, on old and new documents.
func disturb(ctx context.Context, e *embedded.Engine, seed int64, documents int) error {
	r := rand.New(rand.NewSource(seed))
	for ctx.Err() == nil {
		id := r.Intn(documents * 5 / 4)
		err := disturbOnce(ctx, e, r, id)
		switch yunduo.ReasonOf(err) {
		case "", yunduo.ReasonTransactionConflict, yunduo.ReasonShuttingDown:
		default:
			if ctx.Err() == nil {
				return err
			}
		}
	}
	return nil
}

func disturbOnce(ctx context.Context, e *embedded.Engine, r *rand.Rand, id int) error {
	filter := mustFilter(bson.D{{Key: "_id", Value: id}})
	replace := driver.Update{Filter: filter, Change: mustUpdate(buildDocument(r, id)), Upsert: true}
	switch r.Intn(4) {
	case 0:
		_, err := e.Delete(ctx, things, driver.Delete{Filter: filter}, driver.WriteOptions{})
		return err
	case 1:
		tx, err := e.Begin(ctx, things.App)
		if err != nil {
			return err
		}
		_, err = tx.Update(ctx, things, replace, driver.WriteOptions{})
		if err == nil {
			_, err = tx.Update(ctx, things, driver.Update{Filter: mustFilter(bson.D{{Key: "n", Value: r.Intn(50)}}), Change: mustUpdate(bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}})}, driver.WriteOptions{})
		}
		if err == nil {
			err = tx.Commit(ctx)
		}
		return errors.Join(err, tx.Abort(context.WithoutCancel(ctx)))
	}
	_, err := e.Update(ctx, things, replace, driver.WriteOptions{})
	return err
}

// TestBuild_WhileWriting builds indexes of every kind while others write, and compares them with the documents.
func TestBuild_WhileWriting(t *testing.T) {
	e := openIn(t, t.TempDir(), options(nil))
	e.BuildInChunks(23)
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	const documents = 1500
	fill(t, e, documents)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		wg.Go(func() { errs[i] = disturb(ctx, e, int64(i), documents) })
	}
	for _, index := range buildIndexes {
		require.NoError(t, e.CreateIndex(t.Context(), things, index))
		consistent(t, e)
	}
	for _, index := range buildIndexes[:3] { // and a drop in the middle of one
		require.NoError(t, e.DropIndex(t.Context(), things, index.Name))
		go func() { _ = e.CreateIndex(ctx, things, index) }() // refused at the end: it was dropped
		building(t, e, index.Name)
		_, err := e.Delete(t.Context(), things, driver.Delete{Filter: mustFilter(bson.D{{Key: "_id", Value: 3}})}, driver.WriteOptions{})
		require.NoError(t, err)
		require.NoError(t, e.DropIndex(t.Context(), things, index.Name))
	}
	cancel()
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	consistent(t, e)
	require.NoError(t, e.Close())
}

// TestBuild_GoesOn: who asked for an index may go away, and the server may stop; the build ends all the same.
func TestBuild_GoesOn(t *testing.T) {
	fs := vfs.NewMem()
	e := openIn(t, "store", options(fs))
	e.BuildInChunks(1)
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	fill(t, e, 3000)
	abandon(t, e, buildIndexes[2])
	consistent(t, e)
	require.NoError(t, e.Close())

	e = openIn(t, "store", options(fs))
	require.NoError(t, e.CreateIndex(t.Context(), things, buildIndexes[2]), "waits for the one that goes on")
	list, err := e.Indexes(t.Context(), things)
	require.NoError(t, err)
	require.Equal(t, []driver.Index{buildIndexes[2]}, list)
	consistent(t, e)
	require.NoError(t, e.Close())
}

// abandon begins an index and goes away as soon as the builder is about to begin. The builder waits for that.
func abandon(t *testing.T, e *embedded.Engine, index driver.Index) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	begun, gone := make(chan struct{}), make(chan struct{})
	var once sync.Once
	e.BeforeChunk(func() {
		once.Do(func() { close(begun) })
		<-gone
	})
	returned := make(chan error)
	go func() { returned <- e.CreateIndex(ctx, things, index) }()
	<-begun
	require.Equal(t, &driver.IndexBuild{Total: count(t, e)}, building(t, e, index.Name))
	cancel()
	require.ErrorIs(t, <-returned, context.Canceled)
	close(gone)
}

func count(t *testing.T, e *embedded.Engine) int64 {
	n, err := e.Count(t.Context(), things, nil, "")
	require.NoError(t, err)
	return n
}

// building waits until an index is in the list, and returns how far it is.
func building(t *testing.T, e *embedded.Engine, name string) *driver.IndexBuild {
	t.Helper()
	for t.Context().Err() == nil {
		list, err := e.Indexes(t.Context(), things)
		require.NoError(t, err)
		for _, index := range list {
			if index.Name == name {
				return index.Build
			}
		}
	}
	return nil
}

// TestBuild_Clash: of a unique index that cannot be, who waits gets the error and nothing stays; if nobody waits, the
// failure is on record until the index is made anew.
func TestBuild_Clash(t *testing.T) {
	fs := vfs.NewMem()
	e := openIn(t, "store", options(fs))
	e.BuildInChunks(10)
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	fill(t, e, 500)
	_, err := e.Update(t.Context(), things, driver.Update{Filter: mustFilter(bson.D{{Key: "_id", Value: 480}}), Change: mustUpdate(bson.D{{Key: "$set", Value: bson.D{{Key: "name", Value: "name 7"}}}})}, driver.WriteOptions{})
	require.NoError(t, err)
	unique := buildIndexes[2]
	require.Equal(t, yunduo.ReasonDuplicateKey, yunduo.ReasonOf(e.CreateIndex(t.Context(), things, unique)))
	list, err := e.Indexes(t.Context(), things)
	require.NoError(t, err)
	require.Empty(t, list)
	consistent(t, e)

	abandon(t, e, unique)
	build := building(t, e, unique.Name)
	for build.Failed == "" {
		build = building(t, e, unique.Name)
	}
	require.Contains(t, build.Failed, "same value")
	insert(t, e, bson.D{{Key: "_id", Value: 1000}, {Key: "name", Value: "name 7"}}) // a failed index demands nothing
	consistent(t, e)
	require.NoError(t, e.Close())
	e = openIn(t, "store", options(fs))
	require.NotEmpty(t, building(t, e, unique.Name).Failed)
	_, err = e.Delete(t.Context(), things, driver.Delete{Multi: true, Filter: mustFilter(bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: 480}}}})}, driver.WriteOptions{})
	require.NoError(t, err)
	require.NoError(t, e.CreateIndex(t.Context(), things, unique))
	require.Nil(t, building(t, e, unique.Name))
	consistent(t, e)
	require.NoError(t, e.Close())
}

// TestBuild_Crash cuts the power during builds: what is left is consistent, and the builds go on from there.
func TestBuild_Crash(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	for seed := range rounds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { crashBuild(t, int64(seed)) })
	}
}

func crashBuild(t *testing.T, seed int64) {
	r := rand.New(rand.NewSource(seed))
	fs := vfs.NewCrashableMem()
	e := openIn(t, "store", options(fs))
	e.BuildInChunks(1 + r.Intn(20))
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	const documents = 600
	fill(t, e, documents)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		wg.Go(func() { errs[i] = disturb(ctx, e, seed*10+int64(i), documents) })
	}
	indexes := []driver.Index{buildIndexes[r.Intn(len(buildIndexes))], buildIndexes[r.Intn(len(buildIndexes))]}
	for _, index := range indexes {
		wg.Go(func() { _ = e.CreateIndex(ctx, things, index) }) // cut short
	}
	for range r.Intn(30) {
		building(t, e, indexes[0].Name)
		require.NoError(t, disturbOnce(t.Context(), e, rand.New(rand.NewSource(1)), documents*2))
	}
	left := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.Intn(101), RNG: randv2.New(randv2.NewPCG(uint64(seed), 1))})
	cancel()
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	require.NoError(t, e.Close())

	e = openIn(t, "store", options(left))
	consistent(t, e)
	for _, index := range indexes {
		require.NoError(t, e.CreateIndex(t.Context(), things, index))
		require.Nil(t, building(t, e, index.Name))
	}
	consistent(t, e)
	require.NoError(t, e.Close())
}

// TestBuild_DiskFull: a build pauses while the disk is full, and goes on.
func TestBuild_DiskFull(t *testing.T) {
	e, f, _, failures := openFaulty(t, syscall.ENOSPC)
	e.BuildInChunks(10)
	_, err := e.Delete(t.Context(), things, driver.Delete{}, driver.WriteOptions{})
	require.NoError(t, err)
	fill(t, e, 300)
	f.left.Store(1)
	require.NoError(t, write(t, e, 1001)) // takes the reserve
	require.Equal(t, yunduo.ReasonStorageFull, yunduo.ReasonOf(e.CreateIndex(t.Context(), things, buildIndexes[0])))
	require.NoError(t, e.Sweep(t.Context()))
	abandon(t, e, buildIndexes[0])
	f.left.Store(1)
	paused := false
	for id := 1002; !paused; id++ { // whoever writes next takes the reserve: this write or the builder
		paused = yunduo.ReasonOf(write(t, e, id)) == yunduo.ReasonStorageFull
	}
	consistent(t, e)
	returned := make(chan error)
	go func() { returned <- e.CreateIndex(t.Context(), things, buildIndexes[0]) }()
	for done := false; !done; {
		require.NoError(t, e.Sweep(t.Context())) // there is room again
		select {
		case err := <-returned:
			require.NoError(t, err)
			done = true
		default:
		}
	}
	consistent(t, e)
	require.Zero(t, failures.Load())
	require.NoError(t, e.Close())
}

// TestBuild_DiskBroken: the engine stops in the middle of a build, who waits for it hears why, and the build goes on when the disk works again.
func TestBuild_DiskBroken(t *testing.T) {
	e, f, fs, failures := openFaulty(t, syscall.EIO)
	e.BuildInChunks(10)
	_, err := e.Delete(t.Context(), things, driver.Delete{}, driver.WriteOptions{})
	require.NoError(t, err)
	fill(t, e, 200)
	chunks := 0
	e.BeforeChunk(func() {
		if chunks++; chunks == 5 {
			f.left.Store(1 << 40)
		}
	})
	require.Equal(t, yunduo.ReasonInternal, yunduo.ReasonOf(e.CreateIndex(t.Context(), things, buildIndexes[1])))
	require.EqualValues(t, 1, failures.Load())
	left := fs.CrashClone(vfs.CrashCloneCfg{})
	f.left.Store(0)
	require.Error(t, e.Close())

	e = openIn(t, "store", options(left))
	require.NoError(t, e.CreateIndex(t.Context(), things, buildIndexes[1]))
	consistent(t, e)
	require.Nil(t, building(t, e, buildIndexes[1].Name))
	require.NoError(t, e.Close())
}

// TestIDs_NeverUsedAgain: what is made after a drop and a restart gets nothing of what was dropped.
func TestIDs_NeverUsedAgain(t *testing.T) {
	fs := vfs.NewCrashableMem()
	o := options(fs)
	o.TrashAge = -1
	e := openIn(t, "store", o)
	for round := range 5 {
		require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
		fill(t, e, 50)
		require.NoError(t, e.CreateIndex(t.Context(), things, buildIndexes[0]))
		if round%2 == 0 {
			require.NoError(t, e.DropCollection(t.Context(), things))
		} else {
			require.NoError(t, e.DropApp(t.Context(), things.App))
		}
		o.FS = fs.CrashClone(vfs.CrashCloneCfg{})
		require.NoError(t, e.Close())
		fs = o.FS.(*vfs.MemFS)
		e = openIn(t, "store", o)
		consistent(t, e)
		require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
		require.NoError(t, e.CreateIndex(t.Context(), things, buildIndexes[0]))
		require.Empty(t, ids(t, e, bson.D{{Key: "n", Value: bson.D{{Key: "$gte", Value: 0}}}}))
		require.NoError(t, e.DropApp(t.Context(), things.App))
	}
	u, err := e.Usage(t.Context(), things.App)
	require.NoError(t, err)
	require.Zero(t, u)
	require.NoError(t, e.Close())
}

// TestOlderVersion: a store that did not count index entries is counted, and what its builds left behind is removed.
func TestOlderVersion(t *testing.T) {
	fs := vfs.NewMem()
	e := openIn(t, "store", options(fs))
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	fill(t, e, 100)
	for _, index := range buildIndexes {
		require.NoError(t, e.CreateIndex(t.Context(), things, index))
	}
	before, err := e.Usage(t.Context(), things.App)
	require.NoError(t, err)
	require.NoError(t, e.AsOlderVersion(t.Context()))
	require.NoError(t, e.Close())

	e = openIn(t, "store", options(fs))
	consistent(t, e)
	after, err := e.Usage(t.Context(), things.App)
	require.NoError(t, err)
	require.Equal(t, before, after)
	left, err := e.LeftOver()
	require.NoError(t, err)
	require.False(t, left)
	insert(t, e, bson.D{{Key: "_id", Value: 1000}, {Key: "n", Value: 1}, {Key: "name", Value: "new"}})
	consistent(t, e)
	require.NoError(t, e.Close())
}
