package bundle_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions/bundle"
)

// registry is a package registry with a few packages. It counts what is asked of it.
type registry struct {
	server   *httptest.Server
	packages map[string]map[string]string // name@version to files
	mu       sync.Mutex
	asked    []string
	// advisories are what it knows of vulnerabilities; a registry without does not answer.
	advisories advisories
}

func newRegistry(t testing.TB, packages map[string]map[string]string) *registry {
	t.Helper()
	r := &registry{packages: packages}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	t.Setenv("npm_config_registry", r.server.URL)
	t.Setenv("npm_config_cache", t.TempDir())
	t.Setenv("npm_config_fetch_retries", "0")
	return r
}

func (r *registry) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.asked...)
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.asked = append(r.asked, req.URL.Path)
	r.mu.Unlock()
	name := strings.TrimPrefix(req.URL.Path, "/")
	if req.Method == http.MethodPost {
		if r.advisories == nil || !strings.HasSuffix(name, "/advisories/bulk") {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		r.advisories.answer(w, req)
		return
	}
	if id, ok := strings.CutPrefix(name, "tarballs/"); ok {
		w.Write(tarball(r.packages[id]))
		return
	}
	versions := map[string]any{}
	for id, files := range r.packages {
		if at := strings.LastIndex(id, "@"); id[:at] == name {
			var manifest map[string]any
			if json.Unmarshal([]byte(files["package.json"]), &manifest) != nil {
				http.Error(w, "bad manifest", http.StatusInternalServerError)
				return
			}
			sum := sha512.Sum512(tarball(files))
			manifest["dist"] = map[string]string{"tarball": r.server.URL + "/tarballs/" + id, "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}
			versions[id[at+1:]] = manifest
		}
	}
	if len(versions) == 0 {
		http.Error(w, `{"error":"not found"}`, http.StatusNotFound)
		return
	}
	latest := ""
	for v := range versions {
		latest = max(latest, v)
	}
	w.Header().Set("content-type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"name": name, "dist-tags": map[string]string{"latest": latest}, "versions": versions})
}

func tarball(files map[string]string) []byte {
	var buffer bytes.Buffer
	z := gzip.NewWriter(&buffer)
	w := tar.NewWriter(z)
	for _, name := range []string{"package.json", "index.js", "extra.js"} {
		if data, ok := files[name]; ok {
			w.WriteHeader(&tar.Header{Name: "package/" + name, Mode: 0o644, Size: int64(len(data))})
			w.Write([]byte(data))
		}
	}
	w.Close()
	z.Close()
	return buffer.Bytes()
}

func somePackages() map[string]map[string]string {
	return map[string]map[string]string{
		"days@1.0.0":          {"package.json": `{"name":"days","version":"1.0.0","scripts":{"postinstall":"touch ../../ran"}}`, "index.js": "module.exports = 'days 1'"},
		"days@2.0.0":          {"package.json": `{"name":"days","version":"2.0.0","dependencies":{"helper":"^1.0.0"}}`, "index.js": "module.exports = 'days 2 ' + require('helper')"},
		"helper@1.2.0":        {"package.json": `{"name":"helper","version":"1.2.0"}`, "index.js": "module.exports = 'helped'"},
		"reader@1.0.0":        {"package.json": `{"name":"reader","version":"1.0.0","dependencies":{"helper":"1"}}`, "index.js": "module.exports = require('fs').readFileSync(__dirname + '/extra.js', 'utf8') + require('helper')", "extra.js": "// extra "},
		"lodash.set@4.3.2":    {"package.json": `{"name":"lodash.set","version":"4.3.2"}`, "index.js": "module.exports = 'came along'"},
		"picky@1.0.0":         {"package.json": `{"name":"picky","version":"1.0.0","peerDependencies":{"days":"^1.0.0"}}`, "index.js": "module.exports = 'picky'"},
		"onlymodule@1.0.0":    {"package.json": `{"name":"onlymodule","version":"1.0.0","type":"module","exports":"./index.js"}`, "index.js": "export default 'es'"},
		"wx-server-sdk@9.9.9": {"package.json": `{"name":"wx-server-sdk","version":"9.9.9"}`, "index.js": "module.exports = { sdk: 'official' }"},
	}
}

func TestBuild_Installs(t *testing.T) {
	tests := map[string]struct {
		files    map[string]string
		result   any
		packages []string
		mode     bundle.Mode
		warning  string
	}{
		"what package.json asks for": {
			files:  map[string]string{"index.js": "exports.main = () => [require('days'), require('wx-server-sdk').sdk]", "package.json": `{"dependencies":{"days":"^2.0.0","wx-server-sdk":"latest"}}`},
			result: []any{"days 2 helped", "platform"}, packages: []string{"days@2.0.0", "helper@1.2.0"}, mode: bundle.ModeBundled,
		},
		"the version of a lock file": {
			files: map[string]string{"index.js": "exports.main = () => require('days')", "package.json": `{"dependencies":{"days":">=1","wx-server-sdk":"1"}}`,
				"package-lock.json": `{"name":"x","lockfileVersion":2,"requires":true,"packages":{"":{"dependencies":{"days":">=1","wx-server-sdk":"1"}},"node_modules/days":{"version":"1.0.0","resolved":"https://registry.npm.taobao.org/tarballs/days@1.0.0"}},"dependencies":{}}`},
			result: "days 1", packages: []string{"days@1.0.0"}, mode: bundle.ModeBundled,
		},
		"a package that reads its own files": {
			files:  map[string]string{"index.js": "exports.main = () => require('reader')", "package.json": `{"dependencies":{"reader":"1.0.0"}}`},
			result: "// extra helped", packages: []string{"helper@1.2.0", "reader@1.0.0"}, mode: bundle.ModeUnbundled,
		},
		"TypeScript with a package that reads its own files and an ES module": {
			files:  map[string]string{"index.ts": "import text from 'reader'\nimport es from 'onlymodule'\nimport { n } from './n'\nexport const main = (): unknown => [text, es, n]", "n.ts": "export const n: number = 1", "package.json": `{"dependencies":{"reader":"1.0.0","onlymodule":"1"}}`},
			result: []any{"// extra helped", "es", 1.0}, packages: []string{"helper@1.2.0", "onlymodule@1.0.0", "reader@1.0.0"}, mode: bundle.ModeUnbundled,
		},
		"a computed require": {
			files:  map[string]string{"index.js": "exports.main = () => require(['da', 'ys'].join(''))", "package.json": `{"dependencies":{"days":"1.0.0"}}`},
			result: "days 1", mode: bundle.ModeUnbundled,
		},
		"what the official SDK brings along": {
			files:  map[string]string{"index.js": "exports.main = () => require('lodash.set')"},
			result: "came along", packages: []string{"lodash.set@4.3.2"}, mode: bundle.ModeBundled, warning: "which package.json does not list",
		},
		"peers that do not fit": {
			files:  map[string]string{"index.js": "exports.main = () => [require('days'), require('picky')]", "package.json": `{"dependencies":{"days":"2.0.0","picky":"1.0.0"}}`},
			result: []any{"days 2 helped", "picky"}, packages: []string{"days@2.0.0", "helper@1.2.0", "picky@1.0.0"}, mode: bundle.ModeBundled,
		},
		"beside committed ones": {
			files:  map[string]string{"index.js": "exports.main = () => [require('own'), require('days')]", "package.json": `{"dependencies":{"days":"1.0.0","own":"1"}}`, "node_modules/own/index.js": "module.exports = 'own'"},
			result: []any{"own", "days 1"}, mode: bundle.ModeBundled,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			packages := somePackages()
			packages["own@1.0.0"] = map[string]string{"package.json": `{"name":"own","version":"1.0.0"}`, "index.js": "module.exports = 'registry'"}
			newRegistry(t, packages)
			b := build(t, test.files)
			require.Equal(t, test.mode, b.Mode, b.Reason)
			if test.packages != nil {
				require.Equal(t, test.packages, b.Packages)
			}
			if test.warning == "" {
				require.Empty(t, b.Warnings)
			} else {
				require.Contains(t, strings.Join(b.Warnings, "\n"), test.warning)
			}
			require.Equal(t, test.result, run(t, b))
			require.NotContains(t, string(b.SourceMap), ".tmp-", "nothing of this machine gets into a bundle")
			require.NotContains(t, string(b.Code), ".tmp-")
		})
	}
}

func TestBuild_NothingToInstall(t *testing.T) {
	r := newRegistry(t, somePackages())
	build(t, map[string]string{"index.js": "require('wx-server-sdk')", "package.json": `{"dependencies":{"wx-server-sdk":"latest","days":"1.0.0"}}`})
	require.Empty(t, r.requests(), "the SDK is never downloaded, and neither is what the code does not use")
}

func TestBuild_OfficialSDK(t *testing.T) {
	newRegistry(t, somePackages())
	dir := folder(t, map[string]string{"index.js": "const c = require('wx-server-sdk')\nexports.main = () => c.sdk", "package.json": `{"dependencies":{"wx-server-sdk":"latest"}}`})
	b, err := builder(t).Build(t.Context(), dir, bundle.Options{OfficialSDK: true})
	require.NoError(t, err)
	require.Equal(t, []string{"wx-server-sdk@9.9.9"}, b.Packages)
	require.Equal(t, "official", run(t, b))
}

func TestBuild_InstalledOnce(t *testing.T) {
	r := newRegistry(t, somePackages())
	b := builder(t)
	var group sync.WaitGroup
	hashes := make([]string, 8)
	for i := range hashes {
		group.Go(func() {
			files := map[string]string{"index.js": "exports.main = () => require('days')", "package.json": `{"dependencies":{"days":"2.0.0"}}`}
			built, err := b.Build(t.Context(), folder(t, files), bundle.Options{})
			if err == nil {
				hashes[i] = built.Hash
			}
		})
	}
	group.Wait()
	for _, hash := range hashes {
		require.NotEmpty(t, hash)
		require.Equal(t, hashes[0], hash)
	}
	first := r.requests()
	count := make(map[string]int)
	for _, path := range first {
		count[path]++
	}
	require.Equal(t, map[string]int{"/days": 1, "/helper": 1, "/tarballs/days@2.0.0": 1, "/tarballs/helper@1.2.0": 1}, count)
	r.server.Close() // from here on the machine is offline
	_, err := b.Build(t.Context(), folder(t, map[string]string{"index.js": "require('days') // another", "package.json": `{"dependencies":{"days":"2.0.0"}}`}), bundle.Options{})
	require.NoError(t, err)
}

func TestBuild_ScriptsNeverRun(t *testing.T) {
	newRegistry(t, somePackages())
	cache := t.TempDir()
	b, err := bundle.NewBuilder(bundle.BuilderOptions{CacheDir: cache})
	require.NoError(t, err)
	_, err = b.Build(t.Context(), folder(t, map[string]string{"index.js": "require('days')", "package.json": `{"dependencies":{"days":"1.0.0"},"scripts":{"preinstall":"touch ran"}}`}), bundle.Options{})
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(cache, func(path string, d os.DirEntry, err error) error {
		require.NotEqual(t, "ran", filepath.Base(path))
		return err
	}))
}

