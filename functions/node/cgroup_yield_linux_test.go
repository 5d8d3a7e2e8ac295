package node

import (
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"
	"time"
)

// yielders is a tree with two apps that were called just now.
func yielders(t *testing.T) (g *cgroups, flood, victim *appGroup, yields func(at time.Time, want string)) {
	f, _, mounts := unifiedTree(t, "memory pids cpu", 42)
	g = newCgroups(mounts, ownUnified, 42, f, 0)
	t.Cleanup(g.close)
	g.next.Stop() // the test measures
	for pid, app := range map[int]string{1: "flood", 2: "victim"} {
		c, err := g.place(1<<30+pid, someLimits) // which is nobody's
		if err != nil {
			t.Fatal(err)
		}
		if err := c.belong(app); err != nil {
			t.Fatal(err)
		}
	}
	flood, victim = g.apps["app-flood"], g.apps["app-victim"]
	return g, flood, victim, func(at time.Time, want string) {
		t.Helper()
		g.mu.Lock()
		defer g.mu.Unlock()
		g.arrange(at)
		f.want(flood.folder(g.root()), "cpu.idle", want)
		f.want(victim.folder(g.root()), "cpu.idle", "0")
	}
}

func TestYield_MoreThanItsShare(t *testing.T) {
	g, flood, victim, yields := yielders(t)
	at := time.Now()
	cpus := float64(goruntime.NumCPU())
	flood.use, victim.use = cpus, quietUse
	flood.called = at
	yields(at, "0") // there is nobody else
	victim.called = at
	flood.use = 0.1 * cpus
	yields(at, "0") // it has what is its own
	flood.use = cpus
	yields(at, "1")
	// It goes on to yield as long as it uses what it can get.
	flood.use = 0.2 * cpus
	at = at.Add(time.Minute)
	flood.called, victim.called = at, at
	yields(at, "1")
	// Less for a moment is nothing, less for longer is an end.
	flood.use = 0
	yields(at.Add(settled-1), "1")
	yields(at.Add(settled), "0")
	flood.use = cpus
	g.mu.Lock()
	if changed := g.judge(at.Add(settled + 1)); len(changed) != 1 || changed[0] != flood {
		t.Errorf("%d apps change", len(changed))
	}
	g.mu.Unlock()
}

// Apps that use as much as each other all yield, and to the one that uses little.
func TestYield_EqualOnes(t *testing.T) {
	g, flood, victim, _ := yielders(t)
	at := time.Now()
	third := &appGroup{name: "app-third"}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.apps[third.name] = third
	share := float64(goruntime.NumCPU()) / 2
	flood.use, third.use, victim.use = share, share, quietUse
	flood.called, third.called, victim.called = at, at, at
	if changed := g.judge(at); len(changed) != 2 {
		t.Errorf("%d apps change", len(changed))
	}
	delete(g.apps, third.name)
}

// An app to which all others together leave next to nothing has its weight again, for a while.
func TestYield_Starving(t *testing.T) {
	_, flood, victim, yields := yielders(t)
	at := time.Now()
	flood.use = float64(goruntime.NumCPU())
	flood.called, victim.called = at, at
	yields(at, "1")
	starve := func(use float64, after, spared time.Duration) {
		t.Helper()
		flood.use = use
		yields(at.Add(after-1), "1")
		flood.waited = -2 * starving // as if its processes had waited all the time
		at = at.Add(after)
		yields(at, "0")
		flood.use = float64(goruntime.NumCPU())
		yields(at.Add(spared), "0")
		at = at.Add(spared + 1)
		flood.called, victim.called = at, at
		yields(at, "1")
	}
	starve(2*nothing, starving, sparedFor)
	starve(0, settled, 2*sparedFor)
	for spared := 4 * sparedFor; spared < sparedMax; spared *= 2 {
		starve(0, settled, spared)
	}
	starve(0, settled, sparedMax)
	starve(0, settled, sparedMax)
	// It is forgotten once the app has had what it wanted.
	flood.use = 0
	yields(at.Add(1), "1")
	at = at.Add(settled)
	yields(at, "0")
	flood.use = float64(goruntime.NumCPU())
	yields(at, "1")
	starve(0, settled, sparedFor)
}

// A group in which something of the app's last process is left does not yield for the next one.
func TestYield_LeftBehind(t *testing.T) {
	g, flood, victim, yields := yielders(t)
	at := time.Now()
	flood.use, flood.called, victim.called = float64(goruntime.NumCPU()), at, at
	yields(at, "1")
	folder := flood.folder(g.root())
	if err := os.Mkdir(filepath.Join(folder, "left"), 0o755); err != nil {
		t.Fatal(err)
	}
	for c := range flood.processes {
		c.remove()
	}
	c, err := g.place(1<<30+3, someLimits)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.belong("flood"); err != nil {
		t.Fatal(err)
	}
	if next := g.apps["app-flood"]; next == flood || next.yields.Load() {
		t.Error("the app is the old one")
	}
	tree{t: t}.want(folder, "cpu.idle", "0")
	c.remove()
	g.close()
	tree{t: t}.gone(folder)
}

// On this machine: of two apps the one that computes yields, and the kernel takes it.
func TestYield_ThisMachine(t *testing.T) {
	g := openCgroups(0)
	t.Cleanup(g.close)
	base, ok := g.base[controllerCPU]
	if !ok || g.next == nil {
		t.Skip("no control groups here that stand back")
	}
	g.mu.Lock()
	g.next.Stop()
	g.mu.Unlock()
	start := func(app, script string) {
		cmd := exec.Command("sh", "-c", script)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		c, err := g.place(cmd.Process.Pid, someLimits)
		if err == nil {
			err = c.belong(app)
		}
		if err != nil {
			t.Error(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
			c.remove()
		})
	}
	for range goruntime.NumCPU() {
		start("flood", "while :; do :; done")
	}
	start("victim", "read nothing")
	g.mu.Lock()
	defer g.mu.Unlock()
	flood, victim := g.apps["app-flood"], g.apps["app-victim"]
	for end := time.Now().Add(30 * time.Second); !flood.yields.Load() && time.Now().Before(end); goruntime.Gosched() {
		victim.called = time.Now()
		g.measure(time.Now())
		g.arrange(time.Now())
	}
	for folder, want := range map[string]string{flood.folder(base): "1", victim.folder(base): "0"} {
		if idle, err := os.ReadFile(filepath.Join(folder, "cpu.idle")); err != nil || strings.TrimSpace(string(idle)) != want {
			t.Errorf("%s has %q, want %s: %v", folder, idle, want, err)
		}
	}
	if victim.yields.Load() {
		t.Error("the one that waits yields")
	}
}
