package releases_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
	"yunduo/releases"
	"yunduo/triggers"
)

func (h *house) release(t testing.TB, n int) releases.Release {
	t.Helper()
	request, err := h.stage(t.Context(), n)
	require.NoError(t, err)
	r, err := h.Create(t.Context(), owner, app, request)
	require.NoError(t, err)
	return r
}

func TestRelease_RollbackBringsAllBack(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	require.EqualValues(t, 1, h.release(t, 1).Number)
	first := h.state(t)
	require.Equal(t, map[string]int64{"a": 1, "b": 1}, first.Functions)
	require.Equal(t, []string{"a/t1", "b/t1"}, first.Triggers)
	require.Equal(t, []string{rulesOf(1), rulesOf(1)}, first.Rules)

	request, err := h.stage(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, first.Functions, h.state(t).Functions, "what is prepared changes nothing")
	if request.Functions["c"], err = h.version(t.Context(), "c", 2); err != nil {
		require.NoError(t, err)
	}
	_, err = h.functions.Invoke(t.Context(), user, app, "c", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonFunctionNotFound, err)
	request.Note = "the second"
	r, err := h.Create(t.Context(), owner, app, request)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"a": 2, "b": 2, "c": 1}, r.Functions)
	second := h.state(t)
	require.NotEqual(t, first, second)
	h.release(t, 3)

	d, err := h.Diff(t.Context(), owner, app, 1, 2)
	require.NoError(t, err)
	kinds := map[string]int{}
	for _, c := range d.Changes {
		kinds[c.Kind]++
		if c.Kind == releases.KindFunction && c.Name == "a" {
			require.Equal(t, []string{"1", "2"}, []string{c.From, c.To})
		}
	}
	require.Equal(t, map[string]int{"function": 3, "trigger": 4, "rules": 2, "index": 1, "fileRules": 1, "functionRules": 1, "routes": 1}, kinds)

	require.NoError(t, h.close())
	h = open(t, dir)
	r, err = h.Rollback(t.Context(), owner, app, 0, false)
	require.NoError(t, err)
	require.Equal(t, []int64{4, 2}, []int64{r.Number, r.Restores})
	require.Equal(t, second, h.state(t))
	r, err = h.Rollback(t.Context(), owner, app, 0, false)
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Restores, "the next rollback goes one further")
	require.Equal(t, first, h.state(t), "c is gone, as it was not there")
	_, err = h.functions.Invoke(t.Context(), user, app, "c", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonFunctionNotFound, err)
	_, err = h.Rollback(t.Context(), owner, app, 0, false)
	refused(t, yunduo.ReasonReleaseNotFound, err)

	indexes := func() (names []string) {
		list, err := h.db.As(owner).Indexes(t.Context(), "notes")
		require.NoError(t, err)
		for _, i := range list {
			names = append(names, i.Name)
		}
		return names
	}
	require.Equal(t, []string{"n1", "n2", "n3"}, indexes(), "a rollback drops no index")
	_, err = h.Rollback(t.Context(), owner, app, 2, true)
	require.NoError(t, err)
	require.Equal(t, []string{"n1", "n2"}, indexes(), "unless asked to")
	require.Equal(t, second, h.state(t), "and forward again")
	_, err = h.functions.Invoke(t.Context(), user, app, "c", nil, functions.InvokeOptions{})
	require.NoError(t, err)

	list, err := h.List(t.Context(), owner, app)
	require.NoError(t, err)
	require.Len(t, list, 6)
	require.True(t, list[0].Live)
	require.False(t, list[1].Live)
	require.Equal(t, "the second", list[4].Note)
}

func TestRelease_FailureChangesNothing(t *testing.T) {
	h := open(t, t.TempDir())
	h.release(t, 1)
	before := h.state(t)
	for name, test := range map[string]struct {
		spoil  func(*releases.Request)
		reason yunduo.Reason
	}{
		"a missing version":     {func(r *releases.Request) { r.Functions["b"] = 99 }, yunduo.ReasonVersionNotFound},
		"no version":            {func(r *releases.Request) { r.Functions["b"] = 0 }, yunduo.ReasonInvalidRequest},
		"wrong rules":           {func(r *releases.Request) { r.Rules["tags"] = `{"read":"doc.n =="}` }, yunduo.ReasonInvalidRules},
		"wrong rules of files":  {func(r *releases.Request) { r.Texts[releases.FileRules] = "everything" }, yunduo.ReasonInvalidRules},
		"wrong function rules":  {func(r *releases.Request) { r.Texts[releases.FunctionRules] = "{" }, yunduo.ReasonInvalidRules},
		"wrong routes":          {func(r *releases.Request) { r.Texts[releases.Routes] = `{"x":{}}` }, yunduo.ReasonInvalidConfig},
		"a text of no kind":     {func(r *releases.Request) { r.Texts["else"] = "" }, yunduo.ReasonInvalidRequest},
		"a wrong schedule":      {func(r *releases.Request) { r.Triggers["b"][0].Schedule = "often" }, yunduo.ReasonInvalidSchedule},
		"a wrong index":         {func(r *releases.Request) { r.Indexes[0].Fields = nil }, yunduo.ReasonInvalidIndex},
		"a reserved collection": {func(r *releases.Request) { r.Rules["_collections"] = "private" }, yunduo.ReasonInvalidCollectionName},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := h.stage(t.Context(), 2)
			require.NoError(t, err)
			test.spoil(&request)
			_, err = h.Create(t.Context(), owner, app, request)
			refused(t, test.reason, err)
			require.Equal(t, before, h.state(t))
			result, err := h.functions.Invoke(t.Context(), user, app, "b", nil, functions.InvokeOptions{})
			require.NoError(t, err)
			require.EqualValues(t, 1, result.Version)
		})
	}
	require.EqualValues(t, 2, h.release(t, 2).Number)
}

