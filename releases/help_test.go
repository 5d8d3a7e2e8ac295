package releases_test

import (
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
	"yunduo/functions"
	"yunduo/functions/runtime"
	"yunduo/releases"
	"yunduo/storage"
	"yunduo/storage/disk"
	"yunduo/triggers"
	"yunduo/triggers/cron"
)

const app yunduo.AppID = "notes"

var (
	owner = yunduo.Caller{App: app, Role: yunduo.RoleOwner}
	user  = yunduo.Caller{App: app, Role: yunduo.RoleUser, UserID: "u1", OpenID: "o-li"}
)

// still is a runtime whose programs do nothing: what is tested is which version is called.
type still struct{ runtime.Runtime }

func (still) Load(context.Context, runtime.Bundle) (runtime.Program, error) {
	return stillProgram{}, nil
}

type stillProgram struct{}

func (stillProgram) Invoke(context.Context, *runtime.Invocation) (runtime.Result, error) {
	return runtime.Result{JSON: json.RawMessage("null")}, nil
}
func (stillProgram) Open(context.Context, *runtime.Invocation, func(runtime.Result, error)) net.Conn {
	return nil
}
func (stillProgram) Close(context.Context) error { return nil }

type nobody struct{}

func (nobody) InvokeTrigger(context.Context, yunduo.AppID, string, json.RawMessage) (string, error) {
	return "", nil
}

// house are the rooms of a data directory.
type house struct {
	*releases.Service
	db        *documents.DB
	functions *functions.Service
	triggers  *triggers.Scheduler
	files     *storage.Store
	close     func() error
}

func openHouse(dir string) (*house, error) {
	engine, err := embedded.Open(filepath.Join(dir, "documents"), embedded.Options{})
	if err != nil {
		return nil, err
	}
	bucket, err := disk.Open(filepath.Join(dir, "objects"))
	if err != nil {
		return nil, err
	}
	h := &house{db: documents.New(engine, documents.Options{})}
	if h.functions, err = functions.New(h.db, bucket, still{}, functions.Options{CacheDir: filepath.Join(dir, "cache"), Limits: functions.Limits{KeepVersions: 2}}); err != nil {
		return nil, err
	}
	h.triggers = triggers.New(h.db, nobody{}, func(line, zone string) (triggers.Schedule, error) { return cron.Parse(line, zone) }, triggers.Options{})
	h.files = storage.New(h.db, bucket, storage.Options{SigningKey: []byte("0123456789abcdef0123456789abcdef")})
	h.Service = releases.New(h.db, h.functions, h.triggers, h.files, releases.Options{})
	h.close = sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := h.functions.Close(ctx); err != nil {
			return err
		}
		h.db.Close()
		if err := engine.Close(); err != nil {
			return err
		}
		return bucket.Close()
	})
	return h, nil
}

func open(t testing.TB, dir string) *house {
	t.Helper()
	h, err := openHouse(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.close()) })
	return h
}

// version makes a version of a function that gets no calls.
func (h *house) version(ctx context.Context, name string, n int) (int64, error) {
	source := fstest.MapFS{"index.js": {Data: []byte("exports.main = () => " + strconv.Itoa(n))}}
	v, err := h.functions.Deploy(ctx, yunduo.System(app), app, functions.DeployRequest{Name: name, Source: source, KeepBroken: true, Prepare: true})
	return v.Number, err
}

// rulesOf is a text of rules that shows its number.
func rulesOf(n int) string { return `{"read":"doc.n == ` + strconv.Itoa(n) + `"}` }

// stage is a request in which everything shows its number.
func (h *house) stage(ctx context.Context, n int) (releases.Request, error) {
	r := releases.Request{
		Functions: map[string]int64{}, Triggers: map[string][]triggers.Definition{}, Rules: map[string]string{"notes": rulesOf(n), "tags": rulesOf(n)},
		Texts:   map[string]string{releases.FileRules: `{"read":"resource.size == ` + strconv.Itoa(n) + `"}`, releases.FunctionRules: `{"*":{"invoke":"auth.openid != '` + strconv.Itoa(n) + `'"}}`, releases.Routes: `{"/` + strconv.Itoa(n) + `":{"function":"a"}}`},
		Indexes: []releases.Index{{Collection: "notes", Index: driver.Index{Name: "n" + strconv.Itoa(n), Fields: []driver.IndexField{{Path: "n" + strconv.Itoa(n)}}}}},
	}
	for _, name := range []string{"a", "b"} {
		number, err := h.version(ctx, name, n)
		if err != nil {
			return r, err
		}
		r.Functions[name] = number
		r.Triggers[name] = []triggers.Definition{{Name: "t" + strconv.Itoa(n), Schedule: "0 0 3 * * * *"}}
	}
	return r, nil
}

// state is what holds in an app.
type state struct {
	Functions map[string]int64
	Triggers  []string
	Rules     []string
	Texts     []string
}

func (h *house) state(t testing.TB) state {
	t.Helper()
	ctx := t.Context()
	s := state{Functions: map[string]int64{}}
	list, err := h.functions.List(ctx, owner, app)
	require.NoError(t, err)
	for _, f := range list {
		s.Functions[f.Name] = f.Version.Number
	}
	all, err := h.triggers.List(ctx, owner, app)
	require.NoError(t, err)
	for _, trigger := range all {
		s.Triggers = append(s.Triggers, trigger.Function+"/"+trigger.Name)
	}
	for _, collection := range []string{"notes", "tags"} {
		text, err := h.db.As(owner).Rules(ctx, collection)
		require.NoError(t, err)
		s.Rules = append(s.Rules, text)
	}
	files, err := h.files.Rules(ctx, owner)
	require.NoError(t, err)
	callable, err := h.functions.Rules(ctx, owner, app)
	require.NoError(t, err)
	routes, err := h.functions.Routes(ctx, owner, app)
	require.NoError(t, err)
	s.Texts = []string{files, callable, routes}
	return s
}

func refused(t testing.TB, reason yunduo.Reason, err error, parts ...string) {
	t.Helper()
	require.Equal(t, reason, yunduo.ReasonOf(err), "%v", err)
	for _, part := range parts {
		require.Contains(t, yunduo.AsError(err).Message, part)
	}
}
