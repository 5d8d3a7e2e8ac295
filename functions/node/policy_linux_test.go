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
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"yunduo"
	"yunduo/functions/node"
	"yunduo/functions/runtime"
)

// names is a name server. A name's answers are given one after another, the last of them again and again.
type names struct {
	mu      sync.Mutex
	answers map[string][]string // name and comma separated addresses
	asked   []string
}

func (n *names) answer(name string) []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, name)
	list := n.answers[name]
	if len(list) == 0 {
		return nil
	}
	if len(list) > 1 {
		n.answers[name] = list[1:]
	}
	var all []netip.Addr
	for text := range strings.SplitSeq(list[0], ",") {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

// knows reports whether the name has been asked for.
func (n *names) knows(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.asked, name)
}

// resolver is a resolver that asks the name server, over UDP.
func (n *names) resolver(t testing.TB) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			size, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:size]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
			if q.Type == dnsmessage.TypeA { // one answer for each look
				for _, a := range n.answer(strings.TrimSuffix(q.Name.String(), ".")) {
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: a.As4()}})
				}
			}
			if out, err := m.Pack(); err == nil {
				socket.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

const connecting = `const net = require('net'), dns = require('dns')
const connect = (host, port, o = {}) => new Promise(done => net.connect({ host, port, ...o }).on('connect', function () { this.destroy(); done('connected') }).on('error', e => done(e.code + (/destinations/.test(e.message) ? ' unlisted' : ''))))
`

func event(t testing.TB, r *node.Runtime, app yunduo.AppID, code string, port int) string {
	t.Helper()
	p, err := r.Load(t.Context(), runtime.Bundle{App: app, Function: "f", Version: "1", Code: []byte(connecting + "exports.main = async e => { " + code + " }")})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(t.Context())
	result, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "i", Event: json.RawMessage(fmt.Sprintf(`{"port":%d}`, port))})
	if err != nil {
		t.Fatal(err)
	}
	return string(result.JSON)
}

