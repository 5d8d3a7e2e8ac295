package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"yunduo"
	"yunduo/functions/node"
	"yunduo/functions/runtime"
)

const whereAmI = `exports.main = async () => {
  const status = require('fs').readFileSync('/proc/self/status', 'utf8')
  const of = name => new RegExp('^' + name + ':\\t(.*)$', 'm').exec(status)[1]
  const fs = require('fs'), files = fs.readdirSync('/proc/self/fd').filter(n => { try { return fs.readlinkSync('/proc/self/fd/' + n).endsWith('/inherited') } catch { return false } })
  try { fs.writeFileSync('/proc/self/oom_score_adj', '-1') } catch {}
  return [files.length, fs.readFileSync('/proc/self/oom_score_adj', 'utf8') >= 500, process.pid, of('CapEff'), of('CapBnd'), of('NoNewPrivs'), of('Seccomp'), of('SigBlk'), of('Groups').trim(), require('os').hostname(), process.cwd()].join(' ')
}`

// However a sandbox has been started, its process is what the walls are to make it.
func TestSandbox_ByRootAndOthers(t *testing.T) {
	// What the server was started with, which no library of Go has opened, stays outside.
	inherited, err := unix.Open(filepath.Join(t.TempDir(), "inherited"), unix.O_RDWR|unix.O_CREAT, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(inherited)
	for name, o := range map[string]node.Options{
		"root": {Sandbox: node.SandboxRequire}, "others": node.Rootless(node.Options{Sandbox: node.SandboxRequire}),
	} {
		t.Run(name, func(t *testing.T) {
			r := limited(t, o)
			got, err := invoke(t, load(t, r, runtime.Bundle{Code: []byte(whereAmI)}), "{}")
			none := strings.Repeat("0", 16)
			if want := fmt.Sprintf(`"0 true 1 %s %s 1 2 %s  function /app"`, none, none, none); err != nil || got != want {
				t.Errorf("the sandbox is %s, want %s: %v", got, want, err)
			}
			// What goes wrong in the midst of it is told.
			p := load(t, r, runtime.Bundle{Code: []byte("exports.main = () => process.exit(3)")})
			if _, err := invoke(t, p, "{}"); yunduo.ReasonOf(err) != yunduo.ReasonFunctionError {
				t.Errorf("a process that ends by itself: %v", err)
			}
		})
	}
}

// The process that forks sandboxes may be lost at any time: those that run go on, and another one comes.
func TestSpawner_IsReplaced(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only root has a spawner; sandboxes of others are tested above")
		return
	}
	r := limited(t, node.Options{Sandbox: node.SandboxRequire})
	pid := runtime.Bundle{Code: []byte("exports.main = e => e")}
	before := load(t, r, pid)
	if _, err := invoke(t, before, "1"); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		if !node.KillSpawner(r) {
			t.Fatal("there is no spawner")
		}
		for range 4 { // more than wait in the pool
			p := load(t, r, pid)
			if got, err := invoke(t, p, "2"); err != nil || got != "2" {
				t.Fatalf("round %d: %s, %v", round, got, err)
			}
		}
		if got, err := invoke(t, before, "3"); err != nil || got != "3" {
			t.Fatalf("a process from before: %s, %v", got, err)
		}
	}
}
