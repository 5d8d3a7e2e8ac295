//go:build !linux

package main

import (
	"context"
	"errors"
	"time"
)

// crowd reads ten thousand connections on one thread, which is written for Linux.
type crowd struct{}

func gather(context.Context, store, int) (*crowd, error) {
	return nil, errors.New("fan-out is measured on Linux only")
}

func (c *crowd) close() error { return nil }

func (c *crowd) change(context.Context, func() error) ([]time.Duration, error) {
	return nil, errors.ErrUnsupported
}

func (c *crowd) rest(context.Context, time.Duration) error { return errors.ErrUnsupported }
