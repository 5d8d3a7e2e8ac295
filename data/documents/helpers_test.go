package documents_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
	"yunduo/data/query"
)

var (
	owner    = yunduo.Caller{App: "shop", Role: yunduo.RoleOwner}
	function = yunduo.Caller{App: "shop", Role: yunduo.RoleFunction, Function: "f", InvocationID: "i1", OpenID: "li", UserID: "u-li"}
	li       = yunduo.Caller{App: "shop", Role: yunduo.RoleUser, UserID: "u-li", OpenID: "li", Provider: "wechat"}
	wang     = yunduo.Caller{App: "shop", Role: yunduo.RoleUser, UserID: "u-wang", OpenID: "wang", Provider: "wechat"}
	guest    = yunduo.Caller{App: "shop", Role: yunduo.RoleAnonymous, UserID: "u-guest"}
	stranger = yunduo.Caller{App: "other", Role: yunduo.RoleOwner}
	operator = yunduo.Caller{Role: yunduo.RoleOwner}
)

func openEngine(t testing.TB, dir string) *embedded.Engine {
	t.Helper()
	engine, err := embedded.Open(dir, embedded.Options{CacheBytes: 1 << 20, MemtableBytes: 1 << 20, DiskReserve: -1})
	require.NoError(t, err)
	return engine
}

func open(t testing.TB) *documents.DB {
	t.Helper()
	engine := openEngine(t, t.TempDir())
	db := documents.New(engine, documents.Options{})
	t.Cleanup(func() {
		db.Close()
		require.NoError(t, engine.Close())
	})
	return db
}

// shop is a DB with the app "shop" and its collection "notes".
func shop(t testing.TB) *documents.DB {
	t.Helper()
	db := open(t)
	require.NoError(t, db.As(owner).CreateCollection(t.Context(), "notes"))
	return db
}

func raw(t testing.TB, doc any) bson.Raw {
	t.Helper()
	b, err := bson.Marshal(doc)
	require.NoError(t, err)
	return b
}

func d(pairs ...any) bson.D {
	doc := bson.D{}
	for i := 0; i < len(pairs); i += 2 {
		doc = append(doc, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return doc
}

func id(v any) bson.RawValue {
	b, err := bson.Marshal(bson.D{{Key: "v", Value: v}})
	if err != nil {
		panic(err)
	}
	return bson.Raw(b).Lookup("v")
}

func insert(t testing.TB, s *documents.Session, collection string, docs ...bson.D) {
	t.Helper()
	_, err := s.Insert(t.Context(), collection, raws(t, docs...))
	require.NoError(t, err)
}

func raws(t testing.TB, docs ...bson.D) []bson.Raw {
	t.Helper()
	list := make([]bson.Raw, len(docs))
	for i, doc := range docs {
		list[i] = raw(t, doc)
	}
	return list
}

// stored returns a document as the owner sees it, nil if there is none.
func stored(t testing.TB, db *documents.DB, collection string, key any) bson.M {
	t.Helper()
	doc, err := db.As(owner).Get(t.Context(), collection, id(key), nil)
	require.NoError(t, err)
	if doc == nil {
		return nil
	}
	var m bson.M
	require.NoError(t, bson.Unmarshal(doc, &m))
	return m
}

// ids returns the _ids of a result.
func ids(t testing.TB, cursor driver.Cursor, err error) []any {
	t.Helper()
	require.NoError(t, err)
	rows, err := documents.All(context.Background(), cursor)
	require.NoError(t, err)
	list := []any{}
	for _, row := range rows {
		var v any
		require.NoError(t, row.Lookup("_id").Unmarshal(&v))
		list = append(list, v)
	}
	return list
}

func requireReason(t testing.TB, want yunduo.Reason, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, yunduo.ReasonOf(err), "%v", err)
}

func filter(t testing.TB, f bson.D) *query.Filter {
	t.Helper()
	parsed, err := query.ParseFilter(raw(t, f))
	require.NoError(t, err)
	return parsed
}
