package value

import (
	"encoding/binary"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Rebuilt reports whether FromKey makes v again of its encoding by AppendKey and its type. It does not of what the
// encoding leaves out, as the sign of zero and the digits behind a decimal's last.
func Rebuilt(v bson.RawValue) bool {
	switch v.Type {
	case bson.TypeNull, bson.TypeString, bson.TypeInt32, bson.TypeBoolean, bson.TypeDateTime, bson.TypeObjectID:
		return true
	case bson.TypeInt64:
		n := integer(v)
		return n > -1<<53 && n < 1<<53
	case bson.TypeDouble:
		f := float(v.Value)
		return f == f && !(f == 0 && math.Signbit(f))
	}
	return false
}

// FromKey returns the value of a type whose encoding by AppendKey is key; ok is false if it is none that can be told,
// see Rebuilt.
func FromKey(t bson.Type, key []byte) (v bson.RawValue, ok bool) {
	if len(key) == 0 || key[0] != byte(ClassOf(t)) {
		return v, false
	}
	key = key[1:]
	switch t {
	case bson.TypeNull:
		return Null, len(key) == 0
	case bson.TypeString:
		text, ok := fromTextKey(key)
		return String(text), ok
	case bson.TypeBoolean:
		return bson.RawValue{Type: t, Value: key}, len(key) == 1
	case bson.TypeObjectID:
		return bson.RawValue{Type: t, Value: key}, len(key) == 12
	case bson.TypeDateTime:
		if len(key) != 8 {
			return v, false
		}
		return DateTimeMillis(int64(binary.BigEndian.Uint64(key) ^ 1<<63)), true
	}
	f, ok := fromNumberKey(key)
	switch {
	case !ok:
		return v, false
	case t == bson.TypeInt32:
		return Int32(int32(f)), float64(int32(f)) == f
	case t == bson.TypeInt64:
		return Int64Value(int64(f)), float64(int64(f)) == f
	case t == bson.TypeDouble:
		return Double(f), true
	}
	return v, false
}

func fromTextKey(key []byte) (string, bool) {
	text := make([]byte, 0, len(key))
	for i := 0; i+1 < len(key); i++ {
		switch {
		case key[i] != 0:
			text = append(text, key[i])
		case key[i+1] == 0xff:
			text = append(text, 0)
			i++
		default:
			return string(text), key[i+1] == 1 && i+2 == len(key)
		}
	}
	return "", false
}

func fromNumberKey(key []byte) (float64, bool) {
	if len(key) != 9 || key[8] != exactNumber {
		return 0, false
	}
	bits := binary.BigEndian.Uint64(key)
	if bits>>63 == 1 {
		bits &^= 1 << 63
	} else {
		bits = ^bits
	}
	return math.Float64frombits(bits), true
}
