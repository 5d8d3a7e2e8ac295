package value

import (
	"math"
	"strconv"

	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// IsNumber reports whether v is an int, long, double or decimal.
func IsNumber(v bson.RawValue) bool { return ClassOf(v.Type) == ClassNumber }

// IsInteger reports whether v is of type int or long.
func IsInteger(v bson.RawValue) bool { return v.Type == bson.TypeInt32 || v.Type == bson.TypeInt64 }

// IsNaN reports whether v is a double or decimal that is not a number.
func IsNaN(v bson.RawValue) bool {
	switch v.Type {
	case bson.TypeDouble:
		f := float(v.Value)
		return f != f
	case bson.TypeDecimal128:
		return decimal128(v.Value).IsNaN()
	}
	return false
}

// Int64 returns the value of a number that is whole and fits int64, whatever its type.
func Int64(v bson.RawValue) (n int64, ok bool) {
	switch v.Type {
	case bson.TypeInt32, bson.TypeInt64:
		return integer(v), true
	case bson.TypeDouble:
		f := float(v.Value)
		if f != math.Trunc(f) || f < -1<<63 || f >= 1<<63 { // also refuses NaN
			return 0, false
		}
		return int64(f), true
	case bson.TypeDecimal128:
		d, _ := Apd(v)
		n, err := d.Int64()
		return n, err == nil
	}
	return 0, false
}

// Float64 returns a number as a double, rounded if need be.
func Float64(v bson.RawValue) (f float64, ok bool) {
	switch v.Type {
	case bson.TypeInt32, bson.TypeInt64:
		return float64(integer(v)), true
	case bson.TypeDouble:
		return float(v.Value), true
	case bson.TypeDecimal128:
		d, _ := Apd(v)
		f, err := d.Float64()
		if err != nil && !math.IsInf(f, 0) && f != 0 {
			return 0, false
		}
		return f, true
	}
	return 0, false
}

// Truthy returns v as a condition: false, zero, null, undefined and missing are false, everything else is true.
func Truthy(v bson.RawValue) bool {
	switch v.Type {
	case 0, bson.TypeNull, bson.TypeUndefined:
		return false
	case bson.TypeBoolean:
		return len(v.Value) > 0 && v.Value[0] != 0
	case bson.TypeInt32, bson.TypeInt64:
		return integer(v) != 0
	case bson.TypeDouble:
		return float(v.Value) != 0
	case bson.TypeDecimal128:
		coefficient, _, err := decimal128(v.Value).BigInt()
		return err != nil || coefficient.Sign() != 0 // neither NaN nor an infinity has a coefficient
	}
	return true
}

// decimalContext is IEEE 754 decimal128: 34 digits, exponents of the first digit from -6143 to 6144.
var decimalContext = apd.Context{Precision: 34, MaxExponent: 6144, MinExponent: -6143, Rounding: apd.RoundHalfEven}

// DecimalContext returns a context that computes in decimal128: 34 digits, half to even, without traps.
func DecimalContext() *apd.Context {
	c := decimalContext
	return &c
}

// Apd returns any number as a decimal for arithmetic; a double becomes one of 15 digits, as in MongoDB.
func Apd(v bson.RawValue) (d *apd.Decimal, ok bool) {
	switch v.Type {
	case bson.TypeInt32, bson.TypeInt64:
		return apd.New(integer(v), 0), true
	case bson.TypeDouble:
		return doubleToApd(float(v.Value)), true
	case bson.TypeDecimal128:
		return decimalToApd(decimal128(v.Value)), true
	}
	return nil, false
}

func doubleToApd(f float64) *apd.Decimal {
	switch {
	case f != f:
		return &apd.Decimal{Form: apd.NaN}
	case math.IsInf(f, 0):
		return &apd.Decimal{Form: apd.Infinite, Negative: f < 0}
	}
	if f == 0 {
		return &apd.Decimal{Negative: math.Signbit(f)}
	}
	d, _, err := apd.NewFromString(strconv.FormatFloat(f, 'e', 14, 64))
	if err != nil {
		return &apd.Decimal{Form: apd.NaN}
	}
	return d
}

func decimalToApd(d bson.Decimal128) *apd.Decimal {
	if d.IsNaN() {
		return &apd.Decimal{Form: apd.NaN}
	}
	if sign := d.IsInf(); sign != 0 {
		return &apd.Decimal{Form: apd.Infinite, Negative: sign < 0}
	}
	coefficient, exponent, err := d.BigInt()
	if err != nil {
		return &apd.Decimal{Form: apd.NaN}
	}
	high, _ := d.GetBytes()
	result := &apd.Decimal{Negative: high>>63 == 1, Exponent: int32(exponent)}
	result.Coeff.SetMathBigInt(coefficient.Abs(coefficient))
	return result
}

// FromApd returns d, rounded to 34 digits, as a value of type decimal; what is too large becomes infinite.
func FromApd(d *apd.Decimal) bson.RawValue {
	var rounded apd.Decimal
	if d.Form == apd.Finite {
		condition, _ := decimalContext.Round(&rounded, d)
		if condition.Overflow() {
			rounded = apd.Decimal{Form: apd.Infinite, Negative: d.Negative}
		}
	} else {
		rounded.Set(d)
	}
	parsed, err := bson.ParseDecimal128(rounded.String())
	if err != nil {
		parsed, _ = bson.ParseDecimal128("NaN")
	}
	return Decimal(parsed)
}
