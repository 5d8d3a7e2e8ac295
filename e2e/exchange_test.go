package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wire"
)

// exchange is a request and what its reply must be. {name} in path, header values, body, want and forbid stands for an
// entry of the world's fill.
type exchange struct {
	name   string
	method string // POST unless given
	path   string // below the server's address
	as     string // whose token is sent; empty sends none
	header map[string]string
	body   string

	status  int           // 200 unless given
	reason  yunduo.Reason // of the error envelope
	code    string        // of a refusal on the official SDKs' endpoints, whatever the status
	signIn  string        // "error" of a refusal on their sign-in endpoints
	want    []string      // what the reply's body must hold
	forbid  []string      // what it must not hold
	headers map[string]string
}

// reply is an answer of the server, read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// run sends the exchanges one after another, each as a test of its own.
func (w *world) run(t *testing.T, exchanges []exchange) {
	t.Helper()
	for _, e := range exchanges {
		t.Run(e.name, func(t *testing.T) { w.check(t, e) })
	}
}

func (w *world) filled(text string) string {
	for name, value := range w.fill {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

func (w *world) send(t *testing.T, e exchange) reply {
	t.Helper()
	method := e.method
	if method == "" {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(t.Context(), method, w.url+w.filled(e.path), strings.NewReader(w.filled(e.body)))
	require.NoError(t, err)
	if e.as != "" {
		token, ok := w.tokens[e.as]
		require.True(t, ok, "there is no token %q", e.as)
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for name, value := range e.header {
		request.Header.Set(name, w.filled(value))
	}
	response, err := http.DefaultTransport.RoundTrip(request) // no redirects followed
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{status: response.StatusCode, header: response.Header, body: string(body)}
}

// check sends an exchange and compares its reply. Every reply must carry a request ID, every refusal the whole
// envelope and nothing of the server's inside.
func (w *world) check(t *testing.T, e exchange) reply {
	t.Helper()
	if e.status == 0 {
		e.status = http.StatusOK
	}
	r := w.send(t, e)
	require.Equal(t, e.status, r.status, r.body)
	require.NotEmpty(t, r.header.Get("X-Request-Id"))
	require.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"))
	switch {
	case e.code != "" || e.signIn != "":
		checkSDKRefusal(t, e, r)
	case e.status >= 400:
		w.checkEnvelope(t, e, r)
	}
	for _, text := range e.want {
		require.Contains(t, r.body, w.filled(text))
	}
	for _, text := range e.forbid {
		require.NotContains(t, r.body, w.filled(text))
	}
	for name, value := range e.headers {
		require.Equal(t, value, r.header.Get(name), "header %s", name)
	}
	return r
}

// checkSDKRefusal looks at a refusal as the official SDKs read it.
func checkSDKRefusal(t *testing.T, e exchange, r reply) {
	t.Helper()
	var body struct {
		Code, Message, Error string
		RequestID            string `json:"requestId"`
		ErrorCode            int    `json:"error_code"`
		ErrorDescription     string `json:"error_description"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.body), &body), r.body)
	require.Equal(t, e.code, body.Code, r.body)
	require.Equal(t, e.signIn, body.Error, r.body)
	require.Equal(t, r.header.Get("X-Request-Id"), body.RequestID)
	require.NotEmpty(t, body.Message+body.ErrorDescription)
	if e.signIn != "" {
		require.NotZero(t, body.ErrorCode)
	}
	require.Equal(t, "no-store", r.header.Get("Cache-Control"))
}

func (w *world) checkEnvelope(t *testing.T, e exchange, r reply) {
	t.Helper()
	if r.body == "" && e.method == http.MethodHead {
		return
	}
	var envelope map[string]map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &envelope), r.body)
	members := envelope["error"]
	for _, name := range []string{"code", "reason", "message", "requestId", "retryable", "errCode"} {
		require.Contains(t, members, name)
	}
	reason := yunduo.Reason(members["reason"].(string))
	require.Equal(t, e.reason, reason, r.body)
	require.Equal(t, r.status, wire.Status(reason.Code()))
	require.Equal(t, string(reason.Code()), members["code"])
	require.Equal(t, r.header.Get("X-Request-Id"), members["requestId"])
	require.Equal(t, "no-store", r.header.Get("Cache-Control"))
	require.True(t, strings.HasPrefix(r.header.Get("Content-Type"), "application/json"))
	message := members["message"].(string)
	require.NotEmpty(t, message)
	inside := []string{w.config.DataDir, "goroutine ", ".go:", "panic", "unexpected end of JSON", "<nil>", "%!"}
	require.False(t, slices.ContainsFunc(inside, func(s string) bool { return strings.Contains(message, s) }), "the message tells of the server's inside: %s", message)
}
