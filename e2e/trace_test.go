package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wire"
)

// By whichever way a call comes, its trace begins with the request's arrival and belongs to the caller's trace, if there is
// one, and only the app's owner sees it.
func TestTrace_OfEveryWay(t *testing.T) {
	w, other := shared.open(t), shared.open(t)
	w.user(t, "li")
	w.deployMain(t, "f", "await require('wx-server-sdk').database().collection('things').where({ n: 1 }).get(); return context.traceparent || 'none'")
	_, err := w.tryDeploy(t, "web", map[string]string{"index.js": "require('http').createServer((q, r) => r.end('served')).listen(process.env.PORT)"})
	require.NoError(t, err)
	require.NoError(t, w.owner().CreateCollection(t.Context(), "things"))
	const own = "0af7651916cd43dd8448eb211c80319c"
	const traceparent = "00-" + own + "-b7ad6b7169203331-01"
	host := "Host: " + strings.TrimPrefix(w.url, "http://") + "\r\nAuthorization: Bearer " + w.tokens["li"] + "\r\n"
	for name, way := range map[string]struct {
		call     func(id string) string
		function string
		joins    bool
	}{
		"quick": {func(id string) string {
			return w.keep(t).post(t, w.path("functions/f"), host+"X-Request-Id: "+id+"\r\n", "{}")
		}, "f", false},
		"ordinary": {func(id string) string {
			return w.keep(t).post(t, w.path("functions/f"), host+"X-Request-Id: "+id+"\r\nTraceparent: "+traceparent+"\r\n", "{}")
		}, "f", true},
		"nonsense": {func(id string) string {
			return w.keep(t).post(t, w.path("functions/f"), host+"X-Request-Id: "+id+"\r\nTraceparent: 00-x\r\n", "{}")
		}, "f", false},
		"CloudBase": {func(id string) string {
			return w.send(t, exchange{path: "/v1/functions/f", as: "li", body: "{}", header: map[string]string{"Traceparent": traceparent, "X-Request-Id": id}}).body
		}, "f", true},
		"HTTP": {func(id string) string {
			_, text := w.fetch(t, "GET", "/web", "li", "", "Traceparent", traceparent, "X-Request-Id", id)
			return text
		}, "web", true},
	} {
		id := "request-of-" + name
		reply := way.call(id)
		var found wire.LogsResponse
		require.Eventually(t, func() bool {
			found, err = w.owner().Logs(t.Context(), wire.LogsRequest{Function: way.function, Search: id})
			return err == nil && len(found.Invocations) == 1
		}, time.Minute, 10*time.Millisecond, "%s: %s", name, reply)
		trace, err := w.owner().Trace(t.Context(), found.Invocations[0].ID)
		require.NoError(t, err, name)
		require.Positive(t, trace.Trace.GatewayMS, name)
		require.Positive(t, trace.Trace.RunMS, name)
		require.Equal(t, way.joins, trace.Trace.TraceID == own, "%s: %s", name, reply)
		if way.function == "f" {
			require.Len(t, trace.Trace.Calls, 1, name)
			require.Equal(t, []wire.TracePlan{{Collection: "things"}}, trace.Trace.Calls[0].Plans, name)
			require.Equal(t, way.joins, strings.Contains(reply, own), "%s: the code is told: %s", name, reply)
		}
		_, err = other.owner().Trace(t.Context(), found.Invocations[0].ID)
		require.Equal(t, yunduo.ReasonInvocationNotFound, yunduo.ReasonOf(err), name)
		err = other.owner().Do(t.Context(), "GET", "/v1/manage/apps/"+string(w.app)+"/logs/"+found.Invocations[0].ID, nil, nil)
		require.Equal(t, yunduo.ReasonTokenInvalid, yunduo.ReasonOf(err), name)
	}
}
