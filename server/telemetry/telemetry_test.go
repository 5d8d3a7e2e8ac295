package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	logcollector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metriccollector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	logpb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricpb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"yunduo"
	"yunduo/apps"
	"yunduo/functions/node"
	client "yunduo/sdk/go"
	"yunduo/server"
	"yunduo/server/telemetry"
	"yunduo/wire"
)

// receiver is a collector that keeps what it is sent.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	spans    []*tracepb.Span
	lines    []*logpb.LogRecord
	metrics  map[string]*metricpb.Metric // as they came last
	keys     []string
	services []string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{metrics: map[string]*metricpb.Metric{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		var reply proto.Message
		if err == nil {
			reply, err = r.take(request.URL.Path, body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.keys = append(r.keys, request.Header.Get("X-Key"))
		w.Header().Set("Content-Type", "application/x-protobuf")
		if text, err := proto.Marshal(reply); err == nil {
			_, _ = w.Write(text)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(path string, body []byte) (reply proto.Message, err error) {
	switch path {
	case "/v1/traces":
		var message collector.ExportTraceServiceRequest
		err = proto.Unmarshal(body, &message)
		for _, of := range message.ResourceSpans {
			for _, a := range of.Resource.Attributes {
				if a.Key == "service.name" {
					r.services = append(r.services, a.Value.GetStringValue())
				}
			}
			for _, scope := range of.ScopeSpans {
				r.spans = append(r.spans, scope.Spans...)
			}
		}
		return &collector.ExportTraceServiceResponse{}, err
	case "/v1/logs":
		var message logcollector.ExportLogsServiceRequest
		err = proto.Unmarshal(body, &message)
		for _, of := range message.ResourceLogs {
			for _, scope := range of.ScopeLogs {
				r.lines = append(r.lines, scope.LogRecords...)
			}
		}
		return &logcollector.ExportLogsServiceResponse{}, err
	case "/v1/metrics":
		var message metriccollector.ExportMetricsServiceRequest
		err = proto.Unmarshal(body, &message)
		for _, of := range message.ResourceMetrics {
			for _, scope := range of.ScopeMetrics {
				for _, m := range scope.Metrics {
					r.metrics[m.Name] = m
				}
			}
		}
		return &metriccollector.ExportMetricsServiceResponse{}, err
	}
	return nil, errors.New("nothing is taken at " + path)
}

// of returns the spans of a trace by their names.
func (r *receiver) of(traceID string) map[string]*tracepb.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[string]*tracepb.Span{}
	for _, s := range r.spans {
		if hexOf(s.TraceId) == traceID {
			found[s.Name] = s
		}
	}
	return found
}

func hexOf(data []byte) string {
	const digits = "0123456789abcdef"
	text := make([]byte, 0, 2*len(data))
	for _, b := range data {
		text = append(text, digits[b>>4], digits[b&15])
	}
	return string(text)
}

func attributeOf(s *tracepb.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			if list := a.Value.GetArrayValue(); list != nil && len(list.Values) > 0 {
				return list.Values[0].GetStringValue()
			}
			return a.Value.GetStringValue()
		}
	}
	return ""
}

func TestMain(m *testing.M) {
	node.SandboxInit() // does not return in a process that is about to become a sandbox
	os.Exit(m.Run())
}

// start runs a server with one app until stop, and returns a client and key of the app.
func start(t *testing.T, endpoint, headers string, signals ...string) (c *client.Client, key string, url string, stop func() error) {
	t.Helper()
	config := server.DefaultConfig()
	config.DataDir, config.Listen, config.Dev = t.TempDir(), "127.0.0.1:0", &server.Dev{App: app}
	config.OTLPEndpoint, config.OTLPHeaders, config.OTLPSignals = endpoint, headers, strings.Join(signals, ",")
	s, err := server.New(t.Context(), config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-done, s.Close())
	})
	t.Cleanup(func() { require.NoError(t, stop()) })
	_, err = s.Rooms().Apps.Create(t.Context(), yunduo.System(app), apps.App{ID: app})
	require.NoError(t, err)
	keys, err := s.Rooms().Apps.CreateKey(t.Context(), yunduo.System(app), app)
	require.NoError(t, err)
	return client.New(s.URL(), app, keys.APIKey), keys.APIKey, s.URL(), stop
}

const app yunduo.AppID = "shop"

