package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// hall is a server that upgrades every connection and tells all of them what it is told.
type hall struct {
	t     *testing.T
	mu    sync.Mutex
	open  []net.Conn
	pongs chan struct{}
}

func (h *hall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		h.t.Error(err)
		return
	}
	defer conn.Close()
	said := func(op byte, text string) string { return string([]byte{0x80 | op, byte(len(text))}) + text }
	if _, err := conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n" + said(opText, `{"type":"ready"}`))); err != nil {
		h.t.Error(err)
		return
	}
	for {
		head := make([]byte, 6)
		if _, err := io.ReadFull(buffered, head); err != nil {
			return
		}
		body := make([]byte, head[1]&0x7f)
		if _, err := io.ReadFull(buffered, body); err != nil {
			return
		}
		switch {
		case head[0]&0x0f == opPong:
			h.pongs <- struct{}{}
		case strings.Contains(string(body), `"collection":"room"`):
			h.mu.Lock()
			h.open = append(h.open, conn)
			h.mu.Unlock()
			if _, err := conn.Write([]byte(said(opText, `{"type":"snapshot"}`))); err != nil {
				h.t.Error(err)
			}
		default:
			h.t.Errorf("frame %q", body)
		}
	}
}

// tell sends a frame to everybody, the second half of it in a write of its own.
func (h *hall) tell(op byte, text string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	message := string([]byte{0x80 | op, byte(len(text))}) + text
	for _, half := range []string{message[:len(message)/2], message[len(message)/2:]} {
		for _, conn := range h.open {
			if _, err := conn.Write([]byte(half)); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestCrowd_HearsEveryChange(t *testing.T) {
	const count = 100
	h := &hall{t: t, pongs: make(chan struct{}, count)}
	server := httptest.NewServer(h)
	defer server.Close()
	s := &native{platform: &platform{host: server.Listener.Addr().String(), App: "bench"}}
	c, err := gather(t.Context(), s, count)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for i := range 3 {
		times, err := c.change(t.Context(), func() error { return h.tell(opText, fmt.Sprintf(`{"type":"changes","n":%d}`, i)) })
		if err != nil || len(times) != count || times[0] <= 0 || times[count-1] < times[0] {
			t.Fatalf("%d were told of change %d: %v", len(times), i, err)
		}
	}
	if err := h.tell(opPing, "there?"); err != nil {
		t.Fatal(err)
	}
	for answered := 0; answered < count; {
		if err := c.rest(t.Context(), time.Millisecond); err != nil {
			t.Fatal(err)
		}
		for len(h.pongs) > 0 {
			<-h.pongs
			answered++
		}
	}
	if err := h.tell(opText, `{"type":"changes"}`); err != nil { // that nobody made
		t.Fatal(err)
	}
	if err := c.rest(t.Context(), time.Minute); err == nil || !strings.Contains(err.Error(), "4 changes when there were 3") {
		t.Fatalf("one change too many gave %v", err)
	}
}

func TestCrowd_NeedsOpenFiles(t *testing.T) {
	s := &native{platform: &platform{host: "127.0.0.1:1", App: "bench"}}
	if _, err := gather(t.Context(), s, 1<<40); err == nil || !strings.Contains(err.Error(), "open files") {
		t.Fatalf("error %v", err)
	}
}
