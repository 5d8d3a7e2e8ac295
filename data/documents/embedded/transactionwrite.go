package embedded

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// intentBytes is what an entry of the transaction's tables counts beside its content.
const intentBytes = 200

// conflictWait is how long the older of two transactions waits for the younger one to give way.
const conflictWait = time.Second

// Insert stores documents, all or nothing.
func (t *transaction) Insert(ctx context.Context, ns driver.Namespace, documents []bson.Raw, o driver.WriteOptions) error {
	if err := t.enter(ctx, ns); err != nil {
		return err
	}
	defer t.leave()
	t.adopt(ns)
	coll, err := t.catalog.collection(ns)
	if err != nil || len(documents) == 0 {
		return err
	}
	ids, err := encodeIDs(ns, documents)
	if err != nil {
		return err
	}
	mutations := make([]mutation, len(documents))
	for i, doc := range documents {
		exists, err := hasDocument(t.overlay.Get, coll, ids[i])
		if err != nil {
			return storageError(err)
		}
		if exists {
			return duplicateID(ns.Collection)
		}
		if mutations[i], err = newMutation(coll, ids[i], nil, slices.Clone(doc), o); err != nil {
			return err
		}
	}
	if err := checkUnique(t.overlay.Get, mutations); err != nil {
		return storageError(err)
	}
	for i := range mutations {
		if err := t.claim(ctx, mutations[i]); err != nil {
			return err
		}
	}
	for _, m := range mutations {
		t.put(m)
	}
	return nil
}

// Update changes the documents that match.
func (t *transaction) Update(ctx context.Context, ns driver.Namespace, u driver.Update, o driver.WriteOptions) (driver.UpdateResult, error) {
	if err := t.enter(ctx, ns); err != nil {
		return driver.UpdateResult{}, err
	}
	defer t.leave()
	t.adopt(ns)
	return t.e.update(ctx, transactionWriter{t}, ns, u, o)
}

// Delete removes the first or all documents that match.
func (t *transaction) Delete(ctx context.Context, ns driver.Namespace, d driver.Delete, o driver.WriteOptions) (driver.DeleteResult, error) {
	if err := t.enter(ctx, ns); err != nil {
		return driver.DeleteResult{}, err
	}
	defer t.leave()
	t.adopt(ns)
	return t.e.remove(ctx, transactionWriter{t}, ns, d, o)
}

// transactionWriter is the writer of a transaction whose lock is held.
type transactionWriter struct{ t *transaction }

var _ writer = transactionWriter{}

func (w transactionWriter) collection(ns driver.Namespace) (*collection, error) {
	return w.t.catalog.collection(ns)
}

func (w transactionWriter) reader() (*reader, func() error) {
	r := w.t.reader()
	return r, func() error { return nil }
}

func (w transactionWriter) wait() error { return nil }

func (w transactionWriter) mutate(ctx context.Context, ns driver.Namespace, id []byte, o driver.WriteOptions, change changeFunc) error {
	t := w.t
	coll, err := t.catalog.collection(ns)
	if err != nil {
		return err
	}
	current, _, err := getRecord(t.overlay.Get, coll, id)
	if err != nil {
		return storageError(err)
	}
	after, write, err := change(current.document)
	if err != nil || !write {
		return err
	}
	m, err := newMutation(coll, id, current.document, after, o)
	if err != nil {
		return err
	}
	if err := checkUnique(t.overlay.Get, []mutation{m}); err != nil {
		return storageError(err)
	}
	if err := t.claim(ctx, m); err != nil {
		return err
	}
	t.put(m)
	return nil
}

// claim puts the transaction's intents on a document and on the unique keys that it takes. It returns transaction_conflict if another transaction has
// written it or somebody else changed it after the snapshot, and transaction_too_large.
//
// Of two transactions that write each other's documents one must get through: the one that began first waits a moment
// for the other, which gives way at once.
func (t *transaction) claim(ctx context.Context, m mutation) error {
	size := len(m.after) + len(m.id) + intentBytes
	for _, change := range m.indexes {
		for _, e := range slices.Concat(change.removed, change.added) {
			size += len(e.key) + len(e.value)
		}
	}
	if t.bytes+size > t.e.options.TransactionBytes {
		return yunduo.Errorf(yunduo.ReasonTransactionTooLarge, "the transaction writes more than %d MiB", t.e.options.TransactionBytes>>20)
	}
	t.bytes += size
	if err := t.claimDocument(ctx, m); err != nil {
		return err
	}
	return t.claimUnique(ctx, m)
}

