package node

import (
	"io"
	"net"
	"sync"
	"time"
)

// writer combines frames: the first goroutine that finds it idle writes its own frame and all that others add
// meanwhile, so that many small frames become few system calls. It is safe for concurrent use.
type writer struct {
	conn io.Writer
	// ahead, if set, is called before frames are written, for what must reach the process before them.
	ahead    func()
	flushing sync.WaitGroup // one for every time that somebody gets busy

	mu      sync.Mutex
	room    sync.Cond // pending has been taken, or there is an error; its lock is mu
	pending []byte
	spare   []byte
	busy    bool        // somebody is writing, or about to
	held    *time.Timer // flushes held frames at the latest; nil until there were some
	err     error
}

func newWriter(conn io.Writer, ahead func()) *writer {
	w := &writer{conn: conn, ahead: ahead}
	w.room.L = &w.mu
	return w
}

// holdTime is how long a frame is held at the most.
const holdTime = 200 * time.Microsecond

// smallFrame is what surely fits into the socket's buffer next to what is there.
const smallFrame = 32 << 10

// maxPending is how many bytes may wait for a process that does not read before send waits, too.
const maxPending = 4 << 20

// send queues a frame whose payload is the parts one after another, and sees to its being written. A process that does
// not read can hold up the caller: call it without locks, and not on a loop.
func (w *writer) send(kind frameType, flags uint8, slot uint16, id uint32, parts ...[]byte) {
	w.mu.Lock()
	for len(w.pending) > maxPending && w.err == nil {
		w.room.Wait()
	}
	w.mu.Unlock()
	switch pending := w.queue(kind, flags, slot, id, parts...); {
	case pending == 0:
	case pending > smallFrame:
		w.flushBehind()
	default:
		w.flush()
	}
}

// sendBehind is send that never waits.
func (w *writer) sendBehind(kind frameType, flags uint8, slot uint16, id uint32, parts ...[]byte) {
	if w.queue(kind, flags, slot, id, parts...) > 0 {
		w.flushBehind()
	}
}

// queue adds a frame and returns how many bytes the caller now has to flush; 0 leaves that to somebody else.
func (w *writer) queue(kind frameType, flags uint8, slot uint16, id uint32, parts ...[]byte) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0
	}
	w.add(kind, flags, slot, id, parts)
	if w.busy {
		return 0
	}
	w.busy = true
	w.flushing.Add(1)
	return len(w.pending)
}

// hold queues a frame that had better be written together with others: by whoever calls flushHeld, which is expected to
// happen very soon.
func (w *writer) hold(kind frameType, flags uint8, slot uint16, id uint32, parts ...[]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	first := len(w.pending) == 0
	w.add(kind, flags, slot, id, parts)
	switch {
	case w.busy || !first:
	case w.held == nil:
		w.held = time.AfterFunc(holdTime, w.flushHeld)
	default:
		w.held.Reset(holdTime)
	}
}

// gather queues a frame that flushHeld is called for by the caller in the end. It returns how many bytes wait for that.
func (w *writer) gather(kind frameType, flags uint8, slot uint16, id uint32, parts ...[]byte) (pending int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0
	}
	w.add(kind, flags, slot, id, parts)
	return len(w.pending)
}

// flushHeld sees to it that held frames are written.
func (w *writer) flushHeld() {
	w.mu.Lock()
	if w.busy || len(w.pending) == 0 || w.err != nil {
		w.mu.Unlock()
		return
	}
	w.busy = true
	w.flushing.Add(1)
	pending := len(w.pending)
	w.mu.Unlock()
	if pending > smallFrame {
		w.flushBehind()
	} else {
		w.flush()
	}
}

// flushBehind is flush in the background, so that others can add their frames meanwhile. It ends when the frames are
// written or the connection closed.
func (w *writer) flushBehind() { go w.drain(nil, true) }

// add appends a frame to what is pending. w.mu is held.
func (w *writer) add(kind frameType, flags uint8, slot uint16, id uint32, parts [][]byte) {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	w.pending = appendHeader(w.pending, kind, flags, slot, id, length)
	for _, p := range parts {
		w.pending = append(w.pending, p...)
	}
}

// close lets go of what is pending and takes nothing more. It waits for writes in the background, which end because
// the connection is closed.
func (w *writer) close() {
	w.mu.Lock()
	w.err = net.ErrClosed
	w.pending = nil
	w.room.Broadcast()
	if w.held != nil {
		w.held.Stop()
	}
	w.mu.Unlock()
	w.flushing.Wait()
}

// flush writes until nothing is pending. The caller has set busy. Where the connection can tell that it has no room, a
// goroutine goes on with the rest: this must not hold up a loop.
func (w *writer) flush() { w.drain(nil, false) }

// drain writes what is left of an earlier write, and then until nothing is pending.
func (w *writer) drain(left []byte, wait bool) {
	for {
		if len(left) == 0 {
			if left = w.take(); left == nil {
				w.flushing.Done()
				return
			}
			if w.ahead != nil {
				w.ahead()
			}
		}
		n, err := w.write(left, wait)
		if err != nil {
			w.fail(err)
			left = nil
			continue
		}
		if n == len(left) {
			w.reuse(left)
			left = nil
		} else if left = left[n:]; !wait {
			go w.drain(left, true)
			return
		}
	}
}

func (w *writer) write(out []byte, wait bool) (int, error) {
	if now, ok := w.conn.(interface{ TryWrite([]byte) (int, error) }); ok && !wait {
		return now.TryWrite(out)
	}
	return w.conn.Write(out)
}

// take returns what is pending; nil ends being busy.
func (w *writer) take() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) == 0 || w.err != nil {
		w.busy = false
		return nil
	}
	out := w.pending
	w.pending, w.spare = w.spare[:0], nil
	w.room.Broadcast()
	return out
}

// reuse keeps written bytes for later frames, unless they are many.
func (w *writer) reuse(out []byte) {
	if cap(out) > 1<<20 {
		return
	}
	w.mu.Lock()
	w.spare = out[:0]
	w.mu.Unlock()
}

func (w *writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err, w.pending = err, nil
	w.room.Broadcast()
}
