package documents

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"yunduo"
	"yunduo/data/documents/driver"
)

// binding says who may address a transaction: the same end user, invocation or kind of key.
type binding struct {
	role       yunduo.Role
	user       string
	invocation string
}

func bindingOf(c yunduo.Caller) binding {
	b := binding{role: c.Role}
	switch {
	case c.EndUser():
		b.user = c.UserID + "\x00" + owner(c)
	case c.Role == yunduo.RoleFunction:
		b.invocation = c.InvocationID
	}
	return b
}

// transactions are the open transactions of all apps.
type transactions struct {
	logger *slog.Logger

	mu     sync.Mutex
	byID   map[string]*transaction
	perApp map[yunduo.AppID]int
	closed bool
	timers sync.WaitGroup // expiries that may still run
}

func newTransactions(logger *slog.Logger) *transactions {
	return &transactions{logger: logger, byID: make(map[string]*transaction), perApp: make(map[yunduo.AppID]int)}
}

// transaction is an open transaction with an owner and an end.
type transaction struct {
	all     *transactions
	id      string
	app     yunduo.AppID
	binding binding
	timer   *time.Timer

	turn  chan struct{} // holds one token: whose turn it is may use what follows
	tx    driver.Transaction
	ended bool
}

func (o *transactions) begin(ctx context.Context, engine driver.Engine, app yunduo.AppID, b binding) (*transaction, error) {
	t := &transaction{all: o, id: yunduo.NewID(), app: app, binding: b, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{} // nobody's turn before the transaction is complete
	defer t.unlock()
	if err := o.admit(t); err != nil {
		return nil, err
	}
	tx, err := engine.Begin(ctx, app)
	if err != nil {
		o.forget(t)
		return nil, err
	}
	t.tx = tx
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		o.forget(t)
		_ = tx.Abort(context.WithoutCancel(ctx))
		return nil, yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping")
	}
	o.timers.Add(1)
	t.timer = time.AfterFunc(TransactionLifetime, t.expire)
	o.byID[t.id] = t
	o.mu.Unlock()
	return t, nil
}

// admit counts the transaction before it costs anything.
func (o *transactions) admit(t *transaction) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping")
	case o.perApp[t.app] >= maxOpenTransactions:
		return yunduo.Errorf(yunduo.ReasonRateLimited, "the app has %d open transactions; commit or abort them first", maxOpenTransactions)
	}
	o.perApp[t.app]++
	return nil
}

func (o *transactions) forget(t *transaction) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.byID, t.id)
	if o.perApp[t.app]--; o.perApp[t.app] == 0 {
		delete(o.perApp, t.app)
	}
}

func (o *transactions) find(id string, app yunduo.AppID, b binding) (*transaction, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t, ok := o.byID[id]
	if !ok || t.app != app || t.binding != b {
		return nil, notFound()
	}
	return t, nil
}

func notFound() error {
	return yunduo.Errorf(yunduo.ReasonTransactionNotFound, "the transaction was committed or aborted or has expired after %d seconds", int(TransactionLifetime.Seconds()))
}

// do runs one operation; others of the same transaction wait.
func (t *transaction) do(ctx context.Context, operation func(context.Context, driver.Operations) error) error {
	if err := t.lock(ctx); err != nil {
		return err
	}
	defer t.unlock()
	return operation(ctx, t.tx)
}

// end ends the transaction by commit or abort.
func (t *transaction) end(ctx context.Context, by func(driver.Transaction) error) error {
	if err := t.lock(ctx); err != nil {
		return err
	}
	defer t.unlock()
	t.ended = true
	if t.timer.Stop() {
		t.all.timers.Done()
	}
	t.all.forget(t)
	return by(t.tx)
}

func (t *transaction) lock(ctx context.Context) error {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if t.ended {
		t.unlock()
		return notFound()
	}
	return nil
}

func (t *transaction) unlock() { <-t.turn }

func (t *transaction) expire() {
	defer t.all.timers.Done()
	t.abort("transaction_expired")
}

// abort ends the transaction from the server's side.
func (t *transaction) abort(why string) {
	err := t.end(context.Background(), func(tx driver.Transaction) error { return tx.Abort(context.Background()) })
	if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonTransactionNotFound {
		t.all.logger.Warn("transaction could not be aborted", "app", t.app, "cause", why, "error", err)
	}
}

// abortApp ends the transactions of an app.
func (o *transactions) abortApp(app yunduo.AppID) {
	o.abortAll("app_dropped", func(t *transaction) bool { return t.app == app })
}

// close ends all transactions, lets none begin and waits for expiries that have started.
func (o *transactions) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.abortAll("closed", func(*transaction) bool { return true })
	o.timers.Wait()
}

func (o *transactions) abortAll(why string, which func(*transaction) bool) {
	o.mu.Lock()
	var ending []*transaction
	for _, t := range o.byID {
		if which(t) {
			ending = append(ending, t)
		}
	}
	o.mu.Unlock()
	for _, t := range ending {
		t.abort(why)
	}
}
