package query

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

// pushOperation is $push.
type pushOperation struct {
	values   []bson.RawValue
	position int64 // before this element, counted from the end if negative; only with hasPosition
	slice    int64 // keep the first or, if negative, the last so many; only with hasSlice
	sort     *Sort // of elements that are documents
	order    int   // of whole elements: 1, -1, 0 for no order

	hasPosition, hasSlice bool

	by *collation.Collation
}

func parsePush(by *collation.Collation, path string, v bson.RawValue) (operation, error) {
	o := &pushOperation{values: []bson.RawValue{v}, by: by}
	if v.Type != bson.TypeEmbeddedDocument {
		return o, nil
	}
	each, ok := value.Field(v.Value, "$each")
	if !ok {
		return o, nil
	}
	if each.Type != bson.TypeArray {
		return nil, invalidUpdate("$push of '%s' needs a list in $each", path)
	}
	o.values = elements(each.Value)
	for it := value.Elements(v.Value); ; {
		key, modifier, ok := it.Next()
		if !ok {
			return o, nil
		}
		if err := o.modify(path, string(key), modifier); err != nil {
			return nil, err
		}
	}
}

func elements(array []byte) []bson.RawValue {
	var list []bson.RawValue
	for it := value.Elements(array); ; {
		_, v, ok := it.Next()
		if !ok {
			return list
		}
		list = append(list, v)
	}
}

func (o *pushOperation) modify(path, name string, v bson.RawValue) error {
	n, isNumber := value.Int64(v)
	switch name {
	case "$each":
		return nil
	case "$position":
		o.position, o.hasPosition = n, true
		if isNumber {
			return nil
		}
	case "$slice":
		o.slice, o.hasSlice = n, true
		if isNumber {
			return nil
		}
	case "$sort":
		if isNumber && (n == 1 || n == -1) {
			o.order = int(n)
			return nil
		}
		if v.Type == bson.TypeEmbeddedDocument && !value.IsEmpty(v.Value) {
			sort, err := ParseSort(v.Value)
			if err == nil {
				o.sort = sort.By(o.by)
				return nil
			}
		}
	default:
		return invalidUpdate("$push of '%s' has the unknown modifier '%s'", path, name)
	}
	return invalidUpdate("$push of '%s' has %s with a wrong value", path, name)
}

func (o *pushOperation) needsPath() bool { return true }

func (o *pushOperation) apply(_ *application, path string, old bson.RawValue) (bson.RawValue, error) {
	switch old.Type {
	case 0:
		old = value.ArrayOf()
	case bson.TypeArray:
	default:
		return old, wrongType("$push", path, old)
	}
	if !o.hasPosition && !o.hasSlice && o.sort == nil && o.order == 0 {
		return extended(old, o.values), nil
	}
	list := elements(old.Value)
	at := int64(len(list))
	if o.hasPosition {
		if at = min(o.position, at); at < 0 {
			at = max(0, int64(len(list))+at)
		}
	}
	list = slices.Insert(list, int(at), o.values...)
	switch {
	case o.order != 0:
		slices.SortStableFunc(list, func(a, b bson.RawValue) int { return o.order * value.CompareBy(o.by, a, b) })
	case o.sort != nil:
		slices.SortStableFunc(list, o.compareElements)
	}
	if o.hasSlice {
		if o.slice >= 0 {
			list = list[:min(o.slice, int64(len(list)))]
		} else {
			list = list[max(0, int64(len(list))+max(o.slice, -1<<40)):]
		}
	}
	return value.ArrayOf(list...), nil
}

// compareElements orders documents by the sort, other values as documents without fields.
func (o *pushOperation) compareElements(a, b bson.RawValue) int {
	for i, f := range o.sort.fields {
		if c := value.CompareBy(o.by, elementKey(o.sort.paths[i], a), elementKey(o.sort.paths[i], b)); c != 0 {
			if f.Descending {
				return -c
			}
			return c
		}
	}
	return 0
}

// elementKey is what an element sorts by: unlike documents in a query, as a whole where it is an array.
func elementKey(path value.Path, element bson.RawValue) bson.RawValue {
	v, ok := path.Lookup(asDocument(element))
	if !ok {
		return value.Null
	}
	return v
}

func asDocument(v bson.RawValue) bson.Raw {
	if v.Type == bson.TypeEmbeddedDocument {
		return v.Value
	}
	return emptyDocument
}

// extended returns the array with values behind its end, copying the rest as it is.
func extended(array bson.RawValue, values []bson.RawValue) bson.RawValue {
	if len(values) == 0 {
		return array
	}
	count := value.Count(array.Value)
	size := len(array.Value)
	for _, v := range values {
		size += len(v.Value) + 12
	}
	dst := append(make([]byte, 0, size), array.Value[:len(array.Value)-1]...)
	for i, v := range values {
		dst = value.AppendIndexed(dst, count+i, v)
	}
	return value.Array(value.EndDocument(dst, 0))
}

// addToSetOperation is $addToSet.
type addToSetOperation struct {
	values []bson.RawValue
	by     *collation.Collation
}

func parseAddToSet(by *collation.Collation, path string, v bson.RawValue) (operation, error) {
	if v.Type == bson.TypeEmbeddedDocument {
		if each, ok := value.Field(v.Value, "$each"); ok {
			if each.Type != bson.TypeArray || value.Count(v.Value) != 1 {
				return nil, invalidUpdate("$addToSet of '%s' needs a list in $each and nothing beside it", path)
			}
			return addToSetOperation{elements(each.Value), by}, nil
		}
	}
	return addToSetOperation{[]bson.RawValue{v}, by}, nil
}

func (o addToSetOperation) needsPath() bool { return true }

func (o addToSetOperation) apply(_ *application, path string, old bson.RawValue) (bson.RawValue, error) {
	switch old.Type {
	case 0:
		old = value.ArrayOf()
	case bson.TypeArray:
	default:
		return old, wrongType("$addToSet", path, old)
	}
	if len(o.values) == 1 {
		equal := func(v bson.RawValue) bool { return value.CompareBy(o.by, v, o.values[0]) == 0 }
		if slices.ContainsFunc(elements(old.Value), equal) {
			return old, nil
		}
		return extended(old, o.values), nil
	}
	known := map[string]bool{}
	for _, v := range elements(old.Value) {
		key, err := value.AppendKeyBy(o.by, nil, v)
		if err != nil {
			return old, err
		}
		known[string(key)] = true
	}
	var fresh []bson.RawValue
	for _, v := range o.values {
		key, err := value.AppendKeyBy(o.by, nil, v)
		if err != nil {
			return old, err
		}
		if !known[string(key)] {
			known[string(key)] = true
			fresh = append(fresh, v)
		}
	}
	return extended(old, fresh), nil
}
