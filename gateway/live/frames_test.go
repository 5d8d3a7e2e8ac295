package live_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/gateway/live"
)

// sent is a frame as a client sends it.
func sent(kind ws.OpCode, fin bool, text string) []byte {
	f := ws.MaskFrame(ws.NewFrame(kind, fin, []byte(text)))
	return ws.MustCompileFrame(f)
}

func TestFrames(t *testing.T) {
	join := func(frames ...[]byte) []byte { return bytes.Join(frames, nil) }
	for name, test := range map[string]struct {
		sent   []byte
		texts  []string
		reason yunduo.Reason // empty if the connection ends in the end
	}{
		"one":                           {sent(ws.OpText, true, "one"), []string{"one"}, ""},
		"none":                          {nil, nil, ""},
		"empty":                         {sent(ws.OpText, true, ""), []string{""}, ""},
		"two":                           {join(sent(ws.OpText, true, "one"), sent(ws.OpText, true, "two")), []string{"one", "two"}, ""},
		"in parts, a ping between them": {join(sent(ws.OpText, false, "o"), sent(ws.OpPing, true, "p"), sent(ws.OpContinuation, false, "n"), sent(ws.OpContinuation, true, "e")), []string{"p", "one"}, ""},
		"large":                         {sent(ws.OpText, true, strings.Repeat("x", live.MaxMessage)), []string{strings.Repeat("x", live.MaxMessage)}, ""},
		"too large":                     {sent(ws.OpText, true, strings.Repeat("x", live.MaxMessage+1)), nil, yunduo.ReasonBodyTooLarge},
		"too large in parts":            {join(sent(ws.OpText, false, strings.Repeat("x", live.MaxMessage)), sent(ws.OpContinuation, true, "x")), nil, yunduo.ReasonBodyTooLarge},
		"cut off":                       {sent(ws.OpText, true, "one")[:8], nil, ""},
		"longer than it can be":         {[]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, nil, yunduo.ReasonBodyTooLarge},
		"a length that is none":         {[]byte{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, nil, yunduo.ReasonInvalidRequest},
		"not masked":                    {ws.MustCompileFrame(ws.NewTextFrame([]byte("one"))), nil, yunduo.ReasonInvalidRequest},
		"binary":                        {sent(ws.OpBinary, true, "one"), nil, yunduo.ReasonMalformedJSON},
		"no UTF-8":                      {sent(ws.OpText, true, "\xff"), nil, yunduo.ReasonMalformedJSON},
		"no such kind":                  {sent(3, true, "one"), nil, yunduo.ReasonInvalidRequest},
		"compressed":                    {[]byte{0xc1, 0x80, 0, 0, 0, 0}, nil, yunduo.ReasonInvalidRequest},
		"the end of nothing":            {sent(ws.OpContinuation, true, "e"), nil, yunduo.ReasonInvalidRequest},
		"one in another":                {join(sent(ws.OpText, false, "o"), sent(ws.OpText, true, "n")), nil, yunduo.ReasonInvalidRequest},
		"a ping in parts":               {sent(ws.OpPing, false, "p"), nil, yunduo.ReasonInvalidRequest},
		"a long ping":                   {sent(ws.OpPing, true, strings.Repeat("p", 126)), nil, yunduo.ReasonInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			_, texts, err := live.Messages(test.sent)
			var got []string
			for _, text := range texts {
				got = append(got, string(text))
			}
			require.Equal(t, test.texts, got)
			if test.reason != "" {
				require.Equal(t, test.reason, yunduo.ReasonOf(err))
				return
			}
			require.True(t, err == io.EOF || err == io.ErrUnexpectedEOF, "%v", err)
		})
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(sent(ws.OpText, true, "one"))
	f.Add(append(sent(ws.OpText, false, "o"), sent(ws.OpContinuation, true, "ne")...))
	f.Add(append(sent(ws.OpPing, true, "p"), sent(ws.OpClose, true, "\x03\xe8")...))
	f.Add([]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, bytes []byte) {
		_, texts, err := live.Messages(bytes)
		require.Error(t, err)
		size := 0
		for _, text := range texts {
			size += len(text)
		}
		require.LessOrEqual(t, size, len(bytes))
	})
}

// raw is a client that says and hears bytes.
type raw struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

// dialRaw connects and says text right behind the request, without waiting for the answer.
func (s *server) dialRaw(t *testing.T, text []byte) (*raw, *echo) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "ws://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	request := "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	_, err = conn.Write(append([]byte(request), text...))
	require.NoError(t, err)
	r := &raw{t: t, Conn: conn, in: bufio.NewReader(conn)}
	response, err := http.ReadResponse(r.in, nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusSwitchingProtocols, response.StatusCode)
	require.Equal(t, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", response.Header.Get("Sec-WebSocket-Accept")) // of RFC 6455, section 1.3
	return r, <-s.last
}

