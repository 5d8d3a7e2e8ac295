package query_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
)

// guardedDocs are on both sides of the rules below, with fields that are missing, null, lists and lists of lists.
var guardedDocs = []string{
	`{"_id":1}`, `{"_id":2,"o":"li"}`, `{"_id":3,"o":"wang"}`, `{"_id":4,"o":["li"]}`, `{"_id":5,"o":[["li"]]}`, `{"_id":6,"o":null}`,
	`{"_id":7,"o":[]}`, `{"_id":8,"o":"$li"}`, `{"_id":9,"o":{"a":1}}`, `{"_id":10,"o":"li","open":true}`, `{"_id":11,"open":true,"m":["li","wang"]}`,
	`{"_id":12,"m":"li"}`, `{"_id":13,"m":[null,["li"]],"o":"x","p":"x"}`, `{"_id":14,"o":1}`, `{"_id":15,"o":{"$numberLong":"1"},"m":[]}`,
	`{"_id":16,"o":["wang",{"a":1}],"open":[true]}`, `{"_id":17,"o":"LI","p":"q"}`,
}

var guards = []string{
	`{"o":"li"}`, `{"o":{"$eq":"li"}}`, `{"o":{"$ne":"li"}}`, `{"o":{"$in":["li",1]}}`, `{"o":{"$nin":["li",1]}}`, `{"o":{"a":1}}`, `{"o":"$li"}`,
	`{"o":1}`, `{"open":true}`, `{"o":{"$exists":true}}`, `{"o":{"$exists":false}}`, `{"m":{"$elemMatch":{"$eq":"li"}}}`,
	`{"$or":[{"o":"li"},{"open":{"$eq":true}}]}`, `{"$nor":[{"o":"li"}]}`, `{"$and":[{"o":"li"},{"open":true}]}`, `{"o":"li","open":true}`,
	`{"$expr":{"$eq":["$o","$p"]}}`, `{"$nor":[{"$or":[{"o":"li"},{"m":{"$elemMatch":{"$eq":"wang"}}}]}]}`,
	`{"$expr":{"$in":["$o",{"$cond":[{"$isArray":"$m"},"$m",[]]}]}}`,
}

// What Narrow writes fails for no document that the rule hides, in whichever order its conditions are computed, and
// finds the same.
func TestNarrow_OrderInRaw(t *testing.T) {
	failing := `{"$gt":[{"$divide":[1,{"$strLenCP":{"$toString":"$none"}}]},0]}` // no text for what is missing: for each document
	for _, rule := range guards {
		to := filter(t, rule)
		for _, asked := range []string{
			`{"$expr":` + failing + `}`, `{"$or":[{"$expr":` + failing + `},{"_id":{"$gt":0}}]}`, `{"$nor":[{"$expr":` + failing + `}]}`,
			`{"$and":[{"$or":[{"_id":1},{"$nor":[{"_id":2},{"$expr":` + failing + `}]}]}]}`,
		} {
			narrowed := query.Narrow(filter(t, asked), to)
			require.False(t, narrowed.Unordered(), rule)
			clauses, err := narrowed.Raw().Lookup("$and").Array().Values()
			require.NoError(t, err)
			require.Len(t, clauses, 2)
			require.Equal(t, bson.Raw(clauses[0].Value), to.Raw())
			alone, err := query.ParseFilter(clauses[1].Value)
			require.NoError(t, err)
			for _, text := range guardedDocs {
				d := doc(t, text)
				_, err := alone.Match(d)
				if !matches(t, to, d) {
					require.NoError(t, err, "%s: %s of %s", rule, asked, text)
				}
			}
		}
		harmless := filter(t, `{"$or":[{"$expr":{"$gt":[{"$add":["$_id",0]},7]}},{"$nor":[{"$expr":{"$gt":[{"$add":["$_id",0]},3]}}]}]}`)
		narrowed := query.Narrow(harmless, to)
		again, err := query.ParseFilter(narrowed.Raw())
		require.NoError(t, err)
		for _, text := range guardedDocs {
			d := doc(t, text)
			want := matches(t, to, d) && matches(t, harmless, d)
			require.Equal(t, want, matches(t, narrowed, d), "%s of %s", rule, text)
			require.Equal(t, want, matches(t, again, d), "%s of %s as written", rule, text)
		}
	}
}

// The refused twin of a guard that hides: without it, and for what the rule shows, the same filter fails.
func TestNarrow_FailsForWhatIsSeen(t *testing.T) {
	narrowed := query.Narrow(filter(t, `{"$nor":[{"$expr":{"$divide":[1,"$n"]}}]}`), filter(t, `{"o":"li"}`))
	written, err := query.ParseFilter(narrowed.Raw())
	require.NoError(t, err)
	for _, f := range []*query.Filter{narrowed, written} {
		_, err := f.Match(doc(t, `{"o":"li","n":0}`))
		require.Equal(t, yunduo.ReasonExpressionFailed, yunduo.ReasonOf(err))
		_, err = f.Match(doc(t, `{"o":"wang","n":0}`))
		require.NoError(t, err)
	}
}

func TestNarrow_Unordered(t *testing.T) {
	for _, rule := range []string{`{"a.b":"li"}`, `{"n":{"$gt":3}}`, `{"n":null}`, `{"n":{"$in":[null]}}`, `{"n":{"$regex":"x"}}`, `{"n":[1]}`,
		`{"$expr":{"$gt":[{"$divide":[1,"$n"]},1]}}`, `{"$expr":{"$in":[1,"$n"]}}`, `{"$or":[{"o":"li"},{"n":{"$gt":3}}]}`} {
		to := filter(t, rule)
		require.True(t, query.Narrow(filter(t, `{"$expr":{"$divide":[1,"$n"]}}`), to).Unordered(), rule)
		require.False(t, query.Narrow(filter(t, `{"$or":[{"$expr":{"$gt":["$n","$m"]}},{"x":1}]}`), to).Unordered(), "%s hides nothing from what cannot fail", rule)
		require.False(t, query.Narrow(filter(t, `{"x":1}`), to).Unordered())
	}
}