func TestBuild_InstallFails(t *testing.T) {
	tests := map[string]struct {
		dependencies, message string
		offline               bool
	}{
		"no such package": {dependencies: `{"days":"1.0.0","nobody-has-this":"1"}`, message: "nobody-has-this@1"},
		"no such version": {dependencies: `{"days":"99.9.9"}`, message: "days@99.9.9"},
		"no network":      {dependencies: `{"days":"1.0.0"}`, message: "registry cannot be reached", offline: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t, somePackages())
			if test.offline {
				r.server.Close()
			}
			cache := t.TempDir()
			b, err := bundle.NewBuilder(bundle.BuilderOptions{CacheDir: cache})
			require.NoError(t, err)
			_, err = b.Build(t.Context(), folder(t, map[string]string{"index.js": "require('days'); require('nobody-has-this')", "package.json": `{"dependencies":` + test.dependencies + `}`}), bundle.Options{})
			require.Equal(t, yunduo.ReasonInvalidBundle, yunduo.ReasonOf(err))
			require.Contains(t, yunduo.AsError(err).Message, test.message)
			left, err := os.ReadDir(filepath.Join(cache, "modules"))
			require.NoError(t, err)
			require.Empty(t, left, "what failed leaves nothing behind")
		})
	}
}

func TestBuild_ForeignSourcesRefused(t *testing.T) {
	r := newRegistry(t, somePackages())
	for _, spec := range []string{"file:../secret", "link:../x", "git+https://example.com/x.git", "https://example.com/x.tgz", "someone/x", "workspace:*"} {
		files := map[string]string{"index.js": "exports.main = () => { try { require('days') } catch (e) { return e.code } }"}
		data, err := json.Marshal(map[string]any{"dependencies": map[string]string{"days": spec}})
		require.NoError(t, err)
		with := maps.Clone(files)
		with["package.json"] = string(data)
		b := build(t, with)
		require.Contains(t, strings.Join(b.Warnings, "\n"), spec)
		require.Equal(t, "MODULE_NOT_FOUND", run(t, b))
	}
	require.Empty(t, r.requests())
}

