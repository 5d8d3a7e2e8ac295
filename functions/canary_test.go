package functions_test

import (
	"context"
	"encoding/json"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
	"yunduo/functions/runtime"
)

// moody is a runtime in which every call of the versions that are named fails.
type moody struct {
	runtime.Runtime
	failing string
}

func (m moody) Load(_ context.Context, b runtime.Bundle) (runtime.Program, error) {
	return moodyProgram{fails: b.Version == m.failing}, nil
}

type moodyProgram struct {
	stillProgram
	fails bool
}

func (p moodyProgram) Invoke(context.Context, *runtime.Invocation) (runtime.Result, error) {
	if p.fails {
		return runtime.Result{}, yunduo.Errorf(yunduo.ReasonFunctionError, "no")
	}
	return runtime.Result{JSON: json.RawMessage("null")}, nil
}
func (moodyProgram) Open(context.Context, *runtime.Invocation, func(runtime.Result, error)) net.Conn {
	return nil
}

// aviary is a house with two versions of f, of which the first is live, and a clock that can be put forward.
type aviary struct {
	*house
	ahead *atomic.Int64
}

func (a *aviary) options() functions.Options {
	return functions.Options{Now: func() time.Time { return time.Now().Add(time.Duration(a.ahead.Load())) }}
}

func openAviary(t testing.TB, failing string) *aviary {
	t.Helper()
	a := &aviary{ahead: &atomic.Int64{}}
	a.house = openWith(t, t.TempDir(), a.options(), moody{failing: failing})
	for n, word := range []string{"old", "new"} {
		_, err := a.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", returning(word)), KeepBroken: true, Prepare: n > 0})
		require.NoError(t, err)
	}
	return a
}

func (a *aviary) begin(t testing.TB, plan functions.CanaryPlan) {
	t.Helper()
	plan.Version = 2
	f, err := a.StartCanary(t.Context(), owner, app, "f", plan)
	require.NoError(t, err)
	require.Equal(t, functions.CanaryRunning, f.Canary.State)
}

// calls lets people call, each once, and returns how many got the new version.
func (a *aviary) calls(t testing.TB, people int) (count int) {
	t.Helper()
	for n := range people {
		result, _ := a.Invoke(t.Context(), person(n), app, "f", nil, functions.InvokeOptions{})
		if result.Version == 2 {
			count++
		}
	}
	return count
}

// look lets the server decide after a while and returns the function.
func (a *aviary) look(t testing.TB, after time.Duration) functions.Function {
	t.Helper()
	a.ahead.Add(int64(after))
	require.NoError(t, a.LookAtCanaries(t.Context()))
	f, err := a.Get(t.Context(), owner, app, "f")
	require.NoError(t, err)
	return f
}

func TestCanary_Promoted(t *testing.T) {
	a := openAviary(t, "none")
	a.begin(t, functions.CanaryPlan{MinCalls: 20})
	for step, percent := range []float64{5, 25, 50, 100} {
		f := a.look(t, time.Minute)
		require.Equal(t, functions.Destination{Version: 1, Next: 2, Percent: percent}, f.Live)
		require.Equal(t, []any{step, percent}, []any{f.Canary.Step, f.Canary.Percent})
		got := a.calls(t, 1000)
		require.InDelta(t, 10*percent, got, 50)
		f = a.look(t, time.Minute)
		require.Equal(t, step, f.Canary.Step, "not before its time")
		require.EqualValues(t, got, f.Canary.New.Calls)
		require.EqualValues(t, 1000-got, f.Canary.Stable.Calls)
		f = a.look(t, 4*time.Minute)
		if percent < 100 {
			require.Equal(t, step+1, f.Canary.Step)
			continue
		}
		require.Equal(t, functions.CanaryPromoted, f.Canary.State)
		require.Equal(t, functions.Destination{Version: 2}, f.Live)
		require.False(t, f.Canary.EndedAt.IsZero())
	}
	require.Equal(t, 100, a.calls(t, 100))
	v, err := a.Rollback(t.Context(), owner, app, "f", 0)
	require.NoError(t, err)
	require.EqualValues(t, 1, v.Number, "back to what was live before the canary")
}

func TestCanary_RolledBackForErrors(t *testing.T) {
	a := openAviary(t, "2")
	a.begin(t, functions.CanaryPlan{MinCalls: 20, Steps: []float64{10}})
	require.Greater(t, a.calls(t, 1000), 20)
	f := a.look(t, 0)
	require.Equal(t, functions.CanaryRolledBack, f.Canary.State, "as soon as there are calls enough")
	require.Contains(t, f.Canary.Message, "100 % of")
	require.Contains(t, f.Canary.Message, "2 % may")
	require.Equal(t, functions.Destination{Version: 1}, f.Live)
	require.Zero(t, a.calls(t, 1000))
	require.EqualValues(t, f.Canary.New.Calls, f.Canary.New.Errors)
	a.begin(t, functions.CanaryPlan{MinCalls: 20}) // another try is allowed
}

