package value

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
)

// Class is a value's place in MongoDB's order of types. Values of one class compare by value, whatever their types:
// all numbers are of one class. The numbers are part of the key encoding.
type Class byte

// The classes in order. ClassMissing is that of a missing field and of the deprecated undefined.
const (
	ClassMinKey        Class = 0x08
	ClassMissing       Class = 0x10
	ClassNull          Class = 0x18
	ClassNumber        Class = 0x20
	ClassString        Class = 0x28
	ClassObject        Class = 0x30
	ClassArray         Class = 0x38
	ClassBinary        Class = 0x40
	ClassObjectID      Class = 0x48
	ClassBool          Class = 0x50
	ClassDate          Class = 0x58
	ClassTimestamp     Class = 0x60
	ClassRegex         Class = 0x68
	ClassDBPointer     Class = 0x70
	ClassCode          Class = 0x78
	ClassCodeWithScope Class = 0x80
	ClassMaxKey        Class = 0xf0
)

// ClassOf returns the class of a type; a type that does not exist counts as missing.
func ClassOf(t bson.Type) Class {
	switch t {
	case bson.TypeMinKey:
		return ClassMinKey
	case bson.TypeNull:
		return ClassNull
	case bson.TypeInt32, bson.TypeInt64, bson.TypeDouble, bson.TypeDecimal128:
		return ClassNumber
	case bson.TypeString, bson.TypeSymbol:
		return ClassString
	case bson.TypeEmbeddedDocument:
		return ClassObject
	case bson.TypeArray:
		return ClassArray
	case bson.TypeBinary:
		return ClassBinary
	case bson.TypeObjectID:
		return ClassObjectID
	case bson.TypeBoolean:
		return ClassBool
	case bson.TypeDateTime:
		return ClassDate
	case bson.TypeTimestamp:
		return ClassTimestamp
	case bson.TypeRegex:
		return ClassRegex
	case bson.TypeDBPointer:
		return ClassDBPointer
	case bson.TypeJavaScript:
		return ClassCode
	case bson.TypeCodeWithScope:
		return ClassCodeWithScope
	case bson.TypeMaxKey:
		return ClassMaxKey
	}
	return ClassMissing
}

// Equal reports whether a and b have the same place in MongoDB's order: 1 and 1.0 are equal, null and missing are not.
func Equal(a, b bson.RawValue) bool { return CompareBy(nil, a, b) == 0 }

// Compare orders any two values as MongoDB does: by class, then by value. It returns -1, 0 or 1.
func Compare(a, b bson.RawValue) int { return CompareBy(nil, a, b) }

// CompareBy is Compare with texts, also those inside objects and arrays, in the order of a collation.
func CompareBy(by *collation.Collation, a, b bson.RawValue) int {
	class := ClassOf(a.Type)
	if other := ClassOf(b.Type); class != other {
		return cmp.Compare(class, other)
	}
	if a.Type != 0 && (Size(a.Type, a.Value) < 0 || Size(b.Type, b.Value) < 0) {
		return bytes.Compare(a.Value, b.Value) // malformed: any stable order
	}
	switch class {
	case ClassNumber:
		return compareNumbers(a, b)
	case ClassString:
		if by == nil {
			return bytes.Compare(stringBytes(a.Value), stringBytes(b.Value))
		}
		return by.Compare(stringBytes(a.Value), stringBytes(b.Value))
	case ClassCode:
		return bytes.Compare(stringBytes(a.Value), stringBytes(b.Value))
	case ClassObject:
		return compareObjects(by, a.Value, b.Value)
	case ClassArray:
		return compareArrays(by, a.Value, b.Value)
	case ClassBinary:
		return compareBinary(a.Value, b.Value)
	case ClassDate:
		return cmp.Compare(int64(binary.LittleEndian.Uint64(a.Value)), int64(binary.LittleEndian.Uint64(b.Value)))
	case ClassTimestamp:
		return cmp.Compare(binary.LittleEndian.Uint64(a.Value), binary.LittleEndian.Uint64(b.Value))
	case ClassObjectID, ClassBool:
		return bytes.Compare(a.Value, b.Value)
	case ClassRegex:
		return compareRegexes(a.Value, b.Value)
	case ClassDBPointer:
		return cmp.Or(cmp.Compare(len(a.Value), len(b.Value)), bytes.Compare(a.Value, b.Value))
	case ClassCodeWithScope:
		codeA, scopeA := codeWithScope(a.Value)
		codeB, scopeB := codeWithScope(b.Value)
		return cmp.Or(bytes.Compare(codeA, codeB), compareObjects(nil, scopeA, scopeB))
	}
	return 0 // missing, null, MinKey, MaxKey
}

