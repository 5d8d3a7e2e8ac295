package query_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
)

func parseSort(t testing.TB, text string) *query.Sort {
	t.Helper()
	s, err := query.ParseSort(doc(t, text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func TestSort(t *testing.T) {
	for _, c := range []struct{ sort, documents, order string }{
		{`{"v":1}`, `{"i":"t","v":"a"} {"i":"n2","v":10} {"i":"m"} {"i":"n1","v":9} {"i":"d","v":{"$date":0}} {"i":"o","v":{}}`, "m n1 n2 t o d"},
		{`{"v":-1}`, `{"i":"t","v":"a"} {"i":"n2","v":10} {"i":"m"} {"i":"n1","v":9.5}`, "t n2 n1 m"},
		{`{"v":1}`, `{"i":"a","v":[5,2]} {"i":"b","v":3} {"i":"c","v":[]} {"i":"d","v":null} {"i":"e","v":[1,9]}`, "c d e a b"},
		{`{"v":-1}`, `{"i":"a","v":[5,2]} {"i":"b","v":3} {"i":"c","v":[]} {"i":"d"} {"i":"e","v":[1,9]}`, "e a b d c"},
		{`{"p":1,"n":-1}`, `{"i":"a","p":20,"n":1} {"i":"b","p":20,"n":2} {"i":"c","p":9.5,"n":0}`, "c b a"},
		{`{"o.x":-1}`, `{"i":"a","o":{"x":1}} {"i":"b","o":{"x":3}} {"i":"c","o":{}} {"i":"d","o":[{"x":2},{"x":9}]}`, "d b a c"},
	} {
		s := parseSort(t, c.sort)
		var docs []bson.Raw
		for _, d := range strings.Fields(c.documents) {
			docs = append(docs, doc(t, d))
		}
		for range 5 {
			rand.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
			slices.SortFunc(docs, s.Compare)
			var order []string
			for _, d := range docs {
				order = append(order, d.Lookup("i").StringValue())
			}
			if got := strings.Join(order, " "); got != c.order {
				t.Errorf("%s: %s, want %s", c.sort, got, c.order)
			}
		}
	}
}

func TestSortKeysOrderAsDocuments(t *testing.T) {
	g := gen{rand.New(rand.NewPCG(11, 12))}
	s := parseSort(t, `{"a":1,"b.a":-1,"0":1}`)
	for range 20_000 {
		a, b := marshal(t, g.document(3)), marshal(t, g.document(3))
		keyA, errA := s.AppendKey(nil, a)
		keyB, errB := s.AppendKey(nil, b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if got, want := bytes.Compare(keyA, keyB), s.Compare(a, b); got != want {
			t.Fatalf("%s and %s: keys order %d, documents %d", a, b, got, want)
		}
	}
}

func TestParseSort(t *testing.T) {
	s := parseSort(t, `{"a":1,"b.c":-1.0}`)
	if f := s.Fields(); len(f) != 2 || f[0] != (query.SortField{Path: "a"}) || f[1] != (query.SortField{Path: "b.c", Descending: true}) {
		t.Error(f)
	}
	if s := parseSort(t, `{}`); s != nil || s.Fields() != nil || s.Compare(nil, nil) != 0 {
		t.Error("an empty sort is nil and decides nothing")
	}
	for _, text := range []string{`{"a":2}`, `{"a":"asc"}`, `{"a":0}`, `{"":1}`, `{"$a":1}`, `{"a.":1}`, `{"a..b":1}`, `{"a":{"$meta":"textScore"}}`} {
		if _, err := query.ParseSort(doc(t, text)); yunduo.ReasonOf(err) != yunduo.ReasonInvalidRequest {
			t.Errorf("%s: %v", text, err)
		}
	}
}
