package mongodb

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
)

// runner runs work in a transaction: the caller's, or one of its own for each call.
type runner func(work func(*transaction) error) error

// updateMany changes all documents that match when it begins, some at a time.
func (e *Engine) updateMany(ctx, within context.Context, ns driver.Namespace, u driver.Update, run runner, o driver.WriteOptions) (r driver.UpdateResult, err error) {
	ids, err := e.matching(within, ns, u.Filter)
	if err != nil {
		return r, err
	}
	for some := range slices.Chunk(ids, chunk) {
		var part driver.UpdateResult
		err := run(func(t *transaction) error {
			var err error
			part, err = t.updateSome(ctx, ns, u, some, o)
			return err
		})
		if err != nil {
			return r, err
		}
		r.Matched, r.Modified = r.Matched+part.Matched, r.Modified+part.Modified
	}
	if r.Matched == 0 && u.Upsert {
		single := u
		single.Multi = false
		err = run(func(t *transaction) error {
			var err error
			r, err = t.updateOne(ctx, ns, single, o)
			return err
		})
	}
	return r, err
}

// matching returns the _ids of the documents that match, in order.
func (e *Engine) matching(within context.Context, ns driver.Namespace, filter *query.Filter) ([]bson.RawValue, error) {
	collation, err := collationOf(filter, nil)
	if err != nil {
		return nil, err
	}
	by := options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}}).SetCollation(collation)
	if s := order(nil, filter); s != nil {
		by.SetSort(s)
	}
	found, err := e.collection(ns).Find(within, filter.Raw(), by)
	if err != nil {
		return nil, failed(err, yunduo.ReasonExpressionFailed)
	}
	defer found.Close(context.WithoutCancel(within))
	var ids []bson.RawValue
	for found.Next(within) {
		ids = append(ids, idOf(bytes.Clone(found.Current)))
	}
	return ids, failed(found.Err(), yunduo.ReasonExpressionFailed)
}

// among is the filter, narrowed to some documents.
func among(filter *query.Filter, ids []bson.RawValue) bson.D {
	return bson.D{{Key: "$and", Value: bson.A{bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, filter.Raw()}}}
}

// some reads documents by _id, in order.
func (t *transaction) some(ctx context.Context, ns driver.Namespace, filter bson.D, by *options.Collation) ([]bson.Raw, error) {
	found, err := t.e.collection(ns).Find(t.within(ctx), filter, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetCollation(by))
	if err != nil {
		return nil, failure(err)
	}
	defer found.Close(context.WithoutCancel(ctx))
	var docs []bson.Raw
	for found.Next(ctx) {
		docs = append(docs, bytes.Clone(found.Current))
	}
	return docs, failure(found.Err())
}

// Delete removes the first or all documents that match.
func (e *Engine) Delete(ctx context.Context, ns driver.Namespace, d driver.Delete, o driver.WriteOptions) (r driver.DeleteResult, err error) {
	if err := e.require(ctx, ns); err != nil {
		return r, err
	}
	run := func(work func(*transaction) error) error { return e.transact(ctx, ns.App, work) }
	switch {
	case d.Multi && o.Silent:
		by, err := collationOf(d.Filter, nil)
		if err != nil {
			return r, err
		}
		deleted, err := e.collection(ns).DeleteMany(ctx, d.Filter.Raw(), options.DeleteMany().SetCollation(by))
		if err != nil {
			return r, failed(err, yunduo.ReasonExpressionFailed)
		}
		return driver.DeleteResult{Deleted: deleted.DeletedCount}, nil
	case d.Multi:
		return e.deleteMany(ctx, ctx, ns, d, run, o)
	}
	err = run(func(t *transaction) error {
		r, err = t.deleteOne(ctx, ns, d, o)
		return err
	})
	return r, err
}

// Delete removes the first or all documents that match.
func (t *transaction) Delete(ctx context.Context, ns driver.Namespace, d driver.Delete, o driver.WriteOptions) (driver.DeleteResult, error) {
	if err := t.enter(ns); err != nil {
		return driver.DeleteResult{}, err
	}
	if err := t.e.require(ctx, ns); err != nil {
		return driver.DeleteResult{}, err
	}
	if d.Multi {
		return t.e.deleteMany(ctx, t.within(ctx), ns, d, func(work func(*transaction) error) error { return work(t) }, o)
	}
	return t.deleteOne(ctx, ns, d, o)
}

func (t *transaction) deleteOne(ctx context.Context, ns driver.Namespace, d driver.Delete, o driver.WriteOptions) (r driver.DeleteResult, err error) {
	collation, err := collationOf(d.Filter, d.Sort)
	if err != nil {
		return r, err
	}
	by := options.FindOneAndDelete().SetCollation(collation)
	if s := order(d.Sort, d.Filter); s != nil {
		by.SetSort(s)
	}
	before, err := t.e.collection(ns).FindOneAndDelete(t.within(ctx), d.Filter.Raw(), by).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return r, nil
	}
	if err != nil {
		return r, failed(err, yunduo.ReasonExpressionFailed)
	}
	r.Deleted = 1
	if d.Return == driver.ReturnBefore {
		r.Document = before
	}
	return r, t.note([]driver.Change{{Collection: ns.Collection, ID: idOf(before), Before: before}}, o)
}

func (e *Engine) deleteMany(ctx, within context.Context, ns driver.Namespace, d driver.Delete, run runner, o driver.WriteOptions) (r driver.DeleteResult, err error) {
	ids, err := e.matching(within, ns, d.Filter)
	if err != nil {
		return r, err
	}
	for some := range slices.Chunk(ids, chunk) {
		deleted := int64(0)
		err := run(func(t *transaction) (err error) {
			deleted, err = t.deleteSome(ctx, ns, d, some, o)
			return err
		})
		if err != nil {
			return r, err
		}
		r.Deleted += deleted
	}
	return r, nil
}

func (t *transaction) deleteSome(ctx context.Context, ns driver.Namespace, d driver.Delete, ids []bson.RawValue, o driver.WriteOptions) (int64, error) {
	collation, err := collationOf(d.Filter, d.Sort)
	if err != nil {
		return 0, err
	}
	before, err := t.some(ctx, ns, among(d.Filter, ids), collation)
	if err != nil || len(before) == 0 {
		return 0, err
	}
	changes := make([]driver.Change, len(before))
	gone := make([]bson.RawValue, len(before))
	for i, doc := range before {
		gone[i] = idOf(doc)
		changes[i] = driver.Change{Collection: ns.Collection, ID: gone[i], Before: doc}
	}
	if _, err := t.e.collection(ns).DeleteMany(t.within(ctx), bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: gone}}}}); err != nil {
		return 0, failure(err)
	}
	return int64(len(before)), t.note(changes, o)
}
