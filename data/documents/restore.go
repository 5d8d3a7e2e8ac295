package documents

import (
	"bytes"
	"context"
	"crypto/sha256"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
)

// maxRestored is how many documents a restore names in its result.
const maxRestored = 100

// Restore says what to take back to which moment. One of At and Offset is given.
type Restore struct {
	ID     bson.RawValue // one document; zero is the whole collection
	At     time.Time     // as it was at this moment
	Offset uint64        // as it was after this change and all that was committed together with it
	DryRun bool          // only tell what would change
}

// RestoreResult says what a restore did, or would do.
type RestoreResult struct {
	Position  driver.Position // what was restored is how things were after this change
	Inserted  int64
	Updated   int64
	Deleted   int64
	Unchanged int64 // changed since, and changed back
	Failed    int64 // a unique index is in the way
	Documents []RestoredDocument
	Truncated bool // more documents than those listed
}

// RestoredDocument is one document of a restore.
type RestoredDocument struct {
	ID    bson.RawValue
	Kind  driver.ChangeKind // what the restore does to it
	Error error             // why it could not, nil if it could
	// Before is the document as the restore found it, After as it leaves it; nil where there is none.
	Before, After bson.Raw
}

// Restore takes a document or a whole collection back to how it was, by ordinary writes with history entries of their
// own; documents that did not change since are not touched. Only who manages the app may. Reasons: permission_denied,
// invalid_request, position_lost, collection_not_found, unsupported_call.
func (s *Session) Restore(ctx context.Context, collection string, r Restore) (RestoreResult, error) {
	var result RestoreResult
	ns, past, err := s.historian(collection)
	if err != nil {
		return result, err
	}
	if r.At.IsZero() == (r.Offset == 0) {
		return result, yunduo.Errorf(yunduo.ReasonInvalidRequest, "either \"at\" or \"position\" says what to go back to")
	}
	if exists, err := s.exists(ctx, collection); err != nil || !exists {
		if err == nil {
			err = yunduo.Errorf(yunduo.ReasonCollectionNotFound, "there is no collection %q; what was dropped is in the trash", collection)
		}
		return result, err
	}
	job := restoration{s: s, ns: ns, past: past, id: r.ID, dryRun: r.DryRun, result: &result}
	if err := job.locate(ctx, r); err != nil {
		return result, err
	}
	return result, job.run(ctx)
}

type restoration struct {
	s      *Session
	ns     driver.Namespace
	past   driver.Historian
	id     bson.RawValue
	dryRun bool
	now    driver.Position // changes after it are none of the restore's business: its own are among them
	result *RestoreResult
}

// locate finds the position to go back to, which is never within a commit, and makes sure that the log still has
// everything after it.
func (r *restoration) locate(ctx context.Context, to Restore) (err error) {
	engine := r.s.db.engine
	if r.now, err = engine.Position(ctx, r.s.app); err != nil {
		return err
	}
	then := driver.Position{Offset: to.Offset}
	if !to.At.IsZero() {
		if then, err = r.past.PositionAt(ctx, r.s.app, to.At); err != nil {
			return err
		}
	}
	r.result.Position, err = r.past.Border(ctx, r.s.app, then.Offset)
	return err
}

// run looks at the first change of every document since then: what that change found is what the document was.
func (r *restoration) run(ctx context.Context) error {
	offsets, err := r.firstChanges(ctx)
	if err != nil {
		return err
	}
	var again []uint64
	for round := 0; ; round++ {
		for _, offset := range offsets {
			change, err := r.read(ctx, offset)
			if err != nil {
				return err
			}
			err = r.take(ctx, change, round == 0)
			if yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey && round == 0 {
				again = append(again, offset)
			} else if err != nil {
				return err
			}
		}
		if round == 1 || len(again) == 0 {
			return nil
		}
		// A unique value that another document had may be free by now.
		offsets = again
	}
}

