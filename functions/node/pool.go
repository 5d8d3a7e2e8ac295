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
	waiters  []chan taken
	starting int
	target   int
	taken    int // since the last look
	failures int // in a row
	retry    time.Time
	closed   bool
}

type taken struct {
	proc *process
	err  error
}

const (
	maxStarting = 4
	maxReady    = 16
)

func newPool(r *Runtime) *pool {
	p := &pool{rt: r, target: r.opts.PoolSize}
	p.mu.Lock()
	p.refill()
	p.mu.Unlock()
	return p
}

func (p *pool) spec() bootSpec { return bootSpec{heapBytes: p.rt.opts.HeapBytes} }

// take returns a process for the spec: a waiting one where the spec is the ordinary one, else one booted for it.
func (p *pool) take(ctx context.Context, spec bootSpec) (*process, error) {
	if spec != p.spec() {
		return p.rt.bootProcess(ctx, spec)
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping")
	}
	p.taken++
	for len(p.ready) > 0 {
		proc := p.ready[0]
		p.ready = p.ready[1:]
		select {
		case <-proc.gone: // died while it waited
			continue
		default:
		}
		p.refill()
		p.mu.Unlock()
		return proc, nil
	}
	waiter := make(chan taken, 1)
	p.waiters = append(p.waiters, waiter)
	p.retry = time.Time{}
	p.refill()
	p.mu.Unlock()
	select {
	case t := <-waiter:
		return t.proc, t.err
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, w := range p.waiters {
			if w == waiter {
				p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
				return nil, ctx.Err()
			}
		}
		if t := <-waiter; t.proc != nil { // it came at the last moment
			p.offer(t.proc)
		}
		return nil, ctx.Err()
	}
}

// offer gives a booted process to who waits longest, or keeps it. p.mu is held.
func (p *pool) offer(proc *process) {
	switch {
	case p.closed:
		proc.kill(errRetired)
	case len(p.waiters) > 0:
		p.waiters[0] <- taken{proc: proc}
		p.waiters = p.waiters[1:]
	default:
		p.ready = append(p.ready, proc)
	}
}

// refill starts what is missing. p.mu is held.
func (p *pool) refill() {
	if p.closed || (p.failures > 0 && time.Now().Before(p.retry)) {
		return
	}
	for p.starting < maxStarting && p.starting+len(p.ready) < p.target+len(p.waiters) {
		p.starting++
		p.rt.background.Go(p.startOne)
	}
}

func (p *pool) startOne() {
	proc, err := p.rt.bootProcess(p.rt.ctx, p.spec())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if err == nil {
		p.failures = 0
		p.offer(proc)
		p.refill()
		return
	}
	p.failures++
	p.retry = time.Now().Add(min(time.Duration(p.failures)*time.Second, 30*time.Second))
	if !p.closed {
		p.rt.log.Error("cannot start a function process", "error", err)
	}
	if len(p.waiters) > 0 {
		p.waiters[0] <- taken{err: yunduo.Wrap(err, yunduo.ReasonInternal, "the server cannot start a process for the function; its log tells why")}
		p.waiters = p.waiters[1:]
	}
}

// tend adapts the size to the demand of the last second, and replaces processes that died while waiting.
func (p *pool) tend(time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.taken > p.target:
		p.target = min(p.taken, maxReady)
	case p.taken == 0 && p.target > p.rt.opts.PoolSize:
		p.target--
	}
	p.taken = 0
	alive := p.ready[:0]
	for _, proc := range p.ready {
		select {
		case <-proc.gone:
		default:
			alive = append(alive, proc)
		}
	}
	p.ready = alive
	for len(p.ready) > p.target {
		p.ready[len(p.ready)-1].kill(errRetired)
		p.ready = p.ready[:len(p.ready)-1]
	}
	p.refill()
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, proc := range p.ready {
		proc.kill(errRetired)
	}
	p.ready = nil
	for _, w := range p.waiters {
		w <- taken{err: yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping")}
	}
	p.waiters = nil
}
