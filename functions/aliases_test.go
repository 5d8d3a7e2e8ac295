package functions_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
)

// prepare makes a version that gets no calls.
func (h *house) prepare(t testing.TB, name, code string) int64 {
	t.Helper()
	v, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: name, Source: source("index.js", code), Prepare: true})
	require.NoError(t, err)
	return v.Number
}

// calm is a house whose functions do nothing, with versions of f; what matters is which version is called.
func calm(t testing.TB, versions int) *house {
	t.Helper()
	h := openWith(t, t.TempDir(), functions.Options{}, still{})
	for n := range versions {
		_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", returning(strconv.Itoa(n))), KeepBroken: true})
		require.NoError(t, err)
	}
	return h
}

func person(n int) yunduo.Caller {
	return yunduo.Caller{App: app, Role: yunduo.RoleUser, UserID: fmt.Sprintf("user-%d", n), OpenID: fmt.Sprintf("openid-%d", n)}
}

// reaches returns which version a caller gets.
func (h *house) reaches(t testing.TB, caller yunduo.Caller, called string) int64 {
	t.Helper()
	result, err := h.Invoke(t.Context(), caller, app, called, nil, functions.InvokeOptions{})
	require.NoError(t, err)
	return result.Version
}

func (h *house) split(t testing.TB, alias string, d functions.Destination) {
	t.Helper()
	_, err := h.SetAlias(t.Context(), owner, app, "f", alias, d)
	require.NoError(t, err)
}

func TestAlias_LeadsToVersion(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir, functions.Options{})
	h.deploy(t, "f", returning("one"))
	require.EqualValues(t, 2, h.prepare(t, "f", returning("two")))
	require.Equal(t, `"one"`, h.call(t, "f"), "a prepared version gets no calls")
	_, err := h.Invoke(t.Context(), user, app, "f:beta", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonAliasNotFound, err, "beta")
	h.split(t, "beta", functions.Destination{Version: 2})
	require.Equal(t, `"two"`, h.call(t, "f:beta"))
	require.Equal(t, `"one"`, h.call(t, "f"))
	require.Equal(t, `"one"`, h.call(t, "f:live"))

	require.EqualValues(t, 2, h.reaches(t, owner, "f:2"))
	_, err = h.Invoke(t.Context(), user, app, "f:2", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonPermissionDenied, err, "number")
	_, err = h.Invoke(t.Context(), owner, app, "f:9", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonVersionNotFound, err)
	require.NoError(t, h.SetRules(t.Context(), owner, app, `{"f": {"invoke": false}}`))
	_, err = h.Invoke(t.Context(), user, app, "f:beta", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonFunctionDenied, err)
	require.NoError(t, h.SetRules(t.Context(), owner, app, `{"*": {"invoke": true}}`))

	h.close()
	h = open(t, dir, functions.Options{})
	require.Equal(t, `"two"`, h.call(t, "f:beta"), "after a restart")
	accepted, err := h.Start(t.Context(), user, app, "f:beta", nil, "")
	require.NoError(t, err)
	eventually(t, "the invocation runs", func() bool {
		now, err := h.Started(t.Context(), user, app, accepted.ID)
		return err == nil && string(now.Result) == `"two"`
	})
	f, err := h.DeleteAlias(t.Context(), owner, app, "f", "beta")
	require.NoError(t, err)
	require.Empty(t, f.Aliases)
	_, err = h.Invoke(t.Context(), user, app, "f:beta", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonAliasNotFound, err)
	_, err = h.DeleteAlias(t.Context(), owner, app, "f", "beta")
	refused(t, yunduo.ReasonAliasNotFound, err)
}

