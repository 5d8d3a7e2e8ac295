package expr

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

func conversionOperators() map[string]operator {
	return map[string]operator{
		"$convert":    compileConvert,
		"$toString":   conversion(bson.TypeString),
		"$toInt":      conversion(bson.TypeInt32),
		"$toLong":     conversion(bson.TypeInt64),
		"$toDouble":   conversion(bson.TypeDouble),
		"$toDecimal":  conversion(bson.TypeDecimal128),
		"$toDate":     conversion(bson.TypeDateTime),
		"$toBool":     conversion(bson.TypeBoolean),
		"$toObjectId": conversion(bson.TypeObjectID),
		"$type": positional(1, 1, func(_ string, a []bson.RawValue) (bson.RawValue, error) {
			return value.String(typeName(a[0])), nil
		}),
		"$isNumber": positional(1, 1, func(_ string, a []bson.RawValue) (bson.RawValue, error) {
			return value.Bool(value.IsNumber(a[0])), nil
		}),
	}
}

// conversion is $convert to a fixed type.
func conversion(to bson.Type) operator {
	return positional(1, 1, func(op string, a []bson.RawValue) (bson.RawValue, error) {
		if nullish(a[0]) {
			return value.Null, nil
		}
		return convert(op, a[0], to)
	})
}

// compileConvert compiles {$convert: {input, to, onError, onNull}}. onError and onNull are evaluated only if needed.
func compileConvert(c *compiler, op string, arg bson.RawValue) (node, error) {
	items, err := c.parameters(op, arg, "input", "to", "onError?", "onNull?")
	if err != nil {
		return node{}, err
	}
	input, target, onError, onNull := items[0], items[1], items[2], items[3]
	return node{eval: func(f *frame) (bson.RawValue, error) {
		v, err := input.eval(f)
		if err != nil {
			return v, err
		}
		to, err := target.eval(f)
		if err != nil {
			return v, err
		}
		if value.Nullish(v) {
			if v, err = onNull.eval(f); isAbsent(v) {
				v = value.Null
			}
			return v, err
		}
		if value.Nullish(to) {
			return value.Null, nil
		}
		t, err := targetType(op, to)
		if err != nil {
			return v, err
		}
		out, err := convert(op, v, t)
		if err != nil {
			if otherwise, failure := onError.eval(f); failure != nil || !isAbsent(otherwise) {
				return otherwise, failure
			}
		}
		return out, err
	}}, nil
}

// targetType reads the type that $convert is to make: a name, a number, or an object with either as type.
func targetType(op string, v bson.RawValue) (bson.Type, error) {
	if v.Type == bson.TypeEmbeddedDocument {
		v = field(v.Value, "type")
	}
	t, ok := bson.Type(0), false
	if v.Type == bson.TypeString {
		t, ok = value.TypeByName(text(v))
	} else if n, whole := integer(v); whole && n > 0 && n < 128 {
		t, ok = bson.Type(n), true
	}
	switch t {
	case bson.TypeDouble, bson.TypeString, bson.TypeObjectID, bson.TypeBoolean, bson.TypeDateTime, bson.TypeInt32,
		bson.TypeInt64, bson.TypeDecimal128:
		if ok {
			return t, nil
		}
	}
	return 0, failed(op, "%s does not name a type to convert to", describe(v))
}

// convert changes the type of a value that is not nullish.
func convert(op string, v bson.RawValue, to bson.Type) (bson.RawValue, error) {
	unsupported := failed(op, "%s cannot be converted to %s", typeName(v), value.TypeName(to))
	switch to {
	case bson.TypeString:
		if s, ok := toText(v); ok {
			return value.String(s), nil
		}
	case bson.TypeBoolean:
		return value.Bool(value.Truthy(v)), nil
	case bson.TypeObjectID:
		switch v.Type {
		case bson.TypeObjectID:
			return v, nil
		case bson.TypeString:
			id, err := bson.ObjectIDFromHex(text(v))
			if err != nil {
				return v, failed(op, "%s is not an object ID of 24 hexadecimal digits", describe(v))
			}
			return value.ObjectID(id), nil
		}
	case bson.TypeDateTime:
		return toDate(op, v, unsupported)
	case bson.TypeInt32, bson.TypeInt64:
		return toInteger(op, v, to, unsupported)
	case bson.TypeDouble, bson.TypeDecimal128:
		return toReal(op, v, to, unsupported)
	}
	return v, unsupported
}

