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

// together runs loads at the same time: each keeps each of its clients at one request after the other until the time is
// over.
func together(ctx context.Context, lasting time.Duration, loads ...load) ([]round, error) {
	connections := make([][]*connection, len(loads))
	latencies, failures := make([][][]time.Duration, len(loads)), make([][]error, len(loads))
	for which, l := range loads {
		for range l.clients {
			c, err := dial(ctx, l.address)
			if err != nil {
				return nil, err
			}
			defer c.Close()
			connections[which] = append(connections[which], c)
		}
		latencies[which], failures[which] = make([][]time.Duration, l.clients), make([]error, l.clients)
	}
	took := make([]time.Duration, len(loads))
	var all sync.WaitGroup
	begun := time.Now()
	end := begun.Add(lasting)
	for which, l := range loads {
		all.Go(func() {
			var wg sync.WaitGroup
			for n, c := range connections[which] {
				wg.Go(func() { latencies[which][n], failures[which][n] = l.client(ctx, n, c, end) })
			}
			wg.Wait()
			took[which] = time.Since(begun)
		})
	}
	all.Wait()
	rounds := make([]round, len(loads))
	for which := range loads {
		rounds[which] = newRound(slices.Concat(latencies[which]...), took[which])
	}
	return rounds, errors.Join(slices.Concat(failures...)...)
}

func (l load) client(ctx context.Context, n int, c *connection, end time.Time) ([]time.Duration, error) {
	latencies := make([]time.Duration, 0, 1<<12)
	for i := 0; ctx.Err() == nil; i++ {
		request := l.next(n, i)
		sent := time.Now()
		if i > 0 && l.over(sent, end, i) {
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
