package value

import (
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Path is a dotted path, split once. A component of digits names a field of an object and an element of an array.
type Path struct {
	text  string
	parts []Part
}

// Part is one component of a path.
type Part struct {
	Name  string
	Index int // the array element that Name addresses, -1 when Name is no array index
}

// ParsePath splits a dotted path. Every text is a path; an empty component is a field without a name.
func ParsePath(text string) Path {
	parts := make([]Part, 0, strings.Count(text, ".")+1)
	for name := range strings.SplitSeq(text, ".") {
		parts = append(parts, Part{name, ArrayIndex(name)})
	}
	return Path{text, parts}
}

// ArrayIndex returns the array element that a path component addresses: the number that name writes in its shortest
// form, -1 if it is none.
func ArrayIndex(name string) int {
	if name == "" || len(name) > 9 || (name[0] == '0' && len(name) > 1) || name[0] < '0' || name[0] > '9' {
		return -1
	}
	n, err := strconv.Atoi(name)
	if err != nil {
		return -1
	}
	return n
}

// String returns the dotted form.
func (p Path) String() string { return p.text }

// Parts returns the components; the slice must not be changed.
func (p Path) Parts() []Part { return p.parts }

// From returns the path without its first n components.
func (p Path) From(n int) Path {
	text := p.text
	for range n {
		_, text, _ = strings.Cut(text, ".")
	}
	return Path{text, p.parts[n:]}
}

// Lookup returns the value at a path without traversing arrays: digits address array elements.
func Lookup(doc bson.Raw, path string) (v bson.RawValue, ok bool) {
	v = Document(doc)
	for {
		name, rest, more := strings.Cut(path, ".")
		switch v.Type {
		case bson.TypeEmbeddedDocument:
			v, ok = Field(v.Value, name)
		case bson.TypeArray:
			v, ok = Element(v.Value, ArrayIndex(name))
		default:
			return bson.RawValue{}, false
		}
		if !ok || !more {
			return v, ok
		}
		path = rest
	}
}

// Lookup returns the value at the path without traversing arrays.
func (p Path) Lookup(doc bson.Raw) (v bson.RawValue, ok bool) {
	v = Document(doc)
	for _, part := range p.parts {
		switch v.Type {
		case bson.TypeEmbeddedDocument:
			v, ok = Field(v.Value, part.Name)
		case bson.TypeArray:
			v, ok = Element(v.Value, part.Index)
		default:
			return bson.RawValue{}, false
		}
		if !ok {
			return v, false
		}
	}
	return v, true
}

// Values calls yield with every value that a filter on path sees: MongoDB's array traversal. An array at the end of
// the path gives its elements and then itself; a field that is not there gives the missing value with ok false.
// It stops when yield returns false.
func Values(doc bson.Raw, path string, yield func(v bson.RawValue, ok bool) bool) {
	ParsePath(path).Any(doc, true, func(v bson.RawValue) bool { return !yield(v, v.Type != 0) })
}

// Any calls found with the values that a filter on the path sees until found returns true, and reports whether it
// did. With expand, an array at the end of the path gives its elements and then itself, otherwise only itself.
// A missing field gives the zero value; elements of an array that cannot have the rest of the path give nothing.
func (p Path) Any(doc bson.Raw, expand bool, found func(v bson.RawValue) bool) bool {
	return anyInDocument(doc, p.parts, expand, found)
}

func anyInDocument(doc []byte, parts []Part, expand bool, found func(v bson.RawValue) bool) bool {
	for i := range parts {
		v, ok := Field(doc, parts[i].Name)
		rest := parts[i+1:]
		switch {
		case !ok:
			return found(bson.RawValue{})
		case v.Type == bson.TypeArray && len(rest) > 0:
			return anyInArray(v.Value, rest, expand, found)
		case v.Type == bson.TypeArray && expand:
			return anyElement(v, found)
		case len(rest) == 0:
			return found(v)
		case v.Type != bson.TypeEmbeddedDocument:
			return found(bson.RawValue{})
		}
		doc = v.Value
	}
	return false
}

func anyElement(array bson.RawValue, found func(v bson.RawValue) bool) bool {
	it := Elements(array.Value)
	for {
		_, v, ok := it.Next()
		if !ok {
			return found(array)
		}
		if found(v) {
			return true
		}
	}
}

// anyInArray follows parts into an array: into each object, and where the first part is an index also past it.
func anyInArray(array []byte, parts []Part, expand bool, found func(v bson.RawValue) bool) bool {
	it := Elements(array)
	for i := 0; ; i++ {
		_, v, ok := it.Next()
		if !ok {
			return false
		}
		if v.Type == bson.TypeEmbeddedDocument && anyInDocument(v.Value, parts, expand, found) {
			return true
		}
		if parts[0].Index != i {
			continue
		}
		switch {
		case len(parts) == 1:
			ok = found(v)
		case v.Type == bson.TypeEmbeddedDocument:
			ok = anyInDocument(v.Value, parts[1:], expand, found)
		case v.Type == bson.TypeArray:
			ok = anyInArray(v.Value, parts[1:], expand, found)
		default:
			ok = false
		}
		if ok {
			return true
		}
	}
}
