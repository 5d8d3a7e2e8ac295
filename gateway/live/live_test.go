package live_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/gateway/live"
)

// authority ends sessions when it is told to.
type authority struct{ ended chan string }

func (a authority) Ended(ctx context.Context, ended func(string), missed func()) {
	missed()
	for {
		select {
		case id := <-a.ended:
			ended(id)
		case <-ctx.Done():
			return
		}
	}
}

// echo is a protocol that answers each message with itself, "panic" with a panic and "bye" with the end.
type echo struct {
	socket *live.Socket
	closed chan struct{}

	mu     sync.Mutex
	source [][]byte
}

func (e *echo) Receive(_ context.Context, message []byte) error {
	switch string(message) {
	case "panic":
		panic("as asked")
	case "bye":
		return errors.New("as asked")
	case "wake":
		e.mu.Lock()
		e.source = [][]byte{[]byte("one"), []byte("two")}
		e.mu.Unlock()
		e.socket.Wake(e)
		return nil
	}
	e.socket.Reply(message)
	return nil
}

func (e *echo) Messages() [][]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	messages := e.source
	e.source = nil
	return messages
}

func (e *echo) Recheck(context.Context) error { return nil }
func (e *echo) Quiet() [][]byte               { return nil }
func (e *echo) Closed()                       { close(e.closed) }
func (e *echo) Farewell(err error) ([][]byte, ws.StatusCode) {
	return [][]byte{[]byte("farewell: " + err.Error())}, live.CodeProtocol
}

type server struct {
	*live.Sockets
	url   string
	ended chan string
	last  chan *echo
}

func start(t *testing.T) *server {
	t.Helper()
	s := &server{ended: make(chan string), last: make(chan *echo, 10)}
	none := func(context.Context, string, yunduo.AppID) bool { return false }
	s.Sockets = live.New(live.Options{Authority: authority{s.ended}, Origins: none, Logger: slog.New(slog.DiscardHandler)})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.Accept(w, r, nil, func(socket *live.Socket) live.Protocol {
			e := &echo{socket: socket, closed: make(chan struct{})}
			socket.Belongs(yunduo.Caller{SessionID: r.Header.Get("Session")}, time.Time{})
			s.last <- e
			return e
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(web.Close)
	s.url = strings.Replace(web.URL, "http", "ws", 1)
	return s
}

func (s *server) dial(t *testing.T, session string) (*websocket.Conn, *echo) {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), s.url, &websocket.DialOptions{HTTPHeader: http.Header{"Session": {session}}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn, <-s.last
}

func say(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(text)))
}

func hears(t *testing.T, conn *websocket.Conn, want string) {
	t.Helper()
	_, text, err := conn.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, string(text))
}

func TestSocket_RepliesSourcesAndFarewell(t *testing.T) {
	s := start(t)
	conn, e := s.dial(t, "")
	say(t, conn, "hello")
	hears(t, conn, "hello")
	say(t, conn, "wake")
	hears(t, conn, "one")
	hears(t, conn, "two")
	say(t, conn, "bye")
	hears(t, conn, "farewell: as asked")
	_, _, err := conn.Read(t.Context())
	require.EqualValues(t, live.CodeProtocol, websocket.CloseStatus(err))
	<-e.closed
}

func TestSocket_EndsWithItsSessionAlone(t *testing.T) {
	s := start(t)
	one, e := s.dial(t, "s1")
	two, _ := s.dial(t, "s2")
	s.ended <- "s3"
	s.ended <- "s1"
	hears(t, one, "farewell: session_revoked: the login was ended; sign in again")
	_, _, err := one.Read(t.Context())
	require.Error(t, err)
	<-e.closed
	say(t, two, "still here")
	hears(t, two, "still here")
}

func TestSocket_PanicKeepsToItself(t *testing.T) {
	s := start(t)
	one, e := s.dial(t, "")
	two, _ := s.dial(t, "")
	say(t, one, "panic")
	_, _, err := one.Read(t.Context())
	require.Error(t, err)
	<-e.closed
	say(t, two, "still here")
	hears(t, two, "still here")
}

func TestSockets_DrainTellsEverybodyAndWaits(t *testing.T) {
	s := start(t)
	conn, e := s.dial(t, "")
	s.Drain()
	hears(t, conn, "farewell: shutting_down: the server is stopping; connect again")
	_, _, err := conn.Read(t.Context())
	require.Error(t, err)
	require.NoError(t, s.Wait(t.Context()))
	<-e.closed
	_, response, err := websocket.Dial(t.Context(), s.url, nil)
	require.Error(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
}

// A client that does not read its replies is not read from, and holds up nobody.
func TestSocket_ClientThatDoesNotRead(t *testing.T) {
	s := start(t)
	slow, e := s.dial(t, "")
	quick, _ := s.dial(t, "")
	stuck, cancel := context.WithCancel(t.Context())
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for large := []byte(strings.Repeat("x", 64<<10)); slow.Write(stuck, websocket.MessageText, large) == nil; {
		}
	}()
	for range 100 {
		say(t, quick, "still here")
		hears(t, quick, "still here")
	}
	cancel()
	<-sent
	_ = slow.CloseNow()
	<-e.closed
}
