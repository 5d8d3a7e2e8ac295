package query_test

import (
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/ejson"
)

var now = time.UnixMilli(1_700_000_000_123).UTC()

// doc makes a document from Extended JSON.
func doc(t testing.TB, text string) bson.Raw {
	t.Helper()
	d, err := ejson.Parse([]byte(text), ejson.Options{Now: now})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

func filter(t testing.TB, text string) *query.Filter {
	t.Helper()
	f, err := query.ParseFilter(doc(t, text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

func text(d bson.Raw) string { return string(ejson.Append(nil, d)) }

// matches is Match of a filter that must not fail.
func matches(t testing.TB, f *query.Filter, doc bson.Raw) bool {
	t.Helper()
	ok, err := f.Match(doc)
	if err != nil {
		t.Fatalf("%s on %s: %v", f.Raw(), doc, err)
	}
	return ok
}
