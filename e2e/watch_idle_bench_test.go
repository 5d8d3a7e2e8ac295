package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// BenchmarkWatchIdle measures what a watcher costs the server that watches for long and is told nothing: resident
// memory, after sockets have been pinged and the server has given back what it did not need any more. Each has a
// connection of its own. It takes minutes: run it with -benchtime 1x.
func BenchmarkWatchIdle(b *testing.B) {
	for _, kind := range []struct {
		name   string
		counts []int
		open   func(b testing.TB, c *child, i int) net.Conn
	}{
		{"same query", []int{1000, 10_000, 20_000}, func(b testing.TB, c *child, _ int) net.Conn {
			return openWatcher(b, c, `{"type":"watch","id":"1","collection":"board"}`)
		}},
		{"own query", []int{10_000}, func(b testing.TB, c *child, i int) net.Conn {
			return openWatcher(b, c, fmt.Sprintf(`{"type":"watch","id":"1","collection":"board","filter":{"_id":"a","n":{"$lt":%d}}}`, i+1))
		}},
		{"official SDK", []int{10_000, 20_000}, openRealtimeWatcher},
	} {
		for _, count := range kind.counts {
			b.Run(kind.name+"/"+strconv.Itoa(count), func(b *testing.B) { idle(b, count, kind.open) })
		}
	}
}

// Files that a process has open beside the watchers' connections.
const otherFiles = 500

func idle(b *testing.B, watchers int, open func(b testing.TB, c *child, i int) net.Conn) {
	var files syscall.Rlimit
	require.NoError(b, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files))
	if most := int(files.Cur) - otherFiles; most < watchers {
		if most < watchers*9/10 {
			b.Skipf("%d open files are allowed: too few", files.Cur)
		}
		watchers = most
	}
	for b.Loop() {
		c := startChild(b, b.TempDir())
		require.NoError(b, c.client.CreateCollection(b.Context(), "board"))
		_, err := c.client.Insert(b.Context(), "board", json.RawMessage(`{"_id":"a","n":0}`))
		require.NoError(b, err)
		conns := []net.Conn{open(b, c, 0)} // what the first one costs is not the others'
		settle(b)
		before := residentBytes(b, c.command.Process.Pid)
		for i := range watchers {
			conn := open(b, c, i)
			go answerPings(conn)
			conns = append(conns, conn)
		}
		settle(b)
		after := residentBytes(b, c.command.Process.Pid)
		b.ReportMetric(float64(watchers), "watchers")
		b.ReportMetric(float64(after-before)/float64(watchers)/1024, "KiB/watcher")
		for _, conn := range conns {
			_ = conn.Close()
		}
		require.NoError(b, c.command.Process.Signal(syscall.SIGTERM))
		require.NoError(b, c.command.Wait())
	}
}

// settle waits for as long as it takes that every socket was pinged and the server has fallen idle.
func settle(b *testing.B) {
	select {
	case <-time.After(50 * time.Second):
	case <-b.Context().Done():
	}
}

func answerPings(conn net.Conn) {
	for {
		h, err := ws.ReadHeader(conn)
		if err != nil {
			return
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(conn, payload); err != nil {
			return
		}
		if h.OpCode == ws.OpPing && ws.WriteFrame(conn, ws.MaskFrame(ws.NewPongFrame(payload))) != nil {
			return
		}
	}
}

// openRealtimeWatcher watches as the official SDKs do.
func openRealtimeWatcher(b testing.TB, c *child, _ int) net.Conn {
	conn, reader := upgrade(b, c, "/ws")
	app := string(killApp)
	say := func(message, answer string) {
		require.NoError(b, ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame([]byte(message)))))
		require.Contains(b, string(readFrame(b, reader)), answer)
	}
	say(`{"requestId":"1","msgType":"LOGIN","msgData":{"envId":"`+app+`"},"exMsgData":{"signStr":"`+ticketOf(b, c)+`"}}`, `"envId":"`+app)
	say(`{"watchId":"w1","requestId":"2","msgType":"INIT_WATCH","msgData":{"envId":"`+app+`","collName":"board","query":"{}","limit":null,"orderBy":null}}`, `"INIT_EVENT"`)
	require.Zero(b, reader.Buffered())
	return conn
}

func ticketOf(b testing.TB, c *child) string {
	body := `{"action":"auth.wsWebSign","env":"` + string(killApp) + `","access_token":"` + c.key + `"}`
	response, err := http.Post(c.url+"/web", "application/json", bytes.NewReader([]byte(body)))
	require.NoError(b, err)
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Data struct{ SignStr string }
	}
	require.NoError(b, json.NewDecoder(response.Body).Decode(&answer))
	require.NotEmpty(b, answer.Data.SignStr)
	return answer.Data.SignStr
}