// What a project's files say must not lead npm to files and repositories of the server.
func TestBuild_HostileOverridesAndLocksIgnored(t *testing.T) {
	tests := map[string]map[string]string{
		"overrides":      {"package.json": `{"dependencies":{"days":"2.0.0"},"overrides":{"helper":"file:/etc"}}`},
		"a linked file":  {"package.json": `{"dependencies":{"days":"2.0.0"}}`, "package-lock.json": `{"lockfileVersion":3,"packages":{"node_modules/days":{"resolved":"../../../../etc","link":true}}}`},
		"a file":         {"package.json": `{"dependencies":{"days":"2.0.0"}}`, "package-lock.json": `{"lockfileVersion":3,"packages":{"node_modules/days":{"version":"2.0.0","resolved":"file:///etc/x.tgz"}}}`},
		"an old lock":    {"package.json": `{"dependencies":{"days":"2.0.0"}}`, "package-lock.json": `{"lockfileVersion":1,"dependencies":{"days":{"version":"git+ssh://git@example.com/x.git#1"}}}`},
		"another format": {"package.json": `{"dependencies":{"days":"2.0.0"}}`, "yarn.lock": "days@2.0.0:\n  version \"2.0.0\"\n  resolved \"file:///etc/x.tgz\"\n"},
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			newRegistry(t, somePackages())
			files["index.js"] = "exports.main = () => require('days')"
			b := build(t, files)
			require.Contains(t, strings.Join(b.Warnings, "\n"), "other sources than the package registry")
			require.Equal(t, "days 2 helped", run(t, b))
		})
	}
}
