package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yunduo"
)

// inspector is where debuggers find the functions of "yunduo dev --inspect": one address for all of them, at which each
// keeps its own path however often its process is replaced.
type inspector struct {
	listener net.Listener
	server   *http.Server
	// functions returns the names of the functions, and find the address of one's process, started if need be.
	functions func(context.Context) ([]string, error)
	find      func(ctx context.Context, function string) (string, error)
}

// inspectPatience is how long a process may take to start for a debugger.
const inspectPatience = 20 * time.Second

func startInspector(ctx context.Context, port int, functions func(context.Context) ([]string, error), find func(context.Context, string) (string, error)) (*inspector, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("inspect: %w; choose another port with --inspect=PORT", err)
	}
	i := &inspector{listener: listener, functions: functions, find: find}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /json", i.list)
	mux.HandleFunc("GET /json/list", i.list)
	mux.HandleFunc("GET /json/version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"Browser": "yunduo/" + version, "Protocol-Version": "1.1"})
	})
	mux.HandleFunc("GET /{function}", i.attach)
	i.server = &http.Server{Handler: i.guard(mux), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = i.server.Serve(listener) }() // ends with close
	return i, nil
}

func (i *inspector) address() string { return i.listener.Addr().String() }

func (i *inspector) close() error { return i.server.Close() }

// guard keeps pages out: who talks to an inspector can do anything on this machine. A page of any site can open a
// WebSocket to a loopback address, but its browser says where it comes from; and a name that leads here (DNS rebinding)
// shows in the Host header. Debuggers are no pages.
func (i *inspector) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		origin := r.Header.Get("Origin")
		if (host != "localhost" && (ip == nil || !ip.IsLoopback())) || (origin != "" && !strings.HasPrefix(origin, "devtools://")) {
			http.Error(w, "debuggers only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// inspected is a function as debuggers list it.
type inspected struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Type        string `json:"type"`
	URL         string `json:"url"`
	DevTools    string `json:"devtoolsFrontendUrl"`
	Socket      string `json:"webSocketDebuggerUrl"`
}

func (i *inspector) list(w http.ResponseWriter, r *http.Request) {
	names, err := i.functions(r.Context())
	if err != nil {
		http.Error(w, sentence(err), http.StatusServiceUnavailable)
		return
	}
	list := make([]inspected, len(names))
	for n, name := range names {
		at := i.address() + "/" + name
		list[n] = inspected{
			ID: name, Title: name, Description: "function of yunduo dev", Type: "node", URL: "function:" + name,
			DevTools: "devtools://devtools/bundled/js_app.html?experiments=true&v8only=true&ws=" + at, Socket: "ws://" + at,
		}
	}
	answer(w, list)
}

// attach leads a debugger to the process of a function.
func (i *inspector) attach(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), inspectPatience)
	address, err := i.find(ctx, r.PathValue("function"))
	cancel()
	if err != nil {
		status := http.StatusServiceUnavailable
		if yunduo.ReasonOf(err) == yunduo.ReasonFunctionNotFound {
			status = http.StatusNotFound
		}
		http.Error(w, sentence(err), status)
		return
	}
	to, err := url.Parse(address)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.Out.URL.Scheme, p.Out.URL.Host, p.Out.URL.Path, p.Out.URL.RawPath = "http", to.Host, to.Path, ""
		p.Out.Host = to.Host
		p.Out.Header.Del("Origin")
	}}
	proxy.ServeHTTP(w, r)
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(value) // an error means the debugger has left
}
