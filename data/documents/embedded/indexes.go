package embedded

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/collation"
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
		list[i] = ix.definition(coll)
	}
	return list, nil
}

// CreateIndex builds an index while others read and write the collection. If ctx ends before, the build goes on.
func (e *Engine) CreateIndex(ctx context.Context, ns driver.Namespace, definition driver.Index) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	if err := validateIndex(definition); err != nil {
		return err
	}
	definition.Fields, definition.Partial, definition.Build = slices.Clone(definition.Fields), slices.Clone(definition.Partial), nil
	definition.Collation = slices.Clone(definition.Collation)
	if value.IsEmpty(definition.Partial) {
		definition.Partial = nil
	}
	ix, err := e.beginIndex(ctx, ns, definition)
	if err != nil || ix.build == nil {
		return err
	}
	select {
	case <-ix.build.ended:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.gate.closing:
		return errClosed()
	}
	if ix.build.err == nil {
		return nil
	}
	// The caller knows why it failed; nobody has to be shown a failed index.
	return errors.Join(ix.build.err, e.forgetFailed(ns, ix.id))
}

// beginIndex makes an index, or begins to; what it returns has a build to wait for unless it is in use.
func (e *Engine) beginIndex(ctx context.Context, ns driver.Namespace, definition driver.Index) (*index, error) {
	e.schema.Lock()
	defer e.schema.Unlock()
	coll, err := e.catalog.Load().collection(ns)
	if err != nil {
		return nil, err
	}
	if existing := coll.index(definition.Name); existing != nil {
		switch {
		case existing.failed():
			if err := e.dropIndex(ns, coll, existing); err != nil {
				return nil, err
			}
			if coll, err = e.catalog.Load().collection(ns); err != nil {
				return nil, err
			}
		case !sameIndex(existing.Index, definition):
			return nil, yunduo.Errorf(yunduo.ReasonInvalidIndex, "there is another index %q already", definition.Name).WithMongoCode(86)
		case existing.ready():
			return &index{indexState: &indexState{}}, nil
		default:
			return existing, nil
		}
	}
	if len(coll.indexes) >= maxIndexes {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidIndex, "a collection can have %d indexes", maxIndexes)
	}
	coll.latch.Lock()
	defer coll.latch.Unlock()
	b := e.db.NewBatch()
	defer b.Close()
	id, err := e.newID(b)
	if err != nil {
		return nil, storageError(err)
	}
	ix, err := newIndex(id, definition)
	if err != nil {
		return nil, err
	}
	ix.typed = ix.typed && !e.untyped
	if coll.documents.Load() <= e.smallCollection && coll.bytes.Load() <= chunkBytes {
		return ix, e.buildAtOnce(ctx, ns, coll, ix, b)
	}
	return ix, e.beginBuild(ns, coll, ix, b)
}

// forgetFailed removes the record of an index that could not be built.
func (e *Engine) forgetFailed(ns driver.Namespace, id uint32) error {
	e.schema.Lock()
	defer e.schema.Unlock()
	coll, err := e.catalog.Load().collection(ns)
	if err != nil {
		return nil // it went with its collection
	}
	for _, ix := range coll.indexes {
		if ix.id == id && ix.failed() {
			return e.dropIndex(ns, coll, ix)
		}
	}
	return nil
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
	if err := validateCollation(d); err != nil {
		return err
	}
	return validatePartial(d)
}

// validateCollation checks the order of texts of an index.
func validateCollation(d driver.Index) error {
	by, err := collation.Parse(d.Collation)
	if err != nil {
		return yunduo.Wrap(err, yunduo.ReasonInvalidIndex, "index %q: %s", d.Name, yunduo.AsError(err).Message)
	}
	hashed := slices.ContainsFunc(d.Fields, func(f driver.IndexField) bool { return f.Kind == driver.KindHashed })
	if by != nil && hashed {
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "index %q: a hashed index cannot have a collation", d.Name)
	}
	return nil
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
	by, err := collation.Parse(d.Collation)
	if err != nil {
		return err
	}
	filter, err := query.ParseFilterBy(by, d.Partial)
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
	return a.Unique == b.Unique && a.Sparse == b.Sparse && a.ExpireAfter.Milliseconds() == b.ExpireAfter.Milliseconds() && slices.Equal(a.Fields, b.Fields) && bytes.Equal(a.Partial, b.Partial) && sameTexts(a, b)
}

// sameTexts reports whether two indexes that can be read order texts alike.
func sameTexts(a, b driver.Index) bool {
	one, oneErr := collation.Parse(a.Collation)
	other, otherErr := collation.Parse(b.Collation)
	return oneErr == nil && otherErr == nil && collation.Same(one, other)
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
	return e.dropIndex(ns, coll, ix)
}

// dropIndex removes an index. The caller holds the schema lock.
func (e *Engine) dropIndex(ns driver.Namespace, coll *collection, ix *index) error {
	coll.latch.Lock()
	defer coll.latch.Unlock()
	return e.exchangeIndex(ns.App, coll, coll.replaceIndex(ix.id, nil), ix)
}
