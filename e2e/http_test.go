package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wire"
)

// webServer is a function that is a server by itself.
const webServer = `
const http = require('http'), crypto = require('crypto')
const cloud = require('wx-server-sdk')
let requests = 0, gone = 0
const server = http.createServer(async (req, res) => {
  requests++
  const url = new URL(req.url, 'http://any')
  switch (url.pathname) {
    case '/who':
      return res.end(JSON.stringify({ sdk: cloud.getWXContext().OPENID, headers: req.headers, url: req.url, method: req.method, address: req.socket.remoteAddress }))
    case '/page':
      res.setHeader('set-cookie', ['sid=1; Path=/; Domain=example.com; HttpOnly', 'deep=2; Path=/a'])
      return res.setHeader('content-type', 'text/html').end('<script>1</script>')
    case '/events':
      res.setHeader('content-type', 'text/event-stream')
      res.write('data: first\n\n')
      req.on('close', () => gone++)
      return
    case '/gone':
      return res.end(String(gone))
    case '/echo':
      return req.pipe(res)
    case '/cors':
      res.setHeader('access-control-allow-origin', 'https://own.example')
      return res.end(req.method)
    case '/hints':
      res.writeEarlyHints({ link: '</a>; rel=preload', 'set-cookie': 'sid=1; Path=/' })
      return setTimeout(() => { res.statusCode = 403; res.end('no') }, 5)
    case '/silent':
      return req.socket.destroy()
    default:
      res.statusCode = 404
      res.end(String(requests))
  }
})
server.on('upgrade', (req, socket) => {
  const accept = crypto.createHash('sha1').update(req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ' + accept + '\r\n\r\n')
  const say = text => socket.write(Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]))
  say('hello ' + cloud.getWXContext().OPENID + ' ' + req.url)
  socket.on('data', frame => { // short, masked messages
    if ((frame[0] & 15) === 8) return socket.end()
    const mask = frame.subarray(2, 6)
    say(Buffer.from(frame.subarray(6, 6 + (frame[1] & 127)).map((b, i) => b ^ mask[i % 4])).toString().toUpperCase())
  })
})
server.listen(process.env.PORT)
`

// web opens an app with a server function, an event function and some routes.
func web(t *testing.T) *world {
	t.Helper()
	w := shared.open(t)
	_, err := w.tryDeploy(t, "web", map[string]string{"index.js": webServer})
	require.NoError(t, err)
	w.deployMain(t, "hook", "return event.httpMethod ? { statusCode: 202, headers: { 'x-path': event.path }, body: event.body } : 'called'")
	w.routes(t, `{
		"/open": {"function": "web", "auth": "public", "bodyBytes": 1000, "origins": ["https://shop.example"]},
		"/keyed": {"function": "web", "auth": "key"},
		"/api/v1/hook": {"function": "hook", "auth": "public", "methods": ["POST"]},
		"/whole": {"function": "web", "auth": "public", "keepPath": true}
	}`)
	return w
}

func (w *world) routes(t *testing.T, routes string) {
	t.Helper()
	require.NoError(t, w.owner().SetRoutes(t.Context(), json.RawMessage(routes)))
}

// fetch sends a request to an app's HTTP address and returns the reply with its body read.
func (w *world) fetch(t *testing.T, method, path, as, body string, header ...string) (*http.Response, string) {
	t.Helper()
	response := w.fetching(t.Context(), t, method, path, as, body, header...)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(text)
}

