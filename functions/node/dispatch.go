package node

import (
	"slices"
	"time"

	"yunduo"
)

const (
	maxQueue     = 1000                  // invocations that wait for a slot, per version
	probeLimit   = 5 * time.Millisecond  // how long a silent process is given to show that it still reads
	growPatience = 50 * time.Millisecond // how long a request waits before another process beyond the ordinary number starts
	extraIdle    = 30 * time.Second      // how long a second and further process is kept
	apartFor     = 5 * time.Minute       // how long a function that has hogged a process does not share one
	crowded      = 4                     // requests in one process from which on another one is started beside it
	bootPatience = 20 * time.Millisecond // how long a request waits for the first process before a second one starts
)

// quickPatience is how long a request waits for a process that answers quickly before it goes to another one. The fewer
// processors there are, the more another process takes from the rest of the server.
func quickPatience() time.Duration { return 10 * time.Millisecond / time.Duration(parallelism()) }

// place gives the run a slot and begins it, or lets it wait for one.
func (p *Program) place(r *run) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return errClosed
	}
	if len(p.queue) == 0 {
		if at, ok := p.pick(0); ok {
			at.run = r
			r.proc, r.slot = at.replica.proc, at.slot
			p.mu.Unlock()
			if !p.begin(r, r.task) {
				p.mu.Lock()
				p.refused(at)
				p.unlock()
			}
			return nil
		}
	}
	if len(p.queue) >= maxQueue {
		p.mu.Unlock()
		return yunduo.Errorf(yunduo.ReasonFunctionBusy, "%d requests of function %s wait already", maxQueue, p.bundle.Function)
	}
	r.since = time.Now()
	p.queue = append(p.queue, r)
	p.grow()
	p.mu.Unlock()
	return nil
}

// leave takes a run out of the queue; false if it has begun.
func (p *Program) leave(r *run) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.queue, r)
	if i < 0 {
		return false
	}
	p.queue = slices.Delete(p.queue, i, i+1)
	p.checkDrained()
	return true
}

// unlock releases p.mu and begins what has got a slot while it was held.
func (p *Program) unlock() {
	for {
		placed := p.placed
		p.placed = nil
		for _, at := range placed {
			at.run.proc, at.run.slot = at.replica.proc, at.slot
		}
		p.mu.Unlock()
		refused := placed[:0]
		for _, at := range placed {
			if !p.begin(at.run, nil) {
				refused = append(refused, at)
			}
		}
		if len(refused) == 0 {
			return
		}
		p.mu.Lock()
		p.refused(refused...)
	}
}

// refused lets runs whose process is gone or about to go wait for another one, before all others. p.mu is held.
func (p *Program) refused(placed ...placing) {
	for _, at := range slices.Backward(placed) {
		at.replica.leaving = true
		p.vacate(at.replica, at.slot)
		at.run.since = time.Now()
		p.queue = slices.Insert(p.queue, 0, at.run)
	}
	p.serve()
}

// separate keeps requests in processes of their own for a while: one of them has been seen to hog its process, and
// those that have begun beside such a one can only share its fate.
func (p *Program) separate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.apart = time.Now().Add(apartFor)
}

// capacity is how many requests a process takes now. p.mu is held.
func (p *Program) capacity() int {
	if !p.apart.IsZero() && time.Now().Before(p.apart) {
		return 1
	}
	return p.slots * p.bundle.Concurrency
}

// pick takes the best free slot: in the first process if requests cost little, because it then gets many with one system
// call and the other processors are left to others; else in the one with the fewest running requests. The lowest slot is
// the most likely to be evaluated already. waited is how long the request has waited. p.mu is held.
func (p *Program) pick(waited time.Duration) (placing, bool) {
	var best *replica
	var condition condition
	capacity := p.capacity()
	for _, rep := range p.replicas {
		if rep.leaving || (best != nil && rep.busy >= best.busy) {
			continue
		}
		c := rep.proc.condition()
		if !c.responsive || rep.busy >= capacity {
			if c.brisk && waited < quickPatience() {
				return placing{}, false // its turn comes soon
			}
			continue
		}
		best, condition = rep, c
		if best.busy == 0 || c.cheap {
			break
		}
	}
	if best == nil {
		return placing{}, false
	}
	slot := 0
	for best.used[slot] >= p.bundle.Concurrency {
		slot++
	}
	best.used[slot]++
	best.busy++
	if best.busy >= crowded && !condition.cheap && p.size() < min(parallelism(), p.rt.opts.Replicas) {
		p.startReplica()
	}
	return placing{replica: best, slot: slot}, true
}

// dispatch gives slots to those who wait.
func (p *Program) dispatch() {
	p.mu.Lock()
	defer p.unlock()
	p.serve()
}

// serve is dispatch with p.mu held, to be released by unlock.
func (p *Program) serve() {
	for len(p.queue) > 0 {
		at, ok := p.pick(time.Since(p.queue[0].since))
		if !ok {
			p.grow()
			return
		}
		at.run = p.queue[0]
		p.queue = p.queue[1:]
		p.placed = append(p.placed, at)
	}
}

