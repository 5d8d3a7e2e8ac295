package query_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/ejson"
	"yunduo/data/query/value"
)

func TestBounds(t *testing.T) {
	for _, c := range []struct{ filter, path, intervals, scalar, flags string }{
		{`{"a":5}`, "a", "[int 5, int 5]", "[int 5, int 5]", "exact complete"},
		{`{"a":{"$gt":5}}`, "a", "(int 5, double Infinity]", "(int 5, double Infinity]", "exact complete"},
		{`{"a":{"$lte":5}}`, "a", "[double -Infinity, int 5]", "[double -Infinity, int 5]", "exact complete"},
		{`{"a":{"$gt":5,"$lt":9}}`, "a", "(int 5, double Infinity]", "(int 5, int 9)", "exact complete"},
		{`{"a":{"$gt":9,"$lt":5}}`, "a", "(int 9, double Infinity]", "", "exact complete"},
		{`{"a":{"$elemMatch":{"$gt":5,"$lt":9}}}`, "a", "(int 5, int 9)", "(int 5, int 9)", ""},
		{`{"a":{"$gte":"x"}}`, "a", "[string x, object {})", "[string x, object {})", "exact complete"},
		{`{"a":{"$lt":{"$date":5}}}`, "a", "[date -9223372036854775808, date 5)", "[date -9223372036854775808, date 5)", "exact complete"},
		{`{"a":{"$gt":false}}`, "a", "(bool false, date -9223372036854775808)", "(bool false, date -9223372036854775808)", "exact complete"},
		{`{"a":{"$in":[3,1,2,3.0]}}`, "a", "[int 1, int 1] [int 2, int 2] [int 3, int 3]", "[int 1, int 1] [int 2, int 2] [int 3, int 3]", "exact complete"},
		{`{"a":{"$in":[]}}`, "a", "", "", "exact complete"},
		{`{"a":{"$all":[]}}`, "a", "", "", "exact complete"},
		{`{"a":null}`, "a", "[missing, null]", "[missing, null]", "exact complete missing"},
		{`{"a":{"$in":[null,1]}}`, "a", "[missing, null] [int 1, int 1]", "[missing, null] [int 1, int 1]", "exact complete missing"},
		{`{"a":[7,8]}`, "a", "[int 7, int 7] [array [7,8], array [7,8]]", "[int 7, int 7] [array [7,8], array [7,8]]", ""},
		{`{"a":[]}`, "a", "[missing, missing] [array [], array []]", "[missing, missing] [array [], array []]", ""},
		{`{"a":{"$gt":[1]}}`, "a", "absent", "", ""}, {`{"a":{"$ne":1}}`, "a", "absent", "", ""}, {`{"a":{"$exists":true}}`, "a", "absent", "", ""}, {`{"a":{"$gt":{"$minKey":1}}}`, "a", "absent", "", ""},
		{`{"a":5,"b":{"$ne":1}}`, "a", "[int 5, int 5]", "[int 5, int 5]", "exact"},
		{`{"a":{"$gt":5,"$ne":7}}`, "a", "(int 5, double Infinity]", "(int 5, double Infinity]", ""},
		{`{"a":5,"$expr":true}`, "a", "[int 5, int 5]", "[int 5, int 5]", ""},
		{`{"a":{"$regex":"^ab"}}`, "a", "[string ab, string ac) [regex /^ab/, regex /^ab/]", "[string ab, string ac) [regex /^ab/, regex /^ab/]", ""},
		{`{"a":{"$regex":"ab"}}`, "a", "[string , object {}) [regex /ab/, regex /ab/]", "[string , object {}) [regex /ab/, regex /ab/]", ""},
		{`{"$or":[{"a":1},{"a":{"$gt":5}}]}`, "a", "[int 1, int 1] (int 5, double Infinity]", "[int 1, int 1] (int 5, double Infinity]", "exact complete"},
		{`{"$or":[{"a":1},{"b":1}]}`, "a", "absent", "", ""}, {`{"$or":[{"a":1,"b":2},{"a":3}]}`, "a", "[int 1, int 1] [int 3, int 3]", "[int 1, int 1] [int 3, int 3]", ""},
		{`{"$and":[{"a":{"$gt":1}},{"a":{"$in":[0,3]}}]}`, "a", "[int 0, int 0] [int 3, int 3]", "[int 3, int 3]", "exact complete"},
		{`{"a":{"$elemMatch":{"b":1,"c":{"$gt":2}}}}`, "a.b", "[int 1, int 1]", "[int 1, int 1]", ""}, {`{"a":{"$elemMatch":{"b":null}}}`, "a.b", "absent", "", ""}, {`{"a":{"$elemMatch":{"0":1}}}`, "a.0", "absent", "", ""}, {`{"a":{"$elemMatch":{"$elemMatch":{"$gt":1}}}}`, "a", "absent", "", ""},
		{`{"a":{"$numberDouble":"NaN"}}`, "a", "[double NaN, double NaN]", "[double NaN, double NaN]", "exact complete"}, {`{"a":{"$gt":{"$numberDouble":"NaN"}}}`, "a", "", "", "exact complete"},
	} {
		bounds := filter(t, c.filter).Bounds()
		r, ok := bounds.Paths[c.path]
		if !ok {
			if c.intervals != "absent" {
				t.Errorf("%s has no bounds on %s", c.filter, c.path)
			}
			continue
		}
		flags := ""
		for _, flag := range []struct {
			name string
			set  bool
		}{{"exact", r.Exact}, {"complete", bounds.Complete}, {"missing", r.Missing}} {
			if flag.set {
				flags += " " + flag.name
			}
		}
		if show(r.Intervals) != c.intervals || show(r.Scalar) != c.scalar || strings.TrimSpace(flags) != c.flags {
			t.Errorf("%s on %s:\n got %s | %s |%s\nwant %s | %s | %s", c.filter, c.path, show(r.Intervals), show(r.Scalar), flags, c.intervals, c.scalar, c.flags)
		}
	}
}

