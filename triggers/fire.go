package triggers

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"yunduo"
)

// fire handles a trigger that is due: it claims the due time, decides what to do about it, and moves on to the next.
func (r *run) fire(ctx context.Context, t trigger) error {
	now := r.options.Now()
	schedule, err := r.parse(t.Schedule, t.TimeZone)
	if err != nil {
		return r.suspend(ctx, t, err)
	}
	due, missed := latest(schedule, *t.Due, now, r.options.CatchUp)
	if missed {
		if err := r.recordMissed(ctx, t, due); err != nil {
			return err
		}
	}
	if due.IsZero() {
		return r.advance(ctx, t, dueAfter(schedule, now))
	}
	f := firing{ID: firingID(t.ID, due), Trigger: t.ID, DueAt: due, StartedAt: now, Status: StatusRunning, Lease: now.Add(lease)}
	if err := r.overlap(ctx, t, &f); err != nil {
		return err
	}
	claim := r.firings.Insert(ctx, f.ID, f)
	if claim != nil && yunduo.ReasonOf(claim) != yunduo.ReasonDuplicateKey {
		return claim
	}
	// A due time that somebody else has claimed is behind us all the same: that node may have died right after.
	if err := r.advance(ctx, t, dueAfter(schedule, due)); err != nil {
		return err
	}
	if claim != nil || f.Status != StatusRunning {
		return nil
	}
	if current, err := r.triggers.Get(ctx, t.ID); err != nil || !current.Enabled {
		if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonDocumentNotFound {
			return err
		}
		_, err := r.firings.Update(ctx, f.ID, set("status", StatusSkipped, "startedAt", time.Time{}, "message", "the trigger was switched off or removed at that moment"))
		return err
	}
	r.start(t, f)
	return nil
}

// latest returns the due time that is to fire now, of those from due on that have come: the last one, unless that lies
// further back than window; then it is zero. missed says that there are others.
func latest(schedule Schedule, due, now time.Time, window time.Duration) (last time.Time, missed bool) {
	last = due
	if now.Sub(due) > window {
		missed = true
		last = schedule.Next(now.Add(-window))
		if last.IsZero() || last.After(now) {
			return time.Time{}, true
		}
	}
	for {
		next := schedule.Next(last)
		if next.IsZero() || next.After(now) {
			return last.UTC(), missed
		}
		last, missed = next, true
	}
}

// recordMissed notes that due times before due, or all of them if that is zero, do not fire.
func (r *run) recordMissed(ctx context.Context, t trigger, due time.Time) error {
	message := "from this time on no server was there to run the trigger, or it was too busy"
	if !due.IsZero() {
		message = fmt.Sprintf("from this time on no server was there to run the trigger, or it was too busy; the next firing is that of %s", due.Format(time.RFC3339))
	}
	f := firing{ID: firingID(t.ID, *t.Due), Trigger: t.ID, DueAt: *t.Due, Status: StatusMissed, Message: message}
	err := r.firings.Insert(ctx, f.ID, f)
	if yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey {
		return nil // claimed before a crash, or noted by another node
	}
	return err
}

// overlap decides about a firing while others of its trigger run or wait.
func (r *run) overlap(ctx context.Context, t trigger, f *firing) error {
	if t.Overlap == OverlapAllow {
		return nil
	}
	busy, err := r.runs(ctx, t.ID)
	if err != nil {
		return err
	}
	var waiting int64
	if t.Overlap == OverlapQueue {
		if waiting, err = r.firings.Count(ctx, is("status", StatusQueued, "trigger", t.ID, "manual", nil)); err != nil {
			return err
		}
	}
	switch {
	case !busy && waiting == 0:
		return nil
	case t.Overlap == OverlapQueue && waiting < maxQueue:
		f.Status = StatusQueued
	case t.Overlap == OverlapQueue:
		f.Status, f.Message = StatusSkipped, fmt.Sprintf("%d firings were waiting already", maxQueue)
	default:
		f.Status, f.Message = StatusSkipped, "the last firing was still running"
	}
	f.StartedAt, f.Lease = time.Time{}, time.Time{}
	return nil
}

// advance moves a trigger on to its next due time, unless somebody else has done so or has changed it.
func (r *run) advance(ctx context.Context, t trigger, next *time.Time) error {
	_, err := r.triggers.UpdateIf(ctx, is("_id", t.ID, "due", *t.Due), set("due", next))
	return err
}

// suspend takes a trigger whose schedule cannot be read any more out of the loop and says why in its history.
func (r *run) suspend(ctx context.Context, t trigger, cause error) error {
	e := yunduo.AsError(cause)
	f := firing{ID: firingID(t.ID, *t.Due), Trigger: t.ID, DueAt: *t.Due, Status: StatusFailed, Reason: e.Reason, Message: e.Message}
	if err := r.firings.Insert(ctx, f.ID, f); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonDuplicateKey {
		return err
	}
	return r.advance(ctx, t, nil)
}

// start calls the function of a claimed firing in the background.
func (r *run) start(t trigger, f firing) {
	r.running.Add(1)
	go func() {
		defer r.running.Done()
		r.call(t, f)
		r.nudge() // its successor may wait
	}()
}

// call runs the function to its end and records the outcome.
func (r *run) call(t trigger, f firing) {
	requestID := yunduo.NewID()
	ctx := yunduo.WithRequestID(r.calls, requestID)
	text, err := json.Marshal(event{Type: "Timer", TriggerName: t.Name, Time: f.DueAt.UTC().Format(time.RFC3339), Message: t.Payload})
	if err != nil {
		panic(err) // strings only
	}
	stop := r.keepAlive(ctx, f.ID)
	invocation, err := r.invoker.InvokeTrigger(ctx, yunduo.AppID(t.App), t.Function, text)
	stop()
	outcome := is("status", StatusSucceeded, "duration", r.options.Now().Sub(f.StartedAt), "invocationId", invocation)
	if err != nil {
		e := yunduo.AsError(err)
		outcome = append(outcome, is("reason", e.Reason, "message", e.Message)...)
		outcome[0].Value = StatusFailed
		if r.calls.Err() != nil {
			outcome[0].Value = StatusInterrupted
		}
		r.options.Logger.WarnContext(ctx, "a trigger failed", "app", t.App, "function", t.Function, "trigger", t.Name,
			"invocation", invocation, "request_id", requestID, "error", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), heartbeat)
	defer cancel()
	r.try(ctx, "record the outcome", func() error {
		_, err := r.firings.Update(ctx, f.ID, is("$set", outcome))
		return err
	})
	r.try(ctx, "shorten the history", func() error { return r.prune(ctx, t.ID) })
}

// keepAlive renews the lease of a firing until stop is called. One node alone needs no leases.
func (r *run) keepAlive(ctx context.Context, id string) (stop func()) {
	if !r.options.SharedDatabase {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(heartbeat)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				r.try(ctx, "renew a lease", func() error {
					_, err := r.firings.Update(ctx, id, set("lease", r.options.Now().Add(lease)))
					return err
				})
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
