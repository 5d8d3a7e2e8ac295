package node

import (
	"slices"
	"time"
)

// While the memory of the machine is short, processes without requests are ended, those that have been idle for longest
// first. When next to nothing is left, no more are started: the kernel would end something that matters.

const (
	shortPart, shortBytes = 10, 2 << 30 // memory is short when this part is left, or this much on large machines
	emptyPart, emptyBytes = 25, 1 << 30 // and next to nothing
	settleTime            = 500 * time.Millisecond
)

// headroom is the memory of a machine. ok is false where it is not known.
type headroom struct {
	available, total int64 // bytes
	ok               bool
}

func (h headroom) short() bool { return h.ok && h.available < min(h.total/shortPart, shortBytes) }

func (h headroom) empty() bool { return h.ok && h.available < min(h.total/emptyPart, emptyBytes) }

// relieve ends processes if memory is short. room says that another one may be started.
func (r *Runtime) relieve(at time.Time) (short, room bool) {
	h := r.opts.headroom()
	if !h.short() {
		return false, true
	}
	r.relief.Lock()
	defer r.relief.Unlock()
	if at.Sub(r.relieved) < settleTime { // what has just been ended is not gone yet
		return true, !h.empty()
	}
	r.pool.shrink(0)
	wanted := min(h.total/shortPart, shortBytes) - h.available
	ended := 0
	for _, i := range r.idle() {
		if wanted <= 0 {
			break
		}
		size := residentBytes(i.replica.proc.child.process) // nothing can be read of a process that has ended
		if i.program.end(i.replica) {
			wanted -= size
			ended++
		}
	}
	if ended > 0 {
		r.relieved = at
		r.log.Info("memory is short: idle function processes were ended", "ended", ended, "available_mib", h.available>>20)
	}
	return true, !h.empty() || ended > 0
}

// idleReplica is a process without requests.
type idleReplica struct {
	program *Program
	replica *replica
	since   time.Time
}

// idle returns the processes without requests, the longest unused first.
func (r *Runtime) idle() []idleReplica {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []idleReplica
	for p := range r.programs {
		p.mu.Lock()
		for _, rep := range p.replicas {
			if !rep.leaving && rep.busy == 0 {
				all = append(all, idleReplica{p, rep, rep.idle})
			}
		}
		p.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b idleReplica) int { return a.since.Compare(b.since) })
	return all
}

// end takes a process out of service if it is still without requests.
func (p *Program) end(rep *replica) bool {
	p.mu.Lock()
	idle := !rep.leaving && rep.busy == 0
	if idle {
		rep.leaving = true
	}
	p.mu.Unlock()
	if idle {
		rep.proc.retire()
	}
	return idle
}
