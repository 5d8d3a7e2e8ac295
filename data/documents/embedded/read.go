package embedded

import (
	"context"
	"errors"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/pipeline"
)

// Find streams the documents that match.
func (e *Engine) Find(ctx context.Context, ns driver.Namespace, find driver.Find) (driver.Cursor, error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	r, release := e.readerFor(ns, find.Filter)
	c, err := r.find(ctx, ns, find)
	if err := errors.Join(err, storageError(release())); err != nil {
		return nil, err
	}
	return c, nil
}

// readerFor returns the current state, without a snapshot where a single look-up is all there is to do.
func (e *Engine) readerFor(ns driver.Namespace, filter *query.Filter) (*reader, func() error) {
	c := e.catalog.Load()
	if coll, err := c.collection(ns); err == nil {
		if _, ok := coll.singleID(filter); ok {
			none := func() error { return nil }
			return &reader{e: e, view: liveView{e.db}, catalog: c, retain: func() func() error { return none }}, none
		}
	}
	return e.newReader()
}

// Count counts the documents that match; without a filter it reads a counter.
func (e *Engine) Count(ctx context.Context, ns driver.Namespace, filter *query.Filter, hint string) (int64, error) {
	if err := e.enter(ctx); err != nil {
		return 0, err
	}
	defer e.gate.leave()
	if matchesAll(filter) && hint == "" {
		coll, err := e.catalog.Load().collection(ns)
		if err != nil {
			return 0, err
		}
		return coll.documents.Load(), nil
	}
	r, release := e.newReader()
	n, err := r.count(ctx, ns, filter, hint)
	return n, errors.Join(err, storageError(release()))
}

func matchesAll(f *query.Filter) bool { return f == nil || len(f.Raw()) <= 5 }

// Aggregate runs a pipeline and streams its rows.
func (e *Engine) Aggregate(ctx context.Context, ns driver.Namespace, p *pipeline.Pipeline, hint string) (driver.Cursor, error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	r, release := e.newReader()
	c, err := r.aggregate(ctx, ns, p, hint)
	if err := errors.Join(err, storageError(release())); err != nil {
		return nil, err
	}
	return c, nil
}

// aggregateCursor keeps the state that a pipeline reads until it is closed.
type aggregateCursor struct {
	e       *Engine
	release func() error

	mu     sync.Mutex
	rows   pipeline.Cursor
	err    error
	closed bool
}

var _ driver.Cursor = (*aggregateCursor)(nil)

// Next advances to the next row.
func (c *aggregateCursor) Next(ctx context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed && c.rows.Next(ctx)
}

// Current returns the row; it is valid until the next call of Next or Close.
func (c *aggregateCursor) Current() bson.Raw {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	return c.rows.Current()
}

// Err returns what ended the cursor.
func (c *aggregateCursor) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.err, c.rows.Err())
}

// Close releases the cursor.
func (c *aggregateCursor) Close() error {
	defer c.e.untrack(c) // behind its end, which the engine waits for when it closes
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end()
}

func (c *aggregateCursor) end() error {
	if c.closed {
		return nil
	}
	c.closed = true
	return errors.Join(c.rows.Close(), storageError(c.release()))
}

func (c *aggregateCursor) shutdown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.err = errClosed()
	}
	// Nobody is left to tell; the store is closing.
	_ = c.end()
}
