package fastlane

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// connection serves the requests of one client, one after another.
type connection struct {
	server *Server
	conn   net.Conn
	remote string
	state  atomic.Int32

	// What has been read and not used is buf[start:end]. While a handler runs, the watch may append to it.
	buf        []byte
	start, end int
	deadline   time.Time // of reads, as set on conn

	parser   parser
	response response
	watch    watch
}

// States of a connection. An idle one may be closed at any time; an active one has a request to answer first.
const (
	stateIdle int32 = iota
	stateActive
	stateClosed
)

func newConnection(s *Server, conn net.Conn) *connection {
	c := &connection{server: s, conn: conn, remote: conn.RemoteAddr().String(), buf: make([]byte, maxHead)}
	c.response.init(c)
	c.watch.init(c)
	return c
}

// endIfIdle closes the connection unless a request is being answered.
func (c *connection) endIfIdle() {
	if c.state.CompareAndSwap(stateIdle, stateClosed) {
		_ = c.conn.Close()
	}
}

func (c *connection) close() {
	c.state.Store(stateClosed)
	_ = c.conn.Close()
}

// serve answers requests until the connection ends or is handed over.
func (c *connection) serve() {
	defer c.server.remove(c)
	for c.next() {
	}
}

// next answers one request and reports whether another one may follow.
func (c *connection) next() bool {
	head, ok := c.head()
	if !ok {
		return false
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := blank.WithContext(ctx)
	if !c.parser.parse(head, r) {
		c.handOver()
		return false
	}
	c.start += len(head)
	r.RemoteAddr = c.remote
	whole := c.body(r)
	if !c.handle(r, cancel) || c.response.finish() != nil || !whole {
		c.close()
		return false
	}
	if !c.state.CompareAndSwap(stateActive, stateIdle) || c.response.last {
		c.close()
		return false
	}
	if c.server.closing.Load() { // the server began to stop while this request ran
		c.endIfIdle()
		return false
	}
	return true
}

// blank is what requests are made of: WithContext is the only way to give them a context, and copies.
var blank http.Request

// handle runs the handler; false if it did not end in an answer. cancel ends the request's context.
func (c *connection) handle(r *http.Request, cancel context.CancelFunc) (ok bool) {
	c.response.begin()
	c.watch.begin(cancel)
	defer func() {
		c.watch.end()
		if p := recover(); p != nil {
			ok = false
			if e, is := p.(error); !is || !errors.Is(e, http.ErrAbortHandler) {
				c.server.log.Error("handler panicked", "panic", p, "stack", string(debug.Stack()))
			}
		}
	}()
	c.server.http.Handler.ServeHTTP(&c.response, r)
	return true
}

// head returns request line and headers with the empty line behind them, without using them up. What is too long for
// the buffer or was cut off is returned as far as it came: the parser will not take it. ok is false when the connection
// has ended.
func (c *connection) head() (head []byte, ok bool) {
	if c.start == c.end {
		c.start, c.end = 0, 0
		c.wait(c.server.http.IdleTimeout)
		if c.fill() != nil {
			c.close()
			return nil, false
		}
	}
	if !c.state.CompareAndSwap(stateIdle, stateActive) {
		return nil, false
	}
	searched := c.start
	for waited := false; ; waited = true {
		if n := endOfHead(c.buf[searched:c.end]); n > 0 {
			return c.buf[c.start : searched+n], true
		}
		searched = max(c.start, c.end-2)
		if c.start > 0 {
			copy(c.buf, c.buf[c.start:c.end])
			c.end -= c.start
			searched -= c.start
			c.start = 0
		}
		if c.end == len(c.buf) {
			return c.buf[:c.end], true
		}
		if !waited {
			c.waitExactly(c.server.http.ReadHeaderTimeout)
		}
		if c.fill() != nil {
			return c.buf[:c.end], true
		}
	}
}

// endOfHead returns the length of what ends in an empty line, 0 if nothing does. Line ends without a carriage return
// count here: the parser does not take them, but there is no more to wait for.
func endOfHead(text []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(text[from:], '\n')
		if i < 0 {
			return 0
		}
		from += i + 1
		switch rest := text[from:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return from + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return from + 2
		}
	}
}

// body gives the request its body, in bytes of its own; false if it did not come whole, which the handler learns when
// it reads.
func (c *connection) body(r *http.Request) bool {
	length := int(r.ContentLength)
	if length == 0 {
		r.Body = http.NoBody
		return true
	}
	text := make([]byte, length)
	n := copy(text, c.buf[c.start:c.end])
	c.start += n
	var err error
	if n < length {
		c.waitExactly(bodyTime)
		var more int
		more, err = io.ReadFull(c.conn, text[n:])
		n += more
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	}
	r.Body = &body{rest: text[:n], err: err}
	return err == nil
}

// body is a request's body.
type body struct {
	rest []byte
	err  error // after the rest; nil is io.EOF
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	switch {
	case len(b.rest) > 0:
		n := copy(p, b.rest)
		b.rest = b.rest[n:]
		return n, nil
	case b.err != nil:
		return 0, b.err
	}
	return 0, io.EOF
}

// Close implements io.Closer.
func (b *body) Close() error { return nil }

func (c *connection) fill() error {
	n, err := c.conn.Read(c.buf[c.end:])
	c.end += n
	if n > 0 {
		return nil
	}
	return err
}

// wait sets how long reads may take, about: a deadline that is nearly right is left alone, since setting it costs more
// than all else between two requests.
func (c *connection) wait(d time.Duration) {
	if d <= 0 {
		if !c.deadline.IsZero() {
			c.setDeadline(time.Time{})
		}
		return
	}
	at := time.Now().Add(d)
	if off := at.Sub(c.deadline); off < 0 || off > time.Second {
		c.setDeadline(at)
	}
}

func (c *connection) waitExactly(d time.Duration) {
	if d <= 0 {
		c.setDeadline(time.Time{})
		return
	}
	c.setDeadline(time.Now().Add(d))
}

func (c *connection) setDeadline(at time.Time) {
	c.deadline = at
	_ = c.conn.SetReadDeadline(at) // a connection that has ended says so when it is read
}

// handOver gives the connection to net/http, with what has been read of it.
func (c *connection) handOver() {
	c.setDeadline(time.Time{})
	c.server.over.give(&handed{Conn: c.conn, read: bytes.Clone(c.buf[c.start:c.end])})
}
