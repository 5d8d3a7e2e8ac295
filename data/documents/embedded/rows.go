package embedded

import (
	"context"
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
)

// checkEvery is after how many examined documents a scan looks whether its caller is still there.
const checkEvery = 128

// rows yields the documents of a collection that match a filter, in the order of a sort, equal ones by _id.
type rows struct {
	view   view
	coll   *collection
	filter *query.Filter
	source rowSource
	plan   plan
	held   io.Closer // of the current document

	id       []byte // encoded _id of the current document
	document bson.Raw

	keys, documents int64 // examined
}

// newRows plans a search. Rows come in the wanted order only if plan.ordered says so.
func newRows(v view, c *collection, filter *query.Filter, sort *query.Sort, memory int64) (*rows, error) {
	r := &rows{view: v, coll: c, filter: filter, plan: c.choose(filter, sort)}
	switch p := r.plan; {
	case p.points != nil:
		r.source = &pointSource{ids: p.points}
	case p.index == nil:
		r.source = &documentSource{walk: newKeyWalk(v, p.ranges, p.reverse)}
	case p.ordered:
		r.source = newEntrySource(v, p)
	default:
		ids, examined, ok, err := collectIDs(v, p, memory)
		if err != nil {
			return nil, storageError(err)
		}
		r.keys = examined
		if ok {
			r.source = &pointSource{ids: ids}
			r.plan.ordered = len(orderOf(sort).fields) == 0
			break
		}
		// The index leads to more documents than it is good for.
		r.plan = c.planScan(orderOf(sort))
		r.source = &documentSource{walk: newKeyWalk(v, r.plan.ranges, r.plan.reverse)}
	}
	return r, nil
}

// next moves to the next matching document. id and document are valid until the next call.
func (r *rows) next(ctx context.Context) (bool, error) {
	for {
		if err := r.drop(); err != nil {
			return false, storageError(err)
		}
		if r.documents%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return false, err
			}
		}
		id, doc, ok, err := r.source.next()
		if err != nil || !ok {
			return false, storageError(err)
		}
		if doc == nil {
			if doc, err = r.fetch(id); err != nil {
				return false, storageError(err)
			}
			if doc == nil {
				continue
			}
		}
		r.documents++
		if r.filter.Match(doc) {
			r.id, r.document = id, doc
			return true, nil
		}
	}
}

// fetch reads a document; nil if there is none.
func (r *rows) fetch(id []byte) (bson.Raw, error) {
	v, closer, err := r.view.Get(append(key(prefixDocument, r.coll.app, r.coll.id), id...))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r.held = closer
	rec, err := decodeRecord(v)
	return rec.document, err
}

func (r *rows) drop() error {
	if r.held == nil {
		return nil
	}
	held := r.held
	r.held = nil
	return held.Close()
}

func (r *rows) close() error {
	return errors.Join(r.drop(), r.source.close())
}

// examined returns how many index keys were read.
func (r *rows) keysExamined() int64 {
	if s, ok := r.source.(*entrySource); ok {
		return r.keys + s.walk.visited
	}
	return r.keys
}