func TestRelease_OthersRefused(t *testing.T) {
	h := open(t, t.TempDir())
	h.release(t, 1)
	for name, caller := range map[string]yunduo.Caller{"nobody": {}, "a user": user, "code": {App: app, Role: yunduo.RoleFunction}, "another owner": {App: "other", Role: yunduo.RoleOwner}} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			_, create := h.Create(ctx, caller, app, releases.Request{})
			_, list := h.List(ctx, caller, app)
			_, back := h.Rollback(ctx, caller, app, 1, false)
			_, diff := h.Diff(ctx, caller, app, 1, 1)
			for _, err := range []error{create, list, back, diff, h.DropApp(ctx, caller, app)} {
				refused(t, yunduo.ReasonPermissionDenied, err)
			}
		})
	}
	list, err := h.List(t.Context(), owner, app)
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// A release keeps what it does not name, and the versions that it has although newer ones push them out.
func TestRelease_Keeps(t *testing.T) {
	h := open(t, t.TempDir())
	h.release(t, 1)
	number, err := h.version(t.Context(), "b", 2)
	require.NoError(t, err)
	r, err := h.Create(t.Context(), owner, app, releases.Request{Functions: map[string]int64{"b": number}, Triggers: map[string][]triggers.Definition{"b": {}}})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"a": 1, "b": 2}, r.Functions)
	require.Equal(t, 1, r.Triggers)
	s := h.state(t)
	require.Equal(t, []string{rulesOf(1), rulesOf(1)}, s.Rules)
	require.Equal(t, []string{"a/t1"}, s.Triggers)
	for n := range 6 { // two are kept
		_, err := h.version(t.Context(), "b", 10+n)
		require.NoError(t, err)
	}
	_, err = h.Rollback(t.Context(), owner, app, 1, false)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"a": 1, "b": 1}, h.state(t).Functions)

	require.NoError(t, h.db.As(owner).DropCollection(t.Context(), "tags"))
	r, err = h.Rollback(t.Context(), owner, app, 2, false)
	require.NoError(t, err)
	require.Len(t, r.Warnings, 1)
	require.Contains(t, r.Warnings[0], "tags")
	require.NoError(t, h.functions.Delete(t.Context(), owner, app, "a"))
	_, err = h.Rollback(t.Context(), owner, app, 1, false)
	refused(t, yunduo.ReasonVersionNotFound, err)
	require.NoError(t, h.DropApp(t.Context(), owner, app))
	list, err := h.List(t.Context(), owner, app)
	require.NoError(t, err)
	require.Empty(t, list)
}

// No call is lost and nobody sees a part of a release: whoever was answered by the new version of one function is never
// answered by the old one of another afterwards.
func TestRelease_OneMoment(t *testing.T) {
	h := open(t, t.TempDir())
	h.release(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calls atomic.Int64
	var group sync.WaitGroup
	for n := range 4 {
		caller := user
		caller.UserID = string(rune('a' + n))
		group.Go(func() {
			seen := int64(1)
			for ctx.Err() == nil {
				for _, name := range []string{"a", "b"} {
					result, err := h.functions.Invoke(context.WithoutCancel(ctx), caller, app, name, nil, functions.InvokeOptions{})
					if err != nil || result.Version < seen {
						t.Errorf("%s answers by version %d after %d: %v", name, result.Version, seen, err)
						return
					}
					seen = result.Version
					calls.Add(1)
				}
			}
		})
	}
	for n := 2; n <= 20; n++ {
		require.EqualValues(t, n, h.release(t, n).Number)
		for at := calls.Load() + 50; calls.Load() < at && !t.Failed(); {
			_, err := h.db.As(owner).Rules(t.Context(), "notes") // whatever lets the others run
			require.NoError(t, err)
		}
	}
	cancel()
	group.Wait()
}

// Rules that a release has set can be set by hand right after, and hold for who reads them.
func TestRelease_RulesThenByHand(t *testing.T) {
	h := open(t, t.TempDir())
	h.release(t, 1)
	require.NoError(t, h.db.As(owner).SetRules(t.Context(), "notes", "readonly"))
	text, err := h.db.As(owner).Rules(t.Context(), "notes")
	require.NoError(t, err)
	require.Equal(t, "readonly", text)
	require.NoError(t, h.db.FinishSwitches(t.Context()))
	text, err = h.db.As(owner).Rules(t.Context(), "notes")
	require.NoError(t, err)
	require.Equal(t, "readonly", text)
}
