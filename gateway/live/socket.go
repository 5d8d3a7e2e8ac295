package live

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"yunduo"
)

// Protocol is what a surface speaks on its sockets. Its methods are called by the socket's reader, one at a time,
// except for those that say otherwise.
type Protocol interface {
	// Receive takes a message. An error ends the socket.
	Receive(ctx context.Context, message []byte) error
	// Recheck finds out whether the client's credentials still hold. It is called now and then, at any time.
	Recheck(ctx context.Context) error
	// Farewell returns the messages that tell why the socket ends, and the code to close it with. Called at any time.
	Farewell(err error) ([][]byte, websocket.StatusCode)
	// Quiet returns messages for a client to which nothing was sent for long. Called at any time.
	Quiet() [][]byte
	// Closed releases what the client had. Called once, last.
	Closed()
}

// Source has messages to send after it was woken.
type Source interface {
	// Messages returns what is to be sent now, in order; none if there is nothing.
	Messages() [][]byte
}

// Socket is one client's connection. What it has to say is fetched when the client takes it, so that a slow client
// costs nothing but its own delay.
type Socket struct {
	all      *Sockets
	conn     *websocket.Conn
	protocol Protocol
	ctx      context.Context
	cancel   context.CancelFunc
	limit    *time.Timer // for the first credentials, then for their renewal
	ping     *time.Timer

	mu       sync.Mutex
	replies  [][]byte
	ready    []Source
	waiting  map[Source]struct{} // those in ready
	writing  bool
	room     chan struct{} // closed when replies are taken; nil if nobody waits
	session  string
	quiet    time.Time // when tokens were sent last
	ending   bool
	farewell error
}

// Accept turns a request into a socket on which speak's protocol runs, and returns at once. The reasons of errors are
// permission_denied for a page of another origin and shutting_down. subprotocols are those that the server knows.
func (s *Sockets) Accept(w http.ResponseWriter, r *http.Request, subprotocols []string, speak func(*Socket) Protocol) error {
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		return yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping")
	}
	s.follow()
	s.work.Add(1)
	s.mu.Unlock()
	// Origins were looked at before, by our own list.
	conn, err := websocket.Accept(slimWriter{w}, r, &websocket.AcceptOptions{Subprotocols: subprotocols, InsecureSkipVerify: true})
	if err != nil {
		s.work.Done()
		return nil // it has answered
	}
	conn.SetReadLimit(MaxMessage)
	socket := &Socket{all: s, conn: conn, quiet: time.Now()}
	// The request's context ends with its handler, and would keep the request.
	socket.ctx, socket.cancel = context.WithCancel(yunduo.WithRequestID(context.Background(), yunduo.RequestID(r.Context())))
	socket.limit = time.AfterFunc(LoginTime, func() {
		socket.End(yunduo.Errorf(yunduo.ReasonTokenMissing, "no credentials came within %d seconds", int(LoginTime.Seconds())))
	})
	socket.ping = time.AfterFunc(pingInterval, socket.beat)
	socket.protocol = speak(socket)
	s.mu.Lock()
	s.open[socket] = struct{}{}
	draining := s.draining
	s.mu.Unlock()
	if draining {
		socket.End(yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping; connect again"))
	}
	go socket.read() // a goroutine of its own: the stack of the request's is several times larger
	return nil
}

// Belongs says whose socket it is: it ends with the session, and when the credentials expire unless they are renewed
// before. A zero expiry is none.
func (s *Socket) Belongs(caller yunduo.Caller, expires time.Time) {
	if expires.IsZero() {
		s.limit.Stop()
	} else {
		s.limit.Reset(time.Until(expires))
	}
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	s.all.leaveSession(s)
	s.session = caller.SessionID
	if s.session == "" {
		return
	}
	if s.all.sessions[s.session] == nil {
		s.all.sessions[s.session] = map[*Socket]struct{}{}
	}
	s.all.sessions[s.session][s] = struct{}{}
}

// leaveSession is the undoing of Belongs. The caller holds mu.
func (s *Sockets) leaveSession(socket *Socket) {
	delete(s.sessions[socket.session], socket)
	if len(s.sessions[socket.session]) == 0 {
		delete(s.sessions, socket.session)
	}
}

// read takes messages until the socket ends.
func (s *Socket) read() {
	defer s.all.work.Done()
	defer s.close()
	defer s.survive()
	for {
		kind, message, err := s.conn.Read(s.ctx)
		if err != nil {
			return
		}
		switch {
		case s.isEnding(): // what comes now is of no use
		case kind != websocket.MessageText:
			s.End(yunduo.Errorf(yunduo.ReasonMalformedJSON, "messages are text"))
		default:
			if err := s.protocol.Receive(s.ctx, message); err != nil {
				s.End(err)
			}
		}
	}
}

