package embedded

import (
	"context"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// maxNameBytes bounds the name of a collection or index.
const maxNameBytes = 255

// newID returns an ID that no app, collection or index ever had, and has b record that. The caller holds the schema
// lock.
func (e *Engine) newID(b *pebble.Batch) (uint32, error) {
	id := e.nextID
	e.nextID++
	return id, b.Set(metaNextID, encodeMeta(uint64(e.nextID)), nil)
}

// ensureApp returns the app's catalog entry and makes it when it is missing.
func (e *Engine) ensureApp(name yunduo.AppID) (*app, error) {
	if a := e.catalog.Load().apps[name]; a != nil {
		return a, nil
	}
	e.schema.Lock()
	defer e.schema.Unlock()
	return e.ensureAppLocked(name)
}

func (e *Engine) ensureAppLocked(name yunduo.AppID) (*app, error) {
	if a := e.catalog.Load().apps[name]; a != nil {
		return a, nil
	}
	epoch := newEpoch()
	a := &app{name: name, collections: map[string]*collection{}}
	b := e.db.NewBatch()
	defer b.Close()
	var err error
	if a.id, err = e.newID(b); err != nil {
		return nil, storageError(err)
	}
	data, err := bson.Marshal(appRecord{Name: string(name), Epoch: int64(epoch)})
	if err != nil {
		return nil, storageError(err)
	}
	if err := b.Set(catalogKey(kindApp, a.id), data, nil); err != nil {
		return nil, storageError(err)
	}
	if err := e.commit(commit{extra: b}); err != nil {
		return nil, err
	}
	a.log = &changeLog{app: a.id, epoch: epoch, next: 1, first: 1}
	e.catalog.Store(e.catalog.Load().withApp(a))
	return a, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// CreateCollection makes an empty collection.
func (e *Engine) CreateCollection(ctx context.Context, ns driver.Namespace, options driver.CollectionOptions) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	if err := checkCollectionName(ns.Collection); err != nil {
		return err
	}
	e.schema.Lock()
	defer e.schema.Unlock()
	a, err := e.ensureAppLocked(ns.App)
	if err != nil {
		return err
	}
	if a.collections[ns.Collection] != nil {
		return yunduo.Errorf(yunduo.ReasonCollectionExists, "the collection %q exists already", ns.Collection)
	}
	coll := &collection{app: a.id, log: a.log, name: ns.Collection, settings: slices.Clone(options.Settings), created: e.options.Now().UnixMilli(), collectionState: &collectionState{}}
	b := e.db.NewBatch()
	defer b.Close()
	if coll.id, err = e.newID(b); err != nil {
		return storageError(err)
	}
	if err := e.storeCollection(b, coll); err != nil {
		return err
	}
	if err := e.commit(commit{extra: b}); err != nil {
		return err
	}
	e.catalog.Store(e.catalog.Load().withCollection(ns.App, coll))
	return nil
}

func checkCollectionName(name string) error {
	if name == "" || len(name) > maxNameBytes || strings.ContainsRune(name, 0) {
		return yunduo.Errorf(yunduo.ReasonInvalidCollectionName, "%.60q cannot name a collection", name)
	}
	return nil
}

// storeCollection adds the collection's catalog record to a batch.
func (e *Engine) storeCollection(b *pebble.Batch, coll *collection) error {
	data, err := coll.marshal()
	if err != nil {
		return storageError(err)
	}
	return storageError(b.Set(catalogKey(kindCollection, coll.id), data, nil))
}

// DropCollection puts a collection with its documents and indexes into the trash.
func (e *Engine) DropCollection(ctx context.Context, ns driver.Namespace) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	e.schema.Lock()
	defer e.schema.Unlock()
	coll, err := e.catalog.Load().collection(ns)
	if err != nil {
		return err
	}
	coll.latch.Lock()
	defer coll.latch.Unlock()
	t := &trashed{collection: coll}
	drop := []driver.Change{{Kind: driver.ChangeDrop, Collection: coll.name}}
	finish := func(w *batchWriter, changes []driver.Change) { e.discard(w, t, changes[0]) }
	publish := func() {
		c := e.catalog.Load().withoutCollection(ns)
		if e.options.TrashAge > 0 {
			c = c.withTrash(ns.App, t)
		}
		e.catalog.Store(c)
	}
	return e.commit(commit{log: coll.log, changes: drop, finish: finish, applied: publish, essential: true})
}

// removeCollection deletes everything of a collection.
func removeCollection(w *batchWriter, coll *collection) {
	w.delete(catalogKey(kindCollection, coll.id))
	w.deleteRange(key(prefixCounters, coll.app, coll.id)) // its indexes' counters, too
	w.deleteRange(key(prefixDocument, coll.app, coll.id))
	w.deleteRange(key(prefixIndex, coll.app, coll.id))
	w.deleteRange(key(prefixUnique, coll.app, coll.id))
	for _, ix := range coll.indexes {
		w.delete(catalogKey(kindMultikey, ix.id))
		w.delete(key(prefixJob, ix.id))
	}
}

// Collections lists an app's collections by name.
func (e *Engine) Collections(ctx context.Context, name yunduo.AppID) ([]driver.CollectionInfo, error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	list := []driver.CollectionInfo{}
	if a := e.catalog.Load().apps[name]; a != nil {
		for _, c := range a.collections {
			list = append(list, c.info())
		}
	}
	slices.SortFunc(list, func(a, b driver.CollectionInfo) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// DropApp removes everything an app has. Who follows its change log gets position_lost.
func (e *Engine) DropApp(ctx context.Context, name yunduo.AppID) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	e.schema.Lock()
	defer e.schema.Unlock()
	a := e.catalog.Load().apps[name]
	if a == nil {
		return nil
	}
	b := e.db.NewBatch()
	defer b.Close()
	w := batchWriter{b: b}
	for _, coll := range byID(a.collections) { // in the order of commits
		coll.latch.Lock()
		defer coll.latch.Unlock()
		removeCollection(&w, coll)
	}
	for _, t := range a.trash {
		removeTrash(&w, t)
	}
	w.delete(catalogKey(kindApp, a.id))
	w.delete(key(prefixCounters, a.id, 0))
	w.deleteRange(key(prefixLog, a.id))
	w.delete(firstOffsetKey(a.id))
	if w.err != nil {
		return storageError(w.err)
	}
	if err := e.commit(commit{extra: b, essential: true}); err != nil {
		return err
	}
	e.catalog.Store(e.catalog.Load().withoutApp(name))
	a.log.end()
	return nil
}

// writable returns the collection with its latch held for reading. The caller releases it with RUnlock.
func (e *Engine) writable(ns driver.Namespace) (*collection, error) {
	for {
		coll, err := e.catalog.Load().collection(ns)
		if err != nil {
			return nil, err
		}
		coll.latch.RLock()
		if current, err := e.catalog.Load().collection(ns); err == nil && current == coll {
			return coll, nil
		}
		coll.latch.RUnlock()
	}
}
