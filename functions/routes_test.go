package functions_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
)

func TestResolve_LongestPathFirst(t *testing.T) {
	h := start(t)
	h.deploy(t, "hello", returning("hello"))
	find := func(path string) string {
		target, err := h.Resolve(t.Context(), app, path)
		if err != nil {
			return string(yunduo.ReasonOf(err))
		}
		return fmt.Sprintf("%s %s %s %s", target.Function, target.Auth, target.Prefix, target.Rest)
	}
	require.Equal(t, "function_not_found", find(""))
	require.Equal(t, "hello signed-in /hello /", find("hello"))
	require.NoError(t, h.SetRoutes(t.Context(), owner, app, `{"/": {"function": "site", "auth": "public"}, "/a": {"function": "a"}, "/a/b/": {"function": "b", "auth": "key"}, "/k": {"function": "k", "keepPath": true}}`))
	for path, want := range map[string]string{
		"": "site public  /", "hello": "hello signed-in /hello /", "hello/x/": "hello signed-in /hello /x/", "other/x": "site public  /other/x",
		"a": "a signed-in /a /", "a/": "a signed-in /a /", "ab": "site public  /ab", "a/b": "b key /a/b /", "a/b/c%2Fd": "b key /a/b /c%2Fd", "a%2Fb": "site public  /a%2Fb",
		"%61/b/x": "b key /%61/b /x", "a//b": "a signed-in /a //b", "a/../a/b": "a signed-in /a /../a/b", "k/x": "k signed-in  /k/x", "%zz": "invalid_request",
	} {
		require.Equal(t, want, find(path), path)
	}
	text, err := h.Routes(t.Context(), owner, app)
	require.NoError(t, err)
	require.Contains(t, text, "keepPath")
	refused(t, yunduo.ReasonPermissionDenied, h.SetRoutes(t.Context(), user, app, `{}`))
	_, err = h.Routes(t.Context(), user, app)
	refused(t, yunduo.ReasonPermissionDenied, err)
}

func TestParseRoutes_NamesWhatIsWrong(t *testing.T) {
	for text, part := range map[string]string{
		`[]`: "not an object", `{"/": {"function": "f"}} x`: "follows", `{"/": null}`: `routes["/"]`, `{"x": {"function": "f"}}`: "begins with", `{"/a?b": {"function": "f"}}`: "none of ?",
		`{"/a//b": {"function": "f"}}`: "empty part", `{"/..": {"function": "f"}}`: "dots", `{"/a": {"function": ""}}`: ".function", `{"/a": {"function": "f", "auth": "none"}}`: ".auth",
		`{"/a": {"function": "f", "methods": ["get"]}}`: ".methods[0]", `{"/a": {"function": "f", "origins": ["x"]}}`: ".origins[0]", `{"/a": {"function": "f", "bodyBytes": -1}}`: ".bodyBytes",
		`{"/a": {"function": "f"}, "/a/": {"function": "g"}}`: "two routes", `{"/a": {"function": "f", "open": true}}`: "open",
	} {
		_, err := functions.ParseRoutes(text)
		refused(t, yunduo.ReasonInvalidConfig, err, part)
	}
}
