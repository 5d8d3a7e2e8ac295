package ejson_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/ejson"
	"yunduo/data/query/internal/random"
	"yunduo/data/query/value"
)

var now = time.UnixMilli(1_700_000_000_123)

// Text in, canonical text out.
var parseCases = []struct{ in, out string }{
	{`{}`, `{}`},
	{" {\n\t\"a\" : [ 1 , 2 ] }\r\n", `{"a":[{"$numberInt":"1"},{"$numberInt":"2"}]}`},
	{`{"a":2147483647,"b":2147483648,"c":-2147483648,"d":-2147483649}`, `{"a":{"$numberInt":"2147483647"},"b":{"$numberLong":"2147483648"},"c":{"$numberInt":"-2147483648"},"d":{"$numberLong":"-2147483649"}}`},
	{`{"a":9223372036854775808}`, `{"a":{"$numberDouble":"9223372036854776000.0"}}`},
	{`{"a":1.0,"b":1e2,"c":-0.5,"d":1E-7}`, `{"a":{"$numberDouble":"1.0"},"b":{"$numberDouble":"100.0"},"c":{"$numberDouble":"-0.5"},"d":{"$numberDouble":"1e-07"}}`},
	{`{"a":true,"b":false,"c":null}`, `{"a":true,"b":false,"c":null}`},
	{`{"a":"\"\\\/\b\f\n\r\t\u4e91\ud83c\udf27"}`, `{"a":"\"\\/\u0008\u000c\n\r\t云🌧"}`},
	{`{"a":"\ud83cx","b":"\udf27","c":"\ud83c\u0041"}`, "{\"a\":\"\ufffdx\",\"b\":\"\ufffd\",\"c\":\"\ufffdA\"}"},
	{`{"":1}`, `{"":{"$numberInt":"1"}}`},
	{`{"a":1,"b":2,"a":3}`, `{"b":{"$numberInt":"2"},"a":{"$numberInt":"3"}}`},
	{`{"a":{"$numberInt":"5"},"b":{"$numberLong":"5"},"c":{"$numberDouble":"5"},"d":{"$numberDecimal":"5.10"},"e":{"$numberLong":7}}`,
		`{"a":{"$numberInt":"5"},"b":{"$numberLong":"5"},"c":{"$numberDouble":"5.0"},"d":{"$numberDecimal":"5.10"},"e":{"$numberLong":"7"}}`},
	{`{"a":{"$numberDouble":"NaN"},"b":{"$numberDouble":"-Infinity"},"c":{"$numberDouble":"Infinity"},"d":{"$numberDouble":"-0.0"}}`,
		`{"a":{"$numberDouble":"NaN"},"b":{"$numberDouble":"-Infinity"},"c":{"$numberDouble":"Infinity"},"d":{"$numberDouble":"-0.0"}}`},
	{`{"a":{"$oid":"5f8d0d55b54764421b7156d9"}}`, `{"a":{"$oid":"5f8d0d55b54764421b7156d9"}}`},
	{`{"a":{"$date":"2024-02-29T12:34:56.789Z"}}`, `{"a":{"$date":{"$numberLong":"1709210096789"}}}`},
	{`{"a":{"$date":"2024-02-29T20:34:56+08:00"}}`, `{"a":{"$date":{"$numberLong":"1709210096000"}}}`},
	{`{"a":{"$date":"2024-02-29T20:34:56+0800"}}`, `{"a":{"$date":{"$numberLong":"1709210096000"}}}`},
	{`{"a":{"$date":"2024-02-29"}}`, `{"a":{"$date":{"$numberLong":"1709164800000"}}}`},
	{`{"a":{"$date":-1},"b":{"$date":1700000000123},"c":{"$date":{"$numberLong":"-5"}},"d":{"$date":1.5e3}}`,
		`{"a":{"$date":{"$numberLong":"-1"}},"b":{"$date":{"$numberLong":"1700000000123"}},"c":{"$date":{"$numberLong":"-5"}},"d":{"$date":{"$numberLong":"1500"}}}`},
	{`{"a":{"$serverDate":{"offset":1000}},"b":{"$tcb_server_date":{"offset":{"$numberInt":"-123"}}},"c":{"$date":{"offset":0}},"d":{"$tcb_server_date":{}}}`,
		`{"a":{"$date":{"$numberLong":"1700000001123"}},"b":{"$date":{"$numberLong":"1700000000000"}},"c":{"$date":{"$numberLong":"1700000000123"}},"d":{"$date":{"$numberLong":"1700000000123"}}}`},
	{`{"a":{"$binary":{"base64":"AQID","subType":"05"}}}`, `{"a":{"$binary":{"base64":"AQID","subType":"05"}}}`},
	{`{"a":{"$binary":{"base64":"AQID","subType":"02"}}}`, `{"a":{"$binary":{"base64":"AQID","subType":"02"}}}`},
	{`{"a":{"$binary":"AQI","$type":"80"}}`, `{"a":{"$binary":{"base64":"AQI=","subType":"80"}}}`},
	{`{"a":{"$uuid":"00112233-4455-6677-8899-aabbccddeeff"}}`, `{"a":{"$binary":{"base64":"ABEiM0RVZneImaq7zN3u/w==","subType":"04"}}}`},
	{`{"a":{"$regularExpression":{"pattern":"^a","options":"gimi"}}}`, `{"a":{"$regularExpression":{"pattern":"^a","options":"im"}}}`},
	{`{"a":{"$regex":"^a","$options":"i"}}`, `{"a":{"$regex":"^a","$options":"i"}}`},
	{`{"a":{"$type":2},"b":{"$gt":{"$numberInt":"1"}}}`, `{"a":{"$type":{"$numberInt":"2"}},"b":{"$gt":{"$numberInt":"1"}}}`},
	{`{"a":{"x":1,"$date":2}}`, `{"a":{"x":{"$numberInt":"1"},"$date":{"$numberInt":"2"}}}`},
	{`{"a":{"$timestamp":{"t":4294967295,"i":1}},"b":{"$minKey":1},"c":{"$maxKey":1},"d":{"$undefined":true},"e":{"$symbol":"s"},"f":{"$code":"x"}}`,
		`{"a":{"$timestamp":{"t":4294967295,"i":1}},"b":{"$minKey":1},"c":{"$maxKey":1},"d":{"$undefined":true},"e":{"$symbol":"s"},"f":{"$code":"x"}}`},
	{`{"a":{"$code":"x","$scope":{"n":1}}}`, `{"a":{"$code":"x","$scope":{"n":{"$numberInt":"1"}}}}`},
	{`{"a":{"$dbPointer":{"$ref":"c","$id":{"$oid":"5f8d0d55b54764421b7156d9"}}}}`, `{"a":{"$dbPointer":{"$ref":"c","$id":{"$oid":"5f8d0d55b54764421b7156d9"}}}}`},
}