func (r *raw) say(frames ...[]byte) {
	r.t.Helper()
	for _, f := range frames {
		_, err := r.Write(f)
		require.NoError(r.t, err)
	}
}

func (r *raw) hears(kind ws.OpCode, text string) {
	r.t.Helper()
	f, err := ws.ReadFrame(r.in) //nolint:staticcheck // the peer is our own server
	require.NoError(r.t, err)
	require.Equal(r.t, kind, f.Header.OpCode)
	require.Equal(r.t, text, string(f.Payload))
}

func (r *raw) hearsNothingMore() {
	r.t.Helper()
	_, err := r.in.ReadByte()
	require.ErrorIs(r.t, err, io.EOF)
}

func TestSocket_SpeaksWebSocket(t *testing.T) {
	s := start(t)
	early, e := s.dialRaw(t, sent(ws.OpText, true, "early"))
	early.hears(ws.OpText, "early")
	early.say(sent(ws.OpPing, true, "are you there")) // alone, so that it ends a silence
	early.hears(ws.OpPong, "are you there")
	whole := sent(ws.OpText, true, "in two parts")
	early.say(sent(ws.OpPong, true, ""), sent(ws.OpPong, true, "never asked"), whole[:3])
	early.say(whole[3:])
	early.hears(ws.OpText, "in two parts")
	early.say(sent(ws.OpClose, true, "\x03\xe8bye"))
	early.hears(ws.OpClose, "\x03\xe8")
	early.hearsNothingMore()
	<-e.closed

	wordless, e := s.dialRaw(t, nil)
	wordless.say(sent(ws.OpClose, true, ""))
	wordless.hears(ws.OpClose, "")
	wordless.hearsNothingMore()
	<-e.closed

	odd, e := s.dialRaw(t, nil)
	odd.say(sent(ws.OpClose, true, "\x00\x01"))
	odd.hears(ws.OpClose, "\x03\xea") // 1002
	odd.hearsNothingMore()
	<-e.closed

	wrong, e := s.dialRaw(t, nil)
	wrong.say(sent(ws.OpContinuation, true, "e"))
	wrong.hears(ws.OpText, "farewell: invalid_request: this is not WebSocket: unexpected continuation data frame: unexpected continuation data frame")
	wrong.hears(ws.OpClose, "\x03\xf0invalid_request")
	require.NoError(t, wrong.Close())
	<-e.closed
}

func TestSocket_RefusesWhatIsNoHandshake(t *testing.T) {
	s := start(t)
	for name, header := range map[string]http.Header{
		"no upgrade": {},
		"no version": {"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}},
		"no key":     {"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}},
		"a bad key":  {"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"e30="}},
		"another":    {"Connection": {"Upgrade"}, "Upgrade": {"h2c"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(s.url, "ws", "http", 1), nil)
			require.NoError(t, err)
			request.Header = header
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusServiceUnavailable, response.StatusCode) // as the test's handler says errors
		})
	}
}

// One that takes nothing is cut off and, if it takes up again, hears why; the others hear everything meanwhile.
func TestSocket_CutsOffWhoTakesNothing(t *testing.T) {
	s := start(t)
	s.SetPatience(50 * time.Millisecond)
	slow, e := s.dialRaw(t, nil)
	require.NoError(t, slow.Conn.(*net.TCPConn).SetReadBuffer(16<<10))
	quick, _ := s.dial(t, "")
	source := &flood{message: bytes.Repeat([]byte("x"), 64<<10)}
	source.socket = e.socket
	e.socket.Wake(source)
	for i := range 100 {
		text := fmt.Sprintf("still here %d", i)
		say(t, quick, text)
		hears(t, quick, text)
	}
	e.socket.AwaitEnd()
	for {
		f, err := ws.ReadFrame(slow.in) //nolint:staticcheck // the peer is our own server
		require.NoError(t, err)
		if string(f.Payload) != string(source.message) {
			require.Contains(t, string(f.Payload), "farewell: client_too_slow: ")
			break
		}
	}
	slow.hears(ws.OpClose, "\x03\xf0client_too_slow")
	require.NoError(t, slow.Close())
	<-e.closed
}

// flood never ends.
type flood struct {
	socket  *live.Socket
	message []byte
}

func (f *flood) Messages() [][]byte {
	f.socket.Wake(f)
	return [][]byte{f.message}
}
