package functions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
	"yunduo/functions/runtime"
)

const whoami = "const cloud = require('wx-server-sdk')\nexports.main = async event => [cloud.getWXContext().OPENID || null, event.n || 0]"

func TestInvoke_Identity(t *testing.T) {
	h := start(t)
	h.deploy(t, "whoami", whoami)
	invoke := func(caller yunduo.Caller, o functions.InvokeOptions) (string, error) {
		result, err := h.Invoke(t.Context(), caller, app, "whoami", json.RawMessage(`{"n":1}`), o)
		return string(result.JSON), err
	}
	as := functions.InvokeOptions{AsUser: &yunduo.Caller{OpenID: "o-wang", UserID: "u2"}}
	allowed := map[string]struct {
		caller  yunduo.Caller
		options functions.InvokeOptions
		result  string
	}{
		"an end user":            {user, functions.InvokeOptions{}, `["o-li",1]`},
		"an anonymous user":      {yunduo.Caller{App: app, Role: yunduo.RoleAnonymous, UserID: "u3", OpenID: "a-3"}, functions.InvokeOptions{}, `["a-3",1]`},
		"a trigger":              {yunduo.Caller{App: app, Role: yunduo.RoleTrigger}, functions.InvokeOptions{}, `[null,1]`},
		"the owner":              {owner, functions.InvokeOptions{}, `[null,1]`},
		"an operator":            {operator, functions.InvokeOptions{}, `[null,1]`},
		"the owner as somebody":  {owner, as, `["o-wang",1]`},
		"a function for a user":  {yunduo.Caller{App: app, Role: yunduo.RoleFunction, OpenID: "o-li", Function: "f", InvocationID: "x"}, functions.InvokeOptions{}, `["o-li",1]`},
		"the platform as nobody": {yunduo.System(app), functions.InvokeOptions{}, `[null,1]`},
	}
	for name, test := range allowed {
		t.Run(name, func(t *testing.T) {
			result, err := invoke(test.caller, test.options)
			require.NoError(t, err)
			require.Equal(t, test.result, result)
		})
	}
	denied := map[string]struct {
		caller  yunduo.Caller
		options functions.InvokeOptions
	}{
		"nobody":                    {yunduo.Caller{}, functions.InvokeOptions{}},
		"nobody of the app":         {yunduo.Caller{App: app}, functions.InvokeOptions{}},
		"a user of another app":     {yunduo.Caller{App: "other", Role: yunduo.RoleUser, OpenID: "o"}, functions.InvokeOptions{}},
		"a function of another app": {yunduo.Caller{App: "other", Role: yunduo.RoleFunction}, functions.InvokeOptions{}},
		"the owner of another app":  {yunduo.Caller{App: "other", Role: yunduo.RoleOwner}, functions.InvokeOptions{}},
		"a user as somebody":        {user, as},
		"a function as somebody":    {yunduo.Caller{App: app, Role: yunduo.RoleFunction}, as},
	}
	for name, test := range denied {
		t.Run(name, func(t *testing.T) {
			_, err := invoke(test.caller, test.options)
			refused(t, yunduo.ReasonPermissionDenied, err)
		})
	}
}

func TestManage_OthersRefused(t *testing.T) {
	h := start(t)
	h.deploy(t, "f", returning("x"))
	for name, caller := range map[string]yunduo.Caller{"nobody": {}, "a user": user, "code": {App: app, Role: yunduo.RoleFunction}, "another owner": {App: "other", Role: yunduo.RoleOwner}} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			_, deploy := h.Deploy(ctx, caller, app, functions.DeployRequest{Name: "f", Source: source("index.js", "")})
			_, list := h.List(ctx, caller, app)
			_, get := h.Get(ctx, caller, app, "f")
			_, versions := h.Versions(ctx, caller, app, "f")
			_, back := h.Rollback(ctx, caller, app, "f", 1)
			_, files := h.Source(ctx, caller, app, "f", 0)
			_, _, logs := h.Logs(ctx, caller, app, functions.LogQuery{})
			_, trace := h.Find(ctx, caller, app, "x")
			_, _, feed := h.Subscribe(caller, app, "", nil)
			_, stats := h.Stats(caller, app, 10)
			for _, err := range []error{deploy, list, get, versions, back, files, logs, trace, feed, stats, h.Delete(ctx, caller, app, "f"), h.DropApp(ctx, caller, app)} {
				refused(t, yunduo.ReasonPermissionDenied, err)
			}
		})
	}
	require.Equal(t, `"x"`, h.call(t, "f"))
}

