package documents_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

func TestInsert_IDs(t *testing.T) {
	db := shop(t)
	got, err := db.As(owner).Insert(t.Context(), "notes", raws(t, d("n", 1), d("n", 2, "_id", "own"), d("_id", 7), d("_id", 1.5), d("_id", int64(1)<<40)))
	require.NoError(t, err)
	require.Regexp(t, regexp.MustCompile(`^[0-9a-f]{32}$`), got[0].StringValue())
	require.Equal(t, []bson.RawValue{id("own"), id(7), id(1.5), id(int64(1) << 40)}, got[1:])
	doc, err := db.As(owner).Get(t.Context(), "notes", id("own"), nil)
	require.NoError(t, err)
	require.Equal(t, raw(t, d("_id", "own", "n", 2)), doc, "_id comes first, and keys set no _openid")
}

func TestInsert_RefusedIDs(t *testing.T) {
	db := shop(t)
	for name, bad := range map[string]any{
		"null": nil, "array": bson.A{1}, "document": d("a", 1), "regex": bson.Regex{Pattern: "x"}, "boolean": true,
		"empty": "", "long": strings.Repeat("x", 1025), "date": bson.DateTime(0), "undefined": bson.Undefined{}, "min key": bson.MinKey{},
	} {
		for _, caller := range []yunduo.Caller{owner, li} {
			_, err := db.As(caller).Insert(t.Context(), "notes", raws(t, d("_id", bad)))
			require.Equal(t, yunduo.ReasonInvalidDocument, yunduo.ReasonOf(err), "%s: %v", name, err)
		}
	}
	_, err := db.As(owner).Insert(t.Context(), "notes", raws(t, d("_id", "a", "_id", "b")))
	requireReason(t, yunduo.ReasonInvalidDocument, err)
}

func TestInsert_RefusedDocuments(t *testing.T) {
	db := shop(t)
	deep := func(levels int) bson.D {
		doc := d("x", 1)
		for range levels - 1 {
			doc = d("x", doc)
		}
		return doc
	}
	insert(t, db.As(owner), "notes", deep(documents.MaxDepth))
	for name, bad := range map[string]bson.Raw{
		"operator":         raw(t, d("$set", d("a", 1))),
		"inner operator":   raw(t, d("a", bson.A{d("$gt", 1)})),
		"deep":             raw(t, deep(documents.MaxDepth+1)),
		"not UTF-8":        raw(t, d("a", "\xff")),
		"name not UTF-8":   raw(t, d("\xff", 1)),
		"code":             raw(t, d("a", bson.CodeWithScope{Code: "x", Scope: d()})),
		"empty bytes":      {},
		"cut":              raw(t, d("a", 1))[:8],
		"wrong length":     {200, 0, 0, 0, 0},
		"negative length":  {255, 255, 255, 255, 0},
		"wrong type":       {12, 0, 0, 0, 0x77, 'a', 0, 1, 0, 0, 0, 0},
		"unclosed":         {5, 0, 0, 0, 1},
		"wrong inner size": {13, 0, 0, 0, 3, 'a', 0, 99, 0, 0, 0, 0, 0},
	} {
		_, err := db.As(owner).Insert(t.Context(), "notes", []bson.Raw{bad})
		require.Equal(t, yunduo.ReasonInvalidDocument, yunduo.ReasonOf(err), "%s: %v", name, err)
	}
}

func TestInsert_Sizes(t *testing.T) {
	engine := openEngine(t, t.TempDir())
	defer engine.Close()
	db := documents.New(engine, documents.Options{MaxDocumentBytes: 1000})
	defer db.Close()
	require.NoError(t, db.As(owner).CreateCollection(t.Context(), "notes"))
	insert(t, db.As(owner), "notes", d("text", strings.Repeat("云", 300)))
	_, err := db.As(owner).Insert(t.Context(), "notes", raws(t, d("text", strings.Repeat("x", 1000))))
	requireReason(t, yunduo.ReasonDocumentTooLarge, err)

	_, err = db.As(owner).Insert(t.Context(), "notes", nil)
	requireReason(t, yunduo.ReasonInvalidRequest, err)
	_, err = db.As(owner).Insert(t.Context(), "notes", slices.Repeat(raws(t, d()), documents.MaxInsert+1))
	requireReason(t, yunduo.ReasonInvalidRequest, err)
}

func TestInsert_AllOrNothing(t *testing.T) {
	db := shop(t)
	insert(t, db.As(owner), "notes", d("_id", "a"))
	_, err := db.As(owner).Insert(t.Context(), "notes", raws(t, d("_id", "b"), d("_id", "a")))
	requireReason(t, yunduo.ReasonDuplicateKey, err)
	_, err = db.As(owner).Insert(t.Context(), "notes", raws(t, d("_id", "c"), d("$x", 1)))
	requireReason(t, yunduo.ReasonInvalidDocument, err)
	cursor, err := db.As(owner).Find(t.Context(), "notes", documents.Query{})
	require.Equal(t, []any{"a"}, ids(t, cursor, err))
}

func TestMissingCollection(t *testing.T) {
	db := open(t)
	for _, caller := range []yunduo.Caller{owner, function, li, guest} {
		for _, operation := range []string{"Find", "Get", "Count", "Aggregate", "Insert", "Update", "Delete"} {
			err := operations[operation](t.Context(), t, db.As(caller))
			require.Equal(t, yunduo.ReasonCollectionNotFound, yunduo.ReasonOf(err), "%s: %s: %v", caller.Role, operation, err)
		}
	}
	requireReason(t, yunduo.ReasonCollectionNotFound, db.As(owner).DropCollection(t.Context(), "notes"))
	requireReason(t, yunduo.ReasonCollectionNotFound, db.As(owner).SetRules(t.Context(), "notes", "private"))
}

func TestCollectionNames(t *testing.T) {
	db := open(t)
	for _, good := range []string{"a", "笔记", "A-b_c.d1", strings.Repeat("字", 64)} {
		require.NoError(t, db.As(owner).CreateCollection(t.Context(), good), good)
		requireReason(t, yunduo.ReasonCollectionExists, db.As(owner).CreateCollection(t.Context(), good))
	}
	for _, bad := range []string{"", "a b", "a/b", "a$b", "a\x00", "é", strings.Repeat("x", 65), "_collections", "_x", "system.users", "a\n", "../a"} {
		for _, caller := range []yunduo.Caller{owner, function, li} {
			_, err := db.As(caller).Find(t.Context(), bad, documents.Query{})
			require.Equal(t, yunduo.ReasonInvalidCollectionName, yunduo.ReasonOf(err), "%q: %v", bad, err)
		}
		requireReason(t, yunduo.ReasonInvalidCollectionName, db.As(owner).CreateCollection(t.Context(), bad))
	}
}

func TestCollections_HidesThePlatforms(t *testing.T) {
	db := shop(t)
	require.NoError(t, db.As(owner).SetRules(t.Context(), "notes", "readonly"))
	insert(t, db.As(owner), "notes", d("n", 1))
	infos, err := db.As(owner).Collections(t.Context())
	require.NoError(t, err)
	require.Len(t, infos, 1)
	require.Equal(t, "notes", infos[0].Name)
	require.EqualValues(t, 1, infos[0].Documents)
	infos, err = db.As(yunduo.System("shop")).Collections(t.Context())
	require.NoError(t, err)
	require.Len(t, infos, 2)
}
