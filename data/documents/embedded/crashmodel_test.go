package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand"
	randv2 "math/rand/v2"
	"slices"
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
	"yunduo/internal/soak"
)

// TestCrash_ExactState cuts the power between and during the operations of one writer. What is left must be exactly
// the state of a model: after the last operation that was acknowledged, or, during one, before or after it.
func TestCrash_ExactState(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	run := soak.Start(t, 0)
	for seed := run.Seed; seed < run.Seed+int64(rounds) || run.More(); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { crashExactly(t, seed) })
	}
}

func crashExactly(t *testing.T, seed int64) {
	r := rand.New(rand.NewSource(seed))
	fs := vfs.NewCrashableMem()
	e := openIn(t, "store", options(fs))
	m := crashModel{}
	clone := func() *vfs.MemFS {
		return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.Intn(101), RNG: randv2.New(randv2.NewPCG(uint64(seed), r.Uint64()))})
	}
	for range 120 {
		op := m.random(r)
		before, after := m.String(), m.clone()
		want := op.apply(after)
		if op.atomic && r.Intn(12) == 0 {
			done := make(chan error)
			go func() { done <- op.run(t.Context(), e) }()
			left := clone()
			require.Equal(t, want, yunduo.ReasonOf(<-done), op.name)
			require.Contains(t, []string{before, after.String()}, stateOf(t, left), "during %s", op.name)
		} else {
			err := op.run(t.Context(), e)
			require.Equal(t, want, yunduo.ReasonOf(err), "%s: %v", op.name, err)
		}
		m = after
		if r.Intn(12) == 0 {
			require.Equal(t, m.String(), stateOf(t, clone()), "after %s", op.name)
		}
	}
	require.NoError(t, e.Close())
	require.Equal(t, m.String(), stateOf(t, fs.CrashClone(vfs.CrashCloneCfg{})))
}

// TestFaults_ExactState makes writes of files fail during random operations. As long as the engine answers, it answers
// as the model; what is left when it has stopped is the state before or after the operation that failed.
func TestFaults_ExactState(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	run := soak.Start(t, 0)
	for seed := run.Seed; seed < run.Seed+int64(rounds) || run.More(); seed++ {
		for name, fault := range map[string]fileFault{
			"DiskFullForTables": {".sst", syscall.ENOSPC, 3}, "DiskFullForLog": {".log", syscall.ENOSPC, 1 << 40},
			"DiskFullForLogOnce": {".log", syscall.ENOSPC, 1}, "BrokenLog": {".log", syscall.EIO, 1 << 40},
		} {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) { failExactly(t, seed, fault) })
		}
	}
}

// fileFault makes writes of files with a suffix fail so many times.
type fileFault struct {
	suffix string
	err    error
	times  int64
}

func failExactly(t *testing.T, seed int64, fault fileFault) {
	r := rand.New(rand.NewSource(seed))
	fs := vfs.NewCrashableMem()
	left := &atomic.Int64{}
	o := options(errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		writes := op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if writes && strings.HasSuffix(op.Path, fault.suffix) && left.Add(-1) >= 0 {
			return fault.err
		}
		return nil
	})))
	o.MemtableBytes = 32 << 20 // the log is not rotated: one that fails just then ends the process
	if fault.suffix == ".sst" {
		o.MemtableBytes = 64 << 10 // tables are written soon
	}
	e := openIn(t, "store", o)
	if fault.suffix == ".log" {
		require.NoError(t, e.GrowMemtable())
	}
	m := crashModel{}
	var before string
	begin := 5 + r.Intn(60)
	for i := range 120 {
		if i == begin {
			left.Store(fault.times)
		}
		op := m.random(r)
		next := m.clone()
		want := op.apply(next)
		err := op.run(t.Context(), e)
		if reason := yunduo.ReasonOf(err); err != nil && reason != want {
			require.Contains(t, []yunduo.Reason{yunduo.ReasonStorageFull, yunduo.ReasonInternal}, reason, "%s: %v", op.name, err)
			require.GreaterOrEqual(t, i, begin, "%s: %v", op.name, err)
			before, m = m.String(), next
			if !op.atomic {
				return // it may be anywhere between
			}
			break
		}
		require.Equal(t, want, yunduo.ReasonOf(err), "%s: %v", op.name, err)
		m, before = next, next.String()
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	left.Store(0)
	_ = e.Close() // of a store that failed
	require.Contains(t, []string{before, m.String()}, stateOf(t, crashed))
}

// crashModel holds collections by name.
type crashModel map[string]*crashCollection

type crashCollection struct {
	docs    map[int]crashDocument
	indexes map[string]bool // "n", "unique"
}

type crashDocument struct{ u, n int }

func (m crashModel) clone() crashModel {
	next := crashModel{}
	for name, c := range m {
		next[name] = &crashCollection{maps.Clone(c.docs), maps.Clone(c.indexes)}
	}
	return next
}

