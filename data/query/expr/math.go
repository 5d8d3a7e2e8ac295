package expr

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

func mathOperators() map[string]operator {
	anyNumber := func(float64) bool { return true }
	positive := func(x float64) bool { return x > 0 || x != x }
	unit := func(x float64) bool { return !(x < -1 || x > 1) }
	finite := func(x float64) bool { return !math.IsInf(x, 0) }
	return map[string]operator{
		"$exp":              realFunction(math.Exp, (*apd.Context).Exp, anyNumber, ""),
		"$ln":               realFunction(math.Log, (*apd.Context).Ln, positive, "positive"),
		"$log10":            realFunction(math.Log10, (*apd.Context).Log10, positive, "positive"),
		"$sqrt":             realFunction(math.Sqrt, (*apd.Context).Sqrt, func(x float64) bool { return !(x < 0) }, "not negative"),
		"$sin":              realFunction(math.Sin, nil, finite, "finite"),
		"$cos":              realFunction(math.Cos, nil, finite, "finite"),
		"$tan":              realFunction(math.Tan, nil, finite, "finite"),
		"$asin":             realFunction(math.Asin, nil, unit, "between -1 and 1"),
		"$acos":             realFunction(math.Acos, nil, unit, "between -1 and 1"),
		"$atan":             realFunction(math.Atan, nil, anyNumber, ""),
		"$sinh":             realFunction(math.Sinh, nil, anyNumber, ""),
		"$cosh":             realFunction(math.Cosh, nil, anyNumber, ""),
		"$tanh":             realFunction(math.Tanh, nil, anyNumber, ""),
		"$asinh":            realFunction(math.Asinh, nil, anyNumber, ""),
		"$acosh":            realFunction(math.Acosh, nil, func(x float64) bool { return !(x < 1) }, "at least 1"),
		"$atanh":            realFunction(math.Atanh, nil, unit, "between -1 and 1"),
		"$degreesToRadians": realFunction(func(x float64) float64 { return x * math.Pi / 180 }, nil, anyNumber, ""),
		"$radiansToDegrees": realFunction(func(x float64) float64 { return x * 180 / math.Pi }, nil, anyNumber, ""),
		"$atan2":            positional(2, 2, atan2),
		"$rand": func(c *compiler, name string, arg bson.RawValue) (node, error) {
			if (arg.Type != bson.TypeEmbeddedDocument && arg.Type != bson.TypeArray) || count(arg) != 0 {
				return node{}, invalid("%s takes no arguments", name)
			}
			return node{eval: func(*frame) (bson.RawValue, error) { return value.Double(rand.Float64()), nil }}, nil
		},
	}
}

// real is a function of one real number. Decimals stay decimals; decimal is nil where they are computed as doubles.
func realFunction(double func(float64) float64, decimal func(c *apd.Context, d, x *apd.Decimal) (apd.Condition, error),
	domain func(float64) bool, must string) operator {
	return positional(1, 1, func(op string, a []bson.RawValue) (bson.RawValue, error) {
		if done, err := number(op, a[0]); done || err != nil {
			return value.Null, err
		}
		x, _ := value.Float64(a[0])
		if !domain(x) {
			return a[0], failedAs(domainCodes[op], op, "the argument must be %s, not %s", must, describe(a[0]))
		}
		if a[0].Type != bson.TypeDecimal128 {
			return value.Double(double(x)), nil
		}
		if decimal == nil {
			d, _ := value.Apd(value.Double(double(x)))
			return value.FromApd(d), nil
		}
		d, _ := value.Apd(a[0])
		result := new(apd.Decimal)
		if _, err := decimal(value.DecimalContext(), result, d); err != nil {
			return a[0], failed(op, "%s is out of range", describe(a[0]))
		}
		return tidy(value.FromApd(result)), nil
	})
}

