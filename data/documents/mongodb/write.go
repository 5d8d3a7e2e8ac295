package mongodb

import (
	"bytes"
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/value"
)

// chunk is how many documents of a write to many are changed in one transaction.
const chunk = 100

// Insert stores documents, all or nothing.
func (e *Engine) Insert(ctx context.Context, ns driver.Namespace, docs []bson.Raw, o driver.WriteOptions) error {
	leave, err := e.making(ctx, ns)
	if err != nil {
		return err
	}
	defer leave()
	if err := checkDocuments(docs); err != nil {
		return err
	}
	if o.Silent && len(docs) == 1 {
		_, err := e.collection(ns).InsertOne(ctx, docs[0])
		return failed(err, yunduo.ReasonInvalidDocument)
	}
	return e.transact(ctx, ns.App, func(t *transaction) error { return t.Insert(ctx, ns, docs, o) })
}

// making begins a write that makes documents: the collection is there and stays until leave, unless another node drops it.
func (e *Engine) making(ctx context.Context, ns driver.Namespace) (leave func(), err error) {
	a, err := e.app(ctx, ns.App)
	if err != nil {
		return nil, err
	}
	a.schema.RLock()
	if err := e.require(ctx, ns); err != nil {
		a.schema.RUnlock()
		return nil, err
	}
	return a.schema.RUnlock, nil
}

// Insert stores documents.
func (t *transaction) Insert(ctx context.Context, ns driver.Namespace, docs []bson.Raw, o driver.WriteOptions) error {
	if err := t.enter(ns); err != nil {
		return err
	}
	if err := t.e.require(ctx, ns); err != nil {
		return err
	}
	if len(docs) == 0 {
		return nil
	}
	if err := checkDocuments(docs); err != nil {
		return err
	}
	if _, err := t.e.collection(ns).InsertMany(t.within(ctx), docs); err != nil {
		return failed(err, yunduo.ReasonInvalidDocument)
	}
	changes := make([]driver.Change, len(docs))
	for i, doc := range docs {
		changes[i] = driver.Change{Collection: ns.Collection, ID: idOf(doc), Document: doc}
	}
	return t.note(changes, o)
}

// maxIDBytes bounds an _id, as on every engine.
const maxIDBytes = 16 << 10

// checkDocuments refuses what MongoDB or the driver would store otherwise than it is given.
func checkDocuments(docs []bson.Raw) error {
	for i, doc := range docs {
		if err := value.Validate(doc); err != nil {
			return yunduo.Errorf(yunduo.ReasonInvalidDocument, "document %d: %s", i, yunduo.AsError(err).Message)
		}
		switch id := idOf(doc); {
		case id.Type == 0 || id.Type == bson.TypeArray || id.Type == bson.TypeRegex || id.Type == bson.TypeUndefined:
			return yunduo.Errorf(yunduo.ReasonInvalidDocument, "document %d: there is no _id, or it is of a type that cannot be one", i)
		case len(id.Value) > maxIDBytes:
			return yunduo.Errorf(yunduo.ReasonInvalidDocument, "document %d: the _id has more than %d bytes", i, maxIDBytes)
		}
		if len(doc) > 16<<20 {
			return yunduo.Errorf(yunduo.ReasonDocumentTooLarge, "document %d has more than 16 MiB", i)
		}
	}
	return nil
}

func idOf(doc bson.Raw) bson.RawValue {
	id, _ := value.Field(doc, "_id")
	return id
}

// Update changes the documents that match.
func (e *Engine) Update(ctx context.Context, ns driver.Namespace, u driver.Update, o driver.WriteOptions) (r driver.UpdateResult, err error) {
	leave, err := e.making(ctx, ns)
	if err != nil {
		return r, err
	}
	defer leave()
	// A $[name] without its condition is the caller's mistake, whatever number the server would give it.
	if _, err := u.Change.WithArrayFilters(u.Change.ArrayFilters()); err != nil {
		return r, err
	}
	if u.Multi {
		return e.updateMany(ctx, ctx, ns, u, func(work func(*transaction) error) error { return e.transact(ctx, ns.App, work) }, o)
	}
	err = e.transact(ctx, ns.App, func(t *transaction) error {
		r, err = t.updateOne(ctx, ns, u, o)
		return err
	})
	return r, err
}

