package node_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"yunduo"
	"yunduo/functions/node"
	"yunduo/functions/runtime"
	"yunduo/internal/eventloop"
)

func invoke(t testing.TB, p runtime.Program, event string) (string, *yunduo.Error) {
	t.Helper()
	result, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "i", Event: json.RawMessage(event)})
	if err != nil {
		return "", yunduo.AsError(err)
	}
	return string(result.JSON), nil
}

func load(t testing.TB, r *node.Runtime, b runtime.Bundle) runtime.Program {
	t.Helper()
	b.App, b.Function, b.Version = "shop", "pay", "v1"
	p, err := r.Load(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// limited is a runtime whose functions run into limits soon.
func limited(t testing.TB, o node.Options) *node.Runtime {
	t.Helper()
	if o.Sandbox == node.SandboxRequire { // as in production
		loop, err := eventloop.New()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(loop.Close)
		o.Loop = loop
	}
	r := newRuntime(t, o)
	t.Cleanup(func() { r.Close(context.Background()) })
	return r
}

func TestLimitsNameTheLine(t *testing.T) {
	for name, mode := range map[string]node.Sandbox{"sandboxed": node.SandboxRequire, "plain": node.SandboxOff} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := limited(t, node.PatientTraces(node.Options{Sandbox: mode}))
			for name, c := range map[string]struct{ code, message, stack string }{
				"loop":               {"function inner () {\n  for (;;) {}\n}\nexports.main = async e => {\n  if (!e.go) return 1\n  inner()\n}", "function pay did not answer within its time limit of 1.5s and was stopped; it was running index.js:2:", "\n    at inner (index.js:2:"},
				"regular expression": {"exports.main = async e => {\n  if (!e.go) return 1\n  return /^(a+)+$/.test('a'.repeat(40) + 'b')\n}", "index.js:3:", "at exports.main (index.js:3:"},
				"after a wait":       {"exports.main = async e => {\n  if (!e.go) return 1\n  await new Promise(setImmediate)\n  while (true) JSON.parse('{}')\n}", "index.js:4:", "index.js:4:"},
				"while loading":      {"if (!globalThis.never)\n  for (;;) {}", "index.js:2:", "index.js:2:"},
				"waiting":            {"exports.main = async e => e.go ? new Promise(() => {}) : 1", "function pay did not answer within its time limit of 1.5s and was stopped", ""},
			} {
				t.Run(name, func(t *testing.T) {
					p := load(t, r, runtime.Bundle{Code: []byte(c.code), Limits: runtime.Limits{Timeout: 1500 * time.Millisecond}})
					_, err := invoke(t, p, `{"go":true}`)
					if err == nil || err.Reason != yunduo.ReasonFunctionTimeout || !strings.Contains(err.Message, c.message) || !strings.Contains(err.Stack, c.stack) {
						t.Fatalf("%+v", err)
					}
					if c.stack == "" && (strings.Contains(err.Message, "running") || err.Stack != "") {
						t.Errorf("a line from nowhere: %+v", err)
					}
					if strings.Contains(err.Stack, "runner") || strings.Contains(err.Stack, "node:") {
						t.Errorf("stack: %s", err.Stack)
					}
				})
			}
			t.Run("native code cannot tell", func(t *testing.T) {
				r := limited(t, node.Options{Sandbox: mode})
				p := load(t, r, runtime.Bundle{Code: []byte("exports.main = async () => require('crypto').pbkdf2Sync('x', 'y', 2e9, 64, 'sha512')"), Limits: runtime.Limits{Timeout: 1500 * time.Millisecond}})
				if _, err := invoke(t, p, `{}`); err == nil || err.Reason != yunduo.ReasonFunctionTimeout || strings.Contains(err.Message, "running") {
					t.Errorf("%+v", err)
				}
			})
			t.Run("source map", func(t *testing.T) {
				// Generated line 1, column 20 and what follows are line 40, column 3 of src/main.ts.
				p := load(t, r, runtime.Bundle{Code: []byte("exports.main=()=>{for(;;){}}"), SourceMap: []byte(`{"version":3,"sources":["src/main.ts"],"names":[],"mappings":"AAAA,kBAuCE"}`), Limits: runtime.Limits{Timeout: 1500 * time.Millisecond}})
				if _, err := invoke(t, p, `{}`); err == nil || !strings.Contains(err.Message, "src/main.ts:40:3") {
					t.Errorf("%+v", err)
				}
			})
		})
	}
}

