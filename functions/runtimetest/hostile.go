package runtimetest

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yunduo/functions/runtime"
)

// testHostile runs code that tries to get out, and a neighbour that must not notice.
func testHostile(t *testing.T, b *bench) {
	neighbour := b.load(t, `exports.main = async () => 'unharmed'`, func(b *runtime.Bundle) { b.App = "neighbour" })
	attempt := func(t *testing.T, code string, change ...func(*runtime.Bundle)) []string {
		t.Helper()
		// Every attempt ends as the code of its error, or as what it got.
		p := b.load(t, `const tell = e => String(e && (e.code || e.message) || e)
const attempt = async f => { try { const r = await f(); return 'got ' + (r === undefined ? 'through' : r) } catch (e) { return tell(e) } }
exports.main = async event => { const results = []; const t = async f => { results.push(await attempt(f)) }
`+code+`
return results }`, change...)
		var results []string
		if err := json.Unmarshal([]byte(b.call(t, p, `{}`)), &results); err != nil {
			t.Fatal(err)
		}
		want(t, b.call(t, neighbour, `{}`), `"unharmed"`)
		t.Logf("%q", results)
		return results
	}
	refused := func(t *testing.T, results []string, allowed ...string) {
		t.Helper()
		for i, r := range results {
			ok := !strings.HasPrefix(r, "got ")
			for _, a := range allowed {
				ok = ok || r == a
			}
			if !ok {
				t.Errorf("attempt %d: %s", i, r)
			}
		}
		if len(results) == 0 {
			t.Error("nothing was attempted")
		}
	}
	t.Run("processes", func(t *testing.T) {
		refused(t, attempt(t, `const c = require('child_process'), w = require('worker_threads')
await t(() => c.execSync('id').toString())
await t(() => { const r = c.spawnSync('/bin/node', ['-e', '1']); if (r.error) throw r.error; return r.status })
await t(() => new Promise((ok, no) => { const p = c.fork('/runner/main.js'); p.on('error', no); p.on('spawn', () => ok('a child')) }))
await t(() => new Promise((ok, no) => { const p = c.spawn('/bin/node', ['-v']); p.on('error', no); p.on('spawn', () => ok('a child')) }))
await t(() => new w.Worker('1', { eval: true }) && 'a worker')`))
	})
	t.Run("files", func(t *testing.T) {
		secret := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(secret, []byte("s"), 0o666); err != nil {
			t.Fatal(err)
		}
		refused(t, attempt(t, `const fs = require('fs')
for (const f of ['/etc/passwd', '/etc/hostname', '/root', '/home', '/proc/1/environ', '/proc/1/root/etc/passwd', '/sys', '/dev/kmsg', '/dev/mem', `+jsonText(secret)+`])
  await t(() => { const s = fs.statSync(f); const text = s.isDirectory() ? fs.readdirSync(f).join() : fs.readFileSync(f, 'utf8'); if (f.startsWith('/proc/1/environ') && !/SECRET|PATH|HOME/.test(text)) throw new Error('own environment'); return f })
for (const f of ['/x', '/app/x', '/runner/main.js', '/bin/node', '/lib/x', '/proc/sys/kernel/hostname', '/run/x', '/dev/x'])
  await t(() => { fs.writeFileSync(f, 'x'); return 'wrote ' + f })
await t(() => { fs.symlinkSync('/../../../etc/passwd', '/tmp/link'); return fs.readFileSync('/tmp/link', 'utf8') })
await t(() => { fs.writeFileSync('/tmp/own', '#!/bin/node'); fs.chmodSync('/tmp/own', 0o4777); fs.accessSync('/tmp/own', fs.constants.X_OK); return 'executable' })
await t(() => { const f = fs.openSync('/tmp/big', 'w'); for (let i = 0; i < 100; i++) fs.writeSync(f, Buffer.alloc(1 << 20)); return 'unlimited' })`))
	})
	t.Run("network", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		refused(t, attempt(t, `const net = require('net'), port = `+port+`
const connect = host => new Promise((ok, no) => net.connect(port, host).on('connect', () => ok('connected to ' + host)).on('error', no).setTimeout(5000, () => no(new Error('timeout'))))
for (const host of ['127.0.0.1', 'localhost', '::1', '::ffff:127.0.0.1', '0.0.0.0', '2130706433', '169.254.169.254', '10.0.0.1', '192.168.0.1', '172.16.0.1', '100.64.0.1', 'fd00::1', 'fe80::1', '224.0.0.1', '255.255.255.255'])
  await t(() => connect(host))
await t(() => fetch('http://127.0.0.1:' + port).then(() => 'fetched'))
await t(() => new Promise((ok, no) => { const s = require('dgram').createSocket('udp4'); s.on('error', no); s.bind(0, () => ok('bound')) }))
await t(() => new Promise((ok, no) => net.createServer().on('error', no).listen(0, '127.0.0.1', () => ok('listening'))))
await t(() => { const { TCP, TCPConnectWrap } = process.binding('tcp_wrap'); const e = new TCP(0).connect(new TCPConnectWrap(), '127.0.0.1', port); if (e) throw new Error('errno ' + e); return 'raw' })`))
		// A connection would be waiting now.
		listener.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond))
		if conn, err := listener.Accept(); err == nil {
			conn.Close()
			t.Error("something connected")
		}
	})
	t.Run("privileges", func(t *testing.T) {
		results := attempt(t, `const fs = require('fs')
const status = fs.readFileSync('/proc/self/status', 'utf8')
for (const key of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) await t(() => { const v = new RegExp(key + ':\\s*(\\w+)').exec(status)[1]; if (/^0+$/.test(v)) throw new Error('none'); return v })
await t(() => { if (/NoNewPrivs:\s*1/.test(status) && /Seccomp:\s*2/.test(status)) throw new Error('locked'); return status })
await t(() => { process.setuid(1); return 'changed user' })
await t(() => { process.setgroups([0]); return 'changed groups' })
await t(() => fs.readdirSync('/proc').filter(n => /^\d+$/.test(n) && n !== '1').join() || Promise.reject(new Error('alone')))`)
		refused(t, results)
	})
	t.Run("memory beside the heap", func(t *testing.T) {
		refused(t, attempt(t, `await t(() => { const all = []; for (let i = 0; i < 64; i++) all.push(Buffer.alloc(64 << 20, 1)); return 'unlimited' })
await t(() => { const all = []; for (let i = 0; i < 64; i++) all.push(new SharedArrayBuffer(256 << 20)); return 'unlimited' })`))
	})
	t.Run("what ends only the process itself", func(t *testing.T) {
		for name, code := range map[string]string{
			"close all files":  `for (let i = 3; i < 200; i++) try { require('fs').closeSync(i) } catch {}; await new Promise(() => {})`,
			"garbage to host":  `require('fs').writeSync(3, Buffer.alloc(100, 255)); await new Promise(() => {})`,
			"a huge frame":     `const b = Buffer.alloc(12); b.writeUInt32LE(4e9, 0); b[4] = 10; require('fs').writeSync(3, b); await new Promise(() => {})`,
			"forged result":    `const b = Buffer.alloc(12); b[4] = 10; b.writeUInt32LE(77, 8); require('fs').writeSync(3, b); await new Promise(() => {})`,
			"not JSON":         `const b = Buffer.alloc(15, 'x'); b.writeUInt32LE(3, 0); b[4] = 10; b[5] = 0; b.writeUInt16LE(0, 6); b.writeUInt32LE(1, 8); require('fs').writeSync(3, b); await new Promise(() => {})`,
			"V8 flags":         `require('v8').setFlagsFromString('--allow-natives-syntax'); new Function('%AbortJS("x")')()`,
			"signal to itself": `require('process').binding('process_methods'); process.kill(0, 'SIGKILL'); await new Promise(() => {})`,
		} {
			t.Run(name, func(t *testing.T) {
				p := b.load(t, `exports.main = async e => { if (e.go) { `+code+` } return 'ok' }`, timeout(1500*time.Millisecond))
				b.fail(t, p, `{"go":true}`)
				want(t, b.call(t, p, `{}`), `"ok"`)
				want(t, b.call(t, neighbour, `{}`), `"unharmed"`)
			})
		}
	})
	t.Run("flood of log frames", func(t *testing.T) {
		p := b.load(t, `const fs = require('fs'); exports.main = async e => { if (!e.go) return 'ok'
const b = Buffer.alloc(12 + 8 + 1000); b.writeUInt32LE(1008, 0); b[4] = 14; b.writeUInt32LE(1, 8); const all = Buffer.concat(Array(60).fill(b)); for (;;) { try { fs.writeSync(3, all) } catch (e) { if (e.code !== 'EAGAIN') throw e } } }`, timeout(2*time.Second))
		l := newLines()
		b.fail(t, p, `{"go":true}`, withLog(l))
		l.mu.Lock()
		n := len(l.all)
		l.mu.Unlock()
		if n > 20_000 {
			t.Errorf("%d lines in two seconds", n)
		}
		want(t, b.call(t, p, `{}`), `"ok"`)
	})
}

func jsonText(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}
