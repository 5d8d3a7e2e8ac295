package driver

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Explainer is an optional power of an engine: telling how it finds documents.
type Explainer interface {
	// Explain runs a find to its end and reports how that was done. With Count nothing is fetched that a count can do
	// without.
	Explain(ctx context.Context, ns Namespace, find Find, count bool) (Explanation, error)
}

// Explanation says how a find was done.
type Explanation struct {
	Index             string // the index that was used, "_id" for bounds on _id, empty for a scan of the collection
	BlockingSort      bool   // the result was sorted in memory
	KeysExamined      int64  // index entries that were read
	DocumentsExamined int64
	Returned          int64
	Time              time.Duration
	// WinningPlan is the plan in MongoDB's form: {stage, inputStage, ...}; Rejected holds the others that were compared.
	WinningPlan bson.Raw
	Rejected    []bson.Raw
}
