package functions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
)

func (h *house) find(t testing.TB, id string) functions.Invocation {
	t.Helper()
	var found functions.Invocation
	eventually(t, "the record is stored", func() bool {
		var err error
		found, err = h.Find(t.Context(), owner, app, id)
		return err == nil
	})
	return found
}

func TestTrace(t *testing.T) {
	h := start(t)
	h.deploy(t, "inner", "exports.main = async event => { if (event.n === 9) throw new Error('nine'); return event.n }")
	h.deploy(t, "outer", `
		const cloud = require('wx-server-sdk')
		exports.main = async () => {
		  await cloud.call('functions.invoke', { name: 'inner', data: { n: 1 } })
		  await cloud.call('functions.invoke', { name: 'inner', data: { n: 9 } }).catch(() => {})
		  await cloud.call('no.such', {}).catch(() => {})
		}`)
	remote := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	result, err := h.Invoke(yunduo.WithArrival(t.Context(), yunduo.Arrival{Received: time.Now().Add(-time.Second), TraceParent: remote}), user, app, "outer", nil, functions.InvokeOptions{})
	require.NoError(t, err)
	outer := h.find(t, result.InvocationID)
	trace := outer.Trace
	require.GreaterOrEqual(t, trace.Gateway, time.Second)
	require.Positive(t, trace.Queue)
	require.Positive(t, trace.Run)
	require.LessOrEqual(t, trace.Queue+trace.Run, outer.Duration+time.Millisecond)
	require.Len(t, trace.Calls, 3)
	for i, c := range trace.Calls {
		require.Positive(t, c.Took)
		require.GreaterOrEqual(t, c.Start+c.Took, c.Start)
		if i > 0 {
			require.GreaterOrEqual(t, c.Start, trace.Calls[i-1].Start)
		}
	}
	require.Equal(t, []string{"functions.invoke", "functions.invoke", "no.such"}, []string{trace.Calls[0].Operation, trace.Calls[1].Operation, trace.Calls[2].Operation})
	require.Equal(t, "inner", trace.Calls[0].Target)
	require.Equal(t, []yunduo.Reason{"", yunduo.ReasonFunctionError, yunduo.ReasonUnknownOperation}, []yunduo.Reason{trace.Calls[0].Reason, trace.Calls[1].Reason, trace.Calls[2].Reason})
	id, parent, span, sampled := outer.TraceID()
	require.Equal(t, remote, "00-"+id+"-"+parent+"-01")
	require.True(t, sampled)
	require.Equal(t, outer.ID[16:32], span)

	inner := h.find(t, trace.Calls[1].Child)
	require.Equal(t, outer.ID, inner.Trace.Parent)
	require.Equal(t, "nine", inner.Message)
	innerID, parent, _, _ := inner.TraceID()
	require.Equal(t, id, innerID, "one trace goes through all")
	require.Equal(t, trace.Calls[1].ID, parent, "the call is what caused it")

	_, err = h.Find(t.Context(), owner, app, "0123456789ab")
	refused(t, yunduo.ReasonInvocationNotFound, err)
	_, err = h.Find(t.Context(), operator, "other-app", outer.ID)
	refused(t, yunduo.ReasonInvocationNotFound, err)
}

// Calls over the network, with the credentials of the invocation, are in its trace as long as it runs.
func TestTrace_CallsOverTheNetwork(t *testing.T) {
	var h *house
	var of yunduo.Caller
	h = open(t, t.TempDir(), functions.Options{Credentials: func(ctx context.Context, caller yunduo.Caller, _ time.Duration) (functions.Credentials, error) {
		of = caller
		_, end := h.Note(ctx, &caller, "documents.find")
		require.NotNil(t, end)
		end("orders", yunduo.Errorf(yunduo.ReasonPermissionDenied, "not these"))
		noted, end := h.Note(ctx, &caller, "functions.invoke")
		_, twice := h.Note(noted, &caller, "functions.invoke")
		require.Nil(t, twice, "one call is noted once")
		end("inner", nil)
		caller.InvocationID += "0"
		_, end = h.Note(ctx, &caller, "documents.find")
		require.Nil(t, end)
		return functions.Credentials{End: func(time.Duration) {}}, nil
	}})
	_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", returning("x")), Settings: functions.Settings{OfficialSDK: true}})
	require.NoError(t, err)
	result, err := h.Invoke(t.Context(), user, app, "f", nil, functions.InvokeOptions{})
	require.NoError(t, err)
	calls := h.find(t, result.InvocationID).Trace.Calls
	require.Len(t, calls, 2)
	require.Equal(t, "documents.find", calls[0].Operation)
	require.Equal(t, "orders", calls[0].Target)
	require.Equal(t, yunduo.ReasonPermissionDenied, calls[0].Reason)
	require.Equal(t, "inner", calls[1].Target)
	_, end := h.Note(t.Context(), &of, "documents.find")
	require.Nil(t, end, "it has ended")
}

