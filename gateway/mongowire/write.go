package mongowire

import (
	"context"
	"iter"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/value"
)

// createMissing makes a collection unless there is one.
func createMissing(ctx context.Context, docs *documents.Session, collection string) error {
	if _, err := docs.Indexes(ctx, collection); yunduo.ReasonOf(err) != yunduo.ReasonCollectionNotFound {
		return err
	}
	if err := docs.CreateCollection(ctx, collection); yunduo.ReasonOf(err) != yunduo.ReasonCollectionExists {
		return err
	}
	return nil
}

// making runs a write that may make documents, and the collection for them if there is none.
func (c *command) making(ctx context.Context, docs *documents.Session, collection string, write func() error) error {
	err := write()
	if yunduo.ReasonOf(err) != yunduo.ReasonCollectionNotFound {
		return err
	}
	if !c.inTx {
		if err := createMissing(ctx, docs, collection); err != nil {
			return err
		}
		return write()
	}
	outside := *c
	outside.inTx = false
	plain, err := outside.documents(ctx)
	if err != nil {
		return err
	}
	if err := createMissing(ctx, plain, collection); err != nil {
		return err
	}
	return failf(codeWriteConflict, "the collection %q was made while the transaction ran; run it again", collection)
}

// writes are the results of a command's several writes.
type writes struct {
	errors  []bson.D
	ordered bool
}

// note takes the result of one write and reports whether the others still run. Inside a transaction a failure is the
// command's.
func (w *writes) note(c *command, index int, err error) (goOn bool, _ error) {
	if err == nil {
		return true, nil
	}
	if c.inTx {
		return false, err
	}
	f := asFailure(err)
	if f.code == codeInternalError {
		c.conn.server.logger.Error("mongo: a write failed", "command", c.name, "user", c.conn.user, "error", err)
	}
	if f.code == codeShutdown || f.code == codeUnauthorized {
		return false, err
	}
	w.errors = append(w.errors, f.writeError(index))
	return !w.ordered, nil
}

func (w *writes) reply(fields ...bson.E) ([]byte, error) {
	if len(w.errors) > 0 {
		fields = append(fields, bson.E{Key: "writeErrors", Value: w.errors})
	}
	return ok(fields...)
}

func insert(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	w := writes{ordered: true}
	for key, v := range c.arguments() {
		switch key {
		case "documents", "bypassDocumentValidation":
		case "ordered":
			w.ordered, err = asBool(key, v)
		default:
			err = c.unknown(key)
		}
		if err != nil {
			return nil, err
		}
	}
	list, err := c.list("documents")
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || len(list) > maxWriteBatch {
		return nil, failf(16, "Write batch sizes must be between 1 and %d. Got %d operations.", maxWriteBatch, len(list))
	}
	inserted := 0
	for start := 0; start < len(list); start += documents.MaxInsert {
		n, goOn, err := c.insertSome(ctx, docs, collection, list[start:min(start+documents.MaxInsert, len(list))], start, &w)
		inserted += n
		if err != nil {
			return nil, err
		}
		if !goOn {
			break
		}
	}
	return w.reply(bson.E{Key: "n", Value: compact(int64(inserted))})
}

// insertSome inserts documents in one commit. If that fails, which leaves nothing, it inserts them one by one to keep
// those that MongoDB would have kept.
func (c *command) insertSome(ctx context.Context, docs *documents.Session, collection string, list []bson.Raw, start int, w *writes) (n int, goOn bool, _ error) {
	err := c.making(ctx, docs, collection, func() error {
		_, err := docs.Insert(ctx, collection, list)
		return err
	})
	if err == nil {
		return len(list), true, nil
	}
	if len(list) == 1 || c.inTx {
		goOn, err := w.note(c, start, err)
		return 0, goOn, err
	}
	for i, doc := range list {
		_, err := docs.Insert(ctx, collection, []bson.Raw{doc})
		if err == nil {
			n++
		}
		if goOn, err := w.note(c, start+i, err); err != nil || !goOn {
			return n, false, err
		}
	}
	return n, true, nil
}

