package eventloop

import "sync/atomic"

// shift is the time for which one goroutine runs the loop. A goroutine that comes back from a task when its shift is
// over ends. What it had taken on and not begun goes to the next shift.
type shift struct {
	steps atomic.Int64 // odd while it is inside a task
	seen  int64        // what guard saw last; used by guard alone

	round, first turns
	last         []func() // of the round, while the first have their turns. Changed with the loop's mutex held
}

// turns are tasks that run one after another.
type turns struct {
	tasks []*Task // changed with the loop's mutex held
	begun atomic.Int64
}

// begin sets the tasks that run from now on. The loop's mutex is held.
func (t *turns) begin(tasks []*Task) {
	t.tasks = tasks
	t.begun.Store(0)
}

// next returns the task whose turn it is; nil if there is none left, or another goroutine has taken them over.
func (t *turns) next() *Task {
	if n := t.begun.Add(1); n <= int64(len(t.tasks)) {
		return t.tasks[n-1]
	}
	return nil
}

// takeOver returns those whose turn has not come, which does not come here any more. The loop's mutex is held.
func (t *turns) takeOver() []*Task {
	n := int64(len(t.tasks))
	return t.tasks[min(t.begun.Add(n), 2*n)-n:]
}
