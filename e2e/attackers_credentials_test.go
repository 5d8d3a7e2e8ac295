package e2e_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"yunduo/auth"
	"yunduo/gateway/live"
	"yunduo/server"
)

// What is no access token of the app's opens nothing, in any dialect; what is one, does.
func TestAttackers_TokensInEveryDialect(t *testing.T) {
	w, other := victims(t), victims(t)
	tokens := w.user(t, "zhao")
	ticket := w.ticket(t, "li")
	parts := strings.Split(w.tokens["li"], ".")
	encoded := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	forged := strings.Replace(string(claims), `"role":"user"`, `"role":"owner"`, 1)
	for name, token := range map[string]string{
		"none at all":                 "",
		"alg none":                    encoded(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".",
		"alg none, with a signature":  encoded(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		"claims changed":              parts[0] + "." + encoded(forged+" ") + "." + parts[2],
		"a refresh token":             tokens.RefreshToken,
		"a ticket for watching":       ticket,
		"an ID of a secret":           w.keys.SecretID,
		"a key that is not there":     "ydk_" + strings.Repeat("a", 40),
		"a text of the wrong kind":    `[object Object]`,
		"one character more":          w.tokens["li"] + "x",
		"cut":                         w.tokens["li"][:len(w.tokens["li"])-2],
		"the signature of another":    parts[0] + "." + parts[1] + "." + strings.Split(w.tokens["han"], ".")[2],
		"the secret of the signer":    w.keys.SecretKey,
		"a token of another platform": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsaSJ9.dGhpcyBpcyBubyBzaWduYXR1cmUgb2Ygb3Vycw",
	} {
		t.Run(name, func(t *testing.T) {
			w.tokens["forged"] = token
			for dialect, r := range w.dialects(t, "forged", "mine", spoken{filter: `{}`}) {
				require.Contains(t, []string{"INVALID_REQUEST_SOURCE", "token_missing", "token_invalid", "SIGN_PARAM_INVALID"}, refusal(t, r), "%s: %s", dialect, r.body)
				require.NotContains(t, r.body, "VICTIM")
			}
			me := w.send(t, exchange{method: "GET", path: "/auth/v1/user/me", as: "forged"})
			require.Equal(t, 401, me.status, me.body)
			require.Contains(t, me.body, `"error":"unauthenticated"`)
			admin := w.send(t, exchange{path: "/admin", as: "forged", body: `{"action":"database.getDocument","envName":"{app}","collectionName":"mine"}`})
			require.Contains(t, admin.body, `"code":"`)
			require.NotContains(t, admin.body, "VICTIM")
		})
	}
	for dialect, r := range w.dialects(t, "li", "mine", spoken{filter: `{}`}) {
		require.Contains(t, r.body, "VICTIM", dialect)
	}
	// A token and a key of another app find nothing of this one.
	w.tokens["foreign"], w.tokens["foreign owner"] = other.tokens["li"], other.tokens["owner"]
	for _, who := range []string{"foreign", "foreign owner"} {
		for dialect, r := range w.dialects(t, who, "mine", spoken{document: `{"_id":"from-elsewhere"}`}) {
			require.True(t, dialect == "gateway" || refusal(t, r) != "", "%s: %s: %s", who, dialect, r.body) // the gateway names no app: it is the token's own
		}
	}
	count, err := w.owner().Count(t.Context(), "mine", json.RawMessage(`{"_id":"from-elsewhere"}`))
	require.NoError(t, err)
	require.Zero(t, count)
}

// A session that was ended is ended everywhere at once.
func TestAttackers_EndedSessionsInEveryDialect(t *testing.T) {
	w := victims(t)
	require.NoError(t, w.as(t, "li").Do(t.Context(), "POST", "/v1/apps/"+string(w.app)+"/auth/logout", nil, nil))
	for dialect, r := range w.dialects(t, "li", "mine", spoken{filter: `{}`}) {
		require.NotEmpty(t, refusal(t, r), dialect)
		require.NotContains(t, r.body, "VICTIM", dialect)
	}
}

// A signed request is for one server, path, body and a while; the one that was signed is served.
func TestAttackers_SignedRequests(t *testing.T) {
	var c clock
	p := start(t, func(config *server.Config) { config.Now = c.now })
	w, other := p.open(t), p.open(t)
	require.NoError(t, w.owner().CreateCollection(t.Context(), "notes"))
	w.insert(t, "owner", "notes", `{"_id":"v","text":"VICTIM"}`)
	body := `{"action":"database.getDocument","envName":"` + string(w.app) + `","collectionName":"notes","limit":10}`
	request := func() *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/admin", strings.NewReader(body))
		require.NoError(t, err)
		sign(t, r, w.keys, []byte(body))
		return r
	}
	send := func(r *http.Request) string {
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		var text bytes.Buffer
		_, err = text.ReadFrom(response.Body)
		require.NoError(t, err)
		return text.String()
	}
	require.Contains(t, send(request()), "VICTIM")
	with := func(change func(r *http.Request)) string {
		r := request()
		change(r)
		return send(r)
	}
	sent := func(text string) func(r *http.Request) {
		return func(r *http.Request) {
			again, err := http.NewRequestWithContext(t.Context(), r.Method, r.URL.String(), strings.NewReader(text))
			require.NoError(t, err)
			again.Header = r.Header
			*r = *again
		}
	}
	for name, change := range map[string]func(r *http.Request){
		"a value changed":       sent(strings.Replace(body, "notes", "other", 1)),
		"a member added":        sent(strings.Replace(body, `"limit":10`, `"limit":10,"query":"{}"`, 1)),
		"a member in two cases": sent(strings.Replace(body, `"limit":10`, `"limit":10,"LIMIT":1000`, 1)),
		"a member twice":        sent(strings.Replace(body, `"limit":10`, `"limit":10,"action":"database.removeDocument"`, 1)),
		"no body":               sent(""),
		"another host":          func(r *http.Request) { r.Host = "localhost:1" },
		"a query":               func(r *http.Request) { r.URL.RawQuery = "env=x" },
		"another time":          func(r *http.Request) { r.Header.Set("X-Timestamp", strconv.FormatInt(time.Now().Unix()+60, 10)) },
		"another key's ID": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), w.keys.SecretID, other.keys.SecretID, 1))
		},
		"no key of anybody": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), w.keys.SecretID, "AKIDnone", 1))
		},
		"another content type": func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
	} {
		answer := with(change)
		require.Contains(t, answer, `"code":"`, "%s: %s", name, answer)
		require.NotContains(t, answer, "VICTIM", name)
		require.NotContains(t, answer, w.keys.SecretKey, name)
	}
	// On the web endpoint, whose signatures are over the whole body, this one is none.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/web?env="+string(w.app), strings.NewReader(body))
	require.NoError(t, err)
	r.Header = request().Header
	require.Contains(t, send(r), "SIGN_PARAM_INVALID")
	// Later it is stale.
	late := request()
	c.advance(16 * time.Minute)
	require.Contains(t, send(late), "SIGN_PARAM_INVALID")
}

