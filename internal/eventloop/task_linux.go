package eventloop

import (
	"iter"
	"sync/atomic"
	"time"
)

// Task is a coroutine of a loop.
type Task struct {
	loop  *Loop
	state atomic.Int32
	shift *shift // in which it was last resumed
	round int64  // of the loop, in which it was
	next  func() (struct{}, bool)
	yield func(struct{}) bool

	alarm *time.Timer
	due   time.Time // when the alarm goes off; zero if it will not
	rang  atomic.Bool
}

// States of a task.
const (
	parked   int32 = iota
	ready          // it is in the loop's list
	running        // on the loop, or beside it when it has left the loop
	notified       // running, and it must not park
	finished
)

// Go starts f as a task. Whatever f does not return from keeps the task.
func (l *Loop) Go(f func(*Task)) *Task {
	t := &Task{loop: l}
	t.next, _ = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		f(t)
	})
	t.state.Store(ready)
	l.add(t)
	return t
}

// Park waits until Unpark is called, or has been called since the task last ran. It may return without that, so that
// callers look whether what they wait for has happened. Only the task's own code may call it.
func (t *Task) Park() {
	if t.state.CompareAndSwap(notified, running) {
		return
	}
	t.yield(struct{}{})
}

// Unpark lets a parked task go on. It may be called by anybody at any time, and never waits.
func (t *Task) Unpark() {
	for {
		switch t.state.Load() {
		case parked:
			if t.state.CompareAndSwap(parked, ready) {
				t.loop.add(t)
				return
			}
		case running:
			if t.state.CompareAndSwap(running, notified) {
				return
			}
		default:
			return
		}
	}
}

// WakeAt unparks the task at a time or before: an alarm that goes off earlier anyway is left alone, since setting it
// costs more than being woken for nothing now and then. Who finds that it is too early has to ask again. Only the
// task's own code may call it.
func (t *Task) WakeAt(at time.Time) {
	if t.rang.Swap(false) {
		t.due = time.Time{}
	}
	if !t.due.IsZero() && !at.Before(t.due) {
		return
	}
	t.due = at
	if t.alarm != nil {
		t.alarm.Reset(time.Until(at))
		return
	}
	t.alarm = time.AfterFunc(time.Until(at), func() {
		t.rang.Store(true)
		t.Unpark()
	})
}

// Leave lets the loop go on without the task, which is an ordinary goroutine until it parks: for what may block. Only
// the task's own code may call it.
func (t *Task) Leave() {
	if t.OnLoop() {
		t.loop.leave(t.shift)
	}
}

// OnLoop reports whether the loop waits for the task's code. Only that code may ask.
func (t *Task) OnLoop() bool { return t.shift == t.loop.shift.Load() }

// Last runs f when the tasks have run that are ready now: for what is better done once for many. A task that has left
// the loop runs it at once. Only the task's own code may call it. f must not block.
func (t *Task) Last(f func()) {
	if !t.OnLoop() {
		f()
		return
	}
	l := t.loop
	l.mu.Lock()
	l.last = append(l.last, f)
	l.mu.Unlock()
	l.wake() // the loop may just have been taken away
}

// resume runs the task until it parks; false if the shift has ended meanwhile.
func (t *Task) resume(s *shift) bool {
	t.shift, t.round = s, t.loop.round.Load()
	t.state.Store(running)
	s.steps.Add(1)
	_, more := t.next()
	s.steps.Add(1)
	switch {
	case !more:
		t.state.Store(finished)
		if t.alarm != nil {
			t.alarm.Stop()
		}
	case t.state.CompareAndSwap(running, parked):
	default: // notified
		t.state.Store(ready)
		t.loop.add(t)
	}
	return t.loop.shift.Load() == s
}