// Update changes the documents that match.
func (t *transaction) Update(ctx context.Context, ns driver.Namespace, u driver.Update, o driver.WriteOptions) (driver.UpdateResult, error) {
	if err := t.enter(ns); err != nil {
		return driver.UpdateResult{}, err
	}
	if err := t.e.require(ctx, ns); err != nil {
		return driver.UpdateResult{}, err
	}
	if _, err := u.Change.WithArrayFilters(u.Change.ArrayFilters()); err != nil {
		return driver.UpdateResult{}, err
	}
	if u.Multi {
		return t.e.updateMany(ctx, t.within(ctx), ns, u, func(work func(*transaction) error) error { return work(t) }, o)
	}
	return t.updateOne(ctx, ns, u, o)
}

// updateOne changes the first document by sort, else by _id.
func (t *transaction) updateOne(ctx context.Context, ns driver.Namespace, u driver.Update, o driver.WriteOptions) (r driver.UpdateResult, err error) {
	collation, err := collationOf(u.Filter, u.Sort, u.Change.Collation())
	if err != nil {
		return r, err
	}
	before, err := t.changeOne(ctx, ns, u, collation)
	if errors.Is(err, mongo.ErrNoDocuments) {
		if u.Upsert {
			return t.upsert(ctx, ns, u, o)
		}
		return r, nil
	}
	if err != nil {
		return r, failed(err, mistakeOf(u))
	}
	after, err := t.afterwards(ctx, ns, []bson.Raw{before})
	if err != nil {
		return r, err
	}
	if r, err = t.updated(ns, []bson.Raw{before}, after, o); err != nil {
		return r, err
	}
	switch u.Return {
	case driver.ReturnBefore:
		r.Document = before
	case driver.ReturnAfter:
		r.Document = after[0]
	}
	return r, nil
}

// changeOne lets the server change the first document that matches, and returns it as it was; mongo.ErrNoDocuments if
// there is none.
func (t *transaction) changeOne(ctx context.Context, ns driver.Namespace, u driver.Update, collation *options.Collation) (bson.Raw, error) {
	in, coll, sort := t.within(ctx), t.e.collection(ns), order(u.Sort, u.Filter)
	switch {
	case u.Change.Raw().Type == 0:
		return t.rewriteOne(ctx, ns, u, collation)
	case u.Change.IsReplacement():
		by := options.FindOneAndReplace().SetReturnDocument(options.Before).SetCollation(collation)
		if sort != nil {
			by.SetSort(sort)
		}
		return coll.FindOneAndReplace(in, u.Filter.Raw(), bson.Raw(u.Change.Raw().Value), by).Raw()
	}
	by := options.FindOneAndUpdate().SetReturnDocument(options.Before).SetCollation(collation)
	if sort != nil {
		by.SetSort(sort)
	}
	if f := u.Change.ArrayFilters(); len(f) > 0 {
		by.SetArrayFilters(anys(f))
	}
	return coll.FindOneAndUpdate(in, u.Filter.Raw(), operators(u), by).Raw()
}

// changeSome lets the server change those of the documents that match, and returns them as they were, in the order of
// their _ids.
func (t *transaction) changeSome(ctx context.Context, ns driver.Namespace, u driver.Update, ids []bson.RawValue) ([]bson.Raw, error) {
	collation, err := collationOf(u.Filter, u.Sort, u.Change.Collation())
	if err != nil {
		return nil, err
	}
	before, err := t.some(ctx, ns, among(u.Filter, ids), collation)
	if err != nil || len(before) == 0 {
		return nil, err
	}
	if u.Change.Raw().Type == 0 {
		for _, doc := range before {
			if err := t.rewrite(ctx, ns, u, doc); err != nil {
				return nil, err
			}
		}
		return before, nil
	}
	by := options.UpdateMany().SetCollation(collation)
	if f := u.Change.ArrayFilters(); len(f) > 0 {
		by.SetArrayFilters(anys(f))
	}
	_, err = t.e.collection(ns).UpdateMany(t.within(ctx), among(u.Filter, ids), operators(u), by)
	return before, failed(err, mistakeOf(u))
}