// A name that changes where it points, or points to good and bad places, leads to none that the policy refuses.
func TestRebinding(t *testing.T) {
	n := &names{answers: map[string][]string{
		"rebind.example.com": {"93.184.216.34", "127.0.0.1"},
		"inner.example.com":  {"10.0.0.5"},
		"meta.example.com":   {"169.254.169.254"},
		"mixed.example.com":  {"127.0.0.1,10.0.0.1"},
		"many.example.com":   {"127.0.0.1,93.184.216.34"},
		"flood.example.com":  {strings.TrimSuffix(strings.Repeat("93.184.216.34,", 60), ",")},
	}}
	r := limited(t, node.WithResolver(node.Options{Sandbox: node.SandboxRequire}, n.resolver(t)))
	reached := make(chan struct{}, 16)
	port := serve(t, func(net.Conn) { reached <- struct{}{} })
	for name, c := range map[string]struct{ code, want string }{
		"looked up, then connected to by name": {`const a = await dns.promises.lookup('rebind.example.com'); return [a.address, await connect('rebind.example.com', e.port)]`, `["93.184.216.34","EACCES"]`},
		"in the code's own lookup":             {`return connect('any', e.port, { lookup: (h, o, done) => done(null, '127.0.0.1', 4) })`, `"EACCES"`},
		"to a private place":                   {`return [await connect('inner.example.com', e.port), await connect('meta.example.com', 80), await connect('mixed.example.com', e.port)]`, `["EACCES","EACCES","EACCES"]`},
		"names of the inner network":           {`return [await dns.promises.lookup('inner.example.com').catch(x => x.code), await dns.promises.resolve4('inner.example.com').catch(x => x.code), await dns.promises.reverse('10.0.0.5').catch(x => x.code), await dns.promises.resolveCname('inner.example.com').catch(x => x.code)]`, `["EACCES","EACCES","EACCES","EACCES"]`},
		"more addresses than count":            {`return (await dns.promises.resolve4('flood.example.com')).length`, `16`},
		"only the open ones are told":          {`return dns.promises.resolve4('many.example.com')`, `["93.184.216.34"]`},
		"unknown":                              {`return [await connect('none.example.com', 80), await dns.promises.lookup('none.example.com').catch(x => x.code + ' ' + x.syscall)]`, `["ENOTFOUND","ENOTFOUND getaddrinfo"]`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := event(t, r, "a", c.code, port); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	if len(reached) > 0 {
		t.Error("something was reached")
	}
}

// An app with a list of destinations reaches these and no others; another app is not bound by it.
func TestDestinations(t *testing.T) {
	n := &names{answers: map[string][]string{"api.example.com": {"127.0.0.1"}, "other.example.com": {"127.0.0.1"}, "a.wild.example.com": {"127.0.0.1"}}}
	echo := serve(t, func(c net.Conn) { io.Copy(c, c) })
	lists := map[yunduo.AppID][]string{"listed": {"api.example.com", fmt.Sprintf("*.wild.example.com:%d", echo)}, "network": {"127.0.0.0/8:" + fmt.Sprint(echo)}, "broken": {"http://"}}
	r := limited(t, node.WithResolver(node.Options{
		Sandbox: node.SandboxRequire, Egress: func(a netip.AddrPort) bool { return a.Addr().IsLoopback() },
		Destinations: func(_ context.Context, app yunduo.AppID) ([]string, error) { return lists[app], nil },
	}, n.resolver(t)))
	for _, c := range []struct {
		app              yunduo.AppID
		name, code, want string
	}{
		{"listed", "by name", `return [await connect('api.example.com', e.port), await connect('a.wild.example.com', e.port)]`, `["connected","connected"]`},
		{"listed", "looked up first", `const a = await dns.promises.lookup('api.example.com'); return connect(a.address, e.port)`, `"connected"`},
		{"listed", "by number", `return connect('127.0.0.1', e.port)`, `"EACCES unlisted"`},
		{"listed", "another name", `return [await connect('other.example.com', e.port), await dns.promises.lookup('other.example.com').catch(x => x.code), await dns.promises.resolveTxt('other.example.com').catch(x => x.code)]`, `["EACCES unlisted","EACCES","EACCES"]`},
		{"listed", "another port", `return connect('a.wild.example.com', 1)`, `"EACCES unlisted"`},
		{"network", "by number", `return [await connect('127.0.0.1', e.port), await connect('127.0.0.1', 1), await connect('other.example.com', e.port)]`, `["connected","EACCES unlisted","connected"]`},
		{"broken", "a list that cannot be read", `return connect('127.0.0.1', e.port)`, `"ECONNABORTED"`},
		{"free", "no list", `return connect('other.example.com', e.port)`, `"connected"`},
	} {
		t.Run(string(c.app)+" "+c.name, func(t *testing.T) {
			if got := event(t, r, c.app, c.code, echo); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if c.app == "listed" && n.knows("other.example.com") { // the first that may ask for it comes later
				t.Error("an unlisted name was asked for")
			}
		})
	}
	if !n.knows("other.example.com") {
		t.Error("nobody asked for the other name")
	}
}

// The connections and bytes of an app are bounded, and its processes share the bound.
func TestEgressLimits(t *testing.T) {
	echo := serve(t, func(c net.Conn) { io.Copy(c, c) })
	r := limited(t, node.Options{
		Sandbox: node.SandboxRequire, Egress: func(a netip.AddrPort) bool { return a.Addr().IsLoopback() },
		Limits: node.EgressLimits{Connections: 5, BytesPerSecond: 8 << 20},
	})
	code := `const open = []; const outcomes = []
for (let i = 0; i < 7; i++) await new Promise(done => { const s = net.connect(e.port, '127.0.0.1'); open.push(s); s.on('connect', () => done(outcomes.push('connected'))).on('error', x => done(outcomes.push(x.code))) })
const first = open[0]; first.destroy(); await new Promise(done => setTimeout(done, 200))
outcomes.push(await connect('127.0.0.1', e.port)); for (const s of open) s.destroy(); return outcomes`
	if got, want := event(t, r, "a", code, echo), `["connected","connected","connected","connected","connected","EMFILE","EMFILE","connected"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// Those that say nothing count, too.
	code = `const silent = Array.from({ length: 5 }, () => net.connect({ path: '/run/out' })); await Promise.all(silent.map(s => new Promise(done => s.on('connect', done))))
let outcome; do outcome = await connect('127.0.0.1', e.port); while (outcome === 'connected'); for (const s of silent) s.destroy(); return outcome`
	if got, want := event(t, r, "c", code, echo), `"EMFILE"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// Four times the rate is saved up; what is sent beyond it, and comes back, has to wait for more than a second.
	code = `const begun = Date.now(); const s = net.connect(e.port, '127.0.0.1'); s.end(Buffer.alloc(24 << 20)); let n = 0; for await (const c of s) n += c.length; return [n, Date.now() - begun > 1000]`
	if got, want := event(t, r, "b", code, echo), `[25165824,true]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What Node.js code does with proxies and mail servers.
func TestEgress_Protocols(t *testing.T) {
	r := limited(t, node.Options{Sandbox: node.SandboxRequire, Egress: func(a netip.AddrPort) bool { return a.Addr().IsLoopback() }})
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { fmt.Fprint(w, "secret of ", q.URL.Path) }))
	t.Cleanup(secure.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method != http.MethodConnect {
			fmt.Fprint(w, "proxied ", q.URL)
			return
		}
		to, err := net.Dial("tcp", q.Host)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer to.Close()
		from, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go io.Copy(to, buffered)
		io.Copy(from, to)
	}))
	t.Cleanup(proxy.Close)
	smtp := mailServer(t, secure.TLS.Certificates[0])
	data := fmt.Sprintf(`const proxy = new URL(%q), secure = new URL(%q), smtp = %d
const http = require('http'), https = require('https'), tls = require('tls'), { once } = require('events')
const text = async s => { let t = ''; for await (const c of s) t += c; return t }
`, proxy.URL, secure.URL, smtp)
	for name, c := range map[string]struct{ code, want string }{
		"forward proxy": {`return new Promise((ok, no) => http.get({ host: proxy.hostname, port: proxy.port, path: 'http://example.com/x', headers: { host: 'example.com' } }, async r => ok(await text(r))).on('error', no))`, `"proxied http://example.com/x"`},
		"tunnel": {`const [r, socket] = await once(http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: secure.host }).end(), 'connect')
return new Promise((ok, no) => https.get({ host: secure.hostname, path: '/t', agent: false, socket, rejectUnauthorized: false }, async r => ok(await text(r))).on('error', no))`, `"secret of /t"`},
		"tunnel to nowhere": {`const [r] = await once(http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: '127.0.0.1:1' }).end(), 'connect'); return r.statusCode`, `502`},
		"mail with STARTTLS": {`const plain = net.connect(smtp, '127.0.0.1'); const line = async s => (await once(s, 'data'))[0].toString()
