package triggers

import (
	"context"
	"sync"
	"time"

	"yunduo"
	"yunduo/data/documents"
)

const (
	millisecond = time.Millisecond
	// poll is how often the loop looks without being told, for firings that a node left behind when it died.
	poll = 20 * time.Second
	// lease is how long a node that runs a firing may be silent, and heartbeat how often it speaks.
	lease     = time.Minute
	heartbeat = 15 * time.Second
	// stepTimeout is how long the database may take to claim and start one firing.
	stepTimeout = 30 * time.Second
	// pageSize is how many due triggers or waiting firings are taken at a time.
	pageSize = 200
)

// Run fires triggers until ctx ends. Then it starts nothing more, waits for running functions for Options.Drain, cuts
// off those that still run, and returns nil. Failures of the database are logged and tried again.
func (s *Scheduler) Run(ctx context.Context) error {
	r := &run{Scheduler: s}
	// Calls outlive ctx by the drain time.
	r.calls, r.cutOff = context.WithCancel(context.WithoutCancel(ctx))
	defer r.cutOff()
	if !s.options.SharedDatabase {
		r.try(ctx, "recover", func() error { return s.recover(ctx, true) })
	}
	pause := time.Second
	for ctx.Err() == nil {
		wait := poll
		err := r.scan(ctx)
		if err == nil {
			wait, err = s.untilNext(ctx)
			pause = time.Second
		}
		if err != nil && ctx.Err() == nil {
			s.options.Logger.ErrorContext(ctx, "triggers could not be looked up", "error", err)
			wait = pause
			pause = min(2*pause, poll)
		}
		next := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-next.C:
		}
		next.Stop()
	}
	r.drain()
	return nil
}

// run is one Run of a scheduler.
type run struct {
	*Scheduler
	running sync.WaitGroup
	calls   context.Context
	cutOff  context.CancelFunc
}

func (r *run) drain() {
	timer := time.AfterFunc(r.options.Drain, r.cutOff)
	defer timer.Stop()
	r.running.Wait()
}

// try logs what fails and leaves it for the next time.
func (r *run) try(ctx context.Context, what string, do func() error) {
	if err := do(); err != nil && ctx.Err() == nil {
		r.options.Logger.ErrorContext(ctx, "a step of the trigger scheduler failed", "step", what, "error", err)
	}
}

// nudge makes the loop look at once.
func (s *Scheduler) nudge() {
	select {
	case s.wake <- struct{}{}:
	default: // it has been told already
	}
}

// untilNext returns how long nothing is due.
func (s *Scheduler) untilNext(ctx context.Context) (time.Duration, error) {
	next, err := s.triggers.Find(ctx, is("due", is("$gt", time.Unix(0, 0))), documents.FindOptions{Sort: is("due", 1), Limit: 1})
	if err != nil || len(next) == 0 {
		return poll, err
	}
	return max(0, min(poll, next[0].Due.Sub(s.options.Now()))), nil
}

// scan fires what is due and starts what waits and may start.
func (r *run) scan(ctx context.Context) error {
	if r.options.SharedDatabase {
		if err := r.recover(ctx, false); err != nil {
			return err
		}
	}
	for {
		due, err := r.triggers.Find(ctx, is("due", is("$gt", time.Unix(0, 0), "$lte", r.options.Now())), documents.FindOptions{Sort: is("due", 1), Limit: pageSize})
		if err != nil {
			return err
		}
		for _, t := range due {
			if err := r.step(ctx, func(ctx context.Context) error { return r.fire(ctx, t) }); err != nil {
				return err
			}
		}
		if len(due) < pageSize {
			break
		}
	}
	return r.step(ctx, r.startQueued)
}

// step does something that a stop of the scheduler must not cut in two: what is claimed is also started.
func (r *run) step(ctx context.Context, do func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTimeout)
	defer cancel()
	return do(ctx)
}

// recover marks running firings as interrupted: all of them, or those whose node has been silent for too long.
func (s *Scheduler) recover(ctx context.Context, all bool) error {
	filter := is("status", StatusRunning)
	if !all {
		filter = append(filter, is("lease", is("$lt", s.options.Now()))...)
	}
	lost, err := s.firings.Find(ctx, filter, documents.FindOptions{})
	if err != nil {
		return err
	}
	for _, f := range lost {
		change := set("status", StatusInterrupted, "message", "the server ended before the function did")
		if _, err := s.firings.UpdateIf(ctx, is("_id", f.ID, "status", StatusRunning, "lease", f.Lease), change); err != nil {
			return err
		}
	}
	return nil
}

// startQueued starts waiting firings: those by hand at once, the others in turn, one of a trigger at a time.
func (r *run) startQueued(ctx context.Context) error {
	waiting, err := r.firings.Find(ctx, is("status", StatusQueued), documents.FindOptions{Sort: is("dueAt", 1), Limit: pageSize * 5})
	if err != nil {
		return err
	}
	busy := map[string]bool{}
	for _, f := range waiting {
		if !f.Manual {
			if busy[f.Trigger] {
				continue
			}
			busy[f.Trigger] = true
			if running, err := r.runs(ctx, f.Trigger); err != nil || running {
				if err != nil {
					return err
				}
				continue
			}
		}
		t, err := r.triggers.Get(ctx, f.Trigger)
		if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
			_, err = r.firings.UpdateIf(ctx, is("_id", f.ID, "status", StatusQueued), set("status", StatusSkipped, "message", "the trigger was removed before its turn"))
			if err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		f.Lease, f.StartedAt, f.Status = r.options.Now().Add(lease), r.options.Now(), StatusRunning
		claimed, err := r.firings.UpdateIf(ctx, is("_id", f.ID, "status", StatusQueued), set("status", f.Status, "lease", f.Lease, "startedAt", f.StartedAt))
		if err != nil {
			return err
		}
		if claimed {
			r.start(t, f)
		}
	}
	return nil
}

// runs reports whether a firing of a trigger is running.
func (s *Scheduler) runs(ctx context.Context, triggerID string) (bool, error) {
	n, err := s.firings.Count(ctx, is("status", StatusRunning, "trigger", triggerID))
	return n > 0, err
}
