package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yunduo/functions/node"
	"yunduo/functions/runtime"
)

// While some requests take long, the many quick ones beside it are forgotten.
func TestRuns_AreForgotten(t *testing.T) {
	r := limited(t, node.Options{Sandbox: node.SandboxRequire, Replicas: 1})
	p := load(t, r, runtime.Bundle{Code: []byte("exports.main = e => e.wait ? new Promise(() => {}) : e")})
	ctx, cancel := context.WithCancel(t.Context())
	var slow sync.WaitGroup
	for range 2 { // the second has to be claimed
		slow.Go(func() { _, _ = p.Invoke(ctx, &runtime.Invocation{ID: "slow", Event: json.RawMessage(`{"wait":true}`)}) })
	}
	for node.Kept(p) == 0 {
		if _, err := invoke(t, p, "1"); err != nil {
			t.Fatal(err)
		}
	}
	most := 0
	for range 120 {
		if _, err := invoke(t, p, "1"); err != nil {
			t.Fatal(err)
		}
		most = max(most, node.Kept(p))
	}
	cancel()
	slow.Wait()
	if most > 70 {
		t.Errorf("%d requests are kept", most)
	}
}

// largeAnswers answers everything with much.
type largeAnswers struct{ calls atomic.Int64 }

func (l *largeAnswers) Call(context.Context, *runtime.Invocation, string, json.RawMessage, []byte) (json.RawMessage, []byte, error) {
	l.calls.Add(1)
	return json.RawMessage(`"` + strings.Repeat("x", 5<<20) + `"`), nil, nil
}

// A process that asks for much and takes nothing does not make the host hold it all.
func TestAnswers_AreNotHeaped(t *testing.T) {
	r := limited(t, node.Options{Sandbox: node.SandboxRequire})
	p := load(t, r, runtime.Bundle{Limits: runtime.Limits{Timeout: 30 * time.Second}, Code: []byte(`
const call = id => { const name = Buffer.from('documents.find'), b = Buffer.alloc(12 + 10 + name.length + 2); b.writeUInt32LE(b.length - 12, 0); b[4] = 13; b.writeUInt32LE(id, 8)
  b.writeUInt32LE(1, 12); b.writeUInt16LE(name.length, 16); name.copy(b, 18); b.writeUInt32LE(2, 18 + name.length); b.write('{}', 22 + name.length); return b }
exports.main = async () => { require('fs').writeSync(3, Buffer.concat(Array.from({ length: 100 }, (x, i) => call(1000 + i)))); const until = Date.now() + 500; while (Date.now() < until); return 'done' }`)})
	host := &largeAnswers{}
	result, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "i", Host: host, Event: json.RawMessage("{}")})
	if err != nil || string(result.JSON) != `"done"` {
		t.Fatalf("%s, %v", result.JSON, err)
	}
	if n := host.calls.Load(); n == 0 || n > 30 {
		t.Errorf("%d of 100 calls were answered for a process that read nothing", n)
	}
}

// Code that makes its copy of the tokens' pipe wait does not make the host wait, for which everybody would have to.
func TestTokens_DoNotMakeTheHostWait(t *testing.T) {
	for name, o := range map[string]node.Options{"root": {Sandbox: node.SandboxRequire}, "others": node.Rootless(node.Options{Sandbox: node.SandboxRequire})} {
		t.Run(name, func(t *testing.T) {
			r := limited(t, o)
			p := load(t, r, runtime.Bundle{Limits: runtime.Limits{Timeout: 30 * time.Second}, Code: []byte(`exports.main = async e => { if (!e.hog) return 'ok'
const { Pipe, constants } = process.binding('pipe_wrap'), tokens = new Pipe(constants.SOCKET); tokens.open(4); tokens.setBlocking(true)
console.log('set'); await new Promise(setImmediate); const until = Date.now() + 400; while (Date.now() < until); return 'hogged' }`)})
			others := make(chan error, 8)
			result, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "i", Event: json.RawMessage(`{"hog":true}`), Log: func(runtime.LogLine) {
				for range cap(others) {
					go func() {
						result, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "o", Event: json.RawMessage(`{}`)})
						if err == nil && string(result.JSON) != `"ok"` {
							err = errors.New(string(result.JSON))
						}
						others <- err
					}()
				}
			}})
			if err != nil || string(result.JSON) != `"hogged"` {
				t.Errorf("%s, %v", result.JSON, err)
			}
			for range cap(others) {
				select {
				case err := <-others:
					if err != nil {
						t.Error(err)
					}
				case <-time.After(time.Minute):
					t.Fatal("the host waits")
				}
			}
		})
	}
}
