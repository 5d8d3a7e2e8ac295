package node_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"yunduo/functions/node"
	"yunduo/functions/runtime"
)

// A warm program has a process that has run nothing of the code yet.
func TestWarm(t *testing.T) {
	r := newRuntime(t, node.Options{})
	t.Cleanup(func() { r.Close(context.Background()) })
	p, err := r.Load(t.Context(), runtime.Bundle{App: "shop", Function: "pay", Version: "1", Code: []byte("const begun = Date.now(); exports.main = async ({ at }) => begun >= at && process.pid")})
	if err != nil {
		t.Fatal(err)
	}
	w := p.(runtime.Warmer)
	if w.Running() {
		t.Error("it runs before anybody wanted it")
	}
	w.Warm(t.Context())
	w.Warm(t.Context())
	if !w.Running() {
		t.Fatal("it does not run")
	}
	at, err := json.Marshal(map[string]int64{"at": time.Now().UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	result, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "i", Event: at})
	if err != nil || string(result.JSON) == "false" {
		t.Errorf("%s, %v: its code ran before its first invocation", result.JSON, err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Warm(t.Context())
	if w.Running() {
		t.Error("it runs after its end")
	}
}