func TestTrace_ForeignParents(t *testing.T) {
	h := start(t)
	h.deploy(t, "tells", "exports.main = async (event, context) => context.traceparent || 'none'")
	for remote, kept := range map[string]bool{
		"": false, "nonsense": false, "00-00000000000000000000000000000000-b7ad6b7169203331-01": false, "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": false,
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01": false, "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01": false,
		strings.Repeat("0", 4096): false, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00": true,
	} {
		result, err := h.Invoke(yunduo.WithArrival(t.Context(), yunduo.Arrival{TraceParent: remote}), user, app, "tells", nil, functions.InvokeOptions{})
		require.NoError(t, err)
		want := `"none"`
		if kept {
			want = `"00-0af7651916cd43dd8448eb211c80319c-` + result.InvocationID[16:32] + `-00"`
		}
		require.Equal(t, want, string(result.JSON), remote)
	}
}

// Many calls are bounded, and the failed and slow ones stay.
func TestTrace_Bounded(t *testing.T) {
	h := start(t)
	h.deploy(t, "many", `
		const cloud = require('wx-server-sdk')
		exports.main = async () => {
		  for (let i = 0; i < 300; i++) await cloud.call(i === 3 ? 'no.such' : 'functions.invoke', { name: 'quick' }).catch(() => {})
		}`)
	h.deploy(t, "quick", returning("x"))
	result, err := h.Invoke(t.Context(), user, app, "many", nil, functions.InvokeOptions{})
	require.NoError(t, err)
	trace := h.find(t, result.InvocationID).Trace
	require.Len(t, trace.Calls, 200)
	require.Equal(t, 100, trace.Omitted)
	failed := 0
	for _, c := range trace.Calls {
		if c.Reason != "" {
			failed++
		}
	}
	require.Equal(t, 1, failed)
}

