package node

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// tree is a tree of control groups made of plain files, which fills in new groups as the kernel does.
type tree struct {
	t       *testing.T
	unified bool
}

var v1Files = map[string][]string{
	controllerMemory: {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control"},
	controllerTasks:  {"pids.max"},
	controllerCPU:    {"cpu.shares", "cpu.idle", "cpu.cfs_period_us", "cpu.cfs_quota_us"},
}

var v2Files = map[string][]string{
	controllerMemory: {"memory.max", "memory.swap.max", "memory.oom.group", "memory.events"},
	controllerTasks:  {"pids.max"},
	controllerCPU:    {"cpu.weight", "cpu.idle", "cpu.max"},
}

func (f tree) mkdir(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	files := []string{"cgroup.procs"}
	if f.unified {
		files = append(files, "cgroup.subtree_control", "cgroup.type")
		var handed []string
		for _, c := range strings.Fields(f.read(filepath.Dir(path), "cgroup.subtree_control")) {
			c = strings.TrimPrefix(c, "+")
			handed = append(handed, c)
			files = append(files, v2Files[c]...)
		}
		f.write(path, "cgroup.controllers", strings.Join(handed, " "))
	} else {
		for c, names := range v1Files {
			if strings.Contains(path, "/"+c+"/") {
				files = append(files, names...)
			}
		}
	}
	for _, name := range files {
		f.write(path, name, "")
	}
	return nil
}

// rmdir removes a group that has no process and no group in it.
func (f tree) rmdir(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(entries, os.DirEntry.IsDir) {
		return unix.EBUSY
	}
	return os.RemoveAll(path)
}

func (f tree) write(folder, name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f tree) read(folder, name string) string {
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return string(text)
}

func (f tree) want(folder, name, want string) {
	f.t.Helper()
	if got := f.read(folder, name); got != want {
		f.t.Errorf("%s/%s has %q, want %q", folder, name, got, want)
	}
}

func (f tree) gone(path string) {
	f.t.Helper()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		f.t.Errorf("%s is still there", path)
	}
}

var someLimits = groupLimits{memory: 500 << 20, tasks: 64}

