package apps_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/apps"
	"yunduo/data/documents"
	"yunduo/data/documents/embedded"
)

var (
	operator = yunduo.Caller{Role: yunduo.RoleOwner}
	owner    = yunduo.Caller{App: "shop", Role: yunduo.RoleOwner}
	other    = yunduo.Caller{App: "other", Role: yunduo.RoleOwner}
	function = yunduo.Caller{App: "shop", Role: yunduo.RoleFunction, Function: "f"}
	user     = yunduo.Caller{App: "shop", Role: yunduo.RoleUser, UserID: "u", OpenID: "o"}
)

// server is a register over a data directory.
type server struct {
	*apps.Registry
	db    *documents.DB
	close func()
}

func start(t testing.TB, dir string, key []byte) server {
	t.Helper()
	return startWith(t, dir, apps.Options{Key: key})
}

func startWith(t testing.TB, dir string, o apps.Options) server {
	t.Helper()
	engine, err := embedded.Open(dir, embedded.Options{CacheBytes: 1 << 20, MemtableBytes: 1 << 20, DiskReserve: -1})
	require.NoError(t, err)
	db := documents.New(engine, documents.Options{})
	registry, err := apps.New(db, o)
	require.NoError(t, err)
	return server{registry, db, func() {
		db.Close()
		require.NoError(t, engine.Close())
	}}
}

func open(t testing.TB) server {
	t.Helper()
	s := start(t, t.TempDir(), bytes.Repeat([]byte{7}, 32))
	t.Cleanup(s.close)
	return s
}

func create(t testing.TB, s server, ids ...yunduo.AppID) {
	t.Helper()
	for _, id := range ids {
		_, err := s.Create(t.Context(), operator, apps.App{ID: id})
		require.NoError(t, err)
	}
}

func requireReason(t testing.TB, want yunduo.Reason, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, yunduo.ReasonOf(err), "%v", err)
}

func TestCreate(t *testing.T) {
	s := open(t)
	made, err := s.Create(t.Context(), operator, apps.App{
		ID: "shop", Name: "商店", WeChat: apps.WeChat{AppID: "wx123", Secret: "s3cret"},
		AllowedOrigins: []string{"https://Example.com/", "http://localhost:8080"},
		Functions:      apps.FunctionDefaults{Timeout: time.Minute, Environment: map[string]string{"A": "b"}},
	})
	require.NoError(t, err)
	got, err := s.Get(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, made, got)
	require.Equal(t, "商店", got.Name)
	require.Equal(t, "s3cret", got.WeChat.Secret)
	require.Equal(t, []string{"https://example.com", "http://localhost:8080"}, got.AllowedOrigins)
	require.Equal(t, time.Minute, got.Functions.Timeout)
	require.False(t, got.CreatedAt.IsZero())
	appID, secret, err := s.WeChatApp(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, "wx123 s3cret", appID+" "+secret)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	require.NotContains(t, string(text), "s3cret")
	require.Contains(t, string(text), `"hasSecret":true`)

	_, err = s.Create(t.Context(), operator, apps.App{ID: "shop"})
	requireReason(t, yunduo.ReasonAppExists, err)
	create(t, s, "plain")
	got, err = s.Get(t.Context(), "plain")
	require.NoError(t, err)
	require.Equal(t, "plain", got.Name)
	require.NotNil(t, got.AllowedOrigins)
}

