package driver

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// Historian is an optional power of an engine: reading the change log as a record of the past.
type Historian interface {
	// PositionAt returns the position of the app's last change up to a moment; position_lost if the log no longer
	// reaches back to it.
	PositionAt(ctx context.Context, app yunduo.AppID, at time.Time) (Position, error)
	// Border returns where the commit ends that the change at an offset was part of, so that nobody goes back into the
	// midst of it; position_lost unless the log has everything that came after.
	Border(ctx context.Context, app yunduo.AppID, offset uint64) (Position, error)
	// ReadLog calls visit with the durable changes that q selects, until visit returns false or there are no more. It
	// never waits. stopped is the offset of the entry that was looked at last, 0 if the log ended before a bound of q
	// or of visit was met.
	ReadLog(ctx context.Context, app yunduo.AppID, q LogQuery, visit func(Change) bool) (stopped uint64, err error)
	// LogStart returns the time of the oldest entry that is kept, the zero time if there is none.
	LogStart(ctx context.Context, app yunduo.AppID) (time.Time, error)
}

// LogQuery selects entries of a change log.
type LogQuery struct {
	Collection string        // empty is every one; renamings to it are among the changes
	ID         bson.RawValue // zero is every document; needs Collection, whose own changes are always among them
	After      uint64        // offset: only later entries
	Before     uint64        // offset: only earlier entries; 0 is no bound
	Newest     bool          // the newest first
	Examine    int64         // how many entries are looked at, at most; 0 is no bound
}

// Retention is how much of an app's change log is kept. Zero is the engine's own setting.
type Retention struct {
	Age   time.Duration
	Bytes int64
}

// Retainer is an optional power of an engine: keeping more or less of the change log of some apps than of others.
type Retainer interface {
	// Retain makes the engine ask of, now and then, how much of an app's log to keep. It is called once, before
	// anything else.
	Retain(of func(yunduo.AppID) Retention)
}

// Trash is an optional power of an engine: keeping what was dropped for a while.
type Trash interface {
	// Dropped lists the dropped collections of an app that can still be brought back, the last dropped first.
	Dropped(ctx context.Context, app yunduo.AppID) ([]Dropped, error)
	// Undrop brings a dropped collection back under a name, with its documents and indexes. The app gets a new epoch:
	// who follows its changes has to read again. Reasons: collection_not_found, collection_exists.
	Undrop(ctx context.Context, app yunduo.AppID, id uint64, name string) error
	// Purge removes a dropped collection for good; collection_not_found if there is none.
	Purge(ctx context.Context, app yunduo.AppID, id uint64) error
}

// Dropped is a collection that was dropped.
type Dropped struct {
	ID uint64
	CollectionInfo
	Indexes   []Index
	DroppedAt time.Time
	Until     time.Time // when it is removed for good
}

// Rewinder is an optional power of an engine: reading an app as it was, and exchanging all of an app at once.
type Rewinder interface {
	// CopyPast gives sink the collections of an app as they were at a moment, with the indexes that they have now or
	// had when they were dropped. It reads one state and disturbs nobody. Reasons: position_lost if the change log no
	// longer reaches back, collection_not_found if a collection of that time is gone for good.
	CopyPast(ctx context.Context, app yunduo.AppID, at time.Time, sink Sink) error
	// Replace begins an exchange of everything that an app has.
	Replace(ctx context.Context, app yunduo.AppID) (Replacement, error)
}

// Sink takes collections one after another.
type Sink interface {
	// Create begins a collection; its Documents and Bytes are estimates.
	Create(ctx context.Context, info CollectionInfo, indexes []Index) error
	// Insert adds documents to a collection that was created.
	Insert(ctx context.Context, collection string, documents []bson.Raw) error
}

// Replacement collects what an app is to have. Nobody sees it before Commit, and a crash leaves nothing of it. Not safe
// for concurrent use.
type Replacement interface {
	Sink
	// Commit puts the new collections in the place of all that the app has, at once. The old ones go to the trash. The
	// app gets a new epoch.
	Commit(ctx context.Context) error
	// Abort drops what was collected. After Commit it does nothing.
	Abort() error
}
