package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/wire"
)

// keptConnection sends requests one after the other on the same connection.
type keptConnection struct {
	net.Conn
	in *bufio.Reader
}

func (w *world) keep(t *testing.T) *keptConnection {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &keptConnection{conn, bufio.NewReader(conn)}
}

// post returns the reply's status, headers and body, without what is another one each time.
func (c *keptConnection) post(t *testing.T, path, headers, body string) string {
	t.Helper()
	_, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", path, headers, len(body), body)
	require.NoError(t, err)
	r, err := http.ReadResponse(c.in, nil)
	require.NoError(t, err)
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	id := r.Header.Get("X-Request-Id")
	require.NotEmpty(t, id)
	if !strings.Contains(headers, id) {
		r.Header.Set("X-Request-Id", "new")
	}
	require.NotEmpty(t, r.Header.Get("Date"))
	r.Header.Del("Date")
	var lines strings.Builder
	require.NoError(t, r.Header.Write(&lines))
	return fmt.Sprintf("%s %v\n%s%s", r.Status, r.Close, lines.String(), strings.ReplaceAll(string(text), id, "new"))
}

// Calls of functions that need neither router nor middleware are answered as router and middleware answer them.
func TestQuickCalls_AnswerLikeOrdinaryOnes(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.deployMain(t, "echo", "return { event, openid: require('wx-server-sdk').getWXContext().OPENID, source: context.getRemainingTimeInMillis() > 0 }")
	w.deployMain(t, "fails", "throw new Error('not today')")
	w.deployMain(t, "large", "return 'x'.repeat(event.size)")
	w.deployMain(t, "silent", "")
	host := "Host: " + strings.TrimPrefix(w.url, "http://") + "\r\n"
	li, path := host+"Authorization: Bearer "+w.tokens["li"]+"\r\n", "/v1/apps/"+string(w.app)+"/functions/"
	requests := []struct{ name, path, headers, body string }{
		{"an event", path + "echo", li, `{"n":1,"text":"云"}`},
		{"the same again", path + "echo", li, `{"n":1,"text":"云"}`},
		{"another length", path + "echo", li, `{"n":22}`},
		{"no event", path + "echo", li, ``},
		{"no result", path + "silent", li, `{}`},
		{"a large result", path + "large", li, `{"size":300000}`},
		{"a large event", path + "echo", li, `{"text":"` + strings.Repeat("y", 100_000) + `"}`},
		{"too large for a quick one", path + "echo", li, `{"text":"` + strings.Repeat("y", 300_000) + `"}`},
		{"a failing function", path + "fails", li, `{}`},
		{"an unknown function", path + "nothing", li, `{}`},
		{"an unknown app", "/v1/apps/nowhere/functions/echo", li, `{}`},
		{"no JSON", path + "echo", li, `{"n":`},
		{"no token", path + "echo", host, `{}`},
		{"a wrong token", path + "echo", host + "Authorization: Bearer x.y.z\r\n", `{}`},
		{"another scheme", path + "echo", host + "Authorization: Basic bGk6bGk=\r\n", `{}`},
		{"two tokens", path + "echo", li + "Authorization: Bearer x\r\n", `{}`},
		{"an API key", path + "echo", host + "Authorization: Bearer " + w.keys.APIKey + "\r\n", `{}`},
		{"a request ID", path + "echo", li + "X-Request-Id: abcdefgh-12345\r\n", `{}`},
		{"a request ID that is none", path + "echo", li + "X-Request-Id: <script>\r\n", `{}`},
		{"another device", path + "echo", li + "X-Device-Id: phone\r\n", `{}`},
		{"another host", path + "echo", strings.Replace(li, host, "Host: evil.example\r\n", 1), `{}`},
		{"a query", path + "echo?x=1", li, `{}`},
		{"an escaped name", path + "ec%68o", li, `{}`},
		{"an escaped slash", path + "a%2fb", li, `{}`},
		{"no name", path, li, `{}`},
		{"a longer path", path + "echo/more", li, `{}`},
		{"a page of another origin", path + "echo", li + "Origin: https://evil.example\r\n", `{}`},
		{"a proxy", path + "echo", li + "X-Forwarded-For: 192.0.2.1\r\n", `{}`},
		{"the end", path + "echo", li, `{"n":1}`},
	}
	quick, ordinary := w.keep(t), w.keep(t)
	quick.post(t, path+"echo", li, `{}`) // moves the connection to the loop, and warms the function up
	for _, r := range requests {
		// A header that the server does not know sends a request the ordinary way.
		want := ordinary.post(t, r.path, r.headers+"X-Unknown: 1\r\n", r.body)
		got := quick.post(t, r.path, r.headers, r.body)
		require.Equal(t, len(want), len(got), r.name)
		require.True(t, want == got, "%s: got %.3000s\nwant %.3000s", r.name, got, want)
	}
}

