// Package mongowire lets owners' tools and MongoDB drivers work on the documents of apps: it speaks MongoDB's wire
// protocol and translates each command to what the document service does for the app's owner.
package mongowire

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// Credentials tell who may sign in.
type Credentials interface {
	// Credential returns the caller that a user name stands for, and the password; an error if there is none. It is
	// asked again before each command, so that a key that was taken away ends at once.
	Credential(ctx context.Context, user string) (caller yunduo.Caller, password string, err error)
}

// Options are what a Server is made of. Zero values take the defaults.
type Options struct {
	Documents   *documents.DB
	Credentials Credentials
	Logger      *slog.Logger
	Version     string // of the program
	Now         func() time.Time

	// Remote says that the documents are stored elsewhere, where asking for the end of the change log is costly: then
	// replies carry no operationTime, and change streams start from tokens or from now alone.
	Remote bool

	// QueryTime is how long a command that reads documents may take, and the most that maxTimeMS may ask for; 0 is no
	// limit.
	QueryTime time.Duration

	MaxConnections int           // 0 is 1,000
	MaxCursors     int           // of one app; 0 is 500
	CursorTimeout  time.Duration // how long an unused cursor lives; 0 is 10 minutes
	SessionTimeout time.Duration // how long an unused session lives; 0 is 30 minutes
}

// The limits that clients are told.
const (
	maxDocument   = 16 << 20
	maxWriteBatch = 100_000
)

// Server answers the connections of a listener.
type Server struct {
	options  Options
	logger   *slog.Logger
	id       bson.ObjectID // of this process
	salt     []byte        // makes users' salts
	cursors  *cursors
	sessions *sessions
	started  time.Time

	ctx    context.Context // ends what runs
	cancel context.CancelFunc

	mu     sync.Mutex
	conns  map[*conn]bool
	closed bool
	last   int64 // connection number
	wait   sync.WaitGroup
}

// New makes a server. Serve gives it connections, Close ends it.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 1000
	}
	if o.MaxCursors == 0 {
		o.MaxCursors = 500
	}
	if o.CursorTimeout == 0 {
		o.CursorTimeout = 10 * time.Minute
	}
	if o.SessionTimeout == 0 {
		o.SessionTimeout = sessionMinutes * time.Minute
	}
	s := &Server{options: o, logger: o.Logger, id: bson.NewObjectID(), salt: make([]byte, 32), conns: map[*conn]bool{}, started: o.Now()}
	rand.Read(s.salt)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.cursors = newCursors(o.MaxCursors, o.CursorTimeout)
	s.sessions = newSessions(o.SessionTimeout)
	s.wait.Go(s.sweep)
	return s
}

// sweep ends sessions that nobody uses any more.
func (s *Server) sweep() {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			s.sessions.expire(now)
		case <-s.ctx.Done():
			return
		}
	}
}

// Serve answers the connections of l until Close, which also closes l. It returns nil then.
func (s *Server) Serve(l net.Listener) error {
	stop := context.AfterFunc(s.ctx, func() { l.Close() })
	defer stop()
	for {
		socket, err := l.Accept()
		if s.ctx.Err() != nil {
			if err == nil {
				socket.Close()
			}
			return nil
		}
		if err != nil {
			if temporary, ok := errors.AsType[net.Error](err); ok && temporary.Timeout() {
				continue
			}
			return err
		}
		s.start(socket)
	}
}

// start answers a connection in the background, or closes it if there are too many.
func (s *Server) start(socket net.Conn) {
	s.mu.Lock()
	if s.closed || len(s.conns) >= s.options.MaxConnections {
		s.mu.Unlock()
		s.logger.Warn("mongo: a connection was refused", "connections", s.options.MaxConnections)
		socket.Close()
		return
	}
	s.last++
	c := newConn(s, socket, s.last)
	s.conns[c] = true
	s.wait.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.wait.Done()
		c.serve(s.ctx)
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
}

// connections tells how many there are and how many there have been.
func (s *Server) connections() (current int, total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns), s.last
}

// Close ends all connections, cursors and transactions and waits for what runs.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.socket.Close()
	}
	s.mu.Unlock()
	s.cancel()
	s.wait.Wait()
	s.cursors.closeAll()
	s.sessions.closeAll()
}
