package native

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/api"
	"yunduo/data/documents"
	"yunduo/gateway/exchange"
	"yunduo/gateway/live"
	"yunduo/wire"
)

// watchProtocol is the subprotocol for clients that cannot set headers; bearerProtocol in front of a token carries it.
const (
	watchProtocol  = "yunduo.watch.v1"
	bearerProtocol = "bearer."
)

// maxWatchID is how long the ID of a watch may be, in bytes.
const maxWatchID = 64

// watch upgrades a request to a socket on which queries are watched. Credentials come with the request, as a header or
// a subprotocol, or in the first message.
func (s *surface) watch(c echo.Context) error {
	app := yunduo.AppID(c.Param("app"))
	r := c.Request()
	if !s.Sockets.OriginAllowed(r.Context(), live.OriginOf(r), app) {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "pages of this origin may not use the app; its owner can allow them")
	}
	token := exchange.Bearer(r)
	for _, header := range r.Header.Values("Sec-WebSocket-Protocol") {
		for offered := range strings.SplitSeq(header, ",") {
			if t, ok := strings.CutPrefix(strings.TrimSpace(offered), bearerProtocol); ok && token == "" {
				token = t
			}
		}
	}
	w := &watchSocket{surface: s, app: app, ip: c.RealIP(), baseURL: exchange.BaseURL(r, s.PublicURL)}
	if token != "" { // refused before the upgrade: clients see why
		if err := w.login(r.Context(), token); err != nil {
			return err
		}
	}
	return s.Sockets.Accept(c.Response(), r, []string{watchProtocol}, func(socket *live.Socket) live.Protocol {
		w.socket = socket
		if token != "" {
			w.welcome()
		}
		return w
	})
}

// watchSocket speaks the protocol with one client. Its reader alone changes watches.
type watchSocket struct {
	surface *surface
	socket  *live.Socket
	app     yunduo.AppID
	ip      string
	baseURL string

	mu      sync.Mutex
	caller  yunduo.Caller
	token   string
	expires time.Time
	watches []*watched // few, so a list; those that have not ended
}

var _ live.Protocol = (*watchSocket)(nil)

// login takes credentials, the first ones or newer ones of the same user.
func (w *watchSocket) login(ctx context.Context, token string) error {
	caller, err := w.surface.Rooms.Auth.Authenticate(ctx, w.app, token)
	if err != nil {
		return err
	}
	caller.ClientIP = w.ip
	w.mu.Lock()
	defer w.mu.Unlock()
	if known := w.caller; w.token != "" && (known.Role != caller.Role || known.UserID != caller.UserID || known.App != caller.App || known.OpenID != caller.OpenID) {
		return yunduo.Errorf(yunduo.ReasonTokenInvalid, "the token is of another user; open a new connection")
	}
	w.caller, w.token = caller, strings.Clone(token) // it may be a part of all headers
	w.expires, _ = w.surface.Rooms.Auth.Expires(token)
	return nil
}

// welcome says that the credentials hold, and for how long.
func (w *watchSocket) welcome() {
	w.mu.Lock()
	caller, expires := w.caller, w.expires
	w.mu.Unlock()
	w.socket.Belongs(caller, expires)
	ready := wire.WatchReady{Type: "ready", Protocol: wire.Version}
	if !expires.IsZero() {
		ready.ExpiresInSeconds = max(int64(time.Until(expires).Seconds()), 0)
	}
	w.reply(ready)
}

func (w *watchSocket) reply(message any) {
	if text, err := json.Marshal(message); err == nil {
		w.socket.Reply(text)
	}
}

// parseWatchMessage reads what a client sends. Fields it does not know are left to newer servers.
func parseWatchMessage(text []byte) (*wire.WatchMessage, error) {
	m := &wire.WatchMessage{}
	if err := api.DecodeKnown(text, m); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonMalformedJSON, "a message is a JSON object with the fields of the protocol: %s", yunduo.AsError(err).Message)
	}
	switch m.Type {
	case "watch", "unwatch":
		if m.ID == "" || len(m.ID) > maxWatchID {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "id: a watch is named by 1 to %d bytes", maxWatchID)
		}
	case "auth", "ping":
	default:
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "type: there are auth, watch, unwatch and ping")
	}
	return m, nil
}

// Receive takes a message.
func (w *watchSocket) Receive(ctx context.Context, text []byte) error {
	m, err := parseWatchMessage(text)
	if err != nil {
		return err
	}
	if m.Type == "auth" {
		if err := w.login(ctx, m.Token); err != nil {
			return err
		}
		w.welcome()
		return nil
	}
	w.mu.Lock()
	anonymous := w.token == ""
	w.mu.Unlock()
	if anonymous && m.Type != "ping" {
		return yunduo.Errorf(yunduo.ReasonTokenMissing, "the first message gives the credentials: {\"type\":\"auth\",\"token\":...}")
	}
	switch m.Type {
	case "ping":
		w.reply(wire.WatchPong{Type: "pong"})
	case "watch":
		if err := w.begin(ctx, m); err != nil {
			w.reply(wire.WatchError{Type: "error", ID: m.ID, Error: errorBody(ctx, err)})
		}
	case "unwatch":
		w.end(m.ID)
	}
	return nil
}

func errorBody(ctx context.Context, err error) *wire.ErrorBody {
	body := wire.NewErrorBody(err, yunduo.RequestID(ctx))
	return &body
}

