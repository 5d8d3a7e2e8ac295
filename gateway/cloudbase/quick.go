package cloudbase

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

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
}

// sent is a request that has come without an echo.Context.
type sent struct {
	request *http.Request
	ip      string
}

func (s sent) Request() *http.Request { return s.request }
func (s sent) RealIP() string         { return s.ip }

// Read makes a call of a request; nil if it is none, or is to be refused: the ordinary way says how.
func (q *Quick) Read(r *http.Request, ip string, body []byte) *Call {
	from := sent{r, ip}
	if name, ok := strings.CutPrefix(r.URL.Path, invokePrefix); ok {
		token := exchange.Bearer(r)
		if token == "" {
			return nil
		}
		by, err := q.surface.byToken(from, token)
		if err != nil {
			return nil
		}
		return &Call{Route: invokeRoute, request: by, name: name, event: body}
	}
	p, err := membersOf(body)
	if err != nil || !bytes.Equal(p.get("action"), invokeAction) {
		return nil
	}
	var by *request
	if r.URL.Path == adminRoute {
		by, err = q.surface.adminCaller(from, p)
	} else {
		by, err = q.webCaller(from, p)
	}
	if err != nil {
		return nil
	}
	by.params, by.body = p, body
	return &Call{Route: r.URL.Path, request: by}
}

// webCaller is the request of who has an access token on the web endpoint.
func (q *Quick) webCaller(from sender, p params) (*request, error) {
	token := p.text("access_token")
	if token == "" {
		return nil, yunduo.Errorf(yunduo.ReasonTokenMissing, "the request carries no access token")
	}
	env, parse := webQuery(from.Request().URL, p)
	by, err := q.surface.webUser(from, token, env)
	if err != nil {
		return nil, err
	}
	by.parse = parse
	return by, nil
}

// Do calls the function. It returns the body of the reply, or the error that Fail tells of.
func (c *Call) Do(ctx context.Context) ([]byte, error) {
	if c.name != "" {
		return c.request.surface.API.Invoke(ctx, &c.request.call, c.name, c.event)
	}
	answer, err := invokeFunction(ctx, c.request)
	if err != nil {
		return nil, err
	}
	answer.RequestID = yunduo.RequestID(ctx)
	return answer.text()
}

// Fail answers with an error as the ordinary way does.
func (c *Call) Fail(to echo.Context, err error) error {
	if c.name != "" {
		return fail(to, err)
	}
	answer := refused(to, err)
	answer.RequestID = exchange.RequestID(to)
	return answer.write(to)
}
