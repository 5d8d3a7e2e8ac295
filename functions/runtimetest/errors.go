package runtimetest

import (
	"strings"
	"testing"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

func testErrors(t *testing.T, b *bench) {
	p := b.load(t, `
exports.main = event => {
  switch (event.how) {
    case 'sync': throw new Error('thrown at once')
    case 'reject': return Promise.reject(new Error('rejected later'))
    case 'string': return Promise.reject('only a string')
    case 'object': throw { code: 7, msg: 'own shape' }
    case 'sdk': throw Object.assign(new Error('document.get:fail'), { errCode: -1, errMsg: 'document.get:fail' })
    case 'nothing': return Promise.reject()
    case 'type': return Promise.resolve().then(() => event.nothing.here)
    case 'circular': { const o = {}; o.self = o; return o }
    case 'toJSON': return { toJSON () { throw new Error('in toJSON') } }
    case 'bigint': return 1n
    case 'getter': throw { get message () { throw new Error('trap') } }
    case 'proxy': throw new Proxy({}, { get () { throw new Error('trap') } })
    case 'exit': process.exit(3)
    case 'exit later': setTimeout(() => process.exit(4), 2); return new Promise(() => {})
    case 'abort': process.abort()
    case 'kill': process.kill(process.pid, 'SIGKILL')
    case 'late': setTimeout(() => { throw new Error('nobody catches this') }, 2); return new Promise(() => {})
    case 'unhandled': Promise.reject(new Error('nobody handles this')); return new Promise(() => {})
    case 'microtask': queueMicrotask(() => { throw new Error('in a microtask') }); return new Promise(() => {})
    case 'emitter': setImmediate(() => new (require('events'))().emit('error', new Error('emitted'))); return new Promise(() => {})
    case 'thenable': return { then () { throw new Error('in then') } }
    case 'twice': return { then (ok) { ok(1); ok(2); throw new Error('too late') } }
  }
  return 'fine'
}`)
	for how, part := range map[string]string{
		"sync": "thrown at once", "reject": "rejected later", "string": "only a string", "object": "own shape", "sdk": "document.get:fail", "nothing": "undefined",
		"type": "undefined", "circular": "circular", "toJSON": "in toJSON", "bigint": "BigInt", "getter": "", "proxy": "", "exit": "process.exit(3)", "exit later": "process.exit(4)",
		"abort": "process.abort()", "kill": "SIGKILL", "late": "nobody catches this", "unhandled": "nobody handles this", "microtask": "in a microtask", "emitter": "emitted", "thenable": "in then",
	} {
		t.Run(how, func(t *testing.T) {
			wantReason(t, b.fail(t, p, `{"how":"`+how+`"}`), yunduo.ReasonFunctionError, part)
			want(t, b.call(t, p, `{}`), `"fine"`)
		})
	}
	t.Run("answered twice", func(t *testing.T) { want(t, b.call(t, p, `{"how":"twice"}`), `1`) })
	t.Run("handlers of the author's own", func(t *testing.T) {
		p := b.load(t, `
let seen = []
process.on('uncaughtException', e => seen.push(e.message))
process.on('unhandledRejection', e => seen.push(e.message))
exports.main = async event => {
  if (event.report) return seen
  setTimeout(() => { throw new Error('one') }, 1)
  Promise.reject(new Error('two'))
  await new Promise(done => setTimeout(done, 20))
  return 'survived'
}`)
		want(t, b.call(t, p, `{}`), `"survived"`)
		want(t, b.call(t, p, `{"report":true}`), `["two","one"]`)
	})
	t.Run("stack of the author's code", func(t *testing.T) {
		p := b.load(t, "const inner = () => { throw new TypeError('deep') }\nexports.main = async () => {\n  inner()\n}")
		e := b.fail(t, p, `{}`)
		wantReason(t, e, yunduo.ReasonFunctionError, "TypeError: deep")
		if !strings.Contains(e.Stack, "index.js:1:29") || !strings.Contains(e.Stack, "index.js:3:3") || strings.Contains(e.Stack, "runner") || strings.Contains(e.Stack, "node:") {
			t.Errorf("stack:\n%s", e.Stack)
		}
	})
	t.Run("what caused it", func(t *testing.T) {
		p := b.load(t, "exports.main = async () => {\n  const e = new TypeError('fetch failed', { cause: new Error('connection refused') })\n  e.cause.cause = e\n  throw e\n}")
		e := b.fail(t, p, `{}`)
		wantReason(t, e, yunduo.ReasonFunctionError, "TypeError: fetch failed")
		if strings.Contains(e.Message, "refused") || !strings.Contains(e.Stack, "\ncaused by: Error: connection refused\n") || strings.Count(e.Stack, "index.js:2:") != 4 {
			t.Errorf("message %q, stack:\n%s", e.Message, e.Stack)
		}
	})
	t.Run("source map", func(t *testing.T) {
		// The map says: generated line 1, column 8 is line 40, column 2 of src/main.ts.
		p := b.load(t, "exports.main=async()=>{throw new Error('mapped')}", func(b *runtime.Bundle) {
			b.SourceMap = []byte(`{"version":3,"sources":["src/main.ts"],"names":[],"mappings":"AAuCE"}`)
		})
		l := newLines()
		e := b.fail(t, p, `{}`, withLog(l))
		if !strings.Contains(e.Stack, "src/main.ts:40:3") {
			t.Errorf("stack:\n%s", e.Stack)
		}
	})
	t.Run("long message", func(t *testing.T) {
		p := b.load(t, `exports.main = async () => { throw new Error('m'.repeat(1e6)) }`)
		if e := b.fail(t, p, `{}`); len(e.Message) > 32<<10 || len(e.Message) < 1000 {
			t.Errorf("a message of %d bytes", len(e.Message))
		}
	})
	t.Run("an error does not touch neighbours", func(t *testing.T) {
		p := b.load(t, `exports.main = async event => {
  if (event.exit) { await new Promise(done => setTimeout(done, 30)); process.exit(1) }
  await new Promise(done => setTimeout(done, 150))
  return event.n
}`)
		b.call(t, p, `{"n":0}`)
		errs := make(chan error, 4)
		go func() {
			_, err := p.Invoke(t.Context(), b.invocation(`{"exit":true}`))
			if yunduo.ReasonOf(err) != yunduo.ReasonFunctionError {
				t.Errorf("exit: %v", err)
			}
			errs <- nil
		}()
		for range 3 {
			go func() {
				_, err := p.Invoke(t.Context(), b.invocation(`{"n":1}`))
				errs <- err
			}()
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Errorf("neighbour: %v", err)
			}
		}
	})
}

