package node

import (
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"time"
)

// startingGroup is how the name of the group ends that holds the processes which belong to no app yet, and the spawner.
const startingGroup = "-starting"

const (
	// startingWeight is how many threads of the server the processes that start weigh on each processor, where they do
	// not stand back.
	startingWeight = 1
	// startsQuietly is how long nothing that starts, and stands back, may become ready: several times what the few that
	// start at a time take where some of the processors' time is left over. Where none is, whoever waits for them has
	// waited long enough.
	startsQuietly = 500 * time.Millisecond
	// crowdedFor is how long no start stands back after one that did not get on.
	crowdedFor = 3 * time.Second
)

// standBack says whether the processes that start have only what everybody else leaves of the processors, so that calls
// of functions that run do not feel a burst of first calls. A kernel older than Linux 5.15 does not know it, and the
// processes have their weight (cpu.idle in the kernel's cgroup-v2.rst; version 1 has it too).
func (g *cgroups) standBack(yes bool) error {
	base, ok := g.base[controllerCPU]
	if !ok {
		return nil
	}
	folder := base + startingGroup
	if yes {
		return optional(writeGroup(folder, "cpu.idle", "1"))
	}
	if err := optional(writeGroup(folder, "cpu.idle", "0")); err != nil { // which takes the weight back as well
		return err
	}
	if g.unified {
		return writeGroup(folder, "cpu.weight", strconv.Itoa(startingWeight*100))
	}
	return writeGroup(folder, "cpu.shares", strconv.Itoa(max(2, startingWeight*threadWeight()*goruntime.NumCPU())))
}

// starts takes note that a process is being started; the caller tells when it is ready, or never will be.
func (g *cgroups) starts() (over func()) {
	var patience *time.Timer
	waits := true
	g.mu.Lock()
	defer g.mu.Unlock()
	patience = time.AfterFunc(startsQuietly, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !waits {
			return
		}
		if left := startsQuietly - time.Since(g.ready); left > 0 {
			patience.Reset(left)
			return
		}
		g.crowd()
	})
	return func() {
		patience.Stop()
		g.mu.Lock()
		defer g.mu.Unlock()
		waits = false
		g.ready = time.Now()
	}
}

// crowd lets starts have their turns for a while. g.mu is held.
func (g *cgroups) crowd() {
	if g.released {
		return
	}
	g.crowded = time.Now().Add(crowdedFor)
	if g.calm == nil {
		_ = g.standBack(false) // else they only take longer
		g.calm = time.AfterFunc(crowdedFor, g.calmDown)
	}
}

// calmDown has starts stand back again, unless one took long meanwhile.
func (g *cgroups) calmDown() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.released {
		return
	}
	if left := time.Until(g.crowded); left > 0 {
		g.calm.Reset(left)
		return
	}
	g.calm = nil
	_ = g.standBack(true)
}

// adopt puts the spawner where its children are to begin.
func (g *cgroups) adopt(pid int) error {
	base, ok := g.base[controllerCPU]
	if !ok {
		return nil
	}
	folder := base + startingGroup
	if g.unified { // a group that hands controllers on has no processes of its own
		folder = filepath.Join(folder, "spawner")
		if err := g.makeFolder(folder); err != nil {
			return err
		}
	}
	err := writeGroup(folder, "cgroup.procs", strconv.Itoa(pid))
	g.adopted.Store(err == nil)
	return err
}