func TestTracesReachACollector(t *testing.T) {
	r := newReceiver(t)
	c, key, url, stop := start(t, r.URL, "X-Key=a%20secret")
	deploy := func(name, code string) {
		_, err := c.Deploy(t.Context(), wire.DeployRequest{Name: name, Files: []wire.DeployFile{{Path: "index.js", Content: []byte(code)}}})
		require.NoError(t, err)
	}
	deploy("inner", `exports.main = async () => { throw new Error('no stock') }`)
	deploy("outer", `
		const cloud = require('wx-server-sdk')
		cloud.init()
		exports.main = async (event, context) => {
		  const db = cloud.database()
		  await db.collection('stock').where({ item: 'tea' }).get()
		  await db.collection('stock').doc('a').get()
		  await cloud.callFunction({ name: 'inner' }).catch(() => {})
		  return context.traceparent
		}`)
	require.NoError(t, c.CreateCollection(t.Context(), "stock"))
	_, err := c.Insert(t.Context(), "stock", json.RawMessage(`{"_id":"a","item":"tea"}`))
	require.NoError(t, err)

	const trace, above = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	call := func(traceparent string) string {
		request, err := http.NewRequest("POST", url+"/v1/apps/shop/functions/outer", nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+key)
		if traceparent != "" {
			request.Header.Set("Traceparent", traceparent)
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		var own string
		require.NoError(t, json.NewDecoder(response.Body).Decode(&own))
		return own
	}
	own := call("00-" + trace + "-" + above + "-01")
	require.Equal(t, trace, own[3:35], "the code is told its place in the trace")
	unsampled := call("00-1af7651916cd43dd8448eb211c80319c-" + above + "-00")
	require.Equal(t, "00", unsampled[53:])
	alone := call("") // begins a trace of its own
	require.NoError(t, stop(), "what is left is sent when the server stops")

	spans := r.of(trace)
	for _, name := range []string{"outer", "gateway", "queue", "run", "documents.find", "functions.invoke", "inner"} {
		require.Contains(t, spans, name)
	}
	root := spans["outer"]
	require.Equal(t, above, hexOf(root.ParentSpanId))
	require.Equal(t, own[36:52], hexOf(root.SpanId))
	for _, name := range []string{"gateway", "queue", "run"} {
		if name != "queue" && name != "run" { // both functions have one of these
			require.Equal(t, hexOf(root.SpanId), hexOf(spans[name].ParentSpanId), name)
		}
		require.LessOrEqual(t, spans[name].StartTimeUnixNano, spans[name].EndTimeUnixNano)
	}
	require.Equal(t, hexOf(spans["functions.invoke"].SpanId), hexOf(spans["inner"].ParentSpanId), "the call is what the other function belongs to")
	require.Equal(t, tracepb.Status_STATUS_CODE_ERROR, spans["inner"].Status.Code)
	require.Equal(t, "no stock", spans["inner"].Status.Message)
	require.Equal(t, "function_error", attributeOf(spans["inner"], "error.type"))
	plans := map[string]bool{}
	r.mu.Lock()
	for _, s := range r.spans {
		if text := attributeOf(s, "yunduo.plan"); text != "" {
			plans[text] = true
		}
	}
	for _, key := range r.keys {
		require.Equal(t, "a secret", key)
	}
	require.Contains(t, r.services, "yunduo")
	r.mu.Unlock()
	require.Equal(t, map[string]bool{"scan of stock": true, "index _id of stock": true}, plans)
	require.Empty(t, r.of("1af7651916cd43dd8448eb211c80319c"), "who began the trace does not want it")
	require.Contains(t, r.of(alone[3:35]), "outer")
}

func TestNew_RefusesWhatCannotWork(t *testing.T) {
	for _, o := range []telemetry.Options{{Endpoint: "collector:4318"}, {Endpoint: "ftp://collector"}, {Endpoint: ":"}, {Endpoint: "http://collector:4318", Headers: "nonsense"}, {Endpoint: "http://collector:4318", Headers: "=x"}, {Endpoint: "http://collector:4318", Signals: "traces,profiles"}} {
		_, err := telemetry.New(t.Context(), o)
		require.ErrorContains(t, err, "otlp-", o)
	}
}

// A collector that is away, or takes everything and never answers, costs nothing but its traces.
func TestACollectorThatDoesNotTakeThem(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	asked, release := make(chan struct{}, 1), make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	defer silent.Close()
	defer close(release)
	t.Run("away", func(t *testing.T) { calls(t, gone.URL)() })
	t.Run("silent", func(t *testing.T) {
		stop := calls(t, silent.URL)
		stop()
		<-asked
	})
}

func calls(t *testing.T, endpoint string) (stop func()) {
	t.Helper()
	c, _, _, end := start(t, endpoint, "")
	_, err := c.Deploy(t.Context(), wire.DeployRequest{Name: "f", Files: []wire.DeployFile{{Path: "index.js", Content: []byte("exports.main = async () => 'x'")}}})
	require.NoError(t, err)
	for range 20 {
		result, err := c.Invoke(t.Context(), "f", nil)
		require.NoError(t, err)
		require.Equal(t, `"x"`, string(result))
	}
	return func() { require.NoError(t, end(), "nor does it keep the server from stopping") }
}
