// Package random makes BSON values for property tests, chosen so that two of them are often equal or nearly so.
package random

import (
	"math"
	"math/rand/v2"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// Numbers are those at which types, signs, precision and range change.
var Numbers = []any{
	int32(0), int32(1), int32(-1), int32(math.MaxInt32), int32(math.MinInt32),
	int64(0), int64(1), int64(1 << 53), int64(1<<53 + 1), int64(-1<<53 - 1), int64(math.MaxInt64), int64(math.MinInt64), int64(math.MaxInt64 - 1),
	0.0, math.Copysign(0, -1), 1.0, 0.1, -0.1, 1.5, 9007199254740992.0, 9007199254740994.0, 9223372036854775808.0, -9223372036854775808.0,
	math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64,
	Decimal("0"), Decimal("-0"), Decimal("0E+10"), Decimal("1"), Decimal("1.0"), Decimal("1.00"), Decimal("0.1"), Decimal("-0.1"), Decimal("1.5"), Decimal("9007199254740993"), Decimal("-9007199254740993"),
	Decimal("9223372036854775807"), Decimal("9223372036854775808"), Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal("1E+6000"), Decimal("-1E+6000"), Decimal("1E-6000"), Decimal("-1E-6000"),
	Decimal("1.797693134862315708145274237317043E+308"), Decimal("1.8E+308"), Decimal("1.8E+309"), Decimal("-1.8E+308"), Decimal("4E-324"), Decimal("5E-324"), Decimal("-4E-324"), Decimal("9.999999999999999999999999999999999E+6144"),
	Decimal("0.1000000000000000055511151231257827"), Decimal("0.1000000000000000055511151231257828"),
}

// Decimal returns a decimal from its text; it panics if that is none.
func Decimal(s string) bson.Decimal128 {
	d, err := bson.ParseDecimal128(s)
	if err != nil {
		panic(err)
	}
	return d
}

var texts = []string{"", "a", "b", "ab", "a\x00", "a\x00b", "a\x01", "\xff", "云", "\x00", "\x00\x01", "A", "0"}

// Value returns a value of any type, a missing one included, nested at most depth levels deep.
func Value(r *rand.Rand, depth int) bson.RawValue {
	kinds := 16
	if depth <= 0 {
		kinds = 14
	}
	switch r.IntN(kinds) {
	case 0:
		return bson.RawValue{}
	case 1:
		return value.Null
	case 2:
		return []bson.RawValue{value.MinKey, value.MaxKey, {Type: bson.TypeUndefined}}[r.IntN(3)]
	case 3, 4:
		return value.Of(Numbers[r.IntN(len(Numbers))])
	case 5:
		return value.Double(float64(r.IntN(41)-20) / 4)
	case 6:
		return value.Int64Value(r.Int64() >> r.IntN(64))
	case 7:
		return value.String(texts[r.IntN(len(texts))])
	case 8:
		return value.Binary(byte(r.IntN(3)), []byte(texts[r.IntN(len(texts))]))
	case 9:
		return value.ObjectID(bson.ObjectID{byte(r.IntN(2)), 11: byte(r.IntN(3))})
	case 10:
		return value.Bool(r.IntN(2) == 0)
	case 11:
		return value.DateTimeMillis(int64(r.IntN(5) - 2))
	case 12:
		return []bson.RawValue{value.Timestamp(uint32(r.IntN(2)), uint32(r.IntN(2))), value.Regex("a", "i"), value.Regex("a", ""), value.Regex("ab", ""), value.Regex("", "")}[r.IntN(5)]
	case 13:
		text := texts[r.IntN(len(texts))]
		return value.Of([]any{bson.JavaScript(text), bson.Symbol(text), bson.DBPointer{DB: text}, bson.CodeWithScope{Code: bson.JavaScript(text), Scope: bson.D{{Key: "a", Value: r.IntN(2)}}}}[r.IntN(4)])
	case 14:
		return value.Document(Document(r, depth-1))
	}
	var elements []bson.RawValue
	for range r.IntN(4) {
		elements = append(elements, Value(r, depth-1))
	}
	return value.ArrayOf(elements...)
}

// Document returns a document with up to four fields.
func Document(r *rand.Rand, depth int) bson.Raw {
	b := value.BeginDocument(nil)
	for _, key := range []string{"", "a", "ab", "b"} {
		if r.IntN(2) == 0 {
			b = value.Append(b, key, Value(r, depth))
		}
	}
	return value.EndDocument(b, 0)
}
