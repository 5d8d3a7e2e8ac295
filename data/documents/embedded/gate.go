package embedded

import (
	"sync"

	"yunduo"
)

// gate counts running operations, so that closing can refuse new ones and wait for the others.
type gate struct {
	mu      sync.Mutex
	running int
	closed  bool
	closing chan struct{} // closed when closing begins
	idle    chan struct{} // closed when nothing runs any more
}

func newGate() *gate {
	return &gate{closing: make(chan struct{}), idle: make(chan struct{})}
}

// enter registers an operation; the caller must leave. It returns shutting_down after close.
func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errClosed()
	}
	g.running++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	if g.closed && g.running == 0 {
		close(g.idle)
	}
}

// close refuses new operations and waits for the running ones; false if somebody else closed already.
func (g *gate) close() bool {
	g.mu.Lock()
	first := !g.closed
	if first {
		g.closed = true
		close(g.closing)
		if g.running == 0 {
			close(g.idle)
		}
	}
	g.mu.Unlock()
	<-g.idle
	return first
}

func errClosed() error {
	return yunduo.Errorf(yunduo.ReasonShuttingDown, "the document store is closed")
}
