package embedded

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
)

// maxAttempts bounds how often a single update looks for a document that others keep changing under it.
const maxAttempts = 100

// maxPending bounds how many commits of one operation wait for the disk at a time.
const maxPending = 256

// writer is where updates and deletes go: straight to the store, or into a transaction.
type writer interface {
	// collection returns a collection's catalog entry.
	collection(ns driver.Namespace) (*collection, error)
	// reader returns the state to search in and how to let go of it.
	reader() (*reader, func() error)
	// mutate calls change with the current document (nil if there is none) under its lock, and stores what it
	// returns unless that is unchanged: nil removes the document.
	mutate(ctx context.Context, ns driver.Namespace, id []byte, o driver.WriteOptions, change changeFunc) error
	// wait returns when everything that mutate stored is durable.
	wait() error
}

type changeFunc func(before bson.Raw) (after bson.Raw, write bool, err error)

// recordFunc is a changeFunc that sees the whole record and says how to write.
type recordFunc func(before record) (after bson.Raw, o driver.WriteOptions, write bool, err error)

// autocommit is the writer of operations outside transactions: every document is its own commit.
type autocommit struct {
	e       *Engine
	pending []*pending
}

var _ writer = (*autocommit)(nil)

func (a *autocommit) collection(ns driver.Namespace) (*collection, error) {
	return a.e.catalog.Load().collection(ns)
}

func (a *autocommit) reader() (*reader, func() error) { return a.e.newReader() }

func (a *autocommit) mutate(ctx context.Context, ns driver.Namespace, id []byte, o driver.WriteOptions, change changeFunc) error {
	return a.mutateRecord(ctx, ns, id, func(before record) (bson.Raw, driver.WriteOptions, bool, error) {
		after, write, err := change(before.document)
		return after, o, write, err
	})
}

// mutateRecord is mutate with a change that sees the whole record and says how to write.
func (a *autocommit) mutateRecord(ctx context.Context, ns driver.Namespace, id []byte, change recordFunc) error {
	p, err := a.e.withDocuments(ctx, ns, [][]byte{id}, func(coll *collection) (*pending, error) {
		return a.e.mutateLocked(coll, id, change)
	})
	if err != nil || p == nil {
		return err
	}
	if a.pending = append(a.pending, p); len(a.pending) >= maxPending {
		return a.wait()
	}
	return nil
}

// mutateLocked changes one document whose lock is held; it returns nil if there is nothing to wait for.
func (e *Engine) mutateLocked(coll *collection, id []byte, change recordFunc) (*pending, error) {
	current, _, err := getRecord(e.db.Get, coll, id)
	if err != nil {
		return nil, storageError(err)
	}
	after, o, write, err := change(current)
	if err != nil || !write {
		return nil, err
	}
	m, err := newMutation(coll, id, current.document, after, o)
	if err != nil {
		return nil, err
	}
	return e.apply(commit{log: coll.log, mutations: []mutation{m}})
}

func (a *autocommit) wait() error {
	var errs []error
	for _, p := range a.pending {
		errs = append(errs, p.wait())
	}
	a.pending = a.pending[:0]
	return errors.Join(errs...)
}

// Update changes the documents that match.
func (e *Engine) Update(ctx context.Context, ns driver.Namespace, u driver.Update, o driver.WriteOptions) (driver.UpdateResult, error) {
	if err := e.enter(ctx); err != nil {
		return driver.UpdateResult{}, err
	}
	defer e.gate.leave()
	return e.update(ctx, &autocommit{e: e}, ns, u, o)
}

// Delete removes the first or all documents that match.
func (e *Engine) Delete(ctx context.Context, ns driver.Namespace, d driver.Delete, o driver.WriteOptions) (driver.DeleteResult, error) {
	if err := e.enter(ctx); err != nil {
		return driver.DeleteResult{}, err
	}
	defer e.gate.leave()
	return e.remove(ctx, &autocommit{e: e}, ns, d, o)
}

// eachMatch calls fn with the encoded _id of every match in one consistent state; fn looks at the current document
// again.
func eachMatch(ctx context.Context, w writer, ns driver.Namespace, filter *query.Filter, fn func(id []byte) error) (err error) {
	r, release := w.reader()
	defer func() { err = errors.Join(err, storageError(release())) }()
	coll, err := r.catalog.collection(ns)
	if err != nil {
		return err
	}
	rows, err := newRows(ctx, r.search(ctx, coll, filter))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, storageError(rows.close())) }()
	for {
		ok, err := rows.next(ctx)
		if err != nil || !ok {
			return err
		}
		if err := fn(append([]byte(nil), rows.id...)); err != nil {
			return err
		}
	}
}

// firstMatch returns the encoded _id of the first match in the order of sort; nil if there is none. certain says
// that no other document can match now: the filter names one _id.
func firstMatch(ctx context.Context, w writer, ns driver.Namespace, filter *query.Filter, sort *query.Sort) (id []byte, certain bool, err error) {
	coll, err := w.collection(ns)
	if err != nil {
		return nil, false, err
	}
	if err := filter.Failed(); err != nil {
		return nil, false, err
	}
	if id, ok := coll.singleID(filter); ok {
		driver.BudgetOf(ctx).Found(coll.name, "_id")
		return id, true, nil
	}
	r, release := w.reader()
	defer func() { err = errors.Join(err, storageError(release())) }()
	if coll, err = r.catalog.collection(ns); err != nil {
		return nil, false, err
	}
	s := r.search(ctx, coll, filter)
	s.sort, s.want = sort, 1
	rows, err := newRows(ctx, s)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, storageError(rows.close())) }()
	if !rows.ordered(sort) {
		items, err := sortRows(ctx, rows, sort, 1, r.e.options.QueryBytes)
		if err != nil || len(items) == 0 {
			return nil, false, err
		}
		return items[0].id, false, nil
	}
	ok, err := rows.next(ctx)
	if err != nil || !ok {
		return nil, false, err
	}
	return append([]byte(nil), rows.id...), false, nil
}

// errKeepsChanging is for a single write whose document others changed every time it was found.
func errKeepsChanging() error {
	return yunduo.Errorf(yunduo.ReasonTransactionConflict, "other writes keep changing the documents that match")
}
