// Package eventloop waits for many sockets on one thread and runs the code behind each of them as a coroutine on that
// thread, so that a request which passes from one socket to another costs no switch between threads and what is ready
// at the same time is handled together.
//
// Code on the loop may block like any other: when a coroutine has kept the loop for a millisecond, another goroutine
// takes over the loop, and the coroutine goes on as an ordinary goroutine until it next waits for its socket or parks.
// Nothing depends on coroutines being quick, but the others wait meanwhile.
//
// Loops exist on Linux only. Elsewhere New fails with errors.ErrUnsupported.
package eventloop

import "context"

type taskKey struct{}

// WithTask returns a context that carries the task whose code uses it.
func WithTask(ctx context.Context, t *Task) context.Context {
	return context.WithValue(ctx, taskKey{}, t)
}

// Running returns the task of a context, nil if there is none. Only code that runs on the task's own goroutine may park
// it: a context that is handed to other goroutines still carries the task.
func Running(ctx context.Context) *Task {
	t, _ := ctx.Value(taskKey{}).(*Task)
	return t
}
