package node_test

import (
	"testing"

	"yunduo/functions/node"
)

func TestWalls(t *testing.T) {
	r := limited(t, node.Options{Sandbox: node.SandboxRequire})
	for _, w := range r.Walls(t.Context()) {
		t.Logf("%+v", w)
		if w.Essential && !w.Given {
			t.Errorf("%s is missing: %s", w.Name, w.Detail)
		}
		if w.Given != (w.Remedy == "") {
			t.Errorf("%s: given %v with remedy %q", w.Name, w.Given, w.Remedy)
		}
	}
	// Without a sandbox the same look from inside finds none.
	r = limited(t, node.Options{Sandbox: node.SandboxOff})
	for _, w := range r.Walls(t.Context()) {
		switch w.Name {
		case node.WallNamespaces, node.WallCalls, node.WallNetwork, node.WallUser:
			if w.Given || w.Remedy == "" {
				t.Errorf("%+v", w)
			}
		}
	}
}
