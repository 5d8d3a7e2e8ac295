package documents

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/rules"
)

// Progress says how far a restore of an app has come.
type Progress struct {
	Collection string // which is being copied
	Documents  int64  // copied so far
	Total      int64  // about how many there will be
}

// RestoreApp gives an app all the documents, indexes and rules that an app, mostly itself, had at a moment. The app keeps
// what it has until everything is copied, and then changes at once; what it had goes to the trash. Other apps notice
// nothing. The caller manages both. progress, if not nil, is called after every step.
//
// Reasons: permission_denied, position_lost, collection_not_found, duplicate_key (a unique index that is younger than
// that moment), unsupported_call.
func (db *DB) RestoreApp(ctx context.Context, caller yunduo.Caller, from, into yunduo.AppID, at time.Time, progress func(Progress)) error {
	if err := db.AsApp(caller, from).manages("restore it"); err != nil {
		return err
	}
	if at.After(db.options.Now()) {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "at: %s has not come yet", at.UTC().Format(time.RFC3339))
	}
	return db.ReplaceApp(ctx, caller, into, func(sink driver.Sink) error {
		past, ok := db.engine.(driver.Rewinder)
		if !ok {
			return noRewinder()
		}
		infos, err := db.engine.Collections(ctx, from)
		if err != nil {
			return err
		}
		observed := &observedSink{Sink: sink, observe: progress}
		for _, info := range infos {
			observed.Total += info.Documents
		}
		return past.CopyPast(ctx, from, at, observed)
	})
}

// ReplaceApp gives an app what fill puts into a sink instead of all that it has, at once when fill is done. On any error
// the app is as it was. The caller manages the app.
func (db *DB) ReplaceApp(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, fill func(driver.Sink) error) (err error) {
	if err := db.AsApp(caller, app).manages("restore it"); err != nil {
		return err
	}
	rewinder, ok := db.engine.(driver.Rewinder)
	if !ok {
		return noRewinder()
	}
	replacement, err := rewinder.Replace(ctx, app)
	if err != nil {
		return err
	}
	if err := fill(replacement); err != nil {
		if abort := replacement.Abort(); abort != nil {
			db.options.Logger.Error("a restore that failed could not be cleaned up; the next start does", "app", app, "error", abort)
		}
		return err
	}
	return db.define(ctx, driver.Namespace{App: app}, func(ctx context.Context) error {
		defer db.rules.clear()
		return replacement.Commit(ctx)
	})
}

// LoadApp is ReplaceApp for documents that come from outside: names, documents and rules are checked as if the owner had
// made them.
func (db *DB) LoadApp(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, fill func(driver.Sink) error) error {
	return db.ReplaceApp(ctx, caller, app, func(sink driver.Sink) error {
		return fill(checkedSink{sink, db.AsApp(caller, app)})
	})
}

type checkedSink struct {
	driver.Sink
	s *Session
}

// Create begins a collection.
func (c checkedSink) Create(ctx context.Context, info driver.CollectionInfo, indexes []driver.Index) error {
	if info.Name != settingsCollection {
		if err := c.s.validName(info.Name); err != nil {
			return err
		}
	}
	for _, index := range indexes {
		if err := checkIndex(index); err != nil {
			return err
		}
	}
	return c.Sink.Create(ctx, info, indexes)
}

// Insert adds documents to a collection.
func (c checkedSink) Insert(ctx context.Context, collection string, documents []bson.Raw) error {
	form := shape{limit: c.s.db.options.MaxDocumentBytes}
	for _, doc := range documents {
		if err := form.check(doc, yunduo.ReasonInvalidDocument, "a document of "+collection); err != nil {
			return err
		}
		if err := checkID(doc.Lookup("_id"), yunduo.ReasonInvalidDocument); err != nil {
			return err
		}
		if collection == settingsCollection {
			var stored settings
			if err := bson.Unmarshal(doc, &stored); err != nil {
				return yunduo.Wrap(err, yunduo.ReasonInvalidRules, "the rules of a collection cannot be read")
			}
			if _, err := rules.Parse(stored.Rules); err != nil {
				return err
			}
		}
	}
	return c.Sink.Insert(ctx, collection, documents)
}

func noRewinder() error {
	return yunduo.Errorf(yunduo.ReasonUnsupportedCall, "the document engine of this server cannot take an app back; use its own backups")
}

// observedSink tells how far a copy has come.
type observedSink struct {
	driver.Sink
	Progress
	observe func(Progress)
}

// Create begins a collection.
func (s *observedSink) Create(ctx context.Context, info driver.CollectionInfo, indexes []driver.Index) error {
	s.Collection = info.Name
	s.tell()
	return s.Sink.Create(ctx, info, indexes)
}

// Insert adds documents to a collection.
func (s *observedSink) Insert(ctx context.Context, collection string, documents []bson.Raw) error {
	err := s.Sink.Insert(ctx, collection, documents)
	s.Documents += int64(len(documents))
	s.tell()
	return err
}

func (s *observedSink) tell() {
	if s.observe != nil {
		s.observe(s.Progress)
	}
}
