package node

import (
	"bytes"
	"errors"
	"sync"
	"testing"
)

// narrow is a connection that has room for a few bytes at a time, when somebody makes room.
type narrow struct {
	mu     sync.Mutex
	moved  sync.Cond
	room   int
	got    bytes.Buffer
	broken error
}

func newNarrow() *narrow {
	n := &narrow{}
	n.moved.L = &n.mu
	return n
}

func (n *narrow) TryWrite(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.take(p), n.broken
}

func (n *narrow) take(p []byte) int {
	size := min(len(p), n.room)
	n.room -= size
	n.got.Write(p[:size])
	n.moved.Broadcast()
	return size
}

func (n *narrow) Write(p []byte) (written int, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for written < len(p) && n.broken == nil {
		if size := n.take(p[written:]); size > 0 {
			written += size
			continue
		}
		n.moved.Wait()
	}
	return written, n.broken
}

func (n *narrow) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	n.moved.Broadcast()
}

func (n *narrow) wait(bytes int) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	for n.got.Len() < bytes {
		n.moved.Wait()
	}
	return n.got.Bytes()
}

// Without room, flushing returns at once, and what is left arrives in order when there is.
func TestWriter_NoRoom(t *testing.T) {
	conn := newNarrow()
	conn.room = 5
	w := newWriter(conn, nil)
	var want []byte
	for i := range 50 {
		payload := bytes.Repeat([]byte{byte(i)}, 100)
		w.gather(frameInvoke, 0, 0, uint32(i), payload)
		w.flushHeld()
		want = append(appendHeader(want, frameInvoke, 0, 0, uint32(i), len(payload)), payload...)
	}
	for range 3 {
		conn.change(func() { conn.room += 7 })
	}
	conn.change(func() { conn.room = len(want) })
	if got := conn.wait(len(want)); !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived, not as they were sent", len(got))
	}
	w.close()
}

// Who sends to a process that does not read waits in the end, and is let go when the process is gone.
func TestWriter_SendersWait(t *testing.T) {
	for name, end := range map[string]func(*narrow, *writer){
		"room":   func(n *narrow, _ *writer) { n.change(func() { n.room = 1 << 40 }) },
		"broken": func(n *narrow, _ *writer) { n.change(func() { n.broken = errors.New("gone") }) },
	} {
		t.Run(name, func(t *testing.T) {
			conn := newNarrow()
			w := newWriter(conn, nil)
			var senders sync.WaitGroup
			const large, count = 1 << 20, 20
			for i := range count {
				senders.Go(func() { w.send(frameReply, 0, 0, uint32(i), make([]byte, large)) })
			}
			w.mu.Lock()
			held := len(w.pending)
			w.mu.Unlock()
			if held > maxPending+large+headerSize {
				t.Errorf("%d bytes wait", held)
			}
			end(conn, w)
			senders.Wait()
			if conn.broken == nil {
				conn.wait(count * (large + headerSize))
			}
			w.close()
		})
	}
}
