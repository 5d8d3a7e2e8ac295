package documents_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

// A collation counts in every operation, with and without an index, which is in the order of bytes.
func TestCollation(t *testing.T) {
	loose := raw(t, d("locale", "zh", "strength", 1))
	for _, indexed := range []bool{false, true} {
		db := shop(t)
		s := db.As(owner)
		if indexed {
			for _, field := range []string{"name", "n"} {
				require.NoError(t, s.CreateIndex(t.Context(), "notes", driver.Index{Name: field, Fields: []driver.IndexField{{Path: field}}}))
			}
		}
		insert(t, s, "notes", d("_id", "A", "name", "中"), d("_id", "b", "name", "Li", "n", 1), d("_id", "C", "name", "li", "n", 2), d("_id", "d", "name", "北"))
		find := func(q documents.Query) []any {
			cursor, err := s.Find(t.Context(), "notes", q)
			return ids(t, cursor, err)
		}
		require.Equal(t, []any{"C", "b"}, find(documents.Query{Filter: raw(t, d("name", "LI")), Collation: loose}))
		require.Empty(t, find(documents.Query{Filter: raw(t, d("name", "LI"))}))
		require.Equal(t, []any{"C"}, find(documents.Query{Filter: raw(t, d("_id", "c")), Collation: loose}))
		require.Equal(t, []any{"C"}, find(documents.Query{Filter: raw(t, d("name", "LI", "n", 2)), Collation: loose}))
		require.Equal(t, []any{"C", "b", "d", "A"}, find(documents.Query{Sort: raw(t, d("name", 1)), Collation: loose}))
		require.Equal(t, []any{"b", "C", "d", "A"}, find(documents.Query{Sort: raw(t, d("name", 1, "n", 1)), Collation: loose}))
		require.Equal(t, []any{"A", "b", "C", "d"}, find(documents.Query{Sort: raw(t, d("_id", 1)), Collation: loose}))
		require.Equal(t, []any{"d", "C"}, find(documents.Query{Sort: raw(t, d("_id", -1)), Collation: loose, Limit: 2}))
		require.Equal(t, []any{"A", "C", "b", "d"}, find(documents.Query{Sort: raw(t, d("_id", 1))}))
		require.Equal(t, []any{"d", "A"}, find(documents.Query{Filter: raw(t, d("name", d("$gt", "m"))), Sort: raw(t, d("name", 1)), Collation: loose}))
		n, err := s.CountBy(t.Context(), "notes", documents.CountQuery{Filter: raw(t, d("name", d("$in", bson.A{"LI", "x"}))), Collation: loose})
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		cursor, err := s.AggregateBy(t.Context(), "notes", documents.AggregateQuery{Pipeline: raws(t, d("$match", d("name", "LI")), d("$sort", d("_id", 1))), Collation: loose})
		require.Equal(t, []any{"b", "C"}, ids(t, cursor, err))
		result, err := s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("name", "LI")), Change: raw(t, d("$set", d("hit", true))), Multi: true, Collation: loose})
		require.NoError(t, err)
		require.EqualValues(t, 2, result.Modified)
		result, err = s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("name", "LI")), Change: raw(t, d("$set", d("hit", 1))), Upsert: true, Collation: loose})
		require.NoError(t, err)
		require.EqualValues(t, 1, result.Matched, "an upsert finds what the collation finds")
		gone, err := s.Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, d("name", "LI")), Multi: true, Collation: loose})
		require.NoError(t, err)
		require.EqualValues(t, 2, gone.Deleted)
	}
}

// Rules compare bytes whatever collation the caller asks for: Li is not li.
func TestCollation_RulesIgnoreIt(t *testing.T) {
	loose := raw(t, d("locale", "en", "strength", 1))
	upper := yunduo.Caller{App: "shop", Role: yunduo.RoleUser, UserID: "u-LI", OpenID: "LI", Provider: "wechat"}
	for _, rules := range []string{"", `{"read": "doc._openid == auth.openid", "write": "doc._openid == auth.openid"}`} {
		db := ruled(t, rules)
		for _, who := range []yunduo.Caller{upper, li} {
			s := db.As(who)
			want := 0
			if who.OpenID == "li" {
				want = 1
			}
			cursor, err := s.Find(t.Context(), "notes", documents.Query{Filter: raw(t, d("_id", "LI")), Collation: loose})
			require.Len(t, ids(t, cursor, err), want)
			n, err := s.CountBy(t.Context(), "notes", documents.CountQuery{Collation: loose})
			require.NoError(t, err)
			require.EqualValues(t, want, n)
			cursor, err = s.AggregateBy(t.Context(), "notes", documents.AggregateQuery{Pipeline: raws(t, d("$sort", d("_id", 1))), Collation: loose})
			require.Len(t, ids(t, cursor, err), want)
			result, err := s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", "LI")), Change: raw(t, d("$inc", d("n", 1))), Collation: loose})
			require.NoError(t, err)
			require.EqualValues(t, want, result.Matched)
			gone, err := s.Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, d("_id", "LI")), Collation: loose})
			require.NoError(t, err)
			require.EqualValues(t, want, gone.Deleted)
		}
	}
	_, err := shop(t).As(li).Find(t.Context(), "notes", documents.Query{Collation: raw(t, d("locale", "nonsense"))})
	requireReason(t, yunduo.ReasonInvalidRequest, err)
}
