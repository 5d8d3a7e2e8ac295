//go:build unix

package node_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"yunduo/functions/node"
)

// The temporary folder of a runtime that was killed goes when another one starts; those in use, and what only has such a
// name, stay.
func TestScratch_LeftOnesGo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	running := newRuntime(t, node.Options{Sandbox: node.SandboxOff})
	t.Cleanup(func() { running.Close(context.Background()) })
	used, err := filepath.Glob(filepath.Join(os.TempDir(), "yunduo-node-*"))
	if err != nil || len(used) != 1 {
		t.Fatal(used, err)
	}
	folder := func(name string, age time.Duration, files ...string) string {
		dir := filepath.Join(os.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	killed, old := folder("yunduo-node-1", 0, "lock", "x"), folder("yunduo-node-2", 2*time.Hour, "x")
	beginning, elsewhere := folder("yunduo-node-3", 0), folder("kept", 2*time.Hour, "x")
	link := filepath.Join(os.TempDir(), "yunduo-node-4")
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	second := newRuntime(t, node.Options{Sandbox: node.SandboxOff})
	second.Close(context.Background())
	for path, stays := range map[string]bool{used[0]: true, killed: false, old: false, beginning: true, filepath.Join(elsewhere, "x"): true, link: true} {
		if _, err := os.Lstat(path); (err == nil) != stays {
			t.Errorf("%s stays: %v, want %v", path, err == nil, stays)
		}
	}
	if all, _ := filepath.Glob(filepath.Join(os.TempDir(), "yunduo-node-*")); len(all) != 3 {
		t.Errorf("left are %v", all)
	}
}
