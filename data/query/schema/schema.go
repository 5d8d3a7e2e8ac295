// Package schema checks documents against MongoDB's $jsonSchema: JSON Schema draft 4 with bsonType, on raw BSON.
package schema

import (
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/internal/pattern"
	"yunduo/data/query/value"
)

// Schema is a compiled schema. It is immutable and safe for concurrent use.
type Schema struct {
	types *[256]bool // nil allows every type

	enum             map[string]bool // by unordered key
	minimum, maximum *bound
	multipleOf       bson.RawValue

	minLength, maxLength int64 // of texts in characters; -1 is no limit
	pattern              *pattern.Bounded

	minItems, maxItems int64
	unique             bool
	each               *Schema   // every element
	places             []*Schema // elements by their place
	further            *Schema   // elements behind places; nil allows every one

	minFields, maxFields int64
	required             []string
	fields               map[string]*Schema
	patterns             []patternSchema
	others               *Schema // fields that are neither in fields nor match a pattern; nil allows every one
	dependencies         []dependency

	all, any, one []*Schema
	not           *Schema
	never         bool // no value at all
}

type bound struct {
	value     bson.RawValue
	exclusive bool
}

type patternSchema struct {
	name   *pattern.Bounded
	schema *Schema
}

// dependency is what a document must have, or be, if it has a field.
type dependency struct {
	field    string
	required []string
	schema   *Schema
}

// Match reports whether a document satisfies the schema.
func (s *Schema) Match(doc bson.Raw) bool { return s.valid(value.Document(doc)) }

// valid reports whether a value satisfies the schema. Most keywords say something of one type only and let others be.
func (s *Schema) valid(v bson.RawValue) bool {
	if s.never || s.types != nil && !s.types[v.Type] {
		return false
	}
	if s.enum != nil {
		key, err := value.AppendKey(nil, unordered(v))
		if err != nil || !s.enum[string(key)] {
			return false
		}
	}
	switch {
	case value.IsNumber(v):
		if !s.validNumber(v) {
			return false
		}
	case v.Type == bson.TypeString:
		if !s.validText(v) {
			return false
		}
	case v.Type == bson.TypeArray:
		if !s.validArray(v) {
			return false
		}
	case v.Type == bson.TypeEmbeddedDocument:
		if !s.validObject(v) {
			return false
		}
	}
	return s.validTogether(v)
}

func (s *Schema) validTogether(v bson.RawValue) bool {
	for _, part := range s.all {
		if !part.valid(v) {
			return false
		}
	}
	matching := func(list []*Schema, most int) (n int) {
		for _, part := range list {
			if part.valid(v) {
				if n++; n > most {
					break
				}
			}
		}
		return n
	}
	if s.any != nil && matching(s.any, 0) == 0 || s.one != nil && matching(s.one, 1) != 1 {
		return false
	}
	return s.not == nil || !s.not.valid(v)
}

func (s *Schema) validNumber(v bson.RawValue) bool {
	if value.IsNaN(v) && (s.minimum != nil || s.maximum != nil) {
		return false
	}
	if b := s.minimum; b != nil {
		if c := value.Compare(v, b.value); c < 0 || c == 0 && b.exclusive {
			return false
		}
	}
	if b := s.maximum; b != nil {
		if c := value.Compare(v, b.value); c > 0 || c == 0 && b.exclusive {
			return false
		}
	}
	if s.multipleOf.Type != 0 {
		rest, ok := value.Mod(v, s.multipleOf)
		return ok && !value.Truthy(rest)
	}
	return true
}

func (s *Schema) validText(v bson.RawValue) bool {
	text, ok := value.Text(v)
	if !ok {
		return false
	}
	if s.minLength >= 0 || s.maxLength >= 0 {
		n := int64(utf8.RuneCount(text))
		if n < s.minLength || s.maxLength >= 0 && n > s.maxLength {
			return false
		}
	}
	return s.pattern == nil || s.pattern.Match(text)
}

func (s *Schema) validArray(v bson.RawValue) bool {
	var seen map[string]bool
	if s.unique {
		seen = map[string]bool{}
	}
	n := 0
	for it := value.Elements(v.Value); ; n++ {
		_, item, ok := it.Next()
		if !ok {
			break
		}
		if s.unique {
			key, err := value.AppendKey(nil, unordered(item))
			if err != nil || seen[string(key)] {
				return false
			}
			seen[string(key)] = true
		}
		part := s.each
		if s.places != nil {
			if part = s.further; n < len(s.places) {
				part = s.places[n]
			}
		}
		if part != nil && !part.valid(item) {
			return false
		}
	}
	return int64(n) >= s.minItems && (s.maxItems < 0 || int64(n) <= s.maxItems)
}

func (s *Schema) validObject(v bson.RawValue) bool {
	n := int64(0)
	for it := value.Elements(v.Value); ; n++ {
		key, field, ok := it.Next()
		if !ok {
			break
		}
		if !s.validField(key, field) {
			return false
		}
	}
	if n < s.minFields || s.maxFields >= 0 && n > s.maxFields || !hasAll(v, s.required) {
		return false
	}
	for _, d := range s.dependencies {
		if _, there := value.Field(v.Value, d.field); !there {
			continue
		}
		if !hasAll(v, d.required) || d.schema != nil && !d.schema.valid(v) {
			return false
		}
	}
	return true
}

func (s *Schema) validField(name []byte, v bson.RawValue) bool {
	own, known := s.fields[string(name)]
	if known && !own.valid(v) {
		return false
	}
	for _, p := range s.patterns {
		if p.name.Match(name) {
			if known = true; !p.schema.valid(v) {
				return false
			}
		}
	}
	return known || s.others == nil || s.others.valid(v)
}

func hasAll(object bson.RawValue, names []string) bool {
	for _, name := range names {
		if _, ok := value.Field(object.Value, name); !ok {
			return false
		}
	}
	return true
}