func TestCreate_Refuses(t *testing.T) {
	s := open(t)
	for _, id := range []yunduo.AppID{"", "_system", "Shop", "a/b", "-a", yunduo.AppID(strings.Repeat("a", 49))} {
		_, err := s.Create(t.Context(), operator, apps.App{ID: id})
		requireReason(t, yunduo.ReasonInvalidAppID, err)
		_, err = s.Get(t.Context(), id)
		requireReason(t, yunduo.ReasonAppNotFound, err)
	}
	for name, app := range map[string]apps.App{
		"name":    {ID: "a", Name: strings.Repeat("n", 101)},
		"origin":  {ID: "a", AllowedOrigins: []string{"example.com"}},
		"path":    {ID: "a", AllowedOrigins: []string{"https://example.com/x"}},
		"any":     {ID: "a", AllowedOrigins: []string{"*"}},
		"wechat":  {ID: "a", WeChat: apps.WeChat{AppID: "wx&secret=1"}},
		"timeout": {ID: "a", Functions: apps.FunctionDefaults{Timeout: -1}},
	} {
		_, err := s.Create(t.Context(), operator, app)
		require.Equal(t, yunduo.ReasonInvalidRequest, yunduo.ReasonOf(err), "%s: %v", name, err)
	}
}

// Who does not manage an app neither sees nor changes it; who does, does.
func TestTenancy(t *testing.T) {
	s := open(t)
	create(t, s, "shop", "other")
	name := "renamed"
	calls := map[string]func(caller yunduo.Caller) error{
		"Update": func(c yunduo.Caller) error {
			_, err := s.Update(t.Context(), c, "shop", apps.Change{Name: &name})
			return err
		},
		"CreateKey": func(c yunduo.Caller) error { _, err := s.CreateKey(t.Context(), c, "shop"); return err },
		"Keys":      func(c yunduo.Caller) error { _, err := s.Keys(t.Context(), c, "shop"); return err },
		"DeleteKey": func(c yunduo.Caller) error {
			err := s.DeleteKey(t.Context(), c, "shop", "AKIDnone")
			if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound { // it was let in
				err = nil
			}
			return err
		},
	}
	for operation, call := range calls {
		for _, caller := range []yunduo.Caller{{}, other, function, user, {App: "shop", Role: yunduo.RoleTrigger}, {App: "shop", Role: yunduo.RoleAnonymous}} {
			require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(call(caller)), "%s by %+v", operation, caller)
		}
	}
	got, err := s.Get(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, "shop", got.Name)
	for operation, call := range calls {
		for _, caller := range []yunduo.Caller{owner, operator, yunduo.System("shop")} {
			require.NoError(t, call(caller), "%s by %+v", operation, caller)
		}
	}
	for _, caller := range []yunduo.Caller{{}, owner, other, function, user} {
		_, err := s.Create(t.Context(), caller, apps.App{ID: "fresh"})
		requireReason(t, yunduo.ReasonPermissionDenied, err)
		requireReason(t, yunduo.ReasonPermissionDenied, s.Delete(t.Context(), caller, "shop"))
	}

	listed := func(c yunduo.Caller) (ids []string) {
		list, err := s.List(t.Context(), c)
		require.NoError(t, err)
		for _, app := range list {
			ids = append(ids, string(app.ID))
		}
		return ids
	}
	require.Equal(t, []string{"other", "shop"}, listed(operator))
	require.Equal(t, []string{"shop"}, listed(owner))
	for _, caller := range []yunduo.Caller{{}, function, user} {
		_, err := s.List(t.Context(), caller)
		requireReason(t, yunduo.ReasonPermissionDenied, err)
	}
}

func TestUpdate(t *testing.T) {
	s := open(t)
	_, err := s.Create(t.Context(), operator, apps.App{ID: "shop", WeChat: apps.WeChat{AppID: "wx1", Secret: "one"}})
	require.NoError(t, err)
	name, secret, none := "Neu", "two", ""
	got, err := s.Update(t.Context(), owner, "shop", apps.Change{Name: &name, WeChatSecret: &secret})
	require.NoError(t, err)
	require.Equal(t, "Neu", got.Name)
	require.Equal(t, "wx1", got.WeChat.AppID, "what is not named stays")
	again, err := s.Get(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, got, again, "a change counts at once")
	require.Equal(t, "two", again.WeChat.Secret)
	got, err = s.Update(t.Context(), owner, "shop", apps.Change{WeChatSecret: &none})
	require.NoError(t, err)
	require.False(t, got.WeChat.HasSecret)
	bad := []string{"ftp://x"}
	_, err = s.Update(t.Context(), owner, "shop", apps.Change{Name: &secret, AllowedOrigins: &bad})
	requireReason(t, yunduo.ReasonInvalidRequest, err)
	again, err = s.Get(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, "Neu", again.Name, "all or nothing")
	_, err = s.Update(t.Context(), operator, "absent", apps.Change{Name: &name})
	requireReason(t, yunduo.ReasonAppNotFound, err)
}

