package runtimetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

// echoHost gives back what it was asked, the bytes reversed.
func echoHost(_ context.Context, inv *runtime.Invocation, operation string, request json.RawMessage, attachment []byte) (json.RawMessage, []byte, error) {
	if operation == "fail" {
		return nil, nil, yunduo.Errorf(yunduo.ReasonDuplicateKey, "there is one already")
	}
	if operation == "panic.less" {
		return nil, nil, fmt.Errorf("internal detail with a password")
	}
	out := bytes.Clone(attachment)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	text, err := json.Marshal(map[string]any{"operation": operation, "request": request, "for": inv.Caller.OpenID})
	return text, out, err
}

func testCalls(t *testing.T, b *bench) {
	p := b.load(t, `
const cloud = require('wx-server-sdk')
exports.main = async event => {
  const { response, attachment } = await cloud.call(event.operation || 'documents.find', event.request || {}, event.bytes ? Buffer.alloc(event.bytes, 'ab') : undefined)
  return { response, bytes: attachment && attachment.length, end: attachment && attachment.subarray(0, 2).toString() }
}`)
	t.Run("request and response", func(t *testing.T) {
		want(t, b.call(t, p, `{"request":{"filter":{"名":1}}}`, withHost(echoHost)), `{"response":{"for":"openid-1","operation":"documents.find","request":{"filter":{"名":1}}}}`)
	})
	t.Run("attachments", func(t *testing.T) {
		for _, n := range []int{2, 70_000, 4 << 20} {
			got := b.call(t, p, fmt.Sprintf(`{"bytes":%d}`, n), withHost(echoHost))
			if !strings.Contains(got, fmt.Sprintf(`"bytes":%d,"end":"ba"`, n)) {
				t.Errorf("%d bytes: %s", n, got)
			}
		}
		wantReason(t, b.fail(t, p, fmt.Sprintf(`{"bytes":%d}`, 4<<20+2), withHost(echoHost)), yunduo.ReasonFunctionError, "4 MiB")
	})
	t.Run("errors carry reason and number", func(t *testing.T) {
		p := b.load(t, `exports.main = event => require('wx-server-sdk').call(event.operation, {}).catch(e => [e instanceof Error, e.reason, e.errCode, e.message, e.retryable])`)
		want(t, b.call(t, p, `{"operation":"fail"}`, withHost(echoHost)), `[true,"duplicate_key",-502001,"there is one already",false]`)
		got := b.call(t, p, `{"operation":"panic.less"}`, withHost(echoHost))
		if !strings.Contains(got, `"internal"`) || strings.Contains(got, "password") {
			t.Errorf("internal error: %s", got)
		}
		want(t, b.call(t, p, `{"operation":"x"}`), `[true,"unsupported_call",-604100,"x: there is no platform to call here",false]`)
	})
	t.Run("all names of the SDK", func(t *testing.T) {
		p := b.load(t, `const a = require('wx-server-sdk'), n = require('@cloudbase/node-sdk'), d = require('tcb-admin-node')
exports.main = async () => [a === require('wx-server-sdk'), n.flavour, d.flavour, a.context().functionName, a.context().requestId, a.context().caller.clientIp, a.context().source, a.context().env]`)
		want(t, b.call(t, p, `{}`, func(inv *runtime.Invocation) { inv.RequestID = "r1" }), `[true,"node","admin","f","r1","192.0.2.7","client","app-one"]`)
	})
	t.Run("context while modules load", func(t *testing.T) {
		p := b.load(t, `const { OPENID } = require('wx-server-sdk').getWXContext(); exports.main = async () => OPENID`)
		want(t, b.call(t, p, `{}`), `"openid-1"`)
	})
	t.Run("many at once", func(t *testing.T) {
		var most, now atomic.Int64
		host := func(ctx context.Context, inv *runtime.Invocation, op string, request json.RawMessage, a []byte) (json.RawMessage, []byte, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			return request, nil, nil
		}
		p := b.load(t, `exports.main = async () => (await Promise.all(Array.from({ length: 3000 }, (x, i) => require('wx-server-sdk').call('n', { i })))).filter((r, i) => r.response.i === i).length`)
		want(t, b.call(t, p, `{}`, withHost(host)), "3000")
		if most.Load() > 512 {
			t.Errorf("%d calls at the same time", most.Load())
		}
	})
	t.Run("identity of concurrent requests", func(t *testing.T) {
		p := b.load(t, `exports.main = async () => { const out = []; for (let i = 0; i < 4; i++) { out.push((await require('wx-server-sdk').call('who')).response.for); await new Promise(done => setTimeout(done, 1)) } return new Set(out).size === 1 && out[0] }`,
			func(b *runtime.Bundle) { b.Concurrency = 5 })
		var group sync.WaitGroup
		for i := range 40 {
			group.Go(func() {
				who := fmt.Sprintf("o%d", i)
				result, err := p.Invoke(t.Context(), b.invocation(`{}`, withHost(echoHost), func(inv *runtime.Invocation) { inv.Caller.OpenID = who }))
				if err != nil || string(result.JSON) != `"`+who+`"` {
					t.Errorf("%s got %s, %v", who, result.JSON, err)
				}
			})
		}
		group.Wait()
	})
	t.Run("calls end with the invocation", func(t *testing.T) {
		p := b.load(t, `exports.main = async () => { await require('wx-server-sdk').call('slow') }`, timeout(300*time.Millisecond))
		ended := make(chan struct{})
		host := func(ctx context.Context, inv *runtime.Invocation, op string, request json.RawMessage, a []byte) (json.RawMessage, []byte, error) {
			<-ctx.Done()
			close(ended)
			return nil, nil, ctx.Err()
		}
		wantReason(t, b.fail(t, p, `{}`, withHost(host)), yunduo.ReasonFunctionTimeout, "")
		<-ended
	})
}

