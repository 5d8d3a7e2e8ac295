package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/apps"
	"yunduo/server"
)

func TestRequestIDs_AreKeptIfSane(t *testing.T) {
	w := shared.open(t)
	w.tokens["bad"] = "bad"
	for name, c := range map[string]struct {
		sent string
		kept bool
	}{
		"a sane one is kept": {"trace-0123456789", true},
		"too short":          {"abc", false},
		"too long":           {strings.Repeat("a", 65), false},
		"text for the log":   {`abcdefgh" level=ERROR msg="`, false},
		"none":               {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.check(t, exchange{method: "GET", path: me, as: "bad", header: map[string]string{"X-Request-Id": c.sent}, status: 401, reason: yunduo.ReasonTokenInvalid})
			require.Equal(t, c.kept, r.header.Get("X-Request-Id") == c.sent)
		})
	}
	first, second := w.send(t, exchange{method: "GET", path: "/healthz"}), w.send(t, exchange{method: "GET", path: "/healthz"})
	require.NotEqual(t, first.header.Get("X-Request-Id"), second.header.Get("X-Request-Id"))
}

func TestCORS_OnlyTheAppsOwnOrigins(t *testing.T) {
	production := start(t, func(c *server.Config) { c.Dev = nil })
	rooms := production.server.Rooms()
	for app, origins := range map[yunduo.AppID][]string{"shop": {"https://shop.example"}, "other": {"https://other.example"}} {
		_, err := rooms.Apps.Create(t.Context(), yunduo.System(app), apps.App{ID: app, AllowedOrigins: origins})
		require.NoError(t, err)
	}
	w := &world{platform: production, fill: map[string]string{"app": "shop"}}
	login := "/v1/apps/{app}/auth/anonymous"
	preflight := func(origin string) map[string]string {
		return map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
	}
	from := func(origin string) map[string]string { return map[string]string{"Origin": origin} }
	allowed := map[string]string{"Access-Control-Allow-Origin": "https://shop.example", "Vary": "Origin", "Access-Control-Allow-Credentials": ""}
	refused := map[string]string{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Headers": "", "Access-Control-Allow-Methods": ""}
	w.run(t, []exchange{
		{name: "allowed", path: login, header: from("https://shop.example"), headers: allowed},
		{name: "allowed before", method: "OPTIONS", path: login, header: preflight("https://shop.example"), status: 204, headers: allowed},
		{name: "refusals can be read too", method: "GET", path: me, header: from("https://shop.example"), status: 401, reason: yunduo.ReasonTokenMissing, headers: allowed},
		{name: "foreign", path: login, header: from("https://evil.example"), headers: refused},
		{name: "foreign before", method: "OPTIONS", path: login, header: preflight("https://evil.example"), status: 204, headers: refused},
		{name: "another app's", path: login, header: from("https://other.example"), headers: refused},
		{name: "not encrypted", path: login, header: from("http://shop.example"), headers: refused},
		{name: "another port", path: login, header: from("https://shop.example:8443"), headers: refused},
		{name: "subdomain", path: login, header: from("https://shop.example.evil.example"), headers: refused},
		{name: "null", path: login, header: from("null"), headers: refused},
		{name: "loopback in production", path: login, header: from("http://localhost:5173"), headers: refused},
		{name: "management", method: "GET", path: "/v1/manage/apps/{app}", header: from("https://shop.example"), status: 401, reason: yunduo.ReasonTokenMissing, headers: refused},
	})
	dev := shared.open(t)
	dev.run(t, []exchange{
		{name: "loopback in dev", path: login, header: from("http://localhost:5173"), headers: map[string]string{"Access-Control-Allow-Origin": "http://localhost:5173"}},
		{name: "foreign in dev", path: login, header: from("https://evil.example"), headers: refused},
		{name: "loopback look-alike in dev", path: login, header: from("http://localhost.evil.example"), headers: refused},
	})
}

// What end users upload is shown or offered as a download, but never runs on the origin of the API and the console.
func TestUploads_NeverRunOnOurOrigin(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	script := "<script>alert(document.domain)</script>"
	for _, c := range []struct {
		path, contentType string
		inline            bool
	}{
		{"page.html", "text/html", false},
		{"page.htm", "", false},
		{"page.xhtml", "application/xhtml+xml", false},
		{"drawing.svg", "image/svg+xml", false},
		{"drawing2.svg", "image/png", true}, // a lie, which nosniff keeps a lie: no browser runs a PNG
		{"script.js", "text/javascript", false},
		{"feed.xml", "text/xml", false},
		{"unknown", "text/html; charset=utf-8", false},
		{"unknown2", "TEXT/HTML", false},
		{"unknown3", "image/svg+xml;x=y", false},
		{"odd", "text/html\t", false},
		{"photo.png", "image/png", true},
		{"notes.txt", "text/plain", true},
	} {
		t.Run(c.path+" "+c.contentType, func(t *testing.T) {
			url := w.fileURL(t, "li", w.upload(t, "li", c.path, c.contentType, script), 60)
			r := w.check(t, exchange{method: "GET", path: url[len(w.url):], want: []string{script}})
			policy := r.header.Get("Content-Security-Policy")
			require.Contains(t, policy, "sandbox")
			require.NotContains(t, policy, "allow-scripts")
			require.Contains(t, policy, "default-src 'none'")
			disposition, _, _ := strings.Cut(r.header.Get("Content-Disposition"), ";")
			require.Equal(t, map[bool]string{true: "inline", false: "attachment"}[c.inline], disposition, r.header.Get("Content-Type"))
		})
	}
}

func TestDownloads_RangesAndCaching(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	url := w.fileURL(t, "li", w.upload(t, "li", "数字 文件.txt", "text/plain", "0123456789"), 60)
	path := url[len(w.url):]
	with := func(name, value string) map[string]string { return map[string]string{name: value} }
	whole := w.check(t, exchange{method: "GET", path: path, headers: map[string]string{"Content-Length": "10", "Accept-Ranges": "bytes"}})
	require.Equal(t, "0123456789", whole.body)
	require.Contains(t, whole.header.Get("Content-Disposition"), "filename*=utf-8''%E6%95%B0")
	for _, c := range []struct{ ask, want, content string }{
		{"bytes=2-4", "bytes 2-4/10", "234"}, {"bytes=7-", "bytes 7-9/10", "789"}, {"bytes=-3", "bytes 7-9/10", "789"}, {"bytes=5-99", "bytes 5-9/10", "56789"},
	} {
		t.Run(c.ask, func(t *testing.T) {
			r := w.check(t, exchange{method: "GET", path: path, header: with("Range", c.ask), status: 206, headers: with("Content-Range", c.want)})
			require.Equal(t, c.content, r.body)
		})
	}
	t.Run("outside", func(t *testing.T) {
		require.Equal(t, http.StatusRequestedRangeNotSatisfiable, w.send(t, exchange{method: "GET", path: path, header: with("Range", "bytes=10-")}).status)
	})
	w.run(t, []exchange{
		{name: "head", method: "HEAD", path: path, headers: with("Content-Length", "10")},
		{name: "not modified", method: "GET", path: path, header: with("If-None-Match", whole.header.Get("ETag")), status: 304},
		{name: "changed since", method: "GET", path: path, header: map[string]string{"Range": "bytes=2-4", "If-Range": `"other"`}},
	})
}

func TestDownloads_TamperedAddressesAreRefused(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	mine := w.fileURL(t, "li", w.upload(t, "li", "a.txt", "text/plain", "a"), 60)[len(w.url):]
	other := w.fileURL(t, "li", w.upload(t, "li", "b.txt", "text/plain", "b"), 60)[len(w.url):]
	path, sign, _ := strings.Cut(mine, "?sign=")
	_, otherSign, _ := strings.Cut(other, "?sign=")
	seconds, signature, _ := strings.Cut(sign, ".")
	for name, url := range map[string]string{
		"no signature":            path,
		"empty signature":         path + "?sign=",
		"another file's":          path + "?sign=" + otherSign,
		"a later end":             path + "?sign=9" + seconds + "." + signature,
		"cut":                     mine[:len(mine)-4],
		"one digit":               mine[:len(mine)-1] + map[bool]string{true: "B", false: "A"}[strings.HasSuffix(mine, "A")],
		"signature only":          path + "?sign=." + signature,
		"another extension":       strings.Replace(path, ".txt", ".html", 1) + "?sign=" + sign,
		"another spelling of it":  strings.Replace(path, ".txt", "=.txt", 1) + "?sign=" + sign,
		"nothing that was signed": "/v1/apps/{app}/files/content/%00?sign=" + sign,
	} {
		t.Run(name, func(t *testing.T) {
			w.check(t, exchange{method: "GET", path: url, status: 403, reason: yunduo.ReasonGrantInvalid})
		})
	}
}

func TestUploads_GrantsHoldForOneFileAndSize(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	grant := func(t *testing.T, body string) string {
		r := w.check(t, exchange{path: "/v1/apps/{app}/files/grantUpload", as: "li", body: body})
		var granted struct{ URL string }
		require.NoError(t, json.Unmarshal([]byte(r.body), &granted))
		return granted.URL[len(w.url):]
	}
	small := grant(t, `{"path":"small.bin","size":4}`)
	w.run(t, []exchange{
		{name: "too large", method: "PUT", path: small, body: "12345", status: 413, reason: yunduo.ReasonFileTooLarge},
		{name: "tampered", method: "PUT", path: small[:len(small)-2], body: "1234", status: 403, reason: yunduo.ReasonGrantInvalid},
		{name: "nothing was stored", path: "/v1/apps/{app}/files/list", as: "li", body: `{}`, want: []string{`{"files":[]}`}},
		{name: "as granted", method: "PUT", path: small, body: "1234"},
		{name: "stored", path: "/v1/apps/{app}/files/list", as: "li", body: `{}`, want: []string{`"size":4`}},
	})
	form := "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nforged.txt\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\nContent-Type: text/plain\r\n\r\nform content\r\n--x--\r\n"
	w.run(t, []exchange{
		{name: "by form", path: grant(t, `{"path":"form.txt"}`), header: map[string]string{"Content-Type": "multipart/form-data; boundary=x"}, body: form, status: 204},
		{name: "only the granted path", path: "/v1/apps/{app}/files/list", as: "li", body: `{}`, want: []string{`"path":"form.txt","size":12`}, forbid: []string{"forged"}},
		{name: "a form that is none", path: grant(t, `{"path":"none.txt"}`), body: "x", status: 400, reason: yunduo.ReasonInvalidRequest, want: []string{"form"}},
	})
}

func TestMetrics_HaveNoUserTextInLabels(t *testing.T) {
	w := shared.open(t)
	w.user(t, "secretperson")
	require.NoError(t, w.owner().CreateCollection(t.Context(), "secretcollection"))
	w.send(t, exchange{path: "/v1/apps/{app}/documents/secretcollection/find", as: "secretperson", body: `{}`})
	w.send(t, exchange{path: "/v1/secretpath/x?secretquery=1"})
	w.send(t, exchange{method: "SECRETMETHOD", path: "/v1/x"})
	w.send(t, exchange{path: "/v1/apps/{app}/functions/secretfunction", as: "secretperson"})
	r := w.send(t, exchange{method: "GET", path: "/metrics"})
	require.Equal(t, http.StatusOK, r.status)
	require.Contains(t, r.body, `yunduo_http_requests_total{method="POST",route="/v1/apps/:app/documents/:collection/:verb",status="200"}`)
	for line := range strings.Lines(strings.ToLower(r.body)) {
		if strings.Contains(line, "secret") || strings.Contains(line, string(w.app)+`"`) {
			t.Errorf("a caller's text is in the metrics: %s", line)
		}
	}
}