func TestProcessorTime(t *testing.T) {
	r := limited(t, node.PatientTraces(node.Options{Sandbox: node.SandboxRequire}))
	limits := runtime.Limits{Timeout: 20 * time.Second, CPU: 300 * time.Millisecond}
	t.Run("one request", func(t *testing.T) {
		p := load(t, r, runtime.Bundle{Code: []byte("exports.main = async e => {\n  if (e.go) for (;;) {}\n  return 'ok'\n}"), Limits: limits})
		_, err := invoke(t, p, `{"go":true}`)
		if err == nil || err.Reason != yunduo.ReasonFunctionKilled || !strings.Contains(err.Message, "function pay used more processor time than the 300ms") || !strings.Contains(err.Message, "index.js:2:") {
			t.Errorf("%+v", err)
		}
		if got, err := invoke(t, p, `{}`); err != nil || got != `"ok"` {
			t.Errorf("afterwards: %s, %v", got, err)
		}
	})
	t.Run("in other threads", func(t *testing.T) {
		p := load(t, r, runtime.Bundle{Code: []byte(`const pbkdf2 = require('util').promisify(require('crypto').pbkdf2)
exports.main = async () => { for (;;) await Promise.all([pbkdf2('a', 'b', 20000, 64, 'sha512'), pbkdf2('a', 'b', 20000, 64, 'sha512')]) }`), Limits: limits})
		if _, err := invoke(t, p, `{}`); err == nil || err.Reason != yunduo.ReasonFunctionKilled || !strings.Contains(err.Message, "processor time") {
			t.Errorf("%+v", err)
		}
	})
	t.Run("waiting costs nothing", func(t *testing.T) {
		p := load(t, r, runtime.Bundle{Code: []byte(`exports.main = async () => { await new Promise(done => setTimeout(done, 1000)); return 'ok' }`), Limits: limits})
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if got, err := invoke(t, p, `{}`); err != nil || got != `"ok"` {
					t.Errorf("%s, %v", got, err)
				}
			})
		}
		group.Wait()
	})
}

func TestWorkAfterReply(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a second of processor time that the test machine may not have to spare")
	}
	r := limited(t, node.Options{Sandbox: node.SandboxRequire})
	for name, code := range map[string]string{
		"timer":  `setInterval(() => { const end = Date.now() + 50; while (Date.now() < end); }, 51)`,
		"loop":   `setTimeout(() => { for (;;) {} }, 1)`,
		"thread": `const { pbkdf2 } = require('crypto'); const again = () => pbkdf2('a', 'b', 50000, 64, 'sha512', again); again()`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := load(t, r, runtime.Bundle{Code: []byte(`exports.main = async e => { if (e.burn) { ` + code + ` } return 'ok' }`), Limits: runtime.Limits{Timeout: 20 * time.Second, Grace: 5 * time.Minute}})
			burnt := make(chan string, 16)
			_, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "i", Event: json.RawMessage(`{"burn":true}`), Log: func(l runtime.LogLine) { burnt <- l.Message }})
			if err != nil {
				t.Fatal(err)
			}
			select {
			case line := <-burnt:
				if !strings.Contains(line, "computing after its reply") {
					t.Errorf("line %q", line)
				}
			case <-time.After(time.Minute):
				t.Fatal("it burns on")
			}
			if _, err := invoke(t, p, `{}`); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
	t.Run("the next request does not wait for it", func(t *testing.T) {
		// A log frame written by hand tells that the endless loop has begun: the runner's own would wait for its end.
		p := load(t, r, runtime.Bundle{Code: []byte(`const frame = Buffer.alloc(12 + 8 + 7); frame.writeUInt32LE(15, 0); frame[4] = 14; frame.write('burning', 20)
exports.main = async e => { if (e.burn) setTimeout(() => { require('fs').writeSync(3, frame); for (;;) {} }, 20); return 'ok' }`), Limits: runtime.Limits{Timeout: 30 * time.Second}})
		for range 3 {
			burning := make(chan struct{}, 16)
			log := func(runtime.LogLine) { burning <- struct{}{} }
			if result, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "i", Event: json.RawMessage(`{"burn":true}`), Log: log}); err != nil || string(result.JSON) != `"ok"` {
				t.Fatalf("burn: %s, %v", result.JSON, err)
			}
			<-burning
			if got, err := invoke(t, p, `{}`); err != nil || got != `"ok"` {
				t.Errorf("after it: %s, %v", got, err)
			}
		}
	})
}
