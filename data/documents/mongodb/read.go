package mongodb

import (
	"context"
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/pipeline"
)

// Find streams the documents that match.
func (e *Engine) Find(ctx context.Context, ns driver.Namespace, find driver.Find) (driver.Cursor, error) {
	return e.find(ctx, ctx, ns, find)
}

// find runs a find within a context that may be a transaction's.
func (e *Engine) find(ctx, within context.Context, ns driver.Namespace, find driver.Find) (driver.Cursor, error) {
	if checkName(ns.Collection) != nil {
		return nil, missing(ns)
	}
	o := options.Find()
	by, err := collationOf(find.Filter, find.Sort)
	if err != nil {
		return nil, err
	}
	o.SetCollation(by)
	if s := order(find.Sort, find.Filter); s != nil {
		o.SetSort(s)
	}
	if find.Projection != nil {
		o.SetProjection(find.Projection.Raw())
	}
	if find.Skip > 0 {
		o.SetSkip(find.Skip)
	}
	if find.Limit > 0 {
		o.SetLimit(find.Limit)
	}
	if find.Hint != "" {
		o.SetHint(hinted(find.Hint))
	}
	found, err := e.collection(ns).Find(within, find.Filter.Raw(), o)
	if err != nil {
		return nil, failed(err, mistakeIn(find.Hint, err))
	}
	return e.opened(ctx, ns, found)
}

// order is a sort that leaves nothing to chance: _id decides last. What is found by nearness keeps that order.
func order(s *query.Sort, f *query.Filter) bson.D {
	if s == nil && f.Near() != nil {
		return nil
	}
	d, byID := bson.D{}, false
	for _, field := range s.Fields() {
		direction := 1
		if field.Descending {
			direction = -1
		}
		d, byID = append(d, bson.E{Key: field.Path, Value: direction}), byID || field.Path == "_id"
	}
	if !byID {
		d = append(d, bson.E{Key: "_id", Value: 1})
	}
	return d
}

// hinted is a hint as the driver takes it.
func hinted(name string) any {
	if name == driver.HintNatural {
		return bson.D{{Key: "$natural", Value: 1}}
	}
	return name
}

// mistakeIn is what is wrong when the server cannot read: the hint, if there is one and the error speaks of it.
func mistakeIn(hint string, err error) yunduo.Reason {
	if hint != "" && codeOf(err) != 0 && strings.Contains(strings.ToLower(err.Error()), "hint") {
		return yunduo.ReasonInvalidRequest
	}
	return yunduo.ReasonExpressionFailed
}

// opened is a cursor on what was found. A result without rows is checked to be of a collection that is there.
func (e *Engine) opened(ctx context.Context, ns driver.Namespace, found *mongo.Cursor) (driver.Cursor, error) {
	if found.ID() == 0 && found.RemainingBatchLength() == 0 {
		if err := e.require(ctx, ns); err != nil {
			return nil, errors.Join(err, found.Close(ctx))
		}
	}
	return &cursor{found: found}, nil
}

// Count counts the documents that match.
func (e *Engine) Count(ctx context.Context, ns driver.Namespace, filter *query.Filter, hint string) (int64, error) {
	if err := e.require(ctx, ns); err != nil {
		return 0, err
	}
	return e.count(ctx, ns, filter, hint)
}

// count counts within a context that may be a transaction's. By nearness nothing is counted but what a find finds.
func (e *Engine) count(within context.Context, ns driver.Namespace, filter *query.Filter, hint string) (int64, error) {
	if filter.Near() != nil {
		ids, err := e.matching(within, ns, filter)
		return int64(len(ids)), err
	}
	by, err := collationOf(filter, nil)
	if err != nil {
		return 0, err
	}
	o := options.Count().SetCollation(by)
	if hint != "" {
		o.SetHint(hinted(hint))
	}
	n, err := e.collection(ns).CountDocuments(within, filter.Raw(), o)
	return n, failed(err, mistakeIn(hint, err))
}

// Aggregate runs a pipeline.
func (e *Engine) Aggregate(ctx context.Context, ns driver.Namespace, p *pipeline.Pipeline, hint string) (driver.Cursor, error) {
	if err := e.require(ctx, ns); err != nil {
		return nil, err
	}
	return e.aggregate(ctx, ns, p, hint)
}

// aggregate runs a pipeline within a context that may be a transaction's.
func (e *Engine) aggregate(within context.Context, ns driver.Namespace, p *pipeline.Pipeline, hint string) (driver.Cursor, error) {
	if p.Unordered() {
		return nil, unordered()
	}
	by, err := collationIn(p.Collation())
	if err != nil {
		return nil, err
	}
	o := options.Aggregate().SetCollation(by)
	if hint != "" {
		o.SetHint(hinted(hint))
	}
	found, err := e.collection(ns).Aggregate(within, p.Raw(), o)
	if err != nil {
		return nil, failed(err, mistakeIn(hint, err))
	}
	return &cursor{found: found}, nil
}

// cursor is a cursor of the driver as one of ours.
type cursor struct {
	found  *mongo.Cursor
	err    error
	closed bool
}

var _ driver.Cursor = (*cursor)(nil)

func (c *cursor) Next(ctx context.Context) bool {
	if c.closed || c.err != nil {
		return false
	}
	if c.err = ctx.Err(); c.err != nil {
		return false
	}
	if c.found.Next(ctx) {
		return true
	}
	c.err = failed(c.found.Err(), yunduo.ReasonExpressionFailed)
	return false
}

func (c *cursor) Current() bson.Raw { return c.found.Current }
func (c *cursor) Err() error        { return c.err }

func (c *cursor) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	return failure(c.found.Close(context.Background()))
}
