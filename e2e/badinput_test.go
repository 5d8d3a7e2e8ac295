package e2e_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/server"
	"yunduo/wire"
)

func TestBadInput_IsNamedAndDisturbsNothing(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.tokens["garbage"], w.tokens["forged"] = "garbage", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJsaSJ9."
	require.NoError(t, w.owner().CreateCollection(t.Context(), "notes"))
	w.insert(t, "owner", "notes", `{"_id":"kept","n":1}`)
	w.deployMain(t, "echo", "return event")
	w.fill["deep"] = strings.Repeat("[", 300) + strings.Repeat("]", 300)
	w.fill["long"] = strings.Repeat("x", 1<<20)
	documents, functions := "/v1/apps/{app}/documents/notes", "/v1/apps/{app}/functions"
	w.run(t, []exchange{
		{name: "malformed JSON", path: documents + "/find", as: "owner", body: `{"filter":`, status: 400, reason: yunduo.ReasonMalformedJSON},
		{name: "JSON that is no object", path: documents + "/find", as: "owner", body: `[]`, status: 400, reason: yunduo.ReasonMalformedJSON, want: []string{"object"}},
		{name: "two JSON objects", path: documents + "/insert", as: "owner", body: `{} {}`, status: 400, reason: yunduo.ReasonMalformedJSON},
		{name: "text after the object", path: documents + "/find", as: "owner", body: `{"limit":1} }`, status: 400, reason: yunduo.ReasonMalformedJSON},
		{name: "malformed event", path: functions + "/echo", as: "owner", body: `{`, status: 400, reason: yunduo.ReasonMalformedJSON},
		{name: "malformed credential", path: "/v1/apps/{app}/auth/password", body: `{`, status: 400, reason: yunduo.ReasonMalformedJSON},
		{name: "malformed management request", method: "PATCH", path: "/v1/manage/apps/{app}", as: "owner", body: `{"name":1}`, status: 400, reason: yunduo.ReasonInvalidRequest, want: []string{"name"}},
		{name: "wrong type of a field", path: documents + "/find", as: "owner", body: `{"limit":"ten"}`, status: 400, reason: yunduo.ReasonInvalidRequest, want: []string{"limit"}},
		{name: "too deep", path: documents + "/insert", as: "owner", body: `{"documents":[{"a":{deep}}]}`, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "invalid UTF-8", path: documents + "/insert", as: "owner", body: "{\"documents\":[{\"_id\":\"u\",\"a\":\"\xff\xfe\"}]}", status: 400, reason: yunduo.ReasonMalformedJSON, want: []string{"UTF-8"}},

		{name: "unknown app", path: "/v1/apps/nowhere/auth/anonymous", body: `{}`, status: 404, reason: yunduo.ReasonAppNotFound, want: []string{"nowhere"}},
		{name: "unknown app to an operator", path: "/v1/apps/nowhere/documents/notes/find", as: "operator", body: `{}`, status: 404, reason: yunduo.ReasonAppNotFound, want: []string{"nowhere"}},
		{name: "unknown app managed", method: "GET", path: "/v1/manage/apps/nowhere", as: "operator", status: 404, reason: yunduo.ReasonAppNotFound, want: []string{"nowhere"}},
		{name: "impossible app", path: "/v1/apps/..%2f/documents/notes/find", as: "operator", body: `{}`, status: 404, reason: yunduo.ReasonAppNotFound},

		{name: "no token", path: documents + "/find", body: `{}`, status: 401, reason: yunduo.ReasonTokenMissing, want: []string{"Authorization"}},
		{name: "wrong token", path: documents + "/find", as: "garbage", body: `{}`, status: 401, reason: yunduo.ReasonTokenInvalid},
		{name: "unsigned token", path: documents + "/find", as: "forged", body: `{}`, status: 401, reason: yunduo.ReasonTokenInvalid},
		{name: "another scheme", path: documents + "/find", header: map[string]string{"Authorization": "Basic bGk6bGk="}, body: `{}`, status: 401, reason: yunduo.ReasonTokenMissing},

		{name: "unknown function", path: functions + "/none", as: "li", body: `{}`, status: 404, reason: yunduo.ReasonFunctionNotFound, want: []string{"none"}},
		{name: "unknown address", path: "/v1/nothing", status: 404, reason: yunduo.ReasonUnknownOperation},
		{name: "unknown verb", path: documents + "/explode", as: "owner", body: `{}`, status: 404, reason: yunduo.ReasonUnknownOperation, want: []string{"explode"}},
		{name: "wrong method", method: "GET", path: documents + "/find", as: "owner", status: 404, reason: yunduo.ReasonUnknownOperation, want: []string{"method"}},

		{name: "invalid query operator", path: documents + "/find", as: "owner", body: `{"filter":{"n":{"$near2":1}}}`, status: 400, reason: yunduo.ReasonUnknownOperator, want: []string{"$near2"}},
		{name: "invalid update operator", path: documents + "/update", as: "owner", body: `{"filter":{"_id":"kept"},"update":{"$explode":{"n":1}}}`, status: 400, reason: yunduo.ReasonUnknownOperator, want: []string{"$explode"}},
		{name: "invalid stage", path: documents + "/aggregate", as: "owner", body: `{"pipeline":[{"$out2":"x"}]}`, status: 400, reason: yunduo.ReasonUnknownOperator, want: []string{"$out2"}},
		{name: "answer beyond all measure", path: documents + "/aggregate", as: "owner", body: `{"pipeline":[{"$addFields":{"long":"{long}","list":{"$range":[0,100]}}},{"$unwind":"$list"}]}`, status: 429, reason: yunduo.ReasonQueryTooExpensive, want: []string{"64 MiB"}},
		{name: "filter that is no object", path: documents + "/find", as: "owner", body: `{"filter":"n"}`, status: 400, reason: yunduo.ReasonMalformedJSON, want: []string{"filter"}},
		{name: "update that does not apply", path: documents + "/update", as: "owner", body: `{"filter":{"_id":"kept"},"update":{"$push":{"n":1}}}`, status: 400, reason: yunduo.ReasonUpdateNotApplicable},
		{name: "update without a change", path: documents + "/update", as: "owner", body: `{"filter":{"_id":"kept"}}`, status: 400, reason: yunduo.ReasonInvalidRequest, want: []string{"update"}},
		{name: "negative limit", path: documents + "/find", as: "owner", body: `{"limit":-1}`, status: 400, reason: yunduo.ReasonInvalidRequest, want: []string{"limit"}},
		{name: "negative skip", path: documents + "/find", as: "owner", body: `{"skip":-1}`, status: 400, reason: yunduo.ReasonInvalidRequest, want: []string{"skip"}},
		{name: "taken _id", path: documents + "/insert", as: "owner", body: `{"documents":[{"_id":"kept"}]}`, status: 409, reason: yunduo.ReasonDuplicateKey},
		{name: "unknown transaction", path: documents + "/find", as: "owner", body: `{"transaction":"none"}`, status: 404, reason: yunduo.ReasonTransactionNotFound},
		{name: "impossible collection", path: "/v1/apps/{app}/documents/$x/insert", as: "owner", body: `{"documents":[{}]}`, status: 400, reason: yunduo.ReasonInvalidCollectionName},
		{name: "unknown provider", path: "/v1/apps/{app}/auth/facebook", body: `{}`, status: 400, reason: yunduo.ReasonInvalidRequest, want: []string{"facebook"}},

		{name: "file outside", path: "/v1/apps/{app}/files/grantUpload", as: "li", body: `{"path":"../secret"}`, status: 400, reason: yunduo.ReasonInvalidFileID},
		{name: "file of no ID", path: "/v1/apps/{app}/files/stat", as: "li", body: `{"fileId":"x"}`, status: 400, reason: yunduo.ReasonInvalidFileID},
		{name: "file that is not there", path: "/v1/apps/{app}/files/stat", as: "owner", body: `{"fileId":"cloud://{app}.files/none.txt"}`, status: 404, reason: yunduo.ReasonFileNotFound},
		{name: "made-up ticket", method: "PUT", path: "/v1/apps/{app}/files/upload/abc.def", body: "x", status: 403, reason: yunduo.ReasonGrantInvalid},
		{name: "form without a file", path: "/v1/apps/{app}/files/upload/abc.def", body: "x", status: 403, reason: yunduo.ReasonGrantInvalid},

		{name: "function path outside", method: "PUT", path: "/v1/manage/apps/{app}/functions/bad", as: "owner", body: `{"files":[{"path":"../index.js","content":""}]}`, status: 400, reason: yunduo.ReasonInvalidBundle, want: []string{"../index.js"}},
		{name: "function without files", method: "PUT", path: "/v1/manage/apps/{app}/functions/bad", as: "owner", body: `{"files":[]}`, status: 400, reason: yunduo.ReasonInvalidBundle},
		{name: "function name", method: "PUT", path: "/v1/manage/apps/{app}/functions/a%20b", as: "owner", body: `{"files":[{"path":"index.js","content":""}]}`, status: 400, reason: yunduo.ReasonInvalidRequest, want: []string{"a b"}},
		{name: "invalid rules", method: "PUT", path: "/v1/manage/apps/{app}/collections/notes/rules", as: "owner", body: `{"rules":"{\"read\":\"doc.\"}"}`, status: 400, reason: yunduo.ReasonInvalidRules},

		{name: "nothing was disturbed", path: documents + "/find", as: "owner", body: `{"filter":{"_id":"kept"}}`, want: []string{`{"documents":[{"_id":"kept","n":1}]}`}},
		{name: "functions go on", path: functions + "/echo", as: "li", body: `{"a":1}`, want: []string{`{"a":1,`}},
	})
}

