package ejson_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/ejson"
	"yunduo/data/query/internal/random"
	"yunduo/data/query/value"
)

func TestAppendRelaxed(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{int32(-5), "-5"}, {int64(1 << 53), "9007199254740992"}, {int64(-1 << 53), "-9007199254740992"}, {int64(1<<53 + 1), `{"$numberLong":"9007199254740993"}`},
		{1.0, "1.0"}, {0.0, "0.0"}, {math.Copysign(0, -1), "-0.0"}, {0.1, "0.1"}, {1e21, "1e+21"}, {1e20, "100000000000000000000.0"}, {5e-324, "5e-324"}, {math.MaxFloat64, "1.7976931348623157e+308"},
		{math.NaN(), `{"$numberDouble":"NaN"}`}, {math.Inf(-1), `{"$numberDouble":"-Infinity"}`},
		{time.UnixMilli(0), `{"$date":"1970-01-01T00:00:00Z"}`}, {time.UnixMilli(1709210096789), `{"$date":"2024-02-29T12:34:56.789Z"}`}, {time.UnixMilli(-1), `{"$date":{"$numberLong":"-1"}}`},
		{time.UnixMilli(253402300799999), `{"$date":"9999-12-31T23:59:59.999Z"}`}, {time.UnixMilli(253402300800000), `{"$date":{"$numberLong":"253402300800000"}}`},
		{"a\"\\\n\r\t\x00\x1f\u2028云🌧\xff/", "\"a\\\"\\\\\\n\\r\\t\\u0000\\u001f\u2028云🌧\ufffd/\""},
		{bson.A{1, bson.D{}, bson.A{}}, "[1,{},[]]"}, {bson.D{{Key: "a\"b", Value: true}, {Key: "c", Value: nil}}, `{"a\"b":true,"c":null}`},
		{bson.Binary{Subtype: 5, Data: []byte{1, 2, 3}}, `{"$binary":{"base64":"AQID","subType":"05"}}`}, {bson.Regex{Pattern: `a"/`, Options: "im"}, `{"$regularExpression":{"pattern":"a\"/","options":"im"}}`},
		{random.Decimal("1.50"), `{"$numberDecimal":"1.50"}`}, {bson.Timestamp{T: 4294967295, I: 1}, `{"$timestamp":{"t":4294967295,"i":1}}`}, {bson.CodeWithScope{Code: "x", Scope: bson.D{}}, `{"$code":"x","$scope":{}}`},
	} {
		got := ejson.AppendValue([]byte("x"), value.Of(c.v))
		if string(got[1:]) != c.want {
			t.Errorf("%v\n got %s\nwant %s", c.v, got[1:], c.want)
		}
		if !json.Valid(got[1:]) {
			t.Errorf("%s is no JSON", got[1:])
		}
	}
	if got := string(ejson.AppendValue(nil, bson.RawValue{})); got != "null" {
		t.Errorf("missing became %s", got)
	}
}

func TestAppendOfMalformedBytesIsStillJSON(t *testing.T) {
	doc, _ := bson.Marshal(bson.D{{Key: "a", Value: "text"}, {Key: "p", Value: bson.DBPointer{DB: "x"}}, {Key: "r", Value: bson.Regex{Pattern: "y"}}, {Key: "old", Value: bson.Binary{Subtype: 2, Data: []byte{1}}}, {Key: "b", Value: bson.D{{Key: "c", Value: bson.CodeWithScope{Code: "x", Scope: bson.D{}}}}}})
	for i := range doc {
		for _, b := range []byte{0, 1, 0x7f, 0xff, 0x0f, 0x0b} {
			broken := append([]byte(nil), doc...)
			broken[i] = b
			if text := ejson.Append(nil, broken); !json.Valid(text) {
				t.Fatalf("byte %d = %x: %s", i, b, text)
			}
			if text := ejson.Append(nil, broken[:i]); !json.Valid(text) {
				t.Fatalf("first %d bytes: %s", i, text)
			}
		}
	}
}
