package documents

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
)

// Within are records as a transaction of the system app sees and changes them. What it writes is not dropped from the
// cache of the records before the transaction commits: they must have none.
type Within[T any] struct {
	records *Records[T]
	session *Session
}

// Prepare makes the collection of the records and its indexes, which cannot be done inside a transaction.
func (r *Records[T]) Prepare(ctx context.Context) error { return r.prepare(ctx) }

// Within returns the records inside a transaction that began on DB.System, after Prepare.
func (r *Records[T]) Within(s *Session) Within[T] { return Within[T]{r, s} }

// Get returns the record under id; document_not_found if there is none.
func (w Within[T]) Get(ctx context.Context, id string) (T, error) {
	found, err := w.Find(ctx, bson.D{{Key: "_id", Value: id}})
	if err == nil && len(found) == 0 {
		err = yunduo.Errorf(yunduo.ReasonDocumentNotFound, "there is no record %q in %s", id, w.records.ns.Collection)
	}
	if err != nil {
		var none T
		return none, err
	}
	return found[0], nil
}

// Find returns the records that match, by _id.
func (w Within[T]) Find(ctx context.Context, filter bson.D) ([]T, error) {
	parsed, err := parseD(filter, query.ParseFilter)
	if err != nil {
		return nil, err
	}
	found := []T{}
	err = w.session.exclusively(ctx, func(ctx context.Context, on driver.Operations) error {
		cursor, err := on.Find(ctx, w.records.ns, driver.Find{Filter: parsed})
		if err != nil {
			return err
		}
		defer cursor.Close()
		for cursor.Next(ctx) {
			v, err := decode[T](cursor.Current())
			if err != nil {
				return err
			}
			found = append(found, v)
		}
		return cursor.Err()
	})
	return found, err
}

// Put stores a record under id, whether or not there is one.
func (w Within[T]) Put(ctx context.Context, id string, v T) error {
	update, err := w.records.replacement(ctx, id, v)
	if err != nil {
		return err
	}
	return w.session.exclusively(ctx, func(ctx context.Context, on driver.Operations) error {
		_, err := on.Update(ctx, w.records.ns, update, w.records.write())
		return err
	})
}

// Delete removes the record under id, if there is one.
func (w Within[T]) Delete(ctx context.Context, id string) error {
	filter, err := query.ParseFilter(idFilter(stringValue(id)))
	if err != nil {
		return err
	}
	return w.session.exclusively(ctx, func(ctx context.Context, on driver.Operations) error {
		_, err := on.Delete(ctx, w.records.ns, driver.Delete{Filter: filter}, w.records.write())
		return err
	})
}
