package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/gateway/live"
	"yunduo/wire"
)

// watchMessage is any message of the server.
type watchMessage struct {
	Type      string
	ID        string
	Reset     string
	Documents []json.RawMessage
	Changes   []wire.WatchChange
	Resume    string
	Error     *wire.ErrorBody
	ExpiresIn int64
}

// socket is a client of the watch socket.
type socket struct {
	t    testing.TB
	conn *websocket.Conn
}

func dial(t testing.TB, url string, app yunduo.AppID, options *websocket.DialOptions) (*socket, *http.Response, error) {
	conn, response, err := websocket.Dial(t.Context(), strings.Replace(url, "http", "ws", 1)+"/v1/apps/"+string(app)+"/watch", options)
	if err != nil {
		return nil, response, err
	}
	conn.SetReadLimit(64 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &socket{t, conn}, response, nil
}

// connect opens a socket as the named caller.
func (w *world) connect(t testing.TB, who string) *socket {
	t.Helper()
	s, _, err := dial(t, w.url, w.app, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + w.tokens[who]}}})
	require.NoError(t, err)
	require.Equal(t, "ready", s.next().Type)
	return s
}

func (s *socket) send(message string) {
	s.t.Helper()
	require.NoError(s.t, s.conn.Write(s.t.Context(), websocket.MessageText, []byte(message)))
}

func (s *socket) receive(ctx context.Context) (m watchMessage, err error) {
	_, text, err := s.conn.Read(ctx)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}

func (s *socket) next() watchMessage {
	s.t.Helper()
	m, err := s.receive(s.t.Context())
	require.NoError(s.t, err)
	return m
}

// ends expects an error about the socket itself and then the close code.
func (s *socket) ends(reason yunduo.Reason, code websocket.StatusCode) {
	s.t.Helper()
	m := s.next()
	require.Equal(s.t, "error", m.Type)
	require.Empty(s.t, m.ID)
	require.Equal(s.t, string(reason), m.Error.Reason)
	_, err := s.receive(s.t.Context())
	require.Equal(s.t, code, websocket.CloseStatus(err), "%v", err)
}

func (s *socket) snapshot(id, reset string, documents ...string) watchMessage {
	s.t.Helper()
	m := s.next()
	require.Equal(s.t, []any{"snapshot", id, reset}, []any{m.Type, m.ID, m.Reset}, "%v", m.Error)
	got := []string{}
	for _, d := range m.Documents {
		got = append(got, string(d))
	}
	require.Equal(s.t, append([]string{}, documents...), got)
	require.NotEmpty(s.t, m.Resume)
	return m
}

func (s *socket) change(id, move, cause, document string) watchMessage {
	s.t.Helper()
	m := s.next()
	require.Equal(s.t, []any{"changes", id}, []any{m.Type, m.ID}, "%v", m.Error)
	require.Len(s.t, m.Changes, 1)
	require.Equal(s.t, []any{move, cause, document}, []any{m.Changes[0].Move, m.Changes[0].Cause, string(m.Changes[0].Document)})
	return m
}

func (w *world) update(t *testing.T, collection, filter, update string) {
	t.Helper()
	_, err := w.owner().Update(t.Context(), collection, wire.UpdateRequest{Filter: json.RawMessage(filter), Update: json.RawMessage(update), Multi: true})
	require.NoError(t, err)
}

// notes is an app with the collection notes and the users li and wang.
func notes(t *testing.T) *world {
	t.Helper()
	w := shared.open(t)
	w.user(t, "li")
	w.user(t, "wang")
	require.NoError(t, w.owner().CreateCollection(t.Context(), "notes"))
	return w
}

