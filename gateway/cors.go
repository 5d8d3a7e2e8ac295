package gateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/apps"
	"yunduo/gateway/exchange"
	"yunduo/gateway/hosting"
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
			if strings.HasPrefix(r.URL.Path, hosting.Prefix) {
				return next(c) // whose routes say more
			}
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
	name := namedApp(c)
	if pages(registry, dev)(c.Request().Context(), origin, yunduo.AppID(name)) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || name != "" || !sdkPath(c.Request().URL.Path) {
		return false
	}
	// The official SDKs name no app in a preflight. The reply to the request itself can be read by pages of the app that
	// its token belongs to only.
	listed, err := registry.OriginListed(c.Request().Context(), strings.ToLower(u.Scheme+"://"+u.Host))
	return err == nil && listed
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

// namedApp is the app that a request is about as far as that shows before anything is verified, empty if it does not:
// in the path or query, or as the audience of a token. Which page may read a reply hangs on it, nothing else.
func namedApp(c echo.Context) string {
	for _, name := range []string{appOfPath(c.Request().URL.Path), c.QueryParam("env"), c.QueryParam("client_id")} {
		if name != "" {
			return name
		}
	}
	parts := strings.Split(exchange.Bearer(c.Request()), ".")
	if len(parts) != 3 {
		return ""
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var token struct {
		Audience []string `json:"aud"`
	}
	if json.Unmarshal(claims, &token) != nil || len(token.Audience) == 0 {
		return ""
	}
	return token.Audience[0]
}

// sdkPath reports whether an address is one of those that the official client SDKs call.
func sdkPath(path string) bool {
	for _, prefix := range []string{"/auth/", "/web", "/v1/functions/", "/v1/cloudrun/", "/v1/storages/", "/v1/database/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
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
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