// toText writes a value as $toString does; false for types that have no text.
func toText(v bson.RawValue) (string, bool) {
	switch v.Type {
	case bson.TypeString:
		return text(v), true
	case bson.TypeSymbol:
		return v.Symbol(), true
	case bson.TypeJavaScript:
		return v.JavaScript(), true
	case bson.TypeBoolean:
		return strconv.FormatBool(v.Boolean()), true
	case bson.TypeInt32, bson.TypeInt64:
		n, _ := value.Int64(v)
		return strconv.FormatInt(n, 10), true
	case bson.TypeDouble:
		return formatDouble(v.Double()), true
	case bson.TypeDecimal128:
		return v.Decimal128().String(), true
	case bson.TypeObjectID:
		id := v.ObjectID()
		return hex.EncodeToString(id[:]), true
	case bson.TypeDateTime:
		return time.UnixMilli(v.DateTime()).UTC().Format("2006-01-02T15:04:05.000Z"), true
	case bson.TypeTimestamp:
		t, i := v.Timestamp()
		return "Timestamp(" + strconv.FormatUint(uint64(t), 10) + ", " + strconv.FormatUint(uint64(i), 10) + ")", true
	}
	return "", false
}

// formatDouble writes the shortest text that reads back as f, without a fraction for whole numbers.
func formatDouble(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f != 0 && (math.Abs(f) < 1e-4 || math.Abs(f) >= 1e16):
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func toDate(op string, v bson.RawValue, unsupported error) (bson.RawValue, error) {
	switch v.Type {
	case bson.TypeDateTime:
		return v, nil
	case bson.TypeInt64, bson.TypeDouble, bson.TypeDecimal128:
		ms, err := toInteger(op, v, bson.TypeInt64, unsupported)
		if err != nil {
			return v, err
		}
		return value.DateTimeMillis(ms.Int64()), nil
	case bson.TypeObjectID, bson.TypeTimestamp:
		t, _ := instant(v)
		return value.DateTime(t), nil
	case bson.TypeString:
		t, err := parseDate(op, text(v), nil)
		if err != nil {
			return v, err
		}
		return value.DateTime(t), nil
	}
	return v, unsupported
}

// toInteger cuts off a fraction; text must be a whole decimal number.
func toInteger(op string, v bson.RawValue, to bson.Type, unsupported error) (bson.RawValue, error) {
	var n int64
	ok := true
	switch v.Type {
	case bson.TypeBoolean:
		if v.Boolean() {
			n = 1
		}
	case bson.TypeInt32, bson.TypeInt64:
		n, _ = value.Int64(v)
	case bson.TypeDouble:
		n, ok = value.Int64(value.Double(math.Trunc(v.Double())))
	case bson.TypeDecimal128:
		d, _ := value.Apd(v)
		whole := new(apd.Decimal)
		if ok = d.Form == apd.Finite; ok {
			c := value.DecimalContext()
			c.Rounding = apd.RoundDown
			_, err := c.RoundToIntegralValue(whole, d)
			var parse error
			n, parse = whole.Int64()
			ok = err == nil && parse == nil
		}
	case bson.TypeDateTime:
		if to != bson.TypeInt64 {
			return v, unsupported
		}
		n = v.DateTime()
	case bson.TypeString:
		s := text(v)
		parsed, err := strconv.ParseInt(s, 10, 64)
		if err != nil || strings.HasPrefix(s, "+") && len(s) == 1 {
			return v, failed(op, "%s is not a whole number of 64 bits", describe(v))
		}
		n = parsed
	default:
		return v, unsupported
	}
	if !ok || to == bson.TypeInt32 && (n < math.MinInt32 || n > math.MaxInt32) {
		return v, failed(op, "%s does not fit the type %s", describe(v), value.TypeName(to))
	}
	if to == bson.TypeInt32 {
		return value.Int32(int32(n)), nil
	}
	return value.Int64Value(n), nil
}

func toReal(op string, v bson.RawValue, to bson.Type, unsupported error) (bson.RawValue, error) {
	number := v
	switch v.Type {
	case bson.TypeBoolean:
		number, _ = toInteger(op, v, bson.TypeInt32, unsupported)
	case bson.TypeDateTime:
		number = value.Int64Value(v.DateTime())
	case bson.TypeString:
		s := text(v)
		d, err := bson.ParseDecimal128(s)
		f, parse := strconv.ParseFloat(s, 64)
		if err != nil || to == bson.TypeDouble && parse != nil || strings.TrimSpace(s) != s {
			return v, failed(op, "%s is not a number that fits the type %s", describe(v), value.TypeName(to))
		}
		if to == bson.TypeDouble {
			return value.Double(f), nil
		}
		return value.Decimal(d), nil
	}
	if !value.IsNumber(number) {
		return v, unsupported
	}
	if to == bson.TypeDecimal128 {
		d, _ := value.Apd(number)
		return value.FromApd(d), nil
	}
	f, ok := value.Float64(number)
	if !ok || math.IsInf(f, 0) && number.Type == bson.TypeDecimal128 && number.Decimal128().IsInf() == 0 {
		return v, failed(op, "%s does not fit the type double", describe(v))
	}
	return value.Double(f), nil
}
