package node

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// groupLimits bound one process.
type groupLimits struct {
	memory int64
	tasks  int
}

// cgroup is the place of one process.
type cgroup struct {
	all    *cgroups
	pid    int
	name   string
	limits groupLimits

	mu      sync.Mutex
	share   atomic.Pointer[appGroup] // of the processors, that of its app; nil while it has none. Changed with mu held
	removed bool
}

// place puts a process that has just been started into a group of its own.
func (g *cgroups) place(pid int, limits groupLimits) (*cgroup, error) {
	if len(g.base) == 0 {
		return nil, nil
	}
	g.mu.Lock()
	g.last++
	c := &cgroup{all: g, pid: pid, name: "p" + strconv.FormatUint(g.last, 10), limits: limits}
	g.mu.Unlock()
	if err := c.enter(); err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

func (c *cgroup) enter() error {
	g := c.all
	if g.unified {
		return c.enterLeaf(c.startingLeaf())
	}
	for controller, base := range g.base {
		folder := base + startingGroup
		if controller == controllerCPU && g.adopted.Load() {
			continue // it was born there
		}
		if controller != controllerCPU {
			folder = filepath.Join(base, c.name)
			if err := g.makeFolder(folder); err != nil {
				return err
			}
			if err := c.limit(controller, folder); err != nil {
				return err
			}
		}
		if err := writeGroup(folder, "cgroup.procs", strconv.Itoa(c.pid)); err != nil {
			return err
		}
	}
	return nil
}

// startingLeaf is the process's group in the one tree until it belongs to an app.
func (c *cgroup) startingLeaf() string { return filepath.Join(c.all.root()+startingGroup, c.name) }

// root is the server's folder in the one tree.
func (g *cgroups) root() string {
	for _, base := range g.base {
		return base
	}
	return ""
}

// enterLeaf makes the group in the one tree and moves the process there.
func (c *cgroup) enterLeaf(folder string) error {
	if err := c.all.makeFolder(folder); err != nil {
		return err
	}
	for controller := range c.all.base {
		if err := c.limit(controller, folder); err != nil {
			return err
		}
	}
	return writeGroup(folder, "cgroup.procs", strconv.Itoa(c.pid))
}

// limit sets the process's limits in its folder of the controller.
func (c *cgroup) limit(controller, folder string) error {
	switch controller {
	case controllerTasks:
		return writeGroup(folder, "pids.max", strconv.Itoa(c.limits.tasks))
	case controllerMemory:
		limit := strconv.FormatInt(c.limits.memory, 10)
		if !c.all.unified {
			if err := writeGroup(folder, "memory.limit_in_bytes", limit); err != nil {
				return err
			}
			return optional(writeGroup(folder, "memory.memsw.limit_in_bytes", limit))
		}
		if err := writeGroup(folder, "memory.max", limit); err != nil {
			return err
		}
		return errors.Join(optional(writeGroup(folder, "memory.swap.max", "0")), optional(writeGroup(folder, "memory.oom.group", "1")))
	}
	return nil
}

// optional forgives that a kernel does not have the value: it is built without swap, for example.
func optional(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// belong moves the process into the group of the app whose code it runs from now on, unless it has ended.
func (c *cgroup) belong(app string) error {
	if err := c.join("app-" + url.PathEscape(app)); !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

func (c *cgroup) join(name string) error {
	g := c.all
	c.mu.Lock()
	defer c.mu.Unlock()
	base, ok := g.base[controllerCPU]
	if !ok || c.removed || c.share.Load() != nil {
		return nil
	}
	g.tree.Lock()
	defer g.tree.Unlock()
	if g.released {
		return nil
	}
	a := g.apps[name]
	if a == nil {
		a = &appGroup{name: name, processes: map[*cgroup]time.Duration{}}
		if err := g.makeApp(a.folder(base)); err != nil {
			_ = g.fs.rmdir(a.folder(base))
			return err
		}
	}
	used, _ := clockOf(c.pid) // until now, which was not for the app
	g.mu.Lock()
	g.apps[name] = a
	a.processes[c] = used
	g.mu.Unlock()
	c.share.Store(a)
	if !g.unified {
		return writeGroup(a.folder(base), "cgroup.procs", strconv.Itoa(c.pid))
	}
	if err := c.enterLeaf(filepath.Join(a.folder(base), c.name)); err != nil {
		return err
	}
	_ = g.fs.rmdir(c.startingLeaf()) // or with the tree, at the end
	return nil
}

// makeApp makes an app's group: every app weighs the same, and none gets more processors than it may have.
func (g *cgroups) makeApp(folder string) error {
	if err := g.makeFolder(folder); err != nil {
		return err
	}
	if g.next != nil { // a group that could not be removed, because something of its last process was left, may still yield
		if err := writeGroup(folder, "cpu.idle", "0"); err != nil {
			return err
		}
	}
	const period = 100_000 // microseconds
	quota := strconv.Itoa(int(g.appCPUs * period))
	if !g.unified {
		if g.appCPUs == 0 {
			return nil
		}
		return errors.Join(writeGroup(folder, "cpu.cfs_period_us", strconv.Itoa(period)), writeGroup(folder, "cpu.cfs_quota_us", quota))
	}
	var wanted []string
	for _, c := range controllers {
		if g.base[c] != "" {
			wanted = append(wanted, c)
		}
	}
	if err := handOn(folder, wanted); err != nil {
		return err
	}
	if g.appCPUs == 0 {
		return nil
	}
	return writeGroup(folder, "cpu.max", fmt.Sprintf("%s %d", quota, period))
}

// outOfMemory reports whether the kernel has ended the process because it used more memory than its group may.
func (c *cgroup) outOfMemory() bool {
	base, ok := c.all.base[controllerMemory]
	if !ok {
		return false
	}
	file := filepath.Join(base, c.name, "memory.oom_control")
	if c.all.unified {
		file = filepath.Join(c.startingLeaf(), "memory.events")
		if a := c.share.Load(); a != nil {
			file = filepath.Join(a.folder(base), c.name, "memory.events")
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "oom_kill" {
			return fields[1] != "0"
		}
	}
	return false
}

// remove removes the process's group once the process is gone, and its app's after the last process.
func (c *cgroup) remove() {
	g := c.all
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.removed {
		return
	}
	c.removed = true
	if !g.unified {
		for _, controller := range []string{controllerMemory, controllerTasks} {
			if base := g.base[controller]; base != "" {
				_ = g.fs.rmdir(filepath.Join(base, c.name))
			}
		}
	} else {
		_ = g.fs.rmdir(c.startingLeaf())
	}
	a := c.share.Load()
	if a == nil {
		return
	}
	folder := a.folder(g.base[controllerCPU])
	if g.unified {
		_ = g.fs.rmdir(filepath.Join(folder, c.name))
	}
	g.tree.Lock()
	defer g.tree.Unlock()
	g.mu.Lock()
	delete(a.processes, c)
	empty := len(a.processes) == 0
	if empty {
		delete(g.apps, a.name)
	}
	g.mu.Unlock()
	if empty {
		_ = g.fs.rmdir(folder)
	}
}