func TestDelete(t *testing.T) {
	s := open(t)
	create(t, s, "shop", "other")
	key, err := s.CreateKey(t.Context(), operator, "shop")
	require.NoError(t, err)
	otherKey, err := s.CreateKey(t.Context(), operator, "other")
	require.NoError(t, err)
	require.NoError(t, s.db.As(owner).CreateCollection(t.Context(), "notes"))
	var dropped []yunduo.AppID
	fail := errors.New("not now")
	s.OnDelete(func(_ context.Context, app yunduo.AppID) error {
		dropped = append(dropped, app)
		return fail
	})

	// The first attempt breaks off; the app is gone all the same, and stays gone.
	require.ErrorIs(t, s.Delete(t.Context(), operator, "shop"), fail)
	_, err = s.Get(t.Context(), "shop")
	requireReason(t, yunduo.ReasonAppNotFound, err)
	_, err = s.VerifyAPIKey(t.Context(), key.APIKey)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	_, _, err = s.SecretKey(t.Context(), key.SecretID)
	requireReason(t, yunduo.ReasonSignatureInvalid, err)
	_, err = s.CreateKey(t.Context(), operator, "shop")
	requireReason(t, yunduo.ReasonAppNotFound, err)
	_, err = s.Create(t.Context(), operator, apps.App{ID: "shop"})
	require.ErrorIs(t, err, fail, "its data is still there")

	fail = nil
	create(t, s, "shop") // finishes the deletion
	require.Equal(t, []yunduo.AppID{"shop", "shop", "shop"}, dropped)
	infos, err := s.db.As(owner).Collections(t.Context())
	require.NoError(t, err)
	require.Empty(t, infos)
	require.NoError(t, s.Delete(t.Context(), operator, "shop"))
	requireReason(t, yunduo.ReasonAppNotFound, s.Delete(t.Context(), operator, "shop"))

	app, err := s.VerifyAPIKey(t.Context(), otherKey.APIKey)
	require.NoError(t, err, "another app is not concerned")
	require.Equal(t, yunduo.AppID("other"), app)
}

// Records of the register are no documents of any app.
func TestRegisterIsOutOfReach(t *testing.T) {
	s := open(t)
	create(t, s, "shop")
	for _, caller := range []yunduo.Caller{owner, function, user} {
		_, err := s.db.As(caller).Get(t.Context(), "apps", value("shop"), nil)
		requireReason(t, yunduo.ReasonCollectionNotFound, err)
		caller.App = yunduo.SystemApp
		_, err = s.db.As(caller).Get(t.Context(), "apps", value("shop"), nil)
		requireReason(t, yunduo.ReasonPermissionDenied, err)
	}
	doc, err := s.db.System().Get(t.Context(), "apps", value("shop"), nil)
	require.NoError(t, err)
	require.NotNil(t, doc)
}

func value(text string) bson.RawValue {
	doc, err := bson.Marshal(bson.D{{Key: "v", Value: text}})
	if err != nil {
		panic(err)
	}
	return bson.Raw(doc).Lookup("v")
}

func BenchmarkGet(b *testing.B) {
	s := open(b)
	create(b, s, "shop")
	for b.Loop() {
		if _, err := s.Get(b.Context(), "shop"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyAPIKey(b *testing.B) {
	s := open(b)
	create(b, s, "shop")
	key, err := s.CreateKey(b.Context(), owner, "shop")
	require.NoError(b, err)
	for b.Loop() {
		if _, err := s.VerifyAPIKey(b.Context(), key.APIKey); err != nil {
			b.Fatal(err)
		}
	}
}
