package documents

import (
	"context"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/rules"
)

// decide returns what the collection's rules say about the caller's operation: everything for privileged callers.
// It returns permission_denied if they let the caller do it on no document at all.
func (s *Session) decide(ctx context.Context, ns driver.Namespace, op rules.Operation) (rules.Decision, error) {
	if s.caller.Privileged() {
		return rules.Decision{}, nil
	}
	found, err := s.db.rulesOf(ctx, ns)
	if err != nil {
		return rules.Decision{}, err
	}
	decision, err := found.Decide(op, s.auth())
	if err != nil {
		return rules.Decision{}, err
	}
	if decision.Denied {
		return decision, s.refuse(ctx, ns, op)
	}
	return decision, nil
}

// refuse says that nothing is allowed, unless there is no such collection at all: that error helps more.
func (s *Session) refuse(ctx context.Context, ns driver.Namespace, op rules.Operation) error {
	cursor, err := s.db.engine.Find(ctx, ns, driver.Find{Limit: 1})
	if err != nil {
		return err
	}
	if err := cursor.Close(); err != nil {
		return err
	}
	return ruleDenied(ns.Collection, op.String()+" its documents")
}

func ruleDenied(collection, what string) error {
	return yunduo.Errorf(yunduo.ReasonPermissionDenied, "the rules of the collection %q do not let this caller %s", collection, what)
}

// restrict narrows a filter to the documents on which the caller may do the operation.
func (s *Session) restrict(ctx context.Context, ns driver.Namespace, op rules.Operation, filter *query.Filter) (*query.Filter, error) {
	decision, err := s.decide(ctx, ns, op)
	if err != nil {
		return nil, err
	}
	if err := s.covered(ns, op, decision, filter); err != nil {
		return nil, err
	}
	return narrow(filter, decision.Filter), nil
}

// covered refuses a request for more than strict rules allow; other rules only narrow it.
func (s *Session) covered(ns driver.Namespace, op rules.Operation, decision rules.Decision, asked *query.Filter) error {
	if decision.Strict && !decision.Covers(asked) {
		return ruleDenied(ns.Collection, op.String()+" what it asks for: its rules are strict, so the request must name their conditions")
	}
	return nil
}

// narrow spares the common cases of one filter a rebuild.
func narrow(asked, allowed *query.Filter) *query.Filter {
	switch {
	case asked == nil:
		return allowed
	case allowed == nil:
		return asked
	}
	return query.Narrow(asked, allowed)
}

func (s *Session) auth() rules.Auth {
	auth := rules.Auth{
		OpenID:    owner(s.caller),
		UserID:    s.caller.UserID,
		UnionID:   s.caller.UnionID,
		Provider:  s.caller.Provider,
		Anonymous: s.caller.Role == yunduo.RoleAnonymous,
	}
	if s.lookups != nil {
		auth.Lookup = s.lookups
	}
	return auth
}