func TestParse(t *testing.T) {
	for _, c := range parseCases {
		doc, err := ejson.Parse([]byte(c.in), ejson.Options{Now: now})
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if err := value.Validate(doc); err != nil {
			t.Errorf("%s gives malformed BSON: %v", c.in, err)
		}
		if got := string(ejson.AppendCanonical(nil, doc)); got != c.out {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.out)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101)
	for _, c := range []struct {
		in, reason, text string
	}{
		{``, "malformed_json", "byte 0"}, {`{`, "malformed_json", ""}, {`{"a"}`, "malformed_json", "colon"}, {`{"a":}`, "malformed_json", ""}, {`{"a":1`, "malformed_json", ""},
		{`{"a":1,}`, "malformed_json", "key"}, {`{a:1}`, "malformed_json", "key"}, {`{"a":1}x`, "malformed_json", "after the end"}, {`{"a":[1,]}`, "malformed_json", ""}, {`{"a":[1 2]}`, "malformed_json", ""},
		{`{"a":01}`, "malformed_json", ""}, {`{"a":1.}`, "malformed_json", ""}, {`{"a":-}`, "malformed_json", ""}, {`{"a":1e}`, "malformed_json", ""}, {`{"a":nul}`, "malformed_json", ""}, {`{"a":"x}`, "malformed_json", "does not end"},
		{"{\"a\":\"\n\"}", "malformed_json", "control"}, {`{"a":"\x"}`, "malformed_json", "escape"}, {`{"a":"\u12g4"}`, "malformed_json", "hexadecimal"}, {"{\"a\":\"\xff\"}", "malformed_json", "UTF-8"}, {"{\"a\":\"\x80\\n\"}", "malformed_json", "UTF-8"},
		{`[]`, "malformed_json", "object"}, {`5`, "malformed_json", "object"}, {`{"$numberInt":"1"}`, "malformed_json", "object"},
		{`{"a\u0000":1}`, "invalid_request", "zero byte"}, {`{"x":{"a":{"$oid":"123"}}}`, "invalid_request", "'x.a.$oid'"}, {`{"l":[0,{"$date":"yesterday"}]}`, "invalid_request", "'l.1.$date'"},
		{`{"a":{"$date":1,"b":2}}`, "invalid_request", "'a.$date' must not have other keys"}, {`{"a":{"$numberInt":"2147483648"}}`, "invalid_request", ""}, {`{"a":{"$numberDouble":"0x1p4"}}`, "invalid_request", ""},
		{`{"a":1e999}`, "invalid_request", "too large"}, {`{"a":{"$numberDecimal":"x"}}`, "invalid_request", ""}, {`{"a":{"$binary":{"base64":"*","subType":"00"}}}`, "invalid_request", ""}, {`{"a":{"$binary":{"base64":""}}}`, "invalid_request", ""},
		{`{"a":{"$timestamp":{"t":-1,"i":1}}}`, "invalid_request", ""}, {`{"a":{"$regularExpression":"x"}}`, "invalid_request", ""}, {`{"a":{"$regularExpression":{"pattern":"a\u0000b"}}}`, "invalid_request", ""},
		{`{"a":{"$code":"x","y":1}}`, "invalid_request", "$scope only"}, {`{"a":{"$serverDate":{"offset":"x"}}}`, "invalid_request", ""}, {deep, "invalid_request", "deeper than 100"},
	} {
		_, err := ejson.Parse([]byte(c.in), ejson.Options{Now: now})
		var e *yunduo.Error
		if !errors.As(err, &e) || string(e.Reason) != c.reason || !strings.Contains(e.Message, c.text) {
			t.Errorf("%.60s: got %v, want %s with %q", c.in, err, c.reason, c.text)
		}
	}
}

