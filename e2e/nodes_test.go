package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/embedded"
	"yunduo/gateway/mongowire"
	"yunduo/server"
	"yunduo/wire"
)

// startDeployment starts something that speaks MongoDB's protocol and returns how servers keep their documents in it.
func startDeployment(t *testing.T) func(*server.Config) {
	t.Helper()
	t.Setenv("YUNDUO_SECRET", base64.StdEncoding.EncodeToString(make([]byte, 32)))
	engine, err := embedded.Open(t.TempDir(), embedded.Options{TransactionBytes: 64 << 20})
	require.NoError(t, err)
	db := documents.New(engine, documents.Options{})
	wire := mongowire.New(mongowire.Options{Documents: db, Credentials: deployment{}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- wire.Serve(l) }()
	t.Cleanup(func() {
		wire.Close()
		require.NoError(t, <-served)
		db.Close()
		require.NoError(t, engine.Close())
	})
	return func(c *server.Config) { c.MongoDB = "mongodb://platform:secret@" + l.Addr().String() }
}

// nodes are two servers on one database and one bucket, with an app of the test's own: here is where it is changed,
// there is where that is seen.
func nodes(t *testing.T) (here, there *world) {
	t.Helper()
	on, objects := startDeployment(t), t.TempDir()
	join := func(c *server.Config) {
		on(c)
		require.NoError(t, os.Symlink(objects, filepath.Join(c.DataDir, "objects")))
	}
	here = start(t, join).open(t)
	here.user(t, "li")
	second := *here
	second.platform = start(t, join)
	return here, &second
}

// seen waits until what was done on one node has its effect on the other.
func seen(t *testing.T, what string, reached func() bool) {
	t.Helper()
	began := time.Now()
	require.Eventually(t, reached, 20*time.Second, 2*time.Millisecond, what)
	t.Logf("%s: seen after %s", what, time.Since(began).Round(time.Millisecond))
}

// reason is what a call by the named caller is refused with, empty if it is not.
func (w *world) reason(t *testing.T, who, method, path string, request any) string {
	t.Helper()
	var reply json.RawMessage
	return string(yunduo.ReasonOf(w.as(t, who).Do(t.Context(), method, path, request, &reply)))
}

func (w *world) path(rest string) string { return "/v1/apps/" + string(w.app) + "/" + rest }

func TestNodes_RulesAndCollections(t *testing.T) {
	here, there := nodes(t)
	require.NoError(t, here.owner().CreateCollection(t.Context(), "notes"))
	find := func(w *world) string {
		return w.reason(t, "li", "POST", w.path("documents/notes/find"), map[string]any{})
	}
	require.NoError(t, here.owner().SetRules(t.Context(), "collection", "notes", `{"read":true,"write":true}`))
	seen(t, "rules that allow", func() bool { return find(there) == "" })
	watching := there.connect(t, "li")
	watching.send(`{"type":"watch","id":"1","collection":"notes"}`)
	watching.snapshot("1", "")
	require.NoError(t, here.owner().SetRules(t.Context(), "collection", "notes", `{"read":false,"write":true}`))
	require.Equal(t, "permission_denied", find(here), "not at once where it was changed")
	seen(t, "rules that refuse", func() bool { return find(there) == "permission_denied" })
	ended := watching.next()
	require.Equal(t, []string{"error", "1", "permission_denied"}, []string{ended.Type, ended.ID, ended.Error.Reason})
	// Looser ones come back, so that a collection that is made again must not have them.
	require.NoError(t, here.owner().SetRules(t.Context(), "collection", "notes", `{"read":true,"write":true}`))
	seen(t, "rules that allow again", func() bool { return find(there) == "" })
	there.insert(t, "owner", "notes", `{"_id":"old","_openid":"han"}`)
	require.NoError(t, here.owner().Do(t.Context(), "DELETE", "/v1/manage/apps/"+string(here.app)+"/collections/notes", nil, nil))
	require.NoError(t, here.owner().CreateCollection(t.Context(), "notes"))
	here.insert(t, "owner", "notes", `{"_id":"new","_openid":"han"}`)
	count := func(who string) (n int) {
		var found struct{ Documents []json.RawMessage }
		require.NoError(t, there.as(t, who).Do(t.Context(), "POST", there.path("documents/notes/find"), map[string]any{}, &found))
		return len(found.Documents)
	}
	seen(t, "a collection made again is private", func() bool { return count("li") == 0 })
	require.Equal(t, 1, count("owner"))
	// A collection that is gone is not made again by a node that knew it.
	require.NoError(t, here.owner().Do(t.Context(), "DELETE", "/v1/manage/apps/"+string(here.app)+"/collections/notes", nil, nil))
	gone := func() string {
		return there.reason(t, "owner", "POST", there.path("documents/notes/find"), map[string]any{})
	}
	seen(t, "a collection dropped", func() bool { return gone() == "collection_not_found" })
	require.Equal(t, "collection_not_found", there.reason(t, "owner", "POST", there.path("documents/notes/insert"), map[string]any{"documents": []any{map[string]any{"_id": "ghost"}}}))
	require.Equal(t, "collection_not_found", here.reason(t, "owner", "POST", here.path("documents/notes/find"), map[string]any{}))
}

func TestNodes_KeysSessionsAndSettings(t *testing.T) {
	here, there := nodes(t)
	require.NoError(t, here.owner().CreateCollection(t.Context(), "notes"))
	me := func(w *world, who string) string { return w.reason(t, who, "GET", w.path("auth/me"), nil) }
	manage := "/v1/manage/apps/" + string(here.app)
	// A session, known on both, with a socket at the other node; and one of somebody else that stays.
	there.user(t, "han")
	require.Empty(t, me(there, "li"))
	socket, bystander := there.connect(t, "li"), there.connect(t, "han")
	require.NoError(t, here.as(t, "li").Do(t.Context(), "POST", here.path("auth/logout"), nil, nil))
	require.Equal(t, "session_revoked", me(here, "li"))
	socket.ends(yunduo.ReasonSessionRevoked, 4401)
	seen(t, "a session revoked", func() bool { return me(there, "li") == "session_revoked" })
	bystander.send(`{"type":"ping"}`)
	require.Equal(t, "pong", bystander.next().Type)
	require.Empty(t, me(there, "han"))

	// A setting, by what the other node tells.
	var app wire.App
	get := func(w *world) string {
		require.NoError(t, w.as(t, "operator").Do(t.Context(), "GET", manage, nil, &app))
		return app.Name
	}
	require.Equal(t, string(here.app), get(there))
	require.NoError(t, here.as(t, "operator").Do(t.Context(), "PATCH", manage, map[string]any{"name": "renamed"}, nil))
	require.Equal(t, "renamed", get(here))
	seen(t, "a setting", func() bool { return get(there) == "renamed" })

	// A key that is deleted opens nothing any more.
	find := there.path("documents/notes/find")
	require.Empty(t, there.reason(t, "owner", "POST", find, map[string]any{}))
	require.NoError(t, here.server.Rooms().Apps.DeleteKey(t.Context(), yunduo.System(here.app), here.app, here.keys.SecretID))
	require.Equal(t, "token_invalid", here.reason(t, "owner", "POST", find, map[string]any{}))
	seen(t, "a key deleted", func() bool { return there.reason(t, "owner", "POST", find, map[string]any{}) == "token_invalid" })

	// An app that is removed is gone, also for who is signed in to it.
	require.Empty(t, me(there, "han"))
	require.NoError(t, here.as(t, "operator").Do(t.Context(), "DELETE", manage, nil, nil))
	seen(t, "an app removed", func() bool { return me(there, "han") == "app_not_found" })
	seen(t, "an app removed to operators", func() bool { return there.reason(t, "operator", "GET", manage, nil) == "app_not_found" })
}

// What is set on one node holds for the next calls on the other, in processes that are warm there.
func TestNodes_SecretsAndWeChat(t *testing.T) {
	here, there := nodes(t)
	here.deployMain(t, "f", "return process.env.KEY || ''")
	call := func(w *world) string {
		result, err := w.as(t, "li").Invoke(t.Context(), "f", nil)
		require.NoError(t, err)
		return string(result)
	}
	require.Equal(t, `""`, call(there))
	require.NoError(t, here.owner().SetVariable(t.Context(), wire.SetVariableRequest{Function: "f", Name: "KEY", Value: "its own", Secret: true}))
	require.Equal(t, `"its own"`, call(here))
	seen(t, "a secret", func() bool { return call(there) == `"its own"` })
	require.NoError(t, here.owner().DeleteVariable(t.Context(), "f", "KEY"))
	require.Equal(t, `""`, call(here))
	seen(t, "a secret deleted", func() bool { return call(there) == `""` })
	require.NoError(t, here.owner().SetVariable(t.Context(), wire.SetVariableRequest{Name: "KEY", Value: "everyone's"}))
	seen(t, "a variable of every function", func() bool { return call(there) == `"everyone's"` })

	settings := func(w *world) wire.WeChatSettings {
		found, err := w.owner().WeChat(t.Context())
		require.NoError(t, err)
		return found
	}
	require.False(t, settings(there).HasToken)
	_, err := here.owner().SetWeChat(t.Context(), wire.WeChatSettingsRequest{AppID: ptr("wx1"), Secret: ptr("secret"), Token: ptr("token")})
	require.NoError(t, err)
	seen(t, "settings for WeChat", func() bool { s := settings(there); return s.HasToken && s.HasSecret && s.StandIn == nil })
}

func TestNodes_FunctionsFilesAndTimers(t *testing.T) {
	here, there := nodes(t)
	call := func(w *world, who string) string {
		result, err := w.as(t, who).Invoke(t.Context(), "f", nil)
		if err != nil {
			return string(yunduo.ReasonOf(err))
		}
		return string(result)
	}
	here.deployMain(t, "f", "return 1")
	require.Equal(t, "1", call(here, "li"))
	require.Equal(t, "1", call(there, "li"))
	here.deployMain(t, "f", "return 2")
	require.Equal(t, "2", call(here, "li"))
	seen(t, "a version", func() bool { return call(there, "li") == "2" })
	require.NoError(t, here.owner().SetRules(t.Context(), "functions", "", `{"*":{"invoke":false}}`))
	require.Equal(t, "function_denied", call(here, "li"))
	seen(t, "rules of functions", func() bool { return call(there, "li") == "function_denied" })
	// Deleted and made again under the same number.
	require.NoError(t, here.owner().DeleteFunction(t.Context(), "f"))
	here.deployMain(t, "f", "return 'again'")
	seen(t, "a function made again", func() bool { return call(there, "owner") == `"again"` })
	require.NoError(t, here.owner().DeleteFunction(t.Context(), "f"))
	seen(t, "a function deleted", func() bool { return call(there, "owner") == "function_not_found" })

	upload := func(w *world) string {
		return w.reason(t, "li", "POST", w.path("files/grantUpload"), wire.GrantUploadRequest{Path: "a.txt"})
	}
	require.NoError(t, here.owner().SetRules(t.Context(), "files", "", `{"read":true,"write":true}`))
	seen(t, "rules of files that allow", func() bool { return upload(there) == "" })
	require.NoError(t, here.owner().SetRules(t.Context(), "files", "", `{"read":true,"write":false}`))
	require.NotEmpty(t, upload(here))
	seen(t, "rules of files that refuse", func() bool { return upload(there) != "" })

	// A timer that is due every second fires once each time, whichever node does it, and goes on when one is gone.
	require.NoError(t, here.owner().CreateCollection(t.Context(), "fired"))
	here.deployWith(t, "tick", "await cloud.database().collection('fired').add({data: {due: event.Time}})",
		wire.FunctionSettings{Triggers: []wire.TriggerSpec{{Name: "second", Type: "timer", Config: "* * * * * * *", Overlap: "allow"}}})
	times := func() map[string]int {
		var found struct{ Documents []struct{ Due string } }
		require.NoError(t, there.owner().Do(t.Context(), "POST", there.path("documents/fired/find"), map[string]any{"limit": 1000}, &found))
		fired := map[string]int{}
		for _, d := range found.Documents {
			fired[d.Due]++
		}
		return fired
	}
	var fired map[string]int
	seen(t, "four firings", func() bool { fired = times(); return len(fired) >= 4 })
	require.NoError(t, here.stop())
	after := len(times())
	seen(t, "firings of the node that is left", func() bool { fired = times(); return len(fired) >= after+2 })
	for due, n := range fired {
		require.Equal(t, 1, n, "the firing of %s", due)
	}
}
