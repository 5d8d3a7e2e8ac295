package documents

import (
	"context"
	"math/rand/v2"
	"time"

	"yunduo"
	"yunduo/data/documents/driver"
)

// maxAttempts is how often work that meets others' writes is tried.
const maxAttempts = 5

// Begin starts a transaction and returns the id by which its owner, and nobody else, addresses it. It ends by Commit,
// Abort or after TransactionLifetime. Reasons: permission_denied, rate_limited.
func (s *Session) Begin(ctx context.Context) (id string, err error) {
	t, err := s.begin(ctx)
	if err != nil {
		return "", err
	}
	return t.id, nil
}

func (s *Session) begin(ctx context.Context) (*transaction, error) {
	if s.refused != nil {
		return nil, s.refused
	}
	if s.tx != nil {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "transaction: one cannot begin inside another")
	}
	return s.db.open.begin(ctx, s.db.engine, s.app, bindingOf(s.caller))
}

// InTransaction returns the session on which operations belong to the transaction; transaction_not_found if it was
// committed or aborted, has expired or is somebody else's.
func (s *Session) InTransaction(id string) (*Session, error) {
	if s.refused != nil {
		return nil, s.refused
	}
	t, err := s.db.open.find(id, s.app, bindingOf(s.caller))
	if err != nil {
		return nil, err
	}
	inside := *s
	inside.tx = t
	return &inside, nil
}

// Commit makes the transaction's writes durable and visible together. Reasons: transaction_not_found,
// transaction_conflict; either way the transaction has ended.
func (s *Session) Commit(ctx context.Context, id string) error {
	return s.end(id, func(t *transaction) error {
		return t.end(ctx, func(tx driver.Transaction) error { return tx.Commit(ctx) })
	})
}

// Abort drops the transaction's writes; transaction_not_found if it has ended before.
func (s *Session) Abort(ctx context.Context, id string) error {
	return s.end(id, func(t *transaction) error {
		return t.end(ctx, func(tx driver.Transaction) error { return tx.Abort(context.WithoutCancel(ctx)) })
	})
}

func (s *Session) end(id string, end func(*transaction) error) error {
	if s.refused != nil {
		return s.refused
	}
	t, err := s.db.open.find(id, s.app, bindingOf(s.caller))
	if err != nil {
		return err
	}
	return end(t)
}

// Transact runs work in a transaction and commits it. When others' writes get in the way (transaction_conflict) it
// runs work again, a few times, on a new transaction; so work has no effects but those on its session. Any other
// error of work aborts and is returned.
func (s *Session) Transact(ctx context.Context, work func(*Session) error) error {
	for attempt := 1; ; attempt++ {
		err := s.transactOnce(ctx, work)
		if yunduo.ReasonOf(err) != yunduo.ReasonTransactionConflict || attempt == maxAttempts {
			return err
		}
		pause := time.NewTimer(time.Duration(1+rand.IntN(5<<attempt)) * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

func (s *Session) transactOnce(ctx context.Context, work func(*Session) error) error {
	t, err := s.begin(ctx)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done { // work failed or panicked
			_ = t.end(context.WithoutCancel(ctx), func(tx driver.Transaction) error { return tx.Abort(context.WithoutCancel(ctx)) })
		}
	}()
	inside := *s
	inside.tx = t
	if err := work(&inside); err != nil {
		return err
	}
	done = true
	return t.end(ctx, func(tx driver.Transaction) error { return tx.Commit(ctx) })
}
