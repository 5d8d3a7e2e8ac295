package cloudbase

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
)

// Quick answers calls of functions without router and middleware, which take longer than most functions do.
type Quick struct{ surface *surface }

// Routes by which the ordinary way knows calls of functions.
const (
	adminRoute  = "/admin"
	webRoute    = "/web"
	invokeRoute = "/v1/functions/:name"

	invokePrefix = "/v1/functions/"
)

var invokeAction = []byte(`"functions.invokeFunction"`)

// Takes reports whether a POST to a path may be a call of a function. begun is what has come of its body.
func (q *Quick) Takes(path string, begun []byte) bool {
	switch path {
	case adminRoute, webRoute:
		return bytes.Contains(begun, invokeAction)
	}
	name, ok := strings.CutPrefix(path, invokePrefix)
	return ok && name != "" && !strings.Contains(name, "/")
}

// Call is a call of a function by who has proved who they are.
type Call struct {
	Route   string // by which the ordinary way knows the request
	request *request
	name    string          // on the gateway endpoint
	event   json.RawMessage // there
	room    *params         // elsewhere: the memory of its members
}

// rooms are the memory of the members of calls that are being done.
var rooms = sync.Pool{New: func() any {
	room := make(params, 0, 16)
	return &room
}}

// Head is what a client sends before a body.
type Head struct {
	HTTP *http.Request
	IP   string
}

// Request implements sender.
func (h *Head) Request() *http.Request { return h.HTTP }

// RealIP implements sender.
func (h *Head) RealIP() string { return h.IP }

// Read makes a call of a request; false if it is none, or is to be refused: the ordinary way says how.
func (q *Quick) Read(ctx context.Context, from *Head, body []byte) (Call, bool) {
	path := from.HTTP.URL.Path
	if name, ok := strings.CutPrefix(path, invokePrefix); ok {
		token := exchange.Bearer(from.HTTP)
		if token == "" {
			return Call{}, false
		}
		by, err := q.surface.byToken(ctx, from, token)
		return Call{Route: invokeRoute, request: by, name: name, event: body}, err == nil
	}
	room := rooms.Get().(*params)
	p, err := appendMembers((*room)[:0], body)
	if err != nil || !bytes.Equal(p.get("action"), invokeAction) {
		return Call{}, false
	}
	*room = p
	var by *request
	if path == adminRoute {
		by, err = q.surface.adminCaller(ctx, from, p)
	} else {
		by, err = q.webCaller(ctx, from, p)
	}
	if err != nil {
		return Call{}, false
	}
	by.params, by.body = p, body
	return Call{Route: path, request: by, room: room}, true
}

// webCaller is the request of who has an access token on the web endpoint.
func (q *Quick) webCaller(ctx context.Context, from *Head, p params) (*request, error) {
	token := p.text("access_token")
	if token == "" {
		return nil, yunduo.Errorf(yunduo.ReasonTokenMissing, "the request carries no access token")
	}
	env, parse := webQuery(from.HTTP.URL, p)
	by, err := q.surface.webUser(ctx, from, token, env)
	if err != nil {
		return nil, err
	}
	by.parse = parse
	return by, nil
}

// Do calls the function. It returns the body of the reply, or the error that Fail tells of.
func (c Call) Do(ctx context.Context) ([]byte, error) {
	if c.name != "" {
		return c.request.surface.API.Invoke(ctx, &c.request.call, c.name, c.event)
	}
	answer, err := invokeFunction(ctx, c.request)
	clear(*c.room)
	rooms.Put(c.room)
	if err != nil {
		return nil, err
	}
	answer.RequestID = yunduo.RequestID(ctx)
	return answer.text()
}

// Fail answers with an error as the ordinary way does.
func (c Call) Fail(to echo.Context, err error) error {
	if c.name != "" {
		return fail(to, err)
	}
	answer := refused(to, err)
	answer.RequestID = exchange.RequestID(to)
	return answer.write(to)
}
