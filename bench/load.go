package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"time"
)

// request returns the bytes of one HTTP/1.1 POST. headers are "Name: value" lines without line ends.
func request(host, path string, body []byte, headers ...string) []byte {
	return message("POST", host, path, body, headers...)
}

// message is request with another method.
func message(method, host, path string, body []byte, headers ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, host)
	if body != nil || method == "POST" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// load is what a round sends.
type load struct {
	address string
	clients int
	// next returns the request that a client sends as its i-th; it may reuse its bytes per client.
	next func(client, i int) []byte
	// check judges a reply; nil takes every reply with status 200.
	check func(client, i int, body []byte) error
	// most is how many requests the round has at most; 0 is as many as there is time for.
	most int
}

// over reports whether a client has nothing to send any more.
func (l load) over(now, end time.Time, i int) bool {
	return now.After(end) || l.most > 0 && i >= max(l.most/l.clients, 1)
}

// run keeps each client at one request after the other until the time is over.
func (l load) run(ctx context.Context, lasting time.Duration) (round, error) {
	rounds, err := together(ctx, lasting, l)
	if err != nil {
		return round{}, err
	}
	return rounds[0], nil
}

// connection is a keep-alive connection.
type connection struct {
	net.Conn
	in   []byte
	body []byte // of the last reply
}

func dial(ctx context.Context, address string) (*connection, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: c, in: make([]byte, 0, 16<<10)}, nil
}

// do sends a request and reads its reply into c.body, valid until the next call. Any status but 200 is an error.
func (c *connection) do(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	return c.answered()
}

// answered reads the reply to a request that was written.
func (c *connection) answered() error {
	c.in = c.in[:0]
	for {
		c.in = slices.Grow(c.in, 4<<10)
		n, err := c.Read(c.in[len(c.in):cap(c.in)])
		c.in = c.in[:len(c.in)+n]
		if err != nil {
			return err
		}
		body, done, err := reply(c.in)
		if err != nil {
			return err
		}
		if done {
			c.body = body
			return nil
		}
	}
}
