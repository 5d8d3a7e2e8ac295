package runtimetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

// exchange sends a request to a program's server and returns the response, whose body ends the exchange. The channel
// gets the outcome of the invocation.
func (b *bench) exchange(t testing.TB, p runtime.Program, r *http.Request, change ...func(*runtime.Invocation)) (*http.Response, <-chan error) {
	t.Helper()
	conn, over := b.open(t, p, change...)
	go func() {
		if err := r.Write(conn); err != nil {
			t.Logf("write the request: %v", err)
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return response, over
}

func (b *bench) open(t testing.TB, p runtime.Program, change ...func(*runtime.Invocation)) (net.Conn, <-chan error) {
	over := make(chan error, 1)
	conn := p.Open(t.Context(), b.invocation("", append(change, func(i *runtime.Invocation) { i.Source = "http" })...), func(_ runtime.Result, err error) { over <- err })
	t.Cleanup(func() { conn.Close() })
	return conn, over
}

func request(t testing.TB, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, "http://function"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	return r
}

// fetch is exchange for a reply that is read whole.
func (b *bench) fetch(t testing.TB, p runtime.Program, r *http.Request, change ...func(*runtime.Invocation)) (status int, header http.Header, body string) {
	t.Helper()
	response, over := b.exchange(t, p, r, change...)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("read the reply: %v", err)
	}
	if err := <-over; err != nil {
		t.Errorf("outcome: %v", err)
	}
	return response.StatusCode, response.Header, string(text)
}

func testExchanges(t *testing.T, b *bench) {
	event := b.load(t, `exports.main = async event => {
		if (event.path === '/reply') return { statusCode: 201, headers: { 'x-own': 'yes', 'set-cookie': ['a=1', 'b=2'] }, body: Buffer.from('\x00\xff', 'latin1').toString('base64'), isBase64Encoded: true }
		if (event.path === '/text') return 'plain'
		if (event.path === '/throw') throw new Error('thrown on purpose')
		return event
	}`)
	t.Run("an event", func(t *testing.T) {
		r := request(t, "PUT", "/a%20b?x=1&y=2&x=3", `{"n":1}`)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Some", "thing")
		status, header, body := b.fetch(t, event, r)
		want(t, fmt.Sprint(status, header.Get("Content-Type")), "200application/json; charset=utf-8")
		for _, part := range []string{`"path":"/a%20b"`, `"httpMethod":"PUT"`, `"x-some":"thing"`, `"queryStringParameters":{"x":"3","y":"2"}`, `"body":"{\"n\":1}"`, `"isBase64Encoded":false`, `"sourceIp":"192.0.2.7"`} {
			if !strings.Contains(body, part) {
				t.Errorf("the event %s lacks %s", body, part)
			}
		}
		r = request(t, "POST", "/", "\x00\xff")
		r.Header.Set("Content-Type", "application/octet-stream")
		if _, _, body = b.fetch(t, event, r); !strings.Contains(body, `"body":"AP8=","isBase64Encoded":true`) {
			t.Errorf("a binary body came as %s", body)
		}
	})
	t.Run("a reply", func(t *testing.T) {
		status, header, body := b.fetch(t, event, request(t, "GET", "/reply", ""))
		want(t, fmt.Sprintf("%d %v %s %x", status, header["Set-Cookie"], header.Get("X-Own"), body), "201 [a=1 b=2] yes 00ff")
		_, header, body = b.fetch(t, event, request(t, "GET", "/text", ""))
		want(t, header.Get("Content-Type")+" "+body, "text/plain; charset=utf-8 plain")
	})
	t.Run("a failure", func(t *testing.T) {
		conn, over := b.open(t, event)
		if err := request(t, "GET", "/throw", "").Write(conn); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			response.Body.Close()
		}
		for _, err := range []error{err, <-over} {
			if err == nil || !strings.Contains(err.Error(), "thrown on purpose") {
				t.Errorf("the failure came as %v", err)
			}
		}
	})
	t.Run("an application", func(t *testing.T) {
		p := b.load(t, `exports.main = (req, res) => { res.setHeader('x-who', require('wx-server-sdk').getWXContext().OPENID); req.pipe(res) }`, serves)
		_, header, body := b.fetch(t, p, request(t, "POST", "/", "hello"))
		want(t, header.Get("X-Who")+" "+body, "openid-1 hello")
	})
	t.Run("large", func(t *testing.T) {
		p := b.load(t, `exports.main = (req, res) => req.pipe(res)`, serves)
		text := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB, many windows
		if _, _, body := b.fetch(t, p, request(t, "POST", "/", text)); body != text {
			t.Errorf("of %d bytes came %d back", len(text), len(body))
		}
	})
	t.Run("a server that listens", func(t *testing.T) {
		p := b.load(t, `
			const http = require('http')
			let count = 0
			const server = http.createServer((req, res) => res.end(String(++count) + ' ' + server.listening))
			setTimeout(() => server.listen(process.env.PORT, '0.0.0.0'), 5)`, func(b *runtime.Bundle) { b.Exclusive, b.Concurrency = true, 10 })
		for i := range 2 {
			_, _, body := b.fetch(t, p, request(t, "GET", "/", ""))
			want(t, body, fmt.Sprint(i+1, " true"))
		}
		wantReason(t, b.fail(t, p, `{}`), "function_error", "it takes HTTP requests")
	})
	t.Run("in pieces", func(t *testing.T) {
		p := b.load(t, `exports.main = async (req, res) => {
			res.writeHead(200, { 'content-type': 'text/event-stream' })
			for await (const chunk of req) res.write('data: ' + chunk + '\n\n')
			res.end()
		}`, serves)
		in, out := io.Pipe()
		r := request(t, "POST", "/", "")
		r.Body, r.ContentLength, r.TransferEncoding = in, -1, []string{"chunked"}
		go fmt.Fprint(out, "one")
		response, over := b.exchange(t, p, r)
		defer response.Body.Close()
		lines := bufio.NewReader(response.Body)
		for _, next := range []string{"two", ""} { // each piece is there before the next one is sent
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			want(t, line, map[string]string{"two": "data: one\n", "": "data: two\n"}[next])
			if _, err := lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if next == "" {
				out.Close()
			} else {
				fmt.Fprint(out, next)
			}
		}
		if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
			t.Errorf("after the end: %q, %v", rest, err)
		}
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
	t.Run("a client that goes away", func(t *testing.T) {
		log := newLines()
		p := b.load(t, `exports.main = (req, res) => {
			res.on('close', () => console.log('closed, finished: ' + res.writableFinished))
			res.write('begun')
		}`, serves)
		conn, over := b.open(t, p, withLog(log))
		if err := request(t, "GET", "/", "").Write(conn); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		conn.Close()
		log.wait(t, "closed, finished: false")
		if err := <-over; err != nil {
			t.Errorf("outcome: %v", err)
		}
	})
	t.Run("one that takes too long", func(t *testing.T) {
		p := b.load(t, `let calls = 0
		exports.main = (req, res) => {
			calls++
			if (req.url === '/calls') res.end(String(calls))
		}`, serves, func(b *runtime.Bundle) { b.Limits.Timeout, b.Exclusive, b.Concurrency = 300*time.Millisecond, true, 10 })
		conn, over := b.open(t, p)
		if err := request(t, "GET", "/never", "").Write(conn); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			response.Body.Close()
		}
		if reason := yunduo.ReasonOf(err); reason != yunduo.ReasonFunctionTimeout {
			t.Errorf("a request without an answer failed with %v", err)
		}
		if reason := yunduo.ReasonOf(<-over); reason != yunduo.ReasonFunctionTimeout {
			t.Errorf("its invocation ended with %s", reason)
		}
		if _, _, body := b.fetch(t, p, request(t, "GET", "/calls", "")); !b.apart {
			want(t, body, "2") // the server lives on, with what it remembers
		}
	})
	t.Run("a client that reads slowly", func(t *testing.T) {
		log := newLines()
		p := b.load(t, `exports.main = (req, res) => {
			let written = 0
			const piece = Buffer.alloc(64 * 1024)
			while (res.write(piece) && written < 64) written++
			console.log('stopped at ' + (written < 64))
			res.once('drain', () => { console.log('drained'); res.end() })
		}`, serves)
		response, over := b.exchange(t, p, request(t, "GET", "/", ""), withLog(log))
		defer response.Body.Close()
		log.wait(t, "stopped at true")
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		log.wait(t, "drained")
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
}

func serves(b *runtime.Bundle) { b.Serves = true }