func TestLogs_Filters(t *testing.T) {
	clock := newClock()
	h := open(t, t.TempDir(), functions.Options{Now: clock.now})
	h.deploy(t, "says", `
		exports.main = async event => {
		  if (event.level) console[event.level](event.text)
		  if (event.fail) throw new Error('refused: ' + event.text)
		}`)
	say := func(event string) string {
		clock.forward(1)
		result, _ := h.Invoke(yunduo.WithRequestID(t.Context(), "request-of-"+fmt.Sprint(clock.unix.Load())), user, app, "says", json.RawMessage(event), functions.InvokeOptions{})
		return result.InvocationID
	}
	quiet := say(`{}`)
	info := say(`{"level":"info","text":"Order 4711 支付 arrived"}`)
	warn := say(`{"level":"warn","text":"stock is low"}`)
	failed := say(`{"level":"info","text":"order 4712","fail":true}`)
	eventually(t, "the records are stored", func() bool { return len(h.logs(t, functions.LogQuery{})) == 4 })
	for name, test := range map[string]struct {
		q    functions.LogQuery
		want []string
	}{
		"all":           {functions.LogQuery{}, []string{failed, warn, info, quiet}},
		"info":          {functions.LogQuery{LogFilter: functions.LogFilter{Level: "info"}}, []string{failed, warn, info}},
		"warn":          {functions.LogQuery{LogFilter: functions.LogFilter{Level: "warn"}}, []string{failed, warn}},
		"error":         {functions.LogQuery{LogFilter: functions.LogFilter{Level: "error"}}, []string{failed}},
		"failed":        {functions.LogQuery{LogFilter: functions.LogFilter{Failed: true}}, []string{failed}},
		"text":          {functions.LogQuery{LogFilter: functions.LogFilter{Text: "ORDER 47"}}, []string{failed, info}},
		"Chinese":       {functions.LogQuery{LogFilter: functions.LogFilter{Text: "支付"}}, []string{info}},
		"message":       {functions.LogQuery{LogFilter: functions.LogFilter{Text: "refused"}}, []string{failed}},
		"user":          {functions.LogQuery{LogFilter: functions.LogFilter{Text: "o-li"}, Limit: 1}, []string{failed}},
		"no expression": {functions.LogQuery{LogFilter: functions.LogFilter{Text: "order.*"}}, []string{}},
		"ID":            {functions.LogQuery{LogFilter: functions.LogFilter{Text: warn}}, []string{warn}},
		"request":       {functions.LogQuery{LogFilter: functions.LogFilter{Text: "request-of-1800000001"}}, []string{quiet}},
		"both":          {functions.LogQuery{LogFilter: functions.LogFilter{Text: "order", Failed: true}}, []string{failed}},
		"since":         {functions.LogQuery{Since: time.Unix(1_800_000_003, 0)}, []string{failed, warn}},
		"until":         {functions.LogQuery{Until: time.Unix(1_800_000_003, 0)}, []string{info, quiet}},
		"a function":    {functions.LogQuery{Function: "other", LogFilter: functions.LogFilter{Text: "order"}}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			ids := []string{}
			for _, i := range h.logs(t, test.q) {
				ids = append(ids, i.ID)
			}
			require.Equal(t, test.want, ids)
		})
	}
	list, more, err := h.Logs(t.Context(), owner, app, functions.LogQuery{Limit: 1, LogFilter: functions.LogFilter{Text: "order"}})
	require.NoError(t, err)
	require.Equal(t, failed, list[0].ID)
	list, more, err = h.Logs(t.Context(), owner, app, functions.LogQuery{Limit: 10, Before: more, LogFilter: functions.LogFilter{Text: "order"}})
	require.NoError(t, err)
	require.Equal(t, info, list[0].ID)
	require.Empty(t, more)
	_, _, err = h.Logs(t.Context(), owner, app, functions.LogQuery{LogFilter: functions.LogFilter{Level: "loud"}})
	refused(t, yunduo.ReasonInvalidRequest, err, "level")
	_, _, err = h.Logs(t.Context(), owner, app, functions.LogQuery{LogFilter: functions.LogFilter{Text: strings.Repeat("x", 257)}})
	refused(t, yunduo.ReasonInvalidRequest, err, "search")
}

func TestLogs_KeptAsLongAsTheAppSays(t *testing.T) {
	clock := newClock()
	age := map[yunduo.AppID]time.Duration{app: 24 * time.Hour, "gone": 0}
	h := open(t, t.TempDir(), functions.Options{Now: clock.now, LogAge: func(_ context.Context, app yunduo.AppID) (time.Duration, error) {
		if app == "gone" {
			return 0, yunduo.Errorf(yunduo.ReasonAppNotFound, "it is gone")
		}
		return age[app], nil
	}})
	for _, in := range []yunduo.AppID{app, "long", "gone"} {
		by := yunduo.Caller{App: in, Role: yunduo.RoleOwner}
		_, err := h.Deploy(t.Context(), by, in, functions.DeployRequest{Name: "f", Source: source("index.js", returning("x"))})
		require.NoError(t, err)
		_, err = h.Invoke(t.Context(), by, in, "f", nil, functions.InvokeOptions{})
		require.NoError(t, err)
	}
	count := func(in yunduo.AppID) int {
		list, _, err := h.Logs(t.Context(), yunduo.Caller{App: in, Role: yunduo.RoleOwner}, in, functions.LogQuery{})
		require.NoError(t, err)
		return len(list)
	}
	eventually(t, "the records are stored", func() bool { return count(app)+count("long")+count("gone") == 3 })
	clock.forward(25 * 3600)
	require.NoError(t, h.SweepLogs(t.Context()))
	require.Equal(t, []int{0, 1, 1}, []int{count(app), count("long"), count("gone")}, "each app has its own time")
	h.call(t, "f")
	eventually(t, "the new one is stored", func() bool { return count(app) == 1 })
	clock.forward(7 * 24 * 3600)
	age["long"] = 30 * 24 * time.Hour
	require.NoError(t, h.SweepLogs(t.Context()))
	require.Equal(t, []int{0, 1, 0}, []int{count(app), count("long"), count("gone")})
}
