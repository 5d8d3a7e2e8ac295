package wechat

import (
	_ "embed"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode"

	"yunduo"
)

// route is where an API of WeChat's is found.
type route struct {
	method, path string
	query        bool // parameters travel in the query, whatever the method
	extra        url.Values
}

//go:embed routes.txt
var routesText string

var routes = sync.OnceValue(func() map[string]route {
	table := map[string]route{}
	for line := range strings.Lines(routesText) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] == "#" {
			continue
		}
		table[fields[0]] = route{method: fields[1], path: fields[2], query: len(fields) > 3}
	}
	return table
})

// roots are the first segments of WeChat's own addresses. A name that begins with one is the address itself, with dots
// for slashes, so that an API which the table does not have can be called all the same.
var roots = map[string]string{
	"wxa": "wxa", "wxaapi": "wxaapi", "cgiBin": "cgi-bin", "cgi-bin": "cgi-bin", "cv": "cv", "datacube": "datacube",
	"product": "product", "shop": "shop", "semantic": "semantic", "card": "card", "customservice": "customservice",
}

// maxAPIName bounds the name of an API, in bytes.
const maxAPIName = 200

// routeOf finds an API by the name that follows cloud.openapi; unsupported_call if there is none.
func routeOf(api, method string) (route, error) {
	if r, ok := routes()[api]; ok {
		return r, nil
	}
	unknown := yunduo.Errorf(yunduo.ReasonUnsupportedCall, "WeChat has no API that is known here as %q; write its address instead, as in openapi.wxa.business.getuserphonenumber for /wxa/business/getuserphonenumber", clip(api))
	if len(api) > maxAPIName {
		return route{}, unknown
	}
	segments := strings.Split(strings.ReplaceAll(strings.Trim(api, "/"), "/", "."), ".")
	root, ok := roots[segments[0]]
	if strings.HasPrefix(api, "cloudbase.") {
		return route{}, yunduo.Errorf(yunduo.ReasonUnsupportedCall, "%s is about an environment in WeChat's own cloud, which this app does not have", clip(api))
	}
	if !ok || len(segments) < 2 {
		return route{}, unknown
	}
	segments[0] = root
	for i, s := range segments[1:] {
		segments[i+1] = snake(s)
		if s == "" || strings.ContainsFunc(s, func(c rune) bool {
			return c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' && c != '-'
		}) {
			return route{}, unknown
		}
	}
	switch method = strings.ToUpper(method); method {
	case "":
		method = http.MethodPost
	case http.MethodGet, http.MethodPost:
	default:
		return route{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "method: %q is neither GET nor POST", clip(method))
	}
	return route{method: method, path: "/" + strings.Join(segments, "/")}, nil
}

// snake writes camelCase as snake_case.
func snake(s string) string {
	var b strings.Builder
	for i, c := range s {
		if unicode.IsUpper(c) {
			if i > 0 {
				b.WriteByte('_')
			}
			c = unicode.ToLower(c)
		}
		b.WriteRune(c)
	}
	return b.String()
}

// clip shortens what a stranger wrote for an error message.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
