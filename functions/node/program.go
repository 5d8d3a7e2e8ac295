package node

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

// Program is one version of a function. Its replicas are processes that have loaded the code.
type Program struct {
	rt     *Runtime
	bundle runtime.Bundle
	load   loadFrame
	cache  atomic.Pointer[[]byte] // V8's compiled form of the code
	form   string                 // its name on disk; empty if it is not wanted
	slots  int                    // per process
	jobs   sync.WaitGroup

	mu       sync.Mutex
	replicas []*replica
	queue    []*run    // wait for a slot
	placed   []placing // have got one and are begun by unlock
	starting int
	recheck  *time.Timer
	apart    time.Time     // until then every request gets a process of its own
	closed   bool          // takes no more invocations
	over     bool          // has no more processes
	used     time.Duration // processor time of processes that have ended

	inspection inspection
	drained    chan struct{} // closed once nothing runs any more after Close
}

// replica is a process with its slots. Guarded by the program's mutex.
type replica struct {
	proc *process
	used []int // requests per slot
	busy int
	idle time.Time // since when nothing runs
	// leaving ones take no more requests and end with the last of theirs.
	leaving bool
}

// placing is a run with the slot that it has got.
type placing struct {
	run     *run
	replica *replica
	slot    int
}

var _ runtime.Program = (*Program)(nil)

func newProgram(r *Runtime, b runtime.Bundle) (*Program, error) {
	if b.Handler == "" {
		b.Handler = "main"
	}
	if b.Entry == "" {
		b.Entry = "index.js"
	}
	if !filepath.IsLocal(b.Entry) {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidBundle, "entry %q lies outside the function's folder", b.Entry)
	}
	if b.Code == nil && b.Folder == "" {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidBundle, "the bundle of function %s has neither code nor a folder", b.Function)
	}
	if len(b.Code) > maxCode {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidBundle, "the code of function %s has %d MiB; the limit is %d MiB", b.Function, len(b.Code)>>20, maxCode>>20)
	}
	if b.Folder != "" {
		folder, err := filepath.Abs(b.Folder)
		if err == nil {
			folder, err = filepath.EvalSymlinks(folder)
		}
		if err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonFunctionLoadFailed, "the folder of function %s cannot be read", b.Function)
		}
		b.Folder = folder
	}
	setDefault(&b.Limits.Timeout, r.opts.Timeout)
	setDefault(&b.Limits.HeapBytes, r.opts.HeapBytes)
	setDefault(&b.Limits.Grace, r.opts.Grace)
	setDefault(&b.Limits.CPU, 2*b.Limits.Timeout)
	b.Concurrency = max(1, b.Concurrency)
	if b.Official { // the vendor's SDKs read who calls from the environment, which is one for all
		b.Concurrency = 1
	}
	if !canShare || r.opts.portable {
		b.Concurrency = 1
	}
	p := &Program{rt: r, bundle: b, slots: r.opts.Slots, drained: make(chan struct{})}
	if b.Exclusive || b.Official || !canShare || r.opts.portable {
		p.slots = 1
	}
	p.load = newLoadFrame(r, b)
	if p.load.meta.WantCache {
		p.form = formOf(b)
	}
	if r.opts.Inspect != nil {
		p.bundle.Limits.Timeout, p.bundle.Limits.CPU = inspectTime, inspectTime
	}
	return p, nil
}

// Invoke implements runtime.Program.
func (p *Program) Invoke(ctx context.Context, inv *runtime.Invocation) (runtime.Result, error) {
	return p.run(ctx, inv, nil)
}

// run is Invoke for invocations that are streams, too.
func (p *Program) run(ctx context.Context, inv *runtime.Invocation, s *stream) (runtime.Result, error) {
	if p.rt.opts.Inspect != nil {
		ctx = context.WithoutCancel(ctx)
	}
	came, last := time.Now(), inv.Deadline
	if last.IsZero() {
		// The time limit is the function's: waiting for a process does not count, within reason.
		last = came.Add(p.bundle.Limits.Timeout + waitLimit)
	}
	for {
		result, again, err := p.try(ctx, inv, s, came, last)
		if !again {
			return result, err
		}
	}
}

// waitLimit is how long an invocation without a deadline waits for a process.
const waitLimit = 30 * time.Second

