package embedded

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// replacement collects the collections that an app is to have. They have IDs and keys of their own but no catalog
// records; records of hidden keys name them, so that a crash leaves nothing behind.
type replacement struct {
	e           *Engine
	app         *app
	collections map[string]*collection
	ended       bool
}

// Replace begins an exchange of everything that an app has.
func (e *Engine) Replace(ctx context.Context, name yunduo.AppID) (driver.Replacement, error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	a, err := e.ensureApp(name)
	if err != nil {
		return nil, err
	}
	return &replacement{e: e, app: a, collections: map[string]*collection{}}, nil
}

// Create begins a collection.
func (r *replacement) Create(ctx context.Context, info driver.CollectionInfo, indexes []driver.Index) error {
	e := r.e
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	if err := errors.Join(r.open(), checkCollectionName(info.Name)); err != nil {
		return err
	}
	if r.collections[info.Name] != nil {
		return yunduo.Errorf(yunduo.ReasonCollectionExists, "the collection %q was created already", info.Name)
	}
	e.schema.Lock()
	defer e.schema.Unlock()
	coll := &collection{app: r.app.id, log: r.app.log, name: info.Name, settings: slices.Clone(info.Settings), collectionState: &collectionState{}}
	b := e.db.NewBatch()
	defer b.Close()
	var err error
	if coll.id, err = e.newID(b); err != nil {
		return storageError(err)
	}
	for _, definition := range indexes {
		if err := validateIndex(definition); err != nil {
			return err
		}
		id, err := e.newID(b)
		if err != nil {
			return storageError(err)
		}
		ix, err := newIndex(id, definition)
		if err != nil {
			return err
		}
		coll = coll.withIndexes(append(coll.indexes, ix))
	}
	w := batchWriter{b: b}
	for i, prefix := range coll.prefixes() {
		w.set(coll.hidden(i), prefix)
	}
	if w.err != nil {
		return storageError(w.err)
	}
	if err := e.commit(commit{extra: b}); err != nil {
		return err
	}
	r.collections[info.Name] = coll
	return nil
}

// prefixes are the ranges of keys that hold a collection, without its catalog records.
func (c *collection) prefixes() [][]byte {
	var list [][]byte
	for _, p := range []byte{prefixCounters, prefixDocument, prefixIndex, prefixUnique} {
		list = append(list, key(p, c.app, c.id))
	}
	for _, ix := range c.indexes {
		list = append(list, catalogKey(kindMultikey, ix.id))
	}
	return list
}

// hidden is the key of the record that names one of the collection's prefixes while it is in no catalog.
func (c *collection) hidden(i int) []byte {
	return binary.BigEndian.AppendUint32(key(prefixHidden, c.id), uint32(i))
}

func (r *replacement) open() error {
	if r.ended {
		return yunduo.Errorf(yunduo.ReasonInternal, "the replacement has ended")
	}
	return nil
}

// Insert adds documents.
func (r *replacement) Insert(ctx context.Context, collection string, documents []bson.Raw) error {
	e := r.e
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	coll := r.collections[collection]
	if coll == nil {
		return errors.Join(r.open(), yunduo.Errorf(yunduo.ReasonCollectionNotFound, "the collection %q was not created", collection))
	}
	if err := r.open(); err != nil {
		return err
	}
	ids, err := encodeIDs(driver.Namespace{App: r.app.name, Collection: collection}, documents)
	if err != nil {
		return err
	}
	mutations := make([]mutation, len(documents))
	for i, doc := range documents { // nobody else knows the collection, so nothing is locked
		exists, err := hasDocument(e.db.Get, coll, ids[i])
		if err != nil {
			return storageError(err)
		}
		if exists {
			return duplicateID(collection)
		}
		if mutations[i], err = newMutation(coll, ids[i], nil, slices.Clone(doc), driver.WriteOptions{}); err != nil {
			return err
		}
		mutations[i].unlogged = true
	}
	return e.commit(commit{log: coll.log, mutations: mutations})
}

// Commit puts the collections in the place of what the app has.
func (r *replacement) Commit(ctx context.Context) error {
	e := r.e
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	if err := r.open(); err != nil {
		return err
	}
	e.schema.Lock()
	defer e.schema.Unlock()
	a := e.catalog.Load().apps[r.app.name]
	if a == nil || a.id != r.app.id {
		return yunduo.Errorf(yunduo.ReasonAppNotFound, "the app %q was removed meanwhile", string(r.app.name))
	}
	var dropped []*trashed
	var changes []driver.Change
	for _, coll := range byID(a.collections) { // in the order of commits
		coll.latch.Lock()
		defer coll.latch.Unlock()
		dropped = append(dropped, &trashed{collection: coll})
		changes = append(changes, driver.Change{Kind: driver.ChangeDrop, Collection: coll.name})
	}
	now := e.options.Now().UnixMilli()
	b := e.db.NewBatch()
	defer b.Close()
	for _, coll := range r.collections {
		coll.created = now
		changes = append(changes, driver.Change{Kind: driver.ChangeAppear, Collection: coll.name})
		if err := e.storeCollection(b, coll); err != nil {
			return err
		}
		for i := range coll.prefixes() {
			if err := b.Delete(coll.hidden(i), nil); err != nil {
				return storageError(err)
			}
		}
	}
	epoch := newEpoch()
	finish := func(w *batchWriter, changes []driver.Change) {
		for i, t := range dropped {
			e.discard(w, t, changes[i])
		}
		e.storeEpoch(w, a, epoch)
	}
	if err := e.commit(commit{log: a.log, changes: changes, extra: b, finish: finish}); err != nil {
		return err
	}
	r.ended = true
	c := e.catalog.Load()
	for _, t := range dropped {
		c = c.withoutCollection(driver.Namespace{App: a.name, Collection: t.name})
	}
	if e.options.TrashAge > 0 {
		c = c.withTrash(a.name, dropped...)
	}
	for _, coll := range r.collections {
		c = c.withCollection(a.name, coll)
	}
	e.catalog.Store(c)
	e.renewEpoch(a, epoch)
	return nil
}

func byID(collections map[string]*collection) []*collection {
	return slices.SortedFunc(maps.Values(collections), func(a, b *collection) int { return cmp.Compare(a.id, b.id) })
}

// Abort drops what was collected.
func (r *replacement) Abort() error {
	e := r.e
	if r.ended {
		return nil
	}
	r.ended = true
	if err := e.enter(context.Background()); err != nil {
		return nil // closed or failed: the next start removes it
	}
	defer e.gate.leave()
	finish := func(w *batchWriter, _ []driver.Change) {
		for _, coll := range r.collections {
			for i, prefix := range coll.prefixes() {
				w.deleteRange(prefix)
				w.delete(coll.hidden(i))
			}
		}
	}
	return e.commit(commit{finish: finish, essential: true})
}

// removeHidden deletes what replacements left behind that a crash ended.
func (e *Engine) removeHidden() error {
	b := e.db.NewBatch()
	w := batchWriter{b: b}
	err := eachKey(e.db, []byte{prefixHidden}, func(k, v []byte) error {
		w.deleteRange(slices.Clone(v))
		w.delete(slices.Clone(k))
		return w.err
	})
	if err != nil || b.Empty() {
		return errors.Join(err, b.Close())
	}
	return errors.Join(b.Commit(pebble.Sync), b.Close())
}
