package fastlane

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"yunduo/internal/eventloop"
)

// quickly answers everything on the loop: what begins with /answer by Answer, the rest with the ordinary handler,
// which it calls itself or leaves to the server.
type quickly struct {
	handler http.Handler
	serves  bool
}

func (q quickly) Takes(string, []byte) bool { return true }

func (q quickly) Serve(x *Exchange) bool {
	switch {
	case !q.serves:
		return false
	case strings.HasPrefix(x.Path(), "/answer"):
		x.Answer([]byte("Content-Type: text/plain\r\nX-Memo: seen\r\n"), x.Body)
	default:
		w, r := x.HTTP(x.Context())
		q.handler.ServeHTTP(w, r)
	}
	return true
}

// mode is who waits for a server's connections.
type mode struct {
	name         string
	loop, serves bool
}

var modes = []mode{{name: "goroutines"}, {name: "loop", loop: true}, {name: "quick", loop: true, serves: true}}

// each runs a test in every mode that the system has.
func each(t *testing.T, test func(*testing.T, mode)) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) { test(t, m) })
	}
}

// start serves the handler on a loopback port until the test ends.
func start(t testing.TB, m mode, h http.Handler) (*Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Logger: slog.New(slog.DiscardHandler)}
	if m.loop {
		o.Quick = quickly{h, m.serves}
		o.Loop, err = eventloop.New()
		switch {
		case errors.Is(err, errors.ErrUnsupported):
		case err != nil:
			t.Fatal(err)
		default:
			t.Cleanup(o.Loop.Close)
		}
	}
	s := New(&http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}, o)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		s.gone.Wait()
	})
	return s, l.Addr().String()
}

// describe answers with all that it sees of a request. Its path chooses the form of the answer.
func describe(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	names := make([]string, 0, len(r.Header))
	for name, values := range r.Header {
		names = append(names, fmt.Sprintf("%s=%q", name, values))
	}
	slices.Sort(names)
	text := fmt.Sprintf("%s %s %s %q %s %s %d %v %q %v", r.Method, r.URL, r.RequestURI, r.Host, r.Proto, strings.Join(names, ";"), r.ContentLength, r.TransferEncoding, body, err)
	switch {
	case strings.HasPrefix(r.URL.Path, "/none"):
		w.WriteHeader(http.StatusNoContent)
	case strings.HasPrefix(r.URL.Path, "/flush"):
		io.WriteString(w, "first,")
		w.(http.Flusher).Flush()
		io.WriteString(w, text)
	case strings.HasPrefix(r.URL.Path, "/long"):
		for range 5000 {
			io.WriteString(w, text)
		}
	case strings.HasPrefix(r.URL.Path, "/length"):
		w.Header().Set("Content-Length", "3")
		io.WriteString(w, "abc")
		if _, err := io.WriteString(w, "d"); !errors.Is(err, http.ErrContentLength) {
			panic("more than announced was written")
		}
	case strings.HasPrefix(r.URL.Path, "/close"):
		w.Header().Set("Connection", "close")
		io.WriteString(w, text)
	case strings.HasPrefix(r.URL.Path, "/answer"):
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("X-Memo", "seen")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body)
	case strings.HasPrefix(r.URL.Path, "/panic"):
		panic(http.ErrAbortHandler)
	default:
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Add("X-Two", "a\r\nInjected: yes")
		w.Header().Add("X-Two", "b")
		w.WriteHeader(201)
		w.WriteHeader(500)
		io.WriteString(w, text)
	}
}

// exchange sends raw bytes and returns the answers until the connection ends or is silent after what was sent, in a
// form that does not depend on the order of headers or on how a body was cut into chunks.
func exchange(t testing.TB, address, raw string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		io.WriteString(conn, raw)
		conn.(*net.TCPConn).CloseWrite()
	}()
	var out strings.Builder
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return out.String()
		}
		body, err := io.ReadAll(r.Body)
		r.Header.Del("Date")
		var lines bytes.Buffer
		r.Header.Write(&lines)
		length := fmt.Sprint(r.ContentLength)
		if len(body) > 2048 {
			length = "long"
		}
		fmt.Fprintf(&out, "%s\n%s%s %v %v\n%s\n", r.Status, lines.String(), length, r.Close, err, body)
	}
}

func post(path, headers, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h.example:80\r\n%sContent-Length: %d\r\n\r\n%s", path, headers, len(body), body)
}

