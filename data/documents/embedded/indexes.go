package embedded

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/value"
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
	definition.Fields, definition.Partial, definition.Build = slices.Clone(definition.Fields), slices.Clone(definition.Partial), nil
	if value.IsEmpty(definition.Partial) {
		definition.Partial = nil
	}
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
		if err := validateKind(d, f); err != nil {
			return err
		}
	}
	return validatePartial(d)
}

func validateKind(d driver.Index, f driver.IndexField) error {
	switch {
	case f.Kind == driver.KindOrdered:
	case f.Kind != driver.KindPlaces && f.Kind != driver.KindHashed:
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "index %q: there is no kind %.40q for the field %q; there are 2dsphere and hashed", d.Name, f.Kind, f.Path)
	case f.Descending:
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "index %q: the field %q is %s and has no direction", d.Name, f.Path, f.Kind)
	case d.Unique:
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "index %q: a unique index cannot have the %s field %q", d.Name, f.Kind, f.Path)
	case d.ExpireAfter > 0:
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "index %q: expiry needs an ordered field, %q is %s", d.Name, f.Path, f.Kind)
	}
	return nil
}

// validatePartial checks a partial filter: what it says of a document must not depend on anything else.
func validatePartial(d driver.Index) error {
	if len(d.Partial) == 0 {
		return nil
	}
	if d.Sparse {
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "index %q cannot be both sparse and partial", d.Name)
	}
	filter, err := query.ParseFilter(d.Partial)
	if err != nil {
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "index %q: partialFilter: %s", d.Name, yunduo.AsError(err).Message)
	}
	if filter.Near() != nil || hasField(value.Document(d.Partial), "$expr") {
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "index %q: partialFilter cannot have $near or $expr", d.Name)
	}
	return nil
}

// hasField reports whether a document or array has a field of the name at any depth.
func hasField(v bson.RawValue, name string) bool {
	if v.Type != bson.TypeEmbeddedDocument && v.Type != bson.TypeArray {
		return false
	}
	for it := value.Elements(v.Value); ; {
		k, inner, ok := it.Next()
		if !ok {
			return false
		}
		if string(k) == name || hasField(inner, name) {
			return true
		}
	}
}

func sameIndex(a, b driver.Index) bool {
	return a.Unique == b.Unique && a.Sparse == b.Sparse && a.ExpireAfter.Milliseconds() == b.ExpireAfter.Milliseconds() && slices.Equal(a.Fields, b.Fields) && bytes.Equal(a.Partial, b.Partial)
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
