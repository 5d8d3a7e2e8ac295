package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

// looker looks at the store again and again. Its disk is slow: what is written to the log stays visible and not yet
// acknowledged until there was a look at it, unless looks wait for it themselves.
type looker struct {
	looking atomic.Bool
	looks   atomic.Int64
}

func (l *looker) disk() vfs.FS {
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.HasSuffix(op.Path, ".log") && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo) {
			// The second look that ends from now on began from now on.
			until := l.looks.Load() + 2
			for n := 0; n < 5000 && l.looking.Load() && l.looks.Load() < until; n++ {
				runtime.Gosched()
			}
		}
		return nil
	}))
}

// during looks while change runs and requires that every look succeeds.
func (l *looker) during(t *testing.T, look func(context.Context) error, change func()) {
	t.Helper()
	var failure error
	var wg sync.WaitGroup
	l.looking.Store(true)
	ctx := context.WithoutCancel(t.Context())
	wg.Go(func() {
		for failure == nil && l.looking.Load() {
			failure = look(ctx)
			l.looks.Add(1)
		}
		l.looking.Store(false)
	})
	change()
	l.looking.Store(false)
	wg.Wait()
	require.NoError(t, failure)
}

// TestCheck_WhileTheCatalogChanges: a change of the catalog in progress is not a difference, and nothing is missed.
func TestCheck_WhileTheCatalogChanges(t *testing.T) {
	for _, trash := range []time.Duration{time.Hour, -1} {
		for name, change := range map[string]func(*testing.T, *embedded.Engine){
			"index built":            buildIndex,
			"index given up":         clashInIndex,
			"index dropped":          dropBuilding,
			"collection dropped":     dropWhileBuilding,
			"dropped for good":       purgeWhileBuilding,
			"app dropped":            dropAppWhileBuilding,
			"everything exchanged":   exchange,
			"collection renamed":     rename,
			"collection came back":   bringBack,
			"small index built once": buildAtOnce,
		} {
			t.Run(fmt.Sprintf("%s/%s", name, trash), func(t *testing.T) {
				for range 5 {
					l := &looker{}
					o := options(l.disk())
					o.TrashAge = trash
					e := openIn(t, "store", o)
					require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
					fill(t, e, 30)
					l.during(t, func(ctx context.Context) error {
						problems, err := e.Check(ctx)
						if len(problems) > 0 {
							err = errors.Join(err, errors.New(strings.Join(problems, "; ")))
						}
						return err
					}, func() { change(t, e) })
					consistent(t, e)
					require.NoError(t, e.Close())
				}
			})
		}
	}
}

var byN = driver.Index{Name: "n", Fields: []driver.IndexField{{Path: "n"}}}

func buildAtOnce(t *testing.T, e *embedded.Engine) {
	require.NoError(t, e.CreateIndex(t.Context(), things, byN))
}

func buildIndex(t *testing.T, e *embedded.Engine) {
	e.BuildInChunks(10)
	require.NoError(t, e.CreateIndex(t.Context(), things, byN))
}

func clashInIndex(t *testing.T, e *embedded.Engine) {
	e.BuildInChunks(10)
	insert(t, e, bson.D{{Key: "_id", Value: -1}, {Key: "same", Value: 1}}, bson.D{{Key: "_id", Value: 1 << 20}, {Key: "same", Value: 1}})
	clash := driver.Index{Name: "clash", Fields: []driver.IndexField{{Path: "same"}}, Unique: true}
	requireReason(t, yunduo.ReasonDuplicateKey, e.CreateIndex(t.Context(), things, clash))
}

// whileBuilding calls change while an index is half built.
func whileBuilding(t *testing.T, e *embedded.Engine, change func()) {
	e.BuildInChunks(10)
	begun, goOn := make(chan struct{}), make(chan struct{})
	var chunks atomic.Int32
	e.BeforeChunk(func() {
		if chunks.Add(1) == 2 {
			close(begun)
			<-goOn
		}
	})
	built := make(chan error)
	go func() { built <- e.CreateIndex(t.Context(), things, byN) }()
	<-begun
	change()
	close(goOn)
	requireReason(t, yunduo.ReasonIndexNotFound, <-built)
}

func dropBuilding(t *testing.T, e *embedded.Engine) {
	whileBuilding(t, e, func() { require.NoError(t, e.DropIndex(t.Context(), things, byN.Name)) })
}

func dropWhileBuilding(t *testing.T, e *embedded.Engine) {
	whileBuilding(t, e, func() { require.NoError(t, e.DropCollection(t.Context(), things)) })
}

func dropAppWhileBuilding(t *testing.T, e *embedded.Engine) {
	whileBuilding(t, e, func() { require.NoError(t, e.DropApp(t.Context(), things.App)) })
}

func purgeWhileBuilding(t *testing.T, e *embedded.Engine) {
	dropWhileBuilding(t, e)
	list, err := e.Dropped(t.Context(), things.App)
	require.NoError(t, err)
	for _, d := range list {
		require.NoError(t, e.Purge(t.Context(), things.App, d.ID))
	}
}

