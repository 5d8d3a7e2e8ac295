package node

import (
	"bufio"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
	"yunduo/internal/eventloop"
)

const (
	bootLimit = 20 * time.Second // from start to hello
	lateRuns  = 1024             // answered invocations whose late calls are still accepted, per process
)

// process is one running Node.js process: blank at first, then the property of one program until its end.
type process struct {
	rt      *Runtime
	child   *child
	conn    net.Conn
	out     *writer
	spec    bootSpec
	started time.Time
	awaited bool          // somebody had to wait until it had booted
	fetches bool          // it has been told to load fetch; guarded by the pool's mutex
	hello   chan error    // the outcome of the handshake
	gone    chan struct{} // closed when the process has been reaped and every run has its outcome
	heard   atomic.Int64  // when the last frame came, in nanoseconds of the monotonic clock
	probing atomic.Bool   // somebody waits for a sign of life
	owner   atomic.Pointer[owner]
	task    *eventloop.Task // that reads; nil if a goroutine does
	calls   sync.WaitGroup
	answers answers
	lastID  atomic.Uint32

	mu        sync.Mutex
	runs      map[uint32]*run
	late      []*run // answered, in the order of their expiry
	busy      int    // runs without an answer, and lingering ones
	frozen    bool
	retired   bool
	dead      bool
	reason    *yunduo.Error // why the host killed it
	inFlight  int           // calls to the host
	inBytes   int
	logs      logBudget
	answered  int64 // when the last answer came
	pace      int64 // nanoseconds between two answers lately
	use       usage
	offers    []*run // sent with a token, in order; answered ones go lazily
	unput     int    // the last of them whose token is not in the pipe yet
	offered   int64  // when the last one was sent
	withdrawn int    // runs that were taken back and that the process has not met yet
	watch     *time.Timer
	watching  bool
	meter     meter
	idler     idler

	start time.Duration // processor time until it was given its code; set before the first run
}

// owner is what a specialised process reports to.
type owner struct {
	name   string
	grace  time.Duration
	freed  func(*run)     // the run's slot may take another one
	leaves func(*process) // it takes no more runs
	hogged func()         // one request kept the others from running
	sign   func()         // a frame came while probing
	cache  func([]byte)   // the compiled form of the code
	looked func(string)   // it can be inspected at an address
	loaded chan loadReply // for checks; nil otherwise
	ended  func(*process) // the process is gone
}

type loadReply struct {
	report json.RawMessage
	err    *yunduo.Error
}

var clock = time.Now()

func now() int64 { return int64(time.Since(clock)) }

// bootProcess starts a process and waits until it is ready to be loaded.
func (r *Runtime) bootProcess(ctx context.Context, spec bootSpec) (*process, error) {
	c, err := r.launcher.start(spec)
	if err != nil {
		return nil, err
	}
	if c.started != nil {
		defer c.started()
	}
	p := &process{rt: r, child: c, spec: spec, started: time.Now(), pace: int64(2 * quickPace), hello: make(chan error, 1), gone: make(chan struct{}), runs: map[uint32]*run{}, answers: newAnswers()}
	conn, err := c.conn()
	if err != nil {
		c.process.Kill()
		_ = c.wait() // it was ended
		c.close()
		return nil, fmt.Errorf("connect to the process: %w (%s)", err, c.stderr)
	}
	p.listen(conn)
	limit := time.NewTimer(bootLimit)
	defer limit.Stop()
	select {
	case err = <-p.hello:
	case <-limit.C:
		err = errors.New("it did not say hello in time")
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		p.kill(nil)
		<-p.gone
		return nil, fmt.Errorf("boot Node.js: %w (%s)", err, c.stderr)
	}
	return p, nil
}

// listen begins to take frames, on the loop if there is one.
func (p *process) listen(conn net.Conn) {
	if loop := p.rt.opts.Loop; loop != nil {
		if socket, err := loop.Adopt(conn); err == nil {
			p.conn, p.out = socket, newWriter(socket, p.putTokens)
			p.rt.background.Add(1)
			socket.Run(func(t *eventloop.Task) {
				p.task = t
				err := p.read()
				go func() { // this waits for more than the loop can
					defer p.rt.background.Done()
					p.end(err)
				}()
			})
			return
		}
	}
	p.conn, p.out = conn, newWriter(conn, p.putTokens)
	p.rt.background.Go(func() { p.end(p.read()) })
}

