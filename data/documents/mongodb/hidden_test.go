package mongodb_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// Whether an end user's $expr fails on a document that the rules hide must not show, in whatever place it stands and in
// whatever order the server computes conditions. Who may see the document gets the failure.
func TestFailingFilterTellsNothingOfHiddenDocuments(t *testing.T) {
	db := documents.New(open(t), documents.Options{})
	t.Cleanup(db.Close)
	owner := db.As(yunduo.Caller{App: "shop", Role: yunduo.RoleOwner})
	li := db.As(yunduo.Caller{App: "shop", Role: yunduo.RoleUser, UserID: "u-li", OpenID: "li"})
	wang := db.As(yunduo.Caller{App: "shop", Role: yunduo.RoleUser, UserID: "u-wang", OpenID: "wang"})
	require.NoError(t, owner.CreateCollection(t.Context(), "notes"))
	require.NoError(t, owner.SetRules(t.Context(), "notes", "private"))
	var docs []bson.Raw
	for _, d := range []bson.D{
		{{Key: "_id", Value: "l"}, {Key: "_openid", Value: "li"}, {Key: "n", Value: 4}},
		{{Key: "_id", Value: "w"}, {Key: "_openid", Value: "wang"}, {Key: "n", Value: 0}},
	} {
		docs = append(docs, marshal(t, d))
	}
	_, err := owner.Insert(t.Context(), "notes", docs)
	require.NoError(t, err)

	fails := bson.D{{Key: "$expr", Value: bson.D{{Key: "$gt", Value: bson.A{bson.D{{Key: "$divide", Value: bson.A{1, "$n"}}}, 0}}}}}
	other := bson.D{{Key: "_id", Value: "none"}}
	for name, probe := range map[string]bson.D{
		"Plain": fails, "Or": {{Key: "$or", Value: bson.A{fails, other}}}, "Nor": {{Key: "$nor", Value: bson.A{bson.D{{Key: "$nor", Value: bson.A{fails}}}, other}}},
	} {
		t.Run(name, func(t *testing.T) {
			asked := marshal(t, probe)
			update := documents.Update{Filter: asked, Change: marshal(t, bson.D{{Key: "$inc", Value: bson.D{{Key: "seen", Value: 1}}}}), Multi: true}
			pipeline := []bson.Raw{marshal(t, bson.D{{Key: "$addFields", Value: bson.D{{Key: "x", Value: 1}}}}), marshal(t, bson.D{{Key: "$match", Value: probe}})}
			aggregated := func(s *documents.Session) (int, error) {
				cursor, err := s.Aggregate(t.Context(), "notes", pipeline)
				if err != nil {
					return 0, err
				}
				rows, err := documents.All(t.Context(), cursor)
				return len(rows), err
			}
			n, err := li.Count(t.Context(), "notes", asked)
			require.NoError(t, err)
			require.EqualValues(t, 1, n)
			rows, err := aggregated(li)
			require.NoError(t, err)
			require.Equal(t, 1, rows)
			result, err := li.Update(t.Context(), "notes", update)
			require.NoError(t, err)
			require.EqualValues(t, 1, result.Modified)

			_, err = wang.Count(t.Context(), "notes", asked)
			require.Equal(t, yunduo.ReasonExpressionFailed, yunduo.ReasonOf(err), err)
			_, err = aggregated(wang)
			require.Equal(t, yunduo.ReasonExpressionFailed, yunduo.ReasonOf(err), err)
			_, err = wang.Update(t.Context(), "notes", update)
			require.Equal(t, yunduo.ReasonExpressionFailed, yunduo.ReasonOf(err), err)
		})
	}

	// What a rule allows that cannot be put before the $expr is refused together with one that can fail.
	require.NoError(t, owner.SetRules(t.Context(), "notes", `{"read": "doc.n > 3", "update": "doc.n > 3", "delete": "doc.n > 3"}`))
	asked := marshal(t, bson.D{{Key: "$or", Value: bson.A{fails, other}}})
	_, err = li.Count(t.Context(), "notes", asked)
	require.Equal(t, yunduo.ReasonUnsupportedCall, yunduo.ReasonOf(err), err)
	_, err = li.Find(t.Context(), "notes", documents.Query{Filter: asked})
	require.Equal(t, yunduo.ReasonUnsupportedCall, yunduo.ReasonOf(err), err)
	_, err = li.Delete(t.Context(), "notes", documents.Delete{Filter: asked, Multi: true})
	require.Equal(t, yunduo.ReasonUnsupportedCall, yunduo.ReasonOf(err), err)
	compares := bson.D{{Key: "$expr", Value: bson.D{{Key: "$gt", Value: bson.A{"$n", "$m"}}}}}
	n, err := li.Count(t.Context(), "notes", marshal(t, bson.D{{Key: "$or", Value: bson.A{compares, other}}}))
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

func marshal(t *testing.T, d bson.D) bson.Raw {
	t.Helper()
	raw, err := bson.Marshal(d)
	require.NoError(t, err)
	return raw
}
