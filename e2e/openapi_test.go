package e2e_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/api"
)

// document is what the tests look at of an OpenAPI document.
type document struct {
	OpenAPI string
	Info    struct{ Title, Version string }
	Paths   map[string]map[string]struct {
		OperationID string
		Summary     string
		Parameters  []struct {
			Name, In string
			Required bool
		}
		RequestBody json.RawMessage
		Responses   map[string]json.RawMessage
		Security    []map[string][]string
	}
	Components struct {
		Schemas         map[string]json.RawMessage
		SecuritySchemes map[string]json.RawMessage
	}
}

// functionOnly are reached by function code alone, so they have no address.
func functionOnly(o *api.Operation) bool { return o.Access == api.FunctionOnly }

func TestOpenAPI_SaysWhatTheTableSays(t *testing.T) {
	w := shared.open(t)
	r := w.check(t, exchange{method: "GET", path: "/v1/openapi.json", headers: map[string]string{"Content-Type": "application/json; charset=utf-8"}})
	var d document
	require.NoError(t, json.Unmarshal([]byte(r.body), &d))
	require.Equal(t, "3.1.0", d.OpenAPI)
	require.NotEmpty(t, d.Info.Title)
	table := map[string]*api.Operation{}
	for _, o := range shared.server.API().Operations() {
		table[o.Name] = o
	}
	described := map[string]bool{}
	parameter := regexp.MustCompile(`\{([a-zA-Z]+)\}`)
	for path, item := range d.Paths {
		for method, operation := range item {
			o, ok := table[operation.OperationID]
			require.True(t, ok, "%s %s is %q, which is not in the table", method, path, operation.OperationID)
			require.False(t, described[o.Name], "%s is described twice", o.Name)
			described[o.Name] = true
			require.NotEmpty(t, operation.Summary)
			require.Equal(t, o.Access != api.Public, len(operation.Security) > 0, o.Name)
			require.Contains(t, operation.Responses, "200")
			require.Contains(t, operation.Responses, "default")
			named := []string{}
			for _, p := range operation.Parameters {
				require.Equal(t, "path", p.In)
				require.True(t, p.Required)
				named = append(named, p.Name)
			}
			want := []string{}
			for _, m := range parameter.FindAllStringSubmatch(path, -1) {
				want = append(want, m[1])
			}
			require.Equal(t, want, named, "parameters of %s %s", method, path)
		}
	}
	for name, o := range table {
		require.Equal(t, !functionOnly(o), described[name], "%s: function code alone reaches what the document leaves out", name)
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"([^"]*)"`).FindAllStringSubmatch(r.body, -1) {
		name, ok := strings.CutPrefix(ref[1], "#/components/schemas/")
		require.True(t, ok, ref[1])
		require.Contains(t, d.Components.Schemas, name)
	}
	require.Contains(t, d.Components.SecuritySchemes, "bearer")
}

// Every address of the document leads to its operation: without credentials it is refused for that reason and no other.
func TestOpenAPI_EveryRouteExists(t *testing.T) {
	w := shared.open(t)
	var d document
	require.NoError(t, json.Unmarshal([]byte(w.send(t, exchange{method: "GET", path: "/v1/openapi.json"}).body), &d))
	fill := strings.NewReplacer("{app}", string(w.app), "{collection}", "c", "{name}", "n", "{function}", "f", "{id}", "i", "{provider}", "anonymous", "{key}", "k", "{session}", "s")
	public := 0
	for path, item := range d.Paths {
		for method, operation := range item {
			r := w.send(t, exchange{method: strings.ToUpper(method), path: fill.Replace(path)})
			if len(operation.Security) == 0 {
				public++
				require.NotEqual(t, 404, r.status, "%s %s: %s", method, path, r.body)
				continue
			}
			require.Equal(t, 401, r.status, "%s %s: %s", method, path, r.body)
			require.Contains(t, r.body, `"token_missing"`, "%s %s", method, path)
		}
	}
	require.Equal(t, 12, public, "ways to sign in and up, codes and links for them, ends of sessions by their token, and the console's login need no credentials; nothing else is open")
}
