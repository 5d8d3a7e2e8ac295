package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/value"
)

// An entry of an index that is typed holds the types of its values and of the _id behind the ends of its components, one
// byte each, so that the fields of a document can be made of it. Types that say nothing:
const (
	typeUnknown = 0x00 // the value cannot be told from its encoding: the document must be read
	typeMissing = 0xfe // the document has no such field
)

// canCover reports whether documents can be made of the index's entries: each field is one of its own.
func (ix *index) canCover() bool {
	seen := map[string]bool{"_id": true}
	for _, p := range ix.paths {
		name := p.Parts()[0].Name
		if seen[name] {
			return false
		}
		seen[name] = true
	}
	return true
}

// types appends the types of a document's entry. All are unknown of a document whose fields are in another order than
// that of the index with _id before it: what is made of the entry has that order.
func (ix *index) types(dst []byte, doc bson.Raw, multikey bool) []byte {
	start := len(dst)
	for range len(ix.paths) + 1 {
		dst = append(dst, typeUnknown)
	}
	if multikey || !ix.inOrder(doc) {
		return dst
	}
	types := dst[start:]
	for i, p := range ix.paths {
		v, ok := p.Lookup(doc)
		switch {
		case ix.Fields[i].Kind == driver.KindPlaces:
		case !ok && len(p.Parts()) == 1:
			types[i] = typeMissing
		case ok && value.Rebuilt(v) && (ix.by == nil || v.Type != bson.TypeString):
			types[i] = byte(v.Type)
		}
	}
	if id, ok := value.Field(doc, "_id"); ok && value.Rebuilt(id) {
		types[len(ix.paths)] = byte(id.Type)
	}
	return dst
}

// inOrder reports whether _id is a document's first field and those of the index follow in their order.
func (ix *index) inOrder(doc bson.Raw) bool {
	it := value.Elements(doc)
	if first, _, ok := it.Next(); !ok || string(first) != "_id" {
		return false
	}
	for last := -1; ; {
		key, _, ok := it.Next()
		if !ok {
			return true
		}
		if at := ix.at(key); at >= 0 {
			if at <= last {
				return false // also if a document has the field twice
			}
			last = at
		}
	}
}

// at returns which component of the index a top-level field belongs to, -1 if to none.
func (ix *index) at(name []byte) int {
	for i, p := range ix.paths {
		if p.Parts()[0].Name == string(name) {
			return i
		}
	}
	return -1
}

// needs are the fields of documents that a search looks at and returns. The zero value is all.
type needs struct {
	paths []string // without _id
	known bool
	id    bool
}

// needsOf returns what a find looks at; of a count, projection is not asked.
func needsOf(filter *query.Filter, sort *query.Sort, projection *query.Projection, count bool) (n needs) {
	paths, ok := filter.Paths()
	if !ok {
		return needs{}
	}
	if !count {
		chosen, ok := projection.Paths()
		if !ok {
			return needs{}
		}
		paths = append(paths, chosen...)
		for _, f := range sort.Fields() {
			paths = append(paths, f.Path)
		}
	}
	n.known = true
	for _, p := range paths {
		if p == "_id" {
			n.id = true
		} else if !slices.Contains(n.paths, p) {
			n.paths = append(n.paths, p)
		}
	}
	return n
}

// covers reports whether everything that a search needs is in the entries of an index.
func (n *needs) covers(ix *index) bool {
	if !n.known || !ix.typed || ix.multikey.Load() {
		return false
	}
	for _, p := range n.paths {
		if !slices.ContainsFunc(ix.Fields, func(f driver.IndexField) bool { return f.Path == p && f.Kind != driver.KindPlaces }) {
			return false
		}
	}
	return true
}

// documentOf makes what is needed of a document from its entry; nil if that cannot be told.
func (ix *index) documentOf(n *needs, k, v []byte) (bson.Raw, error) {
	var ends [maxIndexFields]int
	end := 0
	for i := range ix.Fields {
		e, size := binary.Uvarint(v)
		if size <= 0 || e > uint64(len(k)-indexPrefixBytes) || int(e) < end {
			return nil, errCorruptIndex
		}
		v, end = v[size:], int(e)
		ends[i] = end
	}
	if len(v) < len(ix.Fields)+1 {
		return nil, errCorruptIndex
	}
	types, id := v[:len(ix.Fields)+1], k[indexPrefixBytes+end:]
	if ix.Unique {
		id = v[len(types):]
	}
	doc := value.BeginDocument(make([]byte, 0, 64+len(k)))
	if n.id {
		made, ok := value.FromKey(bson.Type(types[len(ix.Fields)]), id)
		if !ok {
			return nil, nil
		}
		doc = value.Append(doc, "_id", made)
	}
	from := 0
	for i, f := range ix.Fields {
		encoded := k[indexPrefixBytes+from : indexPrefixBytes+ends[i]]
		from = ends[i]
		switch {
		case !slices.Contains(n.paths, f.Path) || types[i] == typeMissing:
			continue
		case types[i] == typeUnknown:
			return nil, nil
		case f.Descending:
			encoded = inverted(encoded)
		}
		made, ok := value.FromKey(bson.Type(types[i]), encoded)
		if !ok {
			return nil, errCorruptIndex
		}
		names := strings.Split(f.Path, ".")
		for at := len(names) - 1; at > 0; at-- {
			made = value.Document(value.EndDocument(value.Append(value.BeginDocument(nil), names[at], made), 0))
		}
		doc = value.Append(doc, names[0], made)
	}
	return value.EndDocument(doc, 0), nil
}

func inverted(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[i] = ^b[i]
	}
	return out
}

// newUnorderedSource yields the entries of a plan as they come.
func newUnorderedSource(v view, p plan, n *needs) *entrySource {
	return &entrySource{index: p.index, walk: newKeyWalk(v, p.ranges, p.reverse), group: len(p.index.Fields), needs: n}
}

// document makes what is needed of the document whose entry a walk stands on; nil if that cannot be told.
func (s *entrySource) document(w *keyWalk) (bson.Raw, error) {
	v, err := w.it.ValueAndErr()
	if err != nil {
		return nil, err
	}
	return s.index.documentOf(s.needs, w.it.Key(), v)
}

// coveredRows are documents that were made of entries, in the order of ids.
type coveredRows struct {
	items []sortItem
	keys  int64
}

func (s *coveredRows) next(context.Context) ([]byte, bson.Raw, bool, error) {
	if len(s.items) == 0 {
		return nil, nil, false, nil
	}
	item := s.items[0]
	s.items = s.items[1:]
	return item.id, item.document, true, nil
}

func (s *coveredRows) examined() int64 { return s.keys }
func (s *coveredRows) close() error    { return nil }

// collectCovered is collectIDs with what the documents are needed for.
func (r *rows) collectCovered(ctx context.Context, p plan, limit, memory int64) (found *coveredRows, ok bool, err error) {
	source := newUnorderedSource(r.view, p, &r.needs)
	defer func() { err = errors.Join(err, source.close()) }()
	found = &coveredRows{}
	var size int64
	for {
		id, doc, more, err := source.next(ctx)
		found.keys = source.examined()
		if err != nil || !more {
			return found, err == nil, err
		}
		item := sortItem{id: slices.Clone(id), document: doc}
		if size += item.bytes(); size > memory || int64(len(found.items)) >= limit {
			return found, false, nil
		}
		found.items = append(found.items, item)
	}
}
