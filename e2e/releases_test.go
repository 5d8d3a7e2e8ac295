package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wire"
)

// numbered makes a version of a function that answers with a number and gets no calls.
func (w *world) numbered(t *testing.T, name string, n int) int64 {
	t.Helper()
	made, err := w.owner().Deploy(t.Context(), wire.DeployRequest{
		Name: name, Prepare: true, Files: []wire.DeployFile{{Path: "index.js", Content: fmt.Appendf(nil, "exports.main = async () => %d", n)}},
	})
	require.NoError(t, err)
	return made.Version
}

// answers calls a function and returns the number that it answers with.
func (w *world) answers(ctx context.Context, who, called string) (n int, err error) {
	result, err := w.owner().WithToken(w.tokens[who]).Invoke(ctx, called, nil)
	if err == nil {
		err = json.Unmarshal(result, &n)
	}
	return n, err
}

func TestAliases_OverHTTP(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	o := w.owner()
	first := w.numbered(t, "f", 1)
	_, err := w.answers(t.Context(), "li", "f")
	require.Equal(t, yunduo.ReasonFunctionNotFound, yunduo.ReasonOf(err))
	_, err = o.Release(t.Context(), wire.ReleaseRequest{Functions: map[string]int64{"f": first}})
	require.NoError(t, err)
	second := w.numbered(t, "f", 2)
	f, err := o.SetAlias(t.Context(), "f", "beta", wire.Destination{Version: second})
	require.NoError(t, err)
	require.Equal(t, map[string]wire.Destination{"beta": {Version: second}}, f.Aliases)
	w.deployMain(t, "caller", `return (await require('wx-server-sdk').callFunction({ name: event.name })).result`)
	for called, want := range map[string]int{"f": 1, "f:live": 1, "f:beta": 2} {
		n, err := w.answers(t.Context(), "li", called)
		require.NoError(t, err)
		require.Equal(t, want, n, called)
		result, err := o.WithToken(w.tokens["li"]).Invoke(t.Context(), "caller", json.RawMessage(`{"name":"`+called+`"}`))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(want), string(result), "by a function")
		r := w.check(t, exchange{path: "/v1/apps/{app}/functions/" + strings.ReplaceAll(called, ":", "%3A"), as: "li", body: "{}"})
		require.Equal(t, fmt.Sprint(want), r.body)
	}
	w.run(t, []exchange{
		{name: "an alias that is not there", path: "/v1/apps/{app}/functions/f:gamma", as: "li", body: "{}", status: 404, reason: yunduo.ReasonAliasNotFound},
		{name: "a version by its number", path: "/v1/apps/{app}/functions/f:1", as: "li", body: "{}", status: 403, reason: yunduo.ReasonPermissionDenied},
		{name: "by the owner", path: "/v1/apps/{app}/functions/f:1", as: "owner", body: "{}", want: []string{"1"}},
	})
	for _, path := range []string{"/functions/f/promote", "/functions/f/canary", "/functions/f/diff", "/releases", "/releases/rollback", "/releases/diff"} {
		w.check(t, exchange{name: path, path: "/v1/manage/apps/{app}" + path, as: "li", body: "{}", status: http.StatusForbidden, reason: yunduo.ReasonPermissionDenied})
	}
	w.check(t, exchange{method: "PUT", path: "/v1/manage/apps/{app}/functions/f/aliases/beta", as: "li", body: `{"version":1}`, status: http.StatusForbidden, reason: yunduo.ReasonPermissionDenied})

	f, err = o.StartCanary(t.Context(), "f", wire.CanaryRequest{Version: second, Steps: []float64{50, 100}})
	require.NoError(t, err)
	require.Equal(t, "running", f.Canary.State)
	require.Equal(t, wire.Destination{Version: first, Next: second, Percent: 50}, f.Live)
	f, err = o.StopCanary(t.Context(), "f")
	require.NoError(t, err)
	require.Equal(t, "stopped", f.Canary.State)
	f, err = o.Promote(t.Context(), "f", second)
	require.NoError(t, err)
	require.Equal(t, second, f.Version)
	d, err := o.Diff(t.Context(), "f", 0, 0)
	require.NoError(t, err)
	require.Contains(t, d.Files[0].Patch, "+exports.main = async () => 2")
	require.NoError(t, o.DeleteAlias(t.Context(), "f", "beta"))
	_, err = w.answers(t.Context(), "li", "f:beta")
	require.Equal(t, yunduo.ReasonAliasNotFound, yunduo.ReasonOf(err))
}

// Versions and releases change under callers: every call is answered, by a version that was live while it ran.
func TestReleases_NoCallIsLost(t *testing.T) {
	w := shared.open(t)
	o := w.owner()
	callers, switches := 4, 12
	if testing.Short() {
		switches = 6
	}
	release := func(n int) {
		request := wire.ReleaseRequest{Functions: map[string]int64{}}
		for _, name := range []string{"a", "b"} {
			request.Functions[name] = w.numbered(t, name, n)
		}
		_, err := o.Release(t.Context(), request)
		require.NoError(t, err)
	}
	release(1)
	var settled, begun atomic.Int64 // the oldest and the newest number that may answer
	settled.Store(1)
	begun.Store(1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calls atomic.Int64
	var group sync.WaitGroup
	for n := range callers { // before the first call: a sign-in is noted in a map that callers read
		w.user(t, fmt.Sprint("caller", n))
	}
	for n := range callers {
		who := fmt.Sprint("caller", n)
		group.Go(func() {
			for ctx.Err() == nil {
				for _, name := range []string{"a", "b"} {
					oldest := settled.Load()
					got, err := w.answers(context.WithoutCancel(ctx), who, name)
					if newest := begun.Load(); err != nil || int64(got) < oldest || int64(got) > newest {
						t.Errorf("%s answers %d, which is not between %d and %d: %v", name, got, oldest, newest, err)
						return
					}
					calls.Add(1)
				}
			}
		})
	}
	for n := 2; n <= switches+1 && !t.Failed(); n++ {
		begun.Store(int64(n))
		switch n % 3 {
		case 0: // one function after the other
			for _, name := range []string{"a", "b"} {
				version := w.numbered(t, name, n)
				_, err := o.SetAlias(t.Context(), name, "live", wire.Destination{Version: version - 1, Next: version, Percent: 50})
				require.NoError(t, err)
				_, err = o.Promote(t.Context(), name, 0)
				require.NoError(t, err)
			}
		default:
			release(n)
		}
		settled.Store(int64(n))
		for at := calls.Load() + int64(2*callers); calls.Load() < at && !t.Failed(); {
			_, err := o.Functions(t.Context())
			require.NoError(t, err)
		}
	}
	cancel()
	group.Wait()
	require.GreaterOrEqual(t, calls.Load(), int64(2*switches*callers))
	t.Logf("%d calls", calls.Load())

	// And back, with all that there was.
	begun.Store(int64(switches + 1))
	list, err := o.Releases(t.Context())
	require.NoError(t, err)
	_, err = o.RollbackRelease(t.Context(), wire.RollbackReleaseRequest{Number: 1})
	require.NoError(t, err)
	for _, name := range []string{"a", "b"} {
		got, err := w.answers(t.Context(), "caller0", name)
		require.NoError(t, err)
		require.Equal(t, 1, got)
	}
	require.Greater(t, len(list), switches/2)
}
