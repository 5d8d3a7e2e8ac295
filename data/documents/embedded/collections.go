package embedded

import (
	"cmp"
	"context"
	"maps"
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
	if ns.Collection == "" || len(ns.Collection) > maxNameBytes || strings.ContainsRune(ns.Collection, 0) {
		return yunduo.Errorf(yunduo.ReasonInvalidCollectionName, "%.60q cannot name a collection", ns.Collection)
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
	coll := &collection{app: a.id, log: a.log, name: ns.Collection, settings: slices.Clone(options.Settings), collectionState: &collectionState{}}
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

// storeCollection adds the collection's catalog record to a batch.
func (e *Engine) storeCollection(b *pebble.Batch, coll *collection) error {
	data, err := coll.marshal()
	if err != nil {
		return storageError(err)
	}
	return storageError(b.Set(catalogKey(kindCollection, coll.id), data, nil))
}

// DropCollection removes a collection with its documents and indexes.
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
	b := e.db.NewBatch()
	defer b.Close()
	if err := dropCollection(b, coll); err != nil {
		return storageError(err)
	}
	drop := []driver.Change{{Kind: driver.ChangeDrop, Collection: coll.name}}
	if err := e.commit(commit{log: coll.log, changes: drop, extra: b, essential: true}); err != nil {
		return err
	}
	e.catalog.Store(e.catalog.Load().withoutCollection(ns))
	return nil
}

func dropCollection(b *pebble.Batch, coll *collection) error {
	w := batchWriter{b: b}
	w.delete(catalogKey(kindCollection, coll.id))
	w.delete(key(prefixCounters, coll.app, coll.id))
	w.deleteRange(key(prefixDocument, coll.app, coll.id))
	w.deleteRange(key(prefixIndex, coll.app, coll.id))
	w.deleteRange(key(prefixUnique, coll.app, coll.id))
	for _, ix := range coll.indexes {
		w.delete(catalogKey(kindMultikey, ix.id))
	}
	return w.err
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
			list = append(list, driver.CollectionInfo{
				Name: c.name, Documents: c.documents.Load(), Bytes: c.bytes.Load(), Settings: slices.Clone(c.settings),
			})
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
	byID := func(a, b *collection) int { return cmp.Compare(a.id, b.id) }
	for _, coll := range slices.SortedFunc(maps.Values(a.collections), byID) { // in the order of commits
		coll.latch.Lock()
		defer coll.latch.Unlock()
		w.err = firstError(w.err, dropCollection(b, coll))
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
