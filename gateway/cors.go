package gateway

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/apps"
	"yunduo/gateway/live"
)

const (
	corsHeaders = "authorization, content-type, idempotency-key, x-request-id, x-sdk-version, x-seqid, x-device-id, x-tcb-region, x-tcb-trace, x-http-method-override, accept-language, x-cos-meta-fileid, x-cos-security-token, signature, key"
	corsMethods = "GET, POST, PUT, PATCH, DELETE, HEAD"
)

// cors lets a page of another origin read replies only if the app it talks to names that origin. Credentials are
// bearer tokens, never cookies, so no credentialed mode is offered.
func cors(registry *apps.Registry, dev bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, h := c.Request(), c.Response().Header()
			origin := r.Header.Get(echo.HeaderOrigin)
			preflight := r.Method == http.MethodOptions && r.Header.Get(echo.HeaderAccessControlRequestMethod) != ""
			if origin != "" {
				h.Add(echo.HeaderVary, echo.HeaderOrigin)
			}
			if origin != "" && originAllowed(c, registry, origin, dev) {
				h.Set(echo.HeaderAccessControlAllowOrigin, origin)
				h.Set(echo.HeaderAccessControlExposeHeaders, "x-request-id, etag, content-range")
				if preflight {
					h.Set(echo.HeaderAccessControlAllowMethods, corsMethods)
					h.Set(echo.HeaderAccessControlAllowHeaders, corsHeaders)
					h.Set(echo.HeaderAccessControlMaxAge, "600")
				}
			}
			if preflight {
				return c.NoContent(http.StatusNoContent)
			}
			return next(c)
		}
	}
}

func originAllowed(c echo.Context, registry *apps.Registry, origin string, dev bool) bool {
	name := appOfPath(c.Request().URL.Path)
	if name == "" {
		name = c.QueryParam("env")
	}
	return pages(registry, dev)(c.Request().Context(), origin, yunduo.AppID(name))
}

// pages says of which origins pages may talk to an app.
func pages(registry *apps.Registry, dev bool) live.Origins {
	return func(ctx context.Context, origin string, name yunduo.AppID) bool {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" {
			return false
		}
		if dev && isLoopback(u.Hostname()) {
			return true
		}
		app, err := registry.Get(ctx, name)
		return err == nil && slices.Contains(app.AllowedOrigins, strings.ToLower(u.Scheme+"://"+u.Host))
	}
}

// appOfPath returns the app of /v1/apps/{app}/..., before the router has looked at the path.
func appOfPath(path string) string {
	rest, ok := strings.CutPrefix(path, "/v1/apps/")
	if !ok {
		return ""
	}
	app, _, _ := strings.Cut(rest, "/")
	return app
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
