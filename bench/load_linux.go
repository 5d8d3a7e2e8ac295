package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// patience is how long a reply may take before the server is given up on.
const patience = 30 * time.Second

// together runs loads at the same time: each keeps each of its clients at one request after the other until the time is
// over. One thread waits for all of them and does nothing but send, receive and compare: client and servers share the
// machine, and what a scheduler spends on the client's side would be taken from the servers.
func together(ctx context.Context, lasting time.Duration, loads ...load) ([]round, error) {
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(poll)
	clients := map[int32]*client{}
	for which, l := range loads {
		for n := range l.clients {
			c, err := l.connect(n)
			if err != nil {
				return nil, err
			}
			defer syscall.Close(c.fd)
			c.which = which
			clients[int32(c.fd)] = c
			if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, c.fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.fd)}); err != nil {
				return nil, err
			}
		}
	}
	begun := time.Now()
	end, last := begun.Add(lasting), make([]time.Time, len(loads))
	for _, c := range clients {
		if err := c.send(begun); err != nil {
			return nil, err
		}
	}
	events := make([]syscall.EpollEvent, len(clients))
	for running := len(clients); running > 0; {
		n, err := wait(ctx, poll, events, patience)
		switch {
		case err != nil:
			return nil, err
		case n == 0:
			return nil, errors.New("the server does not answer")
		}
		for _, event := range events[:n] {
			c := clients[event.Fd]
			now, done, err := c.receive()
			if err == nil && done {
				if c.load.over(now, end, c.count) {
					running--
					last[c.which] = now
					continue
				}
				err = c.send(now)
			}
			if err != nil {
				return nil, fmt.Errorf("client %d, request %d: %w", c.number, c.count, err)
			}
		}
	}
	latencies := make([][]time.Duration, len(loads))
	for _, c := range clients {
		latencies[c.which] = append(latencies[c.which], c.latencies...)
	}
	rounds := make([]round, len(loads))
	for which := range loads {
		rounds[which] = newRound(latencies[which], last[which].Sub(begun))
	}
	return rounds, nil
}

// wait returns how many sockets have something to say, 0 after the time.
func wait(ctx context.Context, poll int, events []syscall.EpollEvent, lasting time.Duration) (int, error) {
	for {
		n, err := syscall.EpollWait(poll, events, int(lasting.Milliseconds()))
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case errors.Is(err, syscall.EINTR):
		default:
			return n, err
		}
	}
}

// client sends the requests of one connection.
type client struct {
	load      load
	number    int
	which     int // of the loads that run together
	count     int
	fd        int
	in        []byte // what has come of the reply
	sent      time.Time
	latencies []time.Duration
}

func (l load) connect(number int) (*client, error) {
	fd, err := dialRaw(l.address)
	if err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, syscall.Close(fd))
	}
	return &client{load: l, number: number, fd: fd, in: make([]byte, 0, 64<<10)}, nil
}

// dialRaw returns a socket that Go's own poller does not know of; its calls block.
func dialRaw(address string) (int, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return 0, err
	}
	if !to.Addr().Is4() {
		return 0, fmt.Errorf("%s is no IPv4 address", address)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	err = errors.Join(
		syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
	if err != nil {
		return 0, errors.Join(err, syscall.Close(fd))
	}
	return fd, nil
}

// send sends the next request. It is short and the one before it has been answered, so that the socket takes it whole.
func (c *client) send(now time.Time) error {
	c.in = c.in[:0]
	c.sent = now
	request := c.load.next(c.number, c.count)
	n, err := syscall.Write(c.fd, request)
	if err == nil && n < len(request) {
		err = io.ErrShortWrite
	}
	return err
}

// receive takes what has come; done says that the reply is whole.
func (c *client) receive() (now time.Time, done bool, err error) {
	if len(c.in) == cap(c.in) {
		c.in = slices.Grow(c.in, cap(c.in))
	}
	n, err := syscall.Read(c.fd, c.in[len(c.in):cap(c.in)])
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return now, false, nil
	case err != nil:
		return now, false, err
	case n == 0:
		return now, false, net.ErrClosed
	}
	c.in = c.in[:len(c.in)+n]
	body, done, err := reply(c.in)
	if !done || err != nil {
		return now, false, err
	}
	now = time.Now()
	c.latencies = append(c.latencies, now.Sub(c.sent))
	if c.load.check != nil {
		err = c.load.check(c.number, c.count, body)
	}
	c.count++
	return now, true, err
}
