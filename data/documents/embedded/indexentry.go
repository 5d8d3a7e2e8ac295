package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

// maxEntries bounds the index entries of one document in one index.
const maxEntries = 10_000

// indexEntry is one key of an index. Its value holds where each component ends, counted from the first, the types of the
// values if the index is typed, and for a unique index the document's encoded _id.
type indexEntry struct{ key, value []byte }

func (e indexEntry) size() int64 { return int64(len(e.key) + len(e.value)) }

// prefix returns what all keys of the index begin with.
func (ix *index) prefix(c *collection) []byte {
	if ix.Unique {
		return key(prefixUnique, c.app, c.id, ix.id)
	}
	return key(prefixIndex, c.app, c.id, ix.id)
}

// entries returns a document's entries, sorted, each once, and whether it has an array along an indexed path. It
// returns invalid_document if the document cannot be indexed.
func (ix *index) entries(c *collection, id []byte, doc bson.Raw) (entries []indexEntry, multikey bool, err error) {
	if in, err := ix.partial.Match(doc); !in || err != nil {
		return nil, false, err
	}
	components := make([][][]byte, len(ix.paths))
	missing, total := true, 1
	arrays := map[string]bool{}
	for i, p := range ix.paths {
		found, array, err := ix.component(i, doc)
		if err != nil {
			return nil, false, err
		}
		switch {
		case ix.Fields[i].Kind == driver.KindPlaces && len(found) == 0:
			return nil, false, nil // as if sparse
		case ix.Fields[i].Kind == driver.KindPlaces:
			multikey = multikey || array
		case array:
			arrays[p.Parts()[0].Name] = true
		}
		if missing && !isMissing(p, doc) {
			missing = false
		}
		components[i] = found
		if total *= len(found); total > maxEntries {
			return nil, false, yunduo.Errorf(yunduo.ReasonInvalidDocument, "the document has more than %d entries in index %q", maxEntries, ix.Name)
		}
	}
	if missing && ix.Sparse {
		return nil, false, nil
	}
	if len(arrays) > 1 {
		return nil, false, yunduo.Errorf(yunduo.ReasonInvalidDocument, "index %q cannot hold a document with arrays in two of its fields", ix.Name).WithMongoCode(171)
	}
	multikey = multikey || len(arrays) > 0
	var types []byte
	if ix.typed {
		types = ix.types(nil, doc, multikey)
	}
	entries, err = ix.combine(ix.prefix(c), components, types, id)
	if len(entries) > 1 {
		slices.SortFunc(entries, func(a, b indexEntry) int { return bytes.Compare(a.key, b.key) })
	}
	return entries, multikey, err
}

// component returns the encodings of a document's values in one field of the index, and whether it has an array there
// or is filed under several cells.
func (ix *index) component(i int, doc bson.Raw) (found [][]byte, array bool, err error) {
	if ix.Fields[i].Kind == driver.KindPlaces {
		cells, err := query.GeoCells(ix.paths[i], doc)
		for _, cell := range cells {
			found = append(found, binary.BigEndian.AppendUint64(nil, cell))
		}
		return found, len(found) > 1, err
	}
	array = ix.paths[i].IndexKeys(doc, func(v bson.RawValue) {
		var k []byte
		k, err = appendComponent(ix.by, nil, v, ix.Fields[i].Descending, err)
		found = append(found, k)
	})
	if err != nil {
		return nil, false, err
	}
	if array && ix.Fields[i].Kind == driver.KindHashed {
		return nil, false, yunduo.Errorf(yunduo.ReasonInvalidDocument, "index %q is hashed and cannot hold the array in '%s'", ix.Name, ix.Fields[i].Path).WithMongoCode(16766)
	}
	if array {
		slices.SortFunc(found, bytes.Compare)
		found = slices.CompactFunc(found, bytes.Equal)
	}
	return found, array, nil
}

func appendComponent(by *collation.Collation, dst []byte, v bson.RawValue, descending bool, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	if descending {
		return value.AppendKeyDescendingBy(by, dst, v)
	}
	return value.AppendKeyBy(by, dst, v)
}

// isMissing reports whether a filter for the path's existence would not find the document.
func isMissing(p value.Path, doc bson.Raw) bool {
	return !p.Any(doc, false, func(v bson.RawValue) bool { return v.Type != 0 })
}

// combine makes an entry of every combination of the components' values.
func (ix *index) combine(prefix []byte, components [][][]byte, types, id []byte) ([]indexEntry, error) {
	var entries []indexEntry
	var walk func(k, ends []byte, i int)
	walk = func(k, ends []byte, i int) {
		if i == len(components) {
			e := indexEntry{key: slices.Clone(k), value: append(slices.Clone(ends), types...)}
			if ix.Unique {
				e.value = append(e.value, id...)
			} else {
				e.key = append(e.key, id...)
			}
			entries = append(entries, e)
			return
		}
		for _, c := range components[i] {
			next := append(k, c...)
			walk(next, binary.AppendUvarint(ends, uint64(len(next)-len(prefix))), i+1)
		}
	}
	walk(prefix, nil, 0)
	for _, e := range entries {
		if len(e.key)-len(prefix) > maxKeyBytes+len(id) {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidDocument, "the values for index %q are longer than %d bytes", ix.Name, maxKeyBytes).WithMongoCode(17280)
		}
	}
	return entries, nil
}

var errCorruptIndex = errors.New("stored index entry is damaged")

// splitEntry returns the encoding of the first components of an entry and its document's encoded _id.
func (ix *index) splitEntry(k, v []byte, components int) (group, id []byte, err error) {
	groupEnd, end := 0, 0
	for i := range ix.Fields {
		n, size := binary.Uvarint(v)
		if size <= 0 || n > uint64(len(k)-indexPrefixBytes) {
			return nil, nil, errCorruptIndex
		}
		v = v[size:]
		end = int(n)
		if i == components-1 {
			groupEnd = end
		}
	}
	if ix.typed {
		if len(v) <= len(ix.Fields) {
			return nil, nil, errCorruptIndex
		}
		v = v[len(ix.Fields)+1:]
	}
	group = k[:indexPrefixBytes+groupEnd]
	if ix.Unique {
		return group, v, nil
	}
	return group, k[indexPrefixBytes+end:], nil
}

// diff returns which entries a change removes and which it adds; both inputs are sorted.
func diff(before, after []indexEntry) (removed, added []indexEntry) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(before) == 0:
			return removed, append(added, after...)
		case len(after) == 0:
			return append(removed, before...), added
		}
		switch bytes.Compare(before[0].key, after[0].key) {
		case -1:
			removed, before = append(removed, before[0]), before[1:]
		case 1:
			added, after = append(added, after[0]), after[1:]
		default:
			if !bytes.Equal(before[0].value, after[0].value) { // of another type
				removed, added = append(removed, before[0]), append(added, after[0])
			}
			before, after = before[1:], after[1:]
		}
	}
	return removed, added
}