// two reads two real arguments; done is true when null is the result.
func two(op string, a []bson.RawValue) (x, y float64, done bool, err error) {
	if nullish(a...) {
		return 0, 0, true, nil
	}
	for _, v := range a {
		if !value.IsNumber(v) {
			return 0, 0, false, failed(op, "both arguments must be numbers, not %s", typeName(v))
		}
	}
	x, _ = value.Float64(a[0])
	y, _ = value.Float64(a[1])
	return x, y, false, nil
}

func atan2(op string, a []bson.RawValue) (bson.RawValue, error) {
	y, x, done, err := two(op, a)
	if done || err != nil {
		return value.Null, err
	}
	return value.Double(math.Atan2(y, x)), nil
}

func logarithm(op string, a []bson.RawValue) (bson.RawValue, error) {
	x, base, done, err := two(op, a)
	switch {
	case done || err != nil:
		return value.Null, err
	case x <= 0:
		return a[0], failedAs(28758, op, "the argument must be positive, not %s", describe(a[0]))
	case base <= 0 || base == 1:
		return a[1], failedAs(28759, op, "the base must be positive and not 1, but is %s", describe(a[1]))
	}
	if a[0].Type == bson.TypeDecimal128 || a[1].Type == bson.TypeDecimal128 {
		return decimalLogarithm(op, a)
	}
	return value.Double(math.Log(x) / math.Log(base)), nil
}

func decimalLogarithm(op string, a []bson.RawValue) (bson.RawValue, error) {
	c := value.DecimalContext()
	c.Precision += 4 // digits that the quotient of two logarithms may lose
	var logs [2]apd.Decimal
	for i, v := range a {
		d, _ := value.Apd(v)
		if _, err := c.Ln(&logs[i], d); err != nil {
			return v, failed(op, "the logarithm is out of range")
		}
	}
	quotient := new(apd.Decimal)
	if _, err := c.Quo(quotient, &logs[0], &logs[1]); err != nil {
		return a[0], failed(op, "the logarithm is out of range")
	}
	return tidy(value.FromApd(quotient)), nil
}

// pow keeps integers where the result is one and fits.
func pow(op string, a []bson.RawValue) (bson.RawValue, error) {
	x, y, done, err := two(op, a)
	switch {
	case done || err != nil:
		return value.Null, err
	case x == 0 && y < 0:
		return a[1], failedAs(28764, op, "a base of 0 cannot have a negative exponent")
	case a[0].Type == bson.TypeDecimal128 || a[1].Type == bson.TypeDecimal128:
		base, _ := value.Apd(a[0])
		exponent, _ := value.Apd(a[1])
		result := new(apd.Decimal)
		if _, err := value.DecimalContext().Pow(result, base, exponent); err != nil {
			return a[0], failed(op, "%s to the power of %s is out of range", describe(a[0]), describe(a[1]))
		}
		return tidy(value.FromApd(result)), nil
	case a[0].Type == bson.TypeDouble || a[1].Type == bson.TypeDouble:
		return value.Double(math.Pow(x, y)), nil
	}
	long := a[0].Type == bson.TypeInt64 || a[1].Type == bson.TypeInt64
	base, _ := value.Int64(a[0])
	exponent, _ := value.Int64(a[1])
	n, ok := integerPower(base, exponent)
	switch {
	case !ok:
		return value.Double(math.Pow(x, y)), nil
	case long:
		return value.Int64Value(n), nil
	}
	return value.Int(n), nil
}

// integerPower reports false where the result is no int64.
func integerPower(base, exponent int64) (int64, bool) {
	switch {
	case base == 1 || exponent == 0:
		return 1, true
	case base == -1:
		return 1 - 2*(exponent&1), true
	case base == 0:
		return 0, exponent > 0
	case exponent < 0 || exponent > 63:
		return 0, false
	}
	n := int64(1)
	for range exponent {
		v, _ := value.Multiply(value.Int64Value(n), value.Int64Value(base))
		if v.Type != bson.TypeInt64 {
			return 0, false
		}
		n = v.Int64()
	}
	return n, true
}