func TestInvoke_Events(t *testing.T) {
	h := open(t, t.TempDir(), functions.Options{Limits: functions.Limits{EventBytes: 100}})
	h.deploy(t, "echo", "exports.main = async e => e")
	for event, want := range map[string]string{"": "{}", `{"a":[1,"云"]}`: `{"a":[1,"云"]}`} {
		result, err := h.Invoke(t.Context(), yunduo.System(app), app, "echo", json.RawMessage(event), functions.InvokeOptions{})
		require.NoError(t, err)
		require.JSONEq(t, want, string(result.JSON))
		require.Len(t, result.InvocationID, 32)
	}
	for event, reason := range map[string]yunduo.Reason{`{"a":`: yunduo.ReasonMalformedJSON, "{} x": yunduo.ReasonMalformedJSON, `"` + strings.Repeat("x", 100) + `"`: yunduo.ReasonBodyTooLarge} {
		_, err := h.Invoke(t.Context(), user, app, "echo", json.RawMessage(event), functions.InvokeOptions{})
		refused(t, reason, err)
	}
	_, err := h.Invoke(t.Context(), user, app, "nobody", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonFunctionNotFound, err, `"nobody"`)
}

const callsOther = `
const cloud = require('wx-server-sdk')
exports.main = async event => (await cloud.call('functions.invoke', { name: event.name || 'again', data: { n: event.n } })).response.result
`

func TestInvoke_Chain(t *testing.T) {
	h := open(t, t.TempDir(), functions.Options{Limits: functions.Limits{Depth: 4}})
	h.deploy(t, "again", callsOther)
	h.deploy(t, "whoami", whoami)
	result, err := h.Invoke(t.Context(), user, app, "again", json.RawMessage(`{"name":"whoami","n":2}`), functions.InvokeOptions{})
	require.NoError(t, err)
	require.JSONEq(t, `["o-li",2]`, string(result.JSON), "the inner function acts for the same user")
	_, err = h.Invoke(t.Context(), user, app, "again", nil, functions.InvokeOptions{})
	require.Error(t, err)
	require.Contains(t, yunduo.AsError(err).Message, "call each other more than 4 deep")

	// An invocation remembers its depth even when the outer ones are over.
	deep := yunduo.Caller{App: app, Role: yunduo.RoleFunction, InvocationID: yunduo.NewID() + ".3"}
	_, err = h.Invoke(t.Context(), deep, app, "whoami", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonFunctionChainTooDeep, err, "whoami")
}

func TestInvoke_ReplacedWithoutADroppedRequest(t *testing.T) {
	h := start(t)
	slow := func(n int) string {
		return fmt.Sprintf("exports.main = async () => { await new Promise(r => setTimeout(r, 15)); return %d }", n)
	}
	h.deploy(t, "f", slow(0))
	h.call(t, "f")
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var calls atomic.Int64
	failures := make(chan error, 8)
	for range 8 {
		group.Go(func() {
			for last := 0; ctx.Err() == nil; {
				result, err := h.Invoke(t.Context(), user, app, "f", nil, functions.InvokeOptions{})
				if err != nil {
					failures <- err
					return
				}
				var n int
				if err := json.Unmarshal(result.JSON, &n); err != nil || n < last {
					failures <- fmt.Errorf("version %d answered after version %d: %v", n, last, err)
					return
				}
				last = n
				calls.Add(1)
			}
		})
	}
	for n := 1; n <= 5; n++ {
		before := calls.Load()
		h.deploy(t, "f", slow(n))
		require.Equal(t, fmt.Sprint(n), h.call(t, "f"), "the new version answers at once")
		eventually(t, "calls go on", func() bool { return calls.Load() > before+16 || len(failures) > 0 })
	}
	stop()
	group.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
}

