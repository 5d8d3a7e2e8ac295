// Package value compares, orders, encodes and computes with single BSON values the way MongoDB does, on their raw
// bytes.
package value

import (
	"encoding/binary"
	"math"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Null is the null value. Missing, the zero RawValue, is not null: it stands for a field that is not there.
var Null = bson.RawValue{Type: bson.TypeNull}

// Missing reports whether v stands for a field that is not there.
func Missing(v bson.RawValue) bool { return v.Type == 0 }

// Nullish reports whether v is missing, undefined or null.
func Nullish(v bson.RawValue) bool {
	return v.Type == 0 || v.Type == bson.TypeNull || v.Type == bson.TypeUndefined
}

// Int32 returns n as a value of type int.
func Int32(n int32) bson.RawValue {
	return bson.RawValue{Type: bson.TypeInt32, Value: binary.LittleEndian.AppendUint32(nil, uint32(n))}
}

// Int64Value returns n as a value of type long.
func Int64Value(n int64) bson.RawValue {
	return bson.RawValue{Type: bson.TypeInt64, Value: binary.LittleEndian.AppendUint64(nil, uint64(n))}
}

// Int returns n as int where it fits, else as long.
func Int(n int64) bson.RawValue {
	if n >= math.MinInt32 && n <= math.MaxInt32 {
		return Int32(int32(n))
	}
	return Int64Value(n)
}

// Double returns f as a value of type double.
func Double(f float64) bson.RawValue {
	return bson.RawValue{Type: bson.TypeDouble, Value: binary.LittleEndian.AppendUint64(nil, math.Float64bits(f))}
}

// Decimal returns d as a value of type decimal.
func Decimal(d bson.Decimal128) bson.RawValue {
	high, low := d.GetBytes()
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 16), low)
	return bson.RawValue{Type: bson.TypeDecimal128, Value: binary.LittleEndian.AppendUint64(b, high)}
}

// String returns s as a value of type string.
func String(s string) bson.RawValue {
	b := make([]byte, 0, len(s)+5)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s)+1))
	b = append(b, s...)
	return bson.RawValue{Type: bson.TypeString, Value: append(b, 0)}
}

var (
	trueBytes  = []byte{1}
	falseBytes = []byte{0}
)

// Bool returns b as a value of type bool. Its bytes are shared and must not be changed.
func Bool(b bool) bson.RawValue {
	if b {
		return bson.RawValue{Type: bson.TypeBoolean, Value: trueBytes}
	}
	return bson.RawValue{Type: bson.TypeBoolean, Value: falseBytes}
}

// DateTime returns t, cut to milliseconds, as a value of type date.
func DateTime(t time.Time) bson.RawValue { return DateTimeMillis(t.UnixMilli()) }

// DateTimeMillis returns the date that is ms milliseconds after 1970-01-01T00:00:00Z.
func DateTimeMillis(ms int64) bson.RawValue {
	return bson.RawValue{Type: bson.TypeDateTime, Value: binary.LittleEndian.AppendUint64(nil, uint64(ms))}
}

// ObjectID returns id as a value of type objectId.
func ObjectID(id bson.ObjectID) bson.RawValue {
	return bson.RawValue{Type: bson.TypeObjectID, Value: id[:]}
}

// Binary returns data as a value of type binData. Subtype 2, the old form, repeats the length inside.
func Binary(subtype byte, data []byte) bson.RawValue {
	size := len(data)
	if subtype == bson.TypeBinaryBinaryOld {
		size += 4
	}
	b := make([]byte, 0, size+5)
	b = append(binary.LittleEndian.AppendUint32(b, uint32(size)), subtype)
	if subtype == bson.TypeBinaryBinaryOld {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	}
	return bson.RawValue{Type: bson.TypeBinary, Value: append(b, data...)}
}

// Regex returns a regular expression; options must be sorted. Neither text may contain a zero byte.
func Regex(pattern, options string) bson.RawValue {
	b := make([]byte, 0, len(pattern)+len(options)+2)
	b = append(append(b, pattern...), 0)
	return bson.RawValue{Type: bson.TypeRegex, Value: append(append(b, options...), 0)}
}

// Timestamp returns an internal timestamp of t seconds and counter i.
func Timestamp(t, i uint32) bson.RawValue {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 8), i)
	return bson.RawValue{Type: bson.TypeTimestamp, Value: binary.LittleEndian.AppendUint32(b, t)}
}

// MinKey is below, MaxKey above every other value.
var (
	MinKey = bson.RawValue{Type: bson.TypeMinKey}
	MaxKey = bson.RawValue{Type: bson.TypeMaxKey}
)

// Document returns the bytes of a document as a value.
func Document(doc bson.Raw) bson.RawValue {
	return bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: doc}
}

// Array returns the bytes of an array (a document whose keys are 0, 1, ...) as a value. ArrayOf builds one.
func Array(array []byte) bson.RawValue { return bson.RawValue{Type: bson.TypeArray, Value: array} }

// ArrayOf returns an array of values; missing ones become null.
func ArrayOf(values ...bson.RawValue) bson.RawValue {
	b := BeginDocument(nil)
	for i, v := range values {
		if v.Type == 0 {
			v = Null
		}
		b = AppendIndexed(b, i, v)
	}
	return Array(EndDocument(b, 0))
}

// Of marshals any Go value that the bson package can, for tests and constants. It panics on one that it cannot.
func Of(v any) bson.RawValue {
	if v == nil {
		return Null
	}
	t, data, err := bson.MarshalValue(v)
	if err != nil {
		panic("value.Of: " + err.Error())
	}
	return bson.RawValue{Type: t, Value: data}
}

// Text returns the text of a string or symbol without copying it; ok is false for other types.
func Text(v bson.RawValue) (text []byte, ok bool) {
	if ClassOf(v.Type) != ClassString || len(v.Value) < 5 {
		return nil, false
	}
	return v.Value[4 : len(v.Value)-1], true
}
