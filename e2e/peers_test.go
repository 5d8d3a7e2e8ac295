package e2e_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// The peers are servers of the kinds that functions talk to, each as small as its clients allow.

// listen serves connections of a peer until the test ends and returns its host:port.
func listen(t *testing.T, serve func(net.Conn) error) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer conn.Close()
				if err := serve(conn); err != nil && err != io.EOF {
					t.Logf("peer: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		group.Wait()
	})
	return l.Addr().String()
}

// httpPeer echoes, serves a page, fails once, and answers as the cloud's API does.
func httpPeer(t *testing.T) string {
	t.Helper()
	var flaky atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-TC-Action") == "SendSms":
			if !strings.HasPrefix(r.Header.Get("Authorization"), "TC3-HMAC-SHA256 Credential=AKID/") {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			fmt.Fprint(w, `{"Response":{"RequestId":"r-1","SendStatusSet":[{"Code":"Ok"}]}}`)
		case r.URL.Path == "/status/418":
			w.WriteHeader(http.StatusTeapot)
		case r.URL.Path == "/flaky" && flaky.Add(1) == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/flaky":
			fmt.Fprint(w, "better now")
		case r.URL.Path == "/page":
			fmt.Fprint(w, `<h1>A page</h1><ul><li>one<li class=new>two</ul><a href="/a">a</a><a href="/b">b</a>`)
		default:
			var body any
			_ = json.NewDecoder(r.Body).Decode(&body)
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{"body": body, "query": r.URL.Query()})
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// smtpPeer takes mail (RFC 5321) and gives the whole of it to got.
func smtpPeer(t *testing.T, got func(mail string)) string {
	return listen(t, func(conn net.Conn) error {
		c := textproto.NewConn(conn)
		if err := c.PrintfLine("220 peer ESMTP"); err != nil {
			return err
		}
		for {
			line, err := c.ReadLine()
			if err != nil {
				return err
			}
			verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
			reply := "250 ok"
			switch verb {
			case "EHLO":
				reply = "250-peer\r\n250 AUTH PLAIN"
			case "AUTH":
				reply = "235 welcome"
			case "DATA":
				if err := c.PrintfLine("354 go on"); err != nil {
					return err
				}
				mail, err := c.ReadDotBytes()
				if err != nil {
					return err
				}
				got(string(mail))
				reply = "250 queued"
			case "QUIT":
				return c.PrintfLine("221 bye")
			}
			if err := c.PrintfLine("%s", reply); err != nil {
				return err
			}
		}
	})
}

// redisPeer keeps texts and numbers (RESP 2).
func redisPeer(t *testing.T) string {
	var mu sync.Mutex
	data, numbers := map[string]string{}, map[string]int{}
	command := func(args []string) string {
		mu.Lock()
		defer mu.Unlock()
		switch strings.ToUpper(args[0]) {
		case "AUTH":
			if args[len(args)-1] != "secret" {
				return "-WRONGPASS no\r\n"
			}
		case "INFO":
			return "$22\r\nloading:0\r\nrole:master\r\n"
		case "SET":
			data[args[1]] = args[2]
		case "GET":
			if value, ok := data[args[1]]; ok {
				return fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
			}
			return "$-1\r\n"
		case "INCR":
			numbers[args[1]]++
			return fmt.Sprintf(":%d\r\n", numbers[args[1]])
		}
		return "+OK\r\n"
	}
	return listen(t, func(conn net.Conn) error {
		in := textproto.NewReader(bufio.NewReader(conn))
		number := func(mark string) (int, error) {
			line, err := in.ReadLine()
			if err != nil {
				return 0, err
			}
			return strconv.Atoi(strings.TrimPrefix(line, mark))
		}
		for {
			count, err := number("*")
			if err != nil {
				return err
			}
			args := make([]string, count)
			for i := range args {
				size, err := number("$")
				if err != nil {
					return err
				}
				text := make([]byte, size+2)
				if _, err := io.ReadFull(in.R, text); err != nil {
					return err
				}
				args[i] = string(text[:size])
			}
			if _, err := io.WriteString(conn, command(args)); err != nil || strings.EqualFold(args[0], "quit") {
				return err
			}
		}
	})
}

// pgPeer knows one user (PostgreSQL's protocol 3.0, with a password in plain text).
func pgPeer(t *testing.T) string {
	message := func(kind byte, body ...byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4)), body...)
	}
	field := func(name string, typ uint32) []byte {
		b := append([]byte(name), 0, 0, 0, 0, 0, 0, 0)
		b = binary.BigEndian.AppendUint32(b, typ)
		return append(b, 0, 4, 0xff, 0xff, 0xff, 0xff, 0, 0)
	}
	ready := message('Z', 'I')
	return listen(t, func(conn net.Conn) error {
		in := bufio.NewReader(conn)
		var size uint32
		if err := binary.Read(in, binary.BigEndian, &size); err != nil {
			return err
		}
		if _, err := in.Discard(int(size) - 4); err != nil {
			return err
		}
		if _, err := conn.Write(message('R', 0, 0, 0, 3)); err != nil {
			return err
		}
		broken := false
		for {
			kind, err := in.ReadByte()
			if err != nil {
				return err
			}
			if err := binary.Read(in, binary.BigEndian, &size); err != nil {
				return err
			}
			body := make([]byte, size-4)
			if _, err := io.ReadFull(in, body); err != nil {
				return err
			}
			var reply []byte
			switch kind {
			case 'p':
				if string(body) != "secret\x00" {
					return fmt.Errorf("password %q", body)
				}
				reply = append(message('R', 0, 0, 0, 0), ready...)
			case 'Q':
				reply = append(message('E', []byte("SERROR\x00C42703\x00Mno such column\x00\x00")...), ready...)
			case 'P':
				broken = !strings.Contains(string(body), "FROM users WHERE id = $1")
				reply = message('1')
			case 'B':
				reply = message('2')
			case 'D':
				reply = message('T', append(append([]byte{0, 2}, field("id", 23)...), field("name", 25)...)...)
			case 'E':
				reply = append(message('D', []byte("\x00\x02\x00\x00\x00\x017\x00\x00\x00\x02li")...), message('C', []byte("SELECT 1\x00")...)...)
			case 'S':
				reply = ready
			case 'X':
				return nil
			}
			if broken {
				return fmt.Errorf("an unexpected query: %q", body)
			}
			if _, err := conn.Write(reply); err != nil {
				return err
			}
		}
	})
}