func testLate(t *testing.T, b *bench) {
	recorder := func() (hostFunc, chan string) {
		seen := make(chan string, 100)
		return func(ctx context.Context, inv *runtime.Invocation, op string, request json.RawMessage, a []byte) (json.RawMessage, []byte, error) {
			time.Sleep(10 * time.Millisecond) // a database takes a moment
			seen <- op + " " + inv.Caller.OpenID
			return json.RawMessage(`{}`), nil, nil
		}, seen
	}
	as := func(openID string) func(*runtime.Invocation) {
		return func(inv *runtime.Invocation) { inv.Caller.OpenID = openID }
	}
	t.Run("started calls finish", func(t *testing.T) {
		p := b.load(t, `const { call } = require('wx-server-sdk'); exports.main = async () => { call('one').then(() => call('two')).then(() => call('three')); return 'answered' }`)
		host, seen := recorder()
		want(t, b.call(t, p, `{}`, withHost(host), as("li")), `"answered"`)
		for _, op := range []string{"one", "two", "three"} {
			want(t, <-seen, op+" li")
		}
	})
	t.Run("later calls belong to their own request", func(t *testing.T) {
		p := b.load(t, `const { call } = require('wx-server-sdk'); exports.main = async e => { if (e.late) setTimeout(() => call('late'), 80); else await call('now'); return process.pid }`)
		host, seen := recorder()
		b.call(t, p, `{"late":true}`, withHost(host), as("li"))
		b.call(t, p, `{}`, withHost(host), as("wang"))
		calls := []string{<-seen, <-seen} // on a busy machine the later one may come first
		slices.Sort(calls)
		want(t, strings.Join(calls, ", "), "late li, now wang")
	})
	t.Run("the grace period ends", func(t *testing.T) {
		p := b.load(t, `const { call } = require('wx-server-sdk'); exports.main = async e => { if (e.go) call('endless'); return 1 }`, func(b *runtime.Bundle) { b.Limits.Grace = 200 * time.Millisecond })
		stopped := make(chan struct{})
		host := func(ctx context.Context, inv *runtime.Invocation, op string, request json.RawMessage, a []byte) (json.RawMessage, []byte, error) {
			<-ctx.Done()
			close(stopped)
			return nil, nil, ctx.Err()
		}
		want(t, b.call(t, p, `{"go":true}`, withHost(host)), "1")
		select {
		case <-stopped:
		case <-time.After(10 * time.Second):
			t.Error("the call went on")
		}
		want(t, b.call(t, p, `{}`), "1")
	})
	t.Run("an error after the reply", func(t *testing.T) {
		p := b.load(t, `exports.main = async e => { if (e.go) setTimeout(() => { throw new Error('after the fact') }, 20); return 'fine' }`)
		l := newLines()
		want(t, b.call(t, p, `{"go":true}`, withLog(l)), `"fine"`)
		l.wait(t, "after the fact")
		want(t, b.call(t, p, `{}`), `"fine"`)
	})
	t.Run("work without end is stopped", func(t *testing.T) {
		p := b.load(t, `let n = 0; exports.main = async e => { if (e.go) setInterval(() => n++, 1); return n }`, func(b *runtime.Bundle) { b.Limits.Grace = 100 * time.Millisecond })
		b.call(t, p, `{"go":true}`)
		time.Sleep(4 * time.Second) // the process must be asleep by now: it counts at most what it did before
		var n int
		if err := json.Unmarshal([]byte(b.call(t, p, `{}`)), &n); err != nil || n > 3500 {
			t.Errorf("the interval fired %d times, %v", n, err)
		}
	})
}
