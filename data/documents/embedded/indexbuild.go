package embedded

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"yunduo/data/documents/driver"
)

// buildBytes is how much of an index is written at a time.
const buildBytes = 4 << 20

// buildIndex fills a new index from the collection's documents and puts it in the catalog. The caller holds the
// schema lock and the collection's latch. A job record makes sure that a crash leaves nothing behind.
func (e *Engine) buildIndex(ctx context.Context, ns driver.Namespace, coll *collection, definition driver.Index) error {
	start := e.db.NewBatch()
	defer start.Close()
	id, err := e.newID(start)
	if err != nil {
		return storageError(err)
	}
	ix, err := newIndex(id, definition)
	if err != nil {
		return err
	}
	job := key(prefixJob, id)
	if err := start.Set(job, ix.prefix(coll), nil); err != nil {
		return storageError(err)
	}
	if err := e.commit(commit{extra: start}); err != nil {
		return err
	}
	if err := e.fillIndex(ctx, coll, ix); err != nil {
		return errors.Join(err, e.abandonIndex(coll, ix))
	}
	changed := coll.withIndexes(append(slices.Clone(coll.indexes), ix))
	finish := e.db.NewBatch()
	defer finish.Close()
	if err := e.storeCollection(finish, changed); err != nil {
		return err
	}
	w := batchWriter{b: finish}
	w.delete(job)
	if ix.multikey.Load() {
		w.set(catalogKey(kindMultikey, id), nil)
		ix.multikeyStored = true
	}
	if w.err != nil {
		return storageError(w.err)
	}
	if err := e.commit(commit{extra: finish}); err != nil {
		return err
	}
	e.catalog.Store(e.catalog.Load().withCollection(ns.App, changed))
	return nil
}

// abandonIndex removes the entries of a build that failed.
func (e *Engine) abandonIndex(coll *collection, ix *index) error {
	b := e.db.NewBatch()
	defer b.Close()
	w := batchWriter{b: b}
	w.deleteRange(ix.prefix(coll))
	w.delete(key(prefixJob, ix.id))
	if w.err != nil {
		return storageError(w.err)
	}
	return e.commit(commit{extra: b, essential: true})
}

// fillIndex writes the entries of all documents. The last commit of the build makes them durable, as the log is
// written in order.
func (e *Engine) fillIndex(ctx context.Context, coll *collection, ix *index) (err error) {
	s := e.newSnapshot()
	defer func() { err = errors.Join(err, storageError(s.release())) }()
	prefix := key(prefixDocument, coll.app, coll.id)
	walk := newKeyWalk(s, []keyRange{{prefix, keyEnd(prefix)}}, false)
	defer func() { err = errors.Join(err, storageError(walk.close())) }()
	documents := &documentSource{walk: walk}
	b := e.db.NewBatch()
	defer func() { err = errors.Join(err, storageError(b.Close())) }()
	for n := 0; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		id, doc, ok, err := documents.next(ctx)
		if err != nil {
			return storageError(err)
		}
		if !ok || b.Len() > buildBytes {
			if err := e.applyFill(coll, ix, b); err != nil {
				return err
			}
			b.Reset()
		}
		if !ok {
			return nil
		}
		entries, multikey, err := ix.entries(coll, id, doc)
		if err != nil {
			return err
		}
		if multikey {
			ix.multikey.Store(true)
		}
		for _, entry := range entries {
			if err := b.Set(entry.key, entry.value, nil); err != nil {
				return storageError(err)
			}
		}
	}
}

// applyFill writes a part of a new index; duplicate_key if a unique one has a key twice.
func (e *Engine) applyFill(coll *collection, ix *index, b *pebble.Batch) error {
	if ix.Unique {
		if err := e.checkFill(coll, ix, b); err != nil {
			return err
		}
	}
	return e.commit(commit{extra: b})
}

// checkFill looks for a unique key twice in a part of a new index, and in the parts before.
func (e *Engine) checkFill(coll *collection, ix *index, b *pebble.Batch) error {
	owners := map[string][]byte{}
	for r := b.Reader(); len(r) > 0; {
		_, k, v, ok, err := r.Next()
		if err != nil || !ok {
			return storageError(err)
		}
		_, id, err := ix.splitEntry(k, v, 0)
		if err != nil {
			return storageError(err)
		}
		if owner, ok := owners[string(k)]; ok && !bytes.Equal(owner, id) {
			return duplicateKey(coll, ix)
		}
		owners[string(k)] = id
		if err := checkFree(e.db.Get, coll, ix, indexEntry{key: k}, id); err != nil {
			return storageError(err)
		}
	}
	return nil
}
