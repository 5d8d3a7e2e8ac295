package documents_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// every runs each kind of request of an end user on the collection notes and returns what it allowed.
func every(t *testing.T, s *documents.Session, filter bson.D) map[string]error {
	t.Helper()
	outcome := map[string]error{}
	cursor, err := s.Find(t.Context(), "notes", documents.Query{Filter: raw(t, filter)})
	if err == nil {
		require.NoError(t, cursor.Close())
	}
	outcome["find"] = err
	_, outcome["count"] = s.Count(t.Context(), "notes", raw(t, filter))
	cursor, err = s.Aggregate(t.Context(), "notes", []bson.Raw{raw(t, d("$match", filter)), raw(t, d("$count", "n"))})
	if err == nil {
		require.NoError(t, cursor.Close())
	}
	outcome["aggregate"] = err
	_, outcome["update"] = s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, filter), Change: raw(t, d("$set", d("hit", true))), Multi: true})
	_, outcome["delete"] = s.Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, d("$and", bson.A{filter, d("_id", "none")}))})
	return outcome
}

func TestRules_StrictRefusesInsteadOfNarrowing(t *testing.T) {
	const rule = `"doc._openid == auth.openid || doc.public == true"`
	db := ruled(t, `{"read":`+rule+`,"write":`+rule+`,"strict":true}`)
	s := db.As(li)
	for kind, err := range every(t, s, d("_openid", "li")) {
		require.NoError(t, err, kind)
	}
	for kind, err := range every(t, s, d("public", true)) {
		require.NoError(t, err, kind)
	}
	for _, filter := range []bson.D{d(), d("_id", "li"), d("_openid", "wang"), d("_openid", d("$in", bson.A{"li", "wang"})), d("$or", bson.A{d("_openid", "li"), d("n", 1)})} {
		for _, err := range every(t, s, filter) {
			requireReason(t, yunduo.ReasonPermissionDenied, err)
		}
	}
	require.NotContains(t, stored(t, db, "notes", "wang"), "hit")
	// Not even whether there is a document is told: the refusals of what exists and of what does not are the same.
	_, exists := s.Get(t.Context(), "notes", id("wang"), nil)
	_, missing := s.Get(t.Context(), "notes", id("never"), nil)
	require.Equal(t, exists.Error(), missing.Error())
	_, err := s.Insert(t.Context(), "notes", []bson.Raw{raw(t, d("_id", "new"))})
	require.NoError(t, err)
	require.Len(t, visible(t, db.As(function), d()), 4)
}

func TestRules_StrictHoldsForForeignCollections(t *testing.T) {
	db := ruled(t, `{"read":"doc._openid == auth.openid","strict":true}`)
	require.NoError(t, db.As(owner).CreateCollection(t.Context(), "open"))
	require.NoError(t, db.As(owner).SetRules(t.Context(), "open", "readonly"))
	lookup := raw(t, d("$lookup", d("from", "notes", "localField", "x", "foreignField", "_id", "as", "found")))
	_, err := db.As(li).Aggregate(t.Context(), "open", []bson.Raw{lookup})
	requireReason(t, yunduo.ReasonPermissionDenied, err)
	require.NoError(t, db.As(owner).SetRules(t.Context(), "notes", `{"read":true,"strict":true}`))
	cursor, err := db.As(li).Aggregate(t.Context(), "open", []bson.Raw{lookup})
	require.NoError(t, err)
	require.NoError(t, cursor.Close())
}

func TestRules_Get(t *testing.T) {
	db := ruled(t, "{\"read\":\"get(`database.members.${auth.openid}`).role == 'boss'\",\"write\":\"auth.openid in get('database.settings.7').admins\"}")
	for _, name := range []string{"members", "settings"} {
		require.NoError(t, db.As(owner).CreateCollection(t.Context(), name))
	}
	for _, err := range every(t, db.As(li), d()) {
		requireReason(t, yunduo.ReasonPermissionDenied, err)
	}
	insert(t, db.As(owner), "members", d("_id", "li", "role", "boss"), d("_id", "wang", "role", "clerk"))
	insert(t, db.As(owner), "settings", d("_id", int32(7), "admins", bson.A{"li"}))
	for kind, err := range every(t, db.As(li), d()) {
		require.NoError(t, err, kind)
	}
	require.Equal(t, true, stored(t, db, "notes", "wang")["hit"])
	for _, err := range every(t, db.As(wang), d()) {
		requireReason(t, yunduo.ReasonPermissionDenied, err)
	}
	// What rules look up is closed to the caller as before.
	cursor, err := db.As(li).Find(t.Context(), "settings", documents.Query{})
	require.Equal(t, []any{}, ids(t, cursor, err))
}

// Within a request an answer stays the same; a session that lives on sees a change in under a second.
func TestRules_GetIsFreshAgainSoon(t *testing.T) {
	now := time.Now()
	engine := openEngine(t, t.TempDir())
	db := documents.New(engine, documents.Options{Now: func() time.Time { return now }})
	t.Cleanup(func() {
		db.Close()
		require.NoError(t, engine.Close())
	})
	for _, name := range []string{"notes", "settings"} {
		require.NoError(t, db.As(owner).CreateCollection(t.Context(), name))
	}
	require.NoError(t, db.As(owner).SetRules(t.Context(), "notes", `{"read":"get('database.settings.open').on"}`))
	insert(t, db.As(owner), "settings", d("_id", "open", "on", true))
	find := func(s *documents.Session) error {
		cursor, err := s.Find(t.Context(), "notes", documents.Query{})
		if err == nil {
			err = cursor.Close()
		}
		return err
	}
	s := db.As(li)
	require.NoError(t, find(s))
	_, err := db.As(owner).Update(t.Context(), "settings", documents.Update{Change: raw(t, d("$set", d("on", false)))})
	require.NoError(t, err)
	require.NoError(t, find(s))
	requireReason(t, yunduo.ReasonPermissionDenied, find(db.As(li)))
	now = now.Add(time.Second)
	requireReason(t, yunduo.ReasonPermissionDenied, find(s))
}

func TestFilter_OwnOpenIDByPlaceholder(t *testing.T) {
	db := ruled(t, `{"read":true,"write":true}`)
	for _, filter := range []bson.D{
		d("_openid", "{openid}"), d("_openid", d("$eq", "{openid}")), d("$or", bson.A{d("_openid", "{openid}"), d("x", "{openid}")}), d("_openid", d("$in", bson.A{"{openid}", "nobody"})),
	} {
		require.Equal(t, []any{"li"}, visible(t, db.As(li), filter), "%v", filter)
		require.Equal(t, []any{}, visible(t, db.As(function), filter), "code has no openid of its own")
	}
	n, err := db.As(wang).Count(t.Context(), "notes", raw(t, d("_openid", "{openid}")))
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	removed, err := db.As(wang).Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, d("_openid", "{openid}")), Multi: true})
	require.NoError(t, err)
	require.EqualValues(t, 1, removed.Deleted)
	result, err := db.As(li).Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_openid", "{openid}")), Change: raw(t, d("$set", d("me", "{openid}")))})
	require.NoError(t, err)
	require.EqualValues(t, 1, result.Modified)
	require.Equal(t, "{openid}", stored(t, db, "notes", "li")["me"], "only filters have placeholders")
}