// roundTo is $round, $trunc, $ceil and $floor.
func roundTo(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a...) {
		return value.Null, nil
	}
	if done, err := number(op, a[0]); done || err != nil {
		return value.Null, err
	}
	place := 0
	if len(a) == 2 {
		var ok bool
		if place, ok = integer(a[1]); !ok || place < -20 || place > 100 {
			return a[1], failed(op, "the place must be a whole number from -20 to 100, not %s", describe(a[1]))
		}
	}
	mode := map[string]apd.Rounder{"$round": apd.RoundHalfEven, "$trunc": apd.RoundDown, "$ceil": apd.RoundCeiling, "$floor": apd.RoundFloor}[op]
	switch v := a[0]; {
	case v.Type == bson.TypeDouble:
		return value.Double(roundDouble(op, v.Double(), place, mode)), nil
	case v.Type == bson.TypeDecimal128:
		d, _ := value.Apd(v)
		return value.FromApd(quantize(d, place, mode)), nil
	case place >= 0:
		return v, nil
	default:
		d, _ := value.Apd(v)
		rounded := quantize(d, place, mode)
		n, err := rounded.Int64()
		if err != nil {
			return v, failed(op, "the result does not fit the type long")
		}
		if v.Type == bson.TypeInt32 {
			return value.Int(n), nil
		}
		return value.Int64Value(n), nil
	}
}

func roundDouble(op string, f float64, place int, mode apd.Rounder) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return f
	}
	if place == 0 {
		switch op {
		case "$round":
			return math.RoundToEven(f)
		case "$trunc":
			return math.Trunc(f)
		case "$ceil":
			return math.Ceil(f)
		}
		return math.Floor(f)
	}
	// The exact decimal value of the double decides, so that 2.675, which is a little less, does not count as half.
	_, exponent := math.Frexp(f)
	exact, _, err := apd.NewFromString(strconv.FormatFloat(f, 'f', max(0, 53-exponent), 64))
	if err != nil {
		return f
	}
	rounded, err := quantize(exact, place, mode).Float64()
	if err != nil {
		return f
	}
	return rounded
}

// quantize rounds to so many decimal places; a negative place counts to the left of the point.
func quantize(d *apd.Decimal, place int, mode apd.Rounder) *apd.Decimal {
	if d.Form != apd.Finite || -int(d.Exponent) <= place {
		return d
	}
	if int64(d.Exponent)+d.NumDigits() < int64(-place) { // less than a tenth of the last place: apd loses the direction
		out := &apd.Decimal{Negative: d.Negative, Exponent: int32(-place)}
		if d.Sign() > 0 && mode == apd.RoundCeiling || d.Sign() < 0 && mode == apd.RoundFloor {
			out.Coeff.SetInt64(1)
		}
		return out
	}
	c := apd.BaseContext.WithPrecision(uint32(d.NumDigits()) + 200)
	c.Rounding = mode
	out := new(apd.Decimal)
	if _, err := c.Quantize(out, d, int32(-place)); err != nil {
		return d
	}
	return out
}

// tidyTo drops the zeros at the end of a quotient down to its ideal exponent, that of the dividend less that of the
// divisor, which IEEE 754 gives it if it is exact.
func tidyTo(v bson.RawValue, ideal int32) bson.RawValue {
	d, ok := value.Apd(v)
	if !ok || d.Form != apd.Finite || d.Exponent >= ideal {
		return v
	}
	short, _ := new(apd.Decimal).Reduce(d)
	if short.Exponent > ideal {
		short = quantize(d, -int(ideal), apd.RoundDown)
	}
	return value.FromApd(short)
}

// tidy drops the zeros at the end of a decimal's fraction, which apd leaves in quotients and roots.
func tidy(v bson.RawValue) bson.RawValue {
	d, ok := value.Apd(v)
	if !ok || v.Type != bson.TypeDecimal128 || d.Form != apd.Finite || d.Exponent >= 0 {
		return v
	}
	short, _ := new(apd.Decimal).Reduce(d)
	if short.Exponent > 0 {
		short = quantize(d, 0, apd.RoundDown)
	}
	return value.FromApd(short)
}
