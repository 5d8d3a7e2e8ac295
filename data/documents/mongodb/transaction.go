package mongodb

import (
	"context"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/pipeline"
)

// patience is how long a single write is tried again when transactions of others are in its way.
const patience = 10 * time.Second

// transaction is a transaction of the deployment on one app's database, with what it is to tell the change log.
type transaction struct {
	e       *Engine
	app     yunduo.AppID
	session *mongo.Session
	changes []driver.Change // for the change log
	known   map[noted]int   // where a document is in changes
	renews  bool            // the app gets a new epoch
	limited bool
	bytes   int // written, where that is limited
	ended   bool
}

var _ driver.Transaction = (*transaction)(nil)

func (e *Engine) begin(id yunduo.AppID) (*transaction, error) {
	session, err := e.client.StartSession()
	if err != nil {
		return nil, failure(err)
	}
	journal := true
	err = session.StartTransaction(options.Transaction().SetReadConcern(readconcern.Snapshot()).
		SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &journal}))
	if err != nil {
		session.EndSession(context.Background())
		return nil, failure(err)
	}
	return &transaction{e: e, app: id, session: session}, nil
}

// Begin starts a transaction. MongoDB takes the snapshot at the first read, so one is done now.
func (e *Engine) Begin(ctx context.Context, id yunduo.AppID) (driver.Transaction, error) {
	if _, err := e.app(ctx, id); err != nil {
		return nil, err
	}
	t, err := e.begin(id)
	if err != nil {
		return nil, err
	}
	t.limited = true
	err = e.own(id, metaCollection).FindOne(t.within(ctx), bson.D{{Key: "_id", Value: "epoch"}}).Err()
	if err != nil {
		_ = t.Abort(context.WithoutCancel(ctx)) // the error of the read is the one to report
		return nil, failure(err)
	}
	return t, nil
}

// transact runs a single write as a transaction of its own, again and again while others are in its way.
func (e *Engine) transact(ctx context.Context, id yunduo.AppID, work func(*transaction) error) error {
	if _, err := e.app(ctx, id); err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	for attempt := 1; ; attempt++ {
		err := e.once(ctx, id, work)
		if yunduo.ReasonOf(err) != yunduo.ReasonTransactionConflict || time.Now().After(deadline) {
			return err
		}
		pause := time.NewTimer(time.Duration(1+rand.IntN(1<<min(attempt, 7))) * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

func (e *Engine) once(ctx context.Context, id yunduo.AppID, work func(*transaction) error) error {
	t, err := e.begin(id)
	if err != nil {
		return err
	}
	if err := work(t); err != nil {
		_ = t.Abort(context.WithoutCancel(ctx)) // work's error is the one to report
		return err
	}
	return t.Commit(ctx)
}

// within is ctx for operations of the transaction.
func (t *transaction) within(ctx context.Context) context.Context {
	return mongo.NewSessionContext(ctx, t.session)
}

// maxBytes is what a caller's transaction may write, on every engine.
const maxBytes = 16 << 20

// charge counts what the transaction writes.
func (t *transaction) charge(n int) error {
	if t.bytes += n; t.limited && t.bytes > maxBytes {
		return yunduo.Errorf(yunduo.ReasonTransactionTooLarge, "the transaction writes more than %d MiB", maxBytes>>20)
	}
	return nil
}

// enter checks that an operation may be part of the transaction.
func (t *transaction) enter(ns driver.Namespace) error {
	if t.ended {
		return yunduo.Errorf(yunduo.ReasonTransactionNotFound, "the transaction has ended")
	}
	if ns.App != t.app {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "the transaction belongs to another app")
	}
	return nil
}

// Find streams the documents that match, as the transaction sees them.
func (t *transaction) Find(ctx context.Context, ns driver.Namespace, find driver.Find) (driver.Cursor, error) {
	if err := t.enter(ns); err != nil {
		return nil, err
	}
	return t.e.find(ctx, t.within(ctx), ns, find)
}

// Count counts the documents that match, as the transaction sees them.
func (t *transaction) Count(ctx context.Context, ns driver.Namespace, filter *query.Filter, hint string) (int64, error) {
	if err := t.enter(ns); err != nil {
		return 0, err
	}
	if err := t.e.require(ctx, ns); err != nil {
		return 0, err
	}
	return t.e.count(t.within(ctx), ns, filter, hint)
}

// Aggregate runs a pipeline on what the transaction sees.
func (t *transaction) Aggregate(ctx context.Context, ns driver.Namespace, p *pipeline.Pipeline, hint string) (driver.Cursor, error) {
	if err := t.enter(ns); err != nil {
		return nil, err
	}
	if err := t.e.require(ctx, ns); err != nil {
		return nil, err
	}
	return t.e.aggregate(t.within(ctx), ns, p, hint)
}

// Commit makes the writes durable and visible.
func (t *transaction) Commit(ctx context.Context) error {
	if t.ended {
		return yunduo.Errorf(yunduo.ReasonTransactionNotFound, "the transaction has ended")
	}
	t.ended = true
	defer t.session.EndSession(context.WithoutCancel(ctx)) // which aborts what was not committed
	if err := t.log(ctx); err != nil {
		return err
	}
	return failure(t.session.CommitTransaction(ctx))
}

// Abort drops the writes.
func (t *transaction) Abort(ctx context.Context) error {
	if t.ended {
		return nil
	}
	t.ended = true
	t.session.EndSession(ctx) // which aborts
	return nil
}
