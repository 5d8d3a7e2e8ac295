package embedded

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/value"
)

// update runs an update against the store or a transaction.
func (e *Engine) update(ctx context.Context, w writer, ns driver.Namespace, u driver.Update, o driver.WriteOptions) (result driver.UpdateResult, err error) {
	if u.Multi {
		result, err = e.updateMany(ctx, w, ns, u, o)
	} else {
		result, err = e.updateFirst(ctx, w, ns, u, o)
	}
	// Also after an error: what was done before it must be durable, and waiting releases it.
	if err := errors.Join(err, w.wait()); err != nil {
		return driver.UpdateResult{}, err
	}
	return result, nil
}

func (e *Engine) updateMany(ctx context.Context, w writer, ns driver.Namespace, u driver.Update, o driver.WriteOptions) (result driver.UpdateResult, err error) {
	err = eachMatch(ctx, w, ns, u.Filter, func(id []byte) error {
		one, matched, err := e.updateOne(ctx, w, ns, id, u, o)
		if matched {
			result.Matched++
			result.Modified += one.Modified
		}
		return err
	})
	if err != nil || result.Matched > 0 || !u.Upsert {
		return result, err
	}
	result, _, err = e.upsert(ctx, w, ns, u, o)
	return result, err
}

func (e *Engine) updateFirst(ctx context.Context, w writer, ns driver.Namespace, u driver.Update, o driver.WriteOptions) (driver.UpdateResult, error) {
	duplicates := 0
	for range maxAttempts {
		id, certain, err := firstMatch(ctx, w, ns, u.Filter, u.Sort)
		if err != nil {
			return driver.UpdateResult{}, err
		}
		if id != nil {
			result, matched, err := e.updateOne(ctx, w, ns, id, u, o)
			if err != nil || matched {
				return result, err
			}
		}
		if id != nil && !certain {
			continue // somebody changed or removed it since it was found
		}
		if !u.Upsert {
			return driver.UpdateResult{}, nil
		}
		result, again, err := e.upsert(ctx, w, ns, u, o)
		if yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey && duplicates < 2 {
			duplicates++ // of a unique index: an upsert at the same time may have inserted what now matches
			continue
		}
		if !again {
			return result, err
		}
	}
	return driver.UpdateResult{}, errKeepsChanging()
}

// updateOne changes the document under an encoded _id if it still matches.
func (e *Engine) updateOne(ctx context.Context, w writer, ns driver.Namespace, id []byte, u driver.Update, o driver.WriteOptions) (result driver.UpdateResult, matched bool, err error) {
	err = w.mutate(ctx, ns, id, o, func(before bson.Raw) (bson.Raw, bool, error) {
		if ok, err := matches(u.Filter, before); !ok || err != nil {
			return nil, false, err
		}
		after, differs, err := u.Change.Apply(before, query.ApplyContext{Now: e.options.Now(), Filter: u.Filter})
		if err != nil {
			return nil, false, err
		}
		if differs {
			if err := fit(after); err != nil {
				return nil, false, err
			}
		}
		matched = true
		result.Matched = 1
		switch u.Return {
		case driver.ReturnBefore:
			result.Document = before
		case driver.ReturnAfter:
			result.Document = after
		}
		if differs {
			result.Modified = 1
		}
		return after, differs, nil
	})
	return result, matched, err
}

// matches reports whether there is a document and it satisfies a filter.
func matches(filter *query.Filter, doc bson.Raw) (bool, error) {
	if doc == nil {
		return false, nil
	}
	return filter.Match(doc)
}

// maxDocument is the largest document that an update may make, in bytes of BSON.
const maxDocument = 16 << 20

// fit checks what an update has made: many small updates could otherwise grow or deepen a document without end.
func fit(doc bson.Raw) error {
	if len(doc) > maxDocument {
		return yunduo.Errorf(yunduo.ReasonDocumentTooLarge, "the update makes a document larger than %d MiB", maxDocument>>20)
	}
	return value.Validate(doc)
}

// upsert inserts the document that an update which matched nothing makes. again says that somebody else inserted the
// same _id meanwhile, so that the update may match now.
func (e *Engine) upsert(ctx context.Context, w writer, ns driver.Namespace, u driver.Update, o driver.WriteOptions) (result driver.UpdateResult, again bool, err error) {
	doc, err := query.UpsertDocument(u.Filter, u.Change, u.NewID, e.options.Now())
	if err == nil {
		err = fit(doc)
	}
	if err != nil {
		return result, false, err
	}
	id, err := documentID(doc)
	if err != nil {
		return result, false, err
	}
	var other bson.Raw
	err = w.mutate(ctx, ns, id, o, func(before bson.Raw) (bson.Raw, bool, error) {
		other = before
		return doc, before == nil, nil
	})
	if err == nil && other != nil {
		if again, err = matches(u.Filter, other); err == nil && !again {
			err = duplicateID(ns.Collection)
		}
		return result, again, err
	}
	if err != nil {
		return result, false, err
	}
	if u.Return == driver.ReturnAfter {
		result.Document = doc
	}
	result.UpsertedID, _ = value.Field(doc, "_id")
	return result, false, nil
}

// remove runs a delete against the store or a transaction.
func (e *Engine) remove(ctx context.Context, w writer, ns driver.Namespace, d driver.Delete, o driver.WriteOptions) (result driver.DeleteResult, err error) {
	if d.Multi {
		err = eachMatch(ctx, w, ns, d.Filter, func(id []byte) error {
			_, removed, err := removeOne(ctx, w, ns, id, d.Filter, o)
			if removed {
				result.Deleted++
			}
			return err
		})
	} else {
		result, err = removeFirst(ctx, w, ns, d, o)
	}
	if err := errors.Join(err, w.wait()); err != nil {
		return driver.DeleteResult{}, err
	}
	return result, nil
}

func removeFirst(ctx context.Context, w writer, ns driver.Namespace, d driver.Delete, o driver.WriteOptions) (result driver.DeleteResult, err error) {
	for range maxAttempts {
		id, certain, err := firstMatch(ctx, w, ns, d.Filter, d.Sort)
		if err != nil || id == nil {
			return result, err
		}
		before, removed, err := removeOne(ctx, w, ns, id, d.Filter, o)
		switch {
		case err != nil:
			return result, err
		case removed:
			result.Deleted = 1
			if d.Return == driver.ReturnBefore {
				result.Document = before
			}
			return result, nil
		case certain:
			return result, nil
		}
	}
	return result, errKeepsChanging()
}

func removeOne(ctx context.Context, w writer, ns driver.Namespace, id []byte, filter *query.Filter, o driver.WriteOptions) (removed bson.Raw, ok bool, err error) {
	err = w.mutate(ctx, ns, id, o, func(before bson.Raw) (bson.Raw, bool, error) {
		if ok, err := matches(filter, before); !ok || err != nil {
			return nil, false, err
		}
		removed, ok = before, true
		return nil, true, nil
	})
	return removed, ok && err == nil, err
}
