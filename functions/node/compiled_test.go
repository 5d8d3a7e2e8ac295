package node_test

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"yunduo/functions/node"
	"yunduo/functions/runtime"
)

// big is code that is worth keeping compiled.
func big(answer string) runtime.Bundle {
	code := "const table = " + `[` + strings.Repeat(`"words and words and words",`, 1000) + `]
exports.main = async () => ` + answer
	return runtime.Bundle{App: "shop", Function: "pay", Version: "1", Code: []byte(code)}
}

func TestCompiledForms(t *testing.T) {
	dir := t.TempDir()
	open := func() *node.Runtime {
		r := newRuntime(t, node.Options{Dir: dir})
		t.Cleanup(func() { r.Close(context.Background()) })
		return r
	}
	loaded := func(r *node.Runtime, b runtime.Bundle) runtime.Program {
		p, err := r.Load(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	answers := func(p runtime.Program, want string) {
		t.Helper()
		result, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "i", Event: json.RawMessage(`{}`)})
		if err != nil || string(result.JSON) != want {
			t.Errorf("%s, %v, want %s", result.JSON, err, want)
		}
	}
	r := open()
	if _, err := r.Check(t.Context(), big("1")); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	r = open()
	p := loaded(r, big("1"))
	made := node.Compiled(p)
	if made == nil {
		t.Fatal("what the check of a deployment has compiled is gone after a restart")
	}
	answers(p, "1")
	// V8 compares the length of the code only: other code, and another function's, must have a form of its own.
	others := map[string]runtime.Bundle{"code": big("2"), "function": big("1"), "app": big("1"), "heap": big("1")}
	for name, b := range others {
		switch name {
		case "function":
			b.Function = "refund"
		case "app":
			b.App = "bank"
		case "heap":
			b.Limits.HeapBytes = 128 << 20
		}
		if node.Compiled(loaded(r, b)) != nil {
			t.Errorf("another %s is given the compiled form", name)
		}
	}
	served := loaded(r, big("2"))
	answers(served, "2")
	if _, err := os.Stat(node.FormFile(served)); err == nil {
		t.Error("what a process offers that has served requests is kept on disk")
	}

	file := node.FormFile(p)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	p = loaded(r, big("1"))
	if node.Compiled(p) != nil {
		t.Error("a damaged form is used")
	}
	answers(p, "1")
	if _, err := r.Check(t.Context(), big("1")); err != nil || node.Compiled(loaded(r, big("1"))) == nil {
		t.Errorf("after the next check: %v", err)
	}
}

func TestCompiledFormsStayWithinTheirBudget(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	left, err := node.KeepForms(t.TempDir(), self, 1000, []string{"a", "b", "c", "d"}, 296)
	if err != nil || !slices.Equal(left, []string{"c", "d"}) {
		t.Errorf("%v, %v", left, err)
	}
}

// The runner's compiled form, which a process may have sent before it got its function, is not taken for the function's.
func TestCompiledForms_TheRunnersIsAnother(t *testing.T) {
	r := newRuntime(t, node.Options{})
	t.Cleanup(func() { r.Close(context.Background()) })
	for flag, kept := range map[string]bool{"1": false, "0": true} {
		b := big(`{ const b = Buffer.alloc(16, 'r'); b.writeUInt32LE(4, 0); b[4] = 15; b[5] = ` + flag + `; b.writeUInt16LE(0, 6); b.writeUInt32LE(0, 8); require('fs').writeSync(3, b); return 1 }`)
		b.Function = "f" + flag
		p, err := r.Load(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "i", Event: json.RawMessage(`{}`)}); err != nil {
			t.Fatal(err)
		}
		if got := string(node.Compiled(p)) == "rrrr"; got != kept {
			t.Errorf("a form with the flag %s is kept: %v", flag, got)
		}
	}
}
