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

// run keeps each client at one request after the other until the time is over. One thread waits for all of them and
// does nothing but send, receive and compare: client and servers share the machine, and what a scheduler spends on the
// client's side would be taken from the servers.
func (l load) run(ctx context.Context, lasting time.Duration) (round, error) {
	address, err := netip.ParseAddrPort(l.address)
	if err != nil {
		return round{}, err
	}
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return round{}, err
	}
	defer syscall.Close(poll)
	clients := make(map[int32]*client, l.clients)
	for n := range l.clients {
		c, err := l.connect(n, address)
		if err != nil {
			return round{}, err
		}
		defer syscall.Close(c.fd)
		clients[int32(c.fd)] = c
		if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, c.fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.fd)}); err != nil {
			return round{}, err
		}
	}
	begun := time.Now()
	end := begun.Add(lasting)
	for _, c := range clients {
		if err := c.send(begun); err != nil {
			return round{}, err
		}
	}
	events := make([]syscall.EpollEvent, l.clients)
	for running := len(clients); running > 0; {
		n, err := syscall.EpollWait(poll, events, int(patience.Milliseconds()))
		switch {
		case ctx.Err() != nil:
			return round{}, ctx.Err()
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return round{}, err
		case n == 0:
			return round{}, errors.New("the server does not answer")
		}
		for _, event := range events[:n] {
			c := clients[event.Fd]
			now, done, err := c.receive()
			if err == nil && done {
				if now.After(end) {
					running--
					continue
				}
				err = c.send(now)
			}
			if err != nil {
				return round{}, fmt.Errorf("client %d, request %d: %w", c.number, c.count, err)
			}
		}
	}
	took := time.Since(begun)
	var all [][]time.Duration
	for _, c := range clients {
		all = append(all, c.latencies)
	}
	return newRound(slices.Concat(all...), took), nil
}

// client sends the requests of one connection.
type client struct {
	load      load
	number    int
	count     int
	fd        int
	in        []byte // what has come of the reply
	sent      time.Time
	latencies []time.Duration
}

func (l load) connect(number int, address netip.AddrPort) (*client, error) {
	if !address.Addr().Is4() {
		return nil, fmt.Errorf("%s is no IPv4 address", address)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.SetNonblock(fd, true))
	if err != nil {
		return nil, errors.Join(err, syscall.Close(fd))
	}
	return &client{load: l, number: number, fd: fd, in: make([]byte, 0, 64<<10)}, nil
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