// try runs the invocation, which came at a time, once. again says that user code has not seen it.
func (p *Program) try(ctx context.Context, inv *runtime.Invocation, s *stream, came, last time.Time) (result runtime.Result, again bool, err error) {
	r := &run{invocation: inv, stream: s, task: inv.Task, ctx: ctx, last: last, bounded: !inv.Deadline.IsZero()}
	if r.task == nil {
		r.done = make(chan outcome, 1)
	}
	// Who waits for a slot is not woken when the run begins, so it is first looked at when the run may be over at the
	// earliest.
	from := time.Now()
	first := min(p.patience(from, last), firstLook)
	if err := p.place(r); err != nil {
		return result, false, err
	}
	var o outcome
	var end ending
	if r.task != nil {
		o, end = p.park(ctx, r, from.Add(first))
	} else {
		o, end = p.wait(ctx, r, first)
	}
	if end.why != nil {
		if r.task != nil {
			r.task.Leave() // this takes its time
		}
		switch {
		case end.left || p.leave(r):
		case !p.given(r): // there was no process to be had, and the run has just been told so
		case s != nil && end.cause != budgetSpent && s.ends(r, end.why):
		default:
			if end.cause != callerLeft {
				end.why = p.locate(r, end.why)
			}
			p.abandon(r, end.why, end.cause == budgetSpent)
		}
		result.Queued, result.Duration = r.times(came)
		return result, false, end.why
	}
	result = runtime.Result{JSON: o.result, Cold: r.fresh}
	result.Queued, result.Duration = r.times(came)
	if o.err == nil {
		return result, false, nil
	}
	return result, o.again, o.err
}

// wait returns the outcome of a run, or why it must not be waited for any longer.
func (p *Program) wait(ctx context.Context, r *run, first time.Duration) (outcome, ending) {
	limit := time.NewTimer(first)
	defer limit.Stop()
	canceled := ctx.Done()
	for {
		select {
		case o := <-r.done:
			return o, ending{}
		case <-limit.C:
			next, end := p.look(r)
			if end.why != nil {
				return outcome{}, end
			}
			limit.Reset(next)
		case <-canceled:
			end := ending{why: yunduo.AsError(ctx.Err()), cause: callerLeft}
			if r.stream == nil {
				return outcome{}, end
			}
			if end.left = p.leave(r); end.left {
				return outcome{}, end
			}
			// What has begun may come to its end, as after a reply: the code learns that its client is gone.
			r.stream.hangUp()
			canceled = nil
		}
	}
}

// park is wait for a coroutine, which whoever ends ctx unparks.
func (p *Program) park(ctx context.Context, r *run, look time.Time) (outcome, ending) {
	for first := true; ; first = false {
		if r.settled.Load() {
			o := r.outcome
			r.outcome = outcome{} // the run is kept for the grace period; its result need not be
			return o, ending{}
		}
		if err := ctx.Err(); err != nil {
			return outcome{}, ending{why: yunduo.AsError(err), cause: callerLeft}
		}
		if !first && !time.Now().Before(look) {
			next, end := p.look(r)
			if end.why != nil {
				return outcome{}, end
			}
			look = time.Now().Add(next)
		}
		r.task.WakeAt(look)
		r.task.Park()
	}
}

// look tells when to look at a run the next time, or why it is given up.
func (p *Program) look(r *run) (next time.Duration, end ending) {
	left, timeout := p.left(r)
	if left <= 0 {
		return 0, ending{why: timeout, cause: timeOver}
	}
	next, over := p.spent(r)
	if over != nil {
		return 0, ending{why: over, cause: budgetSpent}
	}
	return min(left, next), ending{}
}

// ending is why a run is given up; why is nil if it is not.
type ending struct {
	why   *yunduo.Error
	cause int
	left  bool // it has not begun, and does not wait any more
}

// Why a run is given up.
const (
	callerLeft = iota
	timeOver
	budgetSpent
)

// patience is how long a run may take from now on if it begins at once.
func (p *Program) patience(from, last time.Time) time.Duration {
	return min(last.Sub(from), p.bundle.Limits.Timeout)
}

