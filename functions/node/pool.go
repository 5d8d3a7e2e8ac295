package node

import (
	"context"
	"sync"
	"time"

	"yunduo"
)

// pool keeps blank processes ready, so that a cold function finds one that is booted. Its size follows demand.
type pool struct {
	rt *Runtime

	mu       sync.Mutex
	ready    []*process
	waiting  turns // for one like those
	special  turns // for one of another kind, which is booted for it
	starting int   // all that boot
	ordinary int   // those of them that anybody can take
	target   int
	taken    int  // since the last look
	fetching bool // there are functions that are better off with a process that has loaded fetch
	failures int  // in a row
	retry    time.Time
	soon     *time.Timer // refills; nil if nothing asked for it
	closed   bool
}

const (
	maxReady   = 16
	maxWaiting = 500                   // for processes, of one app
	firstCall  = 25 * time.Millisecond // how long a first call is left alone by boots
	// bootAttempts in a row have to fail before anybody is told: one may fail because the kernel has ended it.
	bootAttempts = 3
)

// maxStarting is how many processes boot at once: more would not come sooner. One more than there are processors, since
// each waits for the host now and then.
func maxStarting() int { return parallelism() + 1 }

func newPool(r *Runtime) *pool {
	p := &pool{rt: r, target: r.opts.PoolSize}
	p.mu.Lock()
	p.refill()
	p.mu.Unlock()
	return p
}

func (p *pool) spec() bootSpec { return bootSpec{heapBytes: p.rt.opts.HeapBytes} }

// take returns a process for a function of an app: a waiting one where the spec is the ordinary one, else one booted for
// it. Apps take turns.
func (p *pool) take(ctx context.Context, app yunduo.AppID, spec bootSpec, kind blankKind) (*process, error) {
	if _, room := p.rt.relieve(time.Now()); !room {
		return nil, yunduo.Errorf(yunduo.ReasonFunctionBusy, "the server has no memory left for another function process; try again in a moment")
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping")
	}
	queue := &p.special
	if spec == p.spec() {
		queue = &p.waiting
		p.taken++
		p.fetching = p.fetching || kind == fetchingBlank
		if proc := p.alive(kind); proc != nil {
			p.refillSoon()
			p.mu.Unlock()
			return proc, nil
		}
	}
	if queue.of(app) >= maxWaiting {
		p.mu.Unlock()
		return nil, yunduo.Errorf(yunduo.ReasonFunctionBusy, "%d functions of the app wait for a process already", maxWaiting)
	}
	w := &waiter{app: app, spec: spec, got: make(chan taken, 1)}
	queue.push(w)
	p.retry = time.Time{}
	p.refill()
	p.mu.Unlock()
	select {
	case t := <-w.got:
		if t.proc != nil {
			t.proc.awaited = true
		}
		return t.proc, t.err
	case <-ctx.Done():
		p.leave(queue, w)
		return nil, ctx.Err()
	}
}

// leave lets somebody go who does not wait any longer. A process that has come, or is booting for it, goes to others.
func (p *pool) leave(queue *turns, w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if queue.remove(w) {
		return
	}
	p.rt.background.Go(func() {
		t := <-w.got
		if t.proc == nil {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if w.spec == p.spec() {
			p.offer(t.proc)
		} else {
			t.proc.kill(errRetired)
		}
	})
}

// offer gives a booted process to whose turn it is, or keeps it. p.mu is held.
func (p *pool) offer(proc *process) {
	switch {
	case p.closed:
		proc.kill(errRetired)
	case p.waiting.count > 0:
		p.waiting.pop().got <- taken{proc: proc}
	default:
		p.ready = append(p.ready, proc)
	}
}

// refillSoon is refill once a first call that has just got its process is likely to be over: a boot beside it would take
// processors from it, and double its time where there are two. Who finds no process has refill called at once. p.mu is
// held.
func (p *pool) refillSoon() {
	if p.soon != nil {
		return
	}
	p.soon = time.AfterFunc(firstCall, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.soon = nil
		p.refill()
	})
}

// refill starts what is missing. p.mu is held.
func (p *pool) refill() {
	p.prepare()
	if p.closed || (p.failures > 0 && time.Now().Before(p.retry)) {
		return
	}
	for p.starting < maxStarting() {
		missing := p.missing()
		switch {
		case p.special.count > 0 && (!missing || p.starting < maxStarting()/2):
			w := p.special.pop()
			p.starting++
			p.rt.background.Go(func() { p.startFor(w) })
		case missing:
			p.starting++
			p.ordinary++
			p.rt.background.Go(p.startOne)
		default:
			return
		}
	}
}

// missing reports whether one process more is to boot that anybody can take. Those that are ready beyond the target serve
// nobody who waits: else they would have been taken. p.mu is held.
func (p *pool) missing() bool {
	return p.ordinary+min(len(p.ready), p.target) < p.target+p.waiting.count
}

// startFor boots the process that somebody waits for.
func (p *pool) startFor(w *waiter) {
	proc, err := p.rt.bootProcess(p.rt.ctx, w.spec)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	defer p.refill()
	if err == nil {
		p.failures = 0
	} else if err = p.failed(err); p.failures < bootAttempts && !p.closed {
		p.special.push(w)
		return
	}
	w.got <- taken{proc: proc, err: err}
}

// failed takes note that a process could not be booted, and returns what to tell who waited. p.mu is held.
func (p *pool) failed(err error) error {
	p.failures++
	if p.failures >= bootAttempts {
		p.retry = time.Now().Add(min(time.Duration(p.failures)*time.Second, 30*time.Second))
	}
	if !p.closed {
		p.rt.log.Error("cannot start a function process", "error", err)
	}
	return yunduo.Wrap(err, yunduo.ReasonInternal, "the server cannot start a process for the function; its log tells why")
}

func (p *pool) startOne() {
	proc, err := p.rt.bootProcess(p.rt.ctx, p.spec())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	p.ordinary--
	if err == nil {
		p.failures = 0
		p.offer(proc)
		p.refill()
		return
	}
	err = p.failed(err)
	if p.waiting.count > 0 && p.failures >= bootAttempts {
		p.waiting.pop().got <- taken{err: err}
	}
	p.refill()
}

// shrink ends processes that wait until so many are left; demand brings others.
func (p *pool) shrink(left int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = min(p.target, left)
	p.endSpare()
}

// endSpare ends the processes beyond the target. p.mu is held.
func (p *pool) endSpare() {
	for len(p.ready) > p.target {
		p.ready[len(p.ready)-1].kill(errRetired)
		p.ready = p.ready[:len(p.ready)-1]
	}
}

// tend adapts the size to the demand of the last second, and replaces processes that died while waiting. Where memory is
// short, nothing is kept ready.
func (p *pool) tend(short bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case short:
	case p.taken > p.target:
		p.target = min(p.taken, maxReady)
	case p.target < p.rt.opts.PoolSize:
		p.target = p.rt.opts.PoolSize
	case p.taken == 0 && p.target > p.rt.opts.PoolSize:
		p.target--
	}
	p.taken = 0
	p.bury()
	p.endSpare()
	p.refill()
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.soon != nil {
		p.soon.Stop()
	}
	p.target = 0
	p.endSpare()
	for _, queue := range []*turns{&p.waiting, &p.special} {
		for queue.count > 0 {
			queue.pop().got <- taken{err: yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping")}
		}
	}
}
