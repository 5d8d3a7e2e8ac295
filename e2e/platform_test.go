package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/api"
	"yunduo/functions/node"
	client "yunduo/sdk/go"
	"yunduo/server"
	"yunduo/wire"
)

// childVariable makes the test binary a plain server, see child_test.go.
const childVariable = "YUNDUO_E2E_SERVER"

// shared serves all tests that need nothing special of a server: each works in apps of its own.
var shared *platform

func TestMain(m *testing.M) {
	node.SandboxInit() // does not return in a process that is about to become a sandbox
	if dir := os.Getenv(childVariable); dir != "" {
		os.Exit(serveChild(dir))
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if shared, err = startPlatform(devConfig(dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop:", err)
		return 1
	}
	return code
}

// platform is a running server.
type platform struct {
	server *server.Server
	config server.Config
	url    string
	stop   func() error // ends Run, waits for it and closes
}

func devConfig(dir string) server.Config {
	config := server.DefaultConfig()
	config.DataDir, config.Listen = dir, "127.0.0.1:0"
	config.Dev = &server.Dev{App: "dev-app"}
	config.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	return config
}

func startPlatform(config server.Config) (*platform, error) {
	s, err := server.New(context.Background(), config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop := func() error {
		cancel()
		if err := <-done; err != nil {
			return err
		}
		return s.Close()
	}
	return &platform{server: s, config: config, url: s.URL(), stop: stop}, nil
}

// start runs a server of the test's own, with config changed by change.
func start(t *testing.T, change func(*server.Config)) *platform {
	t.Helper()
	config := devConfig(t.TempDir())
	if change != nil {
		change(&config)
	}
	p, err := startPlatform(config)
	require.NoError(t, err)
	stopped := false
	stop := p.stop
	p.stop = func() error {
		stopped = true
		return stop()
	}
	t.Cleanup(func() {
		if !stopped {
			require.NoError(t, p.stop())
		}
	})
	return p
}

var worlds atomic.Int64

// world is an app with its credentials, and the tokens that requests of a test name.
type world struct {
	*platform
	app    yunduo.AppID
	keys   wire.AppKeys
	tokens map[string]string // by a name such as "li"; "" sends none
	fill   map[string]string // what stands for {name} in paths and bodies
}

// open makes an app of its own for a test. Its API key is the token "owner", an operator's is "operator".
func (p *platform) open(t testing.TB) *world {
	t.Helper()
	w := &world{platform: p, app: yunduo.AppID(fmt.Sprintf("app-%d", worlds.Add(1))), tokens: map[string]string{}, fill: map[string]string{}}
	var operator wire.OperatorTokens
	require.NoError(t, client.New(p.url, "", "").Do(t.Context(), "POST", "/v1/manage/session", wire.OperatorLoginRequest{Token: p.server.Rooms().Auth.DevToken()}, &operator))
	w.tokens["operator"] = operator.AccessToken
	c := client.New(p.url, w.app, operator.AccessToken)
	require.NoError(t, c.Do(t.Context(), "POST", "/v1/manage/apps", wire.AppRequest{ID: string(w.app)}, nil))
	require.NoError(t, c.Do(t.Context(), "POST", "/v1/manage/apps/"+string(w.app)+"/keys", nil, &w.keys))
	w.tokens["owner"] = w.keys.APIKey
	w.fill["app"] = string(w.app)
	return w
}

// owner returns a client that acts as the app's owner.
func (w *world) owner() *client.Client { return client.New(w.url, w.app, w.keys.APIKey) }

// ownerCall is an operation's call by the app's owner that comes by no surface.
func (w *world) ownerCall(request string) *api.Call {
	return &api.Call{Caller: yunduo.Caller{App: w.app, Role: yunduo.RoleOwner}, App: w.app, Request: json.RawMessage(request)}
}

// as returns a client that sends the named token.
func (w *world) as(t *testing.T, name string) *client.Client {
	t.Helper()
	token, ok := w.tokens[name]
	require.True(t, ok, "there is no token %q", name)
	return client.New(w.url, w.app, token)
}

// user signs an end user in by a dev code and remembers the token under the openid.
func (w *world) user(t *testing.T, openID string) wire.Tokens {
	t.Helper()
	tokens, err := client.New(w.url, w.app, "").Login(t.Context(), "wechat", map[string]string{"code": "dev:" + openID})
	require.NoError(t, err)
	require.Equal(t, openID, tokens.User.OpenID)
	w.tokens[openID] = tokens.AccessToken
	return tokens
}

func (w *world) tryDeploy(t *testing.T, name string, files map[string]string) (wire.Function, error) {
	t.Helper()
	request := wire.DeployRequest{Name: name}
	for path, text := range files {
		request.Files = append(request.Files, wire.DeployFile{Path: path, Content: []byte(text)})
	}
	return w.owner().Deploy(t.Context(), request)
}

// deployMain makes a function whose only file exports main with the given body.
func (w *world) deployMain(t *testing.T, name, body string) {
	t.Helper()
	w.deployWith(t, name, body, wire.FunctionSettings{})
}

func (w *world) deployWith(t *testing.T, name, body string, settings wire.FunctionSettings) {
	t.Helper()
	text := "const cloud = require('wx-server-sdk')\ncloud.init()\nexports.main = async (event, context) => {\n" + body + "\n}\n"
	_, err := w.owner().Deploy(t.Context(), wire.DeployRequest{Name: name, Files: []wire.DeployFile{{Path: "index.js", Content: []byte(text)}}, Settings: settings})
	require.NoError(t, err)
}

// upload stores a file as the named caller and returns its file ID.
func (w *world) upload(t *testing.T, who, path, contentType, content string) string {
	t.Helper()
	var grant wire.GrantUploadResponse
	require.NoError(t, w.as(t, who).Do(t.Context(), "POST", "/v1/apps/"+string(w.app)+"/files/grantUpload", wire.GrantUploadRequest{Path: path, ContentType: contentType}, &grant))
	request, err := http.NewRequestWithContext(t.Context(), grant.Method, grant.URL, strings.NewReader(content))
	require.NoError(t, err)
	reply, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, reply.Body.Close())
	require.Equal(t, http.StatusOK, reply.StatusCode)
	return grant.FileID
}

// fileURL returns the temporary address of a file.
func (w *world) fileURL(t *testing.T, who, fileID string, maxAge int64) string {
	t.Helper()
	var reply wire.FileURLsResponse
	require.NoError(t, w.as(t, who).Do(t.Context(), "POST", "/v1/apps/"+string(w.app)+"/files/urls", wire.FileURLsRequest{Files: []wire.FileURLRequest{{FileID: fileID, MaxAgeSeconds: maxAge}}}, &reply))
	require.Len(t, reply.Files, 1)
	require.Nil(t, reply.Files[0].Error)
	return reply.Files[0].URL
}

func (w *world) insert(t *testing.T, who, collection string, documents ...string) {
	t.Helper()
	raw := make([]json.RawMessage, len(documents))
	for i, d := range documents {
		raw[i] = json.RawMessage(d)
	}
	_, err := w.as(t, who).Insert(t.Context(), collection, raw...)
	require.NoError(t, err)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}
