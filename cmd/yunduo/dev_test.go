package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	client "yunduo/sdk/go"
	"yunduo/wire"
)

// startDev runs "yunduo dev" for a project until it is ready.
func startDev(t *testing.T, dir string, args ...string) (*program, devInfo) {
	t.Helper()
	p := begin(t, "en", append([]string{"dev", dir, "--port", "0"}, args...)...)
	p.out.waitFor(t, "Stop with Ctrl+C", 1)
	var info devInfo
	require.NoError(t, readJSON(filepath.Join(dir, stateDir, "dev.json"), &info))
	return p, info
}

func newProject(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	text, err := run(t, "init", dir)
	require.NoError(t, err)
	require.Contains(t, text, "yunduo dev "+dir)
	return dir
}

func TestDev_RunsTheTemplateAndWritesDevJSON(t *testing.T) {
	dir := newProject(t)
	_, err := run(t, "init", dir)
	require.ErrorContains(t, err, "is a project already")
	p, info := startDev(t, dir)
	require.Contains(t, p.out.String(), "✓ hello is live as version 1")
	require.Equal(t, "shop", info.App)
	require.Equal(t, os.Getpid(), info.PID)
	require.True(t, strings.HasPrefix(info.URL, "http://127.0.0.1:"), info.URL)
	require.True(t, strings.HasPrefix(info.ConsoleURL, info.URL+"/console/#token="), info.ConsoleURL)
	require.NotEmpty(t, info.SecretID)
	require.NotEmpty(t, info.SecretKey)
	stat, err := os.Stat(filepath.Join(dir, stateDir, "dev.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), stat.Mode().Perm(), "it holds keys")

	c := client.New(info.URL, "shop", info.APIKey)
	tokens, err := c.WithToken("").Login(t.Context(), "wechat", map[string]string{"code": "dev:li"})
	require.NoError(t, err)
	result, err := c.WithToken(tokens.AccessToken).Invoke(t.Context(), "hello", json.RawMessage(`{"name":"Li"}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"greeting":"Hello, Li!","openid":"li"}`, string(result))
	p.out.waitFor(t, "[hello] hello was called", 1)
	var session wire.OperatorTokens
	_, token, _ := strings.Cut(info.ConsoleURL, "#token=")
	require.NoError(t, c.WithToken("").Do(t.Context(), "POST", "/v1/manage/session", wire.OperatorLoginRequest{Token: token}, &session))
	require.NotEmpty(t, session.AccessToken)

	require.NoError(t, p.stop())
	require.NoFileExists(t, filepath.Join(dir, stateDir, "dev.json"), "nobody is there to talk to")
	_, again := startDev(t, dir)
	require.Equal(t, info.APIKey, again.APIKey, "tools keep their keys over a restart")
}

func TestDev_ReloadsWhatChanges(t *testing.T) {
	dir := newProject(t)
	p, info := startDev(t, dir)
	c := client.New(info.URL, yunduo.AppID(info.App), info.APIKey)
	hello := filepath.Join(dir, "cloudfunctions", "hello", "index.js")

	write(t, hello, "exports.main = async () => 'second'\n")
	p.out.waitFor(t, "hello is live as version 2", 1)
	result, err := c.Invoke(t.Context(), "hello", nil)
	require.NoError(t, err)
	require.Equal(t, `"second"`, string(result))

	write(t, filepath.Join(dir, "cloudfunctions", "fresh", "index.js"), "exports.main = async () => 'fresh'\n")
	p.out.waitFor(t, "fresh is live as version 1", 1)

	write(t, hello, "exports.main = async () => {\n  return (\n")
	p.out.waitFor(t, "✗ hello", 1)
	_, err = c.Invoke(t.Context(), "hello", nil)
	require.Equal(t, yunduo.ReasonFunctionLoadFailed, yunduo.ReasonOf(err))
	result, err = c.Invoke(t.Context(), "fresh", nil)
	require.NoError(t, err, "a broken neighbour disturbs nobody")
	require.Equal(t, `"fresh"`, string(result))

	write(t, hello, "exports.main = async () => 'mended'\n")
	p.out.waitFor(t, "hello is live", 3)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "cloudfunctions", "fresh")))
	p.out.waitFor(t, "- fresh was removed", 1)
	_, err = c.Invoke(t.Context(), "fresh", nil)
	require.Equal(t, yunduo.ReasonFunctionNotFound, yunduo.ReasonOf(err))
}

