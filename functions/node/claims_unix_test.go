//go:build unix

package node

import (
	"bytes"
	"context"
	"testing"
	"time"

	"yunduo/functions/runtime"
)

// sharer is a process with which runs share tokens, whose frames go into a buffer.
func sharer(t *testing.T) (*process, *bytes.Buffer) {
	tokens, err := newTokens()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tokens.close)
	t.Cleanup(func() { tokens.file.Close() })
	var sent bytes.Buffer
	p := &process{child: &child{tokens: tokens}, runs: map[uint32]*run{}, answered: now() - int64(time.Millisecond)}
	p.out = newWriter(&sent, p.putTokens)
	p.owner.Store(&owner{freed: func(*run) {}})
	return p, &sent
}

func aRun() *run {
	return &run{invocation: &runtime.Invocation{}, ctx: context.Background(), done: make(chan outcome, 1)}
}

// While a process has not met all that was taken back from it, a token would be mistaken for one of theirs: a run that
// was taken back would run twice, and the one that the token is for never.
func TestClaims_NoTokenWhileRunsAreTakenBack(t *testing.T) {
	for withdrawn, tokens := range map[int]int{0: 1, 1: 0} {
		p, sent := sharer(t)
		p.withdrawn = withdrawn
		if !p.begin(aRun(), nil, nil) || sent.Len() == 0 {
			t.Fatal("it did not begin")
		}
		if got := p.child.tokens.takeAll(); got != tokens {
			t.Errorf("%d tokens with %d runs taken back, want %d", got, withdrawn, tokens)
		}
	}
}

// A process that drops what was not taken back from it is ended: nobody must wait for it in vain.
func TestClaims_DroppedRuns(t *testing.T) {
	p, _ := sharer(t)
	r := aRun()
	if !p.begin(r, nil, nil) {
		t.Fatal("it did not begin")
	}
	if p.dropped(r.id) == nil {
		t.Error("a run was lost")
	}
	p.withdraw()
	if !r.withdrawn || p.withdrawn != 1 {
		t.Fatalf("taken back: %v, %d", r.withdrawn, p.withdrawn)
	}
	for range 2 {
		if err := p.dropped(r.id); err != nil || p.withdrawn != 0 || len(p.runs) != 0 {
			t.Errorf("%v, %d taken back, %d runs", err, p.withdrawn, len(p.runs))
		}
	}
}
