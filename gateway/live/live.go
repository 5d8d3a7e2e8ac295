// Package live holds what every WebSocket surface needs: sockets that never let a slow client hold up others, that end
// with the login they belong to, and that are told to come back when the server stops.
package live

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"yunduo"
)

// Codes to close a socket with. Those from 4000 are our own.
const (
	CodeRestart  = ws.StatusCode(1012)          // the server stops: connect again
	CodeProtocol = ws.StatusPolicyViolation     // a message that is none
	CodeSlow     = ws.StatusCode(1013)          // it takes too slowly: connect again
	CodeInternal = ws.StatusInternalServerError // our fault
	CodeLogin    = ws.StatusCode(4401)          // no credentials, or they hold no more
)

// Limits of a socket.
const (
	MaxMessage    = 256 << 10        // bytes of a message from a client
	MaxWatches    = 100              // of one socket
	LoginTime     = 10 * time.Second // from connecting to the first credentials
	writeTime     = 30 * time.Second // in which a client may take nothing
	farewellTime  = 10 * time.Second // for one that is cut off, to hear why
	goodbyeTime   = 5 * time.Second  // to answer that the socket is closed
	pingInterval  = 30 * time.Second
	tokenInterval = 10 * time.Minute // between resume tokens of quiet watches
	maxReplies    = 256              // answers that wait to be taken by the client
)

// Authority judges credentials.
type Authority interface {
	// Ended calls ended with the ID of each session that is ended from now on, until ctx ends, and missed at the beginning
	// and when sessions may have ended unseen.
	Ended(ctx context.Context, ended func(session string), missed func())
}

// Origins says which pages may connect.
type Origins func(ctx context.Context, origin string, app yunduo.AppID) bool

// Options are what the sockets of a server share.
type Options struct {
	Authority Authority
	Origins   Origins
	Logger    *slog.Logger
}

// Sockets are the open sockets of a server. They are safe for concurrent use.
type Sockets struct {
	options   Options
	writeTime time.Duration

	mu       sync.Mutex
	open     map[*Socket]struct{}
	sessions map[string]*Socket // one of each session's ring
	draining bool
	work     sync.WaitGroup
	stop     context.CancelFunc
	follow   func() // from the first socket on
}

// New returns a server's sockets, none open.
func New(o Options) *Sockets {
	s := &Sockets{options: o, open: map[*Socket]struct{}{}, sessions: map[string]*Socket{}, writeTime: writeTime}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.follow = sync.OnceFunc(func() { s.work.Go(func() { s.followSessions(ctx) }) })
	return s
}

// followSessions closes the sockets of sessions that end.
func (s *Sockets) followSessions(ctx context.Context) {
	missed := make(chan struct{}, 1)
	s.work.Go(func() {
		for {
			select {
			case <-missed:
				for _, socket := range s.list() { // one of them may have ended unseen
					socket.recheck()
				}
			case <-ctx.Done():
				return
			}
		}
	})
	s.options.Authority.Ended(ctx, s.endSession, func() {
		select {
		case missed <- struct{}{}:
		default: // it is to be done anyway
		}
	})
}

func (s *Sockets) endSession(id string) {
	s.mu.Lock()
	var ending []*Socket
	if one := s.sessions[id]; one != nil {
		ending = append(ending, one)
		for other := one.next; other != one; other = other.next {
			ending = append(ending, other)
		}
	}
	s.mu.Unlock()
	for _, socket := range ending {
		socket.End(yunduo.Errorf(yunduo.ReasonSessionRevoked, "the login was ended; sign in again"))
	}
}

func (s *Sockets) list() []*Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Socket, 0, len(s.open))
	for socket := range s.open {
		list = append(list, socket)
	}
	return list
}

// Drain tells every client to connect again and takes no new ones.
func (s *Sockets) Drain() {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	s.stop()
	for _, socket := range s.list() {
		socket.End(yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping; connect again"))
	}
}

// Wait returns when all sockets have ended after Drain, or the context has.
func (s *Sockets) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		for _, socket := range s.list() {
			socket.abort()
		}
		return ctx.Err()
	}
}

// OriginAllowed reports whether a page of the request's origin may talk to an app. Programs that are no browser send
// none; the runtime of mini programs may send its own.
func (s *Sockets) OriginAllowed(ctx context.Context, r Origin, app yunduo.AppID) bool {
	if r.Origin == "" || r.Origin == "https://servicewechat.com" {
		return true
	}
	if u, err := url.Parse(r.Origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
		return true
	}
	return s.options.Origins(ctx, r.Origin, app)
}

// Origin is where a handshake came from.
type Origin struct {
	Origin string // of the page; empty unless a browser connects
	Host   string // that it connects to
}

// OriginOf returns where a handshake comes from.
func OriginOf(r *http.Request) Origin { return Origin{Origin: r.Header.Get("Origin"), Host: r.Host} }
