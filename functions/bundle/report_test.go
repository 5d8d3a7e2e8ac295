package bundle_test

import (
	"compress/gzip"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/functions/bundle"
)

// advisories are known vulnerabilities by package, in the form in which registries tell of them.
type advisories map[string][]map[string]any

// answer tells of those that the question is about, as a registry does.
func (a advisories) answer(w http.ResponseWriter, req *http.Request) {
	body, err := gzip.NewReader(req.Body)
	if err != nil {
		http.Error(w, "not compressed", http.StatusBadRequest)
		return
	}
	var asked map[string][]string
	if err := json.NewDecoder(body).Decode(&asked); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	found := advisories{}
	for name := range asked {
		if a[name] != nil {
			found[name] = a[name]
		}
	}
	w.Header().Set("content-type", "application/json")
	json.NewEncoder(w).Encode(found)
}

func TestBuild_Report(t *testing.T) {
	newRegistry(t, somePackages())
	b := build(t, map[string]string{
		"index.js":     "exports.main = () => [require('days'), require('lost/fp'), require('./also')]",
		"also.js":      "require('lost/fp'); require('./gone')",
		"package.json": `{"dependencies":{"days":"2.0.0"}}`,
	})
	r := b.Report
	require.Equal(t, []bundle.Missing{{Name: "./gone", Files: []string{"also.js"}}, {Name: "lost/fp", Files: []string{"also.js", "index.js"}}}, r.Missing)
	require.Positive(t, r.InstalledBytes)
	require.Equal(t, bundle.ModeUnbundled, b.Mode, "a file is not there")
	require.Positive(t, r.ModuleBytes)

	bundled := build(t, map[string]string{"index.js": "exports.main = () => require('days')", "package.json": `{"dependencies":{"days":"2.0.0"}}`})
	r = bundled.Report
	require.Empty(t, r.Missing)
	require.Zero(t, r.ModuleBytes)
	require.EqualValues(t, len(bundled.Code), r.CodeBytes)
	require.Len(t, r.Packages, 2)
	require.Equal(t, []string{"days", "2.0.0"}, []string{r.Packages[0].Name, r.Packages[0].Version}, "the biggest first")
	require.Greater(t, r.Packages[0].Bytes, r.Packages[1].Bytes)
	require.Less(t, r.Packages[0].Bytes+r.Packages[1].Bytes, r.CodeBytes)

	unbundled := build(t, map[string]string{"index.js": "exports.main = () => require('reader')", "package.json": `{"dependencies":{"reader":"1.0.0"}}`})
	r = unbundled.Report
	require.Equal(t, bundle.ModeUnbundled, unbundled.Mode)
	require.Len(t, r.Packages, 2)
	require.Equal(t, r.ModuleBytes, sum(r.Packages)+hiddenBytes(unbundled))
}

func sum(list []bundle.Package) (n int64) {
	for _, p := range list {
		n += p.Bytes
	}
	return n
}

// hiddenBytes are npm's own notes beside the packages.
func hiddenBytes(b *bundle.Bundle) (n int64) {
	for _, f := range b.Files {
		if strings.HasPrefix(f.Path, "node_modules/.") {
			n += int64(len(f.Data))
		}
	}
	return n
}

func TestAudit(t *testing.T) {
	asked := []bundle.Package{
		{Name: "days", Version: "1.0.0"}, {Name: "days", Version: "2.0.0"}, {Name: "helper", Version: "1.2.0"},
		{Name: "secret", Version: "1.0.0", Private: true}, {Name: "odd", Version: "git+ssh://x"}, {Name: "unversioned"},
	}
	builder := func() *bundle.Builder {
		b, err := bundle.NewBuilder(bundle.BuilderOptions{CacheDir: t.TempDir()})
		require.NoError(t, err)
		return b
	}
	r := newRegistry(t, somePackages())
	r.advisories = advisories{
		"days": {
			{"id": 1, "url": "https://example.com/1", "title": "Counts wrongly", "severity": "low", "vulnerable_versions": ">=2.0.0 <3"},
			{"id": 2, "url": "https://example.com/2", "title": "Runs anything", "severity": "critical", "vulnerable_versions": "<=1.0.0"},
		},
		"unrelated": {{"id": 3, "url": "https://example.com/3", "title": "Nothing of ours", "severity": "high", "vulnerable_versions": "*"}},
	}
	b := builder()
	audit := b.Audit(t.Context(), asked)
	require.Empty(t, audit.Unchecked)
	require.Equal(t, []bundle.Advisory{
		{Package: "days", Version: "1.0.0", Severity: "critical", Title: "Runs anything", URL: "https://example.com/2", Range: "<=1.0.0"},
		{Package: "days", Version: "2.0.0", Severity: "low", Title: "Counts wrongly", URL: "https://example.com/1", Range: ">=2.0.0 <3"},
	}, audit.Advisories, "the worst first, each at the version that has it")
	for _, path := range r.requests() {
		require.NotContains(t, path, "secret")
	}
	before := len(r.requests())
	require.Equal(t, audit, b.Audit(t.Context(), slices.Clone(asked)))
	require.Len(t, r.requests(), before, "the answer holds for a while")
	require.Empty(t, b.Audit(t.Context(), nil).Unchecked, "nothing needs no registry")

	r.advisories = nil
	silent := builder()
	audit = silent.Audit(t.Context(), asked)
	require.Equal(t, "the registry has no advisories", audit.Unchecked)
	require.Empty(t, audit.Advisories)
	before = len(r.requests())
	require.Equal(t, audit, silent.Audit(t.Context(), asked[:1]))
	require.Len(t, r.requests(), before, "nor is it asked for others again")

	r.server.Close()
	require.Equal(t, "the registry cannot be reached", builder().Audit(t.Context(), asked).Unchecked)
	b, err := bundle.NewBuilder(bundle.BuilderOptions{CacheDir: t.TempDir(), NPM: "no-such-npm"})
	require.NoError(t, err)
	require.Equal(t, "npm was not found", b.Audit(t.Context(), asked).Unchecked)
}
