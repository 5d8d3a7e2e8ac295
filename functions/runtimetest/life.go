package runtimetest

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

func itoa(n int) string { return strconv.Itoa(n) }

func testLife(t *testing.T, b *bench) {
	t.Run("close lets requests end", func(t *testing.T) {
		p := b.load(t, `exports.main = async e => { await new Promise(done => setTimeout(done, e.ms)); return 'done' }`)
		b.call(t, p, `{"ms":0}`)
		l := make(chan error, 3)
		for range 3 {
			go func() {
				_, err := p.Invoke(t.Context(), b.invocation(`{"ms":300}`))
				l <- err
			}()
		}
		waitBusy(t, b, p)
		if err := p.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
		for range 3 {
			if err := <-l; err != nil && yunduo.ReasonOf(err) != yunduo.ReasonShuttingDown {
				t.Errorf("running request: %v", err)
			}
		}
		wantReason(t, b.fail(t, p, `{"ms":0}`), yunduo.ReasonShuttingDown, "")
	})
	t.Run("close does not wait for ever", func(t *testing.T) {
		p := b.load(t, `exports.main = async e => e.hang ? new Promise(() => {}) : 1`)
		b.call(t, p, `{}`)
		l := make(chan error, 1)
		go func() {
			_, err := p.Invoke(t.Context(), b.invocation(`{"hang":true}`))
			l <- err
		}()
		waitBusy(t, b, p)
		ctx, cancel := contextWithTimeout(t, 100*time.Millisecond)
		defer cancel()
		if err := p.Close(ctx); err == nil {
			t.Error("close waited for a request that never ends")
		}
		if err := <-l; err == nil {
			t.Error("the request got a result")
		}
	})
	t.Run("publishing a new version loses nothing", func(t *testing.T) {
		var mu sync.Mutex
		current := b.load(t, `exports.main = async () => { await null; return 0 }`)
		stop := make(chan struct{})
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					mu.Lock()
					p := current
					mu.Unlock()
					if _, err := p.Invoke(t.Context(), b.invocation(`{}`)); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonShuttingDown {
						t.Errorf("request: %v", err)
					}
				}
			})
		}
		for v := range 5 {
			next := b.load(t, `exports.main = async () => `+itoa(v+1))
			want(t, b.call(t, next, `{}`), itoa(v+1))
			mu.Lock()
			old := current
			current = next
			mu.Unlock()
			if err := old.Close(t.Context()); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		close(stop)
		clients.Wait()
	})
	t.Run("cold once", func(t *testing.T) {
		p := b.load(t, `exports.main = async () => 1`)
		for i, cold := range []bool{true, false, false} {
			result, err := p.Invoke(t.Context(), b.invocation(`{}`))
			if err != nil || result.Cold != cold || result.Duration <= 0 {
				t.Errorf("call %d: %+v, %v", i, result, err)
			}
		}
	})
	t.Run("large code with its compiled form", func(t *testing.T) {
		var code strings.Builder
		for i := range 3000 {
			code.WriteString("function f" + itoa(i) + "(a) { return a + " + itoa(i) + " } // 云\n")
		}
		code.WriteString("exports.main = async e => e.exit ? process.exit(1) : f2999(1)")
		p := b.load(t, code.String())
		for range 4 {
			want(t, b.call(t, p, `{}`), "3000")
			b.fail(t, p, `{"exit":true}`)
		}
	})
	t.Run("large code that imports, with its compiled form", func(t *testing.T) {
		p := b.load(t, strings.Repeat("function f(a) { return a + 1 } // 0123456789\n", 1000)+"exports.main = async e => e.exit ? process.exit(1) : (await import('node:path')).posix.join('a', 'b')")
		for range 4 {
			want(t, b.call(t, p, `{}`), `"a/b"`)
			b.fail(t, p, `{"exit":true}`)
		}
	})
	t.Run("a function that calls itself", func(t *testing.T) {
		for _, exclusive := range []bool{false, true} {
			p := b.load(t, `exports.main = async e => e.depth ? 1 + (await require('wx-server-sdk').call('functions.invoke', { depth: e.depth - 1 })).response : 0`, func(b *runtime.Bundle) { b.Exclusive = exclusive })
			var host hostFunc
			host = invokeHost(b, p, func() hostFunc { return host })
			want(t, b.call(t, p, `{"depth":6}`, withHost(host)), "6")
		}
	})
}
