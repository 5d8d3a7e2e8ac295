package query_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

func texts(t testing.TB, settings string) *collation.Collation {
	t.Helper()
	c, err := collation.Parse(doc(t, settings))
	require.NoError(t, err, settings)
	return c
}

const loose = `{"locale":"en","strength":1}`

func TestFilterByCollation(t *testing.T) {
	for _, c := range []struct{ filter, matching, others string }{
		{`{"a":"Abc"}`, `{"a":"abc"} {"a":"ÁBC"} {"a":["x","aBC"]}`, `{"a":"ab"} {"a":1} {}`},
		{`{"a":{"$ne":"abc"}}`, `{"a":"x"} {}`, `{"a":"ABC"}`},
		{`{"a":{"$gt":"b"}}`, `{"a":"C"} {"a":"c"} {"a":"Ba"}`, `{"a":"B"} {"a":"b"} {"a":"A"} {"a":5}`},
		{`{"a":{"$lte":"b"}}`, `{"a":"B"} {"a":"A"}`, `{"a":"C"}`},
		{`{"a":{"$in":["X",1,null]}}`, `{"a":"x"} {"a":1} {} {"a":null}`, `{"a":"y"} {"a":2}`},
		{`{"a":{"$nin":["X"]}}`, `{"a":"y"} {}`, `{"a":"x"}`},
		{`{"a":{"b":"X"}}`, `{"a":{"b":"x"}}`, `{"a":{"B":"x"}} {"a":{"b":"y"}}`},
		{`{"a":["X",1]}`, `{"a":["x",1]}`, `{"a":["x",2]}`},
		{`{"a":{"$all":["X","Y"]}}`, `{"a":["y","x"]}`, `{"a":["x"]}`},
		{`{"a":{"$elemMatch":{"b":"X"}}}`, `{"a":[{"b":"x"}]}`, `{"a":[{"b":"y"}]}`},
		{`{"a":{"$regex":"^X"}}`, `{"a":"Xy"}`, `{"a":"xy"}`}, // which collations leave alone
		{`{"$expr":{"$eq":["$a","X"]}}`, `{"a":"x"}`, `{"a":"y"}`},
		{`{"$expr":{"$in":["$a",["X"]]}}`, `{"a":"x"}`, `{"a":"y"}`},
		{`{"$or":[{"a":"X"},{"b":"Y"}]}`, `{"a":"x"} {"b":"y"}`, `{"a":"y"}`},
	} {
		f, err := query.ParseFilterBy(texts(t, loose), doc(t, c.filter))
		require.NoError(t, err)
		for _, text := range strings.Fields(c.matching) {
			require.True(t, matches(t, f, doc(t, text)), "%s on %s", c.filter, text)
		}
		for _, text := range strings.Fields(c.others) {
			require.False(t, matches(t, f, doc(t, text)), "%s on %s", c.filter, text)
		}
	}
}

// Index keys are in the order of bytes, so that a collated condition on texts must not become bounds on them.
func TestBoundsOfCollatedFilter(t *testing.T) {
	for filter, paths := range map[string][]string{
		`{"a":"x"}`: nil, `{"a":{"$gt":"x"}}`: nil, `{"a":{"$in":[1,"x"]}}`: nil, `{"a":{"b":1}}`: nil, `{"a":[1]}`: nil,
		`{"a":1}`: {"a"}, `{"a":{"$in":[1,2]}}`: {"a"}, `{"a":{"$gt":1}}`: {"a"}, `{"a":null}`: {"a"}, `{"a":{"$regex":"^x"}}`: {"a"}, `{"a":"x","b":2}`: {"b"},
	} {
		f, err := query.ParseFilterBy(texts(t, loose), doc(t, filter))
		require.NoError(t, err)
		var got []string
		for path := range f.Bounds().Paths {
			got = append(got, path)
		}
		require.Equal(t, paths, got, filter)
		require.Equal(t, !strings.Contains(filter, `"x"`) && !strings.Contains(filter, "[1]") && !strings.Contains(filter, `"b":1`) && !strings.Contains(filter, "regex"), f.Bounds().Complete, filter)
	}
}

// A partial index has the documents that its own condition matches by bytes.
func TestCollatedFilterImpliesNothing(t *testing.T) {
	collated, err := query.ParseFilterBy(texts(t, loose), doc(t, `{"a":"x"}`))
	require.NoError(t, err)
	require.False(t, collated.Implies(filter(t, `{"a":"x"}`)))
	require.True(t, filter(t, `{"a":"x"}`).Implies(filter(t, `{"a":"x"}`)))
	require.True(t, collated.Implies(collated))
}

func TestFilterCollationIsKept(t *testing.T) {
	collated, err := query.ParseFilterBy(texts(t, loose), doc(t, `{"a":"X"}`))
	require.NoError(t, err)
	simple := filter(t, `{"who":"Li"}`)
	both := query.And(collated, simple)
	require.True(t, matches(t, both, doc(t, `{"a":"x","who":"Li"}`)))
	require.False(t, matches(t, both, doc(t, `{"a":"x","who":"li"}`)), "a rule compares bytes whatever the query's collation is")
	_, uniform := both.Collation()
	require.False(t, uniform)
	by, uniform := query.And(collated, collated).Collation()
	require.True(t, uniform)
	require.NotNil(t, by)
}

