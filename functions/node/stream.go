package node

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

// How much of a stream is on its way at the most, in each direction, and the largest piece that is sent at once.
const (
	streamWindow = 256 << 10
	streamPiece  = 32 << 10
)

// stream is the host's end of an invocation that is an HTTP exchange: a connection whose bytes travel as frames. What
// is written first goes with the invocation itself.
type stream struct {
	program    *Program
	invocation *runtime.Invocation
	ctx        context.Context
	over       func(runtime.Result, error)

	mu      sync.Mutex
	changed *sync.Cond
	started bool
	proc    *process // that has begun the invocation
	id      uint32
	in      []byte        // read by the next Read
	taken   int           // bytes read that the process has not been told of
	ended   bool          // the process sends no more
	room    int           // bytes that the process has room for
	closed  bool          // by our side
	done    bool          // the invocation is over
	failure error         // why
	replied bool          // the process has sent something
	moved   int64         // when a byte came or went last
	looked  int64         // the same when progressed was called last
	gauged  int64         // when used was looked at
	used    time.Duration // processor time of the process then
}

var _ net.Conn = (*stream)(nil)

// Open implements runtime.Program.
func (p *Program) Open(ctx context.Context, inv *runtime.Invocation, over func(runtime.Result, error)) net.Conn {
	s := &stream{program: p, invocation: inv, ctx: ctx, over: over}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// start begins the invocation with the first bytes.
func (s *stream) start(head []byte) {
	inv := *s.invocation
	inv.Event = append([]byte(nil), head...)
	go func() { // ends with the invocation
		result, err := s.program.run(s.ctx, &inv, s)
		s.end(err)
		s.over(result, err)
	}()
}

// end takes the outcome of the invocation.
func (s *stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
	if s.failure == nil {
		s.failure = err
	}
	s.changed.Broadcast()
}

// attach says which process has the invocation now: it has just been sent there, with the first bytes.
func (r *run) attach() {
	s := r.stream
	if s == nil {
		return
	}
	s.mu.Lock()
	s.proc, s.id, s.room = r.proc, r.id, 0
	s.move()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		s.hangUp()
	}
}

// Read implements net.Conn. It returns why the invocation failed once what came before has been read.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	for len(s.in) == 0 && !s.ended && !s.done && !s.closed {
		s.changed.Wait()
	}
	if len(s.in) == 0 || s.closed {
		err := io.EOF
		switch {
		case s.closed:
			err = net.ErrClosed
		case s.failure != nil:
			err = s.failure
		}
		s.mu.Unlock()
		return 0, err
	}
	n := copy(p, s.in)
	if s.in = s.in[n:]; len(s.in) == 0 {
		s.in = nil
	}
	s.taken += n
	give := 0
	if s.taken >= streamWindow/4 && !s.ended && !s.done {
		give, s.taken = s.taken, 0
	}
	proc, id := s.proc, s.id
	s.mu.Unlock()
	if give > 0 {
		var size [4]byte
		binary.LittleEndian.PutUint32(size[:], uint32(give))
		proc.out.send(frameWindow, 0, 0, id, size[:])
	}
	return n, nil
}

// Write implements net.Conn. It waits for the process to take what is written.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	if !s.started && !s.closed {
		s.started = true
		s.mu.Unlock()
		s.start(p)
		return len(p), nil
	}
	sent := 0
	for sent < len(p) {
		for s.room == 0 && !s.done && !s.closed {
			s.changed.Wait()
		}
		if s.done || s.closed {
			s.mu.Unlock()
			return sent, net.ErrClosed
		}
		piece := p[sent:min(len(p), sent+streamPiece, sent+s.room)]
		s.room -= len(piece)
		s.move()
		proc, id := s.proc, s.id
		s.mu.Unlock()
		proc.out.send(frameData, 0, 0, id, piece)
		sent += len(piece)
		s.mu.Lock()
	}
	s.mu.Unlock()
	return sent, nil
}

// Close implements net.Conn: the client has gone away, or has all it wants.
func (s *stream) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed, s.in = true, nil
	started, done := s.started, s.done
	s.changed.Broadcast()
	s.mu.Unlock()
	switch {
	case done:
	case started:
		s.hangUp()
	default:
		s.over(runtime.Result{}, yunduo.Errorf(yunduo.ReasonCanceled, "the caller went away before it had asked anything"))
	}
	return nil
}