func TestDev_TellsBrokenFunctionsAndGoesOn(t *testing.T) {
	dir := newProject(t)
	functions := filepath.Join(dir, "cloudfunctions")
	write(t, filepath.Join(functions, "syntax", "index.js"), "exports.main = (\n")
	write(t, filepath.Join(functions, "package", "index.js"), "require('no-such-package-here')\nexports.main = () => 1\n")
	write(t, filepath.Join(functions, "config", "index.js"), "exports.main = () => 1\n")
	write(t, filepath.Join(functions, "config", "config.json"), "{ not json")
	p, info := startDev(t, dir)
	text := p.out.String()
	require.Contains(t, text, "✗ syntax: ")
	require.Contains(t, text, "no-such-package-here")
	_, err := client.New(info.URL, yunduo.AppID(info.App), info.APIKey).Invoke(t.Context(), "package", nil)
	require.ErrorContains(t, err, "no-such-package-here")
	require.Contains(t, text, "config.json")
	require.Contains(t, text, "✓ hello is live")
}

func TestDev_PortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	dir := newProject(t)
	_, err = run(t, "dev", dir, "--port", port)
	require.ErrorContains(t, err, "in use")
	require.ErrorContains(t, err, "--port")
	require.NoFileExists(t, filepath.Join(dir, stateDir, "dev.json"))
}

func TestDev_SpeaksChinese(t *testing.T) {
	dir := newProject(t)
	p := begin(t, "zh", "dev", dir, "--port", "0", "--app", "another-name")
	p.out.waitFor(t, "按 Ctrl+C 停止", 1)
	require.Contains(t, p.out.String(), "another-name")
	require.Contains(t, p.out.String(), "已上线")
}

func TestFunctions_Verbs(t *testing.T) {
	dir := newProject(t)
	_, info := startDev(t, dir)
	t.Chdir(dir)
	text, err := run(t, "functions", "list", "--json")
	require.NoError(t, err)
	var list []wire.Function
	require.NoError(t, json.Unmarshal([]byte(text), &list), text)
	require.Len(t, list, 1)
	require.Equal(t, "hello", list[0].Name)
	text, err = run(t, "functions", "list")
	require.NoError(t, err)
	require.Contains(t, text, "hello")

	text, err = run(t, "functions", "invoke", "hello", `{"name":"Han"}`)
	require.NoError(t, err)
	require.Contains(t, text, "Hello, Han!")
	_, err = run(t, "functions", "invoke", "hello", `{`)
	require.ErrorContains(t, err, "not valid JSON")
	_, err = run(t, "functions", "invoke", "none")
	require.Equal(t, yunduo.ReasonFunctionNotFound, yunduo.ReasonOf(err))

	write(t, "cloudfunctions/hello/index.js", "exports.main = async () => 'two'\n")
	require.True(t, eventually(t, func() bool {
		text, err := run(t, "functions", "invoke", "hello")
		return err == nil && strings.Contains(text, "two")
	}))
	text, err = run(t, "functions", "versions", "hello", "--json")
	require.NoError(t, err)
	var versions []wire.FunctionVersion
	require.NoError(t, json.Unmarshal([]byte(text), &versions))
	require.Len(t, versions, 2)
	text, err = run(t, "functions", "rollback", "hello", "1")
	require.NoError(t, err)
	require.Contains(t, text, "version 1")
	text, err = run(t, "functions", "logs", "hello", "--json")
	require.NoError(t, err)
	require.True(t, json.Valid([]byte(text)))

	_, err = run(t, "login", ".", "--server", info.URL, "--app", info.App, "--key", "wrong")
	require.Equal(t, yunduo.ReasonTokenInvalid, yunduo.ReasonOf(err))
	require.NoFileExists(t, filepath.Join(stateDir, "login.json"))
	_, err = run(t, "login", ".", "--server", info.URL, "--app", info.App, "--key", info.APIKey)
	require.NoError(t, err)
	text, err = run(t, "deploy", ".")
	require.NoError(t, err)
	require.Contains(t, text, "✓ hello is live")
	text, err = run(t, "functions", "delete", "hello")
	require.NoError(t, err)
	require.Contains(t, text, "hello")
	text, err = run(t, "functions", "list", "--json")
	require.NoError(t, err)
	require.JSONEq(t, "[]", text)
}