// Calls of functions in the protocols of the official SDKs are no different.
func TestQuickCalls_OfTheSDKs(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.deployMain(t, "echo", "return { event, openid: require('wx-server-sdk').getWXContext().OPENID, quoted: '\"\\\\云\\n' }")
	w.deployMain(t, "fails", "throw new Error('not today')")
	w.deployMain(t, "silent", "")
	host := "Host: " + strings.TrimPrefix(w.url, "http://") + "\r\n"
	key, li := host+"Authorization: Bearer "+w.keys.APIKey+"\r\n", host+"Authorization: Bearer "+w.tokens["li"]+"\r\n"
	call := func(members string) string {
		return `{"action":"functions.invokeFunction",` + members + `}`
	}
	env := `"envName":"` + string(w.app) + `",`
	token := `"access_token":"` + w.tokens["li"] + `","env":"` + string(w.app) + `",`
	signed := func(keys wire.AppKeys, body string) string {
		r, err := http.NewRequest(http.MethodPost, w.url+"/admin", nil)
		require.NoError(t, err)
		sign(t, r, keys, []byte(body))
		lines := host
		for name, values := range r.Header {
			lines += name + ": " + values[0] + "\r\n"
		}
		return lines
	}
	echo := call(env + `"function_name":"echo","request_data":"{\"n\":1,\"text\":\"云\\n\"}"`)
	other := w.keys
	other.SecretKey = "another"
	requests := []struct{ name, path, headers, body string }{
		{"admin, a key", "/admin?env=x&seqId=1", key, echo},
		{"admin, a key again", "/admin?env=x&seqId=1", key, echo},
		{"admin, another address", "/admin?env=x&seqId=2", key, echo},
		{"admin, signed", "/admin", signed(w.keys, echo), echo},
		{"admin, signed again", "/admin", signed(w.keys, echo), echo},
		{"admin, signed with another key", "/admin", signed(other, echo), echo},
		{"admin, signed for another body", "/admin", signed(w.keys, echo), call(env + `"function_name":"fails","request_data":""`)},
		{"admin, unsigned", "/admin", host, echo},
		{"admin, another environment", "/admin", key, call(`"envName":"other","function_name":"echo"`)},
		{"admin, a failing function", "/admin", key, call(env + `"function_name":"fails","request_data":""`)},
		{"admin, no function", "/admin", key, call(env + `"function_name":"nothing","request_data":""`)},
		{"admin, no name", "/admin", key, call(env + `"function_name":5,"request_data":""`)},
		{"admin, no result", "/admin", key, call(env + `"function_name":"silent","request_data":""`)},
		{"admin, no JSON", "/admin", key, echo + "}"},
		{"admin, an event that is no JSON", "/admin", key, call(env + `"function_name":"echo","request_data":"{"`)},
		{"admin, another action", "/admin", key, `{"action":"database.getDocument",` + env + `"collectionName":"none","query":"{\"a\":\"functions.invokeFunction\"}"}`},
		{"admin, headers of the SDK", "/admin", key + "X-SDK-Version: tcb-node-sdk/3\r\nX-TCB-Source: a,b\r\nX-Client-Timestamp: 1\r\n", echo},
		{"admin, a page", "/admin", key + "Origin: https://evil.example\r\n", echo},
		{"web", "/web?env=" + string(w.app), host, call(token + `"function_name":"echo","request_data":"{\"n\":1}"`)},
		{"web, parsed", "/web?env=" + string(w.app) + "&parse=true", host, call(token + `"function_name":"echo","request_data":"{\"n\":1}"`)},
		{"web, a failing function", "/web", host, call(token + `"function_name":"fails","request_data":""`)},
		{"web, a wrong token", "/web", host, call(`"access_token":"x.y.z","function_name":"echo"`)},
		{"web, no token", "/web", host, call(`"function_name":"echo"`)},
		{"web, another environment", "/web?env=other", host, call(`"access_token":"` + w.tokens["li"] + `","function_name":"echo"`)},
		{"web, a trace", "/web", host + "X-TCB-Trace: abc\r\n", call(token + `"function_name":"echo","request_data":""`)},
		{"gateway", "/v1/functions/echo", li, `{"n":1}`},
		{"gateway, a key", "/v1/functions/echo", key, `{"n":1}`},
		{"gateway, no event", "/v1/functions/echo", li, ``},
		{"gateway, no result", "/v1/functions/silent", li, ``},
		{"gateway, a failing function", "/v1/functions/fails", li, `{}`},
		{"gateway, no function", "/v1/functions/nothing", li, `{}`},
		{"gateway, no JSON", "/v1/functions/echo", li, `{`},
		{"gateway, no token", "/v1/functions/echo", host, `{}`},
		{"gateway, a wrong token", "/v1/functions/echo", host + "Authorization: Bearer x.y.z\r\n", `{}`},
		{"gateway, escaped", "/v1/functions/ec%68o", li, `{}`},
		{"gateway, a query", "/v1/functions/echo?a=1", li, `{}`},
		{"gateway, a request ID", "/v1/functions/echo", li + "X-Request-Id: abcdefgh-12345\r\n", `{}`},
	}
	quick, ordinary := w.keep(t), w.keep(t)
	quick.post(t, "/v1/functions/echo", li, `{}`) // moves the connection to the loop, and warms the function up
	for _, r := range requests {
		want := ordinary.post(t, r.path, r.headers+"X-Unknown: 1\r\n", r.body)
		got := quick.post(t, r.path, r.headers, r.body)
		require.True(t, want == got, "%s: got %.3000s\nwant %.3000s", r.name, got, want)
	}
}

