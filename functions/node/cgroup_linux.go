package node

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// The controllers that wall in function processes. Each is used where the machine gives it.
const (
	controllerMemory = "memory"
	controllerTasks  = "pids"
	controllerCPU    = "cpu"
)

var controllers = []string{controllerMemory, controllerTasks, controllerCPU}

// cgroups keeps the control groups of function processes, below the group that the server itself is in: for each process
// one with its memory and number of tasks, and for each app one with its share of the processors. In version 2 of the
// kernel's interface these are one tree, in version 1 a tree for each controller.
//
// The groups of apps stand side by side with the group of the server: what one of them has to do interrupts those that
// stand back only where it is their neighbour.
type cgroups struct {
	base     map[string]string // the server's folder of each controller that works
	missing  map[string]string // why the others do not
	unified  bool
	appCPUs  float64 // processors that an app may use; 0 for all
	fs       groupFS
	tree     sync.Mutex           // held while groups of apps come and go, which may take the kernel long
	mu       sync.Mutex           // guards the rest, and is never held for long
	apps     map[string]*appGroup // changed with both held
	ready    time.Time            // when a process has last started
	crowded  time.Time            // until when starts do not stand back
	calm     *time.Timer          // looks whether it is over; nil while they do
	adopted  atomic.Bool          // the spawner is where its children are to begin
	looked   time.Time            // when the apps' use of the processors was last measured
	next     *time.Timer          // measures it again
	last     uint64
	released bool
}

// groupFS makes and removes groups. Only tests use another one than the kernel's.
type groupFS interface {
	mkdir(path string) error
	rmdir(path string) error
}

type kernelGroups struct{}

func (kernelGroups) mkdir(path string) error { return unix.Mkdir(path, 0o755) }
func (kernelGroups) rmdir(path string) error { return unix.Rmdir(path) }

var instances atomic.Int64

// openCgroups prepares what this machine gives. It never fails: what does not work is told in missing.
func openCgroups(appCPUs float64) *cgroups {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	own, err2 := os.ReadFile("/proc/self/cgroup")
	if err := errors.Join(err, err2); err != nil {
		return &cgroups{missing: everyController(err.Error())}
	}
	return newCgroups(string(mounts), string(own), os.Getpid(), kernelGroups{}, appCPUs)
}

func everyController(why string) map[string]string {
	all := map[string]string{}
	for _, c := range controllers {
		all[c] = why
	}
	return all
}

// newCgroups looks for the controllers in the trees that the texts of /proc/self/mountinfo and /proc/self/cgroup name.
func newCgroups(mounts, own string, pid int, fs groupFS, appCPUs float64) *cgroups {
	g := &cgroups{base: map[string]string{}, missing: map[string]string{}, apps: map[string]*appGroup{}, fs: fs, appCPUs: appCPUs}
	folders := ownGroups(mounts, own)
	name := fmt.Sprintf("yunduo-%d-%d", pid, instances.Add(1)) // one program may have several runtimes
	for _, c := range controllers {
		folder, ok := folders[c]
		if !ok {
			continue
		}
		g.sweep(folder)
		if err := g.makeV1(c, folder, name); err != nil {
			g.missing[c] = err.Error()
			continue
		}
		g.base[c] = filepath.Join(folder, name)
	}
	if folder, ok := folders[""]; ok && len(g.base) == 0 {
		g.sweep(folder)
		g.missing = everyController("")
		if err := g.makeV2(folder, name, pid); err != nil {
			g.missing = everyController(err.Error())
		}
	}
	if err := errors.Join(g.standBack(true), g.standBack(false)); err != nil { // whether both can be had
		g.missing[controllerCPU] = err.Error()
		delete(g.base, controllerCPU)
	}
	g.mu.Lock()
	g.crowd() // a server that starts has no calls yet that could feel it
	g.mu.Unlock()
	g.watch()
	for _, c := range controllers {
		if g.base[c] == "" && g.missing[c] == "" {
			g.missing[c] = "the kernel offers no such control group here"
		}
	}
	return g
}

// ownGroups returns the folder of the group that the server is in, by controller; version 2's has the name "".
func ownGroups(mounts, own string) map[string]string {
	paths := map[string]string{} // within its tree, by controller
	for line := range strings.Lines(own) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 {
			for c := range strings.SplitSeq(fields[1], ",") {
				paths[c] = fields[2]
			}
		}
	}
	folders := map[string]string{}
	for line := range strings.Lines(mounts) {
		left, right, found := strings.Cut(line, " - ")
		mount, source := strings.Fields(left), strings.Fields(right)
		if !found || len(mount) < 5 || len(source) < 3 {
			continue
		}
		names := []string{""}
		if source[0] == "cgroup" {
			names = strings.Split(source[2], ",")
		} else if source[0] != "cgroup2" {
			continue
		}
		for _, c := range names {
			path, ok := paths[c]
			if !ok || folders[c] != "" {
				continue
			}
			if below, err := filepath.Rel(mount[3], path); err == nil && filepath.IsLocal(below) {
				folders[c] = filepath.Join(unescapeMount(mount[4]), below)
			}
		}
	}
	return folders
}

