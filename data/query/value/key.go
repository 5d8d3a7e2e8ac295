package value

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/collation"
)

// AppendKey appends an encoding of v whose bytes order as values do: bytes.Compare of two encodings is Compare of
// their values. No encoding is a prefix of another, so that components can be concatenated. The type is not kept:
// 1 and 1.0 have the same key. It returns invalid_document for malformed bytes.
//
// An encoding is the class byte and then: nothing (null, missing, MinKey, MaxKey); 8 bytes of the double next below
// or equal, 0x80 if equal, else 0x81 and the decimal digits (numbers); the text with 00 escaped as 00 FF, end 00 01
// (strings, code); per field class, name, 00, value, end 00 (objects); values, end 00 (arrays); length, subtype,
// content (binary); fixed-width content (the rest).
func AppendKey(dst []byte, v bson.RawValue) ([]byte, error) { return AppendKeyBy(nil, dst, v) }

// AppendKeyBy is AppendKey for the order of CompareBy.
func AppendKeyBy(by *collation.Collation, dst []byte, v bson.RawValue) ([]byte, error) {
	if v.Type != 0 && Size(v.Type, v.Value) != len(v.Value) {
		return dst, yunduo.Errorf(yunduo.ReasonInvalidDocument, "a value of type %s has malformed bytes", TypeName(v.Type))
	}
	return appendKeyValue(by, append(dst, byte(ClassOf(v.Type))), v), nil
}

// AppendKeyDescending appends the encoding of AppendKey with every byte inverted: greater values sort first.
func AppendKeyDescending(dst []byte, v bson.RawValue) ([]byte, error) {
	return AppendKeyDescendingBy(nil, dst, v)
}

// AppendKeyDescendingBy is AppendKeyDescending for the order of CompareBy.
func AppendKeyDescendingBy(by *collation.Collation, dst []byte, v bson.RawValue) ([]byte, error) {
	start := len(dst)
	dst, err := AppendKeyBy(by, dst, v)
	if err != nil {
		return dst, err
	}
	for i := start; i < len(dst); i++ {
		dst[i] = ^dst[i]
	}
	return dst, nil
}

// Keyed returns v with a text that holds the collation's key in the place of each text: AppendKey and Compare of what
// comes out are AppendKeyBy and CompareBy of v. With the simple collation that is v itself.
func Keyed(by *collation.Collation, v bson.RawValue) bson.RawValue {
	switch class := ClassOf(v.Type); {
	case by == nil:
	case class == ClassString:
		return String(string(by.AppendKey(nil, stringBytes(v.Value))))
	case class == ClassObject, class == ClassArray:
		dst := BeginDocument(nil)
		for it := Elements(v.Value); ; {
			key, inner, ok := it.Next()
			if !ok {
				v.Value = EndDocument(dst, 0)
				return v
			}
			dst = AppendElement(dst, key, Keyed(by, inner))
		}
	}
	return v
}

// appendKeyValue appends what follows the class byte. The sizes of nested values are checked by the iterator.
func appendKeyValue(by *collation.Collation, dst []byte, v bson.RawValue) []byte {
	switch ClassOf(v.Type) {
	case ClassNumber:
		return appendNumberKey(dst, v)
	case ClassString:
		if by != nil {
			var buffer [128]byte
			return appendTextKey(dst, by.AppendKey(buffer[:0], stringBytes(v.Value)))
		}
		return appendTextKey(dst, stringBytes(v.Value))
	case ClassCode:
		return appendTextKey(dst, stringBytes(v.Value))
	case ClassObject:
		return appendObjectKey(by, dst, v.Value)
	case ClassArray:
		return appendArrayKey(by, dst, v.Value)
	case ClassBinary:
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v.Value)-5))
		return append(dst, v.Value[4:]...)
	case ClassObjectID, ClassBool, ClassRegex:
		return append(dst, v.Value...)
	case ClassDate:
		return binary.BigEndian.AppendUint64(dst, binary.LittleEndian.Uint64(v.Value)^1<<63)
	case ClassTimestamp:
		return binary.BigEndian.AppendUint64(dst, binary.LittleEndian.Uint64(v.Value))
	case ClassDBPointer:
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v.Value)))
		return append(dst, v.Value[4:]...)
	case ClassCodeWithScope:
		code, scope := codeWithScope(v.Value)
		return appendObjectKey(nil, appendTextKey(dst, code), scope)
	}
	return dst
}

func appendTextKey(dst, text []byte) []byte {
	for _, c := range text {
		dst = append(dst, c)
		if c == 0 {
			dst = append(dst, 0xff)
		}
	}
	return append(dst, 0, 1)
}