// What the stable version does no better is not the new one's fault.
func TestCanary_ComparedWithTheStableVersion(t *testing.T) {
	for name, test := range map[string]struct {
		stableFails, newFails int // of 100
		stableTook, newTook   time.Duration
		maxP99                time.Duration
		state                 functions.CanaryState
		message               string
	}{
		"both fail":             {10, 8, time.Millisecond, time.Millisecond, 0, functions.CanaryRunning, ""},
		"it fails more":         {3, 8, time.Millisecond, time.Millisecond, 0, functions.CanaryRolledBack, "8 % of 100 calls failed"},
		"within the limit":      {0, 2, time.Millisecond, time.Millisecond, 0, functions.CanaryRunning, ""},
		"it is slow":            {0, 0, 10 * time.Millisecond, 900 * time.Millisecond, 500 * time.Millisecond, functions.CanaryRolledBack, "the limit"},
		"both are slow":         {0, 0, 900 * time.Millisecond, 900 * time.Millisecond, 500 * time.Millisecond, functions.CanaryRunning, ""},
		"it is quick enough":    {0, 0, 10 * time.Millisecond, 300 * time.Millisecond, 500 * time.Millisecond, functions.CanaryRunning, ""},
		"slower without limit":  {0, 0, 100 * time.Millisecond, 400 * time.Millisecond, 0, functions.CanaryRolledBack, "99 of 100 calls"},
		"a little slower":       {0, 0, 100 * time.Millisecond, 120 * time.Millisecond, 0, functions.CanaryRunning, ""},
		"slower but negligible": {0, 0, time.Millisecond, 40 * time.Millisecond, 0, functions.CanaryRunning, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := openAviary(t, "none")
			a.begin(t, functions.CanaryPlan{MinCalls: 100, MaxP99: test.maxP99})
			for n := range 100 {
				require.True(t, a.Measure(app, "f", 1, test.stableTook, n < test.stableFails))
				require.True(t, a.Measure(app, "f", 2, test.newTook, n < test.newFails))
			}
			f := a.look(t, time.Second)
			require.Equal(t, test.state, f.Canary.State, f.Canary.Message)
			require.Contains(t, f.Canary.Message, test.message)
		})
	}
}

func TestCanary_TooFewCalls(t *testing.T) {
	a := openAviary(t, "2")
	a.begin(t, functions.CanaryPlan{Steps: []float64{50}})
	require.Less(t, a.calls(t, 60), 50)
	f := a.look(t, time.Hour)
	require.Equal(t, functions.CanaryRunning, f.Canary.State, "it waits for more")
	require.Zero(t, f.Canary.Step)
	f = a.look(t, 24*time.Hour)
	require.Equal(t, functions.CanaryRolledBack, f.Canary.State)
	require.Contains(t, f.Canary.Message, "too few calls")
	require.Equal(t, functions.Destination{Version: 1}, f.Live)
}

func TestCanary_AcrossARestart(t *testing.T) {
	a := openAviary(t, "none")
	a.begin(t, functions.CanaryPlan{MinCalls: 60, Steps: []float64{10, 50}})
	before := a.calls(t, 400)
	require.Less(t, before, 60)
	require.Zero(t, a.look(t, time.Minute).Canary.Step)
	dir := a.dir
	a.close()
	a.house = openWith(t, dir, a.options(), moody{failing: "none"})
	require.Equal(t, functions.CanaryRunning, a.look(t, 0).Canary.State)
	after := a.calls(t, 400)
	require.Equal(t, before, after, "the same users have the new version")
	f := a.look(t, time.Minute)
	require.EqualValues(t, before+after, f.Canary.New.Calls, "what was measured before counts")
	require.Equal(t, 1, a.look(t, 4*time.Minute).Canary.Step)

	// In the second step the version fails, and rolls back although nobody calls after the next restart.
	for range 60 {
		require.True(t, a.Measure(app, "f", 2, time.Millisecond, true))
	}
	require.NoError(t, a.Service.LookAtCanaries(t.Context()))
	a.close()
	a.house = openWith(t, dir, a.options(), moody{failing: "none"})
	require.Equal(t, functions.CanaryRolledBack, a.look(t, 0).Canary.State)
}