func (m crashModel) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		c := m[name]
		fmt.Fprintf(&b, "%s %v\n", name, slices.Sorted(maps.Keys(c.indexes)))
		for _, id := range slices.Sorted(maps.Keys(c.docs)) {
			fmt.Fprintf(&b, " %d: u %d n %d\n", id, c.docs[id].u, c.docs[id].n)
		}
	}
	return b.String()
}

// stateOf opens a store and reads it in the form of a model's String.
func stateOf(t *testing.T, fs *vfs.MemFS) string {
	e := openIn(t, "store", options(fs))
	defer func() { require.NoError(t, e.Close()) }()
	problems, err := e.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, problems)
	list, err := e.Collections(t.Context(), crashApp)
	require.NoError(t, err)
	m := crashModel{}
	for _, info := range list {
		ns := driver.Namespace{App: crashApp, Collection: info.Name}
		c := &crashCollection{map[int]crashDocument{}, map[string]bool{}}
		indexes, err := e.Indexes(t.Context(), ns)
		require.NoError(t, err)
		for _, index := range indexes {
			if index.Build == nil {
				c.indexes[index.Name] = true
			}
		}
		cursor, err := e.Find(t.Context(), ns, driver.Find{})
		require.NoError(t, err)
		for cursor.Next(t.Context()) {
			doc := cursor.Current()
			c.docs[int(doc.Lookup("_id").AsInt64())] = crashDocument{int(doc.Lookup("u").AsInt64()), int(doc.Lookup("n").AsInt64())}
		}
		require.NoError(t, errors.Join(cursor.Err(), cursor.Close()))
		require.EqualValues(t, len(c.docs), info.Documents)
		m[info.Name] = c
	}
	return m.String()
}

// crashOperation is one operation on an engine and on a model.
type crashOperation struct {
	name   string
	atomic bool
	apply  func(m crashModel) yunduo.Reason // "" if it succeeds
	run    func(ctx context.Context, e *embedded.Engine) error
}

// random makes an operation on one of two collections.
func (m crashModel) random(r *rand.Rand) crashOperation {
	name := []string{"a", "b"}[r.Intn(2)]
	ns := driver.Namespace{App: crashApp, Collection: name}
	if m[name] == nil {
		return crashOperation{"create " + name, true, func(m crashModel) yunduo.Reason {
			m[name] = &crashCollection{map[int]crashDocument{}, map[string]bool{}}
			return ""
		}, func(ctx context.Context, e *embedded.Engine) error {
			return e.CreateCollection(ctx, ns, driver.CollectionOptions{})
		}}
	}
	switch r.Intn(16) {
	case 0:
		return crashOperation{"drop " + name, true, func(m crashModel) yunduo.Reason { delete(m, name); return "" },
			func(ctx context.Context, e *embedded.Engine) error { return e.DropCollection(ctx, ns) }}
	case 1, 2, 3:
		return indexOperation(r, m[name], ns)
	case 4, 5, 6:
		return transactionOperation(r, ns)
	}
	write := randomWrite(r)
	return crashOperation{write.name + " in " + name, write.atomic, func(m crashModel) yunduo.Reason { return write.apply(m[name]) },
		func(ctx context.Context, e *embedded.Engine) error { return write.run(ctx, e, ns) }}
}

func indexOperation(r *rand.Rand, c *crashCollection, ns driver.Namespace) crashOperation {
	index := driver.Index{Name: "n", Fields: []driver.IndexField{{Path: "n", Descending: r.Intn(2) == 0}}}
	if r.Intn(2) == 0 {
		index = driver.Index{Name: "unique", Fields: []driver.IndexField{{Path: "u"}}, Unique: true}
	}
	if c.indexes[index.Name] {
		return crashOperation{"drop index " + index.Name, true, func(m crashModel) yunduo.Reason {
			delete(m[ns.Collection].indexes, index.Name)
			return ""
		}, func(ctx context.Context, e *embedded.Engine) error { return e.DropIndex(ctx, ns, index.Name) }}
	}
	return crashOperation{"create index " + index.Name, true, func(m crashModel) yunduo.Reason {
		c := m[ns.Collection]
		if c.indexes[index.Name] = true; index.Unique && c.clashes() {
			delete(c.indexes, index.Name)
			return yunduo.ReasonDuplicateKey
		}
		return ""
	}, func(ctx context.Context, e *embedded.Engine) error {
		err := e.CreateIndex(ctx, ns, index)
		if err != nil { // a build that failed stays in the list until it is dropped
			return errors.Join(err, dropFailed(ctx, e, ns, index.Name))
		}
		return nil
	}}
}

func dropFailed(ctx context.Context, e *embedded.Engine, ns driver.Namespace, name string) error {
	if err := e.DropIndex(ctx, ns, name); yunduo.ReasonOf(err) != yunduo.ReasonIndexNotFound {
		return err
	}
	return nil
}

// clashes reports whether two documents have the same u under a unique index.
func (c *crashCollection) clashes() bool {
	seen := map[int]bool{}
	for _, doc := range c.docs {
		if seen[doc.u] && c.indexes["unique"] {
			return true
		}
		seen[doc.u] = true
	}
	return false
}