func testLoad(t *testing.T, b *bench) {
	for name, c := range map[string]struct{ code, part string }{
		"syntax":       {"exports.main = async () => { return 'open\n", "Invalid or unexpected token"},
		"throws":       {"throw new Error('while loading')", "while loading"},
		"missing":      {"require('not-there')\nexports.main = () => 1", "not-there"},
		"no handler":   {"exports.other = () => 1", "main"},
		"odd exports":  {"module.exports = null", "main"},
		"not callable": {"exports.main = 5", "main"},
		"exits":        {"process.exit(2)", "process.exit(2)"},
	} {
		t.Run(name, func(t *testing.T) {
			p := b.load(t, c.code)
			wantReason(t, b.fail(t, p, `{}`), b.reasonWhileLoading(name), c.part)
			wantReason(t, b.fail(t, p, `{}`), b.reasonWhileLoading(name), c.part)
			bundle := runtime.Bundle{App: "app-one", Function: "f", Code: []byte(c.code), Handler: "main"}
			_, err := b.Check(t.Context(), bundle)
			if e := yunduo.AsError(err); e == nil || e.Reason != yunduo.ReasonFunctionLoadFailed || !strings.Contains(e.Message, c.part) {
				t.Errorf("check: %v", err)
			}
		})
	}
	t.Run("check", func(t *testing.T) {
		report, err := b.Check(t.Context(), runtime.Bundle{App: "app-one", Function: "f", Handler: "main", Code: []byte("const c = require('wx-server-sdk'); c.init(); c.getWXContext(); exports.main = () => 1; exports.other = 2")})
		if err != nil || strings.Join(report.Exports, " ") != "main other" {
			t.Errorf("report %+v, %v", report, err)
		}
	})
	t.Run("broken bundles are refused at once", func(t *testing.T) {
		for _, bundle := range []runtime.Bundle{{App: "a", Function: "f"}, {App: "a", Function: "f", Folder: t.TempDir(), Entry: "../x.js"}, {App: "a", Function: "f", Folder: "/no/such/folder"}} {
			if _, err := b.Load(t.Context(), bundle); err == nil {
				t.Errorf("%+v was taken", bundle)
			}
		}
	})
	t.Run("endless", func(t *testing.T) {
		p := b.load(t, `for (;;) {}`, func(b *runtime.Bundle) { b.Limits.Timeout = 300 * time.Millisecond })
		wantReason(t, b.fail(t, p, `{}`), yunduo.ReasonFunctionTimeout, "time limit")
	})
}

func (b *bench) reasonWhileLoading(name string) yunduo.Reason {
	if name == "exits" {
		return yunduo.ReasonFunctionError
	}
	return yunduo.ReasonFunctionLoadFailed
}