func TestBadInput_OversizedBodyIsRefused(t *testing.T) {
	w := shared.open(t)
	big := `{"documents":[{"a":"` + strings.Repeat("x", 16<<20) + `"}]}`
	insert := exchange{path: "/v1/apps/{app}/documents/notes/insert", as: "owner", body: big, status: 413, reason: yunduo.ReasonBodyTooLarge, want: []string{"16 MiB"}}
	w.run(t, []exchange{
		named(insert, "documents"),
		{name: "credential", path: "/v1/apps/{app}/auth/password", body: `{"username":"` + strings.Repeat("x", 65<<10) + `"}`, status: 413, reason: yunduo.ReasonBodyTooLarge},
	})
	t.Run("without a length", func(t *testing.T) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+w.filled(insert.path), struct{ *strings.Reader }{strings.NewReader(big)})
		require.NoError(t, err)
		request.ContentLength = -1
		request.Header.Set("Authorization", "Bearer "+w.keys.APIKey)
		response, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
	})
}

// Headers are kept while they come, by anybody.
func TestBadInput_OversizedHeadersAreRefused(t *testing.T) {
	w := shared.open(t)
	for size, status := range map[int]int{32 << 10: http.StatusUnauthorized, 80 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/v1/manage/apps", http.NoBody)
		require.NoError(t, err)
		request.Header.Set("X-Long", strings.Repeat("x", size))
		response, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode)
	}
}