// statement iterates over the fields of one of a command's writes.
func statement(doc bson.Raw) iter.Seq2[string, bson.RawValue] {
	return func(yield func(string, bson.RawValue) bool) {
		for it := value.Elements(doc); ; {
			key, v, more := it.Next()
			if !more || !yield(string(key), v) {
				return
			}
		}
	}
}

// statements returns the writes of an update or delete command. None runs if one lacks a field that they need: without
// its condition a write would concern every document.
func (c *command) statements(list string, w *writes, needed ...string) ([]bson.Raw, error) {
	for key, v := range c.arguments() {
		var err error
		switch key {
		case list, "bypassDocumentValidation":
		case "ordered":
			w.ordered, err = asBool(key, v)
		default: // let
			err = refuseTrue(key, v)
		}
		if err != nil {
			return nil, err
		}
	}
	statements, err := c.list(list)
	if err == nil && (len(statements) == 0 || len(statements) > maxWriteBatch) {
		err = failf(16, "Write batch sizes must be between 1 and %d. Got %d operations.", maxWriteBatch, len(statements))
	}
	if err != nil {
		return nil, err
	}
	for _, doc := range statements {
		for _, field := range needed {
			if _, found := value.Field(doc, field); !found {
				return nil, failf(codeMissingField, "BSON field '%s.%s.%s' is missing but a required field", c.name, list, field)
			}
		}
	}
	return statements, nil
}

func update(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	w := writes{ordered: true}
	statements, err := c.statements("updates", &w, "q", "u")
	if err != nil {
		return nil, err
	}
	var matched, modified int64
	var upserted []bson.D
	for i, doc := range statements {
		r, err := c.updateOne(ctx, docs, collection, doc)
		matched, modified = matched+r.Matched, modified+r.Modified
		if !r.UpsertedID.IsZero() {
			matched++
			upserted = append(upserted, bson.D{{Key: "index", Value: int32(i)}, {Key: "_id", Value: r.UpsertedID}})
		}
		goOn, err := w.note(c, i, err)
		if err != nil {
			return nil, err
		}
		if !goOn {
			break
		}
	}
	reply := bson.D{{Key: "n", Value: compact(matched)}, {Key: "nModified", Value: compact(modified)}}
	if upserted != nil {
		reply = append(reply, bson.E{Key: "upserted", Value: upserted})
	}
	return w.reply(reply...)
}

// updateOne runs one statement of an update command.
func (c *command) updateOne(ctx context.Context, docs *documents.Session, collection string, doc bson.Raw) (driver.UpdateResult, error) {
	var u documents.Update
	var err error
	for key, v := range statement(doc) {
		switch key {
		case "q":
			u.Filter, err = asDocument(key, v)
		case "u":
			err = setChange(&u, key, v)
		case "multi":
			u.Multi, err = asBool(key, v)
		case "upsert":
			u.Upsert, err = asBool(key, v)
		case "arrayFilters":
			u.ArrayFilters, err = asList(key, v)
		case "sort":
			u.Sort, err = asDocument(key, v)
		case "collation":
			u.Collation, err = asDocument(key, v)
		case "hint":
		default:
			err = refuseTrue(key, v)
		}
		if err != nil {
			return driver.UpdateResult{}, err
		}
	}
	return c.change(ctx, docs, collection, u)
}

// setChange takes an update's operators, document or stages.
func setChange(u *documents.Update, key string, v bson.RawValue) (err error) {
	if v.Type == bson.TypeArray {
		u.Pipeline, err = asList(key, v)
		return err
	}
	u.Change, err = asDocument(key, v)
	return err
}

func (c *command) change(ctx context.Context, docs *documents.Session, collection string, u documents.Update) (r driver.UpdateResult, err error) {
	run := func() error {
		r, err = docs.Update(ctx, collection, u)
		return err
	}
	if u.Upsert {
		return r, c.making(ctx, docs, collection, run)
	}
	return r, notMissing(run())
}

