package value

import (
	"encoding/binary"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// BeginDocument appends the head of a document to dst. Remember len(dst) as start for EndDocument, append elements
// with Append or AppendIndexed, then call EndDocument.
func BeginDocument(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// EndDocument closes the document that BeginDocument began when dst was start bytes long.
func EndDocument(dst []byte, start int) []byte {
	dst = append(dst, 0)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

// Append appends one element to an open document; a missing value appends nothing.
func Append(dst []byte, key string, v bson.RawValue) []byte {
	if v.Type == 0 {
		return dst
	}
	dst = AppendHeader(dst, v.Type, key)
	return append(dst, v.Value...)
}

// AppendHeader appends an element's type and key; its value follows.
func AppendHeader(dst []byte, t bson.Type, key string) []byte {
	dst = append(append(dst, byte(t)), key...)
	return append(dst, 0)
}

// AppendIndexed appends element i to an open array; a missing value appends nothing.
func AppendIndexed(dst []byte, i int, v bson.RawValue) []byte {
	if v.Type == 0 {
		return dst
	}
	dst = AppendIndexHeader(dst, v.Type, i)
	return append(dst, v.Value...)
}

// AppendIndexHeader appends type and key of element i of an open array; its value follows.
func AppendIndexHeader(dst []byte, t bson.Type, i int) []byte {
	dst = strconv.AppendInt(append(dst, byte(t)), int64(i), 10)
	return append(dst, 0)
}

// AppendElement appends one element whose key is given as bytes, as an Iterator returns it.
func AppendElement(dst, key []byte, v bson.RawValue) []byte {
	dst = append(append(dst, byte(v.Type)), key...)
	return append(append(dst, 0), v.Value...)
}
