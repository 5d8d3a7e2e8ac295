// Package ejson translates between BSON bytes and MongoDB Extended JSON v2, in one pass each way and without decoding
// into Go values.
package ejson

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// Append appends doc as relaxed Extended JSON: numbers plain where JavaScript reads them exactly, dates from 1970 to
// 9999 as text, everything else with its type. Malformed bytes end the document early; the JSON stays well-formed.
func Append(dst []byte, doc bson.Raw) []byte { return appender{}.document(dst, doc) }

// AppendCanonical appends doc as canonical Extended JSON, which keeps every type.
func AppendCanonical(dst []byte, doc bson.Raw) []byte {
	return appender{canonical: true}.document(dst, doc)
}

// AppendValue appends a single value as relaxed Extended JSON; a missing value becomes null.
func AppendValue(dst []byte, v bson.RawValue) []byte { return appender{}.value(dst, v) }

// AppendValueCanonical appends a single value as canonical Extended JSON; a missing value becomes null.
func AppendValueCanonical(dst []byte, v bson.RawValue) []byte {
	return appender{canonical: true}.value(dst, v)
}

type appender struct {
	canonical bool
}

func (a appender) document(dst []byte, doc []byte) []byte {
	it := value.Elements(doc)
	dst = append(dst, '{')
	first := true
	for {
		key, v, ok := it.Next()
		if !ok {
			return append(dst, '}')
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendText(dst, key)
		dst = a.value(append(dst, ':'), v)
	}
}

func (a appender) array(dst []byte, array []byte) []byte {
	it := value.Elements(array)
	dst = append(dst, '[')
	first := true
	for {
		_, v, ok := it.Next()
		if !ok {
			return append(dst, ']')
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = a.value(dst, v)
	}
}

func (a appender) value(dst []byte, v bson.RawValue) []byte {
	if v.Type == 0 || value.Size(v.Type, v.Value) < 0 {
		return append(dst, "null"...)
	}
	switch v.Type {
	case bson.TypeDouble:
		return a.double(dst, v.Double())
	case bson.TypeString:
		return appendText(dst, v.Value[4:len(v.Value)-1])
	case bson.TypeEmbeddedDocument:
		return a.document(dst, v.Value)
	case bson.TypeArray:
		return a.array(dst, v.Value)
	case bson.TypeObjectID:
		dst = append(dst, `{"$oid":"`...)
		return append(hex.AppendEncode(dst, v.Value), `"}`...)
	case bson.TypeBoolean:
		return strconv.AppendBool(dst, v.Value[0] != 0)
	case bson.TypeDateTime:
		return a.date(dst, v.DateTime())
	case bson.TypeNull:
		return append(dst, "null"...)
	case bson.TypeInt32:
		if !a.canonical {
			return strconv.AppendInt(dst, int64(v.Int32()), 10)
		}
		dst = append(dst, `{"$numberInt":"`...)
		return append(strconv.AppendInt(dst, int64(v.Int32()), 10), `"}`...)
	case bson.TypeInt64:
		if n := v.Int64(); !a.canonical && n >= -1<<53 && n <= 1<<53 {
			return strconv.AppendInt(dst, n, 10)
		}
		return appendLong(dst, v.Int64())
	case bson.TypeDecimal128:
		dst = append(dst, `{"$numberDecimal":"`...)
		return append(append(dst, v.Decimal128().String()...), `"}`...)
	}
	return a.rare(dst, v)
}

// rare appends the types that user data seldom has.
func (a appender) rare(dst []byte, v bson.RawValue) []byte {
	switch v.Type {
	case bson.TypeBinary:
		dst = append(dst, `{"$binary":{"base64":"`...)
		data := v.Value[5:]
		if v.Value[4] == bson.TypeBinaryBinaryOld && len(data) >= 4 {
			data = data[4:] // the length, which this form repeats
		}
		dst = base64.StdEncoding.AppendEncode(dst, data)
		dst = append(dst, `","subType":"`...)
		return append(hex.AppendEncode(dst, v.Value[4:5]), `"}}`...)
	case bson.TypeRegex:
		if pattern, options, ok := v.RegexOK(); ok {
			dst = appendText(append(dst, `{"$regularExpression":{"pattern":`...), []byte(pattern))
			return append(appendText(append(dst, `,"options":`...), []byte(options)), "}}"...)
		}
	case bson.TypeTimestamp:
		t, i := v.Timestamp()
		dst = strconv.AppendUint(append(dst, `{"$timestamp":{"t":`...), uint64(t), 10)
		return append(strconv.AppendUint(append(dst, `,"i":`...), uint64(i), 10), "}}"...)
	case bson.TypeMinKey:
		return append(dst, `{"$minKey":1}`...)
	case bson.TypeMaxKey:
		return append(dst, `{"$maxKey":1}`...)
	case bson.TypeUndefined:
		return append(dst, `{"$undefined":true}`...)
	case bson.TypeJavaScript:
		return append(appendText(append(dst, `{"$code":`...), v.Value[4:len(v.Value)-1]), '}')
	case bson.TypeSymbol:
		return append(appendText(append(dst, `{"$symbol":`...), v.Value[4:len(v.Value)-1]), '}')
	case bson.TypeCodeWithScope:
		if code, scope, ok := v.CodeWithScopeOK(); ok {
			dst = appendText(append(dst, `{"$code":`...), []byte(code))
			return append(a.document(append(dst, `,"$scope":`...), scope), '}')
		}
	case bson.TypeDBPointer:
		if ns, id, ok := v.DBPointerOK(); ok {
			dst = appendText(append(dst, `{"$dbPointer":{"$ref":`...), []byte(ns))
			return append(hex.AppendEncode(append(dst, `,"$id":{"$oid":"`...), id[:]), `"}}}`...)
		}
	}
	return append(dst, "null"...)
}

func appendLong(dst []byte, n int64) []byte {
	dst = append(dst, `{"$numberLong":"`...)
	return append(strconv.AppendInt(dst, n, 10), `"}`...)
}

func (a appender) double(dst []byte, f float64) []byte {
	text := ""
	switch {
	case f != f:
		text = "NaN"
	case math.IsInf(f, 1):
		text = "Infinity"
	case math.IsInf(f, -1):
		text = "-Infinity"
	case !a.canonical:
		return appendFloat(dst, f)
	}
	dst = append(dst, `{"$numberDouble":"`...)
	if text == "" {
		dst = appendFloat(dst, f)
	}
	return append(append(dst, text...), `"}`...)
}

// appendFloat appends the shortest text that reads back as f and shows that it is a double.
func appendFloat(dst []byte, f float64) []byte {
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, c := range dst[start:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

const endOfYear9999 = 253402300800000 // milliseconds since 1970

func (a appender) date(dst []byte, ms int64) []byte {
	dst = append(dst, `{"$date":`...)
	if a.canonical || ms < 0 || ms >= endOfYear9999 {
		return append(appendLong(dst, ms), '}')
	}
	layout := `"2006-01-02T15:04:05Z"`
	if ms%1000 != 0 {
		layout = `"2006-01-02T15:04:05.000Z"`
	}
	return append(time.UnixMilli(ms).UTC().AppendFormat(dst, layout), '}')
}
