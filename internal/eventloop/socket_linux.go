package eventloop

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is a connection that a loop waits for. Only its task reads from it and sets the deadline of reads; the rest is
// safe for concurrent use.
type Socket struct {
	loop          *Loop
	id            int32
	local, remote net.Addr

	mu     sync.RWMutex // guards fd against being closed while it is in use
	fd     int
	closed bool

	task     atomic.Pointer[Task]
	readable atomic.Bool
	hungUp   atomic.Bool
	onHangup atomic.Pointer[func()]
	reading  deadline

	writing  sync.Mutex
	expiry   time.Time
	writable chan struct{} // closed when there is room again; nil if nobody waits for it
}

var _ net.Conn = (*Socket)(nil)

const interest = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET

// Adopt takes a connection over, which must not be used any more: a TCP or Unix socket of the net package. On an error
// the connection is as it was.
func (l *Loop) Adopt(conn net.Conn) (*Socket, error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("a %T has no descriptor", conn)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var failure error
	if err := raw.Control(func(old uintptr) { fd, failure = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return nil, err
	}
	if failure != nil {
		return nil, os.NewSyscallError("fcntl", failure)
	}
	s := &Socket{loop: l, fd: fd, local: conn.LocalAddr(), remote: conn.RemoteAddr()}
	if err := l.watch(s); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	_ = conn.Close() // the descriptor is not the only one, so this says nothing to the peer
	return s, nil
}

// watch gives a socket an ID and begins to wait for it.
func (l *Loop) watch(s *Socket) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	for taken := true; taken; _, taken = l.sockets[l.serial] {
		if l.serial++; l.serial <= bellID {
			l.serial = bellID + 1
		}
	}
	s.id = l.serial
	if err := unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, s.fd, &unix.EpollEvent{Events: interest, Fd: s.id}); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	l.sockets[s.id] = s
	return nil
}

// Run starts the task that reads from the socket. The code has to close or release the socket in the end.
func (s *Socket) Run(f func(*Task)) {
	s.readable.Store(true) // whatever came before is found by trying
	s.loop.Go(func(t *Task) {
		s.task.Store(t)
		f(t)
	})
}

// happened takes what epoll tells of the socket.
func (s *Socket) happened(events uint32) {
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		s.readable.Store(true)
		s.unpark()
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		s.lost()
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		s.letWrite()
	}
}

func (s *Socket) lost() {
	if s.hungUp.Swap(true) {
		return
	}
	if f := s.onHangup.Load(); f != nil {
		(*f)()
	}
}

func (s *Socket) unpark() {
	if t := s.task.Load(); t != nil {
		t.Unpark()
	}
}

// OnHangup has f called when the peer has ended its side, or the connection is lost or closed; at once if that has
// happened. It must not block. There is one f; nil takes it back.
func (s *Socket) OnHangup(f func()) {
	if f == nil {
		s.onHangup.Store(nil)
		return
	}
	s.onHangup.Store(&f)
	if s.hungUp.Load() {
		f()
	}
}

// Read implements net.Conn. It parks the task.
func (s *Socket) Read(p []byte) (int, error) {
	for {
		if s.readable.Load() {
			// First, so that what comes after the read is not lost.
			s.readable.Store(false)
			n, err := s.receive(p)
			switch {
			case err == unix.EAGAIN:
			case err == unix.EINTR:
				s.readable.Store(true)
				continue
			case err != nil:
				s.readable.Store(true)
				return 0, s.wrap("read", err)
			case n == 0 && len(p) > 0:
				s.readable.Store(true)
				return 0, io.EOF
			default:
				if n == len(p) || s.hungUp.Load() { // there may be more, of which nothing will tell
					s.readable.Store(true)
				}
				return n, nil
			}
		}
		if s.reading.over() {
			return 0, s.wrap("read", os.ErrDeadlineExceeded)
		}
		s.task.Load().Park()
	}
}

func (s *Socket) receive(p []byte) (int, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	return receive(s.fd, p)
}

// TryWrite writes what there is room for and never waits.
func (s *Socket) TryWrite(p []byte) (int, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return 0, s.wrap("write", net.ErrClosed)
	}
	for written := 0; ; {
		n, err := send(s.fd, p[written:])
		written += max(n, 0)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN || err == nil && written < len(p) && n == 0:
			return written, nil
		case err != nil:
			return written, s.wrap("write", err)
		case written == len(p):
			return written, nil
		}
	}
}

