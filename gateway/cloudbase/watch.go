package cloudbase

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/gobwas/ws"
	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
	"yunduo/gateway/live"
)

// The watch socket of js-sdk 1, 2 and 3. A client asks for a ticket by auth.wsWebSign, connects to /ws, logs in with
// the ticket and begins watches. Every event of a watch has an ID that is one more than that of the one before; after
// a lost connection the client asks for what follows the last ID it has.

// codeNotAuthenticated closes a socket so that the client does not come back.
const codeNotAuthenticated = ws.StatusCode(3050)

// watchTicket is the action auth.wsWebSign.
func watchTicket(_ context.Context, r *request) (*reply, error) {
	ticket, err := r.surface.Rooms.Auth.Ticket(r.call.Caller, r.call.App)
	if err != nil {
		return nil, err
	}
	url := strings.Replace(r.call.BaseURL, "http", "ws", 1) + "/ws"
	return &reply{Data: map[string]any{"signStr": ticket, "wsUrl": url, "secretVersion": 1, "envId": string(r.call.App)}}, nil
}

// watchMessage is what a client sends.
type watchMessage struct {
	WatchID   string          `json:"watchId"`
	RequestID string          `json:"requestId"`
	Type      string          `json:"msgType"`
	Data      watchRequest    `json:"msgData"`
	Extra     json.RawMessage `json:"exMsgData"`
}

// watchRequest are the members of msgData, by type of message.
type watchRequest struct {
	EnvID      string          `json:"envId"`
	Collection string          `json:"collName"`
	Query      string          `json:"query"`
	Limit      int64           `json:"limit"`
	OrderBy    json.RawMessage `json:"orderBy"`
	QueryID    string          `json:"queryID"`
	EventID    uint64          `json:"eventID"`
}

// watchAnswer is what the server sends.
type watchAnswer struct {
	WatchID   string `json:"watchId,omitempty"`
	RequestID string `json:"requestId,omitempty"`
	Type      string `json:"msgType"`
	Data      any    `json:"msgData"`
}

// webSocket upgrades a request. Which app's pages may connect is known after the login only.
func (s *surface) webSocket(c echo.Context) error {
	w := &watchSocket{surface: s, origin: live.OriginOf(c.Request()), ip: c.RealIP(), baseURL: exchange.BaseURL(c.Request(), s.PublicURL)}
	return s.Sockets.Accept(c.Response(), c.Request(), nil, func(socket *live.Socket) live.Protocol {
		w.socket = socket
		return w
	})
}

// watchSocket speaks the protocol with one client. Its reader alone changes watches.
type watchSocket struct {
	surface *surface
	socket  *live.Socket
	origin  live.Origin
	ip      string
	baseURL string

	mu      sync.Mutex
	caller  yunduo.Caller // of no role before the login
	watches []*watched    // few, so a list; those that have not ended
}

var _ live.Protocol = (*watchSocket)(nil)

func (w *watchSocket) send(answer watchAnswer) {
	if text, err := json.Marshal(answer); err == nil {
		w.socket.Reply(text)
	}
}

// watchFailure is the msgData of an error.
type watchFailure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// failureCode says an error in the words of the client, who comes back with a new ticket for some of them and ends the
// watch for the others.
func failureCode(err error) watchFailure {
	e := yunduo.AsError(err)
	f := watchFailure{Code: e.Reason.CloudBase(), Message: e.Message}
	switch e.Reason {
	case yunduo.ReasonPermissionDenied:
		f.Code = "COLLECTION_PERMISSION_DENIED"
	case yunduo.ReasonTokenExpired:
		f.Code = "SIGN_EXPIRED_ERROR"
	case yunduo.ReasonTokenInvalid:
		f.Code = "SIGN_INVALID_ERROR"
	case yunduo.ReasonTokenMissing, yunduo.ReasonSessionRevoked:
		f.Code = "CHECK_LOGIN_FAILED"
	}
	return f
}

func (w *watchSocket) fail(m *watchMessage, err error) {
	w.send(watchAnswer{WatchID: m.WatchID, RequestID: m.RequestID, Type: "ERROR", Data: failureCode(err)})
}

