package node

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
	"yunduo/internal/eventloop"
)

// run is one invocation inside a process, or on its way to one.
type run struct {
	invocation *runtime.Invocation
	task       *eventloop.Task // that waits for the outcome; nil if a goroutine does
	stream     *stream         // nil unless it is an HTTP exchange
	ctx        context.Context // of the invocation
	last       time.Time       // when it is over at the latest
	bounded    bool            // the caller has set a deadline
	since      time.Time       // when it began to wait for a slot
	once       sync.Once
	done       chan outcome // nil if a task waits
	outcome    outcome      // valid once settled is set
	settled    atomic.Bool
	begun      atomic.Int64 // when it was given to the process, on the clock of now; 0 before that

	// Set before the run begins.
	proc  *process
	slot  int
	id    uint32
	fresh bool // the first of its process

	// Guarded by the process's mutex.
	answered  bool
	withdrawn bool // taken back before it began
	lingering bool
	expires   time.Time
	metered   bool
	paid      time.Duration // what its process had charged when it was first looked at

	calls  sync.Mutex // guards what follows
	over   bool
	cancel context.CancelFunc
	host   context.Context // of its calls to the host
}

// callContext returns the context of the run's calls to the host: it outlives the reply, until the grace period is over.
func (r *run) callContext() context.Context {
	r.calls.Lock()
	defer r.calls.Unlock()
	if r.host == nil {
		r.host, r.cancel = context.WithCancel(yunduo.WithRequestID(context.WithoutCancel(r.ctx), r.invocation.RequestID))
		if r.over {
			r.cancel()
		}
	}
	return r.host
}

// endCalls ends what the run still asks of the host.
func (r *run) endCalls() {
	r.calls.Lock()
	defer r.calls.Unlock()
	r.over = true
	if r.cancel != nil {
		r.cancel()
	}
}

// times returns how long a run that is over waited since the invocation came, and how long it then ran.
func (r *run) times(came time.Time) (queued, ran time.Duration) {
	at, since := now(), int64(came.Sub(clock))
	begun := r.begun.Load()
	if begun == 0 {
		begun = at
	}
	return time.Duration(begun - since), time.Duration(at - begun)
}

// outcome is how a run ended.
type outcome struct {
	result []byte
	err    *yunduo.Error
	again  bool // user code has not seen the invocation
}

// finish gives the run its outcome. Only the first one counts.
func (r *run) finish(o outcome) {
	r.once.Do(func() {
		if r.done != nil {
			r.done <- o
			return
		}
		r.outcome = o
		r.settled.Store(true)
		r.task.Unpark()
	})
}

// begin sends the run to its process. It fails when the process is gone or about to go. task is the coroutine that
// calls, if one does.
func (p *Program) begin(r *run, task *eventloop.Task) bool {
	at := now()
	var space [768]byte
	meta := appendMeta(space[:0], r.invocation, p.deadline(r, clock.Add(time.Duration(at))))
	r.begun.Store(at)
	return r.proc.begin(r, meta, task)
}

func (p *process) begin(r *run, meta []byte, task *eventloop.Task) bool {
	event := []byte(r.invocation.Event)
	if len(event) == 0 {
		event = []byte("{}")
	}
	var flags uint8
	if r.stream != nil {
		flags = flagStream
	}
	var size [4]byte
	binary.LittleEndian.PutUint32(size[:], uint32(len(meta)))
	p.mu.Lock()
	if p.dead || p.retired {
		p.mu.Unlock()
		return false
	}
	thawed := p.frozen
	if p.frozen {
		p.frozen = false
		thaw(p.child.process)
	}
	r.id = p.lastID.Add(1)
	r.fresh = r.id == 1
	alone := p.busy == 0
	// While the process has not met all that was taken back, a token would be mistaken for one of theirs.
	if p.child.tokens != nil && p.withdrawn == 0 && (!alone || p.strays(thawed)) {
		flags |= p.offer(r)
	}
	p.busy++
	p.runs[r.id] = r
	if len(event) > smallEvent { // the run is kept for the grace period; a large event need not be
		kept := *r.invocation
		kept.Event = nil
		r.invocation = &kept
	}
	// Queued under the lock: frames must come in the order of their tokens. On the loop, what the round brings is written
	// together at its end, so that the process finds work when it has answered what it has. Elsewhere nobody knows what
	// comes next: a process that answers quickly gets it with its next answer, since it would not look at it before.
	if task == nil && !alone && p.pace < int64(quickPace) {
		p.out.hold(frameInvoke, flags, uint16(r.slot), r.id, size[:], meta, event)
		r.attach()
		p.mu.Unlock()
		return true
	}
	if task != nil {
		length := p.out.gather(frameInvoke, flags, uint16(r.slot), r.id, size[:], meta, event)
		r.attach()
		p.mu.Unlock()
		if length >= flushAt {
			p.out.flushHeld()
		} else {
			task.Last(p.out.flushHeld)
		}
		return true
	}
	pending := p.out.queue(frameInvoke, flags, uint16(r.slot), r.id, size[:], meta, event)
	r.attach()
	p.mu.Unlock()

	switch {
	case pending == 0:
	case alone && pending <= smallFrame:
		p.out.flush()
	default:
		p.out.flushBehind()
	}
	return true
}

