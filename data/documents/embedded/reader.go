package embedded

import (
	"context"
	"errors"
	"slices"

	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/pipeline"
)

// reader is one consistent state of catalog and documents, to find in.
type reader struct {
	e       *Engine
	view    view
	catalog *catalog
	// retain keeps the state for one more user and returns how that user lets go of it.
	retain func() func() error
}

// newReader returns the current state and how to let go of it.
func (e *Engine) newReader() (*reader, func() error) {
	for {
		before := e.catalog.Load()
		s := e.newSnapshot()
		if e.catalog.Load() == before {
			retain := func() func() error {
				s.references.Add(1)
				return s.release
			}
			return &reader{e: e, view: s, catalog: before, retain: retain}, s.release
		}
		// The catalog changed in between: the snapshot may lack an index or a collection that it names.
		_ = s.Snapshot.Close()
	}
}

// newSettledReader is newReader for those who compare the catalog with what is stored, or with the change log: what it
// returns is never from the middle of a change of the catalog, whose commit the snapshot shows and whose catalog does
// not yet, or the other way round. For queries that makes no difference; they need not wait for such changes.
func (e *Engine) newSettledReader() (*reader, func() error) {
	e.schema.Lock()
	defer e.schema.Unlock()
	return e.newReader()
}

// search returns a search for what matches, of unlimited number and in no particular order.
func (r *reader) search(ctx context.Context, coll *collection, filter *query.Filter) search {
	return search{e: r.e, view: r.view, coll: coll, filter: filter, budget: driver.BudgetOf(ctx)}
}

// aggregate runs a pipeline in the reader's state.
func (r *reader) aggregate(ctx context.Context, ns driver.Namespace, p *pipeline.Pipeline, hint string) (driver.Cursor, error) {
	if _, err := r.catalog.collection(ns); err != nil {
		return nil, err
	}
	release := r.retain()
	options := pipeline.Options{Now: r.e.options.Now(), MemoryLimit: r.e.options.QueryBytes}
	rows, err := p.Run(ctx, ns.Collection, source{reader: r, ns: ns, hint: &hint, budget: driver.BudgetOf(ctx)}, options)
	if err != nil {
		return nil, errors.Join(err, release())
	}
	c := &aggregateCursor{rows: rows, e: r.e, release: release}
	r.e.track(c)
	return c, nil
}

// count counts matching documents.
func (r *reader) count(ctx context.Context, ns driver.Namespace, filter *query.Filter, hint string) (n int64, err error) {
	coll, err := r.catalog.collection(ns)
	if err != nil {
		return 0, err
	}
	s := r.search(ctx, coll, filter)
	s.count, s.hint, s.needs = true, hint, needsOf(filter, nil, nil, true)
	p, _, err := s.choose(order{})
	if err != nil {
		return 0, err
	}
	if p.exact {
		s.budget.Found(coll.name, p.indexName())
		return s.countKeys(ctx, newKeyWalk(r.view, p.ranges, false))
	}
	rows, err := newRows(ctx, s)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, storageError(rows.close())) }()
	for {
		ok, err := rows.next(ctx)
		if err != nil || !ok {
			return n, err
		}
		n++
	}
}

// countKeys counts the keys of a walk.
func (s *search) countKeys(ctx context.Context, w *keyWalk) (n int64, err error) {
	defer func() { err = errors.Join(err, storageError(w.close())) }()
	for ; ; n++ {
		if n%checkEvery == 0 {
			if err := firstError(ctx.Err(), s.budget.Entries(s.coll.name, checkEvery)); err != nil {
				return 0, err
			}
		}
		if ok, err := w.next(); err != nil || !ok {
			return n, storageError(err)
		}
	}
}

// source reads the collections of one app for a pipeline, all in one state.
type source struct {
	reader *reader
	ns     driver.Namespace
	hint   *string        // for the first find of the collection; empty from then on
	budget *driver.Budget // of the whole pipeline, which asks under the contexts of its readers
}

var _ pipeline.GeoSource = source{}

// GeoPaths returns the paths of a collection's geographic indexes.
func (s source) GeoPaths(_ context.Context, collection string) (paths []string, err error) {
	coll, err := s.reader.catalog.collection(driver.Namespace{App: s.ns.App, Collection: collection})
	if err != nil {
		return nil, nil
	}
	for _, ix := range coll.indexes {
		for _, f := range ix.Fields {
			if f.Kind == driver.KindPlaces && ix.ready() && !slices.Contains(paths, f.Path) {
				paths = append(paths, f.Path)
			}
		}
	}
	return paths, nil
}

// Find streams the documents of a collection; one that does not exist has none.
func (s source) Find(ctx context.Context, collection string, filter *query.Filter, sort *query.Sort, limit int64) (pipeline.Cursor, error) {
	ns := driver.Namespace{App: s.ns.App, Collection: collection}
	if _, err := s.reader.catalog.collection(ns); err != nil {
		return emptyCursor{}, nil
	}
	find := driver.Find{Filter: filter, Sort: sort, Limit: limit}
	if ns == s.ns {
		find.Hint, *s.hint = *s.hint, ""
	}
	return s.reader.find(driver.WithBudget(ctx, s.budget), ns, find)
}
