package node

import (
	"slices"

	"yunduo"
)

// waiter is somebody who waits for a process.
type waiter struct {
	app  yunduo.AppID
	spec bootSpec
	got  chan taken // has room for one
}

type taken struct {
	proc *process
	err  error
}

// turns is a queue in which apps take turns, however many of each wait: the many requests of one app do not hold up the
// few of another one.
type turns struct {
	apps    []yunduo.AppID // with somebody waiting, in the order of their turns
	waiting map[yunduo.AppID][]*waiter
	count   int
}

func (q *turns) push(w *waiter) {
	if q.waiting == nil {
		q.waiting = map[yunduo.AppID][]*waiter{}
	}
	if len(q.waiting[w.app]) == 0 {
		q.apps = append(q.apps, w.app)
	}
	q.waiting[w.app] = append(q.waiting[w.app], w)
	q.count++
}

// pop takes out whose turn it is. The queue must not be empty.
func (q *turns) pop() *waiter {
	app := q.apps[0]
	list := q.waiting[app]
	w := list[0]
	q.count--
	if q.apps = q.apps[1:]; len(list) == 1 {
		delete(q.waiting, app)
	} else {
		q.waiting[app] = list[1:]
		q.apps = append(q.apps, app)
	}
	return w
}

// remove takes a waiter out; false if it is not there any more.
func (q *turns) remove(w *waiter) bool {
	list := q.waiting[w.app]
	i := slices.Index(list, w)
	if i < 0 {
		return false
	}
	q.count--
	if len(list) == 1 {
		delete(q.waiting, w.app)
		q.apps = slices.DeleteFunc(q.apps, func(app yunduo.AppID) bool { return app == w.app })
	} else {
		q.waiting[w.app] = slices.Delete(list, i, i+1)
	}
	return true
}

// of is how many of an app wait.
func (q *turns) of(app yunduo.AppID) int { return len(q.waiting[app]) }
