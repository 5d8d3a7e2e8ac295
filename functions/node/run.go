package node

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"sync"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

// run is one invocation inside a process.
type run struct {
	id         uint32
	slot       int
	proc       *process
	invocation *runtime.Invocation
	ctx        context.Context // of its calls to the host; ends with the grace period
	cancel     context.CancelFunc
	done       chan outcome
	once       sync.Once
	fresh      bool // the first of its process

	// Guarded by the process's mutex.
	answered  bool
	withdrawn bool // taken back before it began
	lingering bool
	expires   time.Time
}

// outcome is how a run ended.
type outcome struct {
	result []byte
	err    *yunduo.Error
	again  bool // user code has not seen the invocation
}

// finish gives the run its outcome. Only the first one counts.
func (r *run) finish(o outcome) {
	r.once.Do(func() { r.done <- o })
}

// invocationMeta is what function code learns about its invocation: the SDK's context().
type invocationMeta struct {
	RequestID       string     `json:"requestId"`
	InvocationID    string     `json:"invocationId"`
	FunctionName    string     `json:"functionName"`
	FunctionVersion string     `json:"functionVersion"`
	Env             string     `json:"env"`
	Source          string     `json:"source"`
	Deadline        int64      `json:"deadline"` // Unix milliseconds
	Caller          callerMeta `json:"caller"`
}

type callerMeta struct {
	OpenID      string `json:"openId,omitempty"`
	UnionID     string `json:"unionId,omitempty"`
	AppID       string `json:"appId,omitempty"` // of the mini-program
	UserID      string `json:"userId,omitempty"`
	Username    string `json:"username,omitempty"`
	Provider    string `json:"provider,omitempty"`
	IsAnonymous bool   `json:"isAnonymous,omitempty"`
	ClientIP    string `json:"clientIp,omitempty"`
}

func (p *Program) meta(inv *runtime.Invocation, deadline time.Time) ([]byte, error) {
	c := inv.Caller
	return json.Marshal(invocationMeta{
		RequestID: inv.RequestID, InvocationID: inv.ID, FunctionName: p.bundle.Function, FunctionVersion: p.bundle.Version,
		Env: string(p.bundle.App), Source: inv.Source, Deadline: deadline.UnixMilli(),
		Caller: callerMeta{OpenID: c.OpenID, UnionID: c.UnionID, AppID: c.WeChatAppID, UserID: c.UserID, Username: c.Username,
			Provider: c.Provider, IsAnonymous: c.Provider == "anonymous", ClientIP: c.ClientIP},
	})
}

// begin sends the run to the process. It fails when the process is gone or about to go.
func (p *process) begin(r *run, meta []byte) bool {
	r.proc = p
	p.mu.Lock()
	if p.dead || p.retired {
		p.mu.Unlock()
		return false
	}
	if p.frozen {
		p.frozen = false
		thaw(p.child.cmd.Process)
	}
	r.id = p.lastID.Add(1)
	r.fresh = r.id == 1
	var flags uint8
	if p.busy > 0 && p.child.tokens != nil {
		flags = p.offer(r)
	}
	p.busy++
	p.runs[r.id] = r
	p.mu.Unlock()

	var size [4]byte
	binary.LittleEndian.PutUint32(size[:], uint32(len(meta)))
	event := []byte(r.invocation.Event)
	// The run is kept for the grace period; its event need not be.
	kept := *r.invocation
	kept.Event = nil
	r.invocation = &kept
	if len(event) == 0 {
		event = []byte("{}")
	}
	p.out.send(frameInvoke, flags, uint16(r.slot), r.id, size[:], meta, event)
	return true
}

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
	at := time.Now()
	p.expire(at)
	r.expires = at.Add(p.owner.Load().grace)
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
		r.cancel()
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
// process go on where they can; the process takes no new runs.
func (p *process) abandon(r *run, why *yunduo.Error) {
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
	p.mu.Unlock()
	r.cancel()
	p.giveBack(taken)
	if others == 0 {
		p.kill(why)
		p.owner.Load().freed(r)
		return
	}
	p.out.sendBehind(frameStop, 0, uint16(r.slot), r.id)
	before := p.heard.Load()
	p.out.sendBehind(framePing, 0, 0, 0)
	timer := time.NewTimer(hangLimit)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.gone:
	}
	if p.heard.Load() == before {
		p.owner.Load().hogged()
		p.kill(yunduo.Errorf(yunduo.ReasonFunctionKilled, "another request of this function kept its process busy beyond the time limit, and both were stopped"))
	}
	p.free(r)
}

// hangLimit is how long a process with neighbours may be silent after one of its runs has reached its deadline.
const hangLimit = 150 * time.Millisecond
