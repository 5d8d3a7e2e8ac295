// Package driver says what a storage engine for documents must do. It only stores, finds, commits and reports
// changes; rules, limits, defaults and IDs belong to data/documents.
package driver

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/pipeline"
)

// Namespace names a collection of an app.
type Namespace struct {
	App        yunduo.AppID
	Collection string
}

// Engine stores the documents of every app. It is safe for concurrent use.
//
// Reads and writes on the engine itself are single operations: each write is atomic per document, durable when the
// call returns, and visible to every read that starts after it returned.
type Engine interface {
	Operations

	// CreateCollection makes an empty collection; collection_exists if there is one.
	CreateCollection(ctx context.Context, ns Namespace, options CollectionOptions) error
	// DropCollection removes a collection with its documents and indexes; collection_not_found if there is none.
	DropCollection(ctx context.Context, ns Namespace) error
	// Collections lists an app's collections by name, with document and byte counts.
	Collections(ctx context.Context, app yunduo.AppID) ([]CollectionInfo, error)
	// DropApp removes everything an app has. It is no error if there is nothing.
	DropApp(ctx context.Context, app yunduo.AppID) error

	// CreateIndex builds an index and returns when it is in use. An equal index is no error; duplicate_key if the
	// documents violate a unique one. Writers of the collection need not wait. If ctx ends before, the build may go on.
	CreateIndex(ctx context.Context, ns Namespace, index Index) error
	// DropIndex removes an index; index_not_found if there is none of this name.
	DropIndex(ctx context.Context, ns Namespace, name string) error
	// Indexes lists a collection's indexes by name, without the implicit one on _id; those that are being built or
	// could not be have a Build.
	Indexes(ctx context.Context, ns Namespace) ([]Index, error)

	// Begin starts a transaction on one app: snapshot isolation, first updater wins.
	Begin(ctx context.Context, app yunduo.AppID) (Transaction, error)

	// Position returns the position of the last durable commit of an app.
	Position(ctx context.Context, app yunduo.AppID) (Position, error)
	// Changes follows an app's change log from the first entry after the position; position_lost if the log no
	// longer reaches back to it or the epoch differs.
	Changes(ctx context.Context, app yunduo.AppID, after Position) (Feed, error)

	// Close flushes and releases everything. Operations that are still running fail.
	Close() error
}

// Operations are the reads and writes that an engine offers directly and inside a transaction. Every operation on a
// missing collection returns collection_not_found.
type Operations interface {
	// Find streams the documents that match. The result order is total: equal sort keys are ordered by _id.
	// Without a sort the order is that of _id.
	Find(ctx context.Context, ns Namespace, find Find) (Cursor, error)
	// Count counts the documents that match; a nil filter counts all. The hint is that of Find.
	Count(ctx context.Context, ns Namespace, filter *query.Filter, hint string) (int64, error)
	// Aggregate runs a pipeline and streams its rows. The hint is that of Find, for the documents it begins with.
	Aggregate(ctx context.Context, ns Namespace, p *pipeline.Pipeline, hint string) (Cursor, error)

	// Insert stores documents that have an _id, all or nothing; duplicate_key if one exists.
	Insert(ctx context.Context, ns Namespace, documents []bson.Raw, options WriteOptions) error
	// Update changes the documents that match by applying change to each, atomically per document.
	Update(ctx context.Context, ns Namespace, update Update, options WriteOptions) (UpdateResult, error)
	// Delete removes the first (by sort, else by _id) or all documents that match and returns how many.
	Delete(ctx context.Context, ns Namespace, remove Delete, options WriteOptions) (DeleteResult, error)
}

// Transaction is a set of reads and writes that become visible and durable together or not at all. A write that
// meets another's write returns transaction_conflict, after which only Abort is useful. Not safe for concurrent use.
type Transaction interface {
	Operations
	// Commit makes the writes durable and visible; transaction_conflict if somebody else was first.
	Commit(ctx context.Context) error
	// Abort drops the writes. Aborting an ended transaction is no error.
	Abort(ctx context.Context) error
}

// Find says which documents to return, in which order and form. Zero values mean: all, by _id, whole.
type Find struct {
	Filter     *query.Filter
	Sort       *query.Sort
	Projection *query.Projection
	Skip       int64
	Limit      int64 // 0 is no limit
	// Hint is the name of the index to use, HintNatural for a scan of the collection, empty for what is best.
	Hint string
}

