package value

import (
	"math"
	"math/bits"

	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// The result of arithmetic has the wider type of its operands: int, long, double, decimal. An int that overflows
// becomes long, a long that overflows becomes double.

// Add returns a + b; ok is false unless both are numbers.
func Add(a, b bson.RawValue) (sum bson.RawValue, ok bool) { return compute(a, b, addition) }

// Subtract returns a - b; ok is false unless both are numbers.
func Subtract(a, b bson.RawValue) (difference bson.RawValue, ok bool) {
	return compute(a, b, subtraction)
}

// Multiply returns a * b; ok is false unless both are numbers.
func Multiply(a, b bson.RawValue) (product bson.RawValue, ok bool) {
	return compute(a, b, multiplication)
}

// Divide returns a / b as double or decimal; ok is false unless both are numbers and b is not zero.
func Divide(a, b bson.RawValue) (quotient bson.RawValue, ok bool) {
	if !IsNumber(a) || !IsNumber(b) || !Truthy(b) {
		return bson.RawValue{}, false
	}
	if a.Type == bson.TypeDecimal128 || b.Type == bson.TypeDecimal128 {
		return computeDecimal(a, b, (*apd.Context).Quo), true
	}
	x, _ := Float64(a)
	y, _ := Float64(b)
	return Double(x / y), true
}

// Mod returns the remainder of a / b with the sign of a; ok is false unless both are numbers and b is not zero.
func Mod(a, b bson.RawValue) (remainder bson.RawValue, ok bool) {
	if !IsNumber(a) || !IsNumber(b) || !Truthy(b) {
		return bson.RawValue{}, false
	}
	switch {
	case a.Type == bson.TypeDecimal128 || b.Type == bson.TypeDecimal128:
		return computeDecimal(a, b, remainderDecimal), true
	case a.Type == bson.TypeDouble || b.Type == bson.TypeDouble:
		if n, whole := Int64(b); whole && a.Type != bson.TypeDouble && n == int64(int32(n)) {
			b = Int32(int32(n)) // a whole double does not make a fraction of an integer
			break
		}
		x, _ := Float64(a)
		y, _ := Float64(b)
		return Double(math.Mod(x, y)), true
	}
	x, y := integer(a), integer(b)
	if y == -1 {
		x = 0 // the smallest integer has no quotient by -1
	} else {
		x %= y
	}
	return widest(a, b, x), true
}

// remainderDecimal is Context.Rem without its limit on the size of the quotient.
func remainderDecimal(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error) {
	if x.Form == apd.Finite && y.Form == apd.Infinite {
		d.Set(x)
		return 0, nil
	}
	wide := *c
	wide.Precision = 13000 // digits of the largest quotient of two decimals
	return wide.Rem(d, x, y)
}

type operation struct {
	integers func(a, b int64) (int64, bool)
	doubles  func(a, b float64) float64
	decimals func(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error)
}

var (
	addition = operation{
		integers: func(a, b int64) (int64, bool) { c := a + b; return c, (c > a) == (b > 0) },
		doubles:  func(a, b float64) float64 { return a + b },
		decimals: (*apd.Context).Add,
	}
	subtraction = operation{
		integers: func(a, b int64) (int64, bool) { c := a - b; return c, (c < a) == (b > 0) },
		doubles:  func(a, b float64) float64 { return a - b },
		decimals: (*apd.Context).Sub,
	}
	multiplication = operation{
		integers: multiplyIntegers,
		doubles:  func(a, b float64) float64 { return a * b },
		decimals: (*apd.Context).Mul,
	}
)

func multiplyIntegers(a, b int64) (int64, bool) {
	negative := (a < 0) != (b < 0)
	high, low := bits.Mul64(magnitude(a), magnitude(b))
	switch {
	case high != 0:
		return 0, false
	case negative && low <= 1<<63:
		return -int64(low), true
	case !negative && low < 1<<63:
		return int64(low), true
	}
	return 0, false
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func compute(a, b bson.RawValue, op operation) (bson.RawValue, bool) {
	if !IsNumber(a) || !IsNumber(b) {
		return bson.RawValue{}, false
	}
	switch {
	case a.Type == bson.TypeDecimal128 || b.Type == bson.TypeDecimal128:
		return computeDecimal(a, b, op.decimals), true
	case IsInteger(a) && IsInteger(b):
		if n, fits := op.integers(integer(a), integer(b)); fits {
			return widest(a, b, n), true
		}
	}
	x, _ := Float64(a)
	y, _ := Float64(b)
	return Double(op.doubles(x, y)), true
}

// widest returns n as int if both operands are and it fits, else as long.
func widest(a, b bson.RawValue, n int64) bson.RawValue {
	if a.Type == bson.TypeInt32 && b.Type == bson.TypeInt32 {
		return Int(n)
	}
	return Int64Value(n)
}

func computeDecimal(a, b bson.RawValue, op func(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error)) bson.RawValue {
	x, _ := Apd(a)
	y, _ := Apd(b)
	var d apd.Decimal
	if _, err := op(&decimalContext, &d, x, y); err != nil {
		d = apd.Decimal{Form: apd.NaN}
	}
	return FromApd(&d)
}
