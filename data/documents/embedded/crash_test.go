package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	randv2 "math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
	"yunduo/internal/soak"
)

const crashApp yunduo.AppID = "crash"

// TestCrash cuts the power at random moments of a random workload and looks at what is left.
func TestCrash(t *testing.T) {
	rounds := 30
	if testing.Short() {
		rounds = 5
	}
	run := soak.Start(t, 0)
	for seed := run.Seed; seed < run.Seed+int64(rounds) || run.More(); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { crashOnce(t, seed) })
	}
}

func crashOnce(t *testing.T, seed int64) {
	r := rand.New(rand.NewSource(seed))
	fs := vfs.NewCrashableMem()
	e := openIn(t, "store", options(fs))
	w, err := newWorkload(t.Context(), e)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = w.run(ctx, rand.New(rand.NewSource(seed*100+int64(i))), i) })
	}
	w.after(20 + r.Intn(300))
	before := w.acknowledged()
	left := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.Intn(101), RNG: randv2.New(randv2.NewPCG(uint64(seed), 1))})
	cancel()
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	require.NoError(t, e.Close())

	e = openIn(t, "store", options(left))
	before.verify(t, e)
	// It goes on working.
	w, err = newWorkload(t.Context(), e)
	require.NoError(t, err)
	require.NoError(t, w.step(t.Context(), r, 0))
	require.Equal(t, 1, w.steps)
	require.NoError(t, e.Close())
}

// workload writes counters: worker w owns the documents "w-0" to "w-9" and counts in them, so that what was
// acknowledged last is a lower bound of what must be there.
type workload struct {
	e  *embedded.Engine
	ns driver.Namespace

	mu      sync.Mutex
	state   state
	steps   int
	reached chan struct{}
	want    int
}

// state is what was acknowledged: the least value of each counter. A counter may be higher, by writes whose answer
// never came.
type state map[string]int64

// newWorkload goes on with what is in the store.
func newWorkload(ctx context.Context, e *embedded.Engine) (*workload, error) {
	w := &workload{e: e, ns: driver.Namespace{App: crashApp, Collection: "counters"}, state: state{}, reached: make(chan struct{})}
	err := e.CreateCollection(ctx, w.ns, driver.CollectionOptions{})
	if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonCollectionExists {
		return nil, err
	}
	for _, index := range []driver.Index{
		{Name: "n", Fields: []driver.IndexField{{Path: "n"}}},
		{Name: "tags", Fields: []driver.IndexField{{Path: "tags"}, {Path: "n", Descending: true}}},
		{Name: "unique", Fields: []driver.IndexField{{Path: "name"}}, Unique: true},
		{Name: "partial", Fields: []driver.IndexField{{Path: "n"}}, Partial: mustRaw(bson.D{{Key: "n", Value: bson.D{{Key: "$gt", Value: 4}}}})},
		{Name: "place", Fields: []driver.IndexField{{Path: "place", Kind: driver.KindPlaces}, {Path: "n"}}},
		{Name: "hashed", Fields: []driver.IndexField{{Path: "name", Kind: driver.KindHashed}}},
	} {
		if err := e.CreateIndex(ctx, w.ns, index); err != nil {
			return nil, err
		}
	}
	c, err := e.Find(ctx, w.ns, driver.Find{})
	if err != nil {
		return nil, err
	}
	for c.Next(ctx) {
		w.state[c.Current().Lookup("_id").StringValue()] = c.Current().Lookup("n").AsInt64()
	}
	return w, errors.Join(c.Err(), c.Close())
}

// run writes until the context or the store ends, and returns any other error.
func (w *workload) run(ctx context.Context, r *rand.Rand, worker int) error {
	for {
		if err := w.step(ctx, r, worker); ctx.Err() != nil {
			return nil
		} else if err != nil {
			w.stop()
			return err
		}
	}
}

// after waits until so many steps were acknowledged.
func (w *workload) after(steps int) {
	w.mu.Lock()
	w.want = steps
	w.mu.Unlock()
	<-w.reached
}

func (w *workload) acknowledged() state {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := state{}
	for k, v := range w.state {
		known[k] = v
	}
	return known
}

func (w *workload) note(values state) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, v := range values {
		w.state[k] = max(w.state[k], v)
	}
	w.steps++
	if w.want > 0 && w.steps >= w.want {
		w.want = 0
		close(w.reached)
	}
}

// stop ends the waiting of after.
func (w *workload) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.want > 0 {
		w.want = 0
		close(w.reached)
	}
}

// step writes one or two counters, plainly or in a transaction.
func (w *workload) step(ctx context.Context, r *rand.Rand, worker int) error {
	ids := []string{fmt.Sprintf("%d-%d", worker, r.Intn(10)), fmt.Sprintf("%d-%d", worker, r.Intn(10))}
	next := state{}
	known := w.acknowledged()
	if r.Intn(3) > 0 {
		next[ids[0]] = known[ids[0]] + 1
		if err := w.put(ctx, w.e, ids[0], next[ids[0]]); err != nil {
			return err
		}
		w.note(next)
		return nil
	}
	tx, err := w.e.Begin(ctx, crashApp)
	if err != nil {
		return err
	}
	for _, id := range ids {
		next[id] = max(known[id], next[id]) + 1
		if err := w.put(ctx, tx, id, next[id]); err != nil {
			return errors.Join(err, tx.Abort(ctx))
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	w.note(next)
	return nil
}

func (w *workload) put(ctx context.Context, o driver.Operations, id string, n int64) error {
	_, err := o.Update(ctx, w.ns, driver.Update{
		Filter: mustFilter(bson.D{{Key: "_id", Value: id}}), Upsert: true, NewID: bson.RawValue{},
		Change: mustUpdate(bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: n}, {Key: "name", Value: "name of " + id},
			{Key: "place", Value: bson.A{n % 90, n % 45}}, {Key: "tags", Value: bson.A{n % 3, n % 7, "x"}}, {Key: "fill", Value: string(make([]byte, n%900))}}}}),
	}, driver.WriteOptions{})
	return err
}

// verify requires that the acknowledged values are there and that the store is consistent.
func (s state) verify(t testing.TB, e *embedded.Engine) {
	t.Helper()
	problems, err := e.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, problems)
	ns := driver.Namespace{App: crashApp, Collection: "counters"}
	for id, least := range s {
		c, err := e.Find(t.Context(), ns, driver.Find{Filter: mustFilter(bson.D{{Key: "_id", Value: id}})})
		require.NoError(t, err)
		require.True(t, c.Next(t.Context()), "%s is gone; %d was acknowledged", id, least)
		require.GreaterOrEqual(t, c.Current().Lookup("n").AsInt64(), least, id)
		require.NoError(t, c.Close())
	}
}