func bringBack(t *testing.T, e *embedded.Engine) {
	require.NoError(t, e.CreateIndex(t.Context(), things, byN))
	require.NoError(t, e.DropCollection(t.Context(), things))
	list, err := e.Dropped(t.Context(), things.App)
	require.NoError(t, err)
	for _, d := range list {
		require.NoError(t, e.Undrop(t.Context(), things.App, d.ID, "back"))
	}
}

func rename(t *testing.T, e *embedded.Engine) {
	require.NoError(t, e.CreateIndex(t.Context(), things, byN))
	require.NoError(t, e.RenameCollection(t.Context(), things, "other"))
}

func exchange(t *testing.T, e *embedded.Engine) {
	r, err := e.Replace(t.Context(), things.App)
	require.NoError(t, err)
	require.NoError(t, r.Create(t.Context(), driver.CollectionInfo{Name: "new"}, []driver.Index{byN}))
	require.NoError(t, r.Insert(t.Context(), "new", []bson.Raw{mustRaw(bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 1}})}))
	require.NoError(t, r.Commit(t.Context()))
}

// TestCopyPast_WhileACollectionIsDropped: at every moment of the drop the collection is found, in its place or in the
// trash.
func TestCopyPast_WhileACollectionIsDropped(t *testing.T) {
	l := &looker{}
	clock := &clock{}
	o := options(l.disk())
	o.Now = clock.now
	e := openIn(t, "store", o)
	for i := range 5 {
		clock.ms.Add(1000)
		require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
		insert(t, e, bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: i}})
		at := clock.now()
		clock.ms.Add(1000)
		l.during(t, func(ctx context.Context) error {
			found := sink{content{}}
			err := e.CopyPast(ctx, things.App, at, found)
			if n, there := found.content[things.Collection][1]; err == nil && (!there || n != int64(i)) {
				err = fmt.Errorf("found %v", found.content)
			}
			return err
		}, func() { require.NoError(t, e.DropCollection(t.Context(), things)) })
	}
	require.NoError(t, e.Close())
}

// TestUndrop_WhileTheBuilderPauses: a builder that did not see the drop does not go on beside the one that follows.
func TestUndrop_WhileTheBuilderPauses(t *testing.T) {
	e := openIn(t, "store", options(vfs.NewMem()))
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	fill(t, e, 200)
	again := make(chan error)
	whileBuilding(t, e, func() {
		require.NoError(t, e.DropCollection(t.Context(), things))
		list, err := e.Dropped(t.Context(), things.App)
		require.NoError(t, err)
		require.NoError(t, e.Undrop(t.Context(), things.App, list[0].ID, things.Collection))
		go func() { again <- e.CreateIndex(t.Context(), things, byN) }()
	})
	require.NoError(t, <-again)
	consistent(t, e)
	require.Nil(t, building(t, e, byN.Name))
	require.NoError(t, e.Close())
}

// TestPast_WhileTheLogIsCut: what is asked about a moment that is being cut off is answered rightly or not at all.
func TestPast_WhileTheLogIsCut(t *testing.T) {
	clock := &clock{}
	look := func() {}
	o := options(vfs.NewMem())
	o.LogAge = time.Hour
	o.Now = func() time.Time { // also asked in the middle of the cut
		what := look
		look = func() {}
		what()
		look = what
		return clock.now()
	}
	e := openIn(t, "store", o)
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	var at []time.Time
	for i := range 4 {
		clock.ms.Add(time.Minute.Milliseconds())
		_, err := e.Update(t.Context(), things, driver.Update{
			Filter: mustFilter(bson.D{{Key: "_id", Value: 1}}), Upsert: true, Change: mustUpdate(bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: i}}}}),
		}, driver.WriteOptions{})
		require.NoError(t, err)
		at = append(at, clock.now())
	}
	clock.ms.Store(at[2].Add(time.Hour + time.Second).UnixMilli())
	before, err := e.PositionAt(t.Context(), things.App, at[1])
	require.NoError(t, err)
	answers, refusals := 0, 0
	look = func() {
		past := sink{content{}}
		if err := e.CopyPast(t.Context(), things.App, at[1], past); err != nil {
			requireReason(t, yunduo.ReasonPositionLost, err)
			refusals++
		} else {
			require.Equal(t, content{things.Collection: {1: 1}}, past.content)
			answers++
		}
		if position, err := e.PositionAt(t.Context(), things.App, at[1]); err != nil {
			requireReason(t, yunduo.ReasonPositionLost, err)
		} else {
			require.Equal(t, before, position)
		}
	}
	require.NoError(t, e.Sweep(t.Context()))
	require.Positive(t, answers, "before the cut")
	refusals = 0
	look()
	require.Equal(t, 1, refusals, "after the cut")
	look = func() {}
	require.NoError(t, e.Close())
}
