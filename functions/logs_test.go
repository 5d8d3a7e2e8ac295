package functions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
)

func (h *house) logs(t testing.TB, q functions.LogQuery) []functions.Invocation {
	t.Helper()
	list, _, err := h.Logs(t.Context(), owner, app, q)
	require.NoError(t, err)
	return list
}

const talks = `
exports.main = async event => {
  console.log('begin', event.n)
  if (event.fail) { console.error('about to fail'); throw new Error('it failed') }
  return event.n
}`

func TestLogs(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir, functions.Options{})
	h.deploy(t, "talks", talks)
	h.deploy(t, "other", returning("x"))
	ctx := yunduo.WithRequestID(t.Context(), "request-1")
	var ids []string
	for i, event := range []string{`{"n":0}`, `{"n":1,"fail":true}`, `{"n":2}`} {
		result, err := h.Invoke(ctx, user, app, "talks", json.RawMessage(event), functions.InvokeOptions{})
		require.Equal(t, i == 1, err != nil)
		ids = append(ids, result.InvocationID)
		eventually(t, "the clock moves on", func() bool { return time.Now().UnixMilli() > stamp(t, result.InvocationID) })
	}
	h.call(t, "other")
	require.Len(t, h.logs(t, functions.LogQuery{}), 4, "what has ended is there")
	list := h.logs(t, functions.LogQuery{Function: "talks"})
	require.Len(t, list, 3)
	require.Equal(t, []string{ids[2], ids[1], ids[0]}, []string{list[0].ID, list[1].ID, list[2].ID}, "newest first")
	failed := list[1]
	require.Equal(t, yunduo.ReasonFunctionError, failed.Reason)
	require.Equal(t, "it failed", failed.Message)
	require.Contains(t, failed.Stack, "index.js:4")
	require.Equal(t, "o-li", failed.User)
	require.Equal(t, "request-1", failed.RequestID)
	require.Equal(t, "client", failed.Source)
	require.EqualValues(t, 1, failed.Version)
	require.Positive(t, failed.Duration)
	require.Len(t, failed.Lines, 2)
	require.Equal(t, "begin 1", failed.Lines[0].Message)
	require.Equal(t, "error", failed.Lines[1].Level)
	require.True(t, list[2].Cold)
	require.False(t, list[0].Cold)

	require.Equal(t, ids[1], h.logs(t, functions.LogQuery{Function: "talks", Before: ids[2], Limit: 1})[0].ID)
	require.Len(t, h.logs(t, functions.LogQuery{Function: "talks", After: ids[0]}), 2)
	_, _, err := h.Logs(t.Context(), owner, app, functions.LogQuery{Limit: 501})
	refused(t, yunduo.ReasonInvalidRequest, err, "limit")
	others, _, err := h.Logs(t.Context(), operator, "notes-2", functions.LogQuery{})
	require.NoError(t, err)
	require.Empty(t, others, "another app's records stay its own")

	h.call(t, "other")
	h.close()
	h = open(t, dir, functions.Options{})
	require.Len(t, h.logs(t, functions.LogQuery{}), 5, "closing writes what is left")
	require.NoError(t, h.DropApp(t.Context(), owner, app))
	require.Empty(t, h.logs(t, functions.LogQuery{}))
}

func stamp(t testing.TB, id string) int64 {
	t.Helper()
	var ms int64
	_, err := fmt.Sscanf(id[:12], "%x", &ms)
	require.NoError(t, err)
	return ms
}

func TestLogs_AfterTheReply(t *testing.T) {
	h := start(t)
	h.deploy(t, "late", "exports.main = async () => { console.log('early'); setTimeout(() => console.log('late'), 20) }")
	h.call(t, "late")
	eventually(t, "both lines", func() bool {
		list := h.logs(t, functions.LogQuery{})
		return len(list) == 1 && len(list[0].Lines) == 2 && list[0].Lines[1].Message == "late"
	})
}

func TestLogs_Bounded(t *testing.T) {
	h := start(t)
	h.deploy(t, "floods", "exports.main = async () => { for (let i = 0; i < 3000; i++) console.log('line', i, '云'.repeat(100)); console.log('x'.repeat(100000)) }")
	h.call(t, "floods")
	eventually(t, "the record", func() bool { return len(h.logs(t, functions.LogQuery{})) == 1 })
	lines := h.logs(t, functions.LogQuery{})[0].Lines
	require.LessOrEqual(t, len(lines), 1001)
	size := 0
	for _, l := range lines {
		size += len(l.Message)
	}
	require.LessOrEqual(t, size, 300<<10)
	require.Contains(t, lines[len(lines)-1].Message, "left out")
}