// crashWrite is a write on one collection.
type crashWrite struct {
	name   string
	atomic bool
	apply  func(c *crashCollection) yunduo.Reason
	run    func(ctx context.Context, o driver.Operations, ns driver.Namespace) error
}

// attempt changes the collection unless that clashes.
func (c *crashCollection) attempt(change func(docs map[int]crashDocument)) yunduo.Reason {
	docs := maps.Clone(c.docs)
	if change(c.docs); c.clashes() {
		c.docs = docs
		return yunduo.ReasonDuplicateKey
	}
	return ""
}

func randomWrite(r *rand.Rand) crashWrite {
	id, doc, pad := r.Intn(25), crashDocument{r.Intn(60), r.Intn(4)}, strings.Repeat("x", r.Intn(3000))
	raw := func(id int, doc crashDocument) bson.Raw {
		return mustRaw(bson.D{{Key: "_id", Value: id}, {Key: "u", Value: doc.u}, {Key: "n", Value: doc.n}, {Key: "pad", Value: pad}})
	}
	switch r.Intn(6) {
	case 0, 1, 2:
		second, other := id+25, crashDocument{r.Intn(60), r.Intn(4)}
		return crashWrite{fmt.Sprintf("insert %d %d", id, second), true, func(c *crashCollection) yunduo.Reason {
			_, one := c.docs[id]
			_, two := c.docs[second]
			if one || two {
				return yunduo.ReasonDuplicateKey
			}
			return c.attempt(func(docs map[int]crashDocument) { docs[id], docs[second] = doc, other })
		}, func(ctx context.Context, o driver.Operations, ns driver.Namespace) error {
			return o.Insert(ctx, ns, []bson.Raw{raw(id, doc), raw(second, other)}, driver.WriteOptions{})
		}}
	case 3:
		return crashWrite{fmt.Sprintf("update %d", id), true, func(c *crashCollection) yunduo.Reason {
			if _, ok := c.docs[id]; !ok {
				return ""
			}
			return c.attempt(func(docs map[int]crashDocument) { docs[id] = doc })
		}, func(ctx context.Context, o driver.Operations, ns driver.Namespace) error {
			_, err := o.Update(ctx, ns, driver.Update{Filter: mustFilter(bson.D{{Key: "_id", Value: id}}), Change: mustUpdate(bson.D{{Key: "$set", Value: bson.D{{Key: "u", Value: doc.u}, {Key: "n", Value: doc.n}}}})}, driver.WriteOptions{})
			return err
		}}
	case 4:
		return crashWrite{fmt.Sprintf("move all of n %d", doc.n), false, func(c *crashCollection) yunduo.Reason {
			for id, d := range c.docs {
				if d.n == doc.n {
					c.docs[id] = crashDocument{d.u, d.n + 4}
				}
			}
			return ""
		}, func(ctx context.Context, o driver.Operations, ns driver.Namespace) error {
			_, err := o.Update(ctx, ns, driver.Update{Multi: true, Filter: mustFilter(bson.D{{Key: "n", Value: doc.n}}), Change: mustUpdate(bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 4}}}})}, driver.WriteOptions{})
			return err
		}}
	}
	return crashWrite{fmt.Sprintf("delete n %d", doc.n), false, func(c *crashCollection) yunduo.Reason {
		maps.DeleteFunc(c.docs, func(_ int, d crashDocument) bool { return d.n == doc.n })
		return ""
	}, func(ctx context.Context, o driver.Operations, ns driver.Namespace) error {
		_, err := o.Delete(ctx, ns, driver.Delete{Multi: true, Filter: mustFilter(bson.D{{Key: "n", Value: doc.n}})}, driver.WriteOptions{})
		return err
	}}
}

// transactionOperation is a transaction of a few writes; one that clashes is aborted, as some are that do not.
func transactionOperation(r *rand.Rand, ns driver.Namespace) crashOperation {
	writes := make([]crashWrite, 1+r.Intn(4))
	name := "transaction of"
	for i := range writes {
		writes[i] = randomWrite(r)
		name += " " + writes[i].name
	}
	commit := r.Intn(4) > 0
	return crashOperation{name, true, func(m crashModel) yunduo.Reason {
		before := m.clone()[ns.Collection]
		for _, w := range writes {
			if reason := w.apply(m[ns.Collection]); reason != "" {
				m[ns.Collection] = before
				return reason
			}
		}
		if !commit {
			m[ns.Collection] = before
		}
		return ""
	}, func(ctx context.Context, e *embedded.Engine) error {
		tx, err := e.Begin(ctx, crashApp)
		if err != nil {
			return err
		}
		for _, w := range writes {
			if err := w.run(ctx, tx, ns); err != nil {
				return errors.Join(err, tx.Abort(ctx))
			}
		}
		if !commit {
			return tx.Abort(ctx)
		}
		return tx.Commit(ctx)
	}}
}
