package fastlane

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"yunduo/internal/eventloop"
)

// connection serves the requests of one client, one after another.
type connection struct {
	server *Server
	remote string
	state  atomic.Int32

	mu   sync.Mutex // guards conn against being closed by others while it changes
	conn net.Conn

	// On the loop, else nil.
	socket *eventloop.Socket
	task   *eventloop.Task
	base   context.Context // of the contexts of requests
	hangUp context.CancelFunc
	// How many requests have been handled on it lately, how many of them kept it for too long, and how many are yet to
	// be handled beside it for that.
	handled, blocked, apart int

	// What has been read and not used is buf[start:end]. While a handler runs, the watch may append to it.
	buf        []byte
	start, end int
	deadline   time.Time // of reads, as set on conn

	parser   parser
	response response
	watch    watch
	exchange Exchange
}

// States of a connection. An idle one may be closed at any time; an active one has a request to answer first.
const (
	stateIdle int32 = iota
	stateActive
	stateClosed
)

func newConnection(s *Server, conn net.Conn) *connection {
	c := &connection{server: s, conn: conn, remote: conn.RemoteAddr().String(), base: context.Background(), buf: make([]byte, maxHead)}
	c.response.init(c)
	c.watch.init(c)
	c.exchange.c = c
	return c
}

// endIfIdle closes the connection unless a request is being answered.
func (c *connection) endIfIdle() {
	if c.state.CompareAndSwap(stateIdle, stateClosed) {
		c.closeConn()
	}
}

func (c *connection) close() {
	c.state.Store(stateClosed)
	c.closeConn()
}

func (c *connection) closeConn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.conn.Close()
}

// serve answers requests until the connection ends, is handed over or moves to the loop.
func (c *connection) serve() {
	for c.next() {
	}
	if c.socket == nil || c.task != nil {
		c.server.remove(c)
		return
	}
	c.server.gone.Add(1)
	c.socket.Run(func(t *eventloop.Task) {
		defer c.server.gone.Done()
		c.task = t
		c.base, c.hangUp = context.WithCancel(eventloop.WithTask(context.Background(), t))
		defer c.hangUp()
		c.watch.onLoop()
		c.serve()
	})
}

// move takes the connection to the loop, if it can be.
func (c *connection) move() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	socket, err := c.server.loop.Adopt(c.conn)
	if err != nil {
		return false // it stays where it is
	}
	c.conn, c.socket = socket, socket
	c.deadline = time.Time{}
	return true
}

// next answers one request and reports whether another one may follow.
func (c *connection) next() bool {
	head, ok := c.head()
	if !ok {
		return false
	}
	if !c.parser.read(head) {
		c.handOver()
		return false
	}
	quick := c.server.loop != nil && c.server.quick.Takes(c.parser.url.Path, c.buf[c.start+len(head):c.end])
	if quick && c.socket == nil && c.move() {
		return false
	}
	c.start += len(head)
	text, whole := c.body()
	c.response.begin()
	c.makeRoom(quick)
	if quick && whole && c.task != nil {
		ok = c.serveQuick(text)
	} else {
		ok = c.serveHTTP(text, whole)
	}
	if !ok || c.response.finish() != nil || !whole {
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

// request makes a request of what has been read.
func (c *connection) request(ctx context.Context, text []byte, whole bool) *http.Request {
	r := blank.WithContext(ctx)
	c.parser.request(r)
	r.RemoteAddr = c.remote
	switch {
	case !whole:
		r.Body = &body{rest: text, err: io.ErrUnexpectedEOF}
	case len(text) == 0:
		r.Body = http.NoBody
	default:
		r.Body = &body{rest: text}
	}
	return r
}

// serveHTTP runs the ordinary handler; false if it did not end in an answer.
func (c *connection) serveHTTP(text []byte, whole bool) bool {
	ctx, cancel := context.WithCancel(c.base)
	defer cancel()
	return c.handle(cancel, func() {
		c.server.http.Handler.ServeHTTP(&c.response, c.request(ctx, text, whole))
	})
}

// serveQuick has a request answered without the ordinary handler, if that can be.
func (c *connection) serveQuick(text []byte) (ok bool) {
	x := &c.exchange
	x.Body, x.Unchanged = text, x.served && !c.parser.changed
	taken := false
	ok = c.handle(c.hangUp, func() { taken = c.server.quick.Serve(x) })
	x.Body, x.served = nil, ok && taken
	if ok && !taken {
		return c.serveHTTP(text, true)
	}
	return ok
}

// handle runs a handler; false if it did not end in an answer. cancel is called when the client goes away meanwhile.
func (c *connection) handle(cancel context.CancelFunc, handler func()) (ok bool) {
	c.watch.begin(cancel)
	defer func() {
		c.watch.end()
		c.judge()
		if p := recover(); p != nil {
			ok = false
			if e, is := p.(error); !is || !errors.Is(e, http.ErrAbortHandler) {
				c.server.log.Error("handler panicked", "panic", p, "stack", string(debug.Stack()))
			}
		}
	}()
	handler()
	return true
}

const (
	apartFor  = 64 // requests of a connection that are handled beside the loop after it has been blocked often
	blockings = 4  // this often, within
	judged    = 64 // so many requests; now and then the loop is lost for want of a processor only
)

// judge counts how often the connection's requests keep the loop for too long.
func (c *connection) judge() {
	if c.task == nil || c.apart > 0 {
		return
	}
	if !c.task.OnLoop() {
		c.blocked++
	}
	if c.handled++; c.handled < judged && c.blocked < blockings {
		return
	}
	if c.blocked >= blockings {
		c.apart = apartFor
	}
	c.handled, c.blocked = 0, 0
}

// makeRoom lets the loop go on without this connection while it handles a request that may block.
func (c *connection) makeRoom(quick bool) {
	switch {
	case c.task == nil:
	case c.apart > 0:
		c.apart--
		c.task.Leave()
	case !quick:
		c.task.Leave()
	}
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
	if !c.state.CompareAndSwap(stateIdle, stateActive) && c.state.Load() != stateActive { // it is active when it has just moved
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

// body returns the request's body, in bytes of its own; whole is false if it did not come whole.
func (c *connection) body() (text []byte, whole bool) {
	length := c.parser.length
	if length == 0 {
		return nil, true
	}
	text = make([]byte, length)
	n := copy(text, c.buf[c.start:c.end])
	c.start += n
	if n < length {
		c.waitExactly(bodyTime)
		more, err := io.ReadFull(c.conn, text[n:])
		return text[:n+more], err == nil
	}
	return text, true
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

// Whole returns the body, which belongs to the caller then; ok is false if it did not come whole.
func (b *body) Whole() (text []byte, ok bool) {
	text, b.rest = b.rest, nil
	return text, b.err == nil
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
	if c.task != nil {
		c.task.Leave()
		conn, err := c.socket.Release()
		if err != nil {
			c.close()
			return
		}
		c.mu.Lock()
		c.conn = conn
		c.mu.Unlock()
	}
	c.server.over.give(&handed{Conn: c.conn, read: bytes.Clone(c.buf[c.start:c.end])})
}