// read takes frames until the process is gone.
func (p *process) read() error {
	in := bufio.NewReaderSize(p.conn, 64<<10)
	err := p.handshake(in)
	p.hello <- err
	for err == nil {
		if err = p.next(in); in.Buffered() == 0 {
			p.out.flushHeld()
		}
	}
	return err
}

// leaveLoop lets others go on while something takes its time.
func (p *process) leaveLoop() {
	if p.task != nil {
		p.task.Leave()
	}
}

func (p *process) handshake(in *bufio.Reader) error {
	h, err := readHeader(in)
	if err != nil {
		return err
	}
	payload, err := readPayload(in, h)
	if err != nil {
		return err
	}
	var hello struct{ Token, Version, V8 string }
	if h.kind != frameHello || json.Unmarshal(payload, &hello) != nil {
		return fmt.Errorf("frame %d instead of a hello", h.kind)
	}
	if subtle.ConstantTimeCompare([]byte(hello.Token), []byte(p.child.token)) != 1 {
		return errors.New("wrong token")
	}
	return nil
}

// end reaps the process and gives every run its outcome.
func (p *process) end(cause error) {
	p.child.process.Kill()
	waitErr := p.child.wait()
	p.conn.Close()

	p.mu.Lock()
	p.dead = true
	taken := p.withdraw()
	failure := p.reason
	if failure == nil {
		failure = p.classify(cause, waitErr)
	}
	runs := p.runs
	p.runs, p.late, p.busy = map[uint32]*run{}, nil, 0
	p.mu.Unlock()

	p.giveBack(taken)
	for _, r := range runs {
		r.finish(outcome{err: failure})
		r.endCalls()
	}
	p.calls.Wait()
	p.out.close()
	if o := p.owner.Load(); o != nil {
		if p.reason == nil {
			p.rt.log.Warn("function process ended by itself", "function", o.name, "pid", p.child.process.Pid, "cause", failure.Error(), "stderr", p.child.stderr.plain())
		}
		if o.loaded != nil {
			select {
			case o.loaded <- loadReply{err: failure}:
			default:
			}
		}
		o.ended(p)
	}
	p.mu.Lock()
	if p.watch != nil {
		p.watch.Stop()
	}
	p.mu.Unlock()
	p.child.close()
	close(p.gone)
}

// errStopped says that a process was ended from outside: neither by the host nor, as far as can be seen, by its own doing.
var errStopped = errors.New("stopped by the system")

// classify tells what ended a process that the host did not end. p.mu is held.
func (p *process) classify(cause, waitErr error) *yunduo.Error {
	heap := p.spec.heapBytes >> 20
	name := "function"
	if o := p.owner.Load(); o != nil {
		_, name, _ = strings.Cut(o.name, "/")
		name = "function " + name
	}
	var exit *exec.ExitError
	switch {
	case p.child.stderr.outOfMemory():
		return yunduo.Wrap(waitErr, yunduo.ReasonFunctionKilled, "the %s was stopped: it used more memory than its limit of %d MiB", name, heap)
	case p.child.group != nil && p.child.group.outOfMemory():
		return yunduo.Wrap(waitErr, yunduo.ReasonFunctionKilled, "the %s was stopped: with what lies beside its heap of %d MiB it used more memory than a process may", name, heap)
	case broken(cause):
		return yunduo.Wrap(cause, yunduo.ReasonFunctionKilled, "the process of the %s was stopped: it wrote to the connection of the platform", name)
	case errors.As(waitErr, &exit) && exit.ExitCode() == -1:
		return yunduo.Wrap(errors.Join(errStopped, cause), yunduo.ReasonFunctionKilled, "the process of the %s was stopped by the system (%s), which often means that it used too much memory; its limit is %d MiB", name, exit.String(), heap)
	case errors.As(waitErr, &exit):
		return yunduo.Wrap(cause, yunduo.ReasonFunctionError, "the process of the %s ended with code %d", name, exit.ExitCode())
	}
	return yunduo.Wrap(errors.Join(cause, waitErr), yunduo.ReasonFunctionError, "the process of the %s ended before it answered", name)
}

