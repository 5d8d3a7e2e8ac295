package node

import "testing"

// A request that was given up on may still answer. That must not end the process, in which its neighbours run; an
// answer to a request that never was breaks the protocol.
func TestAnswer_LateAndForged(t *testing.T) {
	p := &process{runs: map[uint32]*run{}}
	p.lastID.Store(3)
	p.runs[3] = &run{id: 3, answered: true}
	for id, want := range map[uint32]bool{0: false, 1: true, 2: true, 3: true, 4: false} {
		if got := p.answer(id, outcome{}, false); got != want {
			t.Errorf("answer of request %d of 3: accepted = %v", id, got)
		}
	}
}
