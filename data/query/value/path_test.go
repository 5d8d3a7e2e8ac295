package value_test

import (
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

func document(t testing.TB, json string) bson.Raw {
	t.Helper()
	var doc bson.Raw
	if err := bson.UnmarshalExtJSON([]byte(json), false, &doc); err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	return doc
}

// What a filter sees on a path, and the keys an index has for it.
var pathCases = []struct{ doc, path, values, keys string }{
	{`{"a":1}`, "a", "1", "1"},
	{`{"a":1}`, "b", "missing", "null"},
	{`{"a":null}`, "a", "null", "null"},
	{`{"a":{"b":"x"}}`, "a.b", `"x"`, `"x"`},
	{`{"a":5}`, "a.b", "missing", "null"},
	{`{"a":[1,2]}`, "a", "1 2 [1,2]", "1 2"},
	{`{"a":[]}`, "a", "[]", "missing"},
	{`{"a":[[1],2]}`, "a", "[1] 2 [[1],2]", "[1] 2"},
	{`{"a":[1,2]}`, "a.1", "2", "2"},
	{`{"a":[1,2]}`, "a.7", "", "null"},
	{`{"a":[1,2]}`, "a.b", "", "null"},
	{`{"a":[]}`, "a.b", "", "null"},
	{`{"a":[{"b":1},{"c":2},{"b":[3,4]}]}`, "a.b", "1 missing 3 4 [3,4]", "1 null 3 4"},
	{`{"a":[[{"b":1}]]}`, "a.b", "", "null"},
	{`{"a":[[{"b":1}]]}`, "a.0.b", "1", "1"},
	{`{"a":[[5,6]]}`, "a.0.1", "6", "6"},
	{`{"a":[[5,6]]}`, "a.0", "[5,6]", "[5,6] 5 6"},
	{`{"a":{"0":"name"}}`, "a.0", `"name"`, `"name"`},
	{`{"a":[{"0":"name"}]}`, "a.0", `"name" {"0":"name"}`, `"name" {"0":"name"}`},
	{`{"a":[{"b":1},{"b":2}]}`, "a.1.b", "missing missing 2", "null null 2"},
	{`{"a":[1]}`, "a.00", "", "null"},
	{`{"":{"":1}}`, ".", "1", "1"},
}

func TestPathTraversal(t *testing.T) {
	for _, c := range pathCases {
		doc := document(t, c.doc)
		var seen, keys []string
		value.Values(doc, c.path, func(v bson.RawValue, ok bool) bool {
			if ok == (v.Type == 0) {
				t.Errorf("%s %s: ok is %v for %v", c.doc, c.path, ok, v)
			}
			seen = append(seen, relaxed(t, v))
			return true
		})
		value.ParsePath(c.path).IndexKeys(doc, func(v bson.RawValue) { keys = append(keys, relaxed(t, v)) })
		if got := strings.Join(seen, " "); got != c.values {
			t.Errorf("%s %s: a filter sees %s, want %s", c.doc, c.path, got, c.values)
		}
		if got := strings.Join(keys, " "); got != c.keys {
			t.Errorf("%s %s: index keys %s, want %s", c.doc, c.path, got, c.keys)
		}
	}
}

func relaxed(t *testing.T, v bson.RawValue) string {
	if v.Type == 0 {
		return "missing"
	}
	text, err := bson.MarshalExtJSON(bson.D{{Key: "v", Value: v}}, false, false)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(text), `{"v":`), "}")
}

func TestValuesStops(t *testing.T) {
	n := 0
	value.Values(document(t, `{"a":[1,2,3]}`), "a", func(bson.RawValue, bool) bool { n++; return n < 2 })
	if n != 2 {
		t.Errorf("yield was called %d times after it returned false at 2", n)
	}
}

func TestLookup(t *testing.T) {
	doc := document(t, `{"a":{"b":[{"c":1},2]},"d":null}`)
	for path, want := range map[string]string{
		"a.b.0.c": "1", "a.b.1": "2", "a.b.2": "missing", "a.b.c": "missing", "a.x": "missing", "d": "null", "d.e": "missing", "a.b.01": "missing", "a.b.-1": "missing",
	} {
		v, ok := value.Lookup(doc, path)
		compiled, okCompiled := value.ParsePath(path).Lookup(doc)
		if got := relaxed(t, v); got != want || ok != (want != "missing") || ok != okCompiled || !value.Equal(v, compiled) {
			t.Errorf("%s: %s %v (compiled %v %v), want %s", path, got, ok, compiled, okCompiled, want)
		}
	}
}

func TestMultikey(t *testing.T) {
	for doc, want := range map[string]bool{`{"a":1}`: false, `{}`: false, `{"a":{"b":1}}`: false, `{"a":{"b":[]}}`: true, `{"a":[{"b":1}]}`: true, `{"a":[]}`: true} {
		if got := value.ParsePath("a.b").IndexKeys(document(t, doc), func(bson.RawValue) {}); got != want {
			t.Errorf("%s: multikey %v, want %v", doc, got, want)
		}
	}
}
