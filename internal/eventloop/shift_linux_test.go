package eventloop

import (
	"sync"
	"testing"
	"time"
)

// heldUp fails if what is waited for does not happen while something else waits for the test's end.
func heldUp(t *testing.T, what string, happened <-chan struct{}) {
	t.Helper()
	select {
	case <-happened:
	case <-time.After(10 * time.Second):
		t.Errorf("%s waits for a task that has left the loop", what)
	}
}

// A task that leaves the loop, for as long as it likes, keeps nobody who was to run after it in the same round.
func TestLeave_TheRestOfItsRoundGoesOn(t *testing.T) {
	l := newLoop(t)
	release, other, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	for _, hogs := range []bool{false, true} {
		var left sync.WaitGroup
		left.Add(2)
		tasks := make(chan *Task, 2)
		go func() {
			left.Wait()
			close(ended)
		}()
		l.Go(func(task *Task) {
			defer left.Done()
			tasks <- task
			task.Park()
			if !hogs {
				task.Leave()
			}
			<-release
		})
		first := <-tasks
		l.Go(func(task *Task) {
			defer left.Done()
			tasks <- task
			task.Park()
			close(other)
		})
		second := <-tasks
		l.Go(func(*Task) { // on the loop, so that both are ready in the same round
			first.Unpark()
			second.Unpark()
		})
		heldUp(t, "the next one", other)
		close(release)
		<-ended
		release, other, ended = make(chan struct{}), make(chan struct{}), make(chan struct{})
	}
}

// The same for one that goes first in a long round, and for what others have left for the end of that round.
func TestLongRound_QuietOneThatLeaves_KeepsNobody(t *testing.T) {
	const busy, rounds = 4 * stretch, 2 * rareRounds
	l := newLoop(t)
	release, gone := make(chan struct{}), make(chan struct{})
	woken := make(chan *Task, 1)
	l.Go(func(task *Task) {
		defer close(gone)
		woken <- task
		task.Park()
		task.Leave()
		<-release
	})
	quiet := <-woken
	var tasks [busy]*Task
	var left, flushed sync.WaitGroup
	left.Add(busy)
	flushed.Add(busy)
	for n := range busy {
		tasks[n] = l.Go(func(task *Task) {
			for range rounds {
				left.Done()
				task.Park()
			}
			if n == 0 {
				quiet.Unpark()
			}
			task.Last(flushed.Done)
			left.Done()
		})
	}
	for range rounds {
		left.Wait()
		left.Add(busy)
		l.Go(func(*Task) {
			for _, task := range tasks {
				task.Unpark()
			}
		})
	}
	all := make(chan struct{})
	go func() {
		left.Wait()
		flushed.Wait()
		close(all)
	}()
	heldUp(t, "the rest of the round", all)
	close(release)
	<-gone
}
