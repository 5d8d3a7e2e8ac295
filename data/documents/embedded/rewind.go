package embedded

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query/value"
)

var _ driver.Rewinder = (*Engine)(nil)

// copyBatch and copyBytes bound what is handed to a sink at a time.
const (
	copyBatch = 1000
	copyBytes = 4 << 20
)

// past is what the change log tells about the difference between now and then, for the collection that had a name
// then.
type past struct {
	dropped uint64                  // offset of the drop of that collection; 0 if it was not dropped since
	first   map[documentHash]uint64 // offset of the first change since then of each document that was changed
}

// documentHash stands for an encoded _id, to bound the memory of a rewind.
type documentHash [16]byte

func hashID(id []byte) (h documentHash) {
	sum := sha256.Sum256(id)
	copy(h[:], sum[:])
	return h
}

// CopyPast gives sink what an app had at a moment. A document that was changed since was then what its first change
// found; all others are as they are.
func (e *Engine) CopyPast(ctx context.Context, name yunduo.AppID, at time.Time, sink driver.Sink) (err error) {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	r, release := e.newSettledReader()
	defer func() { err = errors.Join(err, storageError(release())) }()
	a := r.catalog.apps[name]
	if a == nil {
		return errBeforeLog(at, time.Time{})
	}
	w := rewind{ctx: ctx, view: r.view, log: a.log.span(), names: map[string]*past{}}
	if w.log.last, err = lastOffset(r.view, a.id); err != nil {
		return storageError(err)
	}
	if w.then, err = offsetAt(r.view.Get, &w.log, at); err != nil {
		return err
	}
	if err := w.read(); err != nil {
		return err
	}
	for _, coll := range w.collections(a, at) {
		if coll.lost {
			return yunduo.Errorf(yunduo.ReasonCollectionNotFound, "the collection %q of that time was renamed since, or dropped and is gone for good", coll.name)
		}
		if err := w.copy(coll.collection, w.names[coll.name], sink); err != nil {
			return err
		}
	}
	return nil
}

// lastOffset returns the offset of the last entry that a view shows; one before the first if there is none.
func lastOffset(v view, app uint32) (last uint64, err error) {
	prefix := key(prefixLog, app)
	it, err := v.iterate(prefix, keyEnd(prefix))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if it.Last() {
		last = decodeOffset(it.Key())
	}
	return last, it.Error()
}

type rewind struct {
	ctx   context.Context
	view  view
	log   span
	then  uint64 // offset of the last entry of that time
	names map[string]*past
}

// read collects what has changed since.
func (w *rewind) read() error {
	_, err := readSpan(w.ctx, w.view, w.log, driver.LogQuery{After: w.then}, func(k, v []byte) (bool, error) {
		kind, name, id := entryHead(v)
		p := w.names[name]
		if p == nil {
			p = &past{first: map[documentHash]uint64{}}
			w.names[name] = p
		}
		switch {
		case p.dropped != 0: // what follows is about another collection of the name
		case kind == driver.ChangeDrop, kind == driver.ChangeRename:
			p.dropped = decodeOffset(k)
		case kind == driver.ChangeAppear: // what was there then was dropped before
		default:
			encoded, err := idKey(id)
			if err != nil {
				return false, err
			}
			h := hashID(encoded)
			if _, known := p.first[h]; !known {
				p.first[h] = decodeOffset(k)
			}
		}
		return true, nil
	})
	return err
}

// then is a collection that there was.
type then struct {
	*collection
	name string
	lost bool // its documents are gone
}

// collections lists by name what there was.
func (w *rewind) collections(a *app, at time.Time) (list []then) {
	limit := at.UnixMilli()
	for name, coll := range a.collections {
		if p := w.names[name]; (p == nil || p.dropped == 0) && coll.created <= limit {
			list = append(list, then{collection: coll, name: name})
		}
	}
	for name, p := range w.names {
		if p.dropped == 0 {
			continue
		}
		found := then{name: name, lost: true}
		for _, t := range a.trash {
			if t.offset == p.dropped && t.name == name {
				found = then{collection: t.collection, name: name}
			}
		}
		if found.lost || found.created <= limit {
			list = append(list, found)
		}
	}
	slices.SortFunc(list, func(a, b then) int { return strings.Compare(a.name, b.name) })
	return list
}

// copy gives sink a collection as it was.
func (w *rewind) copy(coll *collection, p *past, sink driver.Sink) error {
	if err := sink.Create(w.ctx, coll.info(), coll.definitions()); err != nil {
		return err
	}
	b := &batcher{ctx: w.ctx, sink: sink, collection: coll.name}
	if err := w.unchanged(coll, p, b); err != nil {
		return err
	}
	if p != nil {
		if err := w.changed(coll.name, p, b); err != nil {
			return err
		}
	}
	return b.flush()
}

// unchanged copies the documents that no change since has touched.
func (w *rewind) unchanged(coll *collection, p *past, b *batcher) (err error) {
	prefix := key(prefixDocument, coll.app, coll.id)
	walk := newKeyWalk(w.view, []keyRange{{prefix, keyEnd(prefix)}}, false)
	defer func() { err = errors.Join(err, storageError(walk.close())) }()
	documents := &documentSource{walk: walk}
	for n := 1; ; n++ {
		if n%checkEvery == 0 && w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		id, doc, ok, err := documents.next(w.ctx)
		if err != nil {
			return storageError(err)
		}
		if !ok {
			return nil
		}
		if p != nil {
			if _, touched := p.first[hashID(id)]; touched {
				continue
			}
		}
		if err := b.add(doc); err != nil {
			return err
		}
	}
}

// changed copies the others as their first change found them. Those that it made were not there.
func (w *rewind) changed(name string, p *past, b *batcher) error {
	q := driver.LogQuery{Collection: name, After: w.then, Before: p.dropped}
	_, err := readSpan(w.ctx, w.view, w.log, q, func(k, v []byte) (bool, error) {
		_, _, id := entryHead(v)
		encoded, err := idKey(id)
		if err != nil {
			return false, err
		}
		if p.first[hashID(encoded)] != decodeOffset(k) {
			return true, nil
		}
		if before, ok := value.Field(v, "b"); ok && before.Type == bson.TypeEmbeddedDocument {
			err = b.add(before.Value)
		}
		return true, err
	})
	return err
}

// batcher hands documents to a sink in batches.
type batcher struct {
	ctx        context.Context
	sink       driver.Sink
	collection string
	documents  []bson.Raw
	bytes      int
}

func (b *batcher) add(doc bson.Raw) error {
	b.documents = append(b.documents, slices.Clone(doc))
	b.bytes += len(doc)
	if len(b.documents) < copyBatch && b.bytes < copyBytes {
		return nil
	}
	return b.flush()
}

func (b *batcher) flush() error {
	if len(b.documents) == 0 {
		return nil
	}
	err := b.sink.Insert(b.ctx, b.collection, b.documents)
	b.documents, b.bytes = nil, 0
	return err
}
