package node

import (
	goruntime "runtime"
	"time"

	"yunduo"
)

// The processor time of a process is shared out among the requests that run in it: each pays the same part of what was
// used while it was there. Only requests that take long are looked at, and the more they have left the more rarely.

const (
	firstLook  = 50 * time.Millisecond  // when a request is first looked at
	closeLook  = 10 * time.Millisecond  // how often at the most
	queuedLook = 250 * time.Millisecond // how often to see whether one that waited has begun
	blindLook  = time.Second            // where processor time is not known
)

// meter is the account of a process.
type meter struct {
	total time.Duration // processor time of the process when it was last looked at
	each  time.Duration // what a request that has been there all along has been charged
}

// charge brings the account up to date. p.mu is held.
func (p *process) charge() (each time.Duration, ok bool) {
	total, ok := processTime(p.child.process)
	if !ok {
		return 0, false
	}
	p.meter.each += (total - p.meter.total) / time.Duration(max(1, p.busy))
	p.meter.total = total
	return p.meter.each, true
}

// spent reports whether a run has used up its processor time, and else when to look again.
func (p *Program) spent(r *run) (next time.Duration, over *yunduo.Error) {
	if r.begun.Load() == 0 {
		return queuedLook, nil
	}
	p.mu.Lock()
	proc := r.proc
	p.mu.Unlock()
	proc.mu.Lock()
	defer proc.mu.Unlock()
	each, ok := proc.charge()
	if !ok || r.answered {
		return blindLook, nil
	}
	if !r.metered {
		r.metered, r.paid = true, each
	}
	if r.stream != nil {
		// What a connection may use counts from when something last moved on it: it can last for hours.
		if used, moved := r.stream.progressed(); moved {
			r.paid = each - max(0, proc.meter.total-used)/time.Duration(max(1, proc.busy))
		}
	}
	left := p.bundle.Limits.CPU - (each - r.paid)
	if left > 0 {
		return max(closeLook, left/time.Duration(goruntime.NumCPU())), nil
	}
	return 0, yunduo.Errorf(yunduo.ReasonFunctionKilled, "the function %s used more processor time than the %s that one request may, and was stopped", p.bundle.Function, p.bundle.Limits.CPU)
}

// idleBudget is how much processor time a process may use after its last reply, until the next request comes.
const idleBudget = time.Second

// idler watches what a process does between two requests.
type idler struct {
	request uint32        // the last one before
	from    time.Duration // processor time then
	due     bool          // it is looked at once more, soon
}

// burns reports whether the process has used up what it may use between two requests. If it is about to, it is looked at
// again in time. p.mu is held.
func (p *process) burns() bool {
	if p.busy > 0 || p.frozen || p.retired || p.dead || p.lastID.Load() == 0 {
		p.idler = idler{due: p.idler.due}
		return false
	}
	total, ok := processTime(p.child.process)
	if !ok {
		return false
	}
	if last := p.lastID.Load(); p.idler.request != last {
		p.idler = idler{request: last, from: total - p.sinceReply(), due: p.idler.due}
	}
	used := total - p.idler.from
	if used > idleBudget/10 && used <= idleBudget && !p.idler.due {
		p.idler.due = true
		time.AfterFunc(max(closeLook, (idleBudget-used)/time.Duration(goruntime.NumCPU())), func() {
			p.mu.Lock()
			p.idler.due = false
			p.mu.Unlock()
			p.tend(time.Now())
		})
	}
	return used > idleBudget
}

// sinceReply returns what the process's main thread has used since its last reply, as far as its use was looked at then.
// p.mu is held.
func (p *process) sinceReply() time.Duration {
	if p.use.at == 0 || p.use.at < p.answered-int64(usageWindow) || p.use.at > p.answered {
		return 0
	}
	ran, _, ok := processorTime(p.child.process)
	if !ok {
		return 0
	}
	return max(0, ran-p.use.ran)
}

// errBurnt ends a process that goes on computing after its replies.
var errBurnt = yunduo.Errorf(yunduo.ReasonFunctionKilled, "the function's process went on computing after its reply and was ended")
