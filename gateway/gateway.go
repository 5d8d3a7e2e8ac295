// Package gateway is the only place that knows HTTP: it gives each request an ID, a caller and limits, and hands it to
// one of the surfaces, which translate to the operation table.
package gateway

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"yunduo"
	"yunduo/api"
	"yunduo/gateway/cloudbase"
	"yunduo/gateway/exchange"
	"yunduo/gateway/hosting"
	"yunduo/gateway/live"
	"yunduo/gateway/native"
)

// Options are what the gateway is made of.
type Options struct {
	API    *api.API
	Rooms  api.Rooms
	Logger *slog.Logger
	// Console is the web console's built files; nil serves none.
	Console fs.FS
	// PublicURL is the server's address as clients see it; empty derives it from each request.
	PublicURL string
	// Dev relaxes what is safe on a loopback listener only: pages of any loopback origin may call the API.
	Dev bool
	// DefaultApp answers to unknown app names given by callers that present its credentials (dev only).
	DefaultApp yunduo.AppID
	// COSSignatures accepts signatures of the vendor's object store, which are made with SHA-1.
	COSSignatures bool
	// CaptchaPage is the page with a captcha's widget to which clients of the official SDKs are sent; empty for none.
	CaptchaPage string
	// Now is the clock by which signatures are judged; nil is time.Now.
	Now func() time.Time
	// Ready reports whether the server can serve; nil means always.
	Ready func(context.Context) error
}

// Gateway is the HTTP handler of the server.
type Gateway struct {
	echo     *echo.Echo
	metrics  *metrics
	sockets  *live.Sockets
	draining chan struct{} // closed when the server stops
	drain    func()
	quick    *quick
}

// New builds the gateway and all its routes.
func New(o Options) *Gateway {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	// Attempts to sign in are counted by address, so nobody may choose theirs: X-Forwarded-For counts as far as proxies
	// on this machine or in a private network wrote it.
	e.IPExtractor = echo.ExtractIPFromXFFHeader(echo.TrustLinkLocal(false))
	g := &Gateway{echo: e, metrics: newMetrics(prometheus.NewRegistry()), draining: make(chan struct{})}
	g.quick = &quick{gateway: g, options: o}
	g.sockets = live.New(live.Options{Authority: o.Rooms.Auth, Origins: pages(o.Rooms.Apps, o.Dev), Logger: o.Logger})
	g.drain = sync.OnceFunc(func() {
		close(g.draining)
		g.sockets.Drain()
	})
	e.HTTPErrorHandler = func(err error, c echo.Context) { _ = exchange.Fail(c, fromEcho(err)) }
	e.Pre(requestID)
	if o.Dev {
		e.Pre(loopbackOnly)
	}
	e.Use(g.observe(o.Logger), recoverPanics(o.Logger), securityHeaders, cors(o.Rooms.Apps, o.Dev), plainParams)

	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", g.ready(o.Ready))
	e.GET("/metrics", g.metrics.handler())
	mountConsole(e, o.Console)
	native.Mount(e, native.Options{API: o.API, Rooms: o.Rooms, PublicURL: o.PublicURL, Draining: g.draining, Sockets: g.sockets})
	hosted := hosting.Mount(e, hosting.Options{API: o.API, Rooms: o.Rooms, Logger: o.Logger, PublicURL: o.PublicURL, Draining: g.draining, PageAllowed: pages(o.Rooms.Apps, o.Dev)})
	g.quick.dialects = cloudbase.Mount(e, cloudbase.Options{API: o.API, Rooms: o.Rooms, PublicURL: o.PublicURL, DefaultApp: o.DefaultApp, COSSignatures: o.COSSignatures, Sockets: g.sockets, Logger: o.Logger, Now: o.Now, Container: hosted.Serve, CaptchaPage: o.CaptchaPage, PageAllowed: pages(o.Rooms.Apps, o.Dev)})
	return g
}

// ServeHTTP answers a request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.echo.ServeHTTP(w, r) }

// Drain makes /readyz fail, so that load balancers send no new requests while the running ones end, and ends streams,
// which would not end by themselves.
func (g *Gateway) Drain() { g.drain() }

// Wait returns when every WebSocket has ended after Drain, or the context has.
func (g *Gateway) Wait(ctx context.Context) error { return g.sockets.Wait(ctx) }

func (g *Gateway) ready(check func(context.Context) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		select {
		case <-g.draining:
			return exchange.Fail(c, yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping"))
		default:
		}
		if check != nil {
			if err := check(c.Request().Context()); err != nil {
				return exchange.Fail(c, err)
			}
		}
		return c.String(http.StatusOK, "ready\n")
	}
}

// fromEcho turns the router's own errors into ours.
func fromEcho(err error) error {
	var he *echo.HTTPError
	if !errors.As(err, &he) {
		return err
	}
	switch he.Code {
	case http.StatusNotFound:
		return yunduo.Errorf(yunduo.ReasonUnknownOperation, "there is nothing at this address")
	case http.StatusMethodNotAllowed:
		return yunduo.Errorf(yunduo.ReasonUnknownOperation, "this address does not take this HTTP method")
	case http.StatusRequestEntityTooLarge:
		return yunduo.Wrap(err, yunduo.ReasonBodyTooLarge, "the request body is too large")
	}
	return yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the request could not be understood")
}