func TestAlias_Refused(t *testing.T) {
	h := calm(t, 2)
	for name, d := range map[string]functions.Destination{
		"no version": {}, "itself": {Version: 1, Next: 1}, "a share of nothing": {Version: 1, Percent: 5}, "more than all": {Version: 1, Next: 2, Percent: 101}, "less than none": {Version: 1, Next: 2, Percent: -1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.SetAlias(t.Context(), owner, app, "f", "beta", d)
			refused(t, yunduo.ReasonInvalidRequest, err)
		})
	}
	for alias, reason := range map[string]yunduo.Reason{"": yunduo.ReasonInvalidRequest, "3": yunduo.ReasonInvalidRequest, "Beta": yunduo.ReasonInvalidRequest, "a:b": yunduo.ReasonInvalidRequest, "ok": ""} {
		_, err := h.SetAlias(t.Context(), owner, app, "f", alias, functions.Destination{Version: 1})
		require.Equal(t, reason, yunduo.ReasonOf(err), alias)
	}
	_, err := h.SetAlias(t.Context(), owner, app, "f", "beta", functions.Destination{Version: 3})
	refused(t, yunduo.ReasonVersionNotFound, err)
	_, err = h.SetAlias(t.Context(), owner, app, "g", "beta", functions.Destination{Version: 1})
	refused(t, yunduo.ReasonFunctionNotFound, err)
	_, err = h.DeleteAlias(t.Context(), owner, app, "f", "live")
	refused(t, yunduo.ReasonInvalidRequest, err)
	for name, caller := range map[string]yunduo.Caller{"nobody": {}, "a user": user, "code": {App: app, Role: yunduo.RoleFunction}, "another owner": {App: "other", Role: yunduo.RoleOwner}} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			_, set := h.SetAlias(ctx, caller, app, "f", "beta", functions.Destination{Version: 1})
			_, remove := h.DeleteAlias(ctx, caller, app, "f", "ok")
			_, promote := h.Promote(ctx, caller, app, "f", 1)
			_, diff := h.Diff(ctx, caller, app, "f", 1, 2)
			for _, err := range []error{set, remove, promote, diff} {
				refused(t, yunduo.ReasonPermissionDenied, err)
			}
		})
	}
	require.EqualValues(t, 2, h.reaches(t, user, "f"))
	require.EqualValues(t, 1, h.reaches(t, user, "f:ok"))
}

func TestTraffic_StaysWithTheUser(t *testing.T) {
	h := calm(t, 2)
	const people = 2000
	var on [people]int64
	share := func() (count int) {
		for n := range people {
			now := h.reaches(t, person(n), "f")
			require.Equal(t, now, h.reaches(t, person(n), "f"), "the same user gets the same version")
			if on[n] == 2 {
				require.EqualValues(t, 2, now, "who has the new version keeps it while its share grows")
			}
			if on[n] = now; now == 2 {
				count++
			}
		}
		return count
	}
	for _, percent := range []float64{0, 5, 30, 100} {
		h.split(t, "live", functions.Destination{Version: 1, Next: 2, Percent: percent})
		require.InDelta(t, people*percent/100, share(), people*0.03, "%v percent", percent)
	}

	h.split(t, "live", functions.Destination{Version: 1, Next: 2, Percent: 50})
	for name, caller := range map[string]yunduo.Caller{
		"openid": {App: app, Role: yunduo.RoleUser, OpenID: "o-7"}, "session": {App: app, Role: yunduo.RoleAnonymous, SessionID: "s-7"}, "address": {App: app, Role: yunduo.RoleAnonymous, ClientIP: "192.0.2.7"},
	} {
		first := h.reaches(t, caller, "f")
		for range 20 {
			require.Equal(t, first, h.reaches(t, caller, "f"), name)
		}
	}
	seen := map[int64]bool{}
	for range 200 {
		seen[h.reaches(t, owner, "f")] = true
	}
	require.Len(t, seen, 2, "calls on nobody's behalf are shared call by call")
}

func TestPromoteAndRollback(t *testing.T) {
	h := calm(t, 3)
	live := func(want, next int64) {
		t.Helper()
		f, err := h.Get(t.Context(), owner, app, "f")
		require.NoError(t, err)
		require.Equal(t, []int64{want, next}, []int64{f.Live.Version, f.Live.Next})
		require.Equal(t, want, f.Version.Number)
	}
	_, err := h.Promote(t.Context(), owner, app, "f", 0)
	refused(t, yunduo.ReasonVersionNotFound, err)
	h.split(t, "live", functions.Destination{Version: 1, Next: 3, Percent: 20})
	live(1, 3)
	_, err = h.Rollback(t.Context(), owner, app, "f", 0)
	require.NoError(t, err)
	live(1, 0) // the other one has lost its share
	h.split(t, "live", functions.Destination{Version: 1, Next: 3, Percent: 20})
	_, err = h.Promote(t.Context(), owner, app, "f", 0)
	require.NoError(t, err)
	live(3, 0)
	v, err := h.Rollback(t.Context(), owner, app, "f", 0)
	require.NoError(t, err)
	require.EqualValues(t, 1, v.Number, "the one that was live before, not the one numbered before")
	live(1, 0)
	require.EqualValues(t, 1, h.reaches(t, user, "f"))

	// A deployment takes all calls.
	h.split(t, "live", functions.Destination{Version: 1, Next: 3, Percent: 20})
	v, err = h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", returning("new")), KeepBroken: true})
	require.NoError(t, err)
	live(v.Number, 0)
}

