package functions

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

const (
	maxDelay   = 30 * 24 * time.Hour // of an invocation that begins later
	maxWaiting = 10_000              // delayed invocations that wait, of one app
)

// mayWait refuses a delayed invocation of end users, and when very many of the app's wait: each keeps its event until it
// is due.
func (s *Service) mayWait(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, delay time.Duration) error {
	if delay == 0 {
		return nil
	}
	if !caller.Privileged() {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "delaySeconds: only the code of the app %s and who manages it may have functions run later", app)
	}
	waiting, err := s.starts.Count(ctx, bson.D{{Key: "app", Value: app}, {Key: "state", Value: StateAccepted}})
	if err == nil && waiting >= maxWaiting {
		err = yunduo.Errorf(yunduo.ReasonQuotaExceeded, "%d invocations of the app %s wait already for their time", waiting, app)
	}
	return err
}

// untilDue is how long nothing will be due that is known now, and not longer than until the next look at what other
// servers have accepted.
func (s *Service) untilDue(ctx context.Context) time.Duration {
	next, err := s.starts.Find(ctx, bson.D{{Key: "state", Value: StateAccepted}}, documents.FindOptions{Sort: bson.D{{Key: "due", Value: 1}}, Limit: 1})
	if err != nil || len(next) == 0 {
		return asyncLook
	}
	return min(max(next[0].Due.Sub(s.options.Now()), time.Millisecond), asyncLook)
}

// giveDueTimes makes what was accepted before there were due times due now.
func (s *Service) giveDueTimes(ctx context.Context) {
	now := s.options.Now().UTC()
	for {
		found, err := s.starts.UpdateIf(ctx, bson.D{{Key: "state", Value: StateAccepted}, {Key: "due", Value: nil}}, set(bson.D{{Key: "due", Value: now}}))
		if err != nil && ctx.Err() == nil {
			s.log.Warn("accepted invocations of an earlier version cannot be taken over", "error", err)
		}
		if err != nil || !found {
			return
		}
	}
}