func TestCgroups_Version1(t *testing.T) {
	f := tree{t: t}
	root := t.TempDir()
	var mounts, own strings.Builder
	for i, c := range controllers {
		if err := os.Mkdir(filepath.Join(root, c), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := f.mkdir(filepath.Join(root, c, "service")); err != nil {
			t.Fatal(err)
		}
		mounts.WriteString("3" + strconv.Itoa(i) + " 31 0:29 / " + filepath.Join(root, c) + " rw,relatime shared:9 - cgroup cgroup rw," + c + "\n")
		own.WriteString(strconv.Itoa(i) + ":" + c + ":/service\n")
	}
	stale := filepath.Join(root, controllerMemory, "service/yunduo-999999999-1") // of a server that was killed
	if err := errors.Join(f.mkdir(stale), f.mkdir(filepath.Join(stale, "p3"))); err != nil {
		t.Fatal(err)
	}
	g := newCgroups(mounts.String(), own.String(), 42, f, 1.5)
	if len(g.missing) != 0 || g.unified {
		t.Fatalf("missing %v, unified %v", g.missing, g.unified)
	}
	f.gone(stale)
	c, err := g.place(1234, someLimits)
	if err != nil {
		t.Fatal(err)
	}
	base := func(controller string) string { return g.base[controller] }
	f.want(base(controllerMemory)+"/p1", "memory.limit_in_bytes", strconv.Itoa(500<<20))
	f.want(base(controllerMemory)+"/p1", "memory.memsw.limit_in_bytes", strconv.Itoa(500<<20))
	f.want(base(controllerMemory)+"/p1", "cgroup.procs", "1234")
	f.want(base(controllerTasks)+"/p1", "pids.max", "64")
	f.want(base(controllerTasks)+"/p1", "cgroup.procs", "1234")
	starting := base(controllerCPU) + "-starting"
	f.want(starting, "cgroup.procs", "1234")
	f.want(starting, "cpu.shares", strconv.Itoa(startingWeight*threadWeight()*runtime.NumCPU()))
	f.want(starting, "cpu.idle", "0")
	if err := c.belong("a/../b"); err != nil {
		t.Fatal(err)
	}
	app := base(controllerCPU) + "-app-a%2F..%2Fb"
	f.want(app, "cgroup.procs", "1234")
	f.want(app, "cpu.cfs_quota_us", "150000")
	if err := g.adopt(7777); err != nil {
		t.Fatal(err)
	}
	f.want(starting, "cgroup.procs", "7777")
	second, err := g.place(1235, someLimits)
	f.want(starting, "cgroup.procs", "7777") // whose child the second one was
	if err != nil || second.belong("a/../b") != nil {
		t.Fatal(err)
	}
	if c.outOfMemory() {
		t.Error("out of memory, it says")
	}
	f.write(base(controllerMemory)+"/p1", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
	if !c.outOfMemory() {
		t.Error("the kernel's kill was not seen")
	}
	c.remove()
	f.gone(base(controllerMemory) + "/p1")
	f.gone(base(controllerTasks) + "/p1")
	f.want(app, "cpu.cfs_period_us", "100000") // the second one is in it
	second.remove()
	f.gone(app)
	g.close()
	f.gone(base(controllerMemory))
	f.gone(base(controllerCPU))
	f.gone(starting)
}

// unifiedTree makes a tree of version 2 with a group for the server.
func unifiedTree(t *testing.T, offered string, procs ...int) (f tree, folder, mounts string) {
	f = tree{t: t, unified: true}
	root := filepath.Join(t.TempDir(), "cg root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	f.write(root, "cgroup.subtree_control", offered)
	folder = filepath.Join(root, "yunduo.service")
	if err := f.mkdir(folder); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range procs {
		lines = append(lines, strconv.Itoa(p))
	}
	f.write(folder, "cgroup.procs", strings.Join(lines, "\n"))
	return f, folder, "41 31 0:38 /machine " + strings.ReplaceAll(root, " ", `\040`) + " rw,relatime - cgroup2 cgroup2 rw\n"
}

const ownUnified = "0::/machine/yunduo.service\n"

func TestCgroups_Version2(t *testing.T) {
	f, folder, mounts := unifiedTree(t, "memory pids cpu", 42)
	if err := f.mkdir(folder + "/server"); err != nil { // left by another run
		t.Fatal(err)
	}
	f.write(folder+"/server", "cpu.weight", "100") // which is there once the controller is handed on
	g := newCgroups(mounts, ownUnified, 42, f, 0.5)
	if len(g.missing) != 0 || !g.unified {
		t.Fatalf("missing %v, unified %v", g.missing, g.unified)
	}
	f.want(folder+"/server", "cgroup.procs", "42")
	f.want(folder+"/server", "cpu.weight", "400")
	if !strings.HasPrefix(g.root(), folder+"/yunduo-42-") {
		t.Errorf("in %s", g.root())
	}
	starting := g.root() + "-starting"
	f.want(starting, "cpu.weight", "100")
	f.want(starting, "cpu.idle", "0")
	if err := g.adopt(7777); err != nil {
		t.Fatal(err)
	}
	f.want(starting+"/spawner", "cgroup.procs", "7777")
	f.want(folder, "cgroup.subtree_control", "+memory +pids +cpu")
	c, err := g.place(1234, someLimits)
	if err != nil {
		t.Fatal(err)
	}
	leaf := starting + "/p1"
	f.want(leaf, "memory.max", strconv.Itoa(500<<20))
	f.want(leaf, "memory.swap.max", "0")
	f.want(leaf, "memory.oom.group", "1")
	f.want(leaf, "pids.max", "64")
	f.want(leaf, "cgroup.procs", "1234")
	f.write(leaf, "cgroup.procs", "")
	if err := c.belong("shop"); err != nil {
		t.Fatal(err)
	}
	f.gone(leaf)
	app := g.root() + "-app-shop"
	f.want(app, "cpu.max", "50000 100000")
	f.want(app+"/p1", "memory.max", strconv.Itoa(500<<20))
	f.want(app+"/p1", "cgroup.procs", "1234")
	f.write(app+"/p1", "memory.events", "low 0\noom 1\noom_kill 3\n")
	if !c.outOfMemory() {
		t.Error("the kernel's kill was not seen")
	}
	c.remove()
	c.remove()
	f.gone(app)
	if err := c.belong("shop"); err != nil {
		t.Error(err)
	}
	f.gone(app)
	f.write(starting+"/spawner", "cgroup.procs", "")
	g.close()
	f.gone(g.root())
	f.gone(starting)
}

// Starts stand back, but for a while after one that took long, and after the server's own.
func TestCgroups_StartsStandBack(t *testing.T) {
	f, _, mounts := unifiedTree(t, "memory pids cpu", 42)
	synctest.Test(t, func(t *testing.T) {
		g := newCgroups(mounts, ownUnified, 42, f, 0)
		pass := func(d time.Duration, idle string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			f.want(g.root()+"-starting", "cpu.idle", idle)
			f.want(g.root()+"-starting", "cpu.weight", "100")
		}
		pass(crowdedFor-1, "0")
		pass(1, "1")
		first, second, third := g.starts(), g.starts(), g.starts()
		pass(startsQuietly/2, "1")
		third() // so the others may take as long again
		pass(startsQuietly-1, "1")
		second()
		pass(startsQuietly-1, "1")
		pass(1, "0")
		pass(crowdedFor, "1")
		late := g.starts()
		pass(startsQuietly, "0") // nothing has got on
		first()
		late()
		pass(crowdedFor-1, "0")
		pass(1, "1")
		g.starts()
		g.close()
		time.Sleep(startsQuietly + crowdedFor)
		synctest.Wait()
		f.gone(g.root() + "-starting")
	})
}

// What a machine does not give is told, and nothing else fails.
func TestCgroups_Missing(t *testing.T) {
	for name, c := range map[string]struct {
		offered string
		procs   []int
		missing map[string]string
	}{
		"only some controllers": {"pids", []int{42}, map[string]string{"memory": "not handed on", "cpu": "not handed on"}},
		"none":                  {"", []int{42}, map[string]string{"memory": "no controller", "pids": "no controller", "cpu": "no controller"}},
		"not alone":             {"memory pids cpu", []int{42, 43}, map[string]string{"memory": "shares", "pids": "shares", "cpu": "shares"}},
	} {
		t.Run(name, func(t *testing.T) {
			f, _, mounts := unifiedTree(t, c.offered, c.procs...)
			g := newCgroups(mounts, ownUnified, 42, f, 0)
			if len(g.missing) != len(c.missing) {
				t.Errorf("missing %v", g.missing)
			}
			for controller, part := range c.missing {
				if !strings.Contains(g.missing[controller], part) {
					t.Errorf("%s: %q", controller, g.missing[controller])
				}
			}
			group, err := g.place(9, someLimits)
			if err != nil || (group == nil) != (len(g.base) == 0) {
				t.Errorf("%+v, %v", group, err)
			}
			if group != nil && errors.Join(group.belong("a")) != nil {
				t.Error("the group of the app")
			}
		})
	}
	if g := newCgroups("", "", 1, tree{t: t}, 0); len(g.missing) != 3 {
		t.Errorf("missing %v", g.missing)
	}
	if g := newCgroups("31 2 0:3 / /no/such/place rw - cgroup cgroup rw,memory\n", "1:memory:/\n", 1, kernelGroups{}, 0); g.missing["memory"] == "" || len(g.base) != 0 {
		t.Errorf("missing %v", g.missing)
	}
}

// What this machine itself gives: a process is where it was put, and nothing is left behind.
func TestCgroups_ThisMachine(t *testing.T) {
	g := openCgroups(0)
	t.Cleanup(g.close)
	t.Logf("gives %v, lacks %v", g.base, g.missing)
	if len(g.base) == 0 {
		t.Skip("no control groups here")
	}
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c, err := g.place(cmd.Process.Pid, someLimits)
	if err == nil {
		err = c.belong("shop")
	}
	if err != nil {
		t.Error(err)
	}
	groups, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/cgroup")
	if err != nil || strings.Count(string(groups), "/yunduo-") < len(g.base) && !g.unified {
		t.Errorf("%s, %v", groups, err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	c.remove()
	g.close()
	for controller, base := range g.base {
		if _, err := os.Stat(base); err == nil {
			t.Errorf("%s is left of %s", base, controller)
		}
	}
}