func appendObjectKey(by *collation.Collation, dst, doc []byte) []byte {
	it := Elements(doc)
	for {
		key, v, ok := it.Next()
		if !ok {
			return append(dst, 0)
		}
		dst = append(append(dst, byte(ClassOf(v.Type))), key...)
		dst = appendKeyValue(by, append(dst, 0), v)
	}
}

func appendArrayKey(by *collation.Collation, dst, array []byte) []byte {
	it := Elements(array)
	for {
		_, v, ok := it.Next()
		if !ok {
			return append(dst, 0)
		}
		dst = appendKeyValue(by, append(dst, byte(ClassOf(v.Type))), v)
	}
}

const (
	exactNumber   = 0x80
	inexactNumber = 0x81
)

func appendNumberKey(dst []byte, v bson.RawValue) []byte {
	switch v.Type {
	case bson.TypeDouble:
		return append(appendFloatKey(dst, float(v.Value)), exactNumber)
	case bson.TypeDecimal128:
		return appendDecimalKey(dst, decimal128(v.Value))
	}
	n := integer(v)
	f := float64(n)
	switch compareIntDouble(n, f) {
	case 0:
		return append(appendFloatKey(dst, f), exactNumber)
	case -1:
		f = math.Nextafter(f, math.Inf(-1))
	}
	dst = append(appendFloatKey(dst, f), inexactNumber)
	return appendDigitsKey(dst, n < 0, strings.TrimPrefix(strconv.FormatInt(n, 10), "-"), 0)
}

// appendFloatKey appends 8 bytes that order as doubles do, NaN first, both zeros equal.
func appendFloatKey(dst []byte, f float64) []byte {
	bits := math.Float64bits(f)
	switch {
	case f != f:
		bits = 0
	case f == 0:
		bits = 1 << 63
	case f < 0:
		bits = ^bits
	default:
		bits |= 1 << 63
	}
	return binary.BigEndian.AppendUint64(dst, bits)
}

func appendDecimalKey(dst []byte, d bson.Decimal128) []byte {
	if d.IsNaN() {
		return append(appendFloatKey(dst, math.NaN()), exactNumber)
	}
	if sign := d.IsInf(); sign != 0 {
		return append(appendFloatKey(dst, math.Inf(sign)), exactNumber)
	}
	coefficient, exponent, err := d.BigInt()
	if err != nil || coefficient.Sign() == 0 {
		return append(appendFloatKey(dst, 0), exactNumber)
	}
	negative := coefficient.Sign() < 0
	digits := coefficient.Abs(coefficient).String()
	f, exact := floorFloat(negative, digits, exponent)
	dst = appendFloatKey(dst, f)
	if exact {
		return append(dst, exactNumber)
	}
	return appendDigitsKey(append(dst, inexactNumber), negative, digits, exponent)
}

// floorFloat returns the greatest double that is not above ±digits·10^exponent, and whether it is equal.
func floorFloat(negative bool, digits string, exponent int) (f float64, exact bool) {
	adjusted := exponent + len(digits) - 1
	text := digits + "e" + strconv.Itoa(exponent)
	if negative {
		text = "-" + text
	}
	switch {
	case adjusted > 310:
		f = math.Inf(1)
	case adjusted < -330:
		f = 0
	default:
		f, _ = strconv.ParseFloat(text, 64) // out of range gives the infinity, which is handled below
	}
	switch {
	case (math.IsInf(f, 0) || adjusted > 310) && negative:
		return math.Inf(-1), false
	case math.IsInf(f, 0):
		return math.MaxFloat64, false
	case f == 0 && negative:
		return -math.SmallestNonzeroFloat64, false
	case f == 0:
		return 0, false
	}
	want, _ := new(big.Rat).SetString(text)
	switch want.Cmp(new(big.Rat).SetFloat64(f)) {
	case 0:
		return f, true
	case -1:
		f = math.Nextafter(f, math.Inf(-1))
	}
	return f, false
}

// appendDigitsKey appends a decimal number so that bytes order as numbers of one sign do: exponent of the first
// digit, digits without trailing zeros, end; inverted for negative ones.
func appendDigitsKey(dst []byte, negative bool, digits string, exponent int) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, uint16(exponent+len(digits)-1+1<<15))
	dst = append(append(dst, strings.TrimRight(digits, "0")...), 0)
	if negative {
		for i := start; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst
}

func decimal128(v []byte) bson.Decimal128 {
	return bson.NewDecimal128(binary.LittleEndian.Uint64(v[8:]), binary.LittleEndian.Uint64(v))
}