var requests = map[string]string{
	"plain":              post("/a/b?c=d&e=%20", "Content-Type: application/json\r\nAuthorization: Bearer x.y\r\n", `{"a":1}`),
	"no body":            post("/a", "", ""),
	"answer":             post("/answer", "", "abc") + post("/answer", "", "") + post("/answer", "X-A: b\r\n", strings.Repeat("z", 100_000)) + post("/a", "", "x"),
	"pipelined":          post("/a", "", "1") + post("/b", "X-A: 1\r\n", "22") + post("/a", "", "333"),
	"flushed":            post("/flush", "", "x") + post("/a", "", ""),
	"long answer":        post("/long", "", strings.Repeat("z", 100)) + post("/a", "", "y"),
	"long body":          post("/a", "", strings.Repeat("z", 70_000)) + post("/a", "", "y"),
	"too long body":      post("/a", "", strings.Repeat("z", 300_000)) + post("/a", "", "y"),
	"announced":          post("/length", "", "") + post("/a", "", ""),
	"no content":         post("/none", "", "abc") + post("/a", "", ""),
	"closing handler":    post("/close", "", "") + post("/a", "", ""),
	"abort":              post("/panic", "", "") + post("/a", "", ""),
	"closing client":     post("/a", "Connection: close\r\n", "") + post("/a", "", ""),
	"keep-alive":         post("/a", "Connection: Keep-Alive\r\n", "") + post("/a", "", ""),
	"get":                "GET /a HTTP/1.1\r\nHost: h\r\n\r\n" + post("/b", "", "x"),
	"post, then get":     post("/b", "", "x") + "GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
	"chunked":            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + post("/b", "", "x"),
	"chunked and length": "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"two lengths":        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
	"signed length":      "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na",
	"length in list":     "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na",
	"no host":            "POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\na",
	"two hosts":          "POST /a HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1\r\n\r\na",
	"bad host":           "POST /a HTTP/1.1\r\nHost: a b\r\nContent-Length: 1\r\n\r\na",
	"folded":             "POST /a HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n 2\r\nContent-Length: 1\r\n\r\na",
	"blank before colon": "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length : 1\r\n\r\na",
	"bare line feeds":    "POST /a HTTP/1.1\nHost: h\nContent-Length: 1\n\na",
	"mixed line ends":    "POST /a HTTP/1.1\r\nHost: h\nX-A: b\r\nContent-Length: 1\r\n\r\na",
	"bare return":        "POST /a HTTP/1.1\r\nHost: h\r\nX-A: b\rc\r\nContent-Length: 1\r\n\r\na",
	"zero byte":          "POST /a HTTP/1.1\r\nHost: h\r\nX-A: b\x00c\r\nContent-Length: 1\r\n\r\na",
	"high bytes":         post("/a", "X-A: \xe4\xba\x91\r\n", "x"),
	"empty value":        post("/a", "X-A:\r\nX-B: \t \r\n", "x"),
	"repeated":           post("/a", "Accept: a\r\naccept: b\r\nACCEPT: c\r\n", "x") + post("/a", "Accept: a\r\n", "x"),
	"expect":             post("/a", "Expect: 100-continue\r\n", "x"),
	"old version":        "POST /a HTTP/1.0\r\nHost: h\r\nContent-Length: 1\r\n\r\na",
	"absolute target":    "POST http://other.example/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na",
	"odd targets":        post("//a", "", "") + post("/a%zz", "", ""),
	"escaped target":     post("/a%2Fb/%E4%BA%91", "", "") + post("/;a=b/*", "", ""),
	"fragment":           post("/a#b", "", ""),
	"star":               post("*", "", ""),
	"long head":          post("/a", "X-A: "+strings.Repeat("y", 10_000)+"\r\n", "x") + post("/a", "", "y"),
	"many headers":       post("/a", strings.Repeat("X-A: b\r\n", 100), "x"),
	"cut off":            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
	"cut off head":       "POST /a HTTP/1.1\r\nHo",
	"other method":       "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na",
	"lower case":         "post /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na",
	"garbage":            "\x16\x03\x01\x02\x00\x01\r\n\r\n",
	"nothing":            "",
	"leading empty line": "\r\n" + post("/a", "", "x"),
}

// Whatever comes, the answer is that of net/http.
func TestLikeNetHTTP(t *testing.T) { each(t, testLikeNetHTTP) }

func testLikeNetHTTP(t *testing.T, m mode) {
	_, address := start(t, m, http.HandlerFunc(describe))
	peer := httptest.NewServer(http.HandlerFunc(describe))
	defer peer.Close()
	peer.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	for name, raw := range requests {
		t.Run(name, func(t *testing.T) {
			got, want := exchange(t, address, raw), exchange(t, peer.Listener.Addr().String(), raw)
			if got != want {
				t.Errorf("got\n%.3000s\nwant\n%.3000s", got, want)
			}
		})
	}
}

func FuzzLikeNetHTTP(f *testing.F) {
	for _, raw := range requests {
		if len(raw) < 4000 {
			f.Add(raw)
		}
	}
	addresses := map[string]string{}
	for _, m := range modes {
		_, addresses[m.name] = start(f, m, http.HandlerFunc(describe))
	}
	peer := httptest.NewServer(http.HandlerFunc(describe))
	f.Cleanup(peer.Close)
	peer.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	f.Fuzz(func(t *testing.T, raw string) {
		want := exchange(t, peer.Listener.Addr().String(), raw)
		for name, address := range addresses {
			if got := exchange(t, address, raw); got != want {
				t.Errorf("%s: %q\ngot\n%.3000s\nwant\n%.3000s", name, raw, got, want)
			}
		}
	})
}