// stringBytes returns the text of a string value without length and final zero byte.
func stringBytes(v []byte) []byte {
	if len(v) < 5 {
		return nil
	}
	return v[4 : len(v)-1]
}

func compareObjects(by *collation.Collation, a, b []byte) int {
	itA, itB := Elements(a), Elements(b)
	for {
		keyA, valueA, okA := itA.Next()
		keyB, valueB, okB := itB.Next()
		if !okA || !okB {
			return boolCompare(okA, okB)
		}
		if c := cmp.Compare(ClassOf(valueA.Type), ClassOf(valueB.Type)); c != 0 {
			return c
		}
		if c := bytes.Compare(keyA, keyB); c != 0 {
			return c
		}
		if c := CompareBy(by, valueA, valueB); c != 0 {
			return c
		}
	}
}

func compareArrays(by *collation.Collation, a, b []byte) int {
	itA, itB := Elements(a), Elements(b)
	for {
		_, valueA, okA := itA.Next()
		_, valueB, okB := itB.Next()
		if !okA || !okB {
			return boolCompare(okA, okB)
		}
		if c := CompareBy(by, valueA, valueB); c != 0 {
			return c
		}
	}
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// compareBinary orders by length, then subtype, then content.
func compareBinary(a, b []byte) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), bytes.Compare(a[4:], b[4:]))
}

func compareRegexes(a, b []byte) int {
	patternA, optionsA := regexBytes(a)
	patternB, optionsB := regexBytes(b)
	return cmp.Or(bytes.Compare(patternA, patternB), bytes.Compare(optionsA, optionsB))
}

func regexBytes(v []byte) (pattern, options []byte) {
	end := bytes.IndexByte(v, 0)
	return v[:end], v[end+1 : len(v)-1]
}

// codeWithScope splits total length, code string, scope document; a malformed value gives nothing.
func codeWithScope(v []byte) (code, scope []byte) {
	n := Size(bson.TypeString, v[4:])
	if n < 0 {
		return nil, nil
	}
	return stringBytes(v[4 : 4+n]), v[4+n:]
}

func compareNumbers(a, b bson.RawValue) int {
	switch {
	case a.Type == bson.TypeDecimal128 || b.Type == bson.TypeDecimal128:
		var bufA, bufB [64]byte
		return bytes.Compare(appendNumberKey(bufA[:0], a), appendNumberKey(bufB[:0], b))
	case a.Type == bson.TypeDouble && b.Type == bson.TypeDouble:
		return cmp.Compare(float(a.Value), float(b.Value)) // NaN equals NaN and is below everything
	case a.Type == bson.TypeDouble:
		return -compareIntDouble(integer(b), float(a.Value))
	case b.Type == bson.TypeDouble:
		return compareIntDouble(integer(a), float(b.Value))
	}
	return cmp.Compare(integer(a), integer(b))
}

func float(v []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(v)) }

// integer returns the value of an int or a long.
func integer(v bson.RawValue) int64 {
	if v.Type == bson.TypeInt32 {
		return int64(int32(binary.LittleEndian.Uint32(v.Value)))
	}
	return int64(binary.LittleEndian.Uint64(v.Value))
}

// compareIntDouble compares exactly, without rounding n to a double.
func compareIntDouble(n int64, f float64) int {
	switch {
	case f != f, f < -1<<63:
		return 1
	case f >= 1<<63:
		return -1
	}
	whole := math.Trunc(f)
	return cmp.Or(cmp.Compare(n, int64(whole)), cmp.Compare(0, f-whole))
}
