package embedded

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"yunduo"
	"yunduo/data/documents/driver"
)

// maxIndexes bounds the indexes of a collection, maxIndexFields the fields of an index.
const (
	maxIndexes     = 64
	maxIndexFields = 32
)

// Indexes lists a collection's indexes by name.
func (e *Engine) Indexes(ctx context.Context, ns driver.Namespace) ([]driver.Index, error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	coll, err := e.catalog.Load().collection(ns)
	if err != nil {
		return nil, err
	}
	list := make([]driver.Index, len(coll.indexes))
	for i, ix := range coll.indexes {
		list[i] = ix.Index
		list[i].Fields = slices.Clone(ix.Fields)
	}
	return list, nil
}

// CreateIndex builds an index while writers of the collection wait; readers do not.
func (e *Engine) CreateIndex(ctx context.Context, ns driver.Namespace, definition driver.Index) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	if err := validateIndex(definition); err != nil {
		return err
	}
	definition.Fields = slices.Clone(definition.Fields)
	e.schema.Lock()
	defer e.schema.Unlock()
	coll, err := e.catalog.Load().collection(ns)
	if err != nil {
		return err
	}
	if existing := coll.index(definition.Name); existing != nil {
		if sameIndex(existing.Index, definition) {
			return nil
		}
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "there is another index %q already", definition.Name)
	}
	if len(coll.indexes) >= maxIndexes {
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "a collection can have %d indexes", maxIndexes)
	}
	coll.latch.Lock()
	defer coll.latch.Unlock()
	return e.buildIndex(ctx, ns, coll, definition)
}

func validateIndex(d driver.Index) error {
	switch {
	case d.Name == "" || len(d.Name) > maxNameBytes || d.Name == "_id_" || strings.ContainsRune(d.Name, 0):
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "%.60q cannot name an index", d.Name)
	case len(d.Fields) == 0 || len(d.Fields) > maxIndexFields:
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "index %q needs 1 to %d fields", d.Name, maxIndexFields)
	case d.ExpireAfter < 0:
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "index %q: the time to expiry cannot be negative", d.Name)
	}
	seen := map[string]bool{}
	for _, f := range d.Fields {
		if f.Path == "" || strings.ContainsRune(f.Path, 0) || strings.HasPrefix(f.Path, "$") || slices.Contains(strings.Split(f.Path, "."), "") {
			return yunduo.Errorf(yunduo.ReasonInvalidIndex, "index %q: %.60q is not a path", d.Name, f.Path)
		}
		if seen[f.Path] {
			return yunduo.Errorf(yunduo.ReasonInvalidIndex, "index %q names %q twice", d.Name, f.Path)
		}
		seen[f.Path] = true
	}
	return nil
}

func sameIndex(a, b driver.Index) bool {
	return a.Unique == b.Unique && a.Sparse == b.Sparse && a.ExpireAfter.Milliseconds() == b.ExpireAfter.Milliseconds() && slices.Equal(a.Fields, b.Fields)
}

// DropIndex removes an index.
func (e *Engine) DropIndex(ctx context.Context, ns driver.Namespace, name string) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	e.schema.Lock()
	defer e.schema.Unlock()
	coll, err := e.catalog.Load().collection(ns)
	if err != nil {
		return err
	}
	ix := coll.index(name)
	if ix == nil {
		return yunduo.Errorf(yunduo.ReasonIndexNotFound, "there is no index %q on %q", name, ns.Collection)
	}
	coll.latch.Lock()
	defer coll.latch.Unlock()
	changed := coll.withIndexes(slices.DeleteFunc(slices.Clone(coll.indexes), func(x *index) bool { return x == ix }))
	b := e.db.NewBatch()
	defer b.Close()
	if err := e.storeCollection(b, changed); err != nil {
		return err
	}
	w := batchWriter{b: b}
	w.deleteRange(ix.prefix(coll))
	w.delete(catalogKey(kindMultikey, ix.id))
	if w.err != nil {
		return storageError(w.err)
	}
	// The catalog first: a reader that still has the old one and takes its snapshot now looks at it again.
	old := e.catalog.Load()
	e.catalog.Store(old.withCollection(ns.App, changed))
	if err := e.commit(commit{extra: b, essential: true}); err != nil {
		e.catalog.Store(old)
		return err
	}
	return nil
}

// removeUnfinished deletes what index builds left behind that a crash ended.
func (e *Engine) removeUnfinished() error {
	b := e.db.NewBatch()
	w := batchWriter{b: b}
	err := eachKey(e.db, []byte{prefixJob}, func(k, v []byte) error {
		w.deleteRange(slices.Clone(v))
		w.delete(slices.Clone(k))
		return w.err
	})
	if err != nil || b.Empty() {
		return errors.Join(err, b.Close())
	}
	return errors.Join(b.Commit(pebble.Sync), b.Close())
}
