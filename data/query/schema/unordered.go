package schema

import (
	"bytes"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// unordered returns a value with the fields of every object in it sorted by name: JSON Schema does not care for the
// order of fields.
func unordered(v bson.RawValue) bson.RawValue {
	if v.Type != bson.TypeEmbeddedDocument && v.Type != bson.TypeArray {
		return v
	}
	type field struct {
		name  []byte
		value bson.RawValue
	}
	var fields []field
	for it := value.Elements(v.Value); ; {
		key, inner, ok := it.Next()
		if !ok {
			break
		}
		fields = append(fields, field{key, unordered(inner)})
	}
	if v.Type == bson.TypeEmbeddedDocument {
		slices.SortStableFunc(fields, func(a, b field) int { return bytes.Compare(a.name, b.name) })
	}
	dst := value.BeginDocument(make([]byte, 0, len(v.Value)))
	for _, f := range fields {
		dst = value.AppendElement(dst, f.name, f.value)
	}
	return bson.RawValue{Type: v.Type, Value: value.EndDocument(dst, 0)}
}