func TestWatchSocket_DeliversAndResumes(t *testing.T) {
	w := notes(t)
	w.insert(t, "li", "notes", `{"_id":"a","n":1}`)
	s := w.connect(t, "li")
	s.send(`{"type":"watch","id":"1","collection":"notes"}`)
	s.send(`{"type":"watch","id":"2","collection":"notes","filter":{"n":{"$gt":1}},"sort":{"n":-1},"limit":1}`)
	s.send(`{"type":"ping"}`)
	require.Equal(t, "pong", s.unordered(3)["pong"].Type)
	w.insert(t, "wang", "notes", `{"_id":"b","n":9}`) // never seen
	w.insert(t, "li", "notes", `{"_id":"c","n":2}`)
	got := s.unordered(2)
	require.JSONEq(t, `{"_id":"c","n":2,"_openid":"li"}`, string(got["1"].Changes[0].Document))
	require.JSONEq(t, `{"_id":"c","n":2,"_openid":"li"}`, string(got["2"].Changes[0].Document))
	s.send(`{"type":"unwatch","id":"2"}`)
	s.send(`{"type":"unwatch","id":"never begun"}`)
	w.update(t, "notes", `{"_id":"c"}`, `{"$set":{"n":3}}`)
	last := s.change("1", "update", "update", `{"_id":"c","n":3,"_openid":"li"}`)
	require.NoError(t, s.conn.CloseNow())

	w.update(t, "notes", `{"_id":"c"}`, `{"$set":{"n":4}}`)
	_, err := w.owner().Delete(t.Context(), "notes", wire.DeleteRequest{Filter: json.RawMessage(`{"_id":"a"}`)})
	require.NoError(t, err)
	s = w.connect(t, "li")
	s.send(`{"type":"watch","id":"again","collection":"notes","resume":"` + last.Resume + `"}`)
	s.change("again", "update", "update", `{"_id":"c","n":4,"_openid":"li"}`)
	s.change("again", "leave", "delete", "")
	// The token is of li's view, so it is worth nothing to wang.
	other := w.connect(t, "wang")
	other.send(`{"type":"watch","id":"1","collection":"notes","resume":"` + last.Resume + `"}`)
	other.snapshot("1", "position", `{"_id":"b","n":9,"_openid":"wang"}`)
}

// unordered reads messages whose order does not matter, by watch or else type.
func (s *socket) unordered(n int) map[string]watchMessage {
	s.t.Helper()
	got := map[string]watchMessage{}
	for range n {
		m := s.next()
		require.Nil(s.t, m.Error)
		key := m.ID
		if key == "" {
			key = m.Type
		}
		got[key] = m
	}
	return got
}

func TestWatchSocket_WaysToSignIn(t *testing.T) {
	w := notes(t)
	s, response, err := dial(t, w.url, w.app, &websocket.DialOptions{Subprotocols: []string{"yunduo.watch.v1", "bearer." + w.tokens["li"]}})
	require.NoError(t, err)
	require.Equal(t, "yunduo.watch.v1", response.Header.Get("Sec-WebSocket-Protocol"))
	ready := s.next()
	require.Equal(t, "ready", ready.Type)
	require.Positive(t, ready.ExpiresIn)

	s, _, err = dial(t, w.url, w.app, nil)
	require.NoError(t, err)
	s.send(`{"type":"ping"}`)
	require.Equal(t, "pong", s.next().Type)
	s.send(`{"type":"auth","token":"` + w.tokens["li"] + `"}`)
	require.Equal(t, "ready", s.next().Type)
	s.send(`{"type":"watch","id":"1","collection":"notes"}`)
	s.snapshot("1", "")
	renewed, err := w.as(t, "li").Login(t.Context(), "wechat", map[string]string{"code": "dev:li"})
	require.NoError(t, err)
	s.send(`{"type":"auth","token":"` + renewed.AccessToken + `"}`) // the watch goes on
	require.Equal(t, "ready", s.next().Type)
	w.insert(t, "li", "notes", `{"_id":"a"}`)
	s.change("1", "enter", "insert", `{"_id":"a","_openid":"li"}`)
	s.send(`{"type":"auth","token":"` + w.tokens["wang"] + `"}`)
	s.ends(yunduo.ReasonTokenInvalid, 4401)

	owner := w.connect(t, "owner")
	owner.send(`{"type":"watch","id":"1","collection":"notes"}`)
	owner.snapshot("1", "", `{"_id":"a","_openid":"li"}`)
}

