package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/api"
	"yunduo/apps"
	"yunduo/data/documents"
	"yunduo/data/documents/embedded"
	"yunduo/wire"
)

// open makes a gateway with the rooms that its middleware asks, and what it logs.
func open(t *testing.T, change func(*Options)) (*Gateway, *bytes.Buffer) {
	t.Helper()
	engine, err := embedded.Open(t.TempDir(), embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	db := documents.New(engine, documents.Options{})
	t.Cleanup(func() {
		db.Close()
		require.NoError(t, engine.Close())
	})
	registry, err := apps.New(db, apps.Options{Key: bytes.Repeat([]byte{1}, 32)})
	require.NoError(t, err)
	log := &bytes.Buffer{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	rooms := api.Rooms{Apps: registry, Documents: db}
	o := Options{API: api.New(rooms, api.Info{}, logger), Rooms: rooms, Logger: logger}
	if change != nil {
		change(&o)
	}
	return New(o), log
}

func ask(g *Gateway, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func requireReason(t *testing.T, status int, reason yunduo.Reason, w *httptest.ResponseRecorder) string {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	var envelope wire.ErrorEnvelope
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &envelope))
	require.Equal(t, string(reason), envelope.Error.Reason)
	require.Equal(t, w.Header().Get("X-Request-Id"), envelope.Error.RequestID)
	return envelope.Error.Message
}

func TestPanics_AreContained(t *testing.T) {
	g, log := open(t, nil)
	g.echo.GET("/test/panic", func(echo.Context) error { panic("secret of the inside") })
	g.echo.GET("/test/error", func(echo.Context) error { panic(errors.New("secret of the inside")) })
	for _, path := range []string{"/test/panic", "/test/error"} {
		w := ask(g, "GET", path)
		message := requireReason(t, http.StatusInternalServerError, yunduo.ReasonInternal, w)
		require.NotContains(t, message, "secret")
		require.Contains(t, log.String(), w.Header().Get("X-Request-Id"))
	}
	require.Contains(t, log.String(), "secret of the inside")
	require.Equal(t, http.StatusOK, ask(g, "GET", "/healthz").Code)
	require.Contains(t, ask(g, "GET", "/metrics").Body.String(), `yunduo_http_requests_total{method="GET",route="/test/panic",status="500"} 1`)
	require.Contains(t, ask(g, "GET", "/metrics").Body.String(), "yunduo_http_requests_running 1\n", "only the one that asks")
}

// A reply that has begun cannot become an error: the connection ends instead, so that nobody takes half for whole.
func TestPanics_AfterTheReplyBeganBreakTheConnection(t *testing.T) {
	g, _ := open(t, nil)
	g.echo.GET("/test/half", func(c echo.Context) error {
		c.Response().Header().Set("Content-Length", "100")
		_, err := c.Response().Write([]byte("half"))
		if err == nil {
			panic("half-way")
		}
		return err
	})
	server := httptest.NewServer(g)
	defer server.Close()
	response, err := http.Get(server.URL + "/test/half")
	require.NoError(t, err)
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestHandlers_UnknownErrorsStayInside(t *testing.T) {
	g, log := open(t, nil)
	g.echo.GET("/test/unknown", func(echo.Context) error { return errors.New("secret of the inside") })
	g.echo.GET("/test/canceled", func(echo.Context) error { return context.Canceled })
	message := requireReason(t, http.StatusInternalServerError, yunduo.ReasonInternal, ask(g, "GET", "/test/unknown"))
	require.NotContains(t, message, "secret")
	require.Contains(t, log.String(), "level=ERROR")
	require.Contains(t, log.String(), "secret of the inside")
	requireReason(t, 499, yunduo.ReasonCanceled, ask(g, "GET", "/test/canceled"))
}

func TestReadyz_TellsWhetherToSendRequests(t *testing.T) {
	var problem error
	g, _ := open(t, func(o *Options) { o.Ready = func(context.Context) error { return problem } })
	require.Equal(t, http.StatusOK, ask(g, "GET", "/readyz").Code)
	problem = yunduo.Errorf(yunduo.ReasonStorageFull, "the disk is full")
	requireReason(t, http.StatusServiceUnavailable, yunduo.ReasonStorageFull, ask(g, "GET", "/readyz"))
	problem = nil
	g.Drain()
	requireReason(t, http.StatusServiceUnavailable, yunduo.ReasonShuttingDown, ask(g, "GET", "/readyz"))
	require.Equal(t, http.StatusOK, ask(g, "GET", "/healthz").Code, "what drains is alive")
}

func TestConsole_IsServedWithItsPolicy(t *testing.T) {
	g, _ := open(t, func(o *Options) {
		o.Console = fstest.MapFS{
			"index.html":         {Data: []byte("<title>console</title>")},
			"assets/app-1234.js": {Data: []byte("app()")},
		}
	})
	for path, want := range map[string]string{
		"/console/": "<title>", "/console/apps/shop/functions": "<title>", "/console/assets/app-1234.js": "app()", "/console/assets": "<title>",
	} {
		w := ask(g, "GET", path)
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Contains(t, w.Body.String(), want, path)
		policy := w.Header().Get("Content-Security-Policy")
		require.Contains(t, policy, "script-src 'self';")
		require.Contains(t, policy, "frame-ancestors 'none'")
		require.Equal(t, strings.HasSuffix(path, ".js"), strings.Contains(w.Header().Get("Cache-Control"), "immutable"), path)
	}
	for _, path := range []string{"/console/../../etc/passwd", "/console/%2e%2e/%2e%2e/etc/passwd"} {
		require.Equal(t, http.StatusBadRequest, ask(g, "GET", path).Code, path)
	}
	for _, path := range []string{"/", "/console"} {
		w := ask(g, "GET", path)
		require.Equal(t, http.StatusFound, w.Code)
		require.Equal(t, "/console/", w.Header().Get("Location"))
	}
}

func TestPlainParams_DecodesWhatTheRouterLeavesEscaped(t *testing.T) {
	g, _ := open(t, nil)
	g.echo.GET("/test/:a/:b", func(c echo.Context) error { return c.String(http.StatusOK, c.Param("a")+"|"+c.Param("b")) })
	for path, want := range map[string]string{
		"/test/x/y": "x|y", "/test/%E7%AC%94/y": "笔|y", "/test/a%2Fb/c%40d": "a/b|c@d", "/test/100%25/%3A": "100%|:", "/test/%2525/y": "%25|y",
	} {
		w := ask(g, "GET", path)
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Equal(t, want, w.Body.String(), path)
	}
}

func TestAcceptableRequestID(t *testing.T) {
	for id, want := range map[string]bool{
		"0123456789abcdef": true, "a.b_c-D9": true, strings.Repeat("x", 64): true,
		"": false, "seven77": false, strings.Repeat("x", 65): false, "01234567\r\nX: 1": false, "0123 4567": false, "01234567é": false, "01234567\x00": false,
	} {
		if acceptableRequestID(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}
