package auth_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/auth"
	"yunduo/data/documents"
	"yunduo/data/documents/embedded"
)

var (
	operator = yunduo.Caller{Role: yunduo.RoleOwner}
	owner    = yunduo.Caller{App: "shop", Role: yunduo.RoleOwner}
	other    = yunduo.Caller{App: "other", Role: yunduo.RoleOwner}
	home     = auth.Client{IP: "10.0.0.1", Device: "phone"}
)

// fixedApps are apps with one API key each, "key-" and the app's ID.
type fixedApps []yunduo.AppID

func (f fixedApps) WeChatApp(_ context.Context, app yunduo.AppID) (string, string, error) {
	for _, id := range f {
		if id == app {
			return "wx-" + string(id), "secret", nil
		}
	}
	return "", "", yunduo.Errorf(yunduo.ReasonAppNotFound, "no app %q", string(app))
}

func (f fixedApps) VerifyAPIKey(_ context.Context, key string) (yunduo.AppID, error) {
	for _, id := range f {
		if key == "key-"+string(id) {
			return id, nil
		}
	}
	return "", yunduo.Errorf(yunduo.ReasonTokenInvalid, "no key")
}

// vouching is a provider that believes {"name": NAME}.
type vouching struct{}

func (vouching) Name() string { return "vouching" }

func (vouching) Authenticate(_ context.Context, app yunduo.AppID, credential json.RawMessage) (auth.Identity, error) {
	var given struct{ Name, Union string }
	if err := json.Unmarshal(credential, &given); err != nil {
		return auth.Identity{}, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "bad credential")
	}
	return auth.Identity{Subject: given.Name, UnionID: given.Union, WeChatAppID: "wx-" + string(app), SessionSecret: "sk-" + given.Name}, nil
}

// server is the service over a data directory, with a clock that stands still unless moved.
type server struct {
	*auth.Service
	db     *documents.DB
	keys   auth.Keys
	clock  *atomic.Int64
	engine *embedded.Engine
	outbox *outbox
}

// outbox keeps the codes that were sent.
type outbox struct{ codes []auth.Code }

func (o *outbox) Send(_ context.Context, code auth.Code) error {
	o.codes = append(o.codes, code)
	return nil
}

func (o *outbox) last() auth.Code { return o.codes[len(o.codes)-1] }

func (s server) forward(d time.Duration) { s.clock.Add(int64(d)) }

func (s server) close(t testing.TB) {
	s.db.Close()
	require.NoError(t, s.engine.Close())
}

func start(t testing.TB, dir string, dev bool) server {
	t.Helper()
	return startWith(t, dir, func(o *auth.Options) { o.Dev = dev })
}

func startWith(t testing.TB, dir string, change func(*auth.Options)) server {
	t.Helper()
	engine, err := embedded.Open(dir, embedded.Options{CacheBytes: 1 << 20, MemtableBytes: 1 << 20, DiskReserve: -1})
	require.NoError(t, err)
	clock := new(atomic.Int64)
	clock.Store(time.Now().UnixNano())
	now := func() time.Time { return time.Unix(0, clock.Load()) }
	db := documents.New(engine, documents.Options{Now: now})
	keys, err := auth.LoadOrCreateKeys(t.Context(), db)
	require.NoError(t, err)
	mail := &outbox{}
	options := auth.Options{Keys: keys, Now: now, Sender: mail}
	change(&options)
	service, err := auth.New(db, fixedApps{"shop", "other"}, options)
	require.NoError(t, err)
	require.NoError(t, service.Register(vouching{}))
	return server{service, db, keys, clock, engine, mail}
}

func open(t testing.TB) server {
	t.Helper()
	return openWith(t, func(*auth.Options) {})
}

// openWith is open with other options.
func openWith(t testing.TB, change func(*auth.Options)) server {
	t.Helper()
	s := startWith(t, t.TempDir(), change)
	t.Cleanup(func() { s.close(t) })
	return s
}

func requireReason(t testing.TB, want yunduo.Reason, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, yunduo.ReasonOf(err), "%v", err)
}

func login(t testing.TB, s server, app yunduo.AppID, name string) auth.Tokens {
	t.Helper()
	tokens, err := s.Login(t.Context(), app, "vouching", json.RawMessage(`{"name":"`+name+`"}`), home)
	require.NoError(t, err)
	return tokens
}

func password(username, password string) json.RawMessage {
	text, err := json.Marshal(map[string]string{"username": username, "password": password})
	if err != nil {
		panic(err)
	}
	return text
}
