package documents_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

func TestUpdate_ByPipeline(t *testing.T) {
	db := ruled(t, "")
	s := db.As(li)
	mine := raw(t, d("_id", "li"))
	result, err := s.Update(t.Context(), "notes", documents.Update{Filter: mine, Pipeline: raws(t, d("$set", d("double", d("$multiply", bson.A{"$n", 2}))))})
	require.NoError(t, err)
	require.Equal(t, int64(1), result.Modified)
	require.Equal(t, bson.M{"_id": "li", "_openid": "li", "secret": "L", "n": int32(1), "double": int32(2)}, stored(t, db, "notes", "li"))
	// Another's document is as if it did not exist.
	result, err = s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", "wang")), Pipeline: raws(t, d("$set", d("n", 9)))})
	require.NoError(t, err)
	require.Zero(t, result.Matched)
	// An index follows.
	require.NoError(t, db.As(owner).CreateIndex(t.Context(), "notes", driver.Index{Name: "n", Fields: []driver.IndexField{{Path: "n"}}}))
	_, err = s.Update(t.Context(), "notes", documents.Update{Filter: mine, Pipeline: raws(t, d("$set", d("n", d("$add", bson.A{"$n", 10}))))})
	require.NoError(t, err)
	require.Equal(t, []any{"li"}, visible(t, s, d("n", 11)))
	require.Empty(t, visible(t, s, d("n", 1)))
}

func TestOwner_PipelinesKeepIt(t *testing.T) {
	for _, rules := range []string{"", `{"read": true, "write": true}`} {
		db := ruled(t, rules)
		for _, stage := range []bson.D{
			d("$set", d("_openid", "wang")), d("$addFields", d("_openid.x", 1)), d("$unset", "_openid"), d("$unset", bson.A{"a", "_openid"}),
			d("$project", d("_openid", 0)), d("$replaceWith", d("_openid", "wang")),
		} {
			_, err := db.As(li).Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", "li")), Pipeline: raws(t, stage), Upsert: true})
			require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err), "%v", stage)
		}
		for _, stage := range []bson.D{
			d("$replaceWith", d("$literal", d("_openid", "wang"))), d("$replaceRoot", d("newRoot", d("x", 1))), d("$project", d("secret", 1)),
			d("$replaceWith", d("$setField", d("field", "_openid", "input", "$$ROOT", "value", "wang"))),
		} {
			_, err := db.As(li).Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", "li")), Pipeline: raws(t, stage), Upsert: true})
			require.NoError(t, err)
			require.Equal(t, "li", stored(t, db, "notes", "li")["_openid"])
		}
		_, err := db.As(li).Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", "made")), Pipeline: raws(t, d("$set", d("x", 1))), Upsert: true})
		require.NoError(t, err)
		require.Equal(t, bson.M{"_id": "made", "x": int32(1), "_openid": "li"}, stored(t, db, "notes", "made"))
	}
	// The twin: code of the app may.
	db := ruled(t, "")
	_, err := db.As(function).Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", "li")), Pipeline: raws(t, d("$set", d("_openid", "wang")))})
	require.NoError(t, err)
	require.Equal(t, "wang", stored(t, db, "notes", "li")["_openid"])
}

func TestUpdate_ArrayFilters(t *testing.T) {
	db := shop(t)
	insert(t, db.As(li), "notes", d("_id", "a", "l", bson.A{d("n", 1), d("n", 5)}))
	u := documents.Update{Filter: raw(t, d("_id", "a")), Change: raw(t, d("$set", d("l.$[big].ok", true))), ArrayFilters: raws(t, d("big.n", d("$gt", 2))), Upsert: true}
	_, err := db.As(li).Update(t.Context(), "notes", u)
	require.NoError(t, err)
	require.Equal(t, bson.A{bson.D{{Key: "n", Value: int32(1)}}, bson.D{{Key: "n", Value: int32(5)}, {Key: "ok", Value: true}}}, stored(t, db, "notes", "a")["l"])
	for name, filters := range map[string][]bson.Raw{"none": nil, "another": raws(t, d("other", 1)), "wrong": raws(t, d("big.n", d("$nope", 1)))} {
		u.ArrayFilters = filters
		_, err = db.As(li).Update(t.Context(), "notes", u)
		require.Error(t, err, name)
		require.Equal(t, yunduo.CodeInvalid, yunduo.AsError(err).Code(), name)
	}
}

func TestUpdate_ReturnedDocumentIsProjected(t *testing.T) {
	db := ruled(t, "")
	u := documents.Update{Filter: raw(t, d("_id", "li")), Change: raw(t, d("$inc", d("n", 1))), Return: driver.ReturnAfter, Projection: raw(t, d("n", 1))}
	result, err := db.As(li).Update(t.Context(), "notes", u)
	require.NoError(t, err)
	require.Equal(t, raw(t, d("_id", "li", "n", 2)), result.Document)
	u.Projection = raw(t, d("n", 1, "x", 0))
	_, err = db.As(li).Update(t.Context(), "notes", u)
	require.Error(t, err)
	require.Equal(t, int32(2), stored(t, db, "notes", "li")["n"], "nothing is changed when the projection is wrong")
	gone, err := db.As(li).Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, d("_id", "li")), Return: driver.ReturnBefore, Projection: raw(t, d("secret", 1, "_id", 0))})
	require.NoError(t, err)
	require.Equal(t, raw(t, d("secret", "L")), gone.Document)
	gone, err = db.As(li).Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, d("_id", "wang")), Return: driver.ReturnBefore})
	require.NoError(t, err)
	require.Nil(t, gone.Document)
	require.NotNil(t, stored(t, db, "notes", "wang"))
}