// updateSome changes those of the documents that match.
func (t *transaction) updateSome(ctx context.Context, ns driver.Namespace, u driver.Update, ids []bson.RawValue, o driver.WriteOptions) (r driver.UpdateResult, err error) {
	before, err := t.changeSome(ctx, ns, u, ids)
	if err != nil || len(before) == 0 {
		return r, err
	}
	after, err := t.afterwards(ctx, ns, before)
	if err != nil {
		return r, err
	}
	return t.updated(ns, before, after, o)
}

// afterwards reads documents again that the transaction has changed, in the order that they are given.
func (t *transaction) afterwards(ctx context.Context, ns driver.Namespace, before []bson.Raw) ([]bson.Raw, error) {
	ids := make([]bson.RawValue, len(before))
	for i, doc := range before {
		ids[i] = idOf(doc)
	}
	after, err := t.some(ctx, ns, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, nil)
	if err == nil && len(after) != len(before) {
		err = yunduo.Errorf(yunduo.ReasonInternal, "documents of a transaction changed under it")
	}
	return after, err
}

// updated notes for the change log what an update has made of documents, and counts.
func (t *transaction) updated(ns driver.Namespace, before, after []bson.Raw, o driver.WriteOptions) (driver.UpdateResult, error) {
	var changes []driver.Change
	for i := range before {
		if !bytes.Equal(before[i], after[i]) {
			changes = append(changes, driver.Change{Collection: ns.Collection, ID: idOf(before[i]), Document: after[i], Before: before[i]})
		}
	}
	r := driver.UpdateResult{Matched: int64(len(before)), Modified: int64(len(changes))}
	return r, t.note(changes, o)
}

// upsert inserts the document that the update makes of its filter. It is made here, as for every engine: the server
// would choose another _id.
func (t *transaction) upsert(ctx context.Context, ns driver.Namespace, u driver.Update, o driver.WriteOptions) (r driver.UpdateResult, err error) {
	made, err := query.UpsertDocument(u.Filter, u.Change, u.NewID, time.Now())
	if err != nil {
		return r, err
	}
	if err := t.Insert(ctx, ns, []bson.Raw{made}, o); err != nil {
		return r, err
	}
	r.UpsertedID = idOf(made)
	if u.Return == driver.ReturnAfter {
		r.Document = made
	}
	return r, nil
}

// mistakeOf is what is wrong when the server cannot apply the change. The server does not tell a filter that cannot be
// computed from a change that cannot be applied.
func mistakeOf(u driver.Update) yunduo.Reason {
	if u.Change.Raw().Type == bson.TypeArray || u.Filter.Computes() {
		return yunduo.ReasonExpressionFailed
	}
	return yunduo.ReasonUpdateNotApplicable
}

// operators is the change as the driver takes it: operators, or an array of stages.
func operators(u driver.Update) any {
	if raw := u.Change.Raw(); raw.Type == bson.TypeArray {
		return stages(raw)
	}
	return bson.Raw(u.Change.Raw().Value)
}

func stages(array bson.RawValue) []bson.Raw {
	var list []bson.Raw
	for it := value.Elements(array.Value); ; {
		_, v, more := it.Next()
		if !more {
			return list
		}
		list = append(list, v.Value)
	}
}

func anys(raws []bson.Raw) []any {
	list := make([]any, len(raws))
	for i, raw := range raws {
		list[i] = raw
	}
	return list
}
