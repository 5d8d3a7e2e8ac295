package node

import (
	"testing"

	"yunduo"
)

func TestTurns(t *testing.T) {
	var q turns
	all := map[string]*waiter{}
	for _, name := range []string{"a1", "a2", "a3", "b1", "a4", "c1", "b2"} {
		all[name] = &waiter{app: yunduo.AppID(name[:1])}
		q.push(all[name])
	}
	if !q.remove(all["a2"]) || q.remove(all["a2"]) {
		t.Error("a2 was not in the queue once")
	}
	if !q.remove(all["c1"]) || q.of("c") != 0 || q.of("a") != 3 {
		t.Errorf("%d of a and %d of c wait", q.of("a"), q.of("c"))
	}
	for _, want := range []string{"a1", "b1", "a3", "b2", "a4"} {
		if got := q.pop(); got != all[want] {
			t.Errorf("it is the turn of %s", got.app)
		}
	}
	if q.count != 0 || len(q.apps) != 0 || len(q.waiting) != 0 {
		t.Errorf("left: %+v", q)
	}
	q.push(all["c1"])
	if q.pop() != all["c1"] {
		t.Error("an emptied queue is of no use")
	}
}
