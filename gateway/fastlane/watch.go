package fastlane

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// watch tells a handler that runs for long that its client has gone.
type watch struct {
	c     *connection
	timer *time.Timer

	mu      sync.Mutex
	cancel  context.CancelFunc // nil when no handler runs
	gone    bool               // the client has ended its side, as the loop has told
	reading chan struct{}      // closed when the watch has let go of the connection; nil while it has not taken hold
}

func (w *watch) init(c *connection) {
	w.c = c
	w.timer = time.AfterFunc(time.Hour, w.look)
	w.timer.Stop()
}

// onLoop says that the loop tells when the client goes away.
func (w *watch) onLoop() {
	w.c.socket.OnHangup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.gone = true
		if w.cancel != nil {
			w.timer.Reset(watchTime)
		}
	})
}

func (w *watch) begin(cancel context.CancelFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel, w.reading = cancel, nil
	if w.c.task == nil || w.gone {
		w.timer.Reset(watchTime)
	}
}

// look reads from the connection while the handler runs. What comes is the beginning of the next request, and waits.
func (w *watch) look() {
	c := w.c
	w.mu.Lock()
	cancel := w.cancel
	if c.task != nil && cancel != nil {
		w.mu.Unlock()
		cancel()
		c.task.Unpark()
		return
	}
	if cancel == nil || c.start < c.end || w.reading != nil { // or an alarm of an earlier request came late, and watches
		w.mu.Unlock()
		return
	}
	done := make(chan struct{})
	w.reading = done
	c.start, c.end = 0, 0
	c.setDeadline(time.Time{})
	w.mu.Unlock()
	defer close(done)
	if err := c.fill(); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		cancel()
	}
}

// end takes the connection back.
func (w *watch) end() {
	w.mu.Lock()
	if w.c.task == nil || w.gone {
		w.timer.Stop()
	}
	w.cancel = nil
	reading := w.reading
	if reading != nil {
		w.c.setDeadline(time.Unix(1, 0))
	}
	w.mu.Unlock()
	if reading != nil {
		<-reading
	}
}