// Whoever guesses passwords or codes is slowed down, by whichever endpoint: for the account, the address, and the right
// password too. Others are not.
func TestAttackers_Throttles(t *testing.T) {
	p := start(t, func(c *server.Config) {
		c.CodeSender = auth.SenderFunc(func(context.Context, auth.Code) error { return nil })
	})
	w := p.open(t)
	for _, name := range []string{"li", "han"} {
		_, err := w.owner().CreateUser(t.Context(), name, "Pw-12345678")
		require.NoError(t, err)
	}
	signIn := func(name, password, ip string) exchange {
		return exchange{path: "/auth/v1/signin?client_id={app}", header: map[string]string{"X-Forwarded-For": ip}, body: `{"username":"` + name + `","password":"` + password + `"}`}
	}
	signIn1 := func(name, password, ip string) exchange {
		return exchange{path: "/web?env={app}", header: map[string]string{"X-Forwarded-For": ip}, body: `{"action":"auth.signIn","username":"` + name + `","password":"` + password + `"}`}
	}
	for i := range 10 { // by turns on two endpoints and from many addresses
		e := signIn("li", "wrong", fmt.Sprintf("203.0.113.%d", i))
		if i%2 == 1 {
			e = signIn1("li", "wrong", fmt.Sprintf("203.0.113.%d", i))
		}
		require.Contains(t, w.send(t, e).body, map[bool]string{false: "invalid_username_or_password", true: `"code"`}[i%2 == 1])
	}
	w.run(t, []exchange{
		{name: "the account is closed for a while", path: signIn("li", "Pw-12345678", "198.51.100.1").path, body: signIn("li", "Pw-12345678", "").body, status: 429, signIn: "resource_exhausted"},
		{name: "by actions too", path: "/web?env={app}", body: signIn1("li", "Pw-12345678", "").body, code: "EXCEED_REQUEST_LIMIT"},
		{name: "another account is not", path: signIn("han", "Pw-12345678", "").path, body: signIn("han", "Pw-12345678", "").body, want: []string{"access_token"}},
	})
	code := func(email, ip string) exchange {
		return exchange{path: "/auth/v1/verification?client_id={app}", header: map[string]string{"X-Forwarded-For": ip}, body: `{"email":"` + email + `","target":"ANY"}`}
	}
	require.Equal(t, 200, w.send(t, code("li@example.com", "198.51.100.21")).status)
	require.Equal(t, 429, w.send(t, code("li@example.com", "198.51.100.22")).status)
	require.Contains(t, w.send(t, exchange{path: "/web?env={app}", body: `{"action":"auth.sendPhoneCode","phoneNumber":"13900000000"}`}).body, "Ok")
	require.Contains(t, w.send(t, exchange{path: "/web?env={app}", body: `{"action":"auth.sendPhoneCode","phoneNumber":"+86 13900000000"}`}).body, "EXCEED_REQUEST_LIMIT")
	many := 0
	for i := range 200 {
		if w.send(t, code(fmt.Sprintf("p%d@example.com", i), "198.51.100.29")).status == 429 {
			many++
		}
	}
	require.Positive(t, many)
}