// survive keeps a panic to the one socket.
func (s *Socket) survive() {
	if p := recover(); p != nil {
		s.all.options.Logger.Error("socket panicked", "request_id", yunduo.RequestID(s.ctx), "panic", p, "stack", string(debug.Stack()))
		_ = s.conn.CloseNow()
	}
}

func (s *Socket) close() {
	s.cancel()
	s.limit.Stop()
	s.ping.Stop()
	_ = s.conn.CloseNow()
	s.all.mu.Lock()
	delete(s.all.open, s)
	s.all.leaveSession(s)
	s.all.mu.Unlock()
	s.protocol.Closed()
}

// Reply sends a message of the protocol itself. When the client does not take its replies, nothing is read from it
// until it does. It is called by the reader only.
func (s *Socket) Reply(message []byte) {
	s.mu.Lock()
	for len(s.replies) >= maxReplies && !s.ending {
		if s.room == nil {
			s.room = make(chan struct{})
		}
		room := s.room
		s.mu.Unlock()
		select {
		case <-room:
		case <-s.ctx.Done():
			return
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	s.replies = append(s.replies, message)
	s.start()
}

// Wake makes the socket send what the source has. It never blocks.
func (s *Socket) Wake(source Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.waiting[source]; ok || s.ending {
		return
	}
	if s.waiting == nil {
		s.waiting = map[Source]struct{}{}
	}
	s.waiting[source] = struct{}{}
	s.ready = append(s.ready, source)
	s.start()
}

// End tells the client why and closes the socket. It may be called more than once; the first error counts.
func (s *Socket) End(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return
	}
	s.ending, s.farewell = true, err
	s.start()
}

func (s *Socket) isEnding() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending
}

// start makes sure that somebody writes. The caller holds mu.
func (s *Socket) start() {
	if !s.writing {
		s.writing = true
		go s.write()
	}
}

// write sends until there is nothing left: there is a writer only while there is something to write.
func (s *Socket) write() {
	defer s.survive()
	for {
		s.mu.Lock()
		replies := s.replies
		s.replies = nil
		if s.room != nil {
			close(s.room)
			s.room = nil
		}
		var source Source
		switch {
		case len(replies) > 0:
		case s.ending:
			s.mu.Unlock()
			s.finish()
			return
		case len(s.ready) > 0:
			source, s.ready = s.ready[0], s.ready[1:]
			delete(s.waiting, source)
		default:
			s.writing, s.ready, s.waiting = false, nil, nil
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		if source != nil {
			replies = source.Messages()
		}
		for _, message := range replies {
			if err := s.send(message); err != nil {
				return // and stay the writer: nothing can be written any more
			}
		}
	}
}

func (s *Socket) send(message []byte) error {
	ctx, cancel := context.WithTimeout(s.ctx, writeTime)
	defer cancel()
	err := s.conn.Write(ctx, websocket.MessageText, message)
	if err != nil && s.ctx.Err() == nil {
		if errors.Is(err, context.DeadlineExceeded) {
			s.all.options.Logger.Info("client cut off: it takes too slowly", "request_id", yunduo.RequestID(s.ctx))
		}
		_ = s.conn.CloseNow()
		s.cancel()
	}
	return err
}

// finish says farewell. The reader ends when the client has answered, or does not.
func (s *Socket) finish() {
	messages, code := s.protocol.Farewell(s.farewell)
	for _, message := range messages {
		if s.send(message) != nil {
			return
		}
	}
	reason := string(yunduo.ReasonOf(s.farewell))
	// The text of a close is what many clients log: one word, no detail.
	_ = s.conn.Close(code, strings.ToValidUTF8(reason, ""))
	s.cancel()
}

// beat finds out whether the client is there and still may be.
func (s *Socket) beat() {
	ctx, cancel := context.WithTimeout(s.ctx, pingInterval)
	err := s.conn.Ping(ctx)
	cancel()
	if err != nil {
		_ = s.conn.CloseNow()
		return
	}
	s.recheck()
	s.mu.Lock()
	due := time.Since(s.quiet) >= tokenInterval
	if due {
		s.quiet = time.Now()
	}
	s.mu.Unlock()
	if due {
		if messages := s.protocol.Quiet(); len(messages) > 0 {
			s.Wake(&said{messages})
		}
	}
	s.ping.Reset(pingInterval)
}

// said is a source of messages that are known already.
type said struct{ messages [][]byte }

func (s *said) Messages() [][]byte { return s.messages }

func (s *Socket) recheck() {
	if err := s.protocol.Recheck(s.ctx); err != nil && s.ctx.Err() == nil {
		s.End(err)
	}
}