// left is how much time a run has got, or what to tell its caller if there is none.
func (p *Program) left(r *run) (time.Duration, *yunduo.Error) {
	begun := r.begun.Load()
	if begun == 0 {
		return p.patience(time.Now(), r.last), yunduo.Errorf(yunduo.ReasonFunctionBusy, "no process became free for function %s within its time limit", p.bundle.Function)
	}
	at := clock.Add(time.Duration(begun))
	deadline := p.deadline(r, at)
	if r.stream != nil {
		var replied bool
		if deadline, replied = r.stream.deadline(deadline); replied {
			return time.Until(deadline), yunduo.Errorf(yunduo.ReasonFunctionTimeout, "nothing has moved on the connection to the function %s for too long, and it was closed", p.bundle.Function)
		}
	}
	return time.Until(deadline), yunduo.Errorf(yunduo.ReasonFunctionTimeout, "the function %s did not answer within its time limit of %s and was stopped", p.bundle.Function, deadline.Sub(at).Round(time.Millisecond))
}

// deadline is until when a run that began at a time may run.
func (p *Program) deadline(r *run, begun time.Time) time.Time {
	if !r.bounded {
		return begun.Add(p.bundle.Limits.Timeout)
	}
	return r.last
}

// given reports whether a process has got the run.
func (p *Program) given(r *run) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return r.proc != nil
}

// abandon gives up on a run, in the background: the caller needs its answer now.
func (p *Program) abandon(r *run, why *yunduo.Error, atOnce bool) {
	p.mu.Lock()
	proc := r.proc
	p.mu.Unlock()
	p.drop(proc)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over { // else the process is being ended already
		p.jobs.Go(func() { proc.abandon(r, why, atOnce) })
	}
}

// Close implements runtime.Program.
func (p *Program) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		p.checkDrained()
	}
	p.mu.Unlock()
	var err error
	select {
	case <-p.drained:
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.mu.Lock()
	replicas := p.replicas
	queue := p.queue
	p.queue = nil
	p.over = true
	if p.recheck != nil {
		p.recheck.Stop()
	}
	p.mu.Unlock()
	for _, r := range queue {
		r.finish(outcome{err: errClosed})
	}
	for _, rep := range replicas {
		rep.proc.kill(errClosed)
	}
	for _, rep := range replicas {
		<-rep.proc.gone
	}
	p.jobs.Wait()
	p.rt.forget(p)
	return err
}

var errClosed = yunduo.Errorf(yunduo.ReasonShuttingDown, "this version of the function is being taken down; send the request again")

// checkDrained reports to Close when nothing runs any more. p.mu is held.
func (p *Program) checkDrained() {
	if !p.closed || len(p.queue) > 0 || p.starting > 0 {
		return
	}
	for _, rep := range p.replicas {
		if rep.busy > 0 {
			return
		}
	}
	select {
	case <-p.drained:
	default:
		close(p.drained)
	}
}

// Check implements runtime.Runtime. Where somebody else on the machine has ended the process, another one is asked.
func (r *Runtime) Check(ctx context.Context, bundle runtime.Bundle) (runtime.CheckReport, error) {
	report, err := r.checkOnce(ctx, bundle)
	if errors.Is(err, errStopped) {
		report, err = r.checkOnce(ctx, bundle)
	}
	return report, err
}

func (r *Runtime) checkOnce(ctx context.Context, bundle runtime.Bundle) (runtime.CheckReport, error) {
	p, err := newProgram(r, bundle)
	if err != nil {
		return runtime.CheckReport{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	replies := make(chan loadReply, 1)
	proc, err := p.specialise(ctx, replies)
	if err != nil {
		return runtime.CheckReport{}, err
	}
	defer func() {
		proc.kill(errRetired)
		<-proc.gone
	}()
	select {
	case reply := <-replies:
		if reply.err != nil {
			reply.err.Reason = yunduo.ReasonFunctionLoadFailed
			return runtime.CheckReport{}, reply.err
		}
		report, err := parseReport(reply.report)
		if report.Fetches {
			r.pool.expectFetching()
		}
		return report, err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return runtime.CheckReport{}, yunduo.Errorf(yunduo.ReasonFunctionLoadFailed, "loading the function's code took longer than %s", checkLimit)
		}
		return runtime.CheckReport{}, yunduo.AsError(ctx.Err())
	}
}

const checkLimit = 15 * time.Second