func TestSortByCollation(t *testing.T) {
	s, err := query.ParseSort(doc(t, `{"a":1}`))
	require.NoError(t, err)
	for settings, want := range map[string]string{
		`{"locale":"simple"}`: "B a b 中 北", `{"locale":"en"}`: "a b B 中 北", `{"locale":"zh"}`: "a b B 北 中", `{"locale":"zh","strength":1}`: "a B b 北 中",
	} {
		if strings.Contains(settings, `"en"`) {
			want = "a b B 中 北"
		}
		collated := s.By(texts(t, settings))
		var docs []bson.Raw
		for _, text := range []string{"中", "B", "b", "北", "a"} {
			docs = append(docs, doc(t, `{"a":"`+text+`"}`))
		}
		slices.SortStableFunc(docs, collated.Compare)
		var got []string
		for i, d := range docs {
			got = append(got, d.Lookup("a").StringValue())
			if i > 0 {
				before, err := collated.AppendKey(nil, docs[i-1])
				require.NoError(t, err)
				key, err := collated.AppendKey(nil, d)
				require.NoError(t, err)
				require.LessOrEqual(t, string(before), string(key))
			}
		}
		require.Equal(t, want, strings.Join(got, " "), settings)
	}
}

func TestUpdateByCollation(t *testing.T) {
	for _, c := range []struct{ before, update, after string }{
		{`{"l":["a","B","á"]}`, `{"$pull":{"l":"A"}}`, `{"l":["B"]}`},
		{`{"l":["a","B"]}`, `{"$pull":{"l":{"$in":["A"]}}}`, `{"l":["B"]}`},
		{`{"l":["a","B"]}`, `{"$pullAll":{"l":["A","b"]}}`, `{"l":[]}`},
		{`{"l":["a"]}`, `{"$addToSet":{"l":"A"}}`, `{"l":["a"]}`},
		{`{"l":["a"]}`, `{"$addToSet":{"l":{"$each":["A","b","B"]}}}`, `{"l":["a","b"]}`},
		{`{"l":["b","C"]}`, `{"$push":{"l":{"$each":["A"],"$sort":1}}}`, `{"l":["A","b","C"]}`},
		{`{"l":[{"n":"b"},{"n":"A"}]}`, `{"$push":{"l":{"$each":[],"$sort":{"n":1}}}}`, `{"l":[{"n":"A"},{"n":"b"}]}`},
		{`{"a":"b"}`, `{"$min":{"a":"C"}}`, `{"a":"b"}`}, {`{"a":"b"}`, `{"$max":{"a":"C"}}`, `{"a":"C"}`}, {`{"a":"b"}`, `{"$max":{"a":"B"}}`, `{"a":"b"}`},
		{`{"l":[{"n":"x"},{"n":"y"}]}`, `{"$set":{"l.$[e].k":1}}`, `{"l":[{"n":"x","k":1},{"n":"y"}]}`},
	} {
		u, err := query.ParseUpdateBy(texts(t, loose), doc(t, c.update))
		require.NoError(t, err)
		if strings.Contains(c.update, "$[e]") {
			u, err = u.WithArrayFilters([]bson.Raw{doc(t, `{"e.n":"X"}`)})
			require.NoError(t, err)
		}
		after, _, err := u.Apply(doc(t, c.before), query.ApplyContext{Now: now})
		require.NoError(t, err)
		require.Equal(t, text(doc(t, c.after)), text(after), c.update)
	}
}

func TestProjectionByCollation(t *testing.T) {
	p, err := query.ParseProjectionBy(texts(t, loose), doc(t, `{"l":{"$elemMatch":{"n":"X"}},"same":{"$eq":["$a","B"]}}`))
	require.NoError(t, err)
	got, err := p.Apply(doc(t, `{"_id":1,"l":[{"n":"y"},{"n":"x"}],"a":"b"}`))
	require.NoError(t, err)
	require.Equal(t, text(doc(t, `{"_id":1,"l":[{"n":"x"}],"same":true}`)), text(got))
}

// A collated key orders as the collated comparison does.
func TestKeysByCollation(t *testing.T) {
	by := texts(t, `{"locale":"zh","strength":2,"numericOrdering":true}`)
	var values []bson.RawValue
	for _, v := range []any{"", "a", "A", "á", "b", "ab", "中", "北", "a10", "a2", "a\x00b", int32(1), nil, bson.A{"A"}, bson.A{"a", 1}, bson.D{{Key: "k", Value: "B"}}, bson.D{{Key: "k", Value: "b"}}} {
		values = append(values, value.Of(v))
	}
	for _, a := range values {
		for _, b := range values {
			keyA, err := value.AppendKeyBy(by, nil, a)
			require.NoError(t, err)
			keyB, err := value.AppendKeyBy(by, nil, b)
			require.NoError(t, err)
			require.Equal(t, value.CompareBy(by, a, b), strings.Compare(string(keyA), string(keyB)), "%v and %v", a, b)
			keyA, err = value.AppendKeyDescendingBy(by, nil, a)
			require.NoError(t, err)
			keyB, err = value.AppendKeyDescendingBy(by, nil, b)
			require.NoError(t, err)
			require.Equal(t, value.CompareBy(by, b, a), strings.Compare(string(keyA), string(keyB)))
		}
	}
}
