package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/wire"
)

// TestDeploy_Reports deploys a function with a committed package that the registry has an advisory for, and with a
// module that is not there.
func TestDeploy_Reports(t *testing.T) {
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("content-type", "application/json")
		io.WriteString(w, `{"aged":[{"id":1,"url":"https://example.com/1","title":"Runs anything","severity":"high","vulnerable_versions":"<2"}]}`)
	}))
	t.Cleanup(registry.Close)
	t.Setenv("npm_config_registry", registry.URL)
	t.Setenv("npm_config_cache", t.TempDir())
	dir := newProject(t)
	p, info := startDev(t, dir)
	for name, text := range map[string]string{
		"index.js":                       "exports.main = () => [require('aged'), () => require('lost/fp')]",
		"node_modules/aged/package.json": `{"name":"aged","version":"1.4.0"}`,
		"node_modules/aged/index.js":     "module.exports = 'has been around'",
	} {
		file := filepath.Join(dir, "cloudfunctions", "aging", filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	to := []string{"--server", info.URL, "--app", info.App, "--key", info.APIKey}
	text, err := run(t, append([]string{"deploy", dir}, to...)...)
	require.NoError(t, err, text)
	require.Contains(t, text, "; packages (1): aged@1.4.0 ")
	require.Contains(t, text, "! aged 1.4.0 has a vulnerability (high): Runs anything https://example.com/1")
	require.Contains(t, text, `! index.js requires "lost/fp", which is neither in package.json nor in the folder`)
	require.NotContains(t, text, "not checked")

	text, err = run(t, append([]string{"functions", "show", "aging"}, to...)...)
	require.NoError(t, err)
	require.Regexp(t, `(?m)^SIZE +[\d.]+ K?i?B \(source `, text)
	require.Regexp(t, `(?m)^MISSING +lost/fp is missing; required by index.js$`, text)
	require.Regexp(t, `(?m)^VULNERABLE +aged 1.4.0 has a vulnerability`, text)
	var shown struct{ Report wire.FunctionReport }
	text, err = run(t, append([]string{"functions", "show", "hello", "--json"}, to...)...)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(text), &shown))
	require.Empty(t, shown.Report.Missing)
	require.Zero(t, shown.Report.PackageCount)
	require.Positive(t, shown.Report.SourceBytes)
	require.NoError(t, p.stop())
}
