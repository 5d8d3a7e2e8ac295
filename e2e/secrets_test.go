package e2e_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/server"
	"yunduo/wire"
)

// What is set holds for the next call, without a deployment, and leaves no trace in logs, errors or on disk.
func TestSecrets_LiveAndNowhereElse(t *testing.T) {
	const value = "tr3asure-4711-of-the-app"
	w := start(t, nil).open(t)
	w.deployWith(t, "f", `
	console.log('key', process.env.KEY, 'page', process.env.PAGE)
	if (event.fail) throw new Error('wrong key ' + process.env.KEY)
	return { own: process.env.OWN, page: process.env.PAGE, length: (process.env.KEY || '').length }`, wire.FunctionSettings{Env: map[string]string{"OWN": "deployed", "PAGE": "deployed"}})
	set := func(v wire.SetVariableRequest) {
		t.Helper()
		require.NoError(t, w.owner().SetVariable(t.Context(), v))
	}
	run := func() map[string]any { return w.invoke(t, "owner", "f", map[string]any{}) }
	require.Equal(t, map[string]any{"own": "deployed", "page": "deployed", "length": 0.0}, run())
	set(wire.SetVariableRequest{Name: "KEY", Value: value, Secret: true})
	set(wire.SetVariableRequest{Name: "PAGE", Value: "app"})
	require.Equal(t, map[string]any{"own": "deployed", "page": "app", "length": float64(len(value))}, run())
	set(wire.SetVariableRequest{Function: "f", Name: "PAGE", Value: "function"})
	set(wire.SetVariableRequest{Function: "g", Name: "PAGE", Value: "another's"})
	require.Equal(t, "function", run()["page"])
	for i := range 20 { // the very next call, however often
		set(wire.SetVariableRequest{Function: "f", Name: "PAGE", Value: string(rune('a' + i))})
		require.Equal(t, string(rune('a'+i)), run()["page"])
	}

	_, err := w.owner().Invoke(t.Context(), "f", json.RawMessage(`{"fail":true}`))
	require.Error(t, err)
	require.Contains(t, err.Error(), "wrong key [secret KEY]")
	require.NotContains(t, err.Error(), value)
	var logs wire.LogsResponse
	require.Eventually(t, func() bool {
		require.NoError(t, w.owner().Do(t.Context(), "POST", "/v1/manage/apps/"+string(w.app)+"/logs", wire.LogsRequest{Function: "f"}, &logs))
		return len(logs.Invocations) > 20
	}, time.Minute, 10*time.Millisecond)
	text, err := json.Marshal(logs)
	require.NoError(t, err)
	require.Contains(t, string(text), "key [secret KEY]")
	require.NotContains(t, string(text), value)

	list, err := w.owner().Variables(t.Context())
	require.NoError(t, err)
	text, err = json.Marshal(list)
	require.NoError(t, err)
	require.NotContains(t, string(text), value)
	require.NoError(t, w.owner().DeleteVariable(t.Context(), "", "KEY"))
	require.Equal(t, 0.0, run()["length"])

	require.NoError(t, w.stop())
	files := 0
	require.NoError(t, filepath.WalkDir(w.config.DataDir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(name)
		files++
		require.False(t, bytes.Contains(content, []byte(value)), "%s holds the secret", name)
		return err
	}))
	require.Positive(t, files)
}

// Errors of HTTP functions, and of code that does not load, come by other ways than those of calls.
func TestSecrets_NotInOtherErrors(t *testing.T) {
	const value = "tr3asure-4712-of-the-app"
	w := shared.open(t)
	require.NoError(t, w.owner().SetVariable(t.Context(), wire.SetVariableRequest{Name: "KEY", Value: value, Secret: true}))
	_, err := w.tryDeploy(t, "broken", map[string]string{"index.js": "throw new Error('wrong key ' + process.env.KEY)"})
	require.Error(t, err)
	require.Contains(t, err.Error(), "wrong key [secret KEY]")
	require.NotContains(t, err.Error(), value)

	_, err = w.owner().Deploy(t.Context(), wire.DeployRequest{Name: "web", Settings: wire.FunctionSettings{Serves: true}, Files: []wire.DeployFile{{
		Path: "index.js", Content: []byte("exports.main = () => { throw new Error('wrong key ' + process.env.KEY) }"),
	}}})
	require.NoError(t, err)
	_, body := w.fetch(t, "GET", "/web", "owner", "")
	require.Contains(t, body, "wrong key [secret KEY]")
	require.NotContains(t, body, value)
	var logs wire.LogsResponse
	require.Eventually(t, func() bool {
		require.NoError(t, w.owner().Do(t.Context(), "POST", "/v1/manage/apps/"+string(w.app)+"/logs", wire.LogsRequest{Function: "web"}, &logs))
		return len(logs.Invocations) > 0
	}, time.Minute, 10*time.Millisecond)
	text, err := json.Marshal(logs)
	require.NoError(t, err)
	require.Contains(t, string(text), "wrong key [secret KEY]")
	require.NotContains(t, string(text), value)
}

