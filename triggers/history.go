package triggers

import (
	"context"

	"yunduo"
	"yunduo/data/documents"
)

// History returns the latest firings of a trigger, latest first: limit of them, 0 is 20, at most 100. Reasons:
// permission_denied, trigger_not_found, invalid_request.
func (s *Scheduler) History(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, function, name string, limit int) ([]Firing, error) {
	t, err := s.find(ctx, caller, app, function, name)
	if err != nil {
		return nil, err
	}
	if limit < 0 || limit > historyLength {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "limit is %d; at most %d firings are kept", limit, historyLength)
	}
	if limit == 0 {
		limit = 20
	}
	return s.history(ctx, t.ID, limit)
}

func (s *Scheduler) history(ctx context.Context, triggerID string, limit int) ([]Firing, error) {
	found, err := s.firings.Find(ctx, is("trigger", triggerID), documents.FindOptions{Sort: is("dueAt", -1, "_id", -1), Limit: int64(limit)})
	if err != nil {
		return nil, err
	}
	list := []Firing{}
	for _, f := range found {
		list = append(list, f.public())
	}
	return list, nil
}

// prune removes the oldest firings of a trigger beyond historyLength. Those that run or wait stay.
func (s *Scheduler) prune(ctx context.Context, triggerID string) error {
	oldest, err := s.firings.Find(ctx, is("trigger", triggerID), documents.FindOptions{Sort: is("dueAt", -1), Skip: historyLength, Limit: 1})
	if err != nil || len(oldest) == 0 {
		return err
	}
	_, err = s.firings.DeleteMany(ctx, is("trigger", triggerID, "dueAt", is("$lte", oldest[0].DueAt), "status", is("$nin", []Status{StatusRunning, StatusQueued})))
	return err
}

// RunNow makes a trigger fire by hand, at once, whether or not it is enabled or runs already, and returns the firing,
// whose outcome History shows. A server whose Run runs carries it out. Reasons: permission_denied, trigger_not_found.
func (s *Scheduler) RunNow(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, function, name string) (Firing, error) {
	t, err := s.find(ctx, caller, app, function, name)
	if err != nil {
		return Firing{}, err
	}
	f := firing{
		ID: t.ID + "@" + yunduo.NewID(), Trigger: t.ID, DueAt: s.options.Now().UTC().Truncate(millisecond), Status: StatusQueued, Manual: true,
	}
	if err := s.firings.Insert(ctx, f.ID, f); err != nil {
		return Firing{}, err
	}
	s.nudge()
	return f.public(), nil
}