// parseWatchMessage reads what a client sends.
func parseWatchMessage(text []byte) (*watchMessage, error) {
	m := &watchMessage{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonMalformedJSON, "a message is a JSON object with watchId, requestId, msgType and msgData")
	}
	if len(m.WatchID) > 256 || len(m.RequestID) > 256 {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "watchId and requestId have at most 256 bytes")
	}
	return m, nil
}

// Receive takes a message.
func (w *watchSocket) Receive(ctx context.Context, text []byte) error {
	m, err := parseWatchMessage(text)
	if err != nil {
		return err
	}
	switch m.Type {
	case "LOGIN":
		w.login(ctx, m)
		return nil
	case "PING":
		w.send(watchAnswer{RequestID: m.RequestID, Type: "PONG"})
		return nil
	case "CLOSE_WATCH":
		w.end(m.WatchID, true)
		return nil
	}
	w.mu.Lock()
	caller := w.caller
	w.mu.Unlock()
	if caller.Role == "" { // it logs in and tries again
		w.fail(m, yunduo.Errorf(yunduo.ReasonTokenMissing, "log in first"))
		return nil
	}
	switch m.Type {
	case "INIT_WATCH":
		err = w.begin(ctx, caller, m, watchQuery{Collection: m.Data.Collection, Query: m.Data.Query, Limit: m.Data.Limit, OrderBy: m.Data.OrderBy}, "", 0)
	case "REBUILD_WATCH":
		err = w.rebuild(ctx, caller, m)
	case "CHECK_LAST":
		err = w.check(m)
	default:
		err = yunduo.Errorf(yunduo.ReasonInvalidRequest, "msgType: there is no %q", clip(m.Type))
	}
	if err != nil {
		w.fail(m, err)
	}
	return nil
}

// login takes a ticket; a later one must be of the same user.
func (w *watchSocket) login(ctx context.Context, m *watchMessage) {
	caller, err := w.verify(ctx, m)
	if err != nil {
		w.send(watchAnswer{RequestID: m.RequestID, Type: "LOGIN_RES", Data: failureCode(err)})
		return
	}
	w.socket.Belongs(caller, noExpiry)
	w.send(watchAnswer{RequestID: m.RequestID, Type: "LOGIN_RES", Data: map[string]string{"envId": string(caller.App)}})
}

func (w *watchSocket) verify(ctx context.Context, m *watchMessage) (yunduo.Caller, error) {
	var extra struct {
		SignStr string `json:"signStr"`
	}
	if len(m.Extra) == 0 || json.Unmarshal(m.Extra, &extra) != nil || extra.SignStr == "" {
		return yunduo.Caller{}, yunduo.Errorf(yunduo.ReasonTokenMissing, "exMsgData.signStr: the ticket of auth.wsWebSign is missing")
	}
	caller, err := w.surface.Rooms.Auth.VerifyTicket(ctx, extra.SignStr)
	if err != nil {
		return caller, err
	}
	if !w.surface.Sockets.OriginAllowed(ctx, w.origin, caller.App) {
		return caller, yunduo.Errorf(yunduo.ReasonPermissionDenied, "pages of this origin may not use the app; its owner can allow them")
	}
	caller.ClientIP = w.ip
	w.mu.Lock()
	defer w.mu.Unlock()
	if known := w.caller; known.Role != "" && (known.App != caller.App || known.UserID != caller.UserID || known.Role != caller.Role) {
		return caller, yunduo.Errorf(yunduo.ReasonTokenInvalid, "the ticket is of another user; open a new connection")
	}
	w.caller = caller
	return caller, nil
}

// begin begins a watch, from its beginning or after an event that the client has.
func (w *watchSocket) begin(ctx context.Context, caller yunduo.Caller, m *watchMessage, q watchQuery, after string, skip uint64) error {
	app, err := w.surface.environment(caller, m.Data.EnvID)
	if err != nil {
		return err
	}
	w.end(m.WatchID, false)
	w.mu.Lock()
	open := len(w.watches)
	w.mu.Unlock()
	if open >= live.MaxWatches {
		return yunduo.Errorf(yunduo.ReasonTooManyWatches, "the connection has %d watches; that is the limit", open)
	}
	one := &watched{socket: w, id: m.WatchID, app: app, request: m.RequestID, query: q, queryID: m.Data.QueryID, last: m.Data.EventID, skip: skip, rebuilding: after != ""}
	if err := one.open(ctx, caller, after); err != nil {
		return err
	}
	w.mu.Lock()
	w.watches = append(slices.Clip(w.watches), one)
	w.mu.Unlock()
	w.socket.Wake(one)
	return nil
}