func remove(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	w := writes{ordered: true}
	statements, err := c.statements("deletes", &w, "q", "limit")
	if err != nil {
		return nil, err
	}
	deleted := int64(0)
	for i, doc := range statements {
		d := documents.Delete{Multi: true}
		var err error
		for key, v := range statement(doc) {
			switch key {
			case "q":
				d.Filter, err = asDocument(key, v)
			case "limit":
				var limit int64
				limit, err = asCount(key, v)
				d.Multi = limit == 0
			case "collation":
				d.Collation, err = asDocument(key, v)
			case "hint":
			default:
				err = refuseTrue(key, v)
			}
			if err != nil {
				return nil, err
			}
		}
		r, err := docs.Delete(ctx, collection, d)
		deleted += r.Deleted
		goOn, err := w.note(c, i, notMissing(err))
		if err != nil {
			return nil, err
		}
		if !goOn {
			break
		}
	}
	return w.reply(bson.E{Key: "n", Value: compact(deleted)})
}

func findAndModify(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	u := documents.Update{Return: driver.ReturnBefore}
	var fields bson.Raw
	removing := false
	for key, v := range c.arguments() {
		switch key {
		case "query":
			u.Filter, err = asDocument(key, v)
		case "sort":
			u.Sort, err = asDocument(key, v)
		case "remove":
			removing, err = asBool(key, v)
		case "update":
			err = setChange(&u, key, v)
		case "new":
			var after bool
			if after, err = asBool(key, v); after {
				u.Return = driver.ReturnAfter
			}
		case "fields":
			fields, err = asDocument(key, v)
		case "upsert":
			u.Upsert, err = asBool(key, v)
		case "arrayFilters":
			u.ArrayFilters, err = asList(key, v)
		case "collation":
			u.Collation, err = asDocument(key, v)
		case "hint", "bypassDocumentValidation":
		default:
			err = refuseTrue(key, v)
		}
		if err != nil {
			return nil, err
		}
	}
	projection, err := query.ParseProjection(fields)
	if err != nil {
		return nil, err
	}
	if removing {
		if u.Change != nil || u.Pipeline != nil || u.Upsert || u.Return == driver.ReturnAfter {
			return nil, failf(codeFailedToParse, "Cannot specify both an update and remove=true, nor upsert or new with remove=true")
		}
		r, err := docs.Delete(ctx, collection, documents.Delete{Filter: u.Filter, Sort: u.Sort, Collation: u.Collation, Return: driver.ReturnBefore})
		if err = notMissing(err); err != nil {
			return nil, err
		}
		return modified(projection, r.Document, bson.D{{Key: "n", Value: compact(r.Deleted)}})
	}
	if u.Change == nil && u.Pipeline == nil {
		return nil, failf(codeFailedToParse, "Either an update or remove=true must be specified")
	}
	r, err := c.change(ctx, docs, collection, u)
	if err != nil {
		return nil, err
	}
	last := bson.D{{Key: "n", Value: int32(1)}, {Key: "updatedExisting", Value: r.Matched > 0}}
	switch {
	case !r.UpsertedID.IsZero():
		last = append(last, bson.E{Key: "upserted", Value: r.UpsertedID})
	case r.Matched == 0:
		last[0].Value = int32(0)
	}
	return modified(projection, r.Document, last)
}

// modified answers findAndModify with the document, or null if there is none.
func modified(projection *query.Projection, doc bson.Raw, last bson.D) ([]byte, error) {
	var shown any
	if doc != nil {
		projected := doc
		if projection != nil {
			var err error
			if projected, err = projection.Apply(doc); err != nil {
				return nil, err
			}
		}
		shown = projected
	}
	return ok(bson.E{Key: "lastErrorObject", Value: last}, bson.E{Key: "value", Value: shown})
}
