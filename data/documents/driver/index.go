package driver

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Index defines a secondary index.
type Index struct {
	Name   string
	Fields []IndexField
	Unique bool
	Sparse bool
	// Partial is a filter: only documents that match it are in the index. nil is all.
	Partial bson.Raw
	// Collation is the order of texts in the index, and when they are equal; nil is by bytes. It serves what compares
	// texts in the same way. The partial filter is read by it, too.
	Collation bson.Raw
	// ExpireAfter removes documents this long after the date in the first field; 0 keeps them.
	ExpireAfter time.Duration
	// Build says how far the index is; nil once it is in use. Set by the engine.
	Build *IndexBuild
}

// IndexField is one component of an index.
type IndexField struct {
	Path       string
	Descending bool
	Kind       string // KindOrdered, KindPlaces or KindHashed
}

// Key returns the index's fields as MongoDB writes them: {path: 1, -1 or the kind}.
func (i Index) Key() bson.D {
	key := make(bson.D, len(i.Fields))
	for n, f := range i.Fields {
		direction := any(int32(1))
		switch {
		case f.Kind != KindOrdered:
			direction = f.Kind
		case f.Descending:
			direction = int32(-1)
		}
		key[n] = bson.E{Key: f.Path, Value: direction}
	}
	return key
}

// The kinds of index fields.
const (
	KindOrdered = ""         // by value
	KindPlaces  = "2dsphere" // places on the globe: GeoJSON or [longitude, latitude]
	KindHashed  = "hashed"   // for equality only
)

// IndexBuild is the state of an index that is not in use yet.
type IndexBuild struct {
	// Failed says why the build was given up; empty while it goes on. What it had written is gone.
	Failed string
	// Done and Total are how many documents are in the index and in the collection.
	Done, Total int64
}
