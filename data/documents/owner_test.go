package documents_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

func TestOwner_IsStamped(t *testing.T) {
	db := shop(t)
	insert(t, db.As(li), "notes", d("_id", "a", "n", 1))
	insert(t, db.As(guest), "notes", d("_id", "b"))
	insert(t, db.As(function), "notes", d("_id", "c"))
	insert(t, db.As(function), "notes", d("_id", "d", "_openid", "wang"))
	require.Equal(t, bson.M{"_id": "a", "n": int32(1), "_openid": "li"}, stored(t, db, "notes", "a"))
	require.Equal(t, "u-guest", stored(t, db, "notes", "b")["_openid"], "the user ID stands in for an OpenID")
	require.Equal(t, bson.M{"_id": "c"}, stored(t, db, "notes", "c"), "functions own nothing")
	require.Equal(t, "wang", stored(t, db, "notes", "d")["_openid"], "functions may say who does")
}

func TestOwner_CannotBeSent(t *testing.T) {
	for _, rules := range []string{"private", `{"read": true, "write": true}`} {
		db := ruled(t, rules)
		for _, who := range []string{"wang", "li"} {
			_, err := db.As(li).Insert(t.Context(), "notes", raws(t, d("_id", "forged", "_openid", who)))
			requireReason(t, yunduo.ReasonPermissionDenied, err)
			require.Contains(t, err.Error(), "_openid")
		}
		require.Nil(t, stored(t, db, "notes", "forged"))
		for name, change := range map[string]bson.D{
			"replacement":     d("_openid", "wang", "x", 1),
			"$set":            d("$set", d("_openid", "wang")),
			"$set inside":     d("$set", d("_openid.a", 1)),
			"$set own":        d("$set", d("_openid", "li")),
			"$unset":          d("$unset", d("_openid", "")),
			"$rename from":    d("$rename", d("_openid", "x")),
			"$rename to":      d("$rename", d("secret", "_openid")),
			"$rename within":  d("$rename", d("secret", "_openid.x")),
			"$setOnInsert":    d("$setOnInsert", d("_openid", "wang")),
			"$inc":            d("$inc", d("_openid", 1)),
			"$push":           d("$push", d("_openid", "x")),
			"second operator": d("$set", d("a", 1), "$unset", d("_openid", 1)),
		} {
			for _, upsert := range []bool{false, true} {
				u := documents.Update{Filter: raw(t, d("_id", "li")), Change: raw(t, change), Upsert: upsert}
				_, err := db.As(li).Update(t.Context(), "notes", u)
				require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err), "%s: %v", name, err)
			}
		}
		require.Equal(t, bson.M{"_id": "li", "_openid": "li", "secret": "L", "n": int32(1)}, stored(t, db, "notes", "li"))
	}
}

// The twin: code of the app may set and change it.
func TestOwner_FunctionsMayChangeIt(t *testing.T) {
	db := ruled(t, "")
	_, err := db.As(function).Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", "li")), Change: raw(t, d("$set", d("_openid", "wang")))})
	require.NoError(t, err)
	require.Equal(t, []any{"li", "wang"}, visible(t, db.As(wang), d()))
}

func replace(t testing.TB, s *documents.Session, key string, upsert bool, doc bson.D) error {
	t.Helper()
	_, err := s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", key)), Change: raw(t, doc), Upsert: upsert})
	return err
}

func TestOwner_ReplacementKeepsIt(t *testing.T) {
	for rules, others := range map[string]bool{"private": false, `{"read": true, "write": true}`: true} {
		for _, upsert := range []bool{false, true} {
			db := ruled(t, rules)
			require.NoError(t, replace(t, db.As(li), "li", upsert, d("x", 1)))
			require.Equal(t, bson.M{"_id": "li", "x": int32(1), "_openid": "li"}, stored(t, db, "notes", "li"))
			if !others {
				continue
			}
			require.NoError(t, replace(t, db.As(li), "wang", upsert, d("x", 1)))
			require.Equal(t, bson.M{"_id": "wang", "x": int32(1), "_openid": "wang"}, stored(t, db, "notes", "wang"))
			require.NoError(t, replace(t, db.As(li), "nobody", upsert, d("x", 1)))
			require.Equal(t, bson.M{"_id": "nobody", "x": int32(1)}, stored(t, db, "notes", "nobody"))
		}
	}
}

func TestOwner_Upsert(t *testing.T) {
	for _, rules := range []string{"private", `{"read": true, "write": true}`} {
		db := ruled(t, rules)
		require.NoError(t, replace(t, db.As(li), "made", true, d("x", 1)))
		require.Equal(t, bson.M{"_id": "made", "x": int32(1), "_openid": "li"}, stored(t, db, "notes", "made"))
		require.NoError(t, replace(t, db.As(li), "made2", true, d("$set", d("x", 1), "$setOnInsert", d("y", 2))))
		require.Equal(t, bson.M{"_id": "made2", "x": int32(1), "y": int32(2), "_openid": "li"}, stored(t, db, "notes", "made2"))
		require.NoError(t, replace(t, db.As(li), "made2", true, d("$set", d("x", 3))))
		require.Equal(t, int32(3), stored(t, db, "notes", "made2")["x"])
		require.NoError(t, replace(t, db.As(li), "absent", false, d("x", 1)))
		require.Nil(t, stored(t, db, "notes", "absent"))
		require.NoError(t, replace(t, db.As(owner), "keys", true, d("x", 1)))
		require.Equal(t, bson.M{"_id": "keys", "x": int32(1)}, stored(t, db, "notes", "keys"))
	}
}