func TestParseDepthLimit(t *testing.T) {
	text := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	if _, err := ejson.Parse([]byte(text), ejson.Options{}); err != nil {
		t.Errorf("100 levels are allowed: %v", err)
	}
}

func TestEqualKeysInALargeObject(t *testing.T) {
	var text strings.Builder
	text.WriteString("{")
	for i := range 300 {
		if i > 0 {
			text.WriteString(",")
		}
		text.WriteString(`"k` + string(rune('a'+i%26)) + `":` + strings.Repeat("1", 1+i/26%5))
	}
	text.WriteString("}")
	doc, err := ejson.Parse([]byte(text.String()), ejson.Options{})
	if err != nil || value.Validate(doc) != nil {
		t.Fatal(err, value.Validate(doc))
	}
	if n := value.Count(doc); n != 26 {
		t.Errorf("%d fields are left, want 26: %v", n, doc)
	}
	if v := doc.Lookup("ka"); v.AsInt64() != 11 {
		t.Errorf("ka is %v", v)
	}
}

func TestParseArray(t *testing.T) {
	docs, err := ejson.ParseArray([]byte(`[{"a":1},{}]`), ejson.Options{})
	if err != nil || len(docs) != 2 || docs[0].Lookup("a").Int32() != 1 || len(docs[1]) != 5 {
		t.Error(docs, err)
	}
	if _, err := ejson.ParseArray([]byte(`[{"a":1},5]`), ejson.Options{}); yunduo.ReasonOf(err) != yunduo.ReasonInvalidRequest {
		t.Error(err)
	}
	if _, err := ejson.ParseArray([]byte(`{}`), ejson.Options{}); yunduo.ReasonOf(err) != yunduo.ReasonMalformedJSON {
		t.Error(err)
	}
}

// TestCanonicalKeepsEveryByte also holds the text against the driver's encoder.
func TestCanonicalKeepsEveryByte(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		doc := random.Document(r, 4)
		text := ejson.AppendCanonical(nil, doc)
		back, err := ejson.Parse(text, ejson.Options{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		clean := bytes.ToValidUTF8(doc, []byte("\ufffd")) // text that is not UTF-8 is replaced on the way out
		if bytes.Equal(clean, doc) && !bytes.Equal(back, doc) {
			t.Fatalf("%s\n%x became\n%x", text, []byte(doc), []byte(back))
		}
		var fromDriver bson.Raw
		if err := bson.UnmarshalExtJSON(text, true, &fromDriver); err != nil {
			t.Fatalf("the driver cannot read %s: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range parseCases {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := ejson.Parse(text, ejson.Options{Now: now})
		if err != nil {
			if reason := yunduo.ReasonOf(err); reason != yunduo.ReasonMalformedJSON && reason != yunduo.ReasonInvalidRequest {
				t.Fatalf("%v", err)
			}
			return
		}
		if err := value.Validate(doc); err != nil {
			t.Fatalf("malformed BSON: %v", err)
		}
		again, err := ejson.Parse(ejson.AppendCanonical(nil, doc), ejson.Options{Now: now})
		if err != nil || !bytes.Equal(again, doc) {
			t.Fatalf("%v changed to %v: %v", doc, again, err)
		}
		if _, err := ejson.Parse(ejson.Append(nil, doc), ejson.Options{Now: now}); err != nil {
			t.Fatalf("relaxed text cannot be read: %v", err)
		}
	})
}
