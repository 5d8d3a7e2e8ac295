package embedded

import (
	"context"
	"errors"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
	"yunduo/data/query"
)

// cursor streams the result of a find: rows, or items that were sorted, then skip, limit and projection.
type cursor struct {
	e          *Engine
	release    func() error // of the reader
	projection *query.Projection
	limit      int64 // rows still wanted; negative is all
	skip       int64

	mu      sync.Mutex // Close of the engine may end the cursor while it is in use
	rows    *rows      // nil after close
	items   []sortItem
	sorted  bool
	current bson.Raw
	err     error
	closed  bool
}

var _ driver.Cursor = (*cursor)(nil)

// find starts a search in the reader's state; the cursor releases the reader's state once.
func (r *reader) find(ctx context.Context, ns driver.Namespace, find driver.Find) (*cursor, error) {
	coll, err := r.catalog.collection(ns)
	if err != nil {
		return nil, err
	}
	var want int64 // 0: all
	if find.Limit > 0 && find.Skip < 1<<40 && find.Limit < 1<<40 {
		want = find.Skip + find.Limit
	}
	s := r.search(ctx, coll, find.Filter)
	s.sort, s.want, s.hint = find.Sort, want, find.Hint
	s.needs = needsOf(find.Filter, find.Sort, find.Projection, false)
	found, err := newRows(ctx, s)
	if err != nil {
		return nil, err
	}
	c := &cursor{e: r.e, release: r.retain(), projection: find.Projection, skip: find.Skip, limit: find.Limit, rows: found}
	if c.limit == 0 {
		c.limit = -1
	}
	if !found.ordered(find.Sort) {
		if c.items, err = sortRows(ctx, found, find.Sort, want, r.e.options.QueryBytes); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.sorted = true
	}
	r.e.track(c)
	return c, nil
}

// Next advances to the next document.
func (c *cursor) Next(ctx context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = nil
	for c.err == nil && !c.closed && c.limit != 0 {
		doc, ok, err := c.advance(ctx)
		if err != nil || !ok {
			c.err = err
			return false
		}
		if c.skip > 0 {
			c.skip--
			continue
		}
		if c.limit > 0 {
			c.limit--
		}
		if c.current, c.err = c.projection.Apply(doc); c.err != nil {
			c.current = nil
		}
		return c.err == nil
	}
	return false
}

func (c *cursor) advance(ctx context.Context) (bson.Raw, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if !c.sorted {
		ok, err := c.rows.next(ctx)
		return c.rows.document, ok, err
	}
	if len(c.items) == 0 {
		return nil, false, nil
	}
	doc := c.items[0].document
	c.items = c.items[1:]
	return doc, true, nil
}

// Current returns the document; it is valid until the next call of Next or Close.
func (c *cursor) Current() bson.Raw {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// Err returns what ended the cursor.
func (c *cursor) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close releases the cursor.
func (c *cursor) Close() error {
	defer c.e.untrack(c) // behind its end, which the engine waits for when it closes
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end()
}

func (c *cursor) end() error {
	if c.closed {
		return nil
	}
	c.closed = true
	c.current, c.items = nil, nil
	return storageError(errors.Join(c.rows.close(), c.release()))
}

func (c *cursor) shutdown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = errClosed()
	}
	// Nobody is left to tell; the store is closing.
	_ = c.end()
}

// emptyCursor has no documents.
type emptyCursor struct{}

func (emptyCursor) Next(context.Context) bool { return false }
func (emptyCursor) Current() bson.Raw         { return nil }
func (emptyCursor) Err() error                { return nil }
func (emptyCursor) Close() error              { return nil }
