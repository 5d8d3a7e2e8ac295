package embedded

import (
	"context"
	"errors"
	"sync"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/pipeline"
)

// maxTransactionBytes bounds what a transaction writes unless the options say otherwise.
const maxTransactionBytes = 16 << 20

// transaction reads a snapshot with its own writes on top. A write puts an intent on its document, which keeps every
// other writer away until the end. Nothing of it is on disk before commit.
type transaction struct {
	e    *Engine
	app  yunduo.AppID
	done chan struct{} // closed at the end, after the intents are gone
	// number is smaller for transactions that began earlier.
	number uint64

	mu       sync.Mutex // Close of the engine may end it while it is in use
	ended    bool
	doomed   bool   // a write met another's
	sequence uint64 // of the last commit that the snapshot shows
	log      *changeLog
	logged   driver.Position // of the last change-log entry that the snapshot shows
	snapshot *snapshot
	catalog  *catalog
	overlay  *overlay
	writes   map[string]*mutation // by document key; before is the snapshot's document
	order    []string             // document keys in the order of their first writes
	keys     []string             // unique keys that it has taken
	bytes    int
}

var _ driver.Transaction = (*transaction)(nil)

// Begin starts a transaction.
func (e *Engine) Begin(ctx context.Context, name yunduo.AppID) (driver.Transaction, error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	t := &transaction{e: e, app: name, done: make(chan struct{}), number: e.begun.Add(1), writes: map[string]*mutation{}}
	for t.catalog != e.catalog.Load() {
		if t.snapshot != nil {
			_ = t.snapshot.release() // the catalog changed in between
		}
		t.catalog = e.catalog.Load()
		e.commitSection.Lock()
		t.sequence, t.snapshot = e.sequence, e.newSnapshot()
		e.transactions.begin(t, t.sequence)
		if a := t.catalog.apps[name]; a != nil {
			t.log, t.logged = a.log, driver.Position{Epoch: a.log.epoch, Offset: a.log.next - 1}
		}
		e.commitSection.Unlock()
	}
	t.overlay = newOverlay(t.snapshot)
	e.track(t)
	return t, nil
}

// enter begins an operation of the transaction; the caller must leave.
func (t *transaction) enter(ctx context.Context, ns driver.Namespace) error {
	if ns.App != t.app {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "the transaction belongs to another app")
	}
	if err := t.e.enter(ctx); err != nil {
		return err
	}
	t.mu.Lock()
	if t.ended {
		t.leave()
		return yunduo.Errorf(yunduo.ReasonTransactionNotFound, "the transaction has ended")
	}
	return nil
}

func (t *transaction) leave() {
	t.mu.Unlock()
	t.e.gate.leave()
}

// reader returns the transaction's state; what it writes from now on is not seen.
func (t *transaction) reader() *reader {
	retain := func() func() error {
		t.snapshot.references.Add(1)
		return t.snapshot.release
	}
	return &reader{e: t.e, view: t.overlay.freeze(), catalog: t.catalog, retain: retain}
}

// adopt makes a collection known that was made after the transaction began. It is empty in the snapshot.
func (t *transaction) adopt(ns driver.Namespace) {
	if _, err := t.catalog.collection(ns); err == nil {
		return
	}
	if coll, err := t.e.catalog.Load().collection(ns); err == nil {
		if t.catalog.apps[ns.App] == nil {
			t.catalog = t.catalog.withApp(&app{id: coll.app, name: ns.App, log: coll.log})
		}
		t.catalog = t.catalog.withCollection(ns.App, coll)
	}
}

// Find streams the documents that match.
func (t *transaction) Find(ctx context.Context, ns driver.Namespace, find driver.Find) (driver.Cursor, error) {
	if err := t.enter(ctx, ns); err != nil {
		return nil, err
	}
	defer t.leave()
	t.adopt(ns)
	c, err := t.reader().find(ctx, ns, find)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Count counts the documents that match.
func (t *transaction) Count(ctx context.Context, ns driver.Namespace, filter *query.Filter, hint string) (int64, error) {
	if err := t.enter(ctx, ns); err != nil {
		return 0, err
	}
	defer t.leave()
	t.adopt(ns)
	if !matchesAll(filter) || hint != "" {
		return t.reader().count(ctx, ns, filter, hint)
	}
	coll, err := t.catalog.collection(ns)
	if err != nil {
		return 0, err
	}
	n, _, err := readCounters(t.snapshot.Get, coll)
	for _, m := range t.writes {
		if m.collection == coll {
			documents, _ := m.counts()
			n += documents
		}
	}
	return n, storageError(err)
}

// Aggregate runs a pipeline and streams its rows.
func (t *transaction) Aggregate(ctx context.Context, ns driver.Namespace, p *pipeline.Pipeline, hint string) (driver.Cursor, error) {
	if err := t.enter(ctx, ns); err != nil {
		return nil, err
	}
	defer t.leave()
	t.adopt(ns)
	return t.reader().aggregate(ctx, ns, p, hint)
}

// Abort drops the writes.
func (t *transaction) Abort(context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.end()
}

func (t *transaction) shutdown() {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Nobody is left to tell; the store is closing.
	_ = t.end()
}

// end gives up the intents and the snapshot.
func (t *transaction) end() error {
	if t.ended {
		return nil
	}
	t.ended = true
	defer t.e.untrack(t) // behind its end, which the engine waits for when it closes
	for _, k := range t.order {
		s := &t.e.stripes[t.e.stripeOf([]byte(k))]
		s.mu.Lock()
		delete(s.intents, k)
		s.mu.Unlock()
	}
	t.e.commitSection.Lock()
	t.e.transactions.end(t)
	t.e.commitSection.Unlock()
	close(t.done)
	return storageError(t.snapshot.release())
}

// Commit makes the writes durable and visible.
func (t *transaction) Commit(ctx context.Context) error {
	if err := t.enter(ctx, driver.Namespace{App: t.app}); err != nil {
		return err
	}
	defer t.leave()
	var p *pending
	err := errConflict()
	if !t.doomed {
		p, err = t.apply()
	}
	var busy *busyError
	if yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey || errors.As(err, &busy) {
		// Its own writes were checked against its snapshot: somebody else took the key since.
		err = errConflict()
	}
	// The intents are given up before waiting for the disk, as locks are.
	if err := errors.Join(err, t.end()); err != nil || p == nil {
		return err
	}
	return p.wait()
}
