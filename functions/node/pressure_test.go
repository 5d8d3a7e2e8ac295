package node_test

import (
	"context"
	"encoding/json"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"yunduo"
	"yunduo/functions/node"
	"yunduo/functions/runtime"
)

const machine = 8 << 30

func pressed(t *testing.T) (*node.Runtime, *atomic.Int64) {
	t.Helper()
	available := &atomic.Int64{}
	available.Store(machine)
	r := newRuntime(t, node.WithMemory(node.Options{}, func() (int64, int64) { return available.Load(), machine }))
	t.Cleanup(func() { r.Close(context.Background()) })
	return r, available
}

// When memory is short, the process that has been idle for longest goes first, and no more of them than it takes.
func TestMemoryShort_LongestIdleGoes(t *testing.T) {
	r, available := pressed(t)
	programs := make([]runtime.Program, 3)
	for i := range programs {
		programs[i] = load(t, r, runtime.Bundle{App: "a", Function: strconv.Itoa(i), Code: []byte("exports.main = async () => 1")})
		call(t, programs[i], true)
	}
	call(t, programs[0], false) // 1 is now the longest unused one
	available.Store(machine/10 - 1)
	node.Relieve(r, time.Now())
	available.Store(machine)
	call(t, programs[0], false)
	call(t, programs[2], false)
	call(t, programs[1], true)
}

func call(t *testing.T, p runtime.Program, cold bool) {
	t.Helper()
	result, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "i", Event: json.RawMessage("{}")})
	if err != nil || result.Cold != cold {
		t.Errorf("cold: %t, %v", result.Cold, err)
	}
}

// Without memory, what runs goes on and no other process starts, until there is memory again.
func TestNoMemory(t *testing.T) {
	r, available := pressed(t)
	bundle := runtime.Bundle{App: "a", Function: "running", Code: []byte("exports.main = async e => { if (e.stop) globalThis.stopped = true; console.log('runs'); while (!globalThis.stopped) await new Promise(r => setTimeout(r, 5)); return 1 }")}
	running, other := load(t, r, bundle), load(t, r, runtime.Bundle{App: "b", Function: "other", Code: []byte("exports.main = async () => 2")})
	begun, done := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := running.Invoke(t.Context(), &runtime.Invocation{ID: "i", Event: json.RawMessage("{}"), Log: func(runtime.LogLine) { close(begun) }})
		done <- err
	}()
	<-begun
	available.Store(machine / 100)
	if _, err := invoke(t, other, "{}"); yunduo.ReasonOf(err) != yunduo.ReasonFunctionBusy || !err.Retryable() {
		t.Errorf("without memory: %v", err)
	}
	if _, err := invoke(t, running, `{"stop":true}`); err != nil {
		t.Errorf("in the process that runs already: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("what ran already: %v", err)
	}
	available.Store(machine)
	if text, err := invoke(t, other, "{}"); err != nil || text != "2" {
		t.Errorf("with memory again: %s %v", text, err)
	}
}
