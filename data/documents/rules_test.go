package documents_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

// ruled is a collection with a document of li, one of wang and one of nobody.
func ruled(t testing.TB, rules string) *documents.DB {
	t.Helper()
	db := shop(t)
	if rules != "" {
		require.NoError(t, db.As(owner).SetRules(t.Context(), "notes", rules))
	}
	insert(t, db.As(owner), "notes",
		d("_id", "li", "_openid", "li", "secret", "L", "n", 1),
		d("_id", "nobody", "secret", "N", "n", 0),
		d("_id", "wang", "_openid", "wang", "secret", "W", "n", 2))
	return db
}

func visible(t testing.TB, s *documents.Session, filter any) []any {
	t.Helper()
	cursor, err := s.Find(t.Context(), "notes", documents.Query{Filter: raw(t, filter)})
	return ids(t, cursor, err)
}

func TestRules_Default(t *testing.T) {
	db := ruled(t, "")
	s := db.As(li)
	require.Equal(t, []any{"li"}, visible(t, s, d()))
	require.Equal(t, []any{"li"}, visible(t, s, d("n", d("$gte", 0))))
	require.Equal(t, []any{}, visible(t, s, d("_openid", "wang")))
	require.Equal(t, []any{"li"}, visible(t, s, d("$or", bson.A{d(), d("_openid", "wang")})))
	require.Equal(t, []any{"li"}, visible(t, s, d("_id", d("$in", bson.A{"wang", "nobody", "li"}))))
	require.Equal(t, []any{}, visible(t, db.As(guest), d()))
	require.Equal(t, []any{"li", "nobody", "wang"}, visible(t, db.As(function), d()))
	for _, key := range []string{"wang", "nobody"} {
		doc, err := s.Get(t.Context(), "notes", id(key), nil)
		require.NoError(t, err)
		require.Nil(t, doc)
	}
	doc, err := s.Get(t.Context(), "notes", id("li"), nil)
	require.NoError(t, err)
	require.NotNil(t, doc)
	n, err := s.Count(t.Context(), "notes", raw(t, d("n", d("$gte", 0))))
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

func TestRules_DefaultForWrites(t *testing.T) {
	db := ruled(t, "")
	s := db.As(li)
	before := [2]bson.M{stored(t, db, "notes", "wang"), stored(t, db, "notes", "nobody")}
	for _, filter := range []bson.D{d("_id", "wang"), d("_id", "nobody"), d("_openid", "wang"), d("n", 2)} {
		for name, change := range map[string]bson.D{"operators": d("$set", d("secret", "stolen")), "replacement": d("secret", "stolen")} {
			result, err := s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, filter), Change: raw(t, change)})
			require.NoError(t, err, name)
			require.Zero(t, result.Matched, name)
			result, err = s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, filter), Change: raw(t, change), Return: driver.ReturnBefore})
			require.NoError(t, err, name)
			require.Nil(t, result.Document, name)
		}
		removed, err := s.Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, filter), Return: driver.ReturnBefore})
		require.NoError(t, err)
		require.Zero(t, removed.Deleted)
		require.Nil(t, removed.Document)
	}
	many, err := s.Update(t.Context(), "notes", documents.Update{Change: raw(t, d("$set", d("hit", true))), Multi: true})
	require.NoError(t, err)
	require.EqualValues(t, 1, many.Modified)
	require.Equal(t, true, stored(t, db, "notes", "li")["hit"])
	gone, err := s.Delete(t.Context(), "notes", documents.Delete{Multi: true})
	require.NoError(t, err)
	require.EqualValues(t, 1, gone.Deleted)
	require.Nil(t, stored(t, db, "notes", "li"))
	require.Equal(t, before, [2]bson.M{stored(t, db, "notes", "wang"), stored(t, db, "notes", "nobody")})
}