func TestWatchSocket_Refusals(t *testing.T) {
	w, other := notes(t), shared.open(t)
	for name, test := range map[string]struct {
		options websocket.DialOptions
		status  int
		reason  yunduo.Reason
	}{
		"a foreign page":      {websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}, "Authorization": {"Bearer " + w.tokens["li"]}}}, 403, yunduo.ReasonPermissionDenied},
		"another app's key":   {websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + other.keys.APIKey}}}, 401, yunduo.ReasonTokenInvalid},
		"a token of nobody":   {websocket.DialOptions{Subprotocols: []string{"yunduo.watch.v1", "bearer.a.b.c"}}, 401, yunduo.ReasonTokenInvalid},
		"a page, and a token": {websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"null"}, "Authorization": {"Bearer " + w.tokens["li"]}}}, 403, yunduo.ReasonPermissionDenied},
	} {
		t.Run(name, func(t *testing.T) {
			_, response, err := dial(t, w.url, w.app, &test.options)
			require.Error(t, err)
			require.Equal(t, test.status, response.StatusCode)
			var envelope wire.ErrorEnvelope
			require.NoError(t, json.NewDecoder(response.Body).Decode(&envelope))
			require.Equal(t, string(test.reason), envelope.Error.Reason)
		})
	}
	for name, test := range map[string]struct {
		message string
		reason  yunduo.Reason
		code    websocket.StatusCode
	}{
		"no JSON":              {`{`, yunduo.ReasonMalformedJSON, websocket.StatusPolicyViolation},
		"no object":            {`7`, yunduo.ReasonMalformedJSON, websocket.StatusPolicyViolation},
		"an unknown type":      {`{"type":"shout"}`, yunduo.ReasonInvalidRequest, websocket.StatusPolicyViolation},
		"a watch without name": {`{"type":"watch","collection":"notes"}`, yunduo.ReasonInvalidRequest, websocket.StatusPolicyViolation},
		"no credentials":       {`{"type":"watch","id":"1","collection":"notes"}`, yunduo.ReasonTokenMissing, 4401},
		"wrong credentials":    {`{"type":"auth","token":"x"}`, yunduo.ReasonTokenInvalid, 4401},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, err := dial(t, w.url, w.app, nil)
			require.NoError(t, err)
			s.send(test.message)
			s.ends(test.reason, test.code)
		})
	}
	t.Run("a message beyond the limit", func(t *testing.T) {
		s := w.connect(t, "li")
		s.send(strings.Repeat(" ", 4*live.MaxMessage))
		s.ends(yunduo.ReasonBodyTooLarge, websocket.StatusMessageTooBig)
	})
	t.Run("a watch that is refused leaves the others", func(t *testing.T) {
		s := w.connect(t, "li")
		for message, reason := range map[string]yunduo.Reason{
			`{"type":"watch","id":"1","collection":"_collections"}`:                              yunduo.ReasonInvalidCollectionName,
			`{"type":"watch","id":"1"}`:                                                          yunduo.ReasonInvalidRequest,
			`{"type":"watch","id":"1","collection":"missing"}`:                                   yunduo.ReasonCollectionNotFound,
			`{"type":"watch","id":"1","collection":"notes","filter":{"a":{"$where":"1"}}}`:       yunduo.ReasonUnknownOperator,
			`{"type":"watch","id":"1","collection":"notes","resume":"abc"}`:                      yunduo.ReasonInvalidRequest,
			`{"type":"watch","id":"1","collection":"notes","filter":{"a":{"$near":[1,2]}}}`:      yunduo.ReasonInvalidFilter,
			`{"type":"watch","id":"1","collection":"notes","filter":{"$expr":{"$function":{}}}}`: yunduo.ReasonUnknownOperator,
		} {
			s.send(message)
			m := s.next()
			require.Equal(t, []any{"error", "1", string(reason)}, []any{m.Type, m.ID, m.Error.Reason}, message)
		}
		for i := range 101 {
			s.send(`{"type":"watch","id":"w` + string(rune('A'+i/10)) + string(rune('0'+i%10)) + `","collection":"notes"}`)
		}
		refused := 0
		for range 101 {
			if m := s.next(); m.Type == "error" {
				require.Equal(t, string(yunduo.ReasonTooManyWatches), m.Error.Reason)
				refused++
			}
		}
		require.Equal(t, 1, refused)
	})
}

func TestWatchSocket_EndsWithTheLogin(t *testing.T) {
	w := notes(t)
	s, bystander := w.connect(t, "li"), w.connect(t, "wang")
	require.NoError(t, w.as(t, "li").Do(t.Context(), "POST", "/v1/apps/"+string(w.app)+"/auth/logout", nil, nil))
	s.ends(yunduo.ReasonSessionRevoked, 4401)
	bystander.send(`{"type":"ping"}`)
	require.Equal(t, "pong", bystander.next().Type)
}

func TestWatchSocket_ServerThatStopsSaysSo(t *testing.T) {
	p := start(t, nil)
	w := p.open(t)
	s := w.connect(t, "owner")
	stopped := make(chan error, 1)
	go func() { stopped <- p.stop() }()
	s.ends(yunduo.ReasonShuttingDown, websocket.StatusServiceRestart)
	require.NoError(t, <-stopped)
}
