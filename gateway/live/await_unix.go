//go:build unix

package live

import (
	"errors"
	"net"
	"syscall"

	"github.com/gobwas/ws"
)

// first are the first bytes that a client says after a silence.
type first struct {
	bytes [16]byte
	count int
}

// read reads what has come; false if nothing has.
func (f *first) read(fd uintptr) bool {
	for {
		n, err := syscall.Read(int(fd), f.bytes[:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return false
		}
		f.count = max(n, 0)
		return true // with an error, which comes again
	}
}

// isPong reports whether they are the whole answer to a ping, and nothing else.
func (f *first) isPong() bool {
	return f.count >= 6 && f.bytes[0] == 0x80|byte(ws.OpPong) && f.bytes[1] == 0x80|byte(f.count-6)
}

// canAwait reports whether it is possible to wait for a connection without reading from it.
func canAwait(conn net.Conn) bool {
	_, ok := conn.(syscall.Conn)
	return ok
}

// await waits until the client says something. Its goroutine is most of what an idle socket costs, so it does nothing
// that needs a large stack.
func (s *Socket) await() {
	s.first.count = 0
	if conn, ok := s.conn.(syscall.Conn); ok {
		if raw, err := conn.SyscallConn(); err == nil {
			for raw.Read(s.first.read) == nil && s.first.isPong() {
				s.heard.Store(true)
				s.first.count = 0
			}
		}
	}
	go s.serve(s.first.bytes[:s.first.count])
}