func named(e exchange, name string) exchange {
	e.name = name
	return e
}

func TestBadInput_BrokenFunctionsNameTheirProblem(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.deployMain(t, "good", "return 'fine'")
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"syntax error":    {map[string]string{"index.js": "exports.main = async () => {\n  retrun 1 +\n}"}, "index.js:2"},
		"missing package": {map[string]string{"index.js": "const x = require('no-such-package-here')\nexports.main = () => x"}, "no-such-package-here"},
		"missing file":    {map[string]string{"index.js": "const x = require('./gone')\nexports.main = () => x"}, "./gone"},
		"throws on load":  {map[string]string{"index.js": "throw new Error('not today')"}, "not today"},
		"no main":         {map[string]string{"index.js": "exports.other = () => 1"}, "main"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.tryDeploy(t, "broken", c.files)
			require.Error(t, err)
			require.Contains(t, err.Error(), c.want)
			require.Contains(t, []yunduo.Reason{yunduo.ReasonFunctionLoadFailed, yunduo.ReasonInvalidBundle}, yunduo.ReasonOf(err))
		})
	}
	w.run(t, []exchange{
		{name: "a refused version is not live", path: "/v1/apps/{app}/functions/broken", as: "li", body: `{}`, status: 404, reason: yunduo.ReasonFunctionNotFound},
		{name: "the neighbour goes on", path: "/v1/apps/{app}/functions/good", as: "li", body: ``, want: []string{`"fine"`}},
	})
}