// HintNatural asks for a scan in the order of _id, HintID for the order of _id as an index.
const (
	HintNatural = "$natural"
	HintID      = "_id_"
)

// Update says which documents to change and how.
type Update struct {
	Filter *query.Filter
	Sort   *query.Sort // which document is first, when not Multi
	Change *query.Update
	Multi  bool
	// Upsert inserts a document made from the filter's equalities and the change when nothing matches. NewID is the
	// _id it gets when filter and change give none.
	Upsert bool
	NewID  bson.RawValue
	// Return asks for the document of a single update, as it was before or as it is after.
	Return Returned
}

// Delete says which documents to remove.
type Delete struct {
	Filter *query.Filter
	Sort   *query.Sort
	Multi  bool
	Return Returned // ReturnBefore asks for the removed document of a single delete
}

// Returned selects which state of a document a single update or delete gives back.
type Returned int

// The states of a document that can be asked for.
const (
	ReturnNone Returned = iota
	ReturnBefore
	ReturnAfter
)

// UpdateResult says what an update did.
type UpdateResult struct {
	Matched    int64
	Modified   int64         // of the matched ones, those whose content changed
	UpsertedID bson.RawValue // zero unless a document was inserted
	Document   bson.Raw      // nil unless asked for and found
}

// DeleteResult says what a delete did.
type DeleteResult struct {
	Deleted  int64
	Document bson.Raw
}

// WriteOptions carry what a write records beside the data.
type WriteOptions struct {
	Actor  string // who writes, for the change log: "user:ID", "function:NAME", "function:NAME for user:ID", "owner", "system"
	Silent bool   // no change-log entry: for high-volume system records
}

// CollectionOptions are settings of a collection.
type CollectionOptions struct {
	Settings bson.Raw // opaque to the engine: rules, schema; nil is none
}

// CollectionInfo describes a collection.
type CollectionInfo struct {
	Name      string
	Documents int64
	Bytes     int64 // of BSON
	// IndexBytes is the size of the entries of all secondary indexes, before compression.
	IndexBytes int64
	Settings   bson.Raw
}

// Cursor streams documents. It is not safe for concurrent use.
type Cursor interface {
	// Next advances to the next document; false at the end or on an error.
	Next(ctx context.Context) bool
	// Current returns the document; it is valid until the next call of Next or Close.
	Current() bson.Raw
	// Err returns what ended the cursor, nil at a regular end.
	Err() error
	// Close releases the cursor; it may be called more than once.
	Close() error
}

// Position is a place in an app's change log. Positions of different epochs cannot be compared.
type Position struct {
	Epoch  uint64
	Offset uint64
}

// ChangeKind says what happened to a document or collection.
type ChangeKind string

// The kinds of change.
const (
	ChangeInsert ChangeKind = "insert"
	ChangeUpdate ChangeKind = "update"
	ChangeDelete ChangeKind = "delete"
	ChangeDrop   ChangeKind = "drop" // of a collection
	// ChangeRename says that a collection has the name To now. What was logged of it has the old name.
	ChangeRename ChangeKind = "rename"
	// ChangeAppear says that a collection is there with documents that the log does not tell of: it came out of the
	// trash or with a restore of the app.
	ChangeAppear ChangeKind = "appear"
)

// Change is one entry of the change log.
type Change struct {
	Position   Position
	Kind       ChangeKind
	Collection string
	To         string // the new name of a collection that was renamed
	ID         bson.RawValue
	Document   bson.Raw // after an insert or update
	Before     bson.Raw // before an update or delete
	Time       time.Time
	Actor      string
	// More says that the next change was committed together with this one.
	More bool
}

// Replaces reports whether a collection of this name is another one after the change than before it, or is gone.
func (c *Change) Replaces(collection string) bool {
	switch c.Kind {
	case ChangeDrop, ChangeAppear:
		return c.Collection == collection
	case ChangeRename:
		return c.Collection == collection || c.To == collection
	}
	return false
}

// Feed delivers changes in commit order, durable ones only.
type Feed interface {
	// Next waits for the next change; position_lost if the feed fell behind what the log keeps.
	Next(ctx context.Context) (Change, error)
	Close() error
}

// Settler is an optional power of a transaction: telling where in the change log its state stands. Without it, who
// reads and then follows compares positions before and after, which takes transactions whose Commit returns no sooner
// than what they have read is durable.
type Settler interface {
	// Settled waits until everything that the transaction reads is durable and returns the position of that state:
	// every change up to it is seen, none after it.
	Settled(ctx context.Context) (Position, error)
}
