package value

import (
	"bytes"
	"encoding/binary"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Size returns how many bytes of src a value of type t takes that starts there; -1 if src is too short for it or
// the type does not exist. It looks at lengths only.
func Size(t bson.Type, src []byte) int {
	size := -1
	switch t {
	case bson.TypeDouble, bson.TypeDateTime, bson.TypeTimestamp, bson.TypeInt64:
		size = 8
	case bson.TypeInt32:
		size = 4
	case bson.TypeString, bson.TypeSymbol, bson.TypeJavaScript:
		if size = length(src); size < 1 {
			return -1
		}
		size += 4
	case bson.TypeEmbeddedDocument, bson.TypeArray:
		if size = length(src); size < 5 {
			return -1
		}
	case bson.TypeCodeWithScope:
		if size = length(src); size < 14 {
			return -1
		}
	case bson.TypeBoolean:
		size = 1
	case bson.TypeObjectID:
		size = 12
	case bson.TypeDecimal128:
		size = 16
	case bson.TypeNull, bson.TypeUndefined, bson.TypeMinKey, bson.TypeMaxKey:
		return 0
	case bson.TypeBinary:
		if size = length(src); size < 0 {
			return -1
		}
		size += 5
	case bson.TypeDBPointer:
		if size = length(src); size < 1 {
			return -1
		}
		size += 16
	case bson.TypeRegex:
		pattern := bytes.IndexByte(src, 0)
		if pattern < 0 {
			return -1
		}
		options := bytes.IndexByte(src[pattern+1:], 0)
		if options < 0 {
			return -1
		}
		size = pattern + options + 2
	}
	if size > len(src) {
		return -1
	}
	return size
}

// length reads the int32 at the start of src; -1 if there is none.
func length(src []byte) int {
	if len(src) < 4 {
		return -1
	}
	return int(int32(binary.LittleEndian.Uint32(src)))
}

// Iterator walks the elements of a document or array. It stops at the end or where the bytes are malformed.
type Iterator struct {
	rest []byte
}

// Elements returns an iterator over a document's or an array's bytes.
func Elements(doc []byte) Iterator {
	if len(doc) < 5 {
		return Iterator{}
	}
	return Iterator{doc[4:]}
}

// Next returns the next element, ok false when there is none. Key and value point into the document.
func (it *Iterator) Next() (key []byte, v bson.RawValue, ok bool) {
	if len(it.rest) < 2 || it.rest[0] == 0 {
		return nil, bson.RawValue{}, false
	}
	t := bson.Type(it.rest[0])
	end := bytes.IndexByte(it.rest[1:], 0)
	if end < 0 {
		return nil, bson.RawValue{}, false
	}
	key, it.rest = it.rest[1:end+1], it.rest[end+2:]
	size := Size(t, it.rest)
	if size < 0 {
		it.rest = nil
		return nil, bson.RawValue{}, false
	}
	v = bson.RawValue{Type: t, Value: it.rest[:size:size]}
	it.rest = it.rest[size:]
	return key, v, true
}

// Field returns the value of a document's field by its exact name; ok is false if there is none.
func Field(doc []byte, name string) (v bson.RawValue, ok bool) {
	if len(doc) < 5 {
		return bson.RawValue{}, false
	}
	rest := doc[4:]
	for len(rest) > 1 && rest[0] != 0 {
		t := bson.Type(rest[0])
		var found bool
		if n := len(name) + 1; n < len(rest) && rest[n] == 0 && string(rest[1:n]) == name {
			found, rest = true, rest[n+1:]
		} else if end := bytes.IndexByte(rest[1:], 0); end >= 0 {
			rest = rest[end+2:]
		} else {
			break
		}
		size := Size(t, rest)
		if size < 0 {
			break
		}
		if found {
			return bson.RawValue{Type: t, Value: rest[:size:size]}, true
		}
		rest = rest[size:]
	}
	return bson.RawValue{}, false
}

// Element returns element i of an array; ok is false if the array is shorter.
func Element(array []byte, i int) (v bson.RawValue, ok bool) {
	if i < 0 {
		return bson.RawValue{}, false
	}
	it := Elements(array)
	for ; ; i-- {
		_, v, ok = it.Next()
		if !ok || i == 0 {
			return v, ok
		}
	}
}

// Count returns the number of elements of a document or array.
func Count(doc []byte) int {
	n := 0
	for it := Elements(doc); ; n++ {
		if _, _, ok := it.Next(); !ok {
			return n
		}
	}
}

// IsEmpty reports whether a document or array has no elements.
func IsEmpty(doc []byte) bool { return len(doc) < 5 || doc[4] == 0 }
