package live

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

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
	Farewell(err error) ([][]byte, ws.StatusCode)
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
// costs nothing but its own delay. While nothing happens it has no buffers, and no goroutine but a small one that waits
// for the client.
type Socket struct {
	all      *Sockets
	conn     net.Conn
	protocol Protocol
	request  string // ID of the handshake
	timer    *time.Timer
	heard    atomic.Bool // from the client, since the last ping
	first    first
	turn     context.Context // while something is read: ends with the connection

	mu       sync.Mutex
	cancel   context.CancelFunc // of turn
	replies  []frame
	ready    []Source
	writing  bool
	room     chan struct{} // closed when replies are taken; nil if nobody waits
	expires  time.Time     // of the credentials, or of the time to give some; zero if never
	pinged   time.Time
	quiet    time.Time // when tokens were sent last
	ending   bool
	left     bool // the client has said that it goes, or nothing more is to be heard from it
	said     bool // the last frame was sent
	gone     bool // it was released
	farewell error
	goodbye  []byte // what to answer a client that goes; nil without a code

	// Sockets of one session are a ring; guarded by all.mu.
	session    string
	next, prev *Socket
}

// Accept turns a request into a socket on which speak's protocol runs, and returns at once. The reasons of errors are
// invalid_request for one that is no handshake and shutting_down. subprotocols are those that the server knows.
func (s *Sockets) Accept(w http.ResponseWriter, r *http.Request, subprotocols []string, speak func(*Socket) Protocol) error {
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		return yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping")
	}
	s.follow()
	s.work.Add(1)
	s.mu.Unlock()
	conn, early, err := handshake(w, r, subprotocols)
	if err != nil {
		s.work.Done()
		return err
	}
	now := time.Now()
	socket := &Socket{all: s, conn: conn, request: yunduo.RequestID(r.Context()), quiet: now, pinged: now, expires: now.Add(LoginTime)}
	socket.heard.Store(true)
	socket.writing = true // nobody speaks before there is a protocol
	protocol := speak(socket)
	socket.mu.Lock()
	socket.protocol = protocol
	socket.writing = false
	socket.start()
	socket.timer = time.AfterFunc(time.Hour, socket.beat)
	socket.schedule()
	socket.mu.Unlock()
	s.mu.Lock()
	s.open[socket] = struct{}{}
	draining := s.draining
	s.mu.Unlock()
	if draining {
		socket.End(yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping; connect again"))
	}
	if len(early) > 0 {
		go socket.serve(early)
	} else {
		go socket.await()
	}
	return nil
}

// Belongs says whose socket it is: it ends with the session, and when the credentials expire unless they are renewed
// before. A zero expiry is none.
func (s *Socket) Belongs(caller yunduo.Caller, expires time.Time) {
	s.mu.Lock()
	s.expires = expires
	s.schedule()
	s.mu.Unlock()
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	s.all.leaveSession(s)
	if s.session = caller.SessionID; s.session == "" {
		return
	}
	if other := s.all.sessions[s.session]; other != nil {
		s.next, s.prev = other, other.prev
		s.next.prev, s.prev.next = s, s
		return
	}
	s.next, s.prev = s, s
	s.all.sessions[s.session] = s
}

// leaveSession is the undoing of Belongs. The caller holds mu.
func (s *Sockets) leaveSession(socket *Socket) {
	if socket.session == "" {
		return
	}
	if socket.next == socket {
		delete(s.sessions, socket.session)
	} else {
		s.sessions[socket.session] = socket.next
		socket.next.prev, socket.prev.next = socket.prev, socket.next
	}
	socket.session, socket.next, socket.prev = "", nil, nil
}

// Reply sends a message of the protocol itself. When the client does not take its replies, nothing is read from it
// until it does. It is called by the reader only.
func (s *Socket) Reply(message []byte) { s.reply(frame{ws.OpText, message}) }

func (s *Socket) reply(f frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.replies) >= maxReplies && !s.ending {
		if s.room == nil {
			s.room = make(chan struct{})
		}
		room := s.room
		s.mu.Unlock()
		select {
		case <-room:
		case <-s.turn.Done():
		}
		s.mu.Lock()
		if s.turn.Err() != nil {
			return
		}
	}
	s.replies = append(s.replies, f)
	s.start()
}

// Wake makes the socket send what the source has. It never blocks.
func (s *Socket) Wake(source Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending || slices.Contains(s.ready, source) {
		return
	}
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

// abort ends the connection without a word.
func (s *Socket) abort() {
	_ = s.conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		s.cancel()
	}
}

// schedule sets the timer to what is due next. The caller holds mu.
func (s *Socket) schedule() {
	if s.gone || s.timer == nil {
		return
	}
	due := s.pinged.Add(pingInterval)
	if !s.expires.IsZero() && s.expires.Before(due) {
		due = s.expires
	}
	s.timer.Reset(max(time.Until(due), 0))
}

// beat finds out whether the client is there and still may be.
func (s *Socket) beat() {
	defer s.survive()
	now := time.Now()
	s.mu.Lock()
	if !s.expires.IsZero() && !now.Before(s.expires) {
		s.mu.Unlock()
		s.End(yunduo.Errorf(yunduo.ReasonTokenMissing, "no credentials came in time"))
		return
	}
	if now.Sub(s.pinged) < pingInterval {
		s.schedule()
		s.mu.Unlock()
		return
	}
	s.pinged = now
	busy := s.writing // then the time to write decides about the client
	if !busy && !s.heard.Swap(false) {
		s.mu.Unlock()
		s.abort()
		return
	}
	if !busy {
		s.replies = append(s.replies, frame{ws.OpPing, nil})
		s.start()
	}
	due := now.Sub(s.quiet) >= tokenInterval
	if due {
		s.quiet = now
	}
	s.schedule()
	s.mu.Unlock()
	s.recheck()
	if due {
		if messages := s.protocol.Quiet(); len(messages) > 0 {
			s.Wake(&said{messages})
		}
	}
}

// said is a source of messages that are known already.
type said struct{ messages [][]byte }

func (s *said) Messages() [][]byte { return s.messages }

func (s *Socket) recheck() {
	ctx, cancel := context.WithTimeout(s.context(), pingInterval)
	defer cancel()
	if err := s.protocol.Recheck(ctx); err != nil && ctx.Err() == nil {
		s.End(err)
	}
}

func (s *Socket) context() context.Context {
	return yunduo.WithRequestID(context.Background(), s.request)
}
