package expr

import (
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

func arithmeticOperators() map[string]operator {
	return map[string]operator{
		"$add":      positional(0, -1, add),
		"$subtract": positional(2, 2, subtract),
		"$multiply": positional(0, -1, multiply),
		"$divide":   positional(2, 2, divide),
		"$mod":      positional(2, 2, mod),
		"$abs":      positional(1, 1, abs),
		"$ceil":     positional(1, 1, roundTo),
		"$floor":    positional(1, 1, roundTo),
		"$round":    positional(1, 2, roundTo),
		"$trunc":    positional(1, 2, roundTo),
		"$pow":      positional(2, 2, pow),
		"$log":      positional(2, 2, logarithm),
		"$bitAnd":   positional(0, -1, bitwise),
		"$bitOr":    positional(0, -1, bitwise),
		"$bitXor":   positional(0, -1, bitwise),
		"$bitNot":   positional(1, 1, bitNot),
	}
}

// add sums numbers; with one date among them the result is that date moved by so many milliseconds.
func add(op string, a []bson.RawValue) (bson.RawValue, error) {
	sum, date, dates := value.Int32(0), int64(0), 0
	for _, v := range a {
		switch {
		case value.Nullish(v):
			return value.Null, nil
		case v.Type == bson.TypeDateTime:
			date = v.DateTime()
			if dates++; dates > 1 {
				return v, failedAs(16612, op, "only one of the arguments may be a date")
			}
			continue
		}
		next, ok := value.Add(sum, v)
		if !ok {
			return v, failed(op, "only numbers and dates can be added, not %s", typeName(v))
		}
		sum = next
	}
	if dates == 0 {
		return sum, nil
	}
	return moveDate(op, date, sum, 1)
}

// moveDate is date + sign*amount in milliseconds, the amount rounded to a whole number.
func moveDate(op string, date int64, amount bson.RawValue, sign int64) (bson.RawValue, error) {
	if f, ok := value.Float64(amount); ok && !value.IsInteger(amount) {
		if amount = value.Double(math.Round(f)); sign < 0 {
			amount = value.Double(math.Trunc(f)) // which is what $subtract does
		}
	}
	ms, ok := value.Int64(amount)
	moved := date + sign*ms
	if !ok || ms == math.MinInt64 || (moved > date) != (sign*ms > 0) && ms != 0 {
		return amount, failed(op, "the date is out of range")
	}
	return value.DateTimeMillis(moved), nil
}

func subtract(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a...) {
		return value.Null, nil
	}
	if a[0].Type == bson.TypeDateTime {
		switch {
		case a[1].Type == bson.TypeDateTime:
			x, y := a[0].DateTime(), a[1].DateTime()
			if d := x - y; (d < x) == (y > 0) {
				return value.Int64Value(d), nil
			}
			return a[0], failed(op, "the difference of the dates is out of range")
		case value.IsNumber(a[1]):
			return moveDate(op, a[0].DateTime(), a[1], -1)
		}
	}
	if v, ok := value.Subtract(a[0], a[1]); ok {
		return v, nil
	}
	return a[0], failed(op, "%s cannot be subtracted from %s", typeName(a[1]), typeName(a[0]))
}

func multiply(op string, a []bson.RawValue) (bson.RawValue, error) {
	product := value.Int32(1)
	for _, v := range a {
		if value.Nullish(v) {
			return value.Null, nil
		}
		next, ok := value.Multiply(product, v)
		if !ok {
			return v, failed(op, "only numbers can be multiplied, not %s", typeName(v))
		}
		product = next
	}
	return product, nil
}

func divide(op string, a []bson.RawValue) (bson.RawValue, error) {
	return quotient(op, a, value.Divide)
}

func mod(op string, a []bson.RawValue) (bson.RawValue, error) { return quotient(op, a, value.Mod) }

func quotient(op string, a []bson.RawValue, compute func(a, b bson.RawValue) (bson.RawValue, bool)) (bson.RawValue, error) {
	if nullish(a...) {
		return value.Null, nil
	}
	for _, v := range a {
		if !value.IsNumber(v) {
			return v, failed(op, "both arguments must be numbers, not %s", typeName(v))
		}
	}
	v, ok := compute(a[0], a[1])
	if !ok {
		code := language.BadValue
		if op == "$mod" {
			code = 16610
		}
		return v, failedAs(code, op, "the divisor is zero")
	}
	if v.Type != bson.TypeDecimal128 || op == "$mod" {
		return v, nil
	}
	x, _ := value.Apd(a[0])
	y, _ := value.Apd(a[1])
	return tidyTo(v, x.Exponent-y.Exponent), nil
}

// number checks the argument of an operator on one number; done is true when null is the result.
func number(op string, v bson.RawValue) (done bool, err error) {
	if value.Nullish(v) {
		return true, nil
	}
	if !value.IsNumber(v) {
		return false, failed(op, "the argument must be a number, not %s", typeName(v))
	}
	return false, nil
}

func abs(op string, a []bson.RawValue) (bson.RawValue, error) {
	if done, err := number(op, a[0]); done || err != nil {
		return value.Null, err
	}
	switch v := a[0]; v.Type {
	case bson.TypeDouble:
		return value.Double(math.Abs(v.Double())), nil
	case bson.TypeDecimal128:
		d, _ := value.Apd(v)
		return value.FromApd(d.Abs(d)), nil
	default:
		n, _ := value.Int64(v)
		switch {
		case n == math.MinInt64:
			return v, failedAs(28680, op, "the smallest long has no absolute value")
		case n >= 0:
			return v, nil
		case v.Type == bson.TypeInt32:
			return value.Int(-n), nil
		}
		return value.Int64Value(-n), nil
	}
}

func bitwise(op string, a []bson.RawValue) (bson.RawValue, error) {
	long, result := false, int64(0)
	if op == "$bitAnd" {
		result = -1
	}
	for _, v := range a {
		if value.Nullish(v) {
			return value.Null, nil
		}
		if !value.IsInteger(v) {
			return v, failed(op, "every argument must be an int or long, not %s", typeName(v))
		}
		n, _ := value.Int64(v)
		long = long || v.Type == bson.TypeInt64
		switch op {
		case "$bitAnd":
			result &= n
		case "$bitOr":
			result |= n
		default:
			result ^= n
		}
	}
	if long {
		return value.Int64Value(result), nil
	}
	return value.Int32(int32(result)), nil
}

func bitNot(op string, a []bson.RawValue) (bson.RawValue, error) {
	switch v := a[0]; {
	case value.Nullish(v):
		return value.Null, nil
	case v.Type == bson.TypeInt32:
		return value.Int32(^v.Int32()), nil
	case v.Type == bson.TypeInt64:
		return value.Int64Value(^v.Int64()), nil
	}
	return a[0], failed(op, "the argument must be an int or long, not %s", typeName(a[0]))
}