// Write implements net.Conn. It blocks its goroutine while there is no room.
func (s *Socket) Write(p []byte) (int, error) {
	for written := 0; ; {
		n, err := s.TryWrite(p[written:])
		if written += n; err != nil || written == len(p) {
			return written, err
		}
		if err := s.waitForRoom(); err != nil {
			return written, err
		}
	}
}

// waitForRoom returns when there may be room again.
func (s *Socket) waitForRoom() error {
	s.writing.Lock()
	first := s.writable == nil
	if first {
		s.writable = make(chan struct{})
	}
	room, expiry := s.writable, s.expiry
	s.writing.Unlock()
	if first {
		if err := s.expect(interest | unix.EPOLLOUT); err != nil {
			s.letWrite()
			return err
		}
	}
	if expiry.IsZero() {
		<-room
		return nil
	}
	timer := time.NewTimer(time.Until(expiry))
	defer timer.Stop()
	select {
	case <-room:
		return nil
	case <-timer.C:
		return s.wrap("write", os.ErrDeadlineExceeded)
	}
}

// expect changes what the loop is told of the socket. What is so already is told at once.
func (s *Socket) expect(events uint32) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return s.wrap("write", net.ErrClosed)
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(s.loop.poll, unix.EPOLL_CTL_MOD, s.fd, &unix.EpollEvent{Events: events, Fd: s.id}))
}

// letWrite wakes those who wait for room.
func (s *Socket) letWrite() {
	s.writing.Lock()
	room := s.writable
	s.writable = nil
	s.writing.Unlock()
	if room == nil {
		return
	}
	_ = s.expect(interest) // fails for closed ones only
	close(room)
}

// Close implements net.Conn.
func (s *Socket) Close() error {
	fd, err := s.forget()
	if err != nil {
		return err
	}
	err = os.NewSyscallError("close", unix.Close(fd))
	s.unpark()
	s.letWrite()
	s.lost()
	return err
}

// Release gives the connection back to the net package. The socket counts as closed then, unless there was an error.
func (s *Socket) Release() (net.Conn, error) {
	fd, err := s.forget()
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	return net.FileConn(file)
}

// forget takes the socket from the loop and returns its descriptor.
func (s *Socket) forget() (int, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return -1, s.wrap("close", net.ErrClosed)
	}
	s.closed = true
	_ = unix.EpollCtl(s.loop.poll, unix.EPOLL_CTL_DEL, s.fd, nil)
	s.mu.Unlock()
	s.loop.mu.Lock()
	delete(s.loop.sockets, s.id)
	s.loop.mu.Unlock()
	s.readable.Store(true) // a task that is parked finds out by trying
	s.reading.set(time.Time{}, nil)
	return s.fd, nil
}

// LocalAddr implements net.Conn.
func (s *Socket) LocalAddr() net.Addr { return s.local }

// RemoteAddr implements net.Conn.
func (s *Socket) RemoteAddr() net.Addr { return s.remote }

// SetDeadline implements net.Conn.
func (s *Socket) SetDeadline(at time.Time) error {
	return errors.Join(s.SetReadDeadline(at), s.SetWriteDeadline(at))
}

// SetReadDeadline implements net.Conn.
func (s *Socket) SetReadDeadline(at time.Time) error {
	s.reading.set(at, s.unpark)
	return nil
}

// SetWriteDeadline implements net.Conn. It counts for writes that begin to wait later.
func (s *Socket) SetWriteDeadline(at time.Time) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.expiry = at
	return nil
}

func (s *Socket) wrap(op string, err error) error {
	return &net.OpError{Op: op, Net: s.remote.Network(), Source: s.local, Addr: s.remote, Err: err}
}

// deadline is a moment and what happens then.
type deadline struct {
	mu    sync.Mutex
	at    time.Time
	timer *time.Timer
}

func (d *deadline) set(at time.Time, then func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
	switch {
	case at.IsZero():
		if d.timer != nil {
			d.timer.Stop()
		}
	case d.timer == nil:
		d.timer = time.AfterFunc(time.Until(at), then)
	default:
		d.timer.Reset(time.Until(at))
	}
}

func (d *deadline) over() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.at.IsZero() && !time.Now().Before(d.at)
}
