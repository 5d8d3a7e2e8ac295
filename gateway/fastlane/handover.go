package fastlane

import (
	"io"
	"net"
	"sync"
)

// handover is the listener on which net/http gets the connections that are not for the fast lane.
type handover struct {
	address     net.Addr
	connections chan net.Conn
	closed      chan struct{}
	once        sync.Once
}

// Accept implements net.Listener.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.connections:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// give hands a connection over, or closes it if nobody takes connections any more.
func (h *handover) give(c net.Conn) {
	select {
	case h.connections <- c:
	case <-h.closed:
		_ = c.Close()
	}
}

// Close implements net.Listener.
func (h *handover) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener.
func (h *handover) Addr() net.Addr { return h.address }

// handed is a connection of which something has been read already.
type handed struct {
	net.Conn
	read []byte
}

// Read implements net.Conn.
func (h *handed) Read(p []byte) (int, error) {
	if len(h.read) > 0 {
		n := copy(p, h.read)
		h.read = h.read[n:]
		return n, nil
	}
	return h.Conn.Read(p)
}

// Plain returns the connection itself once all that was read of it before has been read here.
func (h *handed) Plain() net.Conn {
	if len(h.read) > 0 {
		return h
	}
	return h.Conn
}

// ReadFrom lets net/http send files without copying them.
func (h *handed) ReadFrom(r io.Reader) (int64, error) {
	if to, ok := h.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{h.Conn}, r)
}

// CloseWrite lets net/http end its side first.
func (h *handed) CloseWrite() error {
	if c, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
