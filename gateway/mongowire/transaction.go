package mongowire

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents"
	"yunduo/data/query/value"
)

// runInTransaction runs a statement of a transaction. A statement that fails ends it, as MongoDB does.
func (c *command) runInTransaction(ctx context.Context, e entry) ([]byte, error) {
	if auto, _ := c.field("autocommit").BooleanOK(); auto {
		return nil, failf(codeInvalidOptions, "autocommit can only be false")
	}
	if !e.inTx {
		return nil, failf(codeOperationNotInTxn, "Cannot run '%s' in a multi-document transaction.", c.name)
	}
	number, err := c.number()
	if err != nil {
		return nil, err
	}
	s := c.session
	if start, _ := c.field("startTransaction").BooleanOK(); start {
		if err := c.begin(ctx, number); err != nil {
			return nil, err
		}
	} else if number != s.number || s.state != running {
		return nil, noTransaction(number)
	}
	c.inTx = true
	docs, err := c.documents(ctx)
	if err == nil && docs.App() != s.docs.App() {
		err = failf(codeIllegalOperation, "a transaction stays in one database: %q", string(s.docs.App()))
	}
	var reply []byte
	if err == nil {
		reply, err = e.handle(ctx, c, docs)
	}
	if err != nil {
		s.abort()
		return nil, transient(err)
	}
	return reply, nil
}

// begin starts the transaction whose first statement this is.
func (c *command) begin(ctx context.Context, number int64) error {
	s := c.session
	if number < s.number {
		return failf(codeTransactionTooOld, "the session has gone on to number %d", s.number)
	}
	if number == s.number && s.state != none {
		return failf(codeConflictingOperation, "transaction %d has begun already", number)
	}
	docs, err := c.documents(ctx)
	if err != nil {
		return err
	}
	if c.mayCreate() { // the transaction shows the collections that there are when it begins
		name, err := c.collection()
		if err != nil {
			return err
		}
		if err := createMissing(ctx, docs, name); err != nil {
			return err
		}
	}
	s.abort()
	c.conn.server.sessions.forget(s)
	id, err := docs.Begin(ctx)
	if err != nil {
		return transient(err)
	}
	s.number, s.state, s.transaction, s.docs = number, running, id, docs
	return nil
}

// mayCreate reports whether the command makes documents, and so the collection they go to.
func (c *command) mayCreate() bool {
	upserts := func(doc bson.Raw) bool {
		v, _ := value.Field(doc, "upsert")
		return value.Truthy(v) && v.Type != 0
	}
	switch strings.ToLower(c.name) {
	case "insert":
		return true
	case "findandmodify":
		return upserts(c.message.body)
	case "update":
		updates, err := c.list("updates")
		return err == nil && slices.ContainsFunc(updates, upserts)
	}
	return false
}

func noTransaction(number int64) error {
	f := failf(codeNoSuchTransaction, "Given transaction number %d does not match any in-progress transactions.", number)
	f.labels = []string{labelTransient}
	return f
}

// transient labels an error after which the whole transaction may be tried again.
func transient(err error) error {
	f := asFailure(err)
	switch f.code {
	case codeWriteConflict, codeNoSuchTransaction, codeShutdown, codeRateLimited:
		labelled := *f
		labelled.labels = []string{labelTransient}
		return &labelled
	}
	return f
}

// endTransaction answers commitTransaction and abortTransaction, which name no app: the session knows it.
func endTransaction(ctx context.Context, c *command, _ *documents.Session) ([]byte, error) {
	number, err := c.number()
	if err != nil {
		return nil, err
	}
	s, commit := c.session, strings.EqualFold(c.name, "commitTransaction")
	switch {
	case number != s.number || s.state == none:
		return nil, noTransaction(number)
	case s.state == committed && commit:
		return ok() // asked again, because the answer did not arrive
	case s.state == committed:
		return nil, failf(codeTransactionCommitted, "Transaction %d has been committed.", number)
	case s.state == aborted:
		return nil, noTransaction(number)
	}
	// The credentials were checked just now; the transaction was begun with them.
	if !commit {
		s.abort()
		return ok()
	}
	if err := s.docs.Commit(context.WithoutCancel(ctx), s.transaction); err != nil {
		s.state = aborted
		return nil, transient(err)
	}
	s.state = committed
	return ok()
}