func TestSubscribe(t *testing.T) {
	h := start(t)
	h.deploy(t, "talks", talks)
	h.deploy(t, "other", returning("x"))
	all, stopAll, err := h.Subscribe(owner, app, "", nil)
	require.NoError(t, err)
	one, stopOne, err := h.Subscribe(owner, app, "talks", nil)
	require.NoError(t, err)
	foreign, stopForeign, err := h.Subscribe(operator, "other-app", "", nil)
	require.NoError(t, err)
	h.call(t, "other")
	result, err := h.Invoke(t.Context(), user, app, "talks", json.RawMessage(`{"n":7,"fail":true}`), functions.InvokeOptions{})
	require.Error(t, err)
	line, second, end := <-one, <-one, <-one
	require.Equal(t, "begin 7", line.Line.Message)
	require.Equal(t, "about to fail", second.Line.Message)
	require.Equal(t, result.InvocationID, end.InvocationID)
	require.Equal(t, "it failed", end.Ended.Message)
	require.Len(t, end.Ended.Lines, 2)
	require.Equal(t, "other", (<-all).Function)
	stopOne()
	stopOne() // a second time does nothing
	_, open := <-one
	require.False(t, open)
	stopAll()
	stopForeign()
	for e := range foreign {
		t.Errorf("a foreign app's entry came: %+v", e)
	}
}

func TestSubscribe_SlowReaderHoldsNobodyUp(t *testing.T) {
	h := openWith(t, t.TempDir(), functions.Options{}, still{})
	_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", returning("x")), KeepBroken: true})
	require.NoError(t, err)
	entries, stop, err := h.Subscribe(owner, app, "f", nil)
	require.NoError(t, err)
	invoke := func() {
		_, err := h.Invoke(t.Context(), user, app, "f", nil, functions.InvokeOptions{})
		require.NoError(t, err)
	}
	for range 2000 {
		invoke()
	}
	for range 10 {
		require.NotNil(t, (<-entries).Ended)
	}
	invoke()
	stop()
	var told string
	for e := range entries {
		if e.Line != nil {
			told = e.Line.Message
		}
	}
	require.Equal(t, "976 entries came too fast and are left out", told)
}

func TestStats(t *testing.T) {
	var clock sync.Mutex
	now := time.Unix(1_800_000_000, 0)
	var observed []functions.Observation
	h := open(t, t.TempDir(), functions.Options{
		Now:     func() time.Time { clock.Lock(); defer clock.Unlock(); return now },
		Observe: func(o functions.Observation) { observed = append(observed, o) },
	})
	h.deploy(t, "talks", talks)
	h.deploy(t, "other", returning("x"))
	for range 3 {
		h.call(t, "talks")
	}
	_, err := h.Invoke(t.Context(), user, app, "talks", json.RawMessage(`{"fail":true}`), functions.InvokeOptions{})
	require.Error(t, err)
	h.call(t, "other")
	clock.Lock()
	now = now.Add(5 * time.Second)
	clock.Unlock()
	stats, err := h.Stats(owner, app, 10)
	require.NoError(t, err)
	require.Len(t, stats, 10)
	require.Equal(t, int64(1_800_000_000), stats[5].Time.Unix())
	var calls, errors int64
	for _, s := range stats {
		calls, errors = calls+s.Calls, errors+s.Errors
		if s.Calls > 0 {
			require.Positive(t, s.P50)
			require.GreaterOrEqual(t, s.P99, s.P50)
		}
	}
	require.EqualValues(t, 5, calls)
	require.EqualValues(t, 1, errors)
	empty, err := h.Stats(operator, "other-app", 10)
	require.NoError(t, err)
	require.Zero(t, empty[5].Calls)
	_, err = h.Stats(owner, app, 300)
	refused(t, yunduo.ReasonInvalidRequest, err, "seconds")

	f, err := h.Get(t.Context(), owner, app, "talks")
	require.NoError(t, err)
	require.Equal(t, "it failed", f.LastError.Message)
	require.Len(t, observed, 5)
	require.Equal(t, yunduo.ReasonFunctionError, observed[3].Reason)
}

// Thousands of calls a second must not become thousands of records a second, but every failure is kept.
func TestLogs_QuietOnesAreSampled(t *testing.T) {
	h := openWith(t, t.TempDir(), functions.Options{Now: func() time.Time { return time.Unix(1_800_000_000, 0) }}, still{})
	for _, name := range []string{"f", "broken"} {
		code := returning("x")
		if name == "broken" {
			code = "exports.main = ("
		}
		_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: name, Source: source("index.js", code), KeepBroken: true})
		require.NoError(t, err)
	}
	for range 300 {
		for _, name := range []string{"f", "broken"} {
			_, err := h.Invoke(context.Background(), user, app, name, nil, functions.InvokeOptions{})
			require.Equal(t, name == "broken", err != nil)
		}
	}
	eventually(t, "every failure", func() bool { return len(h.logs(t, functions.LogQuery{Function: "broken", Limit: 500})) == 300 })
	kept := len(h.logs(t, functions.LogQuery{Function: "f", Limit: 500}))
	require.GreaterOrEqual(t, kept, 50)
	require.Less(t, kept, 100, "beyond the first ones, only those that are slower than all before")
}
