package bundle

import (
	_ "embed"
	"strings"
	"sync"
)

// sdkNames are the packages that the platform itself answers to.
var sdkNames = []string{"wx-server-sdk", "@cloudbase/node-sdk", "tcb-admin-node"}

// IsSDK reports whether a package name, with or without a path inside it, is one the platform answers to.
func IsSDK(specifier string) bool {
	name := packageName(specifier)
	for _, sdk := range sdkNames {
		if name == sdk {
			return true
		}
	}
	return false
}

// builtins are the modules of Node.js 20, with the old ones that existing code still requires.
var builtins = func() map[string]bool {
	const names = `_http_agent _http_client _http_common _http_incoming _http_outgoing _http_server _stream_duplex
		_stream_passthrough _stream_readable _stream_transform _stream_wrap _stream_writable _tls_common _tls_wrap assert
		assert/strict async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns
		dns/promises domain events fs fs/promises http http2 https inspector inspector/promises module net os path
		path/posix path/win32 perf_hooks process punycode querystring readline readline/promises repl stream
		stream/consumers stream/promises stream/web string_decoder sys timers timers/promises tls trace_events tty url
		util util/types v8 vm wasi worker_threads zlib`
	set := make(map[string]bool)
	for name := range strings.FieldsSeq(names) {
		set[name] = true
	}
	return set
}()

func isBuiltin(specifier string) bool {
	return builtins[specifier] || strings.HasPrefix(specifier, "node:")
}

// packageName returns the package part of a specifier: "lodash/fp" -> "lodash", "@a/b/c" -> "@a/b".
func packageName(specifier string) string {
	parts := strings.SplitN(specifier, "/", 3)
	if strings.HasPrefix(specifier, "@") && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

func isRelative(specifier string) bool {
	return specifier == "." || specifier == ".." || strings.HasPrefix(specifier, "./") || strings.HasPrefix(specifier, "../") || strings.HasPrefix(specifier, "/")
}

// inModules reports whether a slash path lies in a node_modules folder.
func inModules(path string) bool {
	return path == "node_modules" || strings.HasPrefix(path, "node_modules/") || strings.Contains(path, "/node_modules/") || strings.HasSuffix(path, "/node_modules")
}

//go:embed companions.txt
var companionList string

// companions are the packages that an installation of the official SDK brings along. Existing functions require some
// of them without listing them, so they are installed on demand at these versions; no other unlisted package is.
var companions = sync.OnceValue(func() map[string]string {
	versions := make(map[string]string)
	for line := range strings.Lines(companionList) {
		if name, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			versions[name] = version
		}
	}
	return versions
})