// A socket that breaks the protocol is closed or told; its neighbours go on.
func TestAttackers_Frames(t *testing.T) {
	w := notes(t)
	witness := shared.realtime(t)
	witness.login(w.ticket(t, "li"))
	witness.queryID = witness.say("INIT_WATCH", "w", map[string]any{"collName": "notes", "query": "{}"}, nil).MsgData.QueryID
	for name, frame := range map[string][]byte{
		"too large": bytes.Repeat([]byte("a"), live.MaxMessage+1),
		"no JSON":   []byte("{"),
		"a list":    []byte("[]"),
		"too deep":  []byte(strings.Repeat("[", 100_000)),
		"long IDs":  []byte(`{"watchId":"` + strings.Repeat("x", 300) + `","msgType":"PING"}`),
		"a number":  []byte(`{"watchId":7,"msgType":"PING"}`),
	} {
		r := shared.realtime(t)
		require.NoError(t, r.conn.Write(t.Context(), websocket.MessageText, frame), name)
		_, _, err := r.conn.Read(t.Context())
		require.Error(t, err, name)
		require.NotEqual(t, websocket.StatusNormalClosure, websocket.CloseStatus(err), name)
	}
	r := shared.realtime(t)
	require.NoError(t, r.conn.Write(t.Context(), websocket.MessageBinary, []byte(`{"msgType":"PING"}`)))
	_, _, err := r.conn.Read(t.Context())
	require.Error(t, err)

	r = shared.realtime(t)
	r.login(w.ticket(t, "wang"))
	require.Equal(t, "INVALID_PARAM", r.say("SOMETHING", "w", nil, nil).MsgData.Code)
	first := r.say("INIT_WATCH", "0", map[string]any{"collName": "notes", "query": "{}"}, nil)
	r.queryID = first.MsgData.QueryID
	for _, event := range []uint64{0, 1 << 62} { // an event that never was
		m := r.rebuild(event)
		require.Contains(t, []string{"ERROR", "NEXT_EVENT"}, m.MsgType)
	}
	refused := 0
	for i := range live.MaxWatches + 5 {
		if r.say("INIT_WATCH", "w"+strconv.Itoa(i), map[string]any{"collName": "notes", "query": "{}"}, nil).MsgType == "ERROR" {
			refused++
		}
	}
	require.Positive(t, refused)
	w.insert(t, "li", "notes", `{"_id":"after"}`)
	witness.follows(witness.hear(), 2, "add", "enqueue")
}

// Refusals are in the server's log under the ID that the client was told.
func TestAttackers_AreInTheLog(t *testing.T) {
	var log safeBuffer
	p := start(t, func(c *server.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	w := p.open(t)
	w.tokens["forged"] = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJsaSJ9."
	for _, e := range []exchange{
		{method: "GET", path: rest + "notes/documents", as: "forged"},
		{path: "/web?env={app}", body: `{"action":"database.queryDocument","env":"{app}","collectionName":"notes","access_token":"forged"}`},
		{path: "/admin", body: `{"action":"database.getDocument"}`},
		{path: "/auth/v1/signin?client_id={app}", body: `{"username":"nobody","password":"Secret-Password-1"}`},
	} {
		r := w.send(t, e)
		require.Contains(t, log.String(), r.header.Get("X-Request-Id"), e.path)
	}
	require.NotContains(t, log.String(), "Secret-Password-1")
	require.NotContains(t, log.String(), w.tokens["forged"])
	require.NotContains(t, log.String(), w.keys.SecretKey)
}

type safeBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *safeBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(text)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
