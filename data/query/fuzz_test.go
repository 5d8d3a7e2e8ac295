package query_test

import (
	"strings"
	"testing"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/ejson"
	"yunduo/data/query/value"
)

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b.c":{"$gt":1,"$lt":{"$date":5}}}`, `{"$or":[{"a":{"$in":[1,null,{"$regularExpression":{"pattern":"^a","options":"i"}}]}},{"$nor":[{"b":{"$not":{"$size":1}}}]}]}`,
		`{"a":{"$elemMatch":{"$gt":1}},"b":{"$all":[{"$elemMatch":{"c":1}}]},"c":{"$mod":[2,1]},"d":{"$type":["int"]},"e":{"$bitsAllSet":[1]},"f":{"$exists":false}}`,
		`{"a":{"$geoWithin":{"$geometry":` + holed + `}},"b":{"$near":[1,1],"$maxDistance":1}}`, `{"a":{"$geoIntersects":{"$geometry":{"type":"LineString","coordinates":[[0,0],[1,1]]}}}}`, `{"$expr":{"$gt":["$a",1]}}`, `{"a":{"$regex":"x","$options":"imsx"}}`,
	} {
		f.Add([]byte(doc(f, seed)), []byte(doc(f, books[0])))
	}
	f.Fuzz(func(t *testing.T, raw, document []byte) {
		parsed, err := query.ParseFilter(raw)
		if err != nil {
			if reason := yunduo.ReasonOf(err); reason != yunduo.ReasonInvalidFilter && reason != yunduo.ReasonUnknownOperator {
				t.Fatal(err)
			}
			return
		}
		matched, failed := parsed.Match(document)
		parsed.Bounds()
		parsed.Branches()
		parsed.Equalities()
		if near := parsed.Near(); near != nil {
			near.Distance(document)
		}
		again, err := query.ParseFilter(parsed.Raw())
		if err != nil {
			t.Fatalf("parsing %v again: %v", parsed.Raw(), err)
		}
		if now, err := again.Match(document); now != matched || (err == nil) != (failed == nil) {
			t.Fatalf("%v parsed again matches %v, %v", parsed.Raw(), now, err)
		}
	})
}

func FuzzParseUpdate(f *testing.F) {
	for _, c := range updateCases {
		f.Add([]byte(doc(f, c.update)), []byte(doc(f, c.before)))
	}
	f.Fuzz(func(t *testing.T, raw, document []byte) {
		u, err := query.ParseUpdate(raw)
		if err != nil {
			if reason := yunduo.ReasonOf(err); reason != yunduo.ReasonInvalidUpdate && reason != yunduo.ReasonUnknownOperator {
				t.Fatal(err)
			}
			return
		}
		u.Paths()
		if value.Validate(document) != nil {
			_, _, _ = u.Apply(document, query.ApplyContext{Now: now}) // must not panic
			return
		}
		after, differs, err := u.Apply(document, query.ApplyContext{Now: now})
		if err != nil {
			if reason := yunduo.ReasonOf(err); reason != yunduo.ReasonUpdateNotApplicable && reason != yunduo.ReasonInvalidUpdate {
				t.Fatal(err)
			}
			return
		}
		// Setting a path may nest the document deeper than the limit, which is for the caller to check.
		if err := value.Validate(after); err != nil && !strings.Contains(err.Error(), "deeper") {
			t.Fatalf("%s on %s: %v", ejson.Append(nil, raw), ejson.Append(nil, document), err)
		}
		if !differs && string(after) != string(document) {
			t.Fatal("differs is false but the documents differ")
		}
	})
}

func FuzzParseProjection(f *testing.F) {
	for _, seed := range []string{`{"a":1,"b.c":1}`, `{"a":0,"_id":0}`, `{"a":{"$slice":[1,2]}}`, `{"a":{"$elemMatch":{"b":1}}}`, `{"a":{"$add":["$n",1]},"b":"$c"}`} {
		f.Add([]byte(doc(f, seed)), []byte(doc(f, books[0])))
	}
	f.Fuzz(func(t *testing.T, raw, document []byte) {
		p, err := query.ParseProjection(raw)
		if err != nil {
			if reason := yunduo.ReasonOf(err); reason != yunduo.ReasonInvalidRequest && reason != yunduo.ReasonUnknownOperator {
				t.Fatal(err)
			}
			return
		}
		after, err := p.Apply(document)
		if err == nil && value.Validate(document) == nil {
			if err := value.Validate(after); err != nil && !strings.Contains(err.Error(), "deeper") {
				t.Fatal(err)
			}
		}
	})
}
