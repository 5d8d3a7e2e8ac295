package node

import (
	"io"
	"sync"
)

// writer combines frames: the first goroutine that finds it idle writes its own frame and all that others add
// meanwhile, so that many small frames become few system calls. It is safe for concurrent use.
type writer struct {
	conn     io.Writer
	flushing sync.WaitGroup

	mu      sync.Mutex
	pending []byte
	spare   []byte
	busy    bool
	err     error
}

// smallFrame is what surely fits into the socket's buffer next to what is there.
const smallFrame = 32 << 10

// send queues a frame whose payload is the parts one after another, and sees to its being written. It does not wait
// for large frames: a process that does not read must not hold up the caller.
func (w *writer) send(kind frameType, flags uint8, slot uint16, id uint32, parts ...[]byte) {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	w.mu.Lock()
	if w.err != nil {
		w.mu.Unlock()
		return
	}
	w.pending = appendHeader(w.pending, kind, flags, slot, id, length)
	for _, p := range parts {
		w.pending = append(w.pending, p...)
	}
	if w.busy {
		w.mu.Unlock()
		return
	}
	w.busy = true
	large := len(w.pending) > smallFrame
	w.mu.Unlock()
	if large {
		w.flushing.Go(w.flush) // ends when the frame is written or the connection closed
		return
	}
	w.flush()
}

// flush writes until nothing is pending. The caller has set busy.
func (w *writer) flush() {
	w.mu.Lock()
	for len(w.pending) > 0 && w.err == nil {
		out := w.pending
		w.pending = w.spare[:0]
		w.spare = nil
		w.mu.Unlock()
		_, err := w.conn.Write(out)
		w.mu.Lock()
		if cap(out) <= 1<<20 {
			w.spare = out
		}
		if err != nil {
			w.err = err
			w.pending = nil
		}
	}
	w.busy = false
	w.mu.Unlock()
}
