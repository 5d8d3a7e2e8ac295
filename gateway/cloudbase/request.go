package cloudbase

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/api"
	"yunduo/gateway/exchange"
	"yunduo/internal/eventloop"
	"yunduo/wire"
)

// request is one verified request of the surface.
type request struct {
	surface *surface
	call    api.Call
	params  params // the members of body, on the action endpoints
	body    []byte
	here    string // the server's address as this request reached it; uploads of its sender go there
	parse   bool   // a function's result is wanted as it is, not as a text
}

// do runs an operation; input is a pointer to its request.
func do[Response any](ctx context.Context, r *request, operation string, input any) (*Response, error) {
	call := r.call
	call.Input = input
	response, err := r.surface.API.Do(ctx, operation, &call)
	if err != nil {
		return nil, err
	}
	answer, ok := response.(*Response)
	if !ok {
		return nil, yunduo.Errorf(yunduo.ReasonInternal, "%s answered with %T", operation, response)
	}
	return answer, nil
}

// failure is the body of a failed request on the endpoints that tell errors by "code".
type failure struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"requestId"`
}

func failureOf(c echo.Context, err error) failure {
	e := yunduo.AsError(err)
	return failure{Code: e.Reason.CloudBase(), Message: e.Message, RequestID: exchange.RequestID(c)}
}

func fail(c echo.Context, err error) error {
	exchange.Note(c, err)
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(wire.Status(yunduo.AsError(err).Code()), failureOf(c, err))
}

// answered runs a handler of the gateway endpoint and writes what it returns as JSON; raw JSON text as it is.
func (s *surface) answered(handle func(c echo.Context, r *request) (any, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, err := s.identified(c)
		var answer any
		if err == nil {
			answer, err = handle(c, r)
		}
		if err != nil {
			return fail(c, err)
		}
		text, ok := answer.(json.RawMessage)
		if !ok {
			if text, err = json.Marshal(answer); err != nil {
				return err
			}
		}
		return exchange.Raw(c, http.StatusOK, text)
	}
}

// identified finds out who a request of the gateway endpoint comes from: an access token, an API key, or keys that
// sign it. Its app is theirs.
func (s *surface) identified(c echo.Context) (*request, error) {
	r := c.Request()
	if token := exchange.Bearer(r); token != "" {
		return s.byToken(c.Request().Context(), c, token)
	}
	if header := r.Header.Get(echo.HeaderAuthorization); strings.HasPrefix(header, tc3Algorithm) {
		return s.signedCloudAPI(c, header)
	}
	return nil, yunduo.Errorf(yunduo.ReasonTokenMissing, "sign in first: the request carries no access token")
}

// byToken is the request of who has an access token or an API key. Its app is theirs.
func (s *surface) byToken(ctx context.Context, from sender, token string) (*request, error) {
	caller, err := s.Rooms.Auth.Authenticate(ctx, "", token)
	if err != nil {
		return nil, err
	}
	if caller.App == "" {
		return nil, yunduo.Errorf(yunduo.ReasonTokenInvalid, "these credentials belong to no app")
	}
	caller.ClientIP = from.RealIP()
	return s.requestOf(ctx, from, caller, caller.App), nil
}

// sender is what is known of where a request comes from; an echo.Context is one.
type sender interface {
	Request() *http.Request
	RealIP() string
}

func (s *surface) requestOf(ctx context.Context, from sender, caller yunduo.Caller, app yunduo.AppID) *request {
	base := exchange.BaseURL(from.Request(), s.PublicURL)
	return &request{surface: s, call: api.Call{Caller: caller, App: app, BaseURL: base, Task: eventloop.Running(ctx)}, here: base}
}

// signedRequest is a request whose signature was verified. What code of an invocation asks for is for its client:
// addresses of files begin as the client knows the server, only those of uploads as the code does.
func (s *surface) signedRequest(ctx context.Context, from sender, by signer) *request {
	if by.caller.ClientIP == "" {
		by.caller.ClientIP = from.RealIP()
	}
	r := s.requestOf(ctx, from, by.caller, by.caller.App)
	if by.caller.Role == yunduo.RoleFunction {
		r.here = exchange.BaseURL(from.Request(), "")
		if s.PublicURL == "" && by.baseURL != "" {
			r.call.BaseURL = by.baseURL
		}
	}
	return r
}

// signedCloudAPI verifies a signature over the whole body, as keys on the gateway endpoint and the vendor's tools make
// it. The body can be read again.
func (s *surface) signedCloudAPI(c echo.Context, header string) (*request, error) {
	r := c.Request()
	authorization, err := parseTC3(header)
	if err != nil {
		return nil, err
	}
	token := authorization.token
	if token == "" {
		token = r.Header.Get("X-TC-Token")
	}
	signer, err := s.signer(r.Context(), authorization.secretID, token)
	if err != nil {
		return nil, err
	}
	body, err := exchange.Body(c, exchange.MaxJSONBody)
	if err != nil {
		return nil, err
	}
	authorization.keys = &s.keys
	if err := authorization.verifyBody(r, signer.secret, body, s.Now()); err != nil {
		return nil, err
	}
	setBody(r, body)
	return s.signedRequest(r.Context(), c, signer), nil
}

// setBody puts a body back that was read.
func setBody(r *http.Request, body []byte) {
	r.Body = http.NoBody
	r.ContentLength = int64(len(body))
	if len(body) > 0 {
		r.Body = readCloser{bytes.NewReader(body)}
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// decodeBody reads JSON whatever its content type says: the SDK's Node build sends text/plain.
func decodeBody(c echo.Context, limit int64, into any) error {
	body, err := exchange.Body(c, limit)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return yunduo.Wrap(err, yunduo.ReasonMalformedJSON, "the request body is not the JSON that is expected here")
	}
	return nil
}
