package eventloop

import (
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stretch    = 8 // tasks of a round that run without a look at what has got ready meanwhile
	rareRounds = 4 // a task that has not run for so many rounds goes first
	rareSteps  = 4 // how often what such tasks make ready goes first too
)

// patience is how long a coroutine may keep the loop before another goroutine takes the loop over.
const patience = time.Millisecond

// Loop waits for sockets and runs their tasks, one at a time. It is safe for concurrent use.
type Loop struct {
	poll int
	bell int // an eventfd that wakes the loop up

	shift    atomic.Pointer[shift] // changed with mu held
	round    atomic.Int64
	sleeping atomic.Bool // the bell must be rung for what is added to ready
	guarding atomic.Bool // guard is going to look
	guard    *time.Timer

	mu      sync.Mutex
	ready   []*Task
	last    []func() // to be run at the end of the round
	sockets map[int32]*Socket
	serial  int32
	closed  bool
	ended   sync.WaitGroup
}

// New starts a loop. Errors are those of the system calls.
func New() (*Loop, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("eventfd", err), unix.Close(poll))
	}
	l := &Loop{poll: poll, bell: bell, sockets: map[int32]*Socket{}}
	if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, bell, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: bellID}); err != nil {
		return nil, errors.Join(os.NewSyscallError("epoll_ctl", err), unix.Close(bell), unix.Close(poll))
	}
	l.guard = time.AfterFunc(time.Hour, l.look)
	l.guard.Stop()
	l.begin()
	return l, nil
}

// bellID is the ID of the bell among the sockets, which have positive ones.
const bellID = 0

// Close ends the loop. Its sockets must have been closed and their tasks have ended.
func (l *Loop) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.ring()
	l.ended.Wait()
	l.guard.Stop()
	_ = unix.Close(l.bell)
	_ = unix.Close(l.poll)
}

// begin gives the loop to another goroutine. mu is held, or nobody else knows the loop yet.
func (l *Loop) begin() {
	s := &shift{}
	if old := l.shift.Swap(s); old != nil {
		rest := old.round.takeOver()
		if first := old.first.takeOver(); len(first) > 0 {
			rest = slices.Concat(first, rest)
		}
		l.ready = append(rest, l.ready...) // in place: of very many tasks each may leave
		l.last = append(old.last, l.last...)
	}
	l.ended.Go(func() { l.run(s) })
}

// run is the loop, in the hands of the caller for a shift.
func (l *Loop) run(s *shift) {
	var tasks []*Task
	events := make([]unix.EpollEvent, 256)
	for {
		l.mu.Lock()
		if l.closed || l.shift.Load() != s {
			l.mu.Unlock()
			return
		}
		tasks, l.ready = l.ready, tasks[:0]
		s.round.begin(tasks)
		l.mu.Unlock()
		l.round.Add(1)
		for n := range tasks {
			if n%stretch == stretch-1 && !l.interpose(s, events) {
				return
			}
			if t := s.round.next(); t == nil || !t.resume(s) {
				return
			}
		}
		if !l.endRound(s) && len(tasks) == 0 {
			l.wait(events)
		}
		clear(tasks)
	}
}

// interpose lets tasks run before the rest of a long round that have got ready meanwhile and have not run lately, and
// what these make ready: many busy sockets must not be felt by a quiet one. It reports whether the shift goes on.
func (l *Loop) interpose(s *shift, events []unix.EpollEvent) bool {
	n, _ := unix.EpollWait(l.poll, events, 0)
	l.take(events[:max(n, 0)])
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shift.Load() != s {
		l.ring() // that may just have been heard here
		return false
	}
	first := l.takeRare()
	if len(first) == 0 {
		return true
	}
	s.last, l.last = l.last, nil // this is not the end of the round
	for step := 0; len(first) > 0; step++ {
		s.first.begin(first)
		others := len(l.ready)
		l.mu.Unlock()
		for t := s.first.next(); t != nil && t.resume(s); t = s.first.next() {
		}
		if l.shift.Load() == s {
			l.endRound(s)
		}
		l.mu.Lock()
		if l.shift.Load() != s {
			return false
		}
		if first = nil; step < rareSteps {
			first = slices.Clone(l.ready[others:])
			l.ready = l.ready[:others]
		}
	}
	l.last = append(s.last, l.last...)
	s.last = nil
	return true
}

// takeRare removes those from the list that have not run lately, and returns them. mu is held.
func (l *Loop) takeRare() (rare []*Task) {
	since := l.round.Load() - rareRounds
	left := l.ready[:0]
	for _, t := range l.ready {
		if t.round < since {
			rare = append(rare, t)
		} else {
			left = append(left, t)
		}
	}
	clear(l.ready[len(left):])
	l.ready = left
	return rare
}

// endRound runs what tasks have left for the end of the round, and reports whether there was anything.
func (l *Loop) endRound(s *shift) bool {
	l.mu.Lock()
	last := l.last
	l.last = nil
	l.mu.Unlock()
	if len(last) == 0 {
		return false
	}
	s.steps.Add(1) // guarded as tasks are
	for _, f := range last {
		f()
	}
	s.steps.Add(1)
	return true
}

// wait sleeps until something happens to a socket, and makes ready who waits for it.
func (l *Loop) wait(events []unix.EpollEvent) {
	l.sleeping.Store(true)
	l.mu.Lock()
	idle := len(l.ready) == 0 && len(l.last) == 0 && !l.closed
	l.mu.Unlock()
	n := 0
	if idle {
		n, _ = unix.EpollWait(l.poll, events, -1) // fails with EINTR only
	}
	l.sleeping.Store(false)
	l.take(events[:max(n, 0)])
}

// take lets the sockets know what has happened to them.
func (l *Loop) take(events []unix.EpollEvent) {
	if len(events) > 0 && !l.guarding.Swap(true) {
		l.guard.Reset(patience)
	}
	for _, e := range events {
		if e.Fd == bellID {
			var count [8]byte
			_, _ = unix.Read(l.bell, count[:])
			continue
		}
		l.mu.Lock()
		s := l.sockets[e.Fd]
		l.mu.Unlock()
		if s != nil {
			s.happened(e.Events)
		}
	}
}

// look takes the loop away from a task that has kept it since the last look.
func (l *Loop) look() {
	l.mu.Lock()
	s := l.shift.Load()
	steps := s.steps.Load()
	inside, moved := steps%2 == 1, steps != s.seen
	s.seen = steps
	if inside && !moved && !l.closed {
		l.begin()
	}
	l.mu.Unlock()
	if !inside && !moved { // the loop sleeps
		l.guarding.Store(false)
		if s.steps.Load() == steps || l.guarding.Swap(true) {
			return
		}
	}
	l.guard.Reset(patience)
}

// leave gives the loop to another goroutine if it is still in its shift s.
func (l *Loop) leave(s *shift) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shift.Load() == s && !l.closed {
		l.begin()
	}
}

// add makes a task ready.
func (l *Loop) add(t *Task) {
	l.mu.Lock()
	l.ready = append(l.ready, t)
	l.mu.Unlock()
	l.wake()
}

// wake sees to it that the loop looks at what there is to do.
func (l *Loop) wake() {
	if l.sleeping.Load() {
		l.ring()
	}
}

func (l *Loop) ring() {
	one := [8]byte{0: 1}
	_, _ = unix.Write(l.bell, one[:]) // fails only when it has been rung 2^64 times
}
