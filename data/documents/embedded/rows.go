package embedded

import (
	"context"
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
)

// How often it is looked whether the caller is still there: after so many index entries, and after so many documents,
// for a condition may take long for one.
const (
	checkEvery     = 128
	checkDocuments = 8
)

// largeDocument is the size from which it is looked before each document.
const largeDocument = 64 << 10

// rows yields the documents of a search, in the order of its sort if ordered says so, equal ones by _id.
type rows struct {
	search
	source   rowSource
	plan     plan
	rejected []plan
	held     io.Closer // of the current document
	paid     bool      // what the entries take is accounted for already

	id       []byte // encoded _id of the current document
	document bson.Raw

	documents int64 // examined
	memory    int64 // of the pool of all queries, until close
}

// keep notes how much the search keeps in memory; query_too_expensive if the pool does not have it.
func (r *rows) keep(size int64) error {
	err := r.e.queries.take(size - r.memory)
	if err == nil {
		r.memory = size
	}
	return err
}

// ordered reports whether rows come in the wanted order by themselves.
func (r *rows) ordered(sort *query.Sort) bool {
	return r.plan.near != nil || r.plan.ordered && (r.filter.Near() == nil || len(sort.Fields()) > 0)
}

// next moves to the next matching document. id and document are valid until the next call.
func (r *rows) next(ctx context.Context) (bool, error) {
	for {
		if err := r.drop(); err != nil {
			return false, storageError(err)
		}
		if r.documents%checkDocuments == 0 {
			if err := ctx.Err(); err != nil {
				return false, err
			}
		}
		id, doc, ok, err := r.source.next(ctx)
		if err != nil || !ok {
			return false, storageError(err)
		}
		switch {
		case doc == nil:
			if doc, err = r.fetch(id); err == nil && doc == nil {
				continue
			}
		case r.plan.covered != nil && r.paid:
		case r.plan.covered != nil:
			err = r.budget.Entries(r.coll.name, 1)
		case r.plan.near == nil:
			err = r.examine()
		}
		if err != nil {
			return false, storageError(err)
		}
		if len(doc) > largeDocument {
			if err := ctx.Err(); err != nil {
				return false, err
			}
		}
		matches, err := r.filter.Match(doc)
		if err != nil {
			return false, err
		}
		if matches {
			r.id, r.document = id, doc
			return true, nil
		}
	}
}

// examine accounts for a document.
func (r *rows) examine() error {
	r.documents++
	return r.budget.Documents(r.coll.name, 1)
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
	return rec.document, firstError(err, r.examine())
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
	return errors.Join(r.drop(), r.source.close(), r.keep(0))
}