// Many users on many connections get their own answers, while some go away in the middle.
func TestQuickCalls_KeepUsersApart(t *testing.T) {
	w := shared.open(t)
	w.deployMain(t, "who", "await new Promise(r => setTimeout(r, event.ms)); return { n: event.n, openid: require('wx-server-sdk').getWXContext().OPENID }")
	const users = 8
	done := make(chan error, users)
	for u := range users {
		name := fmt.Sprintf("user-%d", u)
		w.user(t, name)
		headers := "Host: " + strings.TrimPrefix(w.url, "http://") + "\r\nAuthorization: Bearer " + w.tokens[name] + "\r\n"
		path := "/v1/apps/" + string(w.app) + "/functions/who"
		c := w.keep(t)
		own := ""
		go func() {
			for n := range 40 {
				if n%10 == 9 { // nobody waits for this one
					gone, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
					if err != nil {
						done <- err
						return
					}
					fmt.Fprintf(gone, "POST %s HTTP/1.1\r\n%sContent-Length: 20\r\n\r\n%-20s", path, headers, `{"n":0,"ms":50}`)
					gone.Close()
				}
				body := fmt.Sprintf(`{"n":%d,"ms":%d}`, n, n%3)
				fmt.Fprintf(c, "POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", path, headers, len(body), body)
				r, err := http.ReadResponse(c.in, nil)
				if err != nil {
					done <- err
					return
				}
				var answer struct {
					N      int
					OpenID string
				}
				text, err := io.ReadAll(r.Body)
				if err == nil {
					err = json.Unmarshal(text, &answer)
				}
				if err != nil {
					done <- err
					return
				}
				if own == "" {
					own = answer.OpenID
				}
				if answer.N != n || answer.OpenID != own || own == "" {
					done <- fmt.Errorf("%s: request %d got %s %.300s of %s", name, n, r.Status, text, own)
					return
				}
			}
			done <- nil
		}()
	}
	for range users {
		require.NoError(t, <-done)
	}
}
