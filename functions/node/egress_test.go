//go:build linux

package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"yunduo/functions/node"
	"yunduo/functions/runtime"
)

func TestPublicOnly(t *testing.T) {
	for address, allowed := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "114.114.114.114": true, "2400:3200::1": true, "2606:4700:4700::1111": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "127.8.8.8": false, "::1": false, "0.0.0.0": false, "::": false, "0.1.2.3": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false,
		"192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "100.100.100.200": false, "198.18.0.1": false, "224.0.0.1": false, "239.1.1.1": false,
		"240.0.0.1": false, "255.255.255.255": false, "192.0.0.192": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::127.0.0.1": false, "fe80::1": false,
		"fe80::1%eth0": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false, "64:ff9b::a00:1": false, "2002:7f00:1::": false, "2001:0:1::1": false, "fec0::1": false,
		"168.63.129.16": false, "::ffff:0:a00:1": false, "64:ff9b:1::a00:1": false, "100::1": false, "4000::1": false, "3fff::1": false, "5f00::1": false,
	} {
		if got := node.PublicOnly(netip.AddrPortFrom(netip.MustParseAddr(address), 443)); got != allowed {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// serve listens on a free loopback port and gives every connection to handle.
func serve(t *testing.T, handle func(net.Conn)) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestEgress(t *testing.T) {
	r := newRuntime(t, node.Options{Sandbox: node.SandboxRequire, Egress: func(a netip.AddrPort) bool { return a.Addr().IsLoopback() }})
	t.Cleanup(func() { r.Close(context.Background()) })
	handler := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		fmt.Fprintf(w, "%s %s %d %s", q.Method, q.URL.Path, len(body), q.Proto)
	})
	plain := httptest.NewServer(handler)
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(handler)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)
	echo := serve(t, func(c net.Conn) { io.Copy(c, c) })
	greeting := serve(t, func(c net.Conn) { io.WriteString(c, "220 ready\r\n"); io.Copy(io.Discard, c) })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := closed.Addr().(*net.TCPAddr).Port
	closed.Close()

	event := fmt.Sprintf(`{"plain":%q,"secure":%q,"echo":%d,"greeting":%d,"refusing":%d}`, plain.URL, secure.URL, echo, greeting, refusing)
	for name, c := range map[string]struct{ code, want string }{
		"fetch":          {`const r = await fetch(e.plain + '/a', { method: 'POST', body: 'x'.repeat(5) }); return r.text()`, "POST /a 5 HTTP/1.1"},
		"http.get":       {`return get(require('http'), e.plain + '/b')`, "GET /b 0 HTTP/1.1"},
		"https.get":      {`return get(require('https'), e.secure + '/c', { rejectUnauthorized: false })`, "GET /c 0 HTTP/1.1"},
		"https verified": {`return get(require('https'), e.secure + '/c').catch(x => x.code)`, "DEPTH_ZERO_SELF_SIGNED_CERT"},
		"keep-alive": {`const http = require('http'), agent = new http.Agent({ keepAlive: true, maxSockets: 1 }); const a = await get(http, e.plain + '/1', { agent }), b = await get(http, e.plain + '/2', { agent }); return [a, b, Object.values(agent.freeSockets).flat().length].join()`,
			"GET /1 0 HTTP/1.1,GET /2 0 HTTP/1.1,1"},
		"many https":                 {`const agent = new (require('https').Agent)({ keepAlive: true, rejectUnauthorized: false }); return (await Promise.all(Array.from({ length: 20 }, (x, i) => get(require('https'), e.secure + '/' + i, { agent })))).length`, "20"},
		"http2":                      {`const s = require('http2').connect(e.secure, { rejectUnauthorized: false }); const r = s.request({ ':path': '/d' }); let t = ''; for await (const c of r) t += c; s.close(); return t`, "GET /d 0 HTTP/2.0"},
		"tls.connect":                {`const s = require('tls').connect({ host: '127.0.0.1', port: Number(new URL(e.secure).port), rejectUnauthorized: false }); await once(s, 'secureConnect'); s.end('GET /e HTTP/1.0\r\n\r\n'); return (await all(s)).split('\r\n\r\n')[1]`, "GET /e 0 HTTP/1.0"},
		"large body":                 {`const r = await fetch(e.plain + '/f', { method: 'POST', body: Buffer.alloc(8 << 20) }); return r.text()`, "POST /f 8388608 HTTP/1.1"},
		"half close":                 {`const s = net.connect(e.echo, '127.0.0.1'); s.end(Buffer.alloc(3 << 20, 'a')); return String((await all(s)).length)`, "3145728"},
		"server speaks first":        {`const s = net.connect(e.greeting); const [d] = await once(s, 'data'); s.destroy(); return d.toString().trim()`, "220 ready"},
		"callback":                   {`return new Promise(done => { const s = net.connect({ port: e.echo, host: 'localhost' }, () => { done([s.remoteAddress, s.remotePort === e.echo, s.connecting, s.remoteFamily].join()); s.destroy() }) })`, "127.0.0.1,true,false,IPv4"},
		"refused":                    {`return fail(net.connect(e.refusing, '127.0.0.1'))`, "ECONNREFUSED"},
		"denied":                     {`return fail(net.connect(80, '10.1.2.3'))`, "EACCES"},
		"unknown name":               {`return fail(net.connect(80, 'no-such-host.invalid'))`, "no name"},
		"bad port":                   {`try { net.connect(70000) } catch (x) { return x.code }`, "ERR_SOCKET_BAD_PORT"},
		"destroyed while connecting": {`const s = net.connect(e.echo); s.destroy(); await once(s, 'close'); return 'closed'`, "closed"},
		"socket timeout":             {`const s = net.connect(e.greeting); s.setTimeout(30); s.resume(); await once(s, 'data'); await once(s, 'timeout'); s.destroy(); return 'timed out'`, "timed out"},
		"lookup":                     {`const dns = require('dns'); return JSON.stringify([await dns.promises.lookup('localhost'), await new Promise(done => dns.lookup('127.0.0.1', { all: true }, (x, a) => done(a)))])`, `[{"address":"127.0.0.1","family":4},[{"address":"127.0.0.1","family":4}]]`},
		"interfaces":                 {`return JSON.stringify(require('os').networkInterfaces())`, "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := r.Load(t.Context(), runtime.Bundle{App: "a", Function: "f", Code: []byte(`const net = require('net'), { once } = require('events')
const all = async s => { let t = ''; for await (const c of s) t += c; return t }
const get = (m, url, o = {}) => new Promise((ok, no) => m.get(url, o, async r => ok(await all(r))).on('error', no))
const fail = s => new Promise(done => s.on('error', x => done(/^(ENOTFOUND|EAI_AGAIN)$/.test(x.code) ? 'no name' : x.code)).on('connect', () => done('connected')))
exports.main = async e => { ` + c.code + ` }`)})
			if err != nil {
				t.Fatal(err)
			}
			result, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "i", Event: json.RawMessage(event)})
			if err != nil {
				t.Fatal(err)
			}
			var text any
			if err := json.Unmarshal(result.JSON, &text); err != nil || !strings.Contains(fmt.Sprint(text), c.want) {
				t.Errorf("got %s, want %s", result.JSON, c.want)
			}
		})
	}
}
