package schema

import (
	"bytes"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/internal/pattern"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

func invalid(format string, args ...any) error {
	return language.Errorf(language.FailedToParse, yunduo.ReasonInvalidFilter, "$jsonSchema: "+format, args...)
}

// Parse compiles a schema. It returns invalid_filter when a keyword has a wrong value or does not exist.
func Parse(raw bson.Raw) (*Schema, error) {
	if len(raw) > language.MaxSchemaBytes {
		return nil, invalid("a schema of %d bytes is larger than the limit of %d", len(raw), language.MaxSchemaBytes)
	}
	if err := value.Validate(raw); err != nil {
		return nil, invalid("the schema cannot be read")
	}
	return parse(bytes.Clone(raw))
}

func newSchema() *Schema {
	return &Schema{minLength: -1, maxLength: -1, maxItems: -1, maxFields: -1}
}

// keywordParser takes the value of a keyword into a schema.
type keywordParser func(s *Schema, name string, v bson.RawValue) error

func keywords() map[string]keywordParser {
	return map[string]keywordParser{
		"title": annotation, "description": annotation,
		"type": parseType, "bsonType": parseType, "enum": parseEnum,
		"minimum": parseBound, "maximum": parseBound, "exclusiveMinimum": parseExclusive, "exclusiveMaximum": parseExclusive,
		"multipleOf": parseMultipleOf, "minLength": parseCount, "maxLength": parseCount, "pattern": parsePattern,
		"minItems": parseCount, "maxItems": parseCount, "uniqueItems": parseUnique, "items": parseItems, "additionalItems": parseOthers,
		"minProperties": parseCount, "maxProperties": parseCount, "required": parseRequired, "properties": parseProperties,
		"patternProperties": parsePatternProperties, "additionalProperties": parseOthers, "dependencies": parseDependencies,
		"allOf": parseList, "anyOf": parseList, "oneOf": parseList, "not": parseNot,
	}
}

func parse(doc []byte) (*Schema, error) {
	s, table := newSchema(), keywords()
	// Bounds come first, so that exclusiveMinimum finds what it is about wherever it stands.
	for pass := range 2 {
		for it := value.Elements(doc); ; {
			key, v, ok := it.Next()
			if !ok {
				break
			}
			name := string(key)
			if (name == "minimum" || name == "maximum") != (pass == 0) {
				continue
			}
			keyword, ok := table[name]
			if !ok {
				return nil, invalid("the keyword %q does not exist here", name)
			}
			if err := keyword(s, name, v); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// parseInner compiles a schema inside another.
func parseInner(name string, v bson.RawValue) (*Schema, error) {
	if v.Type != bson.TypeEmbeddedDocument {
		return nil, wrongType(name, "a schema", v)
	}
	return parse(v.Value)
}

func wrongType(name, wanted string, v bson.RawValue) error {
	return language.Errorf(language.TypeMismatch, yunduo.ReasonInvalidFilter, "$jsonSchema: %s needs %s, not a value of type %s", name, wanted, value.TypeName(v.Type))
}

func annotation(_ *Schema, name string, v bson.RawValue) error {
	if v.Type != bson.TypeString {
		return wrongType(name, "a text", v)
	}
	return nil
}

// jsonTypes are the types of JSON Schema. There is no integer: BSON has int and long.
var jsonTypes = map[string][]bson.Type{
	"object": {bson.TypeEmbeddedDocument}, "array": {bson.TypeArray}, "string": {bson.TypeString}, "boolean": {bson.TypeBoolean},
	"null": {bson.TypeNull}, "number": {bson.TypeInt32, bson.TypeInt64, bson.TypeDouble, bson.TypeDecimal128},
}

func parseType(s *Schema, name string, v bson.RawValue) error {
	if s.types != nil {
		return invalid("a schema cannot have both type and bsonType")
	}
	s.types = &[256]bool{}
	if v.Type != bson.TypeArray {
		return s.allow(name, v)
	}
	if value.IsEmpty(v.Value) {
		return invalid("%s needs at least one type", name)
	}
	return eachItem(v, func(item bson.RawValue) error { return s.allow(name, item) })
}

func (s *Schema) allow(keyword string, v bson.RawValue) error {
	text, ok := value.Text(v)
	if !ok {
		return wrongType(keyword, "the name of a type, or a list of names", v)
	}
	types := jsonTypes[string(text)]
	if keyword == "bsonType" && string(text) != "number" {
		t, ok := value.TypeByName(string(text))
		if types = nil; ok {
			types = []bson.Type{t}
		}
	}
	if types == nil {
		return language.Errorf(language.BadValue, yunduo.ReasonInvalidFilter, "$jsonSchema: %s does not know the type %q", keyword, text)
	}
	for _, t := range types {
		if s.types[t] {
			return invalid("%s names %q twice", keyword, text)
		}
		s.types[t] = true
	}
	return nil
}

// eachItem calls do with the elements of an array until it fails.
func eachItem(array bson.RawValue, do func(item bson.RawValue) error) error {
	for it := value.Elements(array.Value); ; {
		_, item, ok := it.Next()
		if !ok {
			return nil
		}
		if err := do(item); err != nil {
			return err
		}
	}
}

func parseEnum(s *Schema, name string, v bson.RawValue) error {
	if v.Type != bson.TypeArray {
		return wrongType(name, "a list", v)
	}
	if value.IsEmpty(v.Value) {
		return invalid("%s needs at least one value", name)
	}
	s.enum = map[string]bool{}
	return eachItem(v, func(item bson.RawValue) error {
		key, err := value.AppendKey(nil, unordered(item))
		if err == nil && s.enum[string(key)] {
			return invalid("%s has the same value twice", name)
		}
		s.enum[string(key)] = true
		return err
	})
}

func parseBound(s *Schema, name string, v bson.RawValue) error {
	if !value.IsNumber(v) {
		return wrongType(name, "a number", v)
	}
	if name == "minimum" {
		s.minimum = &bound{value: v}
	} else {
		s.maximum = &bound{value: v}
	}
	return nil
}

func parseExclusive(s *Schema, name string, v bson.RawValue) error {
	if v.Type != bson.TypeBoolean {
		return wrongType(name, "true or false", v)
	}
	b, partner := s.minimum, "minimum"
	if name == "exclusiveMaximum" {
		b, partner = s.maximum, "maximum"
	}
	if b == nil {
		return invalid("%s needs %s beside it", name, partner)
	}
	b.exclusive = value.Truthy(v)
	return nil
}

func parseMultipleOf(s *Schema, name string, v bson.RawValue) error {
	if !value.IsNumber(v) {
		return wrongType(name, "a number", v)
	}
	if f, _ := value.Float64(v); value.IsNaN(v) || math.IsInf(f, 0) || value.Compare(v, value.Int32(0)) <= 0 {
		return invalid("%s needs a number above 0", name)
	}
	s.multipleOf = v
	return nil
}

func parseCount(s *Schema, name string, v bson.RawValue) error {
	n, ok := value.Int64(v)
	if !ok || n < 0 {
		return invalid("%s needs a whole number from 0", name)
	}
	switch name {
	case "minLength":
		s.minLength = n
	case "maxLength":
		s.maxLength = n
	case "minItems":
		s.minItems = n
	case "maxItems":
		s.maxItems = n
	case "minProperties":
		s.minFields = n
	case "maxProperties":
		s.maxFields = n
	}
	return nil
}

func compile(name, text string) (*pattern.Bounded, error) {
	re, err := pattern.Compile(text, "")
	if err != nil {
		return nil, invalid("%s has a regular expression that cannot be used here: %v", name, err)
	}
	return pattern.Bound(re), nil
}

func parsePattern(s *Schema, name string, v bson.RawValue) (err error) {
	text, ok := value.Text(v)
	if !ok {
		return wrongType(name, "a text", v)
	}
	s.pattern, err = compile(name, string(text))
	return err
}
