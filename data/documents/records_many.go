package documents

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// InsertMany stores new records under their IDs, all or nothing, with one write; duplicate_key if one exists. ids and
// values have the same length.
func (r *Records[T]) InsertMany(ctx context.Context, ids []string, values []T) error {
	docs := make([]bson.Raw, len(values))
	for i, v := range values {
		raw, err := r.encode(ctx, ids[i], v)
		if err != nil {
			return err
		}
		docs[i] = raw
		defer r.drop(ids[i])
	}
	return r.db.engine.Insert(ctx, r.ns, docs, r.write())
}
