package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// crowd are the subscribers of one change, each with a connection of its own. One thread reads them all: when it reads a
// message, it has arrived.
type crowd struct {
	store   store
	poll    int
	members map[int32]*subscriber
	events  []syscall.EpollEvent
	buffer  []byte
	begun   int // subscribers that will be told of changes
	told    int // of the last change
	changes int // made since all have begun
	since   time.Time
	times   []time.Duration // from the last change to each subscriber, in order
}

type subscriber struct {
	fd    int
	feed  feed
	in    []byte // the start of a message
	begun bool
	seen  int // changes
}

// joining is how many subscribers may be on their way in at a time.
const joining = 32

// gather subscribes as many as wanted; it returns when all are told of changes.
func gather(ctx context.Context, s store, count int) (*crowd, error) {
	var limit syscall.Rlimit // Go has raised the soft one at its start
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil && limit.Max < uint64(count)+256 {
		return nil, fmt.Errorf("%d watchers need more than the %d open files that a process may have here (ulimit -Hn)", count, limit.Max)
	}
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	c := &crowd{store: s, poll: poll, members: map[int32]*subscriber{}, events: make([]syscall.EpollEvent, 1024), buffer: make([]byte, 64<<10)}
	for c.begun < count {
		for len(c.members) < count && len(c.members)-c.begun < joining {
			if err := c.join(); err != nil {
				return nil, errors.Join(err, c.close())
			}
		}
		if err := c.listen(ctx, patience); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

func (c *crowd) close() error {
	for _, s := range c.members {
		_ = syscall.Close(s.fd)
	}
	return syscall.Close(c.poll)
}

func (c *crowd) join() error {
	fd, err := dialRaw(c.store.address())
	if err != nil {
		return err
	}
	request, feed := c.store.watch()
	s := &subscriber{fd: fd, feed: feed}
	c.members[int32(fd)] = s
	if err := s.send(request); err != nil {
		return err
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return err
	}
	return syscall.EpollCtl(c.poll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)})
}

// send sends little on a connection on which little is sent, so that the socket takes it whole.
func (s *subscriber) send(text []byte) error {
	n, err := syscall.Write(s.fd, text)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	return err
}

// listen reads what has come, and waits for it if there is nothing. That nothing comes is an error.
func (c *crowd) listen(ctx context.Context, lasting time.Duration) error {
	n, err := wait(ctx, c.poll, c.events, lasting)
	if err == nil && n == 0 {
		err = fmt.Errorf("the server says nothing for %s; %d subscribers have begun, %d were told of change %d", lasting, c.begun, c.told, c.changes)
	}
	if err != nil {
		return err
	}
	return c.read(ctx, c.events[:n])
}

func (c *crowd) read(ctx context.Context, events []syscall.EpollEvent) error {
	for _, e := range events {
		s := c.members[e.Fd]
		n, err := syscall.Read(s.fd, c.buffer)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			continue
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("the server ended a subscription: %w", net.ErrClosed)
		}
		text := c.buffer[:n]
		if len(s.in) > 0 {
			s.in = append(s.in, text...)
			text = s.in
		}
		used, err := s.feed.take(text, func(e notice) error { return c.hear(ctx, s, e) })
		if err != nil {
			return err
		}
		s.in = append(s.in[:0], text[used:]...)
	}
	return nil
}

func (c *crowd) hear(ctx context.Context, s *subscriber, e notice) error {
	switch e.kind {
	case answer:
		return s.send(e.data)
	case greeting:
		text, err := c.store.follow(ctx, e)
		switch {
		case err != nil:
			return err
		case text == nil:
			c.begin(s)
		default:
			return s.send(text)
		}
	case begun:
		c.begin(s)
	case change:
		s.seen++
		if s.seen != c.changes {
			return fmt.Errorf("a subscriber was told of %d changes when there were %d", s.seen, c.changes)
		}
		c.told++
		c.times = append(c.times, time.Since(c.since))
	}
	return nil
}

func (c *crowd) begin(s *subscriber) {
	if !s.begun {
		s.begun = true
		c.begun++
	}
}

// change makes a change and returns how long it took to each subscriber, in order.
func (c *crowd) change(ctx context.Context, make func() error) ([]time.Duration, error) {
	c.changes++
	c.told, c.times = 0, c.times[:0]
	c.since = time.Now()
	if err := make(); err != nil {
		return nil, err
	}
	for c.told < len(c.members) {
		if err := c.listen(ctx, patience); err != nil {
			return nil, err
		}
	}
	return c.times, nil
}

// rest lets time pass in which the server's pings are answered.
func (c *crowd) rest(ctx context.Context, lasting time.Duration) error {
	for end := time.Now().Add(lasting); ; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		n, err := wait(ctx, c.poll, c.events, max(left, time.Millisecond))
		if err == nil {
			err = c.read(ctx, c.events[:n])
		}
		if err != nil {
			return err
		}
	}
}
