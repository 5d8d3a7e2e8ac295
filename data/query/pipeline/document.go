package pipeline

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// elements calls yield with the fields of a document or the elements of an array until it returns false.
func elements(doc []byte, yield func(key string, v bson.RawValue) bool) {
	for it := value.Elements(doc); ; {
		key, v, ok := it.Next()
		if !ok || !yield(string(key), v) {
			return
		}
	}
}

func items(array bson.RawValue) []bson.RawValue {
	var out []bson.RawValue
	elements(array.Value, func(_ string, v bson.RawValue) bool {
		out = append(out, v)
		return true
	})
	return out
}

// splitPath checks and splits the path of a field.
func splitPath(stage, text string) ([]string, error) {
	path := strings.Split(text, ".")
	for _, name := range path {
		if name == "" || strings.HasPrefix(name, "$") || strings.IndexByte(name, 0) >= 0 {
			return nil, invalid("%s: %q is not a field path: its names must be neither empty nor start with $", stage, text)
		}
	}
	return path, nil
}

// pathArgument reads a field path that is written as a string, without $.
func pathArgument(stage, name string, v bson.RawValue) ([]string, error) {
	if v.Type != bson.TypeString {
		return nil, invalid("%s: %s must be a string, not %s", stage, name, value.TypeName(v.Type))
	}
	return splitPath(stage, v.StringValue())
}

// getPath returns the value at a path that leads through objects only.
func getPath(doc []byte, path []string) bson.RawValue {
	v := value.Document(doc)
	for _, name := range path {
		if v.Type != bson.TypeEmbeddedDocument {
			return bson.RawValue{}
		}
		v, _ = value.Field(v.Value, name)
	}
	return v
}

// setPath returns a copy of doc with the value at path set, or removed if v is missing. What is not an object on the
// way is replaced by one.
func setPath(doc []byte, path []string, v bson.RawValue) bson.Raw {
	return appendSet(make([]byte, 0, len(doc)+len(v.Value)+32), doc, path, v)
}

func appendSet(dst, doc []byte, path []string, v bson.RawValue) []byte {
	start := len(dst)
	dst = value.BeginDocument(dst)
	done := false
	for it := value.Elements(doc); ; {
		key, old, ok := it.Next()
		if !ok {
			break
		}
		if done || string(key) != path[0] {
			dst = append(append(append(dst, byte(old.Type)), key...), 0)
			dst = append(dst, old.Value...)
			continue
		}
		done = true
		dst = appendSetValue(dst, old, path, v)
	}
	if !done {
		dst = appendSetValue(dst, bson.RawValue{}, path, v)
	}
	return value.EndDocument(dst, start)
}

func appendSetValue(dst []byte, old bson.RawValue, path []string, v bson.RawValue) []byte {
	if len(path) == 1 {
		return value.Append(dst, path[0], v)
	}
	if v.Type == 0 && old.Type != bson.TypeEmbeddedDocument {
		return value.Append(dst, path[0], old)
	}
	dst = value.AppendHeader(dst, bson.TypeEmbeddedDocument, path[0])
	if old.Type != bson.TypeEmbeddedDocument {
		old.Value = nil
	}
	return appendSet(dst, old.Value, path[1:], v)
}

// parameters reads the named arguments of a stage in the order of names; one that ends in ? may be left out.
func parameters(stage string, arg bson.RawValue, names ...string) ([]bson.RawValue, error) {
	if arg.Type != bson.TypeEmbeddedDocument {
		return nil, invalid("%s takes an object of named arguments, not %s", stage, value.TypeName(arg.Type))
	}
	out := make([]bson.RawValue, len(names))
	var err error
	elements(arg.Value, func(key string, v bson.RawValue) bool {
		for i, name := range names {
			if strings.TrimSuffix(name, "?") == key {
				out[i] = v
				return true
			}
		}
		err = invalid("%s has no argument %q", stage, key)
		return false
	})
	for i, name := range names {
		if err == nil && out[i].Type == 0 && !strings.HasSuffix(name, "?") {
			err = invalid("%s needs the argument %q", stage, name)
		}
	}
	return out, err
}

// stringArgument reads a named argument that is a text.
func stringArgument(stage, name string, v bson.RawValue) (string, error) {
	if v.Type != bson.TypeString || v.StringValue() == "" {
		return "", invalid("%s: %s must be a string that is not empty", stage, name)
	}
	return v.StringValue(), nil
}