func (t *transaction) claimDocument(ctx context.Context, m mutation) error {
	k := m.documentKey()
	if t.writes[string(k)] != nil {
		return nil
	}
	s := &t.e.stripes[t.e.stripeOf(k)]
	s.mu.Lock()
	for other := s.intents[string(k)]; other != nil; other = s.intents[string(k)] {
		s.mu.Unlock()
		if other.number < t.number || !other.endsWithin(ctx, conflictWait) {
			t.doomed = true
			return errConflict()
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	current, exists, err := getRecord(t.e.db.Get, m.collection, m.id)
	if err != nil {
		return storageError(err)
	}
	if exists != (m.before != nil) || (exists && current.sequence > t.sequence) || !exists && t.removedSince(k) {
		t.doomed = true
		return errConflict()
	}
	if s.intents == nil {
		s.intents = map[string]*transaction{}
	}
	s.intents[string(k)] = t
	t.order = append(t.order, string(k))
	// Before the write is known: nothing to commit, but the intent is given up at the end.
	t.writes[string(k)] = &mutation{collection: m.collection, id: m.id, before: m.before, after: m.before, silent: true}
	return nil
}

// removedSince reports whether a document was made and removed after the snapshot.
func (t *transaction) removedSince(documentKey []byte) bool {
	t.e.commitSection.Lock()
	defer t.e.commitSection.Unlock()
	return t.e.transactions.removed[string(documentKey)] > t.sequence
}

// endsWithin waits for the end of the transaction and reports whether it came in time.
func (t *transaction) endsWithin(ctx context.Context, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-t.done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// put makes a claimed write visible to the transaction itself.
func (t *transaction) put(m mutation) {
	k := m.documentKey()
	if m.after == nil {
		t.overlay.remove(k)
	} else {
		t.overlay.set(k, appendRecord(nil, record{sequence: t.sequence, silent: m.silent, document: m.after}))
	}
	for _, change := range m.indexes {
		for _, e := range change.removed {
			t.overlay.remove(e.key)
		}
	}
	for _, change := range m.indexes {
		for _, e := range change.added {
			t.overlay.set(e.key, e.value)
		}
	}
	w := t.writes[string(k)]
	w.after, w.silent, w.actor = m.after, m.silent, m.actor
}

// apply makes the writes visible to all; nil if there are none.
func (t *transaction) apply() (*pending, error) {
	mutations := make([]mutation, 0, len(t.order))
	collections := map[uint32]*collection{}
	for _, k := range t.order {
		m := t.writes[k]
		if string(m.before) == string(m.after) {
			continue // nothing remains of it, as of an insert that was deleted again
		}
		collections[m.collection.id] = m.collection
		mutations = append(mutations, *m)
	}
	if len(mutations) == 0 {
		return nil, nil
	}
	byID := func(a, b *collection) int { return cmp.Compare(a.id, b.id) }
	for _, c := range slices.SortedFunc(maps.Values(collections), byID) { // everybody locks in this order
		c.latch.RLock()
		defer c.latch.RUnlock()
		current := t.e.catalog.Load().byID(t.app, c.id)
		if current == nil || current.name != c.name {
			return nil, yunduo.Errorf(yunduo.ReasonTransactionConflict, "the collection %q was dropped or renamed since the transaction began", c.name)
		}
		collections[c.id] = current // it may have other indexes now
	}
	for i := range mutations {
		m := &mutations[i]
		m.collection = collections[m.collection.id]
		if err := m.prepareIndexes(); err != nil {
			return nil, err
		}
	}
	return t.e.apply(commit{log: mutations[0].collection.log, mutations: mutations, owner: t})
}
