package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"time"

	"yunduo/functions/bundle"
	"yunduo/sdk/js"
)

// site serves a project's web page in dev. It listens on a port of its own: a page's scripts must not run on the
// origin of the API and the console.
type site struct {
	listener net.Listener
	server   *http.Server
	done     chan error
}

// startSite serves the files of dir, and the SDK with this app's settings at /__yunduo/sdk.js.
func startSite(ctx context.Context, dir, app, endpoint string) (*site, error) {
	sdk, err := webSDK(app, endpoint)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /__yunduo/sdk.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(sdk) // an error means the browser has left
	})
	files := http.FileServer(http.Dir(dir))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		for name := path.Clean(r.URL.Path); name != "/"; name = path.Dir(name) {
			if path.Base(name)[0] == '.' {
				http.NotFound(w, r)
				return
			}
		}
		w.Header().Set("Cache-Control", "no-cache")
		files.ServeHTTP(w, r)
	})
	s := &site{listener: listener, server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}, done: make(chan error, 1)}
	go func() { s.done <- s.server.Serve(listener) }()
	return s, nil
}

// webSDK returns the SDK as a script whose global `yunduo` is initialised with window.YUNDUO.
func webSDK(app, endpoint string) ([]byte, error) {
	script, err := bundle.Script(js.Sources, "web/index.js", bundle.ScriptBrowser, "yunduo")
	if err != nil {
		return nil, err
	}
	settings, err := json.Marshal(map[string]string{"app": app, "env": app, "endpoint": endpoint})
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s\nwindow.YUNDUO = %s;\n", script, settings), nil
}

func (s *site) url() string { return "http://" + s.listener.Addr().String() + "/" }

func (s *site) close() error {
	err := s.server.Close()
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