func TestOwner_UpsertOverAnothers(t *testing.T) {
	db := ruled(t, "")
	for _, change := range []bson.D{d("secret", "stolen"), d("$set", d("secret", "stolen"))} {
		for _, key := range []string{"wang", "nobody"} {
			before := stored(t, db, "notes", key)
			requireReason(t, yunduo.ReasonPermissionDenied, replace(t, db.As(li), key, true, change))
			require.Equal(t, before, stored(t, db, "notes", key))
		}
	}
	// An upsert that claims another's name makes no document of that name.
	u := documents.Update{Filter: raw(t, d("_openid", "wang", "k", 1)), Change: raw(t, d("$set", d("x", 1))), Upsert: true}
	_, err := db.As(li).Update(t.Context(), "notes", u)
	if err == nil {
		cursor, err := db.As(owner).Find(t.Context(), "notes", documents.Query{Filter: raw(t, d("_openid", "wang"))})
		require.Equal(t, []any{"wang"}, ids(t, cursor, err))
	}
}

func TestOwner_UpsertWhereCreatingIsRefused(t *testing.T) {
	db := ruled(t, `{"read": true, "update": true}`)
	requireReason(t, yunduo.ReasonPermissionDenied, replace(t, db.As(li), "made", true, d("x", 1)))
	require.Nil(t, stored(t, db, "notes", "made"))
	require.NoError(t, replace(t, db.As(li), "li", true, d("x", 1)))
	require.NoError(t, replace(t, db.As(li), "wang", true, d("$set", d("x", 1))))
	require.Equal(t, int32(1), stored(t, db, "notes", "wang")["x"])
}

func TestUpdate_Refuses(t *testing.T) {
	db := ruled(t, "")
	for name, row := range map[string]struct {
		update documents.Update
		reason yunduo.Reason
	}{
		"no change":        {documents.Update{}, yunduo.ReasonInvalidUpdate},
		"multi replace":    {documents.Update{Change: raw(t, d("a", 1)), Multi: true}, yunduo.ReasonInvalidUpdate},
		"inner operator":   {documents.Update{Change: raw(t, d("a", d("$gt", 1)))}, yunduo.ReasonInvalidDocument},
		"many returned":    {documents.Update{Change: raw(t, d("$set", d("a", 1))), Multi: true, Return: 1}, yunduo.ReasonInvalidRequest},
		"bad filter":       {documents.Update{Filter: raw(t, d("$nope", 1)), Change: raw(t, d("$set", d("a", 1)))}, yunduo.ReasonUnknownOperator},
		"upsert id regex":  {documents.Update{Filter: raw(t, d("x", 1)), Change: raw(t, d("_id", bson.Regex{Pattern: "a"})), Upsert: true}, yunduo.ReasonInvalidDocument},
		"deep path":        {documents.Update{Change: raw(t, d("$set", d(strings.Repeat("a.", 100)+"a", 1)))}, yunduo.ReasonInvalidUpdate},
		"deep rename":      {documents.Update{Change: raw(t, d("$rename", d("n", strings.Repeat("a.", 100)+"a")))}, yunduo.ReasonInvalidUpdate},
		"unknown operator": {documents.Update{Change: raw(t, d("$nope", d("a", 1)))}, yunduo.ReasonUnknownOperator},
	} {
		for _, caller := range []yunduo.Caller{owner, li} {
			_, err := db.As(caller).Update(t.Context(), "notes", row.update)
			require.Equal(t, row.reason, yunduo.ReasonOf(err), "%s: %v", name, err)
		}
	}
}

func TestOwner_UpsertThatReturnsOrNamesTheOwner(t *testing.T) {
	db := shop(t)
	for name, filter := range map[string]bson.D{"plain": d("_id", "one"), "own": d("_id", "two", "_openid", "li")} {
		result, err := db.As(li).Update(t.Context(), "notes", documents.Update{
			Filter: raw(t, filter), Change: raw(t, d("$set", d("n", 1))), Upsert: true, Return: driver.ReturnAfter,
		})
		require.NoError(t, err, name)
		require.Equal(t, "li", result.Document.Lookup("_openid").StringValue(), name)
	}
	_, err := db.As(li).Update(t.Context(), "notes", documents.Update{
		Filter: raw(t, d("_id", "three", "_openid", "wang")), Change: raw(t, d("$set", d("n", 1))), Upsert: true,
	})
	require.Error(t, err, "the name of another is refused")
	require.Nil(t, stored(t, db, "notes", "three"))
}