// rebuild goes on with a watch of an earlier socket, after an event that the client has.
func (w *watchSocket) rebuild(ctx context.Context, caller yunduo.Caller, m *watchMessage) error {
	q, base, err := parseQueryID(m.Data.QueryID)
	if err != nil {
		return err
	}
	// The socket may be the same one: what it has delivered is known then.
	w.end(m.WatchID, false)
	from := w.surface.marks.find(m.Data.QueryID, m.Data.EventID)
	if from.token == "" {
		from = mark{event: firstEvent, token: base}
	}
	if m.Data.EventID < from.event {
		return errQueryID("eventID: the watch has no such event")
	}
	return w.begin(ctx, caller, m, q, from.token, m.Data.EventID-from.event)
}

// check tells a client that has heard nothing for a while how far it should be.
func (w *watchSocket) check(m *watchMessage) error {
	w.mu.Lock()
	at := w.find(m.WatchID)
	var one *watched
	if at >= 0 {
		one = w.watches[at]
	}
	w.mu.Unlock()
	if one == nil || one.queryID != m.Data.QueryID {
		return errQueryID("queryID: the connection has no such watch")
	}
	w.send(watchAnswer{WatchID: m.WatchID, RequestID: m.RequestID, Type: "CHECK_EVENT", Data: map[string]any{
		"queryID": one.queryID, "currEvent": one.acknowledged(m.Data.EventID),
	}})
	return nil
}

// end ends a watch; for good, or so that it can be gone on with.
func (w *watchSocket) end(id string, forGood bool) {
	w.mu.Lock()
	at := w.find(id)
	var one *watched
	if at >= 0 {
		one = w.watches[at]
		w.watches = slices.Delete(w.watches, at, at+1)
	}
	w.mu.Unlock()
	if one != nil {
		one.close(forGood)
	}
}

// find returns the place of a watch in the list, -1 if it has none. The caller holds mu.
func (w *watchSocket) find(id string) int {
	return slices.IndexFunc(w.watches, func(one *watched) bool { return one.id == id })
}

// Recheck finds out whether the login still holds.
func (w *watchSocket) Recheck(ctx context.Context) error {
	w.mu.Lock()
	caller := w.caller
	w.mu.Unlock()
	var err error
	switch {
	case caller.SessionID != "":
		_, err = w.surface.Rooms.Auth.SessionCaller(ctx, caller.SessionID)
	case caller.App != "":
		err = w.surface.Rooms.Apps.Exists(ctx, caller.App)
	}
	if e := yunduo.AsError(err); e != nil && e.Code() != yunduo.CodeUnauthenticated && e.Reason != yunduo.ReasonAppNotFound {
		return nil // not known just now; asked again later
	}
	return err
}

// Farewell returns the code to close with: the client comes back by itself unless it is told not to.
func (w *watchSocket) Farewell(err error) ([][]byte, ws.StatusCode) {
	switch yunduo.AsError(err).Code() {
	case yunduo.CodeUnauthenticated, yunduo.CodeNotFound:
		return nil, codeNotAuthenticated
	case yunduo.CodeExhausted:
		return nil, live.CodeSlow
	case yunduo.CodeUnavailable:
		return nil, live.CodeRestart
	case yunduo.CodeInvalid:
		return nil, live.CodeProtocol
	}
	return nil, live.CodeInternal
}

// Quiet has nothing to tell: clients ask by CHECK_LAST.
func (w *watchSocket) Quiet() [][]byte { return nil }

// Closed ends the watches, so that their clients can go on with them.
func (w *watchSocket) Closed() {
	w.mu.Lock()
	open := w.watches
	w.watches = nil
	w.mu.Unlock()
	for _, one := range open {
		one.close(false)
	}
}

func errQueryID(text string) error {
	return yunduo.Errorf(yunduo.ReasonQueryIDInvalid, "%s", text)
}
