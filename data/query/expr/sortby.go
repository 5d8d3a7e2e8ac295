package expr

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

// sortKey is one field of a sortBy object.
type sortKey struct {
	path       value.Path
	descending bool
	by         *collation.Collation
}

// parseSortBy reads {field: 1, other: -1}.
func parseSortBy(by *collation.Collation, op string, v bson.RawValue) ([]sortKey, error) {
	var keys []sortKey
	for w := walk(v.Value); w.next(); {
		if _, err := splitPath(w.key()); err != nil {
			return nil, err
		}
		n, ok := value.Int64(w.value)
		if !ok || n != 1 && n != -1 {
			return nil, invalid("%s: sortBy must have 1 or -1 for %q", op, w.key())
		}
		keys = append(keys, sortKey{value.ParsePath(w.key()), n < 0, by})
	}
	if len(keys) == 0 {
		return nil, invalid("%s: sortBy must name at least one field", op)
	}
	return keys, nil
}

// of returns what a document sorts by: for an array its least or, descending, greatest element.
func (k sortKey) of(doc []byte) bson.RawValue {
	var best bson.RawValue
	any := false
	consider := func(v bson.RawValue) {
		if c := value.CompareBy(k.by, v, best); !any || c < 0 != k.descending && c != 0 {
			best, any = v, true
		}
	}
	k.path.Any(doc, false, func(v bson.RawValue) bool {
		switch {
		case v.Type == 0:
			consider(value.Null)
		case v.Type == bson.TypeArray && count(v) == 0:
			consider(bson.RawValue{}) // an empty array sorts below null
		case v.Type == bson.TypeArray:
			for w := walk(v.Value); w.next(); {
				consider(w.value)
			}
		default:
			consider(v)
		}
		return false
	})
	if !any {
		return value.Null
	}
	return best
}

func compareKeys(keys []sortKey, a, b []bson.RawValue) int {
	for i, k := range keys {
		if c := value.CompareBy(k.by, a[i], b[i]); c != 0 {
			if k.descending {
				return -c
			}
			return c
		}
	}
	return 0
}

func keysOf(keys []sortKey, v bson.RawValue) []bson.RawValue {
	out := make([]bson.RawValue, len(keys))
	for i, k := range keys {
		out[i] = value.Null
		if v.Type == bson.TypeEmbeddedDocument {
			out[i] = k.of(v.Value)
		}
	}
	return out
}

// compileSortArray compiles {$sortArray: {input, sortBy}}; sortBy is 1 or -1 for whole elements, or names fields.
func compileSortArray(c *compiler, op string, arg bson.RawValue) (node, error) {
	raw, err := rawParameters(op, arg, "input", "sortBy")
	if err != nil {
		return node{}, err
	}
	input, err := c.expression(raw[0])
	if err != nil {
		return node{}, err
	}
	var keys []sortKey
	direction, whole := value.Int64(raw[1])
	if raw[1].Type == bson.TypeEmbeddedDocument {
		if keys, err = parseSortBy(c.collation, op, raw[1]); err != nil {
			return node{}, err
		}
	} else if !whole || direction != 1 && direction != -1 {
		return node{}, invalid("%s: sortBy must be 1, -1 or an object of fields", op)
	}
	return call(op, []node{input}, func(op string, a []bson.RawValue) (bson.RawValue, error) {
		if nullish(a[0]) {
			return value.Null, nil
		}
		if a[0].Type != bson.TypeArray {
			return a[0], failed(op, "input must be an array, not %s", typeName(a[0]))
		}
		items := values(a[0])
		if keys == nil {
			slices.SortStableFunc(items, func(a, b bson.RawValue) int { return int(direction) * value.CompareBy(c.collation, a, b) })
			return arrayOf(op, items)
		}
		entries := make([]entry, len(items))
		for i, v := range items {
			entries[i] = entry{v, keysOf(keys, v)}
		}
		slices.SortStableFunc(entries, func(a, b entry) int { return compareKeys(keys, a.keys, b.keys) })
		for i, e := range entries {
			items[i] = e.value
		}
		return arrayOf(op, items)
	}), nil
}

// entry is a value and what it sorts by.
type entry struct {
	value bson.RawValue
	keys  []bson.RawValue
}
