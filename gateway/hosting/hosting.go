// Package hosting is the surface of HTTP functions: requests under /http/{app} reach the code as they are, and its
// replies the client, however long either is.
package hosting

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/api"
	"yunduo/functions"
	"yunduo/gateway/exchange"
)

// Options are what the surface translates to.
type Options struct {
	API       *api.API
	Rooms     api.Rooms
	Logger    *slog.Logger
	PublicURL string
	// Draining is closed when the server stops: connections that would not end by themselves end then.
	Draining <-chan struct{}
	// PageAllowed reports whether pages of an origin may talk to an app.
	PageAllowed func(ctx context.Context, origin string, app yunduo.AppID) bool
}

// Surface forwards requests to functions.
type Surface struct {
	Options
	transport *http.Transport
}

// Prefix is where the addresses of HTTP functions begin.
const Prefix = "/http/"

// Mount adds the routes of the surface.
func Mount(e *echo.Echo, o Options) *Surface {
	s := &Surface{Options: o, transport: &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 1 << 20,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, ok := ctx.Value(connKey{}).(net.Conn)
			if !ok {
				return nil, errors.New("a request without a connection")
			}
			return conn, nil
		},
	}}
	e.Any(Prefix+":app", s.serve)
	e.Any(Prefix+":app/*", s.serve)
	return s
}

type connKey struct{}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// serve answers a request to a route of an app.
func (s *Surface) serve(c echo.Context) error {
	r := c.Request()
	app := yunduo.AppID(c.Param("app"))
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), Prefix), "/")
	target, err := s.Rooms.Functions.Resolve(r.Context(), app, path)
	if err != nil {
		return err
	}
	if done, err := s.pages(c, app, target.Route); done || err != nil {
		return err
	}
	if !takes(c, target) {
		return c.NoContent(http.StatusMethodNotAllowed)
	}
	call, query, err := s.call(c, app, target.Auth, upgrades(r))
	if err != nil {
		return err
	}
	target.Prefix = Prefix + string(app) + target.Prefix
	return s.forward(c, call, target, query)
}

// Serve answers a request that came by another protocol, under a prefix of that one: path is the rest of its escaped
// path, and call says who asks.
func (s *Surface) Serve(c echo.Context, call *api.Call, prefix, path string) error {
	target, err := s.Rooms.Functions.Resolve(c.Request().Context(), call.App, path)
	if err != nil {
		return err
	}
	if !takes(c, target) {
		return c.NoContent(http.StatusMethodNotAllowed)
	}
	target.Prefix = prefix + target.Prefix
	return s.forward(c, call, target, c.Request().URL.RawQuery)
}

// takes reports whether a target takes the method of a request, and tells the client which ones it does if not.
func takes(c echo.Context, target functions.Target) bool {
	if len(target.Methods) == 0 || slices.Contains(target.Methods, c.Request().Method) {
		return true
	}
	c.Response().Header().Set("Allow", strings.Join(target.Methods, ", "))
	return false
}

func upgrades(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

// forward lets the function of a target answer a request.
func (s *Surface) forward(c echo.Context, call *api.Call, target functions.Target, query string) error {
	r := c.Request()
	upgrade := upgrades(r)
	if r.ContentLength > target.BodyBytes {
		return tooLarge(target.BodyBytes)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	conn, err := s.API.Connect(ctx, call, target, upgrade)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx = context.WithValue(ctx, connKey{}, conn)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(c.Response(), r.Body, target.BodyBytes)
	}
	var failure error
	proxy := httputil.ReverseProxy{
		// Without the trace by which a proxy passes on what comes before a reply (100 Continue, 103 Early Hints): it would
		// take the place of the reply's own status, and with headers that nobody has tidied.
		Transport: roundTrip(func(out *http.Request) (*http.Response, error) { return s.transport.RoundTrip(out.WithContext(ctx)) }),
		ErrorLog:  slog.NewLogLogger(s.Logger.Handler(), slog.LevelDebug),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL = &url.URL{Scheme: "http", Host: "function", RawQuery: query}
			p.Out.URL.Path, p.Out.URL.RawPath = unescaped(target.Rest)
			p.Out.Host = p.In.Host
			s.introduce(p.Out.Header, p.In, call, target)
		},
		ModifyResponse: func(response *http.Response) error {
			if upgrade || strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
				go func() { // ends with the request
					select {
					case <-s.Draining:
						cancel()
					case <-ctx.Done():
					}
				}()
			}
			tidy(response.Header, c.Response().Header(), call.App)
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failure = err },
	}
	proxy.ServeHTTP(c.Response(), r.WithContext(ctx))
	return s.explain(failure, target)
}

// explain turns what a proxy has met into what the caller is told.
func (s *Surface) explain(failure error, target functions.Target) error {
	if failure == nil {
		return nil
	}
	if known, ok := errors.AsType[*yunduo.Error](failure); ok {
		public := *known
		public.Stack = "" // it is in the function's log
		return &public
	}
	if large, ok := errors.AsType[*http.MaxBytesError](failure); ok {
		return tooLarge(large.Limit)
	}
	if errors.Is(failure, context.Canceled) {
		return yunduo.Wrap(failure, yunduo.ReasonCanceled, "the client went away before the function had answered")
	}
	return yunduo.Wrap(failure, yunduo.ReasonFunctionError, "the function %s ended the connection without an answer", target.Function)
}

func tooLarge(limit int64) error {
	return yunduo.Errorf(yunduo.ReasonBodyTooLarge, "the request body is larger than %d bytes", limit)
}

// unescaped returns a path as net/url keeps it.
func unescaped(escaped string) (path, raw string) {
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return escaped, ""
	}
	return path, escaped
}

// call says who asks. Clients that cannot set headers, which those of WebSocket and of event streams in browsers are,
// may send their token as the query parameter access_token, which is not passed on. To a public route nobody has to
// prove anything, and credentials that are none of the platform's are the code's own affair.
func (s *Surface) call(c echo.Context, app yunduo.AppID, access functions.Access, upgrade bool) (call *api.Call, query string, err error) {
	r := c.Request()
	call = &api.Call{App: app, BaseURL: exchange.BaseURL(r, s.PublicURL)}
	call.Caller.ClientIP = c.RealIP()
	token, query := exchange.Bearer(r), r.URL.RawQuery
	if token == "" && (upgrade || r.Header.Get("Accept") == "text/event-stream") {
		if values := r.URL.Query(); values.Has("access_token") {
			token = values.Get("access_token")
			values.Del("access_token")
			query = values.Encode()
		}
	}
	if token == "" {
		return call, query, nil
	}
	caller, err := s.Rooms.Auth.Authenticate(r.Context(), app, token)
	switch {
	case err == nil:
		caller.ClientIP = call.Caller.ClientIP
		call.Caller = caller
	case access != functions.AccessPublic || yunduo.AsError(err).Code() != yunduo.CodeUnauthenticated:
		return nil, "", err
	}
	return call, query, nil
}
