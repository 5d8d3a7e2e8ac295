package functions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"yunduo"
)

// Access says which callers a route lets through.
type Access string

// The kinds of access to a route.
const (
	AccessPublic   Access = "public"    // anybody, without credentials
	AccessSignedIn Access = "signed-in" // whom the function rules let call the function; the default
	AccessKey      Access = "key"       // who presents a key of the app
)

// Bounds on routes and on the bodies of their requests.
const (
	maxRoutes        = 500
	maxRouteBytes    = 256
	DefaultBodyBytes = 20 << 20
	MaxBodyBytes     = 1 << 30
)

// Route sends HTTP requests whose paths begin with Path to a function.
type Route struct {
	Path     string   `json:"-"` // "/" or "/a/b", without a slash at its end
	Function string   `json:"function"`
	Auth     Access   `json:"auth,omitempty"`
	Methods  []string `json:"methods,omitempty"` // all if none is named
	// Origins are those of pages that may read replies, beside the app's own; "*" is any.
	Origins []string `json:"origins,omitempty"`
	// BodyBytes is the largest request body.
	BodyBytes int64 `json:"bodyBytes,omitempty"`
	// KeepPath gives the function the path with the route's own part.
	KeepPath bool `json:"keepPath,omitempty"`

	segments []string
}

// Routes are the routes of an app. They are immutable and safe for concurrent use.
type Routes struct {
	list []Route // longest first
	text string
}

var (
	methodRule = regexp.MustCompile(`^[A-Z]{1,20}$`)
	originRule = regexp.MustCompile(`^(\*|https?://[^/?#\s]+)$`)
)

// ParseRoutes reads routes, by path:
//
//	{"/pay/notify": {"function": "payNotify", "auth": "public", "methods": ["POST"]}, "/": {"function": "site"}}
//
// The error, invalid_config, names the path and the field.
func ParseRoutes(text string) (*Routes, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	var byPath map[string]*Route
	if err := decoder.Decode(&byPath); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "routes: not an object of paths and routes: %s", err.Error())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "routes: something follows the object")
	}
	if len(byPath) > maxRoutes {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "routes: %d are more than %d", len(byPath), maxRoutes)
	}
	routes := &Routes{text: text}
	seen := map[string]bool{}
	for path, r := range byPath {
		if r == nil {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "routes[%q]: an object with function is missing", path)
		}
		r.Path = "/" + strings.Trim(path, "/")
		if err := r.validate(path); err != nil {
			return nil, err
		}
		if seen[r.Path] {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "routes[%q]: there are two routes for %s", path, r.Path)
		}
		seen[r.Path] = true
		routes.list = append(routes.list, *r)
	}
	slices.SortFunc(routes.list, func(a, b Route) int {
		if n := len(b.segments) - len(a.segments); n != 0 {
			return n
		}
		return strings.Compare(a.Path, b.Path)
	})
	return routes, nil
}

func (r *Route) validate(path string) error {
	wrong := func(format string, args ...any) error {
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "routes[%q]"+format, append([]any{path}, args...)...)
	}
	if r.Path != "/" {
		r.segments = strings.Split(r.Path[1:], "/")
	}
	switch {
	case !strings.HasPrefix(path, "/") || len(path) > maxRouteBytes || strings.ContainsAny(path, "?#%*\\"):
		return wrong(": a path begins with \"/\", has at most %d bytes and none of ? # %% * \\", maxRouteBytes)
	case slices.ContainsFunc(r.segments, func(s string) bool { return s == "" || s == "." || s == ".." }):
		return wrong(": the path has an empty part, or one of dots")
	case !nameRule.MatchString(r.Function):
		return wrong(".function: %q cannot name a function", r.Function)
	case r.BodyBytes < 0 || r.BodyBytes > MaxBodyBytes:
		return wrong(".bodyBytes: %d is not between 0 and %d", r.BodyBytes, MaxBodyBytes)
	}
	switch r.Auth {
	case "":
		r.Auth = AccessSignedIn
	case AccessPublic, AccessSignedIn, AccessKey:
	default:
		return wrong(".auth: %q is none of public, signed-in and key", r.Auth)
	}
	for i, m := range r.Methods {
		if !methodRule.MatchString(m) {
			return wrong(".methods[%d]: %q is no HTTP method in capital letters", i, m)
		}
	}
	for i, o := range r.Origins {
		if !originRule.MatchString(o) {
			return wrong(".origins[%d]: %q is neither * nor like https://example.com", i, o)
		}
		r.Origins[i] = strings.ToLower(o)
	}
	if r.BodyBytes == 0 {
		r.BodyBytes = DefaultBodyBytes
	}
	return nil
}

// Target is where a request goes: to the function of the route, with the rest of its path.
type Target struct {
	Route
	Prefix string // the escaped part of the path that stands for the route, "" for "/"
	Rest   string // the escaped rest, beginning with "/"
}

// Resolve finds the route of a request: the longest one declared that the escaped path begins with, or else the function
// that its first segment names, which whom the function rules let call it may reach there. function_not_found if there is neither.
func (s *Service) Resolve(ctx context.Context, app yunduo.AppID, path string) (Target, error) {
	routes, _, err := s.routes.Get(ctx, app)
	if err != nil {
		return Target{}, err
	}
	path = "/" + strings.TrimPrefix(path, "/")
	segments, err := split(path)
	if err != nil {
		return Target{}, err
	}
	var root *Route
	for i := range routes.list {
		r := &routes.list[i]
		if len(r.segments) == 0 {
			root = r
		} else if len(segments) >= len(r.segments) && slices.Equal(r.segments, segments[:len(r.segments)]) {
			return aim(*r, path, len(r.segments)), nil
		}
	}
	if len(segments) > 0 && nameRule.MatchString(segments[0]) {
		name := segments[0]
		_, err := s.function(ctx, app, name)
		if err == nil {
			return aim(Route{Path: "/" + name, Function: name, Auth: AccessSignedIn, BodyBytes: DefaultBodyBytes}, path, 1), nil
		}
		if yunduo.ReasonOf(err) != yunduo.ReasonFunctionNotFound {
			return Target{}, err
		}
	}
	if root != nil {
		return aim(*root, path, 0), nil
	}
	return Target{}, yunduo.Errorf(yunduo.ReasonFunctionNotFound, "the app %s has neither a route nor a function at this path", app)
}

// split returns the segments of an escaped path, unescaped.
func split(path string) ([]string, error) {
	var list []string
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the address is not escaped as an address must be")
		}
		list = append(list, plain)
	}
	return list, nil
}

// aim cuts the first segments off an escaped path that has them.
func aim(r Route, path string, count int) Target {
	t := Target{Route: r, Rest: path}
	if r.KeepPath {
		return t
	}
	end := 0
	for range count {
		next := strings.IndexByte(path[end+1:], '/')
		if next < 0 {
			end = len(path)
			break
		}
		end += 1 + next
	}
	t.Prefix, t.Rest = path[:end], path[end:]
	if t.Rest == "" {
		t.Rest = "/"
	}
	return t
}

// Routes returns the routes of an app, as ParseRoutes reads them. Who manages the app may; permission_denied.
func (s *Service) Routes(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) (string, error) {
	if err := manage(caller, app); err != nil {
		return "", err
	}
	_, text, err := s.routes.Get(ctx, app)
	return text, err
}

// SetRoutes sets the routes of an app, live at once; permission_denied, invalid_config.
func (s *Service) SetRoutes(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, text string) error {
	if err := manage(caller, app); err != nil {
		return err
	}
	return s.routes.Set(ctx, app, text)
}