func (w *world) fetching(ctx context.Context, t *testing.T, method, path, as, body string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, w.url+"/http/"+string(w.app)+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	if as != "" {
		r.Header.Set("Authorization", "Bearer "+w.tokens[as])
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	return response
}

func reasonOf(t *testing.T, body string) yunduo.Reason {
	t.Helper()
	var envelope wire.ErrorEnvelope
	require.NoError(t, json.Unmarshal([]byte(body), &envelope), body)
	return yunduo.Reason(envelope.Error.Reason)
}

func TestHTTP_RoutesSayWhoMayPass(t *testing.T) {
	w := web(t)
	w.user(t, "li")
	other := shared.open(t)
	w.tokens["stranger"], w.tokens["foreign"] = other.keys.APIKey, "a-token-of-the-authors-own"
	for _, test := range []struct {
		path, as string
		status   int
		reason   yunduo.Reason
	}{
		{"/web/who", "li", 200, ""}, {"/web/who", "owner", 200, ""},
		{"/web/who", "", 401, yunduo.ReasonTokenMissing}, {"/web/who", "stranger", 401, yunduo.ReasonTokenInvalid}, {"/web/who", "foreign", 401, yunduo.ReasonTokenInvalid},
		{"/open/who", "", 200, ""}, {"/open/who", "li", 200, ""}, {"/open/who", "foreign", 200, ""}, {"/open/who", "stranger", 200, ""},
		{"/keyed/who", "owner", 200, ""}, {"/keyed/who", "operator", 200, ""},
		{"/keyed/who", "", 401, yunduo.ReasonTokenMissing}, {"/keyed/who", "li", 403, yunduo.ReasonPermissionDenied},
		{"/nothing/there", "owner", 404, yunduo.ReasonFunctionNotFound},
	} {
		response, body := w.fetch(t, "GET", test.path, test.as, "")
		require.Equal(t, test.status, response.StatusCode, "%s as %s: %s", test.path, test.as, body)
		if test.reason != "" {
			require.Equal(t, test.reason, reasonOf(t, body), "%s as %s", test.path, test.as)
		}
	}
	require.NoError(t, w.owner().SetRules(t.Context(), "functions", "", `{"*": {"invoke": false}}`))
	_, body := w.fetch(t, "GET", "/web/who", "li", "")
	require.Equal(t, yunduo.ReasonFunctionDenied, reasonOf(t, body), "the rules of calls hold here, too")
	response, _ := w.fetch(t, "GET", "/open/who", "", "")
	require.Equal(t, 200, response.StatusCode, "a public route is open by itself")
}

func TestHTTP_CodeLearnsWhoAsks(t *testing.T) {
	w := web(t)
	w.user(t, "li")
	var seen struct {
		SDK, URL, Method, Address string
		Headers                   map[string]string
	}
	_, body := w.fetch(t, "PATCH", "/open/who?a=1&b=%20", "li", "", "X-Wx-Openid", "forged", "X-Yunduo-Role", "owner", "X-Own", "1", "X-Forwarded-For", "203.0.113.7")
	require.NoError(t, json.Unmarshal([]byte(body), &seen), body)
	require.Equal(t, "li", seen.SDK)
	require.Equal(t, "PATCH", seen.Method)
	require.Equal(t, "/who?a=1&b=%20", seen.URL)
	require.Equal(t, "203.0.113.7", seen.Address)
	for name, value := range map[string]string{"x-wx-openid": "li", "x-yunduo-role": "user", "x-own": "1", "x-forwarded-prefix": "/http/" + string(w.app) + "/open", "x-forwarded-proto": "http"} {
		require.Equal(t, value, seen.Headers[name], name)
	}
	seen.SDK = ""
	_, body = w.fetch(t, "GET", "/open/who", "", "", "X-Wx-Openid", "forged", "X_Wx_Openid", "forged")
	require.NoError(t, json.Unmarshal([]byte(body), &seen), body)
	require.Empty(t, seen.SDK)
	require.NotContains(t, body, `"x-wx-openid"`)
	for as, kept := range map[string]bool{"li": true, "owner": false, "operator": false} { // keys are not for the code
		_, body = w.fetch(t, "GET", "/open/who", as, "")
		require.Equal(t, kept, strings.Contains(body, `"authorization"`), as)
	}

	response, body := w.fetch(t, "POST", "/api/v1/hook/more%2Fparts", "", "text", "Content-Type", "text/plain")
	require.Equal(t, 202, response.StatusCode, body)
	require.Equal(t, "/more%2Fparts", response.Header.Get("X-Path"))
	require.Equal(t, "text", body)
	response, _ = w.fetch(t, "GET", "/api/v1/hook", "", "")
	require.Equal(t, 405, response.StatusCode)
	require.Equal(t, "POST", response.Header.Get("Allow"))
	response, _ = w.fetch(t, "GET", "/whole/who", "", "")
	require.Equal(t, 404, response.StatusCode, "the server was asked for /whole/who, which it does not know")
}

func TestHTTP_PagesStayApart(t *testing.T) {
	w := web(t)
	response, _ := w.fetch(t, "GET", "/open/page", "", "")
	policy := response.Header.Get("Content-Security-Policy")
	require.True(t, strings.HasPrefix(policy, "sandbox "), policy)
	require.NotContains(t, policy, "allow-same-origin")
	base := "/http/" + string(w.app)
	require.Equal(t, []string{"sid=1; HttpOnly; Path=" + base + "/", "deep=2; Path=" + base + "/a"}, response.Header["Set-Cookie"])

	response, body := w.fetch(t, "OPTIONS", "/open/echo", "", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "x-a")
	require.Equal(t, 204, response.StatusCode, body)
	require.Equal(t, []string{"https://shop.example"}, response.Header["Access-Control-Allow-Origin"])
	require.Equal(t, "PUT", response.Header.Get("Access-Control-Allow-Methods"))
	response, _ = w.fetch(t, "GET", "/web/who", "owner", "", "Origin", "https://elsewhere.example")
	require.Empty(t, response.Header["Access-Control-Allow-Origin"])
	response, _ = w.fetch(t, "OPTIONS", "/web/who", "", "", "Origin", "https://elsewhere.example", "Access-Control-Request-Method", "PUT")
	require.Empty(t, response.Header["Access-Control-Allow-Origin"])
	response, body = w.fetch(t, "OPTIONS", "/open/cors", "", "", "Origin", "https://own.example", "Access-Control-Request-Method", "PUT")
	require.Equal(t, "OPTIONS", body, "code behind a public route may answer by itself")
	require.Equal(t, []string{"https://own.example"}, response.Header["Access-Control-Allow-Origin"])
}

// What code sends before its reply leaves the reply as it is.
func TestHTTP_EarlyHints(t *testing.T) {
	w := web(t)
	var early []int
	trace := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		early = append(early, code)
		return nil
	}})
	response := w.fetching(trace, t, "GET", "/open/hints", "", "")
	require.NoError(t, response.Body.Close())
	require.Equal(t, 403, response.StatusCode)
	require.Empty(t, early)
	require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
	response, body := w.fetch(t, "POST", "/open/missing", "", "text", "Expect", "100-continue")
	require.Equal(t, 404, response.StatusCode, body)
}