// hangUp tells the process that nobody listens any more. The code may bring to an end what it has begun.
func (s *stream) hangUp() {
	s.mu.Lock()
	proc, id := s.proc, s.id
	s.mu.Unlock()
	if proc != nil {
		proc.out.sendBehind(frameHangUp, 0, 0, id)
	}
}

// fail ends the exchange for our side before the process has ended it.
func (s *stream) fail(why *yunduo.Error) {
	s.mu.Lock()
	if s.failure == nil {
		s.failure = why
	}
	s.done = true
	s.changed.Broadcast()
	s.mu.Unlock()
	s.hangUp()
}

// ends tries to end a run that has reached its limit without ending its process, which may serve many others: it does
// if the code of the exchange has nothing left to do once its connection is closed.
func (s *stream) ends(r *run, why *yunduo.Error) bool {
	s.fail(why)
	if r.begun.Load() == 0 || s.program.bundle.Concurrency == 1 {
		return false
	}
	limit := time.NewTimer(hangLimit)
	defer limit.Stop()
	select {
	case o := <-r.done:
		return !o.again
	case <-limit.C:
		return false
	}
}

// deadline is until when the exchange may go on if it began at a time and has the limit until it replies: from then on
// it lasts as long as something moves now and then.
func (s *stream) deadline(first time.Time) (last time.Time, replied bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.replied {
		return first, false
	}
	return clock.Add(time.Duration(s.moved)).Add(max(s.invocation.Idle, s.program.bundle.Limits.Timeout)), true
}

// gaugeEvery is how exact it is known what a process had used when something moved.
const gaugeEvery = 20 * time.Millisecond

// move notes that a byte comes or goes. s.mu is held.
func (s *stream) move() {
	s.moved = now()
	if s.moved-s.gauged < int64(gaugeEvery) {
		return
	}
	if used, ok := processTime(s.proc.child.process); ok {
		s.gauged, s.used = s.moved, used
	}
}

// progressed reports whether something has moved since it was asked last, after the first byte of a reply, and what
// processor time the process had used then.
func (s *stream) progressed() (used time.Duration, moved bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	moved = s.replied && s.moved != s.looked
	s.looked = s.moved
	return s.used, moved
}

// take takes a frame of the process.
func (s *stream) take(kind frameType, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed.Broadcast()
	switch kind {
	case frameData:
		if s.ended || len(s.in)+s.taken+len(payload) > streamWindow+streamPiece {
			return fmt.Errorf("%d bytes of a stream that has no room for them", len(payload))
		}
		s.replied = true
		s.move()
		switch {
		case s.closed: // nobody reads it: as good as read
		case len(s.in) == 0:
			s.in = payload
		default:
			s.in = append(s.in, payload...)
		}
	case frameEnd:
		s.ended = true
	case frameWindow:
		if len(payload) != 4 {
			return fmt.Errorf("window frame of %d bytes", len(payload))
		}
		if s.room += int(binary.LittleEndian.Uint32(payload)); s.room > 2*streamWindow {
			return fmt.Errorf("a window of %d bytes", s.room)
		}
	}
	return nil
}

// stream takes a frame that belongs to an exchange. One that is over already has no use for it.
func (p *process) stream(h frameHeader, payload []byte) error {
	p.mu.Lock()
	r := p.runs[h.id]
	p.mu.Unlock()
	if r == nil || r.stream == nil {
		if h.id == 0 || h.id > p.lastID.Load() || r != nil {
			return fmt.Errorf("unexpected frame of type %d for invocation %d", h.kind, h.id)
		}
		return nil
	}
	return r.stream.take(h.kind, payload)
}

// streamAddress is the address of both ends.
type streamAddress struct{}

func (streamAddress) Network() string { return "function" }
func (streamAddress) String() string  { return "function" }

// LocalAddr implements net.Conn.
func (s *stream) LocalAddr() net.Addr { return streamAddress{} }

// RemoteAddr implements net.Conn.
func (s *stream) RemoteAddr() net.Addr { return streamAddress{} }

// SetDeadline implements net.Conn; there are none, the invocation has a limit of its own.
func (s *stream) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline implements net.Conn; see SetDeadline.
func (s *stream) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline implements net.Conn; see SetDeadline.
func (s *stream) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
