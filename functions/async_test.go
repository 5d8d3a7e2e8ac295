package functions_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
)

// ended waits for the end of an accepted invocation.
func (h *house) ended(t testing.TB, caller yunduo.Caller, id string) functions.Accepted {
	t.Helper()
	var accepted functions.Accepted
	eventually(t, "the invocation ends", func() bool {
		var err error
		accepted, err = h.Started(t.Context(), caller, app, id)
		require.NoError(t, err)
		return !accepted.EndedAt.IsZero()
	})
	return accepted
}

func TestStart_RunsOnceForAKey(t *testing.T) {
	h := start(t)
	h.deploy(t, "count", `let calls = 0
		exports.main = async e => { if (e.fail) throw new Error('on purpose'); return { calls: ++calls, openid: require('wx-server-sdk').getWXContext().OPENID, event: e } }`)
	first, err := h.Start(t.Context(), user, app, "count", json.RawMessage(`{"n":1}`), "key")
	require.NoError(t, err)
	require.Equal(t, functions.StateAccepted, first.State)
	done := h.ended(t, user, first.ID)
	require.Equal(t, functions.StateDone, done.State)
	require.JSONEq(t, `{"calls":1,"openid":"o-li","event":{"n":1,"userInfo":{"openId":"o-li"}}}`, string(done.Result))

	again, err := h.Start(t.Context(), user, app, "count", json.RawMessage(`{"n":1}`), "key")
	require.NoError(t, err)
	require.Equal(t, done, again)
	_, err = h.Start(t.Context(), user, app, "count", json.RawMessage(`{"n":2}`), "key")
	refused(t, yunduo.ReasonInvalidRequest, err, "another event")
	other := yunduo.Caller{App: app, Role: yunduo.RoleUser, UserID: "u2", OpenID: "o-mei"}
	theirs, err := h.Start(t.Context(), other, app, "count", json.RawMessage(`{"n":1}`), "key")
	require.NoError(t, err)
	require.NotEqual(t, first.ID, theirs.ID, "keys are each caller's own")

	failing, err := h.Start(t.Context(), user, app, "count", json.RawMessage(`{"fail":true}`), "")
	require.NoError(t, err)
	failed := h.ended(t, owner, failing.ID)
	require.Equal(t, functions.StateFailed, failed.State)
	require.Equal(t, yunduo.ReasonFunctionError, failed.Failure.Reason)

	for _, stranger := range []yunduo.Caller{other, {App: "other", Role: yunduo.RoleOwner}, {App: app}} {
		_, err = h.Started(t.Context(), stranger, app, first.ID)
		refused(t, yunduo.ReasonInvocationNotFound, err)
	}
	_, err = h.Start(t.Context(), yunduo.Caller{}, app, "count", nil, "")
	refused(t, yunduo.ReasonPermissionDenied, err)
	_, err = h.Start(t.Context(), user, app, "none", nil, "")
	refused(t, yunduo.ReasonFunctionNotFound, err)
}

func TestStart_OutlivesTheServer(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir, functions.Options{})
	// The only slots are taken by invocations that wait to be stopped with their server.
	h.deploy(t, "f", `exports.main = async e => e.wait ? new Promise(() => {}) : 'ran'`)
	var waiting []string
	for range functions.AsyncAtOnce {
		a, err := h.Start(t.Context(), owner, app, "f", json.RawMessage(`{"wait":true}`), "")
		require.NoError(t, err)
		waiting = append(waiting, a.ID)
	}
	eventually(t, "all slots are taken", func() bool { return h.Running(app, "f") == functions.AsyncAtOnce })
	next, err := h.Start(t.Context(), owner, app, "f", nil, "")
	require.NoError(t, err)
	a, err := h.Started(t.Context(), owner, app, next.ID)
	require.NoError(t, err)
	require.Equal(t, functions.StateAccepted, a.State)
	now, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, h.Close(now), "what runs is stopped")
	h.close()

	h = open(t, dir, functions.Options{})
	require.Equal(t, `"ran"`, string(h.ended(t, owner, next.ID).Result))
	require.Equal(t, functions.StateFailed, h.ended(t, owner, waiting[0]).State, "what had begun is not run again")
}

