package node_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"yunduo"
	"yunduo/functions/node"
	"yunduo/functions/runtime"
	"yunduo/internal/eventloop"
)

// A process that does not read holds up nobody else on its loop, however much is sent to it.
func TestLoop_SilentProcess(t *testing.T) {
	loop, err := eventloop.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(loop.Close)
	r := newRuntime(t, node.Options{Sandbox: node.SandboxRequire, Loop: loop})
	t.Cleanup(func() { r.Close(context.Background()) })
	silent := load(t, r, runtime.Bundle{Concurrency: 100, Code: []byte(`exports.main = async e => { if (e.spin) for (;;) {} return 'ok' }`), Limits: runtime.Limits{Timeout: 3 * time.Second}})
	brisk := load(t, r, runtime.Bundle{Code: []byte(`exports.main = async e => e.n`)})
	for _, p := range []runtime.Program{silent, brisk} {
		if _, err := invoke(t, p, `{"n":1}`); err != nil {
			t.Fatal(err)
		}
	}
	// More than a socket takes, in requests so short that they are written together with others of the same round of the
	// loop, each in a round of its own: the first one spins while the others come.
	const many = 150
	spun, over := make(chan error, 1), make(chan error, many)
	call := func(p runtime.Program, event string, told chan<- error) {
		loop.Go(func(task *eventloop.Task) {
			_, err := p.Invoke(context.Background(), &runtime.Invocation{ID: "i", Event: json.RawMessage(event), Task: task})
			told <- err
		})
	}
	call(silent, `{"spin":true}`, spun)
	padded := `{"padding":"` + strings.Repeat("x", 3500) + `"}`
	for range many {
		call(silent, padded, over)
		round := make(chan struct{})
		loop.Go(func(*eventloop.Task) { close(round) })
		<-round
	}
	for range 20 {
		done := make(chan error, 1)
		call(brisk, `{"n":7}`, done)
		if err := <-done; err != nil {
			t.Errorf("the other function: %v", err)
		}
	}
	if len(spun) > 0 {
		t.Error("the other function's requests were answered only when the spinning one was over")
	}
	if reason := yunduo.ReasonOf(<-spun); reason != yunduo.ReasonFunctionTimeout {
		t.Errorf("the spinning request ended with %q", reason)
	}
	for range many { // those that had not begun ran elsewhere
		if err := <-over; err != nil {
			t.Errorf("beside the spinning request: %v", err)
		}
	}
}