func TestBadInput_FailingFunctionsTellTheReason(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.deployMain(t, "throws", "throw new Error('the author said so')")
	w.deployMain(t, "rejects", "return Promise.reject({ plain: 1 })")
	w.deployMain(t, "nothing", "")
	w.deployMain(t, "cyclic", "const a = {}; a.a = a; return a")
	w.deployMain(t, "huge", "return 'x'.repeat(7 << 20)")
	w.deployMain(t, "dies", "process.exit(3)")
	w.deployWith(t, "slow", "await new Promise(() => {})", wire.FunctionSettings{TimeoutSeconds: 0.2})
	function := func(name string) string { return "/v1/apps/{app}/functions/" + name }
	w.run(t, []exchange{
		{name: "throws", path: function("throws"), as: "li", body: `{}`, status: 502, reason: yunduo.ReasonFunctionError, want: []string{"the author said so"}},
		{name: "rejects", path: function("rejects"), as: "li", body: `{}`, status: 502, reason: yunduo.ReasonFunctionError},
		{name: "returns nothing", path: function("nothing"), as: "li", want: []string{"null"}},
		{name: "returns a circle", path: function("cyclic"), as: "li", body: `{}`, status: 502, reason: yunduo.ReasonFunctionError},
		{name: "returns too much", path: function("huge"), as: "li", body: `{}`, status: 413, reason: yunduo.ReasonFunctionResultTooLarge, want: []string{"6 MiB"}},
		{name: "leaves", path: function("dies"), as: "li", body: `{}`, status: 502, reason: yunduo.ReasonFunctionError},
		{name: "never ends", path: function("slow"), as: "li", body: `{}`, status: 504, reason: yunduo.ReasonFunctionTimeout},
		{name: "and all goes on", path: function("nothing"), as: "li", want: []string{"null"}},
	})
}

func TestNew_RefusesSettingsThatCannotWork(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	file := t.TempDir() + "/file"
	writeFile(t, file, "")
	for name, c := range map[string]struct {
		change func(*server.Config)
		want   []string
	}{
		"port in use":            {func(c *server.Config) { c.Listen = taken.Addr().String() }, []string{taken.Addr().String(), "in use", "--port"}},
		"address":                {func(c *server.Config) { c.Listen = "here" }, []string{"listen", "here"}},
		"dev on every interface": {func(c *server.Config) { c.Listen = "0.0.0.0:0" }, []string{"loopback"}},
		"sandbox":                {func(c *server.Config) { c.Sandbox = "maybe" }, []string{"sandbox", "maybe"}},
		"public address":         {func(c *server.Config) { c.PublicURL = "example.com" }, []string{"public-url"}},
		"data is a file":         {func(c *server.Config) { c.DataDir = file }, []string{"data"}},
		"no node":                {func(c *server.Config) { c.NodePath = "/nowhere/node" }, []string{"node"}},
		"app":                    {func(c *server.Config) { c.Dev.App = "no such name!" }, []string{"app"}},
		"short secret":           {func(c *server.Config) { writeFile(t, c.DataDir+"/secret.key", "c2hvcnQ=") }, []string{"secret", "32"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := devConfig(t.TempDir())
			c.change(&config)
			s, err := server.New(context.Background(), config)
			if err == nil {
				require.NoError(t, s.Close())
			}
			require.Error(t, err)
			for _, text := range c.want {
				require.Contains(t, err.Error(), text)
			}
		})
	}
}
