package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestConnection_ReadsReplies(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		switch r.URL.Path {
		case "/chunked":
			fmt.Fprint(w, "one ")
			w.(http.Flusher).Flush()
			fmt.Fprint(w, long)
		case "/refused":
			http.Error(w, "no", http.StatusForbidden)
		default:
			fmt.Fprintf(w, "%s %s", r.Header.Get("Authorization"), body)
		}
	}))
	defer server.Close()
	address := server.Listener.Addr().String()
	c, err := dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, call := range []struct{ path, want, refused string }{
		{path: "/", want: "me {}"},
		{path: "/chunked", want: "one " + long},
		{path: "/refused", refused: "status 403 Forbidden: no"},
		{path: "/", want: "me {}"}, // the connection is still in step
	} {
		err := c.do(request(address, call.path, []byte("{}"), "Authorization: me"))
		if call.refused != "" {
			if err == nil || !strings.Contains(err.Error(), call.refused) {
				t.Errorf("%s: error %v instead of %q", call.path, err, call.refused)
			}
			continue
		}
		if err != nil || string(c.body) != call.want {
			t.Errorf("%s: %.50q, %v", call.path, c.body, err)
		}
	}
}

func TestLoad_CountsEveryRequest(t *testing.T) {
	var served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		fmt.Fprint(w, "ok")
	}))
	defer server.Close()
	address := server.Listener.Addr().String()
	var checked atomic.Int64
	wrong := errors.New("wrong reply")
	l := load{address: address, clients: 4, next: always(request(address, "/", nil)), check: func(int, int, []byte) error { checked.Add(1); return nil }}
	r, err := l.run(t.Context(), 20*time.Millisecond)
	if err != nil || checked.Load() != served.Load() || r.rate <= 0 || r.p50 <= 0 || r.p99 < r.p50 {
		t.Fatalf("%+v, %d checked of %d, %v", r, checked.Load(), served.Load(), err)
	}
	l.check = func(int, int, []byte) error { return wrong }
	if _, err := l.run(t.Context(), 20*time.Millisecond); !errors.Is(err, wrong) {
		t.Fatalf("a wrong reply gave %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.run(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Fatalf("a canceled round gave %v", err)
	}
}

func TestSpread(t *testing.T) {
	if got := (spread{3, 1, 2}).text(1); got != "2.0 [1.0-3.0]" {
		t.Error(got)
	}
	if got := (spread{4, 1, 2, 3}).median(); got != 2.5 {
		t.Error(got)
	}
	if got := (spread{}).text(0); got != "-" {
		t.Error(got)
	}
	if got := (spread{2, 9}).over(spread{1, 3}).text(0); got != "2 [2-3]" {
		t.Error(got)
	}
	if r := newRound([]time.Duration{4, 1, 3, 2}, 2*time.Second); r.rate != 2 || r.p50 != 3 || r.p99 != 4 {
		t.Errorf("%+v", r)
	}
	if verdict(2, 3, true) != "met" || verdict(3, 3, true) != "met" || verdict(4, 3, true) == "met" || verdict(2, 3, false) == "met" || verdict(3, 3, false) != "met" {
		t.Error("verdict")
	}
}