// Two servers share what they measure, and one of them decides.
func TestCanary_OnTwoNodes(t *testing.T) {
	one, two, ahead := startTwoAt(t)
	for n, word := range []string{"old", "new"} {
		_, err := one.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", returning(word)), KeepBroken: true, Prepare: n > 0})
		require.NoError(t, err)
	}
	nodes := []*functions.Service{one, two}
	for _, s := range nodes {
		_, err := s.Invoke(t.Context(), user, app, "f", nil, functions.InvokeOptions{})
		require.NoError(t, err)
	}
	_, err := one.StartCanary(t.Context(), owner, app, "f", functions.CanaryPlan{Version: 2, MinCalls: 100, Steps: []float64{50, 100}})
	require.NoError(t, err)
	eventually(t, "both measure", func() bool {
		return one.Measure(app, "f", 2, time.Millisecond, false) && two.Measure(app, "f", 2, time.Millisecond, false)
	})
	for range 60 {
		require.True(t, one.Measure(app, "f", 2, time.Millisecond, false))
		require.True(t, two.Measure(app, "f", 2, time.Millisecond, false))
	}
	require.NoError(t, one.LookAtCanaries(t.Context()))
	require.NoError(t, two.LookAtCanaries(t.Context()))
	ahead.Store(int64(6 * time.Minute))
	done := make(chan error, 8)
	for n := range 8 {
		go func() { done <- nodes[n%2].LookAtCanaries(context.WithoutCancel(t.Context())) }()
	}
	for range 8 {
		require.NoError(t, <-done)
	}
	f, err := two.Get(t.Context(), owner, app, "f")
	require.NoError(t, err)
	require.Equal(t, 1, f.Canary.Step, "one step, however many decide")
	require.Equal(t, 100.0, f.Live.Percent)
	eventually(t, "both give all calls to the new version", func() bool {
		for _, s := range nodes {
			result, err := s.Invoke(t.Context(), user, app, "f", nil, functions.InvokeOptions{})
			if err != nil || result.Version != 2 {
				return false
			}
		}
		return true
	})
}

func TestCanary_EndedByOthers(t *testing.T) {
	for name, end := range map[string]func(*aviary) error{
		"stopped":  func(a *aviary) error { _, err := a.StopCanary(context.Background(), owner, app, "f"); return err },
		"promoted": func(a *aviary) error { _, err := a.Promote(context.Background(), owner, app, "f", 0); return err },
		"rollback": func(a *aviary) error { _, err := a.Rollback(context.Background(), owner, app, "f", 0); return err },
		"by a share": func(a *aviary) error {
			_, err := a.SetAlias(context.Background(), owner, app, "f", "live", functions.Destination{Version: 1})
			return err
		},
		"deployed": func(a *aviary) error {
			_, err := a.Deploy(context.Background(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", returning("other")), KeepBroken: true})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := openAviary(t, "none")
			a.begin(t, functions.CanaryPlan{})
			require.NoError(t, end(a))
			f := a.look(t, time.Hour)
			require.Equal(t, functions.CanaryStopped, f.Canary.State)
			require.NotEmpty(t, f.Canary.Message)
			require.False(t, f.Canary.EndedAt.IsZero())
			require.Zero(t, f.Live.Next)
			require.False(t, a.Measure(app, "f", f.Version.Number, time.Second, true), "nothing is measured any more")
			_, err := a.StopCanary(t.Context(), owner, app, "f")
			refused(t, yunduo.ReasonInvalidRequest, err)
		})
	}
}

func TestCanary_Refused(t *testing.T) {
	a := openAviary(t, "none")
	negative := -1.0
	for name, plan := range map[string]functions.CanaryPlan{
		"no version": {}, "the live version": {Version: 1}, "steps down": {Version: 2, Steps: []float64{50, 25}}, "more than all": {Version: 2, Steps: []float64{101}}, "nothing": {Version: 2, Steps: []float64{0}},
		"too quick": {Version: 2, Every: time.Second}, "too slow": {Version: 2, Every: 1000 * time.Hour}, "negative errors": {Version: 2, MaxErrors: &negative}, "a negative limit": {Version: 2, MaxP99: -1}, "negative calls": {Version: 2, MinCalls: -1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := a.StartCanary(t.Context(), owner, app, "f", plan)
			refused(t, yunduo.ReasonInvalidRequest, err)
		})
	}
	_, err := a.StartCanary(t.Context(), owner, app, "f", functions.CanaryPlan{Version: 9})
	refused(t, yunduo.ReasonVersionNotFound, err)
	for name, caller := range map[string]yunduo.Caller{"nobody": {}, "a user": user, "code": {App: app, Role: yunduo.RoleFunction}, "another owner": {App: "other", Role: yunduo.RoleOwner}} {
		t.Run(name, func(t *testing.T) {
			_, err := a.StartCanary(t.Context(), caller, app, "f", functions.CanaryPlan{Version: 2})
			refused(t, yunduo.ReasonPermissionDenied, err)
			_, err = a.StopCanary(t.Context(), caller, app, "f")
			refused(t, yunduo.ReasonPermissionDenied, err)
		})
	}
	a.begin(t, functions.CanaryPlan{})
	_, err = a.StartCanary(t.Context(), owner, app, "f", functions.CanaryPlan{Version: 2})
	refused(t, yunduo.ReasonInvalidRequest, err, "running")
}