// unescapeMount undoes how mountinfo writes blanks in paths.
func unescapeMount(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

func (g *cgroups) makeV1(controller, folder, name string) error {
	base := filepath.Join(folder, name)
	if controller == controllerCPU {
		base += startingGroup
	}
	if err := g.makeFolder(base); err != nil {
		return err
	}
	// The values that it is about must be there, and not only in the kernel's list of controllers.
	probe := map[string]string{controllerMemory: "memory.limit_in_bytes", controllerTasks: "pids.max", controllerCPU: "cpu.shares"}[controller]
	if _, err := os.Stat(filepath.Join(base, probe)); err != nil {
		return fmt.Errorf("no %s in the control group", probe)
	}
	return nil
}

// threadWeight is what a thread of the server weighs for the scheduler: 1024, and a fifth less with each step of nice.
func threadWeight() int {
	nice, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return 1024
	}
	return int(1024 * math.Pow(1.25, float64(nice-20))) // the system call tells 20 minus nice, so that it is never negative
}

// makeV2 makes the server's folder in the one tree. A group that hands controllers on may have no processes of its own,
// so the server moves into a group beside those of the functions, if it is alone in its own.
func (g *cgroups) makeV2(folder, name string, pid int) error {
	offered, err := os.ReadFile(filepath.Join(folder, "cgroup.controllers"))
	if err != nil {
		return err
	}
	var wanted []string
	for _, c := range controllers {
		if slices.Contains(strings.Fields(string(offered)), c) {
			wanted = append(wanted, c)
		} else {
			g.missing[c] = "not handed on to the server's control group (with systemd: Delegate=yes)"
		}
	}
	if len(wanted) == 0 {
		return errors.New("no controller is handed on to the server's control group (with systemd: Delegate=yes)")
	}
	if _, err := os.Stat(filepath.Join(folder, "cgroup.type")); err == nil { // the root group has none, and may do both
		procs, err := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
		if err != nil {
			return err
		}
		for _, other := range strings.Fields(string(procs)) {
			if other != strconv.Itoa(pid) {
				return errors.New("the server shares its control group with other processes; start it as a service of its own (with systemd: Delegate=yes)")
			}
		}
		server := filepath.Join(folder, "server")
		if err := g.makeFolder(server); err != nil {
			return err
		}
		if len(procs) > 0 {
			if err := writeGroup(server, "cgroup.procs", strconv.Itoa(pid)); err != nil {
				return err
			}
		}
	}
	g.unified = true
	base := filepath.Join(folder, name)
	if err := errors.Join(handOn(folder, wanted), g.makeFolder(base+startingGroup), handOn(base+startingGroup, wanted)); err != nil {
		return err
	}
	// The root group has no group for the server, and without the controller there is no such file.
	if err := optional(writeGroup(filepath.Join(folder, "server"), "cpu.weight", strconv.Itoa(serverWeight*100))); err != nil {
		return err
	}
	for _, c := range wanted {
		g.base[c] = base
		delete(g.missing, c)
	}
	return nil
}

// serverWeight is how many apps the server weighs.
const serverWeight = 4

func handOn(folder string, controllers []string) error {
	return writeGroup(folder, "cgroup.subtree_control", "+"+strings.Join(controllers, " +"))
}

func (g *cgroups) makeFolder(path string) error {
	if err := g.fs.mkdir(path); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make the control group: %w", err)
	}
	return nil
}

// writeGroup sets a value of a group.
func writeGroup(folder, file, value string) error {
	f, err := os.OpenFile(filepath.Join(folder, file), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("set %s of the control group: %w", file, err)
	}
	_, err = f.WriteString(value)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("set %s of the control group to %s: %w", file, value, err)
	}
	return nil
}

// sweep removes what servers that were killed have left.
func (g *cgroups) sweep(folder string) {
	left, _ := filepath.Glob(filepath.Join(folder, "yunduo-*"))
	for _, base := range left {
		var pid, n int
		if _, err := fmt.Sscanf(filepath.Base(base), "yunduo-%d-%d", &pid, &n); err != nil {
			continue
		}
		if unix.Kill(pid, 0) == unix.ESRCH {
			g.removeTree(base) // what still has processes in it stays
		}
	}
}

func (g *cgroups) removeTree(folder string) {
	entries, _ := os.ReadDir(folder)
	for _, e := range entries {
		if e.IsDir() {
			g.removeTree(filepath.Join(folder, e.Name()))
		}
	}
	_ = g.fs.rmdir(folder) // what is in use stays
}

// close removes the server's groups. All processes are gone.
func (g *cgroups) close() {
	g.tree.Lock()
	defer g.tree.Unlock()
	g.mu.Lock()
	g.released = true
	if g.calm != nil {
		g.calm.Stop()
	}
	if g.next != nil {
		g.next.Stop()
	}
	g.mu.Unlock()
	for _, base := range g.base {
		g.removeTree(base)
		besides, _ := filepath.Glob(base + "-*") // of apps, also what could not be removed before, and what starts
		for _, folder := range besides {
			g.removeTree(folder)
		}
	}
}