// broken reports whether what ended the reading of frames is what was read.
func broken(cause error) bool {
	if cause == nil || errors.Is(cause, io.EOF) || errors.Is(cause, io.ErrUnexpectedEOF) {
		return false
	}
	_, lost := errors.AsType[*net.OpError](cause)
	return !lost
}

// kill ends the process at once. why is what its running requests are told; nil lets the exit speak for itself.
func (p *process) kill(why *yunduo.Error) {
	p.mu.Lock()
	if p.reason == nil && !p.dead {
		p.reason = why
	}
	p.retired = true
	p.mu.Unlock()
	p.child.process.Kill()
	p.conn.Close()
}

// errRetired is for processes that end because nobody needs them any more.
var errRetired = yunduo.Errorf(yunduo.ReasonFunctionKilled, "the function's process was replaced while the request ran")

// retire lets the running invocations end and then ends the process. The program gives it no new ones.
func (p *process) retire() {
	p.mu.Lock()
	p.retired = true
	idle := p.busy == 0
	p.mu.Unlock()
	if idle {
		p.kill(errRetired)
	}
}

// quickPace is what an answer may take of a process's time if the process is to be called quick.
const quickPace = 500 * time.Microsecond

// note takes the answer of a run into the pace: what of the time since the last answer was this run's. One long pause
// says little, the machine may have been busy. at is a time of now. p.mu is held.
func (p *process) note(r *run, at int64) {
	took := min(at-max(p.answered, r.begun.Load()), int64(4*quickPace))
	p.pace += (took - p.pace) / 8
	p.answered = at
	p.use.count(p.child.process, at)
}

// condition is what the choice of a process for a request depends on.
type condition struct {
	responsive bool // it surely reads its socket: it is idle or has just been heard of
	brisk      bool // answers come so fast that a request had better wait for the next one than for another process
	cheap      bool // an answer takes so little of a processor that one process can take many requests
}

func (p *process) condition() condition {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired || p.dead || p.withdrawn > 0 {
		return condition{}
	}
	c := condition{brisk: p.pace < int64(quickPace)}
	c.cheap = c.brisk
	if p.use.known {
		c.cheap = p.use.perAnswer < quickPace
	}
	silence := 2 * time.Millisecond
	if c.brisk {
		silence = quickPatience()
	}
	c.responsive = p.busy == 0 || now()-p.heard.Load() < int64(silence)
	return c
}

// usage returns what the process has lately used of a processor.
func (p *process) usage() usage {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.use.look(p.child.process, now())
	return p.use
}

// probe asks for a sign of life, unless one is awaited already.
func (p *process) probe() {
	if !p.probing.Swap(true) {
		p.out.sendBehind(framePing, 0, 0, 0)
	}
}

// tend expires late work, and freezes the process when nothing may run in it any more.
func (p *process) tend(at time.Time) {
	p.mu.Lock()
	p.expire(at)
	o := p.owner.Load()
	if p.rt.opts.Inspect != nil { // who looks at it may run code in it at any time
		p.mu.Unlock()
		return
	}
	if p.burns() {
		var last *run
		if len(p.late) > 0 {
			last = p.late[len(p.late)-1]
		}
		p.retired = true // nobody who hears of it may still get this process
		p.mu.Unlock()
		p.rt.log.Warn("function computes after its reply", "function", o.name, "pid", p.child.process.Pid)
		if last != nil && last.invocation.Log != nil {
			last.invocation.Log(runtime.LogLine{Time: at, Level: "error", Message: "the function went on computing after its reply, for longer than " + idleBudget.String() + " of processor time; its process was ended"})
		}
		o.leaves(p)
		p.kill(errBurnt)
		return
	}
	if canFreeze && o != nil && p.busy == 0 && len(p.late) == 0 && !p.frozen && !p.retired && p.lastID.Load() > 0 {
		p.frozen = true
		freeze(p.child.process)
	}
	p.mu.Unlock()
}
