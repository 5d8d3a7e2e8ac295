package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"yunduo/wire"
)

// BenchmarkWatchFanOut measures how long one change takes to reach the last of many watchers, each on a connection of
// its own. Server and clients share the machine.
func BenchmarkWatchFanOut(b *testing.B) {
	for _, watchers := range []int{1000, 10_000} {
		b.Run(strconv.Itoa(watchers), func(b *testing.B) { fanOut(b, watchers) })
	}
}

func fanOut(b *testing.B, watchers int) {
	var files syscall.Rlimit
	require.NoError(b, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files))
	if files.Cur < uint64(watchers)+1000 {
		b.Skipf("%d open files are allowed: too few", files.Cur)
	}
	c := startChild(b, b.TempDir())
	b.Cleanup(func() {
		_ = c.command.Process.Signal(syscall.SIGTERM)
		_ = c.command.Wait()
	})
	require.NoError(b, c.client.CreateCollection(b.Context(), "board"))
	_, err := c.client.Insert(b.Context(), "board", json.RawMessage(`{"_id":"a","n":0,"text":"`+strings.Repeat("x", 400)+`"}`))
	require.NoError(b, err)
	arrivals := make(chan time.Time, watchers)
	for range watchers {
		conn := openWatcher(b, c, `{"type":"watch","id":"1","collection":"board"}`)
		b.Cleanup(func() { _ = conn.Close() })
		go tellArrivals(conn, arrivals)
	}
	var median, last []time.Duration
	for b.Loop() {
		start := time.Now()
		_, err := c.client.Update(b.Context(), "board", wire.UpdateRequest{Filter: json.RawMessage(`{"_id":"a"}`), Update: json.RawMessage(`{"$inc":{"n":1}}`)})
		require.NoError(b, err)
		took := make([]time.Duration, watchers)
		for i := range took {
			took[i] = (<-arrivals).Sub(start)
		}
		slices.Sort(took)
		median, last = append(median, took[watchers/2]), append(last, took[watchers-1])
	}
	slices.Sort(median)
	slices.Sort(last)
	b.ReportMetric(float64(median[len(median)/2].Microseconds())/1000, "ms-median-watcher")
	b.ReportMetric(float64(last[len(last)/2].Microseconds())/1000, "ms-last-watcher")
}

// residentBytes returns the resident memory of a process.
func residentBytes(b testing.TB, pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	require.NoError(b, err)
	return kilobytes << 10
}

// openWatcher watches on a bare connection, so that the clients cost as little as clients can.
func openWatcher(b testing.TB, c *child, message string) net.Conn {
	conn, reader := upgrade(b, c, "/v1/apps/"+string(killApp)+"/watch")
	_, err := conn.Write(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(message)))))
	require.NoError(b, err)
	for _, kind := range []string{`"ready"`, `"snapshot"`} {
		require.Contains(b, string(readFrame(b, reader)), kind)
	}
	require.Zero(b, reader.Buffered())
	return conn
}

func upgrade(b testing.TB, c *child, path string) (net.Conn, *bufio.Reader) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	require.NoError(b, err)
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", path, c.key)
	require.NoError(b, err)
	reader := bufio.NewReaderSize(conn, 2048)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(b, err)
	require.NoError(b, response.Body.Close())
	require.Equal(b, http.StatusSwitchingProtocols, response.StatusCode)
	return conn, reader
}

func readFrame(b testing.TB, reader *bufio.Reader) []byte {
	f, err := ws.ReadFrame(reader) //nolint:staticcheck // the peer is our own server
	require.NoError(b, err)
	return f.Payload
}

// tellArrivals tells when each message has come. Messages of the benchmark come one by one, each in one piece.
func tellArrivals(conn net.Conn, arrivals chan<- time.Time) {
	buffer := make([]byte, 1024)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(buffer[:n], []byte(`"changes"`)) {
			arrivals <- time.Now()
		}
	}
}
