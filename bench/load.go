package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
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

// load is what a round sends.
type load struct {
	address string
	clients int
	// next returns the request that a client sends as its i-th; it may reuse its bytes per client.
	next func(client, i int) []byte
	// check judges a reply; nil takes every reply with status 200.
	check func(client, i int, body []byte) error
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