// Each preset, each operation: what is allowed and, as its twin, what is not.
func TestRules_Presets(t *testing.T) {
	all, own, none := []any{"li", "nobody", "wang"}, []any{"li"}, []any(nil)
	for preset, want := range map[string]struct {
		read   []any // nil: refused
		writes bool
	}{
		"private":    {own, true},
		"readonly":   {all, true},
		"adminwrite": {all, false},
		"adminonly":  {none, false},
	} {
		t.Run(preset, func(t *testing.T) {
			db := ruled(t, preset)
			s := db.As(li)
			for _, operation := range []string{"Find", "Get", "Count", "Aggregate"} {
				err := operations[operation](t.Context(), t, s)
				if want.read == nil {
					require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err), "%s: %v", operation, err)
				} else {
					require.NoError(t, err, operation)
				}
			}
			if want.read != nil {
				require.Equal(t, want.read, visible(t, s, d()))
			}
			for _, operation := range []string{"Insert", "Update", "Delete"} {
				err := operations[operation](t.Context(), t, s)
				if want.writes {
					require.NoError(t, err, operation)
				} else {
					require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err), "%s: %v", operation, err)
				}
			}
			require.Equal(t, "W", stored(t, db, "notes", "wang")["secret"])
			result, err := s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", "wang")), Change: raw(t, d("$set", d("secret", "x")))})
			if want.writes {
				require.NoError(t, err)
			}
			require.Zero(t, result.Matched)
			for _, operation := range []string{"Find", "Get", "Count", "Aggregate", "Insert", "Update", "Delete"} {
				require.NoError(t, operations[operation](t.Context(), t, db.As(function)), operation)
			}
		})
	}
}

// Rules count at once, also for sessions that exist already, and survive a restart.
func TestRules_CountAtOnceAndStay(t *testing.T) {
	dir := t.TempDir()
	engine := openEngine(t, dir)
	db := documents.New(engine, documents.Options{})
	require.NoError(t, db.As(owner).CreateCollection(t.Context(), "notes"))
	insert(t, db.As(owner), "notes", d("_id", "a", "_openid", "wang"))
	s := db.As(li)
	require.Empty(t, visible(t, s, d()))
	require.NoError(t, db.As(owner).SetRules(t.Context(), "notes", "readonly"))
	require.Equal(t, []any{"a"}, visible(t, s, d()))
	require.NoError(t, db.As(owner).SetRules(t.Context(), "notes", `{"read": "auth.provider == 'wechat'"}`))
	require.Equal(t, []any{"a"}, visible(t, s, d()))
	db.Close()
	require.NoError(t, engine.Close())

	engine = openEngine(t, dir)
	defer engine.Close()
	db = documents.New(engine, documents.Options{})
	defer db.Close()
	require.Equal(t, []any{"a"}, visible(t, db.As(li), d()))
	requireReason(t, yunduo.ReasonPermissionDenied, operations["Find"](t.Context(), t, db.As(guest)))
	text, err := db.As(owner).Rules(t.Context(), "notes")
	require.NoError(t, err)
	require.JSONEq(t, `{"read": "auth.provider == 'wechat'"}`, text)

	require.NoError(t, db.As(owner).DropCollection(t.Context(), "notes"))
	require.NoError(t, db.As(owner).CreateCollection(t.Context(), "notes"))
	text, err = db.As(owner).Rules(t.Context(), "notes")
	require.NoError(t, err)
	require.Equal(t, "private", text)
}

func TestRules_Malformed(t *testing.T) {
	db := shop(t)
	requireReason(t, yunduo.ReasonInvalidRules, db.As(owner).SetRules(t.Context(), "notes", `{"read": "doc.$where"}`))
	text, err := db.As(owner).Rules(t.Context(), "notes")
	require.NoError(t, err)
	require.Equal(t, "private", text)
}

// A write that gives a document back needs the right to read it too.
func TestRules_ReturnedDocumentsAreRead(t *testing.T) {
	db := ruled(t, `{"read": "doc._openid == auth.openid", "write": true}`)
	s := db.As(li)
	set := raw(t, d("$set", d("hit", true)))
	result, err := s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", "wang")), Change: set, Return: driver.ReturnAfter})
	require.NoError(t, err)
	require.Nil(t, result.Document)
	removed, err := s.Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, d("_id", "wang")), Return: driver.ReturnBefore})
	require.NoError(t, err)
	require.Nil(t, removed.Document)
	require.Nil(t, stored(t, db, "notes", "wang")["hit"])

	result, err = s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", "wang")), Change: set})
	require.NoError(t, err)
	require.EqualValues(t, 1, result.Matched)
	result, err = s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", "li")), Change: set, Return: driver.ReturnAfter})
	require.NoError(t, err)
	require.Equal(t, true, result.Document.Lookup("hit").Boolean())
}

func TestRules_OfNewDocuments(t *testing.T) {
	db := ruled(t, `{"read": true, "create": "doc.status == 'draft'"}`)
	insert(t, db.As(li), "notes", d("_id", "x", "status", "draft"))
	_, err := db.As(li).Insert(t.Context(), "notes", raws(t, d("_id", "y", "status", "draft"), d("_id", "z", "status", "open")))
	requireReason(t, yunduo.ReasonPermissionDenied, err)
	require.Nil(t, stored(t, db, "notes", "y"))
	require.Equal(t, "li", stored(t, db, "notes", "x")["_openid"])
}
