package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// request returns the bytes of one HTTP/1.1 POST. headers are "Name: value" lines without line ends.
func request(host, path string, body []byte, headers ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, host, len(body))
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// connection is a keep-alive connection that costs the client as little as possible: client and server share the
// machine, so what the client spends is taken from the server.
type connection struct {
	net.Conn
	reader *bufio.Reader
	body   []byte // of the last reply
}

func dial(ctx context.Context, address string) (*connection, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: c, reader: bufio.NewReaderSize(c, 16<<10)}, nil
}

// do sends a request and reads its reply into c.body, valid until the next call. Any status but 200 is an error.
func (c *connection) do(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return fmt.Errorf("no HTTP reply: %q", line)
	}
	ok := string(line[9:12]) == "200"
	status := string(bytes.TrimSpace(line[9:]))
	length, chunked := -1, false
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	if err := c.readBody(length, chunked); err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("status %s: %.300s", status, c.body)
	}
	return nil
}

func (c *connection) readBody(length int, chunked bool) error {
	c.body = c.body[:0]
	if !chunked {
		if length < 0 {
			return errors.New("the reply has no length")
		}
		return c.read(length)
	}
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return err
		}
		if err := c.read(int(size)); err != nil {
			return err
		}
		if _, err := c.reader.Discard(2); err != nil || size == 0 {
			return err
		}
	}
}

// read appends n bytes of the reply to the body.
func (c *connection) read(n int) error {
	have := len(c.body)
	c.body = slices.Grow(c.body, n)[:have+n]
	_, err := io.ReadFull(c.reader, c.body[have:])
	return err
}

// load is what a round sends.
type load struct {
	address string
	clients int
	// next returns the request that a client sends as its i-th; it may reuse its bytes per client.
	next func(client, i int) []byte
	// check judges a reply; nil takes every reply with status 200.
	check func(client, i int, body []byte) error
}

// run keeps each client at one request after the other until the time is over.
func (l load) run(ctx context.Context, lasting time.Duration) (round, error) {
	connections := make([]*connection, l.clients)
	for i := range connections {
		c, err := dial(ctx, l.address)
		if err != nil {
			return round{}, err
		}
		defer c.Close()
		connections[i] = c
	}
	latencies := make([][]time.Duration, l.clients)
	failures := make([]error, l.clients)
	var wg sync.WaitGroup
	begun := time.Now()
	end := begun.Add(lasting)
	for n, c := range connections {
		wg.Go(func() { latencies[n], failures[n] = l.client(ctx, n, c, end) })
	}
	wg.Wait()
	took := time.Since(begun)
	return newRound(slices.Concat(latencies...), took), errors.Join(failures...)
}

func (l load) client(ctx context.Context, n int, c *connection, end time.Time) ([]time.Duration, error) {
	latencies := make([]time.Duration, 0, 1<<12)
	for i := 0; ctx.Err() == nil; i++ {
		request := l.next(n, i)
		sent := time.Now()
		if sent.After(end) {
			return latencies, nil
		}
		if err := c.SetDeadline(end.Add(30 * time.Second)); err != nil {
			return nil, err
		}
		if err := c.do(request); err != nil {
			return nil, fmt.Errorf("client %d, request %d: %w", n, i, err)
		}
		latencies = append(latencies, time.Since(sent))
		if l.check != nil {
			if err := l.check(n, i, c.body); err != nil {
				return nil, fmt.Errorf("client %d, request %d: %w", n, i, err)
			}
		}
	}
	return nil, ctx.Err()
}
