package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/wire"
)

// TestNodes_Releases moves the calls of functions on either of two nodes, over the MongoDB engine, while both are called.
// Each switches all functions in one moment, so nobody gets an older function after a newer one, and no call fails.
func TestNodes_Releases(t *testing.T) {
	here, there := nodes(t)
	worlds := []*world{here, there}
	o := here.owner()
	release := func(w *world, n int) {
		request := wire.ReleaseRequest{Functions: map[string]int64{}}
		for _, name := range []string{"a", "b"} {
			request.Functions[name] = w.numbered(t, name, n)
		}
		_, err := w.owner().Release(t.Context(), request)
		require.NoError(t, err)
	}
	release(here, 1)
	failing := startFailingCanary(t, here, there)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var lowest [2]atomic.Int64 // that a caller got last
	for n := range lowest {
		here.user(t, fmt.Sprint("caller", n)) // both nodes know who signed in at one
	}
	var group sync.WaitGroup
	for n := range lowest {
		w, who := worlds[n%2], fmt.Sprint("caller", n)
		group.Go(func() {
			for ctx.Err() == nil {
				for _, name := range []string{"a", "b"} {
					got, err := w.answers(context.WithoutCancel(ctx), who, name)
					if before := lowest[n].Load(); err != nil || int64(got) < before {
						t.Errorf("caller %d: %s answers %d after %d: %v", n, name, got, before, err)
						return
					}
					lowest[n].Store(int64(got))
				}
			}
		})
	}
	for n := 2; n <= 4 && !t.Failed(); n++ {
		w := worlds[n%2]
		release(w, n)
		got, err := w.answers(t.Context(), "li", "b")
		require.NoError(t, err)
		require.Equal(t, n, got, "live at once where it was released")
		seen(t, fmt.Sprint("release ", n), func() bool {
			for i := range lowest {
				if lowest[i].Load() < int64(n) && !t.Failed() {
					return false
				}
			}
			return true
		})
	}
	cancel()
	group.Wait()
	failing()

	answers := func(w *world, called string, want int) func() bool {
		return func() bool {
			got, err := w.answers(t.Context(), "li", called)
			return err == nil && got == want
		}
	}
	_, err := there.owner().RollbackRelease(t.Context(), wire.RollbackReleaseRequest{Number: 3})
	require.NoError(t, err)
	for _, name := range []string{"a", "b"} {
		require.True(t, answers(there, name, 3)())
		seen(t, "a release of before", answers(here, name, 3))
	}
	f, err := o.SetAlias(t.Context(), "a", "beta", wire.Destination{Version: 2})
	require.NoError(t, err)
	require.Equal(t, map[string]wire.Destination{"beta": {Version: 2}}, f.Aliases)
	seen(t, "an alias", answers(there, "a:beta", 2))
	_, err = there.owner().Promote(t.Context(), "a", 4)
	require.NoError(t, err)
	seen(t, "a promotion", answers(here, "a", 4))
	_, err = o.Rollback(t.Context(), "a", 0)
	require.NoError(t, err)
	seen(t, "a version of before", answers(there, "a", 3))

	// A user gets the same version on both nodes.
	_, err = there.owner().SetAlias(t.Context(), "a", "live", wire.Destination{Version: 3, Next: 4, Percent: 50})
	require.NoError(t, err)
	seen(t, "a split", func() bool {
		f, err := here.owner().Function(t.Context(), "a")
		require.NoError(t, err)
		return f.Live.Next == 4
	})
	for n := range lowest {
		who := fmt.Sprint("caller", n)
		seen(t, who+" in one version", func() bool {
			one, err := here.answers(t.Context(), who, "a")
			require.NoError(t, err)
			two, err := there.answers(t.Context(), who, "a")
			require.NoError(t, err)
			return one == two
		})
	}
}

// startFailingCanary gives a version that fails all calls. It is called at both nodes, too little for either to decide
// by what it saw itself. What is returned waits until both have taken the calls back.
func startFailingCanary(t *testing.T, here, there *world) func() {
	t.Helper()
	here.deployMain(t, "c", "return 1")
	bad, err := here.owner().Deploy(t.Context(), wire.DeployRequest{
		Name: "c", Prepare: true, Files: []wire.DeployFile{{Path: "index.js", Content: []byte("exports.main = async () => { throw new Error('bad') }")}},
	})
	require.NoError(t, err)
	_, err = there.owner().StartCanary(t.Context(), "c", wire.CanaryRequest{Version: bad.Version, Steps: []float64{100}, EverySeconds: 3600, MinCalls: 6})
	require.NoError(t, err)
	failed := func(w *world) bool {
		return w.reason(t, "li", "POST", w.path("functions/c"), json.RawMessage("{}")) == "function_error"
	}
	seen(t, "a canary", func() bool { return failed(here) })
	for n := range 3 {
		require.True(t, failed(there), n)
		require.True(t, n == 0 || failed(here), n)
	}
	return func() {
		for _, w := range []*world{here, there} {
			seen(t, "the end of a canary", func() bool {
				f, err := w.owner().Function(t.Context(), "c")
				require.NoError(t, err)
				if f.Canary.State == "running" {
					return false
				}
				require.Equal(t, "rolled_back", f.Canary.State)
				require.EqualValues(t, 6, f.Canary.New.Calls, "of both nodes")
				return !failed(w)
			})
		}
	}
}
