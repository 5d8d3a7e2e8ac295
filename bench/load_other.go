//go:build !linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

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