// begin begins a watch; one of the same ID ends.
func (w *watchSocket) begin(ctx context.Context, m *wire.WatchMessage) error {
	w.end(m.ID)
	w.mu.Lock()
	caller, open := w.caller, len(w.watches)
	w.mu.Unlock()
	if open >= live.MaxWatches {
		return yunduo.Errorf(yunduo.ReasonTooManyWatches, "the connection has %d watches; that is the limit", open)
	}
	id, err := json.Marshal(m.ID)
	if err != nil {
		return err
	}
	one := &watched{socket: w, head: string(id)}
	call := &api.Call{Caller: caller, App: w.app, BaseURL: w.baseURL}
	watch, err := w.surface.API.Watch(ctx, call, m, 0, func() { w.socket.Wake(one) })
	if err != nil {
		return err
	}
	w.mu.Lock()
	one.watch = watch
	w.watches = append(slices.Clip(w.watches), one)
	w.mu.Unlock()
	w.socket.Wake(one) // it may have been woken before it was complete
	return nil
}

func (w *watchSocket) end(id string) {
	head, err := json.Marshal(id)
	if err != nil {
		return
	}
	w.mu.Lock()
	at := slices.IndexFunc(w.watches, func(one *watched) bool { return one.head == string(head) })
	var one *watched
	if at >= 0 {
		one = w.watches[at]
		w.forget(one)
	}
	w.mu.Unlock()
	if one != nil {
		one.watch.Close()
	}
}

// forget takes a watch out of the list. The caller holds mu.
func (w *watchSocket) forget(one *watched) {
	w.watches = slices.DeleteFunc(w.watches, func(other *watched) bool { return other == one })
	one.ended = true
}

// Recheck finds out whether the credentials still hold.
func (w *watchSocket) Recheck(ctx context.Context) error {
	w.mu.Lock()
	token := w.token
	w.mu.Unlock()
	if token == "" {
		return nil
	}
	_, err := w.surface.Rooms.Auth.Authenticate(ctx, w.app, token)
	if e := yunduo.AsError(err); e != nil && e.Code() != yunduo.CodeUnauthenticated {
		return nil // not known just now; asked again later
	}
	return err
}

// Farewell tells why the socket ends.
func (w *watchSocket) Farewell(err error) ([][]byte, ws.StatusCode) {
	e := yunduo.AsError(err)
	code := live.CodeInternal
	switch e.Code() {
	case yunduo.CodeUnauthenticated:
		code = live.CodeLogin
	case yunduo.CodeExhausted:
		code = live.CodeSlow
	case yunduo.CodeUnavailable:
		code = live.CodeRestart
	case yunduo.CodeInvalid:
		code = live.CodeProtocol
	}
	if e.Reason == yunduo.ReasonTokenMissing {
		w.mu.Lock()
		if w.token != "" { // the timer of the credentials that were given
			e = yunduo.Errorf(yunduo.ReasonTokenExpired, "the access token has expired; connect again with a new one, or send it before")
		}
		w.mu.Unlock()
	}
	text, err := json.Marshal(wire.WatchError{Type: "error", Error: errorBody(context.Background(), e)})
	if err != nil {
		return nil, code
	}
	return [][]byte{text}, code
}

// Quiet returns newer resume tokens of the watches in which nothing happens.
func (w *watchSocket) Quiet() [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	var messages [][]byte
	for _, one := range w.watches {
		if token, ok := one.watch.Position(); ok {
			if text, err := json.Marshal(wire.WatchPosition{Type: "position", ID: one.id(), Resume: token}); err == nil {
				messages = append(messages, text)
			}
		}
	}
	return messages
}

// Closed ends the watches.
func (w *watchSocket) Closed() {
	w.mu.Lock()
	open := w.watches
	w.watches = nil
	for _, one := range open {
		one.ended = true
	}
	w.mu.Unlock()
	for _, one := range open {
		one.watch.Close()
	}
}

// watched is one watch of a socket. watch, nil until it has begun, and ended are guarded by socket.mu.
type watched struct {
	socket *watchSocket
	head   string // the ID as JSON
	watch  *documents.Watch
	ended  bool
}

// id returns what the client calls the watch.
func (o *watched) id() (id string) {
	_ = json.Unmarshal([]byte(o.head), &id) // it was made of a text
	return id
}

var _ live.Source = (*watched)(nil)

// Messages returns what the watch delivers.
func (o *watched) Messages() [][]byte {
	o.socket.mu.Lock()
	watch, ended := o.watch, o.ended
	o.socket.mu.Unlock()
	if watch == nil || ended {
		return nil
	}
	events, err := watch.Take()
	messages := make([][]byte, 0, len(events)+1)
	for _, e := range events {
		messages = append(messages, o.message(e))
	}
	if err == nil {
		return messages
	}
	o.socket.mu.Lock()
	o.socket.forget(o)
	o.socket.mu.Unlock()
	text, failed := json.Marshal(wire.WatchError{Type: "error", ID: o.id(), Error: errorBody(context.Background(), err)})
	if failed != nil {
		return messages
	}
	return append(messages, text)
}

// message puts the part that only this watch has in front of what all equal ones share.
func (o *watched) message(e *documents.WatchEvent) []byte {
	shared := e.Text(documents.FormNative, appendWatchEvent)
	kind := `{"type":"changes","id":`
	if e.Snapshot {
		kind = `{"type":"snapshot","id":`
	}
	text := make([]byte, 0, len(kind)+len(o.head)+len(shared))
	return append(append(append(text, kind...), o.head...), shared...)
}
