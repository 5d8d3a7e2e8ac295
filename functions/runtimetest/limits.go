package runtimetest

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

func timeout(d time.Duration) func(*runtime.Bundle) {
	return func(b *runtime.Bundle) { b.Limits.Timeout = d }
}

func testLimits(t *testing.T, b *bench) {
	t.Run("time", func(t *testing.T) {
		for name, code := range map[string]string{
			"loop": "for (;;) {}", "never": "return new Promise(() => {})", "microtasks": "for (;;) await null", "regular expression": "/^(a+)+$/.test('a'.repeat(40) + 'b')",
			"native": "require('crypto').pbkdf2Sync('x', 'y', 2e9, 64, 'sha512')", "wait": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
			"toJSON": "return { toJSON () { for (;;) {} } }", "then": "return { then () { for (;;) {} } }",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := b.load(t, "exports.main = async e => { if (e.go) { "+code+" } return 1 }", timeout(400*time.Millisecond))
				wantReason(t, b.fail(t, p, `{"go":true}`), yunduo.ReasonFunctionTimeout, "time limit")
				want(t, b.call(t, p, `{}`, func(inv *runtime.Invocation) { inv.Deadline = time.Now().Add(20 * time.Second) }), "1")
			})
		}
	})
	t.Run("a spinning request leaves the others alone", func(t *testing.T) {
		p := b.load(t, `exports.main = async e => { if (e.spin) { require('wx-server-sdk').call('spinning'); await new Promise(setImmediate); for (;;) {} } await new Promise(done => setTimeout(done, 5)); return e.n }`, timeout(3*time.Second))
		b.call(t, p, `{"n":0}`)
		begun := make(chan struct{}, 4)
		host := withHost(func(context.Context, *runtime.Invocation, string, json.RawMessage, []byte) (json.RawMessage, []byte, error) {
			begun <- struct{}{}
			return nil, nil, nil
		})
		var spinning sync.WaitGroup
		for range 2 {
			spinning.Go(func() {
				defer func() { begun <- struct{}{} }() // who fails before it spins must not be waited for
				_, err := p.Invoke(t.Context(), b.invocation(`{"spin":true}`, host))
				if yunduo.ReasonOf(err) != yunduo.ReasonFunctionTimeout {
					t.Errorf("spin: %v", err)
				}
			})
		}
		<-begun
		<-begun
		var others sync.WaitGroup
		for range 4 {
			others.Go(func() {
				for range 5 {
					if result, err := p.Invoke(t.Context(), b.invocation(`{"n":7}`)); err != nil || string(result.JSON) != "7" {
						t.Errorf("neighbour: %s, %v", result.JSON, err)
					}
				}
			})
		}
		others.Wait()
		spinning.Wait()
	})
	t.Run("cancelled by the caller", func(t *testing.T) {
		p := b.load(t, `exports.main = async e => e.wait ? new Promise(() => {}) : 'ok'`)
		ctx, cancel := contextWithTimeout(t, 100*time.Millisecond)
		defer cancel()
		if _, err := p.Invoke(ctx, b.invocation(`{"wait":true}`)); err == nil {
			t.Error("the invocation outlived its context")
		}
		want(t, b.call(t, p, `{}`), `"ok"`)
	})
	t.Run("memory", func(t *testing.T) {
		small := func(b *runtime.Bundle) { b.Limits.HeapBytes = 64 << 20 }
		for name, code := range map[string]string{
			"many objects": "const all = []; for (;;) all.push({ a: [1, 2, 3], b: 'x' + all.length })",
			"strings":      "let s = 'x'; const all = []; for (;;) { s += s.slice(0, 1000) + all.length; all.push(s + '!'.repeat(100)) }",
			"one big list": "const list = new Array(3e7); for (let i = 0; i < 3e7; i++) list[i] = { i }; return list.length",
		} {
			t.Run(name, func(t *testing.T) {
				p := b.load(t, "exports.main = async e => { if (e.go) { "+code+" } return 1 }", small)
				wantReason(t, b.fail(t, p, `{"go":true}`), yunduo.ReasonFunctionKilled, "64 MiB")
				want(t, b.call(t, p, `{}`), "1")
			})
		}
	})
	t.Run("many at once", func(t *testing.T) {
		p := b.load(t, `exports.main = async e => e.n`)
		var group sync.WaitGroup
		for range 300 {
			group.Go(func() {
				if result, err := p.Invoke(t.Context(), b.invocation(`{"n":1}`)); err != nil || string(result.JSON) != "1" {
					t.Errorf("%s, %v", result.JSON, err)
				}
			})
		}
		group.Wait()
	})
}

func testLogs(t *testing.T, b *bench) {
	t.Run("levels and order", func(t *testing.T) {
		p := b.load(t, `console.log('loading')
exports.main = async () => {
  console.debug('d', { a: 1 }); console.log('l %s', 'formatted'); console.info('i'); console.warn('w'); console.error(new Error('e').message)
  process.stdout.write('part one, '); process.stdout.write('part two\n'); process.stderr.write('err\n')
  require('wx-server-sdk').log('warn', 'by the SDK')
  console.table([{ x: 1 }]); console.assert(false, 'asserted'); console.log('two\nlines')
}`)
		l := newLines()
		before := time.Now()
		b.call(t, p, `{}`, withLog(l))
		last := l.wait(t, "two\nlines")
		if last.Time.Before(before.Add(-2*time.Second)) || last.Time.After(time.Now().Add(2*time.Second)) {
			t.Errorf("time %s", last.Time)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		var got []string
		for _, line := range l.all {
			if !strings.Contains(line.Message, "│") {
				got = append(got, line.Level+" "+line.Message)
			}
		}
		want(t, strings.Join(got, "|"), "info loading|debug d { a: 1 }|info l formatted|info i|warn w|error e|info part one, part two|error err|warn by the SDK|warn Assertion failed: asserted|info two\nlines")
	})
	t.Run("of two requests", func(t *testing.T) {
		p := b.load(t, `exports.main = async e => { for (let i = 0; i < 5; i++) { console.log(e.n); await new Promise(done => setTimeout(done, 2)) } }`)
		var group sync.WaitGroup
		for _, n := range []string{"one", "two", "three"} {
			group.Go(func() {
				l := newLines()
				if _, err := p.Invoke(t.Context(), b.invocation(`{"n":"`+n+`"}`, withLog(l))); err != nil {
					t.Error(err)
				}
				l.mu.Lock()
				defer l.mu.Unlock()
				if len(l.all) != 5 {
					t.Errorf("%d lines", len(l.all))
				}
				for _, line := range l.all {
					want(t, line.Message, n)
				}
			})
		}
		group.Wait()
	})
	t.Run("flood", func(t *testing.T) {
		p := b.load(t, `exports.main = async () => { for (let i = 0; i < 20000; i++) console.log('x'.repeat(200)); console.log('y'.repeat(1e6)); return 'done' }`)
		l := newLines()
		want(t, b.call(t, p, `{}`, withLog(l)), `"done"`)
		l.wait(t, "left out")
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.all) > 15000 {
			t.Errorf("%d lines came through", len(l.all))
		}
	})
}
