package e2e_test

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/auth"
	"yunduo/wire"
)

// realtime is a client of the official SDKs' watch socket.
type realtime struct {
	t       testing.TB
	conn    *websocket.Conn
	queryID string
}

type realtimeEvent struct {
	ID                              uint64
	DataType, QueueType, DocID, Doc string
}

type realtimeMessage struct {
	WatchID, RequestID, MsgType string
	MsgData                     struct {
		EnvID, QueryID, Code, Message string
		CurrEvent                     uint64
		Events                        []realtimeEvent
	}
}

func (w *world) ticket(t testing.TB, who string) string {
	t.Helper()
	caller, err := w.server.Rooms().Auth.Authenticate(t.Context(), w.app, w.tokens[who])
	require.NoError(t, err)
	ticket, err := w.server.Rooms().Auth.Ticket(caller, w.app)
	require.NoError(t, err)
	return ticket
}

// realtime connects without logging in.
func (p *platform) realtime(t testing.TB) *realtime {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(p.url, "http", "ws", 1)+"/ws", nil)
	require.NoError(t, err)
	conn.SetReadLimit(64 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &realtime{t: t, conn: conn}
}

// say sends a message and expects the answer to it.
func (r *realtime) say(kind, watchID string, data any, extra map[string]string) realtimeMessage {
	r.t.Helper()
	message, err := json.Marshal(map[string]any{"watchId": watchID, "requestId": kind, "msgType": kind, "msgData": data, "exMsgData": extra})
	require.NoError(r.t, err)
	require.NoError(r.t, r.conn.Write(r.t.Context(), websocket.MessageText, message))
	m := r.hear()
	require.Equal(r.t, kind, m.RequestID)
	return m
}

func (r *realtime) hear() realtimeMessage {
	r.t.Helper()
	_, text, err := r.conn.Read(r.t.Context())
	require.NoError(r.t, err)
	var m realtimeMessage
	require.NoError(r.t, json.Unmarshal(text, &m), string(text))
	return m
}

func (r *realtime) login(ticket string) {
	r.t.Helper()
	m := r.say("LOGIN", "", map[string]string{}, map[string]string{"signStr": ticket})
	require.Equal(r.t, "LOGIN_RES", m.MsgType)
	require.Empty(r.t, m.MsgData.Code, m.MsgData.Message)
}

// follows expects one event, and returns its document.
func (r *realtime) follows(m realtimeMessage, id uint64, data, queue string) string {
	r.t.Helper()
	require.Equal(r.t, "NEXT_EVENT", m.MsgType, "%+v", m)
	require.Len(r.t, m.MsgData.Events, 1)
	e := m.MsgData.Events[0]
	require.Equal(r.t, []any{id, data, queue, id}, []any{e.ID, e.DataType, e.QueueType, m.MsgData.CurrEvent})
	return e.Doc
}

func (r *realtime) rebuild(event uint64) realtimeMessage {
	r.t.Helper()
	return r.say("REBUILD_WATCH", "w", map[string]any{"collName": "notes", "queryID": r.queryID, "eventID": event}, nil)
}

func TestRealtime_GoesOnExactlyWhereItWas(t *testing.T) {
	dir := t.TempDir()
	config := devConfig(dir)
	p, err := startPlatform(config)
	require.NoError(t, err)
	w := p.open(t)
	w.user(t, "li")
	require.NoError(t, w.owner().CreateCollection(t.Context(), "notes"))
	w.insert(t, "li", "notes", `{"_id":"a","n":0}`)
	r := p.realtime(t)
	r.login(w.ticket(t, "li"))
	first := r.say("INIT_WATCH", "w", map[string]any{"collName": "notes", "query": `{"n":{"$gte":0}}`}, nil)
	require.Equal(t, "INIT_EVENT", first.MsgType)
	require.Equal(t, []realtimeEvent{{1, "init", "init", "a", `{"_id":"a","n":0,"_openid":"li"}`}}, first.MsgData.Events)
	r.queryID = first.MsgData.QueryID
	count := func(times int) {
		for range times {
			w.update(t, "notes", `{"_id":"a"}`, `{"$inc":{"n":1}}`)
		}
	}
	count(1)
	require.JSONEq(t, `{"_id":"a","n":1,"_openid":"li"}`, r.follows(r.hear(), 2, "replace", "update"))

	// The socket dies: what the client has not got comes again, even what was sent.
	require.NoError(t, r.conn.CloseNow())
	count(100)
	again := p.realtime(t)
	again.login(w.ticket(t, "li"))
	again.queryID = r.queryID
	got := again.until(again.rebuild(1), 102)
	require.Len(t, got, 101)
	for i, e := range got {
		require.Equal(t, uint64(i+2), e.ID)
		require.Contains(t, e.Doc, `"n":`+strconv.Itoa(i+1)+`,`)
	}
	check := again.say("CHECK_LAST", "w", map[string]any{"queryID": r.queryID, "eventID": 102}, nil)
	require.Equal(t, []any{"CHECK_EVENT", uint64(102)}, []any{check.MsgType, check.MsgData.CurrEvent})
	require.Empty(t, again.rebuild(102).MsgData.Events) // nothing was missed

	// The server dies, and knows nothing of the watch afterwards.
	require.NoError(t, p.stop())
	config.Listen = "127.0.0.1:0"
	p, err = startPlatform(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.stop()) })
	w.platform = p
	count(1)
	r = p.realtime(t)
	r.queryID = again.queryID
	r.login(w.ticket(t, "li"))
	r.follows(r.rebuild(102), 103, "replace", "update")
	_, err = w.owner().Delete(t.Context(), "notes", deleteOf(`{"_id":"a"}`))
	require.NoError(t, err)
	r.follows(r.hear(), 104, "remove", "dequeue")
	// Other rules: the whole result anew, and when that is nothing, too.
	w.insert(t, "li", "notes", `{"_id":"b","n":1}`)
	r.follows(r.hear(), 105, "add", "enqueue")
	require.NoError(t, w.owner().SetRules(t.Context(), "collection", "notes", `{"read":"doc.n > 1 && doc._openid == auth.openid"}`))
	emptied := r.hear()
	require.Equal(t, uint64(106), emptied.MsgData.CurrEvent)
	require.Equal(t, []string{"init", "dequeue"}, []string{emptied.MsgData.Events[0].QueueType, emptied.MsgData.Events[1].QueueType})
	require.NoError(t, r.conn.CloseNow())
	r = p.realtime(t)
	r.queryID = again.queryID
	r.login(w.ticket(t, "li"))
	require.Equal(t, uint64(106), r.rebuild(105).MsgData.CurrEvent)
}

