package hosting

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/api"
	"yunduo/functions"
)

// Headers that tell the code who asks. Those that a client sends are dropped.
const (
	wechatHeaders = "X-Wx-"
	ownHeaders    = "X-Yunduo-"
)

// introduce adds what the code learns about a request beside what the client sent, under the names that containers of
// WeChat's cloud find.
func (s *Surface) introduce(h http.Header, in *http.Request, call *api.Call, target functions.Target) {
	for name := range h {
		if strings.HasPrefix(name, wechatHeaders) || strings.HasPrefix(name, ownHeaders) {
			delete(h, name)
		}
	}
	caller := call.Caller
	if caller.Role == yunduo.RoleOwner { // the key of a whole app or server is none of the code's affair
		delete(h, echo.HeaderAuthorization)
	}
	for name, value := range map[string]string{
		"X-Wx-Openid": caller.OpenID, "X-Wx-Unionid": caller.UnionID, "X-Wx-Appid": caller.WeChatAppID, "X-Wx-Env": string(call.App),
		"X-Yunduo-User-Id": caller.UserID, "X-Yunduo-Role": string(caller.Role),
		"X-Request-Id": yunduo.RequestID(in.Context()), "X-Forwarded-For": caller.ClientIP, "X-Real-Ip": caller.ClientIP,
		"X-Forwarded-Host": in.Host, "X-Forwarded-Proto": scheme(call.BaseURL), "X-Forwarded-Prefix": target.Prefix,
	} {
		if value == "" {
			delete(h, name)
		} else {
			h[name] = []string{value}
		}
	}
}

func scheme(base string) string {
	scheme, _, _ := strings.Cut(base, "://")
	return scheme
}

// foreignPages is the policy of pages that functions serve on the server's own origin: their scripts run, but as an
// origin of their own, so that they reach neither the console nor the pages of other apps.
const foreignPages = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts allow-top-navigation-by-user-activation"

// tidy makes a reply of code fit for the server's origin. ours are the headers that the reply has already.
func tidy(h, ours http.Header, app yunduo.AppID) {
	// The reply carries the server's request ID; of all other headers the code's own win.
	h.Del(echo.HeaderXRequestID)
	for name := range h {
		if name != "Vary" && name != "X-Content-Type-Options" {
			ours.Del(name)
		}
	}
	h.Del("X-Content-Type-Options")
	h.Del("Service-Worker-Allowed")
	h.Del("Clear-Site-Data")
	ours.Add("Content-Security-Policy", foreignPages)
	cookies := h["Set-Cookie"]
	for i, cookie := range cookies {
		cookies[i] = scoped(cookie, Prefix+string(app))
	}
}

// scoped confines a cookie to the addresses of its app.
func scoped(cookie, base string) string {
	parts := strings.Split(cookie, ";")
	kept := parts[:1]
	path := "/"
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch strings.ToLower(name) {
		case "domain":
		case "path":
			if strings.HasPrefix(value, "/") {
				path = value
			}
		default:
			kept = append(kept, part)
		}
	}
	if path != base && !strings.HasPrefix(path, base+"/") {
		path = base + strings.TrimSuffix(path, "/")
		if path == base {
			path += "/"
		}
	}
	return strings.Join(kept, ";") + "; Path=" + path
}

// pages does what browsers ask before a page of another origin may talk to a function. It reports whether that was all.
// Where neither the route nor the app names the origin, a public function may answer by itself.
func (s *Surface) pages(c echo.Context, app yunduo.AppID, route functions.Route) (done bool, err error) {
	r, h := c.Request(), c.Response().Header()
	origin := r.Header.Get(echo.HeaderOrigin)
	if origin == "" {
		return false, nil
	}
	h.Add(echo.HeaderVary, echo.HeaderOrigin)
	preflight := r.Method == http.MethodOptions && r.Header.Get(echo.HeaderAccessControlRequestMethod) != ""
	allowed := ""
	for _, o := range route.Origins {
		if o == "*" || strings.EqualFold(o, origin) {
			allowed = origin
		}
	}
	if allowed == "" && s.PageAllowed(r.Context(), origin, app) {
		allowed = origin
	}
	if allowed != "" {
		h.Set(echo.HeaderAccessControlAllowOrigin, allowed)
		h.Set(echo.HeaderAccessControlExposeHeaders, "*")
	}
	if !preflight || (allowed == "" && route.Auth == functions.AccessPublic) {
		return false, nil
	}
	if allowed != "" {
		methods := r.Header.Get(echo.HeaderAccessControlRequestMethod)
		if len(route.Methods) > 0 {
			methods = strings.Join(route.Methods, ", ")
		}
		h.Set(echo.HeaderAccessControlAllowMethods, methods)
		if headers := r.Header.Get(echo.HeaderAccessControlRequestHeaders); headers != "" {
			h.Set(echo.HeaderAccessControlAllowHeaders, headers)
		}
		h.Set(echo.HeaderAccessControlMaxAge, "600")
	}
	return true, c.NoContent(http.StatusNoContent)
}