// ageKey is a key as age-keygen makes them, of the bytes 1 to 32.
const ageKey = "AGE-SECRET-KEY-1QYPQXPQ9QCRSSZG2PVXQ6RS0ZQG3YYC5Z5TPWXQERGD3C8G7RUSQGPQYEE"

// The key may be of its own, in a file or printed by a command. What was encrypted before is opened all the same; who
// does not have the key opens nothing.
func TestSecrets_KeyOfItsOwn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.txt")
	require.NoError(t, os.WriteFile(file, []byte("# created: today\n"+ageKey+"\n"), 0o600))
	dir := t.TempDir()
	begin := func(change func(*server.Config)) *platform {
		return start(t, func(c *server.Config) {
			c.DataDir = dir
			change(c)
		})
	}
	first := begin(func(*server.Config) {}).open(t)
	first.deployMain(t, "f", "return [process.env.OLD || '', process.env.NEW || '']")
	set := func(name string) {
		t.Helper()
		require.NoError(t, first.owner().SetVariable(t.Context(), wire.SetVariableRequest{Name: name, Value: "of " + name, Secret: true}))
	}
	on := func(p *platform) { first.platform = p }
	call := func() string {
		t.Helper()
		result, err := first.owner().Invoke(t.Context(), "f", nil)
		if err != nil {
			return string(yunduo.ReasonOf(err))
		}
		return string(result)
	}
	set("OLD")
	require.NoError(t, first.stop())

	on(begin(func(c *server.Config) { c.SecretsKeyCommand = "cat '" + file + "'" }))
	require.Equal(t, `["of OLD",""]`, call())
	set("NEW")
	_, err := first.owner().SetWeChat(t.Context(), wire.WeChatSettingsRequest{Secret: ptr("secret of WeChat"), Token: ptr("token")})
	require.NoError(t, err)
	require.NoError(t, first.stop())

	on(begin(func(c *server.Config) { c.SecretsKeyFile = file }))
	require.Equal(t, `["of OLD","of NEW"]`, call())
	app, err := first.server.Rooms().Apps.Get(t.Context(), first.app)
	require.NoError(t, err)
	require.Equal(t, "secret of WeChat", app.WeChat.Secret)
	require.NoError(t, first.stop())

	on(begin(func(*server.Config) {}))
	require.Equal(t, "internal", call(), "without the key")
	_, err = first.server.Rooms().Apps.Get(t.Context(), first.app)
	require.Equal(t, yunduo.ReasonInternal, yunduo.ReasonOf(err))
	_, err = first.server.Rooms().WeChat.Settings(t.Context(), first.app)
	require.Equal(t, yunduo.ReasonInternal, yunduo.ReasonOf(err))
}

// A server whose key cannot be had says why and does not start.
func TestSecrets_KeyThatCannotBeHad(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*server.Config)
		says   []string
	}{
		"command that fails":    {func(c *server.Config) { c.SecretsKeyCommand = "echo no such key >&2; exit 3" }, []string{"secrets-key-command", "exit status 3", "no such key"}},
		"command without a key": {func(c *server.Config) { c.SecretsKeyCommand = "echo hunter2" }, []string{"age-keygen"}},
		"no file":               {func(c *server.Config) { c.SecretsKeyFile = "/nowhere/key.txt" }, []string{"secrets-key-file", "/nowhere/key.txt"}},
		"both":                  {func(c *server.Config) { c.SecretsKeyFile, c.SecretsKeyCommand = "a", "b" }, []string{"secrets-key-file, secrets-key-command"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := devConfig(t.TempDir())
			test.change(&config)
			p, err := startPlatform(config)
			if err == nil {
				require.NoError(t, p.stop())
			}
			require.Error(t, err)
			for _, text := range test.says {
				require.ErrorContains(t, err, text)
			}
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestSecrets_Refused(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	path := "/v1/manage/apps/" + string(w.app) + "/variables"
	require.Error(t, w.as(t, "li").Do(t.Context(), "GET", path, nil, nil))
	require.Error(t, w.as(t, "li").Do(t.Context(), "PUT", path, wire.SetVariableRequest{Name: "A", Value: "b"}, nil))
	other := shared.open(t)
	require.Error(t, other.owner().Do(t.Context(), "GET", path, nil, nil))
	require.Error(t, other.owner().Do(t.Context(), "PUT", path, wire.SetVariableRequest{Name: "A", Value: "b"}, nil))
	list, err := w.owner().Variables(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
}