// strays reports whether a process without requests may be busy with something else, so that a request had better not
// depend on it: it was stopped in the midst of something, it computes, or it may be about to, because its last reply is
// not long ago and code may have left work for after it. At once after a reply that is less likely than the next request
// of a client in a hurry, who would pay for it. p.mu is held.
func (p *process) strays(thawed bool) bool {
	if p.answered == 0 {
		return false
	}
	switch since := time.Duration(now() - p.answered); {
	case thawed:
		return true
	case since < 500*time.Microsecond:
		return false
	case since < 50*time.Millisecond:
		return true
	}
	return computes(p.child.process)
}

// smallEvent is the size in bytes up to which an event is kept with its run.
const smallEvent = 4 << 10

// answer takes the reply of a run. lingering ones keep their slot.
func (p *process) answer(id uint32, o outcome, lingering bool) bool {
	p.mu.Lock()
	r := p.runs[id]
	if r == nil || r.answered {
		begun := id != 0 && id <= p.lastID.Load()
		p.mu.Unlock()
		if r == nil {
			return begun // a late answer of an abandoned run: its neighbours must not pay for it
		}
		return r.expires.IsZero() // a second answer breaks the protocol
	}
	r.answered = true
	r.lingering = lingering
	now := now()
	at := clock.Add(time.Duration(now))
	p.expire(at)
	r.expires = at.Add(p.owner.Load().grace)
	p.note(r, now)
	p.late = append(p.late, r)
	if !lingering {
		p.busy--
	}
	p.mu.Unlock()
	// The slot first: who reads the answer and asks again must find the warm slot free.
	if !lingering {
		p.owner.Load().freed(r)
	}
	r.finish(o)
	p.endIfOver()
	return true
}

// free gives the run's slot back.
func (p *process) free(r *run) {
	p.owner.Load().freed(r)
	p.endIfOver()
}

// endIfOver ends a retired process after its last run.
func (p *process) endIfOver() {
	p.mu.Lock()
	over := p.retired && p.busy == 0
	p.mu.Unlock()
	if over {
		p.kill(errRetired)
	}
}

// quiet takes the news that a lingering run has no more calls.
func (p *process) quiet(id uint32) {
	p.mu.Lock()
	r := p.runs[id]
	ok := r != nil && r.lingering
	if ok {
		r.lingering = false
		p.busy--
	}
	p.mu.Unlock()
	if ok {
		p.free(r)
	}
}

// expire ends runs whose grace period is over. p.mu is held.
func (p *process) expire(at time.Time) {
	n := 0
	for n < len(p.late) && (len(p.late)-n > lateRuns || !at.Before(p.late[n].expires)) {
		r := p.late[n]
		n++
		delete(p.runs, r.id)
		r.endCalls()
		if r.lingering {
			r.lingering = false
			p.busy--
			p.out.sendBehind(frameStop, 0, uint16(r.slot), r.id)
			p.rt.background.Go(func() { p.free(r) })
		}
	}
	if n > 0 {
		clear(p.late[:n])
		p.late = p.late[n:]
	}
}

// abandon gives up on a run that has no answer: its deadline has passed or its caller has gone. Neighbours in the same
// process go on where they can, unless all is to end at once; the process takes no new runs.
func (p *process) abandon(r *run, why *yunduo.Error, atOnce bool) {
	p.mu.Lock()
	p.retired = true
	if p.dead || r.answered {
		p.mu.Unlock()
		return
	}
	r.answered = true
	p.busy--
	delete(p.runs, r.id)
	taken := p.withdraw()
	others := p.busy
	silence := time.Duration(now() - p.heard.Load())
	p.mu.Unlock()
	r.endCalls()
	p.giveBack(taken)
	if others == 0 {
		p.kill(why)
		p.owner.Load().freed(r)
		return
	}
	if atOnce {
		p.owner.Load().hogged()
		p.kill(errHogged)
		p.free(r)
		return
	}
	p.out.sendBehind(frameStop, 0, uint16(r.slot), r.id)
	before := p.heard.Load()
	p.out.sendBehind(framePing, 0, 0, 0)
	if p.hangs(before, max(hangAnswer, hangLimit-silence)) {
		p.owner.Load().hogged()
		p.kill(errHogged)
	}
	p.free(r)
}

// A process with neighbours that has been silent for hangLimit when one of its runs has reached its deadline, and then
// does not answer within hangAnswer, is hung. What it spends waiting for a processor does not count, up to starvedLimit:
// on a machine that has too much to do, nobody answers soon.
const (
	hangLimit    = 150 * time.Millisecond
	hangAnswer   = 40 * time.Millisecond
	starvedLimit = 3 * time.Second
)

// hangs reports whether the process stays silent for so long. before is when it was last heard of.
func (p *process) hangs(before int64, limit time.Duration) bool {
	begun := time.Now()
	_, had, known := processorTime(p.child.process)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-p.gone:
			return false
		}
		if p.heard.Load() != before {
			return false
		}
		elapsed := time.Since(begun)
		_, has, ok := processorTime(p.child.process)
		left := limit - (elapsed - (has - had))
		if !known || !ok || left <= 0 || elapsed > starvedLimit {
			return true
		}
		timer.Reset(max(left, closeLook))
	}
}

var errHogged = yunduo.Errorf(yunduo.ReasonFunctionKilled, "another request of this function kept its process busy beyond a limit, and both were stopped")

// flushAt is how many bytes of requests on the loop are written at once, so that the process need not wait for the last
// of them.
const flushAt = 4000
