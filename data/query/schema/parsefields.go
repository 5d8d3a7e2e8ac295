package schema

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

func parseUnique(s *Schema, name string, v bson.RawValue) error {
	if v.Type != bson.TypeBoolean {
		return wrongType(name, "true or false", v)
	}
	s.unique = value.Truthy(v)
	return nil
}

// parseItems compiles one schema for all elements, or a list of schemas by place.
func parseItems(s *Schema, name string, v bson.RawValue) (err error) {
	if v.Type != bson.TypeArray {
		s.each, err = parseInner(name, v)
		return err
	}
	s.places, err = schemas(name, v)
	return err
}

func schemas(name string, v bson.RawValue) ([]*Schema, error) {
	list := []*Schema{}
	err := eachItem(v, func(item bson.RawValue) error {
		inner, err := parseInner(name, item)
		list = append(list, inner)
		return err
	})
	return list, err
}

// parseOthers compiles additionalItems or additionalProperties: a schema, true for anything, false for none.
func parseOthers(s *Schema, name string, v bson.RawValue) (err error) {
	var others *Schema
	switch {
	case v.Type == bson.TypeBoolean && value.Truthy(v):
	case v.Type == bson.TypeBoolean:
		others = &Schema{never: true}
	default:
		if others, err = parseInner(name, v); err != nil {
			return err
		}
	}
	if name == "additionalItems" {
		s.further = others
	} else {
		s.others = others
	}
	return nil
}

// names reads a list of field names that has at least one and none twice.
func names(keyword string, v bson.RawValue) ([]string, error) {
	if v.Type != bson.TypeArray {
		return nil, wrongType(keyword, "a list of field names", v)
	}
	if value.IsEmpty(v.Value) {
		return nil, invalid("%s needs at least one field name", keyword)
	}
	var list []string
	seen := map[string]bool{}
	err := eachItem(v, func(item bson.RawValue) error {
		text, ok := value.Text(item)
		if !ok {
			return wrongType(keyword, "field names", item)
		}
		if seen[string(text)] {
			return invalid("%s names %q twice", keyword, text)
		}
		seen[string(text)] = true
		list = append(list, string(text))
		return nil
	})
	return list, err
}

func parseRequired(s *Schema, name string, v bson.RawValue) (err error) {
	s.required, err = names(name, v)
	return err
}

// eachField calls do with the fields of an object until it fails.
func eachField(name string, v bson.RawValue, do func(field string, v bson.RawValue) error) error {
	if v.Type != bson.TypeEmbeddedDocument {
		return wrongType(name, "an object", v)
	}
	for it := value.Elements(v.Value); ; {
		key, inner, ok := it.Next()
		if !ok {
			return nil
		}
		if err := do(string(key), inner); err != nil {
			return err
		}
	}
}

func parseProperties(s *Schema, name string, v bson.RawValue) error {
	s.fields = map[string]*Schema{}
	return eachField(name, v, func(field string, v bson.RawValue) (err error) {
		s.fields[field], err = parseInner(name+"."+field, v)
		return err
	})
}

func parsePatternProperties(s *Schema, name string, v bson.RawValue) error {
	return eachField(name, v, func(field string, v bson.RawValue) error {
		re, err := compile(name, field)
		if err != nil {
			return err
		}
		inner, err := parseInner(name+"."+field, v)
		s.patterns = append(s.patterns, patternSchema{re, inner})
		return err
	})
}

func parseDependencies(s *Schema, name string, v bson.RawValue) error {
	return eachField(name, v, func(field string, v bson.RawValue) (err error) {
		d := dependency{field: field}
		if v.Type == bson.TypeArray {
			d.required, err = names(name, v)
		} else {
			d.schema, err = parseInner(name, v)
		}
		s.dependencies = append(s.dependencies, d)
		return err
	})
}

func parseList(s *Schema, name string, v bson.RawValue) error {
	if v.Type != bson.TypeArray {
		return wrongType(name, "a list of schemas", v)
	}
	list, err := schemas(name, v)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return invalid("%s needs at least one schema", name)
	}
	switch name {
	case "allOf":
		s.all = list
	case "anyOf":
		s.any = list
	default:
		s.one = list
	}
	return nil
}

func parseNot(s *Schema, name string, v bson.RawValue) (err error) {
	s.not, err = parseInner(name, v)
	return err
}