func TestInvoke_LoadedOnce(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir, functions.Options{})
	h.deploy(t, "f", returning("x"))
	h.close()
	h = open(t, dir, functions.Options{})
	var group sync.WaitGroup
	results := make([]string, 20)
	for i := range results {
		group.Go(func() {
			if result, err := h.Invoke(t.Context(), user, app, "f", nil, functions.InvokeOptions{}); err == nil {
				results[i] = string(result.JSON)
			}
		})
	}
	group.Wait()
	for _, r := range results {
		require.Equal(t, `"x"`, r)
	}
}

// Two services on one database are two nodes: what one deploys, the other runs.
func TestInvoke_ChangesOfAnotherNode(t *testing.T) {
	one, two := startTwo(t)
	deploy := func(text string) {
		_, err := one.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", returning(text))})
		require.NoError(t, err)
	}
	says := func(want string) func() bool {
		return func() bool {
			result, err := two.Invoke(t.Context(), user, app, "f", nil, functions.InvokeOptions{})
			return err == nil && string(result.JSON) == `"`+want+`"`
		}
	}
	deploy("one")
	require.True(t, says("one")())
	deploy("two")
	eventually(t, "the other node runs the new version", says("two"))
	require.NoError(t, one.Delete(t.Context(), owner, app, "f"))
	eventually(t, "the other node forgets", func() bool {
		_, err := two.Invoke(t.Context(), user, app, "f", nil, functions.InvokeOptions{})
		return yunduo.ReasonOf(err) == yunduo.ReasonFunctionNotFound
	})
}

func TestClose(t *testing.T) {
	h := start(t)
	h.deploy(t, "f", "exports.main = async () => { await new Promise(r => setTimeout(r, 300)); return 'ended' }")
	entries, _, err := h.Subscribe(owner, app, "", nil)
	require.NoError(t, err)
	done := make(chan string, 1)
	go func() {
		result, err := h.Invoke(context.WithoutCancel(t.Context()), user, app, "f", nil, functions.InvokeOptions{})
		done <- fmt.Sprint(string(result.JSON), err)
	}()
	eventually(t, "it runs", func() bool { return h.Running(app, "f") == 1 })
	h.close()
	require.Equal(t, `"ended"<nil>`, <-done, "what runs may end")
	for range entries { // ends, because the channel is closed
	}
	_, err = h.Invoke(t.Context(), user, app, "f", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonShuttingDown, err)
	_, _, err = h.Subscribe(owner, app, "", nil)
	refused(t, yunduo.ReasonShuttingDown, err)
}

// still is a program that does nothing: what remains is the service's own cost.
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

func BenchmarkInvoke(b *testing.B) {
	event := json.RawMessage(`{"action":"list","page":3,"filter":{"text":"a few words of a query","tags":["one","two"]},"userInfo":{"nickName":"小云"}}`)
	run := func(b *testing.B, rt runtime.Runtime) {
		h := openWith(b, b.TempDir(), functions.Options{}, rt)
		_, err := h.Deploy(b.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", "exports.main = async e => e"), KeepBroken: true})
		require.NoError(b, err)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := h.Invoke(b.Context(), user, app, "f", event, functions.InvokeOptions{}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	b.Run("service", func(b *testing.B) { run(b, still{}) })
	b.Run("node", func(b *testing.B) { run(b, shared) })
}

func TestInvoke_Timeout(t *testing.T) {
	h := start(t)
	_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "spin", Source: source("index.js", "exports.main = () => { for (;;) ; }"), Settings: functions.Settings{Timeout: 200 * time.Millisecond}})
	require.NoError(t, err)
	h.deploy(t, "f", returning("alive"))
	_, err = h.Invoke(t.Context(), user, app, "spin", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonFunctionTimeout, err, "200ms")
	require.Equal(t, `"alive"`, h.call(t, "f"))
}