const said = [await line(plain)]; const say = async (s, t) => { s.write(t + '\r\n'); said.push(await line(s)) }
await say(plain, 'EHLO me'); await say(plain, 'STARTTLS'); plain.removeAllListeners('data')
const s = tls.connect({ socket: plain, rejectUnauthorized: false }); await once(s, 'secureConnect')
await say(s, 'EHLO me'); await say(s, 'QUIT'); s.destroy(); return said.map(l => l.slice(0, 3)).join(' ') + ' ' + s.getProtocol()`, `"220 250 220 250 221 `},
		"reset and destroy":                {`const s = net.connect(smtp, '127.0.0.1'); await once(s, 'connect'); s.resetAndDestroy(); await once(s, 'close'); return s.destroyed`, `true`},
		"socket options":                   {`const s = net.connect(smtp, '127.0.0.1'); s.setNoDelay(true).setKeepAlive(true, 1000).setTimeout(5000).unref().ref(); await once(s, 'data'); const a = s.address(); s.destroy(); return [a.family, s.bytesRead > 0]`, `["IPv4",true]`},
		"records that cannot be asked for": {`return [await dns.promises.resolveCaa('x.invalid').catch(x => x.code), await dns.promises.resolve('x.invalid', 'SOA').catch(x => x.code), await new Promise(done => dns.resolveAny('x.invalid', x => done(x.code)))]`, `["ENOTIMP","ENOTIMP","ENOTIMP"]`},
		"time to live":                     {`return dns.promises.resolve4('localhost', { ttl: true })`, `[{"address":"127.0.0.1","ttl":0}]`},
		"name servers":                     {`dns.setServers(['8.8.8.8']); const r = new dns.Resolver(); r.setServers(['1.1.1.1:53']); r.cancel(); return (await new Promise(done => r.resolve4('localhost', (x, a) => done(a)))).join()`, `"127.0.0.1"`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := event(t, r, "a", data+c.code, 0); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
