package node

import (
	"context"
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
)

// place finds a slot, waiting for one if need be.
func (p *Program) place(ctx context.Context, limit <-chan time.Time) (placing, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return placing{}, errClosed
	}
	if len(p.queue) == 0 {
		if at, ok := p.pick(); ok {
			p.mu.Unlock()
			return at, nil
		}
	}
	if len(p.queue) >= maxQueue {
		p.mu.Unlock()
		return placing{}, yunduo.Errorf(yunduo.ReasonFunctionBusy, "%d requests of function %s wait already", maxQueue, p.bundle.Function)
	}
	w := &waiter{since: time.Now(), place: make(chan placing, 1)}
	p.queue = append(p.queue, w)
	p.grow()
	p.mu.Unlock()

	var err error
	select {
	case at := <-w.place:
		return at, at.err
	case <-limit:
		err = yunduo.Errorf(yunduo.ReasonFunctionBusy, "no process became free for function %s within its time limit", p.bundle.Function)
	case <-ctx.Done():
		err = yunduo.AsError(ctx.Err())
	}
	p.mu.Lock()
	i := slices.Index(p.queue, w)
	if i >= 0 {
		p.queue = slices.Delete(p.queue, i, i+1)
		p.checkDrained()
	}
	p.mu.Unlock()
	if i < 0 { // a slot came at the last moment
		if at := <-w.place; at.err == nil {
			p.release(at.replica, at.slot)
		}
	}
	return placing{}, err
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

// pick takes the best free slot: in the process with the fewest running requests, and the lowest slot, which is the
// most likely to be evaluated already. p.mu is held.
func (p *Program) pick() (placing, bool) {
	var best *replica
	capacity := p.capacity()
	for _, rep := range p.replicas {
		if !rep.leaving && rep.busy < capacity && (best == nil || rep.busy < best.busy) && rep.proc.responsive() {
			best = rep
			if best.busy == 0 {
				break
			}
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
	if best.busy >= crowded && p.size() < parallelism() {
		p.startReplica()
	}
	return placing{replica: best, slot: slot}, true
}

// dispatch gives slots to those who wait.
func (p *Program) dispatch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve()
}

// serve is dispatch with p.mu held.
func (p *Program) serve() {
	for len(p.queue) > 0 {
		at, ok := p.pick()
		if !ok {
			p.grow()
			return
		}
		p.queue[0].place <- at
		p.queue = p.queue[1:]
	}
}

// grow sees to it that those who wait get a slot: it asks silent processes for a sign of life, and starts new ones.
// p.mu is held and the queue is not empty.
func (p *Program) grow() {
	waited := time.Since(p.queue[0].since)
	silent := false
	capacity := p.capacity()
	for _, rep := range p.replicas {
		if !rep.leaving && rep.busy < capacity {
			silent = true
			rep.proc.probe()
		}
	}
	total := p.size()
	want := min(len(p.queue), maxStarting)
	switch {
	case total == 0:
		p.startReplica()
	case silent && waited < probeLimit, p.starting >= want, total >= p.rt.opts.Replicas:
	case total < 2*parallelism() || waited >= growPatience:
		p.startReplica()
	}
	wait := growPatience
	if silent && waited < probeLimit {
		wait = probeLimit
	}
	if p.recheck == nil {
		p.recheck = time.AfterFunc(wait, p.dispatch)
	} else {
		p.recheck.Reset(wait)
	}
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

// startReplica gets another process in the background. p.mu is held.
func (p *Program) startReplica() {
	if p.over {
		return
	}
	p.starting++
	p.jobs.Go(func() {
		proc, err := p.specialise(p.rt.ctx, nil)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.starting--
		if err == nil && p.over {
			proc.kill(errClosed)
		} else if err == nil {
			p.replicas = append(p.replicas, &replica{proc: proc, used: make([]int, p.slots), idle: time.Now()})
		} else if p.size() == 0 {
			for _, w := range p.queue {
				w.place <- placing{err: err}
			}
			p.queue = nil
		}
		p.serve()
		p.checkDrained()
	})
}

// freed takes back the slot of a run.
func (p *Program) freed(r *run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, rep := range p.replicas {
		if rep.proc == r.proc {
			p.giveBack(rep, r.slot)
			break
		}
	}
}

// release takes back a slot that was never used.
func (p *Program) release(rep *replica, slot int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveBack(rep, slot)
}

// giveBack is release with p.mu held.
func (p *Program) giveBack(rep *replica, slot int) {
	rep.used[slot]--
	rep.busy--
	if rep.busy == 0 {
		rep.idle = time.Now()
	}
	if len(p.queue) > 0 {
		p.serve()
	}
	p.checkDrained()
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
	p.mu.Lock()
	defer p.mu.Unlock()
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
		if !rep.leaving && rep.busy == 0 && at.Sub(rep.idle) > limit {
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