// mysqlPeer answers one query with a row and others with an error (MySQL's protocol 4.1, any password).
func mysqlPeer(t *testing.T) string {
	text := func(s string) []byte { return append([]byte{byte(len(s))}, s...) }
	column := func(name string, typ byte) []byte {
		var b []byte
		for _, s := range []string{"def", "shop", "users", "users", name, name} {
			b = append(b, text(s)...)
		}
		return append(b, 0x0c, 45, 0, 255, 0, 0, 0, typ, 0, 0, 0, 0, 0)
	}
	ok, end := []byte{0, 0, 0, 2, 0, 0, 0}, []byte{0xfe, 0, 0, 2, 0}
	return listen(t, func(conn net.Conn) error {
		in := bufio.NewReader(conn)
		send := func(sequence byte, packets ...[]byte) error {
			var all []byte
			for _, p := range packets {
				all = append(all, byte(len(p)), byte(len(p)>>8), byte(len(p)>>16), sequence)
				all = append(all, p...)
				sequence++
			}
			_, err := conn.Write(all)
			return err
		}
		capabilities := uint32(0x0008a2ff | 1<<15 | 1<<19)
		greeting := append([]byte("\x0a8.0.0-peer\x00\x01\x00\x00\x00abcdefgh\x00"), byte(capabilities), byte(capabilities>>8), 45, 2, 0, byte(capabilities>>16), byte(capabilities>>24), 21)
		greeting = append(append(greeting, make([]byte, 10)...), "ijklmnopqrst\x00mysql_native_password\x00"...)
		if err := send(0, greeting); err != nil {
			return err
		}
		for first := true; ; first = false {
			head := make([]byte, 4)
			if _, err := io.ReadFull(in, head); err != nil {
				return err
			}
			body := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
			if _, err := io.ReadFull(in, body); err != nil {
				return err
			}
			var err error
			switch {
			case first:
				err = send(head[3]+1, ok)
			case body[0] == 1:
				return nil
			case body[0] == 3 && string(body[1:]) == `SELECT id, name FROM users WHERE name = 'o\'li'`:
				err = send(1, []byte{2}, column("id", 3), column("name", 253), end, append(text("7"), text("o'li")...), end)
			case body[0] == 3:
				err = send(1, append([]byte{0xff, 0x1e, 0x04, '#'}, "42S22Unknown column 'broken'"...))
			default:
				err = send(1, ok)
			}
			if err != nil {
				return err
			}
		}
	})
}