func TestDeploy_AppliesRulesAndIndexes(t *testing.T) {
	dir := newProject(t)
	p, info := startDev(t, dir)
	other := newProject(t) // what is deployed is not what the server was started with
	t.Chdir(other)
	yaml := `rules:
  notes: {read: true, write: false}
storageRules: adminonly
functionRules:
  hello: {invoke: "auth != null"}
indexes:
  notes:
    - {fields: [owner, -at], unique: true, partialFilter: {draft: false}}
`
	require.NoError(t, os.WriteFile("yunduo.yaml", []byte(yaml), 0o644))
	to := []string{"--server", info.URL, "--app", info.App, "--key", info.APIKey}
	deploy := func(more ...string) (string, error) {
		return run(t, append(append([]string{"deploy", "."}, to...), more...)...)
	}
	c := client.New(info.URL, yunduo.AppID(info.App), info.APIKey)

	text, err := deploy("--function", "hello")
	require.NoError(t, err)
	require.NotContains(t, text, "rules", "one function alone changes no rules")
	collections, err := c.Collections(t.Context())
	require.NoError(t, err)
	require.Empty(t, collections)

	for range 2 { // what is there already is no failure
		text, err = deploy()
		require.NoError(t, err, text)
		for _, line := range []string{"✓ rules of notes", "✓ index owner_at of notes", "✓ storage rules", "✓ function rules", "✓ hello is live"} {
			require.Contains(t, text, line)
		}
	}
	rules, err := c.Rules(t.Context(), "collection", "notes")
	require.NoError(t, err)
	require.JSONEq(t, `{"read":true,"write":false}`, rules)
	indexes, err := c.Indexes(t.Context(), "notes")
	require.NoError(t, err)
	require.Len(t, indexes, 1)
	require.True(t, indexes[0].Unique)
	require.JSONEq(t, `{"draft":false}`, string(indexes[0].PartialFilter))

	require.NoError(t, os.WriteFile("yunduo.yaml", []byte("rules:\n  notes: {read: \"doc.x ==\"}\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join("cloudfunctions", "hello", "index.js"), []byte("exports.main = () => 'changed'"), 0o644))
	text, err = deploy()
	require.ErrorContains(t, err, "nothing has changed")
	require.ErrorContains(t, err, "notes")
	require.NotContains(t, text, "is live")
	list, err := c.Releases(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 3)
	live, err := c.Function(t.Context(), "hello")
	require.NoError(t, err)
	require.Equal(t, list[0].Functions["hello"], live.Version, "the version that was made gets no calls")

	require.NoError(t, os.WriteFile("yunduo.yaml", []byte("rules:\n  notes: private\n"), 0o644))
	text, err = deploy("--note", "private notes")
	require.NoError(t, err)
	require.Contains(t, text, "release 4 is live")
	text, err = run(t, append([]string{"releases"}, to...)...)
	require.NoError(t, err)
	require.Contains(t, text, "private notes")
	text, err = run(t, append([]string{"release", "diff"}, to...)...)
	require.NoError(t, err)
	require.Contains(t, text, "function hello: ")
	require.Contains(t, text, "rules notes: ")
	text, err = run(t, append([]string{"release", "rollback", "--drop-indexes"}, to...)...)
	require.NoError(t, err)
	require.Contains(t, text, "after release 3")
	rules, err = c.Rules(t.Context(), "collection", "notes")
	require.NoError(t, err)
	require.JSONEq(t, `{"read":true,"write":false}`, rules)
	_, err = run(t, append([]string{"release", "rollback", "9"}, to...)...)
	require.Equal(t, yunduo.ReasonReleaseNotFound, yunduo.ReasonOf(err))
	require.NoError(t, p.stop())
}

func TestServe_FirstStartPrintsASetUpLink(t *testing.T) {
	data := t.TempDir()
	p := begin(t, "en", "serve", "--data", data, "--listen", "127.0.0.1:0")
	p.out.waitFor(t, "msg=serving", 1)
	text := p.out.String()
	address, token, ok := strings.Cut(text[strings.Index(text, "http://"):], "/console/#token=")
	require.True(t, ok, text)
	token, _, _ = strings.Cut(token, "\n")
	session := func(body wire.OperatorLoginRequest) (wire.OperatorTokens, error) {
		var reply wire.OperatorTokens
		err := client.New(address, "", "").Do(t.Context(), "POST", "/v1/manage/session", body, &reply)
		return reply, err
	}
	asked, err := session(wire.OperatorLoginRequest{Token: token})
	require.NoError(t, err)
	require.True(t, asked.SetUp)
	require.Empty(t, asked.AccessToken, "the link alone opens nothing")
	_, err = session(wire.OperatorLoginRequest{Token: "yds_setup_guess", SetUp: true, Username: "boss", Password: "correct horse"})
	require.Equal(t, yunduo.ReasonTokenInvalid, yunduo.ReasonOf(err))
	made, err := session(wire.OperatorLoginRequest{Token: token, SetUp: true, Username: "boss", Password: "correct horse"})
	require.NoError(t, err)
	require.NotEmpty(t, made.AccessToken)
	_, err = session(wire.OperatorLoginRequest{Token: token, SetUp: true, Username: "other", Password: "correct horse"})
	require.Equal(t, yunduo.ReasonTokenInvalid, yunduo.ReasonOf(err), "once is once")
	in, err := session(wire.OperatorLoginRequest{Username: "boss", Password: "correct horse"})
	require.NoError(t, err)
	_, err = session(wire.OperatorLoginRequest{Username: "boss", Password: "wrong"})
	require.Equal(t, yunduo.ReasonLoginFailed, yunduo.ReasonOf(err))
	c := client.New(address, "shop", in.AccessToken)
	require.NoError(t, c.Do(t.Context(), "POST", "/v1/manage/apps", wire.AppRequest{ID: "shop"}, nil))
	require.NoError(t, p.stop())

	again := begin(t, "en", "serve", "--data", data, "--listen", "127.0.0.1:0")
	again.out.waitFor(t, "msg=serving", 1)
	require.NotContains(t, again.out.String(), "#token=")
}

func TestSite_ServesThePageButNothingHidden(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "index.html"), "<title>page</title>")
	write(t, filepath.Join(dir, ".env"), "SECRET=1")
	write(t, filepath.Join(dir, ".git", "config"), "secret")
	s, err := startSite(t.Context(), dir, "shop", "http://127.0.0.1:7300")
	require.NoError(t, err)
	defer func() { require.NoError(t, s.close()) }()
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"":                  {200, "<title>page</title>"},
		"__yunduo/sdk.js":   {200, `"app":"shop"`},
		".env":              {404, ""},
		".git/config":       {404, ""},
		"x/../.env":         {404, ""},
		"%2e%2e/%2e%2e/etc": {404, ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", s.url()+path, nil)
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, errors.Join(err, response.Body.Close()))
		require.Equal(t, want.status, response.StatusCode, path)
		require.True(t, bytes.Contains(body, []byte(want.text)), path)
	}
}
