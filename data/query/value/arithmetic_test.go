package value_test

import (
	"math"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/internal/random"
	"yunduo/data/query/value"
)

type arithmetic func(a, b bson.RawValue) (bson.RawValue, bool)

func TestArithmetic(t *testing.T) {
	for _, c := range []struct {
		name string
		op   arithmetic
		a, b any
		want any // nil: refused
	}{
		{"int + int", value.Add, int32(2), int32(3), int32(5)},
		{"int + int overflows to long", value.Add, int32(math.MaxInt32), int32(1), int64(1 << 31)},
		{"int + long is long", value.Add, int32(2), int64(3), int64(5)},
		{"long + long overflows to double", value.Add, int64(math.MaxInt64), int64(1), float64(1 << 63)},
		{"smallest long + -1", value.Add, int64(math.MinInt64), int64(-1), float64(-1 << 63)},
		{"int + double", value.Add, int32(1), 0.5, 1.5},
		{"int + decimal", value.Add, int32(1), random.Decimal("0.10"), random.Decimal("1.10")},
		{"double + decimal uses the shortest text", value.Add, 0.1, random.Decimal("0.2"), random.Decimal("0.3")},
		{"long - long", value.Subtract, int64(1), int64(2), int64(-1)},
		{"0 - smallest long", value.Subtract, int64(0), int64(math.MinInt64), float64(1 << 63)},
		{"int * int overflows to long", value.Multiply, int32(1 << 20), int32(1 << 20), int64(1 << 40)},
		{"smallest int * -1", value.Multiply, int32(math.MinInt32), int32(-1), int64(1 << 31)},
		{"smallest long * 1", value.Multiply, int64(math.MinInt64), int64(1), int64(math.MinInt64)},
		{"smallest long * -1", value.Multiply, int64(math.MinInt64), int64(-1), float64(1 << 63)},
		{"2^32 * 2^31", value.Multiply, int64(1 << 32), int64(1 << 31), float64(1 << 63)},
		{"-2^32 * 2^31", value.Multiply, int64(-1 << 32), int64(1 << 31), int64(math.MinInt64)},
		{"long * 0", value.Multiply, int64(math.MinInt64), int64(0), int64(0)},
		{"divide is double", value.Divide, int32(1), int32(2), 0.5},
		{"divide by zero", value.Divide, int32(1), int32(0), nil},
		{"divide decimals", value.Divide, random.Decimal("1"), random.Decimal("3"), random.Decimal("0.3333333333333333333333333333333333")},
		{"mod keeps the sign", value.Mod, int32(-7), int32(3), int32(-1)},
		{"mod of smallest by -1", value.Mod, int64(math.MinInt64), int64(-1), int64(0)},
		{"mod by zero", value.Mod, int32(1), int32(0), nil},
		{"mod of doubles", value.Mod, 7.5, int32(2), 1.5},
		{"mod of decimals", value.Mod, random.Decimal("7.5"), int32(2), random.Decimal("1.5")},
		{"mod of a huge decimal", value.Mod, random.Decimal("1E+6000"), int32(7), random.Decimal("1")},
		{"text + int", value.Add, "1", int32(1), nil},
		{"decimal overflow", value.Multiply, random.Decimal("1E+6000"), random.Decimal("1E+6000"), random.Decimal("Infinity")},
		{"decimal infinity minus itself", value.Subtract, random.Decimal("Infinity"), random.Decimal("Infinity"), random.Decimal("NaN")},
	} {
		got, ok := c.op(value.Of(c.a), value.Of(c.b))
		if c.want == nil {
			if ok {
				t.Errorf("%s: got %v, want a refusal", c.name, got)
			}
			continue
		}
		want := value.Of(c.want)
		if !ok || got.Type != want.Type || !value.Equal(got, want) {
			t.Errorf("%s: got %s %v, want %s %v", c.name, value.TypeName(got.Type), got, value.TypeName(want.Type), want)
		}
	}
}

func TestConversions(t *testing.T) {
	for _, c := range []struct {
		v     any
		n     int64
		whole bool
		f     float64
		truth bool
	}{
		{int32(-5), -5, true, -5, true}, {int64(0), 0, true, 0, false}, {2.0, 2, true, 2, true}, {2.5, 0, false, 2.5, true}, {1e300, 0, false, 1e300, true},
		{random.Decimal("12"), 12, true, 12, true}, {random.Decimal("12.0"), 12, true, 12, true}, {random.Decimal("1.5"), 0, false, 1.5, true}, {random.Decimal("0E+3"), 0, true, 0, false},
		{math.Inf(1), 0, false, math.Inf(1), true}, {random.Decimal("-Infinity"), 0, false, math.Inf(-1), true}, {random.Decimal("1E+400"), 0, false, math.Inf(1), true},
	} {
		v := value.Of(c.v)
		n, whole := value.Int64(v)
		f, ok := value.Float64(v)
		if n != c.n || whole != c.whole || !ok || f != c.f || value.Truthy(v) != c.truth {
			t.Errorf("%T %v: Int64 %d %v, Float64 %v %v, Truthy %v", c.v, c.v, n, whole, f, ok, value.Truthy(v))
		}
	}
	for _, v := range []bson.RawValue{value.String("1"), value.Null, {}} {
		if _, ok := value.Int64(v); ok {
			t.Errorf("%v became an integer", v)
		}
		if _, ok := value.Float64(v); ok {
			t.Errorf("%v became a double", v)
		}
	}
	if !value.Truthy(value.String("")) || value.Truthy(value.Null) || value.Truthy(bson.RawValue{}) || !value.Truthy(value.Double(math.NaN())) {
		t.Error("an empty text and NaN are true, null and missing are false")
	}
	if !value.IsNaN(value.Of(random.Decimal("NaN"))) || !value.IsNaN(value.Double(math.NaN())) || value.IsNaN(value.Int32(0)) {
		t.Error("IsNaN")
	}
}