func TestStart_WhatEndedWithItsServerIsLost(t *testing.T) {
	one, two, now := startTwoAt(t)
	_, err := one.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", "exports.main = () => new Promise(() => {})")})
	require.NoError(t, err)
	a, err := one.Start(t.Context(), owner, app, "f", nil, "")
	require.NoError(t, err)
	state := func() functions.State {
		a, err := two.Started(t.Context(), owner, app, a.ID)
		require.NoError(t, err)
		return a.State
	}
	eventually(t, "it runs", func() bool { return state() == functions.StateRunning })
	now.Add(int64(time.Hour))
	eventually(t, "nobody waits for it any more", func() bool { return state() == functions.StateLost })
}

func TestStartLater(t *testing.T) {
	one, two, now := startTwoAt(t)
	_, err := one.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", "exports.main = async e => e.n")})
	require.NoError(t, err)
	later, err := one.StartLater(t.Context(), owner, app, "f", json.RawMessage(`{"n":1}`), "key", time.Hour)
	require.NoError(t, err)
	require.Equal(t, later.AcceptedAt.Add(time.Hour), later.DueAt)
	again, err := two.StartLater(t.Context(), owner, app, "f", json.RawMessage(`{"n":1}`), "key", 2*time.Hour)
	require.NoError(t, err)
	require.Equal(t, later, again)
	// atOnce has run when every invocation that was due before it has begun.
	atOnce := func() {
		a, err := two.Start(t.Context(), owner, app, "f", json.RawMessage(`{"n":2}`), "")
		require.NoError(t, err)
		eventually(t, "one that does not wait ends", func() bool {
			a, err = two.Started(t.Context(), owner, app, a.ID)
			require.NoError(t, err)
			return a.State == functions.StateDone
		})
	}
	atOnce()
	waiting, err := one.Started(t.Context(), owner, app, later.ID)
	require.NoError(t, err)
	require.Equal(t, functions.StateAccepted, waiting.State, "an hour has not gone by")
	now.Add(int64(time.Hour))
	atOnce()
	eventually(t, "it ends", func() bool {
		done, err := one.Started(t.Context(), owner, app, later.ID)
		require.NoError(t, err)
		return done.State == functions.StateDone && string(done.Result) == "1"
	})
	_, err = one.StartLater(t.Context(), user, app, "f", nil, "", time.Hour)
	refused(t, yunduo.ReasonPermissionDenied, err, "delaySeconds")
	for _, delay := range []time.Duration{-time.Second, 31 * 24 * time.Hour} {
		_, err = one.StartLater(t.Context(), owner, app, "f", nil, "", delay)
		refused(t, yunduo.ReasonInvalidRequest, err, "delaySeconds")
	}
}

func TestSchema_IsCheckedBeforeCodeRuns(t *testing.T) {
	h := start(t)
	deploy := func(schema string) error {
		_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{
			Name: "f", Source: source("index.js", "exports.main = async e => e.items.length"), Settings: functions.Settings{Schema: schema},
		})
		return err
	}
	require.NoError(t, deploy(`{"type":"object","required":["items"],"properties":{"items":{"type":"array","items":{"type":"object","properties":{"count":{"type":"integer","minimum":1}}}}}}`))
	result, err := h.Invoke(t.Context(), user, app, "f", json.RawMessage(`{"items":[{"count":2}]}`), functions.InvokeOptions{})
	require.NoError(t, err)
	require.Equal(t, "1", string(result.JSON))
	for event, part := range map[string]string{`{}`: "items", `{"items":1}`: "event.items", `{"items":[{},{"count":0}]}`: "event.items[1].count", `[]`: "event"} {
		_, err := h.Invoke(t.Context(), user, app, "f", json.RawMessage(event), functions.InvokeOptions{})
		refused(t, yunduo.ReasonInvalidRequest, err, part)
		_, err = h.Start(t.Context(), user, app, "f", json.RawMessage(event), "")
		refused(t, yunduo.ReasonInvalidRequest, err, part)
	}
	for _, schema := range []string{`{"type":"nothing"}`, `{`, `{"$ref":"file:///etc/passwd"}`, `{"$ref":"https://example.com/schema"}`, `{"pattern":"("}`} {
		refused(t, yunduo.ReasonInvalidConfig, deploy(schema), "schema:")
	}
}
