package value_test

import (
	"bytes"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/internal/random"
	"yunduo/data/query/value"
	"yunduo/internal/soak"
)

func key(t testing.TB, v bson.RawValue) []byte {
	t.Helper()
	k, err := value.AppendKey(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestKeysOrderAsValues is the property that every index and sort rests on.
func TestKeysOrderAsValues(t *testing.T) {
	run := soak.Start(t, 1)
	r := rand.New(rand.NewPCG(uint64(run.Seed), 2))
	for i := 0; i < 60_000 || run.More(); i++ {
		a, b := random.Value(r, 3), random.Value(r, 3)
		want := value.Compare(a, b)
		if back := value.Compare(b, a); back != -want {
			t.Fatalf("Compare(%v, %v) = %d but %d the other way round", a, b, want, back)
		}
		keyA, keyB := key(t, a), key(t, b)
		if got := bytes.Compare(keyA, keyB); got != want {
			t.Fatalf("keys of %v and %v order %d, values %d\n%x\n%x", a, b, got, want, keyA, keyB)
		}
		if want != 0 && (bytes.HasPrefix(keyA, keyB) || bytes.HasPrefix(keyB, keyA)) {
			t.Fatalf("the key of one of %v, %v is a prefix of the other's", a, b)
		}
		downA, _ := value.AppendKeyDescending([]byte("x"), a)
		downB, _ := value.AppendKeyDescending([]byte("x"), b)
		if got := bytes.Compare(downA, downB); got != -want {
			t.Fatalf("descending keys of %v and %v order %d, values %d", a, b, got, want)
		}
	}
}

func TestCompareIsTransitive(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 30_000 {
		a, b, c := random.Value(r, 2), random.Value(r, 2), random.Value(r, 2)
		if value.Compare(a, b) <= 0 && value.Compare(b, c) <= 0 && value.Compare(a, c) > 0 {
			t.Fatalf("%v <= %v <= %v but not %v <= %v", a, b, c, a, c)
		}
	}
}

// exactly returns a finite number without rounding.
func exactly(t *testing.T, v any) *big.Rat {
	switch n := v.(type) {
	case int32:
		return new(big.Rat).SetInt64(int64(n))
	case int64:
		return new(big.Rat).SetInt64(n)
	case float64:
		return new(big.Rat).SetFloat64(n)
	case bson.Decimal128:
		r, ok := new(big.Rat).SetString(n.String())
		if !ok {
			t.Fatalf("%v is no number", n)
		}
		return r
	}
	t.Fatalf("%T is no number", v)
	return nil
}

func special(v any) (int, bool) {
	f, isFloat := v.(float64)
	d, isDecimal := v.(bson.Decimal128)
	switch {
	case isFloat && f != f, isDecimal && d.IsNaN():
		return -2, true
	case isFloat && math.IsInf(f, -1), isDecimal && d.IsInf() < 0:
		return -1, true
	case isFloat && math.IsInf(f, 1), isDecimal && d.IsInf() > 0:
		return 1, true
	}
	return 0, false
}

func TestNumbersCompareExactlyAcrossTypes(t *testing.T) {
	for _, a := range random.Numbers {
		for _, b := range random.Numbers {
			rankA, specialA := special(a)
			rankB, specialB := special(b)
			want := 0
			switch {
			case specialA || specialB:
				want = min(1, max(-1, rankA-rankB))
			default:
				want = exactly(t, a).Cmp(exactly(t, b))
			}
			if got := value.Compare(value.Of(a), value.Of(b)); got != want {
				t.Errorf("Compare(%T %v, %T %v) = %d, want %d", a, a, b, b, got, want)
			}
		}
	}
}

func TestOrderOfTypes(t *testing.T) {
	ascending := []bson.RawValue{
		value.MinKey, {}, value.Null, value.Double(math.NaN()), value.Double(math.Inf(-1)), value.Int32(-1), value.Int64Value(2),
		value.Of(random.Decimal("2.5")), value.String(""), value.Of(bson.Symbol("a")), value.String("b"), value.Of(bson.D{}), value.Of(bson.D{{Key: "a", Value: 1}}),
		value.Of(bson.D{{Key: "b", Value: 0}}), value.Of(bson.D{{Key: "a", Value: "x"}}), value.ArrayOf(), value.ArrayOf(value.Null), value.ArrayOf(value.Int32(1), value.Int32(2)), value.ArrayOf(value.Int32(2)),
		value.Binary(5, nil), value.Binary(0, []byte("z")), value.Binary(1, []byte("a")), value.ObjectID(bson.ObjectID{1}), value.Bool(false), value.Bool(true),
		value.DateTimeMillis(-5), value.DateTimeMillis(5), value.Timestamp(1, 0), value.Timestamp(1, 1), value.Regex("a", ""), value.Regex("a", "i"), value.MaxKey,
	}
	for i := range ascending {
		for j := range ascending {
			want := min(1, max(-1, i-j))
			if got := value.Compare(ascending[i], ascending[j]); got != want {
				t.Errorf("Compare(%v, %v) = %d, want %d", ascending[i], ascending[j], got, want)
			}
		}
	}
}

func TestKeyOfMalformedValueIsRefused(t *testing.T) {
	for _, v := range []bson.RawValue{
		{Type: bson.TypeString, Value: []byte{9, 0, 0, 0, 'a', 0}}, {Type: bson.TypeInt32}, {Type: 0x99, Value: []byte{1}}, {Type: bson.TypeRegex, Value: []byte("a")},
	} {
		if _, err := value.AppendKey(nil, v); err == nil {
			t.Errorf("%v got a key", v)
		}
		value.Compare(v, v) // must not panic
		value.Compare(v, value.String("a"))
	}
}

func FuzzCompare(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		f.Add([]byte(random.Document(r, 3)), []byte(random.Document(r, 3)))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, y := value.Document(a), value.Document(b)
		order := value.Compare(x, y)
		if value.Compare(y, x) != -order {
			t.Fatal("not antisymmetric")
		}
		if value.Validate(a) != nil || value.Validate(b) != nil {
			return
		}
		if got := bytes.Compare(key(t, x), key(t, y)); got != order {
			t.Fatalf("keys order %d, values %d", got, order)
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	for name, pair := range map[string][2]bson.RawValue{
		"int":     {value.Int32(5), value.Int64Value(6)},
		"double":  {value.Int32(5), value.Double(6)},
		"string":  {value.String("a rather usual text"), value.String("a rather usual word")},
		"decimal": {value.Of(random.Decimal("1.25")), value.Int32(6)},
		"object":  {value.Of(bson.D{{Key: "a", Value: 1}, {Key: "b", Value: "x"}}), value.Of(bson.D{{Key: "a", Value: 1}, {Key: "b", Value: "y"}})},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				value.Compare(pair[0], pair[1])
			}
		})
	}
}

func BenchmarkAppendKey(b *testing.B) {
	for name, v := range map[string]bson.RawValue{
		"int": value.Int32(5), "long": value.Int64Value(1<<60 + 1), "string": value.String("a rather usual text"), "objectId": value.ObjectID(bson.ObjectID{1}),
		"decimal": value.Of(random.Decimal("1.25")),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf, _ = value.AppendKey(buf[:0], v)
			}
		})
	}
}
