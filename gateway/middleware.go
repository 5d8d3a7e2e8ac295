package gateway

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
)

// acceptableRequestID reports whether an ID that a client made has 8 to 64 letters, digits, dots, underscores and hyphens.
func acceptableRequestID(id string) bool {
	if len(id) < 8 || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// requestID accepts a sane X-Request-Id of the client or makes one, and puts it into the reply, and into the context with
// what else is known of how the request came.
func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		id := r.Header.Get(echo.HeaderXRequestID)
		if !acceptableRequestID(id) {
			id = yunduo.NewName()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		arrival := yunduo.Arrival{RequestID: id, Received: time.Now(), TraceParent: r.Header.Get("Traceparent")}
		c.SetRequest(r.WithContext(yunduo.WithArrival(r.Context(), arrival)))
		return next(c)
	}
}

// loopbackOnly refuses requests that name another host than this machine. A development server has no name of its own,
// but a page anywhere can give its own name the address of this machine (DNS rebinding) and would be let in as if it
// were local.
func loopbackOnly(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if host := c.Request().Host; !namesLoopback(host) {
			return yunduo.Errorf(yunduo.ReasonPermissionDenied, "the development server answers to localhost and loopback addresses only, not to %q", host)
		}
		return next(c)
	}
}

// observe counts every request and writes one log line for each that failed.
func (g *Gateway) observe(logger *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := time.Now()
			g.metrics.running.Inc()
			defer g.metrics.running.Dec()
			err := next(c)
			if err != nil {
				c.Error(err)
			}
			status := c.Response().Status
			g.metrics.observe(c.Request().Method, c.Path(), status, time.Since(start))
			if noted := exchange.Noted(c); noted != nil {
				logFailure(logger, c, status, noted, time.Since(start))
			}
			return nil
		}
	}
}

func logFailure(logger *slog.Logger, c echo.Context, status int, err error, took time.Duration) {
	level := slog.LevelInfo
	if e := yunduo.AsError(err); status >= http.StatusInternalServerError && e.Code() != yunduo.CodeFunction && e.Reason != yunduo.ReasonFunctionTimeout {
		level = slog.LevelError // the server's own trouble, not that of an author's code
	}
	logger.LogAttrs(c.Request().Context(), level, "request failed",
		slog.String("request_id", exchange.RequestID(c)), slog.String("method", c.Request().Method),
		slog.String("route", c.Path()), slog.Int("status", status),
		slog.Any("error", err), slog.Duration("duration", took))
}

// recoverPanics answers 500 for a handler that panics; other requests go on.
func recoverPanics(logger *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			defer func() {
				p := recover()
				if p == nil {
					return
				}
				err = panicked(logger, exchange.RequestID(c), p)
			}()
			return next(c)
		}
	}
}

// panicked is what a request ends in whose handler has panicked; http.ErrAbortHandler goes on.
func panicked(logger *slog.Logger, requestID string, p any) error {
	if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
		panic(p)
	}
	logger.Error("handler panicked", "request_id", requestID, "panic", p, "stack", string(debug.Stack()))
	return yunduo.Errorf(yunduo.ReasonInternal, "something went wrong on the server; its log has the details under this request ID")
}

// plainParams decodes the parameters of a path. The router matches the path as it was sent when it was escaped in an
// unusual way, so that an escaped slash stays inside its parameter, and leaves the parameters escaped then.
func plainParams(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().URL.RawPath == "" {
			return next(c)
		}
		values := slices.Clone(c.ParamValues())
		for i, value := range values {
			plain, err := url.PathUnescape(value)
			if err != nil {
				return yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the address is not escaped as an address must be")
			}
			values[i] = plain
		}
		c.SetParamValues(values...)
		return next(c)
	}
}

// Values of headers that every reply carries; nobody changes them in place.
var noSniffing, noReferrer = []string{"nosniff"}, []string{"no-referrer"}

// securityHeaders are harmless everywhere; surfaces that serve pages add their own.
func securityHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		setSecurityHeaders(c.Response().Header())
		return next(c)
	}
}

func setSecurityHeaders(h http.Header) {
	h[echo.HeaderXContentTypeOptions] = noSniffing
	h["Referrer-Policy"] = noReferrer
}