// until collects events up to one.
func (r *realtime) until(m realtimeMessage, last uint64) []realtimeEvent {
	r.t.Helper()
	events := m.MsgData.Events
	for len(events) == 0 || events[len(events)-1].ID < last {
		events = append(events, r.hear().MsgData.Events...)
	}
	return events
}

func TestRealtime_Refusals(t *testing.T) {
	w, other := notes(t), notes(t)
	r := shared.realtime(t)
	begin := map[string]any{"collName": "notes", "query": "{}"}
	require.Equal(t, "CHECK_LOGIN_FAILED", r.say("INIT_WATCH", "w", begin, nil).MsgData.Code) // it logs in and tries again
	for name, ticket := range map[string]string{
		"none": "", "of nobody": "a.b.c", "an access token": w.tokens["li"], "changed": w.ticket(t, "li") + "x",
	} {
		m := r.say("LOGIN", "", map[string]string{}, map[string]string{"signStr": ticket})
		require.Contains(t, []string{"SIGN_INVALID_ERROR", "CHECK_LOGIN_FAILED"}, m.MsgData.Code, name)
	}
	r.login(w.ticket(t, "li"))
	require.Equal(t, "SIGN_INVALID_ERROR", r.say("LOGIN", "", map[string]string{}, map[string]string{"signStr": other.ticket(t, "li")}).MsgData.Code)
	require.Equal(t, "PONG", r.say("PING", "", nil, nil).MsgType)
	require.NoError(t, w.owner().CreateCollection(t.Context(), "secret"))
	require.NoError(t, w.owner().SetRules(t.Context(), "collection", "secret", "adminonly"))
	for code, data := range map[string]map[string]any{
		"COLLECTION_PERMISSION_DENIED":  {"collName": "secret", "query": "{}"},
		"DATABASE_COLLECTION_NOT_EXIST": {"collName": "missing", "query": "{}"},
		"DATABASE_INVALID_OPERRATOR":    {"collName": "notes", "query": `{"$where":"1"}`},
		"INVALID_PARAM":                 {"collName": "notes", "query": "{}", "orderBy": map[string]int{"a": 1}},
	} {
		m := r.say("INIT_WATCH", "w", data, nil)
		require.Equal(t, []string{"ERROR", code}, []string{m.MsgType, m.MsgData.Code})
	}
	for kind, data := range map[string]map[string]any{
		"REBUILD_WATCH": {"collName": "notes", "queryID": "made up", "eventID": 1},
		"CHECK_LAST":    {"queryID": "made up", "eventID": 1},
	} {
		require.Equal(t, "QUERYID_INVALID_ERROR", r.say(kind, "w", data, nil).MsgData.Code)
	}
	// A query ID says what to watch and from where; it opens nothing.
	r.queryID = r.say("INIT_WATCH", "w", begin, nil).MsgData.QueryID
	thief := shared.realtime(t)
	thief.login(w.ticket(t, "wang"))
	thief.queryID = r.queryID
	w.insert(t, "li", "notes", `{"_id":"a"}`)
	r.follows(r.hear(), 2, "add", "enqueue")
	for _, e := range thief.rebuild(1).MsgData.Events {
		require.NotEqual(t, "a", e.DocID)
	}
	require.NoError(t, w.as(t, "li").Do(t.Context(), "POST", "/v1/apps/"+string(w.app)+"/auth/logout", nil, nil))
	_, _, err := r.conn.Read(t.Context())
	require.Equal(t, websocket.StatusCode(3050), websocket.CloseStatus(err), "%v", err)
}

func TestRealtime_TicketsAreForTheirBearerAlone(t *testing.T) {
	w := notes(t)
	service := w.server.Rooms().Auth
	_, err := service.Verify(t.Context(), "", w.ticket(t, "li"))
	require.Equal(t, yunduo.ReasonTokenInvalid, yunduo.ReasonOf(err))
	_, err = service.Ticket(yunduo.Caller{App: w.app, Role: yunduo.RoleFunction}, w.app)
	require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err))
	caller, err := service.VerifyTicket(context.Background(), w.ticket(t, "owner"))
	require.NoError(t, err)
	require.Equal(t, yunduo.Caller{App: w.app, Role: yunduo.RoleOwner, Provider: auth.ProviderAPIKey}, caller)
}

func deleteOf(filter string) wire.DeleteRequest {
	return wire.DeleteRequest{Filter: json.RawMessage(filter)}
}
