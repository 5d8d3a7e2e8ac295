package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// most watchers the peer is measured with.
const peersWatchers = 1000

// fanOut measures how long one change takes to reach all who watch, and what a watcher that hears nothing costs.
func fanOut(ctx context.Context, b *bench) error {
	fmt.Printf("\n## Fan-out\n\nOne document of about 500 bytes is changed %d times over HTTP; every watcher has a connection of its own and is an end user under a rule. Milliseconds from sending the change to the median and to the last watcher. Memory is that of the server process, before the first watcher and after %s in which nothing changes.\n\n", b.changes, b.idle)
	fmt.Printf("| server | watchers | median ms | last ms | target | before MB | with watchers MB | KB a watcher | target | load |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, watchers := range b.watchers {
		if watchers <= peersWatchers {
			s, err := startPocketBase(ctx, b)
			if err != nil {
				return err
			}
			err = b.watched(ctx, s, watchers, false)
			s.stop()
			if err != nil {
				return fmt.Errorf("%s: %w", s.name(), err)
			}
		}
		s, err := startNative(ctx, b)
		if err != nil {
			return err
		}
		err = b.watched(ctx, s, watchers, true)
		s.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", s.name(), err)
		}
	}
	return nil
}

// watched measures one server that was just started and prints its line.
func (b *bench) watched(ctx context.Context, s store, watchers int, judge bool) error {
	id, err := s.fill(ctx)
	if err != nil {
		return err
	}
	writer, err := dial(ctx, s.address())
	if err != nil {
		return err
	}
	defer writer.Close()
	first, err := gather(ctx, s, 1) // what the first one costs is not the watchers'
	if err != nil {
		return err
	}
	err = first.rest(ctx, 2*time.Second)
	before, failed := resident(s.process())
	if err := errors.Join(err, failed, first.close()); err != nil {
		return err
	}
	c, err := gather(ctx, s, watchers)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.rest(ctx, b.idle); err != nil {
		return err
	}
	after, err := resident(s.process())
	if err != nil {
		return err
	}
	var median, last spread
	for i := range b.changes + 1 {
		times, err := c.change(ctx, func() error {
			_, err := writer.Write(s.change(id, i))
			return err
		})
		if err == nil {
			err = writer.answered()
		}
		if err == nil { // the server has time to settle, and a second message for one change shows
			err = c.rest(ctx, 200*time.Millisecond)
		}
		if err != nil {
			return err
		}
		if i > 0 {
			median = append(median, microseconds(quantile(times, .5))/1000)
			last = append(last, microseconds(times[len(times)-1])/1000)
		}
	}
	each := (after - before) / float64(watchers) / 1024
	inTime, small := "", ""
	if judge {
		if target := map[int]float64{1_000: 30, 10_000: 250}[watchers]; target > 0 {
			inTime = fmt.Sprintf("last <= %g ms: %s", target, verdict(last.median(), target, true))
		}
		small = "<= 25 KB: " + verdict(each, 25, true)
	}
	fmt.Printf("| %s | %d | %s | %s | %s | %s | %s | %.1f | %s | %s |\n", s.name(), watchers, median.text(1), last.text(1), inTime,
		megabytes(before), megabytes(after), each, small, loadAverage())
	return nil
}