// grow sees to it that those who wait get a slot: it asks silent processes for a sign of life, and starts new ones.
// p.mu is held and the queue is not empty.
func (p *Program) grow() {
	waited := time.Since(p.queue[0].since)
	silent, brisk, live := false, false, false
	capacity := p.capacity()
	for _, rep := range p.replicas {
		if rep.leaving {
			continue
		}
		live = true
		c := rep.proc.condition()
		if rep.busy < capacity && !c.responsive {
			silent = true
			rep.proc.probe()
		}
		brisk = brisk || c.brisk
	}
	total := p.size()
	wait := growPatience
	switch {
	case total == 0:
		p.startReplica()
	case silent && waited < probeLimit:
		wait = probeLimit
	case brisk && waited < quickPatience(): // turns come faster than a process starts
		wait = quickPatience()
	case !live && waited < bootPatience: // the first process will show what it takes
		wait = bootPatience
	case p.starting >= min(len(p.queue), maxStarting()), total >= p.rt.opts.Replicas:
	case p.wanted(total, waited):
		p.startReplica()
	}
	if p.recheck == nil {
		p.recheck = time.AfterFunc(wait, p.dispatch)
	} else {
		p.recheck.Reset(wait)
	}
}

// wanted reports whether one process more than the total would help those who wait. p.mu is held.
func (p *Program) wanted(total int, waited time.Duration) bool {
	few := total < 2*parallelism() || waited >= growPatience
	yields := p.yields()
	if p.capacity() == 1 { // requests are kept apart: processes are what they wait for
		return few && (!yields || total < parallelism() || p.bottleneck() == slots)
	}
	switch p.bottleneck() {
	case machine:
		return false
	case code:
		return total < parallelism()
	case unknown:
		return few && !yields
	default:
		return few
	}
}

// yields reports whether the app's processes have only what others leave of the processors. p.mu is held.
func (p *Program) yields() bool {
	return slices.ContainsFunc(p.replicas, func(rep *replica) bool { return rep.proc.child.group.yielding() })
}

// size is the number of processes that take or will take requests. p.mu is held.
func (p *Program) size() int {
	n := p.starting
	for _, rep := range p.replicas {
		if !rep.leaving {
			n++
		}
	}
	return n
}

// startReplica gets another process in the background; done is closed when it is there or cannot be had. p.mu is held.
func (p *Program) startReplica() (done <-chan struct{}) {
	ended := make(chan struct{})
	if p.over {
		close(ended)
		return ended
	}
	p.starting++
	p.jobs.Go(func() {
		defer close(ended)
		proc, err := p.specialise(p.rt.ctx, nil)
		p.mu.Lock()
		defer p.unlock()
		p.starting--
		if err == nil && p.over {
			proc.kill(errClosed)
		} else if err == nil {
			p.replicas = append(p.replicas, &replica{proc: proc, used: make([]int, p.slots), idle: time.Now()})
		} else if p.size() == 0 {
			for _, r := range p.queue {
				r.finish(outcome{err: yunduo.AsError(err)})
			}
			p.queue = nil
		}
		p.serve()
		p.checkDrained()
	})
	return ended
}

// freed takes back the slot of a run.
func (p *Program) freed(r *run) {
	p.mu.Lock()
	defer p.unlock()
	for _, rep := range p.replicas {
		if rep.proc == r.proc {
			p.vacate(rep, r.slot)
			break
		}
	}
	if len(p.queue) > 0 {
		p.serve()
	}
	p.checkDrained()
}

// vacate takes back a slot. p.mu is held.
func (p *Program) vacate(rep *replica, slot int) {
	rep.used[slot]--
	rep.busy--
	if rep.busy == 0 {
		rep.idle = time.Now()
	}
}

// drop takes a process out of service: its runs go on, new ones go elsewhere.
func (p *Program) drop(proc *process) {
	p.leaving(proc)
	proc.retire()
}

// leaving marks a process that takes no more runs.
func (p *Program) leaving(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, rep := range p.replicas {
		if rep.proc == proc {
			rep.leaving = true
		}
	}
}

// ended learns that a process is gone.
func (p *Program) ended(proc *process) {
	spent := proc.spent()
	p.mu.Lock()
	defer p.unlock()
	p.used += spent
	p.uninspected(proc)
	p.replicas = slices.DeleteFunc(slices.Clone(p.replicas), func(rep *replica) bool { return rep.proc == proc })
	p.serve()
	p.checkDrained()
}

// tend ends processes that have had nothing to do for long, the last ones first, and freezes the idle ones.
func (p *Program) tend(at time.Time) {
	p.mu.Lock()
	var idle []*replica
	for i, rep := range p.replicas {
		limit := p.rt.opts.IdleTimeout
		if i > 0 {
			limit = min(limit, extraIdle)
		}
		if !rep.leaving && rep.busy == 0 && at.Sub(rep.idle) > limit && p.rt.opts.Inspect == nil {
			idle = append(idle, rep)
		}
	}
	replicas := slices.Clone(p.replicas)
	p.mu.Unlock()
	for _, rep := range idle {
		p.drop(rep.proc)
	}
	for _, rep := range replicas {
		rep.proc.tend(at)
	}
}