func TestHTTP_Failures(t *testing.T) {
	w := web(t)
	for _, size := range []struct{ length, status int }{{1000, 200}, {1001, 413}} {
		for _, body := range []io.Reader{strings.NewReader(strings.Repeat("x", size.length)), io.MultiReader(strings.NewReader(strings.Repeat("x", size.length)))} {
			r, err := http.NewRequestWithContext(t.Context(), "POST", w.url+"/http/"+string(w.app)+"/open/echo", body)
			require.NoError(t, err)
			response, err := http.DefaultTransport.RoundTrip(r)
			require.NoError(t, err)
			require.Equal(t, size.status, response.StatusCode, "%d bytes, length known: %v", size.length, r.ContentLength > 0)
			response.Body.Close()
		}
	}
	response, body := w.fetch(t, "GET", "/open/silent", "", "")
	require.Equal(t, 502, response.StatusCode)
	require.Equal(t, yunduo.ReasonFunctionError, reasonOf(t, body))
	w.deployMain(t, "throws", "throw new Error('on purpose')")
	response, body = w.fetch(t, "GET", "/throws", "owner", "")
	require.Equal(t, 502, response.StatusCode)
	require.Contains(t, body, "on purpose")
	require.NotContains(t, body, "stack")
}

func TestHTTP_EventStream(t *testing.T) {
	w := web(t)
	ctx, cancel := context.WithCancel(t.Context())
	response := w.fetching(ctx, t, "GET", "/open/events", "", "")
	defer response.Body.Close()
	line, err := bufio.NewReader(response.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "data: first\n", line)
	cancel()
	// On a machine with much to do another process may answer, which ends half a minute later.
	require.Eventually(t, func() bool {
		_, gone := w.fetch(t, "GET", "/open/gone", "", "")
		return gone == "1"
	}, time.Minute, 10*time.Millisecond, "the code learns that its listener has gone")
}

func TestHTTP_WebSocket(t *testing.T) {
	w := web(t)
	w.user(t, "li")
	address := "ws" + strings.TrimPrefix(w.url, "http") + "/http/" + string(w.app) + "/web/chat"
	_, response, err := websocket.Dial(t.Context(), address, nil)
	require.Error(t, err)
	require.Equal(t, 401, response.StatusCode)
	conn, _, err := websocket.Dial(t.Context(), address+"?room=1&access_token="+w.tokens["li"], nil)
	require.NoError(t, err)
	defer conn.CloseNow()
	_, message, err := conn.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, "hello li /chat?room=1", string(message))
	require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte("loud")))
	_, message, err = conn.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, "LOUD", string(message))
}

func TestStart_AnswersBeforeTheFunctionRuns(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.user(t, "mei")
	w.deployMain(t, "report", "return { pages: event.month, openid: cloud.getWXContext().OPENID }")
	send := func(as, path, body string, status int) string {
		method := "GET"
		if body != "" {
			method = "POST"
		}
		r, err := http.NewRequestWithContext(t.Context(), method, w.url+"/v1/apps/"+string(w.app)+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+w.tokens[as])
		r.Header.Set("Idempotency-Key", "march")
		response, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, status, response.StatusCode, string(text))
		return string(text)
	}
	var first, second wire.Started
	require.NoError(t, json.Unmarshal([]byte(send("li", "/functions/report/start", `{"month":3}`, 200)), &first))
	require.NoError(t, json.Unmarshal([]byte(send("li", "/functions/report/start", `{"month":3}`, 200)), &second))
	require.Equal(t, first.ID, second.ID)
	require.Eventually(t, func() bool {
		require.NoError(t, json.Unmarshal([]byte(send("li", "/invocations/"+first.ID, "", 200)), &second))
		return second.State == "done"
	}, 20*time.Second, 10*time.Millisecond)
	require.JSONEq(t, `{"pages":3,"openid":"li"}`, string(second.Result))
	require.Equal(t, yunduo.ReasonInvocationNotFound, reasonOf(t, send("mei", "/invocations/"+first.ID, "", 404)))
	require.Equal(t, yunduo.ReasonFunctionNotFound, reasonOf(t, send("li", "/functions/none/start", `{}`, 404)))
}
