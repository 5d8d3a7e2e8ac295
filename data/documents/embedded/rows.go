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

// ordered reports whether rows come in the wanted order by themselves.
func (r *rows) ordered(sort *query.Sort) bool {
	return r.plan.ordered && (r.filter.Near() == nil || len(sort.Fields()) > 0)
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