// The plain requests are really served here, and the others really are not.
func TestWhoServes(t *testing.T) {
	for name, want := range map[string]bool{
		"plain": true, "no body": true, "high bytes": true, "escaped target": true, "keep-alive": true,
		"get": false, "chunked": false, "two lengths": false, "expect": false, "bare line feeds": false, "mixed line ends": false, "folded": false, "no host": false,
	} {
		head := requests[name]
		if i := strings.Index(head, "\r\n\r\n"); i >= 0 {
			head = head[:i+4]
		}
		if new(parser).parse([]byte(head), new(http.Request)) != want {
			t.Errorf("%s: taken = %v", name, !want)
		}
	}
}

// A parser that has seen another head reads the same as one that has not.
func TestParser_Memory(t *testing.T) {
	var p parser
	for _, first := range requests {
		for name, raw := range requests {
			head := func(raw string) []byte { i := strings.Index(raw, "\r\n\r\n"); return []byte(raw[:i+4]) }
			if !strings.Contains(first, "\r\n\r\n") || !strings.Contains(raw, "\r\n\r\n") {
				continue
			}
			var got, want http.Request
			p.parse(head(first), new(http.Request))
			if p.parse(head(raw), &got) != new(parser).parse(head(raw), &want) || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %v, %v", name, got, want)
			}
		}
	}
}

func TestDisconnect_CancelsHandler(t *testing.T) { each(t, testDisconnectCancelsHandler) }

func testDisconnectCancelsHandler(t *testing.T, m mode) {
	begun, ended := make(chan struct{}), make(chan struct{})
	_, address := start(t, m, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(ended)
	}))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, post("/a", "", "x"))
	<-begun
	conn.Close()
	<-ended
}

// What arrives while a slow handler runs is the next request, not lost.
func TestSlowHandler_NextRequestWaits(t *testing.T) { each(t, testSlowHandlerNextRequestWaits) }

func testSlowHandlerNextRequestWaits(t *testing.T, m mode) {
	release := make(chan struct{})
	_, address := start(t, m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
		io.WriteString(w, r.URL.Path)
	}))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, post("/slow", "", "x"))
	timer := time.AfterFunc(3*watchTime, func() { // so that the watch reads it, mostly
		io.WriteString(conn, post("/next", "", "y")+post("/last", "", ""))
		close(release)
	})
	defer timer.Stop()
	in := bufio.NewReader(conn)
	for _, want := range []string{"/slow", "/next", "/last"} {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(r.Body); string(body) != want {
			t.Errorf("%s, want %s", body, want)
		}
	}
}

func TestShutdown_AnswersWhatRuns(t *testing.T) { each(t, testShutdownAnswersWhatRuns) }

func testShutdownAnswersWhatRuns(t *testing.T, m mode) {
	begun, release := make(chan struct{}), make(chan struct{})
	s, address := start(t, m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(begun)
			<-release
		}
		io.WriteString(w, "done")
	}))
	idle, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	io.WriteString(idle, post("/a", "", ""))
	if _, err := http.ReadResponse(bufio.NewReader(idle), nil); err != nil {
		t.Fatal(err)
	}
	answers := make(chan string)
	go func() { answers <- exchange(t, address, post("/slow", "", "x")+post("/a", "", "")) }()
	<-begun
	stopped := make(chan error)
	go func() { stopped <- s.Shutdown(t.Context()) }()
	if n, err := idle.Read(make([]byte, 10)); err == nil && n > 0 { // ends when the server closes it
		t.Errorf("%d bytes on an idle connection", n)
	}
	close(release)
	if got := <-answers; strings.Count(got, "done") != 1 || !strings.Contains(got, "true") {
		t.Errorf("answers: %s", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("a stopped server takes connections")
	}
}

func TestShutdown_GivesUpWhenTimeIsOver(t *testing.T) { each(t, testShutdownGivesUpWhenTimeIsOver) }

func testShutdownGivesUpWhenTimeIsOver(t *testing.T, m mode) {
	begun := make(chan struct{})
	s, address := start(t, m, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	}))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, post("/a", "", "x"))
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
}

func BenchmarkEcho(b *testing.B) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	})
	_, address := start(b, modes[0], echo)
	_, onLoop := start(b, modes[1], echo)
	peer := httptest.NewServer(echo)
	defer peer.Close()
	for name, address := range map[string]string{"fastlane": address, "loop": onLoop, "nethttp": peer.Listener.Addr().String()} {
		b.Run(name, func(b *testing.B) {
			raw := []byte(post("/v1/apps/a/functions/f", "Content-Type: application/json\r\nAuthorization: Bearer x\r\n", strings.Repeat("x", 200)))
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					b.Error(err)
					return
				}
				defer conn.Close()
				reply := make([]byte, 4096)
				for pb.Next() {
					conn.Write(raw)
					if n, err := conn.Read(reply); err != nil || n < 200 {
						b.Errorf("%d bytes, %v", n, err)
						return
					}
				}
			})
		})
	}
}
