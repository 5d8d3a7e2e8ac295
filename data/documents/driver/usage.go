package driver

import (
	"context"

	"yunduo"
)

// Renamer is an optional power of an engine: giving a collection another name.
type Renamer interface {
	// RenameCollection gives a collection another name; its documents and indexes stay. Reasons: collection_not_found,
	// collection_exists.
	RenameCollection(ctx context.Context, ns Namespace, to string) error
}

// Accountant is an optional power of an engine: telling what an app uses, at once and exactly.
type Accountant interface {
	Usage(ctx context.Context, app yunduo.AppID) (Usage, error)
}

// Usage is what an app has stored. Bytes are of what is stored, before compression.
type Usage struct {
	Collections int64
	Documents   int64
	Bytes       int64 // of documents
	IndexBytes  int64
	Changes     int64 // entries of the change log
	ChangeBytes int64
	// What was dropped and can still be brought back.
	DroppedDocuments, DroppedBytes int64
}

// Add counts a collection.
func (u *Usage) Add(c CollectionInfo) {
	u.Collections++
	u.Documents += c.Documents
	u.Bytes += c.Bytes
	u.IndexBytes += c.IndexBytes
}
