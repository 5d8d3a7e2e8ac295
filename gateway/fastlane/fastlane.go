// Package fastlane serves the requests that make up nearly all of the traffic, a short POST on a connection that is
// kept, with a fraction of the work that net/http spends on them. It takes only what has exactly one reading; a
// connection on which anything else comes is handed to net/http, with every byte that has been read, and stays there.
package fastlane

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"yunduo/internal/eventloop"
)

const (
	maxHead   = 8 << 10               // bytes of request line and headers
	maxBody   = 256 << 10             // bytes of a body
	bodyTime  = time.Minute           // in which a body has to arrive
	watchTime = 20 * time.Millisecond // a handler that runs for longer learns when its client goes away
)

// Server serves HTTP/1.1 on a listener. It answers with the handler, timeouts and log of an http.Server, which serves
// the connections that are handed over.
type Server struct {
	http  *http.Server
	log   *slog.Logger
	loop  *eventloop.Loop
	quick Quick
	over  handover

	mu          sync.Mutex
	listener    net.Listener
	connections map[*connection]struct{}
	closing     atomic.Bool // set under mu
	gone        sync.WaitGroup
}

// Options are what a Server may have beside an http.Server.
type Options struct {
	Logger *slog.Logger
	// Loop serves the connections on which quick requests come; nil serves each with a goroutine of its own.
	Loop *eventloop.Loop
	// Quick answers quick requests; nil if there are none.
	Quick Quick
}

// New makes a server in front of an http.Server, which must have a Handler and must not be used otherwise.
func New(h *http.Server, o Options) *Server {
	s := &Server{http: h, log: o.Logger, loop: o.Loop, quick: o.Quick, connections: map[*connection]struct{}{}, over: handover{connections: make(chan net.Conn), closed: make(chan struct{})}}
	if s.quick == nil {
		s.loop = nil
	}
	return s
}

// Serve accepts connections until Shutdown or Close, after which it returns http.ErrServerClosed.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	s.listener = l
	closing := s.closing.Load()
	s.mu.Unlock()
	if closing {
		return http.ErrServerClosed
	}
	s.over.address = l.Addr()
	var group errgroup.Group
	group.Go(func() error { return s.http.Serve(&s.over) })
	group.Go(func() error {
		err := s.accept(l)
		if !errors.Is(err, http.ErrServerClosed) {
			_ = s.Close()
		}
		return err
	})
	return group.Wait()
}

func (s *Server) accept(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			if s.closing.Load() {
				return http.ErrServerClosed
			}
			// What net/http waits for too: mostly a want of file descriptors, which passes.
			if e, ok := errors.AsType[net.Error](err); ok && e.Temporary() { //nolint:staticcheck // there is no other way to tell
				s.log.Error("a connection could not be accepted; trying again", "error", err)
				time.Sleep(20 * time.Millisecond)
				continue
			}
			return err
		}
		c := newConnection(s, conn)
		if !s.add(c) {
			_ = conn.Close()
			return http.ErrServerClosed
		}
		s.gone.Go(c.serve)
	}
}

func (s *Server) add(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.connections[c] = struct{}{}
	return true
}

func (s *Server) remove(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connections, c)
}

// stop takes no more connections and returns those that there are.
func (s *Server) stop() []*connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing.Store(true)
	if s.listener != nil {
		_ = s.listener.Close()
	}
	all := make([]*connection, 0, len(s.connections))
	for c := range s.connections {
		all = append(all, c)
	}
	return all
}

// Shutdown takes no more connections, closes the idle ones and waits until the requests that run have been answered,
// or until ctx ends, whose error it returns then.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, c := range s.stop() {
		c.endIfIdle()
	}
	idle := make(chan struct{})
	go func() {
		s.gone.Wait()
		close(idle)
	}()
	err := s.http.Shutdown(ctx)
	select {
	case <-idle:
	case <-ctx.Done():
		return ctx.Err()
	}
	return err
}

// Close closes every connection at once.
func (s *Server) Close() error {
	for _, c := range s.stop() {
		c.close()
	}
	return s.http.Close()
}
