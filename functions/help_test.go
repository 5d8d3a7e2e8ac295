package functions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/embedded"
	"yunduo/functions"
	"yunduo/functions/bundle"
	"yunduo/functions/node"
	"yunduo/functions/runtime"
	"yunduo/functions/runtimetest"
	"yunduo/storage/disk"
	"yunduo/storage/driver"
)

const app yunduo.AppID = "notes"

var (
	owner    = yunduo.Caller{App: app, Role: yunduo.RoleOwner}
	user     = yunduo.Caller{App: app, Role: yunduo.RoleUser, UserID: "u1", OpenID: "o-li"}
	operator = yunduo.Caller{Role: yunduo.RoleOwner}
)

// shared is the Node.js runtime of all tests: what differs between them is the service.
var shared runtime.Runtime

func TestMain(m *testing.M) {
	node.SandboxInit()
	bundle.Init()
	if dir := os.Getenv(crashVariable); dir != "" {
		fmt.Fprintln(os.Stderr, deployUntilKilled(dir))
		os.Exit(1)
	}
	if dir := os.Getenv(countVariable); dir != "" {
		fmt.Fprintln(os.Stderr, countUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	rt, err := node.New(node.Options{NodePath: os.Getenv(runtimetest.NodeVariable), ServerSDK: []byte(runtimetest.ServerSDK)})
	if err != nil {
		panic(err)
	}
	shared = rt
	defer rt.Close(context.Background())
	return m.Run()
}

// house is a service with its rooms on a folder.
type house struct {
	*functions.Service
	dir   string
	close func()
}

// rooms opens what services stand on.
func rooms(t testing.TB, dir string) (*documents.DB, driver.Bucket, func()) {
	t.Helper()
	engine, err := embedded.Open(filepath.Join(dir, "documents"), embedded.Options{})
	require.NoError(t, err)
	db := documents.New(engine, documents.Options{})
	bucket, err := disk.Open(filepath.Join(dir, "objects"))
	require.NoError(t, err)
	return db, bucket, func() {
		db.Close()
		require.NoError(t, engine.Close())
		require.NoError(t, bucket.Close())
	}
}

func shut(t testing.TB, s *functions.Service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(t, s.Close(ctx))
}

func openWith(t testing.TB, dir string, o functions.Options, rt runtime.Runtime) *house {
	t.Helper()
	db, bucket, closeRooms := rooms(t, dir)
	o.CacheDir = filepath.Join(dir, "cache")
	s, err := functions.New(db, bucket, rt, o)
	require.NoError(t, err)
	s.SetHost(host{s})
	h := &house{Service: s, dir: dir}
	h.close = sync.OnceFunc(func() {
		shut(t, s)
		closeRooms()
	})
	t.Cleanup(h.close)
	return h
}

func open(t testing.TB, dir string, o functions.Options) *house { return openWith(t, dir, o, shared) }

// startTwo starts two services on the same rooms.
func startTwo(t testing.TB) (one, two *functions.Service) {
	t.Helper()
	one, two, _ = startTwoAt(t)
	return one, two
}

// startTwoAt is startTwo with a clock that can be put forward.
func startTwoAt(t testing.TB) (one, two *functions.Service, ahead *atomic.Int64) {
	t.Helper()
	ahead = &atomic.Int64{}
	db, bucket, closeRooms := rooms(t, t.TempDir())
	t.Cleanup(closeRooms)
	make := func() *functions.Service {
		s, err := functions.New(db, bucket, shared, functions.Options{CacheDir: t.TempDir(), Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
		require.NoError(t, err)
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = s.Close(ctx) // what still runs is stopped
		})
		return s
	}
	return make(), make(), ahead
}

func start(t testing.TB) *house { return open(t, t.TempDir(), functions.Options{}) }

// host answers the one call that tests need: functions calling functions.
type host struct{ functions *functions.Service }

func (h host) Call(ctx context.Context, i *runtime.Invocation, operation string, request json.RawMessage, _ []byte) (json.RawMessage, []byte, error) {
	if operation != "functions.invoke" {
		return nil, nil, yunduo.Errorf(yunduo.ReasonUnknownOperation, "there is no operation %q", operation)
	}
	var r struct {
		Name string
		Data json.RawMessage
	}
	if err := json.Unmarshal(request, &r); err != nil {
		return nil, nil, err
	}
	result, err := h.functions.Invoke(ctx, i.Caller, i.Caller.App, r.Name, r.Data, functions.InvokeOptions{})
	if err != nil {
		return nil, nil, err
	}
	response, err := json.Marshal(map[string]json.RawMessage{"result": result.JSON})
	return response, nil, err
}

// source makes a folder of names and contents.
func source(files ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return fsys
}

func (h *house) deploy(t testing.TB, name, code string) functions.Version {
	t.Helper()
	v, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: name, Source: source("index.js", code)})
	require.NoError(t, err)
	return v
}

func (h *house) call(t testing.TB, name string) string {
	t.Helper()
	result, err := h.Invoke(t.Context(), user, app, name, nil, functions.InvokeOptions{})
	require.NoError(t, err)
	return string(result.JSON)
}

func returning(value string) string { return "exports.main = async () => '" + value + "'" }

// eventually waits for a state that another goroutine brings about, without a guess at how long that takes.
func eventually(t testing.TB, what string, reached func() bool) {
	t.Helper()
	require.Eventually(t, reached, 20*time.Second, 5*time.Millisecond, what)
}

func refused(t testing.TB, reason yunduo.Reason, err error, parts ...string) {
	t.Helper()
	require.Equal(t, reason, yunduo.ReasonOf(err), "%v", err)
	for _, part := range parts {
		require.Contains(t, yunduo.AsError(err).Message, part)
	}
}