func TestTraffic_OnAnotherNode(t *testing.T) {
	one, two := startTwo(t)
	for _, word := range []string{"a", "b"} {
		_, err := one.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", returning(word))})
		require.NoError(t, err)
	}
	reaches := func(s *functions.Service, called string) int64 {
		result, err := s.Invoke(t.Context(), user, app, called, nil, functions.InvokeOptions{})
		if err != nil {
			return 0
		}
		return result.Version
	}
	require.EqualValues(t, 2, reaches(two, "f"))
	_, err := one.SetAlias(t.Context(), owner, app, "f", "live", functions.Destination{Version: 2, Next: 1, Percent: 100})
	require.NoError(t, err)
	require.EqualValues(t, 1, reaches(one, "f"))
	eventually(t, "the other node shares the calls", func() bool { return reaches(two, "f") == 1 })
	_, err = one.SetAlias(t.Context(), owner, app, "f", "beta", functions.Destination{Version: 1})
	require.NoError(t, err)
	require.EqualValues(t, 1, reaches(two, "f:beta"))
	_, err = two.SetAlias(t.Context(), owner, app, "f", "beta", functions.Destination{Version: 2})
	require.NoError(t, err)
	_, err = one.DeleteAlias(t.Context(), owner, app, "f", "beta")
	require.NoError(t, err)
	eventually(t, "the alias is gone", func() bool { return reaches(two, "f:beta") == 0 })
	_, err = one.Rollback(t.Context(), owner, app, "f", 0)
	require.NoError(t, err)
	eventually(t, "the split ends", func() bool { return reaches(two, "f") == 2 })
}

// A split, or its absence, costs an invocation no memory.
func TestTraffic_Allocations(t *testing.T) {
	h := calm(t, 2)
	per := func() float64 {
		h.reaches(t, user, "f")
		return testing.AllocsPerRun(2000, func() {
			if _, err := h.Invoke(t.Context(), user, app, "f", nil, functions.InvokeOptions{}); err != nil {
				panic(err)
			}
		})
	}
	alone := per()
	h.split(t, "live", functions.Destination{Version: 1, Next: 2, Percent: 50})
	require.InDelta(t, alone, per(), 1) // log records in the background are counted, too
}

func TestDiff(t *testing.T) {
	h := openWith(t, t.TempDir(), functions.Options{}, still{})
	deploy := func(settings functions.Settings, files ...string) {
		_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source(files...), Settings: settings, KeepBroken: true})
		require.NoError(t, err)
	}
	deploy(functions.Settings{Env: map[string]string{"A": "1", "B": "1"}}, "index.js", "exports.main = () => 1\n// same\n", "old.txt", "old", "same.txt", "same")
	deploy(functions.Settings{Env: map[string]string{"A": "2", "B": "1"}, Timeout: 5e9}, "index.js", "exports.main = () => 2\n// same\n", "new.bin", "\x00\x01", "same.txt", "same")
	d, err := h.Diff(t.Context(), owner, app, "f", 0, 0)
	require.NoError(t, err)
	require.EqualValues(t, []int64{1, 2}, []int64{d.From, d.To})
	require.Equal(t, []functions.SettingDifference{{Name: "env.A", From: `"1"`, To: `"2"`}, {Name: "timeout", To: "5s"}}, d.Settings)
	require.Len(t, d.Files, 3)
	require.Equal(t, functions.FileDifference{Path: "index.js", Change: "changed", Added: 1, Removed: 1, Patch: "--- a/index.js\n+++ b/index.js\n@@ -1,2 +1,2 @@\n-exports.main = () => 1\n+exports.main = () => 2\n // same\n"}, d.Files[0])
	require.Equal(t, functions.FileDifference{Path: "new.bin", Change: "added"}, d.Files[1])
	require.Equal(t, "removed", d.Files[2].Change)
	require.Contains(t, d.Files[2].Patch, "-old\n\\ No newline at end of file\n")
	back, err := h.Diff(t.Context(), owner, app, "f", 2, 1)
	require.NoError(t, err)
	require.Len(t, back.Files, 3)
	same, err := h.Diff(t.Context(), owner, app, "f", 2, 2)
	require.NoError(t, err)
	require.Empty(t, same.Files)
	require.Empty(t, same.Settings)
	_, err = h.Diff(t.Context(), owner, app, "f", 1, 7)
	refused(t, yunduo.ReasonVersionNotFound, err)
}
