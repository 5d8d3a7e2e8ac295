package node

import (
	"math"
	"os"
	"path/filepath"
	goruntime "runtime"
	"sync/atomic"
	"time"
)

// An app that uses more of the processors than its share while others are there yields: its group has only what everybody
// else leaves (cpu.idle in the kernel's cgroup-v2.rst; version 1 has it too), so that its flood is not felt by the calls of
// others, which interrupt it at once. Among themselves the apps that yield share what is left evenly. No process is
// moved: a move waits for every process that is just being started, and those stand back as well.

const (
	busyLook  = 10 * time.Millisecond  // how often the apps' use is measured
	lookPart  = 200                    // it takes one part of these of the time at the most: with very many processes it is done less often
	quietLook = 200 * time.Millisecond // and how often while there is next to none
	quietUse  = 0.01                   // of one processor
	useWindow = 20 * time.Millisecond  // over what time use is averaged
	heavyUse  = 0.05                   // of one processor: such an app counts for what a share is
	traceUse  = 200 * time.Microsecond // by which an app is seen to have been called
	company   = 10 * time.Second       // how long an app that was called is there for the others
	settled   = 250 * time.Millisecond // how long an app that yields uses little before it need not any longer
	starving  = time.Second            // how long an app that yields may get very little, an eighth of its share
	nothing   = 0.02                   // of one processor: with so little it starves sooner
	sparedFor = 3 * time.Second        // how long an app does not yield after it starved,
	sparedMax = time.Minute            // and at the most, when that happens again and again
)

// appGroup is the processes of one app.
type appGroup struct {
	name      string
	processes map[*cgroup]time.Duration // and the processor time that each had used when last looked at

	use     float64 // processors used lately
	called  time.Time
	yields  atomic.Bool
	enough  time.Time     // when it last had half its share; while it yields
	low     bool          // it has been seen with less since
	waited  time.Duration // for processors until it was
	spared  time.Time     // it does not yield until then
	sparing time.Duration // how long it is spared when it starves next
}

// folder is the app's group.
func (a *appGroup) folder(base string) string { return base + "-" + a.name }

// waits returns for how long the processes have waited for a processor, all in all.
func (a *appGroup) waits() (sum time.Duration) {
	for c := range a.processes {
		if _, waited, ok := scheduled(c.pid); ok {
			sum += waited
		}
	}
	return sum
}

// watch begins to measure what apps use, if the kernel can have some stand back.
func (g *cgroups) watch() {
	base, ok := g.base[controllerCPU]
	if !ok {
		return
	}
	if _, err := os.Stat(filepath.Join(base+startingGroup, "cpu.idle")); err != nil {
		return // older than Linux 5.15: every app has its weight, and no more
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.looked = time.Now()
	g.next = time.AfterFunc(quietLook, g.look)
}

// look measures what every app has used since the last look, and has those yield that should.
func (g *cgroups) look() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.released {
		return
	}
	at := time.Now()
	total := g.measure(at)
	g.arrange(at)
	if total < quietUse {
		g.next.Reset(quietLook)
		return
	}
	g.next.Reset(max(busyLook, lookPart*time.Since(at)))
}

// arrange has apps yield that are to, and no longer those that need not. g.mu is held.
func (g *cgroups) arrange(at time.Time) {
	for _, a := range g.judge(at) {
		yields := !a.yields.Load()
		idle := "0" // which takes its weight back as well
		if yields {
			idle = "1"
		}
		if writeGroup(a.folder(g.base[controllerCPU]), "cpu.idle", idle) == nil { // else it stays as it is
			a.yields.Store(yields)
			a.enough, a.low = at, false
		}
	}
}

// measure brings every app's use up to date and returns the sum for the time since the last look, in processors.
// g.mu is held.
func (g *cgroups) measure(at time.Time) (total float64) {
	elapsed := at.Sub(g.looked)
	g.looked = at
	if elapsed <= 0 {
		return 0
	}
	weight := 1 - math.Exp(-float64(elapsed)/float64(useWindow))
	for _, a := range g.apps {
		var used time.Duration
		for c, had := range a.processes {
			if has, ok := clockOf(c.pid); ok {
				used += has - had
				a.processes[c] = has
			}
		}
		if used >= traceUse {
			a.called = at
		}
		now := float64(used) / float64(elapsed)
		a.use += weight * (now - a.use)
		total += now
	}
	return total
}

// judge returns the apps that are to yield from now on, or no longer. g.mu is held.
func (g *cgroups) judge(at time.Time) (changed []*appGroup) {
	heavy, called := 0, 0
	for _, a := range g.apps {
		if a.use > heavyUse {
			heavy++
		}
		if at.Sub(a.called) < company {
			called++
		}
	}
	share := float64(goruntime.NumCPU()) / float64(heavy+2) // one is the server's, and one is for whoever comes next
	for _, a := range g.apps {
		switch {
		case !a.yields.Load():
			if a.use > share && called > 1 && at.After(a.spared) {
				changed = append(changed, a)
			}
		case a.use >= share/2:
			a.enough, a.low = at, false
		case !a.low: // reading how long processes wait is dear, and nobody asks while it has enough
			a.low, a.waited = true, a.waits()
		case at.Sub(a.enough) >= settled:
			switch low := at.Sub(a.enough); {
			case a.waits()-a.waited < low/2: // it wants no more
				a.sparing = 0
				changed = append(changed, a)
			case a.use < nothing, a.use < share/8 && low >= starving: // nobody else leaves it anything
				a.sparing = min(max(sparedFor, 2*a.sparing), sparedMax)
				a.spared = at.Add(a.sparing)
				changed = append(changed, a)
			}
		}
	}
	return changed
}

// yielding reports whether the process has only what others leave: another one like it would share just that.
func (c *cgroup) yielding() bool {
	if c == nil {
		return false
	}
	a := c.share.Load()
	return a != nil && a.yields.Load()
}