// TestBoundsHold checks what Bounds and Branches promise.
func TestBoundsHold(t *testing.T) {
	g := gen{rand.New(rand.NewPCG(9, 10))}
	bounded, complete, branched := 0, 0, 0
	for range 25_000 {
		f, err := query.ParseFilter(marshal(t, g.filter(2)))
		if err != nil {
			t.Fatal(err)
		}
		d := marshal(t, g.document(3))
		bounds := f.Bounds()
		match := matches(t, f, d)
		if branches := f.Branches(); branches != nil {
			branched++
			any := false
			for _, b := range branches {
				any = any || matches(t, b, d)
			}
			if any != match {
				t.Fatalf("%s on %s: the branches say %v, the filter %v", f.Raw(), d, any, match)
			}
		}
		scalar, inside := true, true
		for path, r := range bounds.Paths {
			bounded++
			keys, inScalar, multikey := scan(d, path, r)
			if !multikey && !inScalar {
				inside = false
			}
			scalar = scalar && !multikey
			if match && !keys {
				t.Fatalf("%s matches %s, but no key of %s is in %s", f.Raw(), d, path, show(r.Intervals))
			}
			if match && !multikey && !inScalar {
				t.Fatalf("%s matches %s, but the key of %s is not in %s", f.Raw(), d, path, show(r.Scalar))
			}
			if _, ok := value.Lookup(d, path); match && !ok && !multikey && !r.Missing {
				t.Fatalf("%s matches %s without %s, but Missing is false", f.Raw(), d, path)
			}
		}
		if bounds.Complete && scalar && inside {
			complete++
			if !match {
				t.Fatalf("%s does not match %s, but all keys are in the exact bounds", f.Raw(), d)
			}
		}
	}
	if bounded < 6_000 || complete < 300 || branched < 500 {
		t.Errorf("%d ranges, %d complete, %d branched: the test says little", bounded, complete, branched)
	}
}

func scan(d bson.Raw, path string, r query.Range) (inAny, inScalar, multikey bool) {
	multikey = value.ParsePath(path).IndexKeys(d, func(v bson.RawValue) {
		inAny = inAny || contains(r.Intervals, v)
		inScalar = inScalar || contains(r.Scalar, v)
	})
	return inAny, inScalar, multikey
}

func contains(list []query.Interval, v bson.RawValue) bool {
	for _, i := range list {
		low, high := value.Compare(v, i.Low), value.Compare(v, i.High)
		if (low > 0 || (low == 0 && !i.LowOpen)) && (high < 0 || (high == 0 && !i.HighOpen)) {
			return true
		}
	}
	return false
}

func show(list []query.Interval) (s string) {
	for _, i := range list {
		open, end := "[", "]"
		if i.LowOpen {
			open = "("
		}
		if i.HighOpen {
			end = ")"
		}
		s += fmt.Sprintf(" %s%s, %s%s", open, showValue(i.Low), showValue(i.High), end)
	}
	return strings.TrimSpace(s)
}

func showValue(v bson.RawValue) string {
	if v.Type == 0 {
		return "missing"
	}
	content := strings.Trim(string(ejson.AppendValue(nil, v)), `"`)
	switch {
	case v.Type == bson.TypeNull:
		return "null"
	case v.Type == bson.TypeDateTime:
		content = fmt.Sprint(v.DateTime())
	case v.Type == bson.TypeDouble:
		content = fmt.Sprint(v.Double())
		content = strings.Replace(content, "+Inf", "Infinity", 1)
		content = strings.Replace(content, "-Inf", "-Infinity", 1)
	case v.Type == bson.TypeRegex:
		source, _ := v.Regex()
		content = "/" + source + "/"
	}
	return value.TypeName(v.Type) + " " + content
}