// firstChanges returns the offset of the first change of each document since then.
func (r *restoration) firstChanges(ctx context.Context) (offsets []uint64, err error) {
	seen := map[[16]byte]bool{}
	replaced := false
	q := driver.LogQuery{Collection: r.ns.Collection, ID: r.id, After: r.result.Position.Offset, Before: r.now.Offset + 1}
	_, err = r.past.ReadLog(ctx, r.s.app, q, func(c driver.Change) bool {
		if replaced = c.Replaces(r.ns.Collection); replaced {
			return false
		}
		var key [16]byte
		sum := sha256.Sum256(append([]byte{byte(c.ID.Type)}, c.ID.Value...))
		copy(key[:], sum[:])
		if !seen[key] {
			seen[key] = true
			offsets = append(offsets, c.Position.Offset)
		}
		return r.id.Type == 0
	})
	if err != nil {
		return nil, err
	}
	if replaced {
		return nil, yunduo.Errorf(yunduo.ReasonPositionLost, "the collection %q was dropped, renamed or brought back since then; what was dropped is in the trash", r.ns.Collection)
	}
	_, err = r.past.Border(ctx, r.s.app, r.result.Position.Offset) // what was cut off meanwhile was passed over in silence
	return offsets, err
}

func (r *restoration) read(ctx context.Context, offset uint64) (change driver.Change, err error) {
	q := driver.LogQuery{After: offset - 1, Before: offset + 1}
	_, err = r.past.ReadLog(ctx, r.s.app, q, func(c driver.Change) bool {
		change = c
		return false
	})
	if err == nil && change.Kind == "" {
		err = yunduo.Errorf(yunduo.ReasonPositionLost, "the change log was cut while the restore was reading it")
	}
	return change, err
}

// take gives a document back the state that a change found.
func (r *restoration) take(ctx context.Context, change driver.Change, mayTryAgain bool) error {
	filter, err := query.ParseFilter(idFilter(change.ID))
	if err != nil {
		return err
	}
	done := RestoredDocument{ID: change.ID, After: change.Before}
	if done.Before, err = r.current(ctx, filter); err != nil {
		return err
	}
	switch {
	case bytes.Equal(done.Before, done.After):
		r.result.Unchanged++
		return nil
	case done.After == nil:
		done.Kind = driver.ChangeDelete
	case done.Before == nil:
		done.Kind = driver.ChangeInsert
	default:
		done.Kind = driver.ChangeUpdate
	}
	if !r.dryRun {
		done.Error = r.write(ctx, filter, change.ID, done.After)
		if done.Error != nil && (yunduo.ReasonOf(done.Error) != yunduo.ReasonDuplicateKey || mayTryAgain) {
			return done.Error
		}
	}
	r.count(done)
	return nil
}

func (r *restoration) current(ctx context.Context, filter *query.Filter) (bson.Raw, error) {
	cursor, err := r.s.db.engine.Find(ctx, r.ns, driver.Find{Filter: filter, Limit: 1})
	if err != nil {
		return nil, err
	}
	found, err := All(ctx, cursor)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

func (r *restoration) write(ctx context.Context, filter *query.Filter, id bson.RawValue, doc bson.Raw) error {
	engine, options := r.s.db.engine, r.s.write()
	options.Actor += " (restore)"
	if doc == nil {
		_, err := engine.Delete(ctx, r.ns, driver.Delete{Filter: filter}, options)
		return err
	}
	change, err := query.ParseUpdate(doc)
	if err != nil {
		return err
	}
	_, err = engine.Update(ctx, r.ns, driver.Update{Filter: filter, Change: change, Upsert: true, NewID: id}, options)
	return err
}

func (r *restoration) count(d RestoredDocument) {
	switch {
	case d.Error != nil:
		r.result.Failed++
	case d.Kind == driver.ChangeInsert:
		r.result.Inserted++
	case d.Kind == driver.ChangeDelete:
		r.result.Deleted++
	default:
		r.result.Updated++
	}
	if len(r.result.Documents) == maxRestored {
		r.result.Truncated = true
		return
	}
	r.result.Documents = append(r.result.Documents, d)
}
