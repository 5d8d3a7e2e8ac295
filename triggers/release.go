package triggers

import (
	"context"

	"yunduo"
	"yunduo/data/documents"
)

// Check tells whether definitions can be the triggers of a function; the errors of Set.
func (s *Scheduler) Check(app yunduo.AppID, function string, definitions []Definition) error {
	_, err := s.wanted(app, function, definitions)
	return err
}

// Prepare makes the collection of triggers, which cannot be done inside a transaction.
func (s *Scheduler) Prepare(ctx context.Context) error { return s.triggers.Prepare(ctx) }

// SetWithin is Set as part of a transaction of the system app, after Prepare; Committed has to follow its commit. The
// caller has checked that this may be done.
func (s *Scheduler) SetWithin(ctx context.Context, session *documents.Session, app yunduo.AppID, function string, definitions []Definition) error {
	wanted, err := s.wanted(app, function, definitions)
	if err != nil {
		return err
	}
	return s.replace(ctx, session, app, function, wanted)
}

// Committed tells the scheduler that triggers have changed.
func (s *Scheduler) Committed() { s.nudge() }

// DefinitionsWithin returns the triggers of an app by function, as a transaction sees them.
func (s *Scheduler) DefinitionsWithin(ctx context.Context, session *documents.Session, app yunduo.AppID) (map[string][]Definition, error) {
	found, err := s.triggers.Within(session).Find(ctx, is("app", string(app)))
	all := map[string][]Definition{}
	for _, t := range found {
		all[t.Function] = append(all[t.Function], t.definition())
	}
	return all, err
}
