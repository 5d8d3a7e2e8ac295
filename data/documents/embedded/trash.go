package embedded

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

var _ driver.Trash = (*Engine)(nil)

// trashed is a dropped collection. All its keys are where they were.
type trashed struct {
	*collection
	dropped int64  // milliseconds since 1970
	offset  uint64 // of the drop in the change log
}

type trashRecord struct {
	Collection collectionRecord `bson:"collection"`
	Dropped    int64            `bson:"dropped"`
	Offset     int64            `bson:"offset"`
}

// discard moves a collection into the trash, or removes it where nothing is kept.
func (e *Engine) discard(w *batchWriter, t *trashed, drop driver.Change) {
	if e.options.TrashAge < 0 {
		removeCollection(w, t.collection)
		return
	}
	t.dropped, t.offset = drop.Time.UnixMilli(), drop.Position.Offset
	data, err := bson.Marshal(trashRecord{Collection: t.record(), Dropped: t.dropped, Offset: int64(t.offset)})
	w.err = firstError(w.err, err)
	w.delete(catalogKey(kindCollection, t.id))
	w.set(catalogKey(kindTrash, t.id), data)
}

// loadTrash decodes a record of the trash and puts it into its app.
func loadTrash(data []byte, id uint32, apps map[uint32]*app) (*trashed, error) {
	var r trashRecord
	if err := bson.Unmarshal(data, &r); err != nil {
		return nil, err
	}
	owner := apps[uint32(r.Collection.App)]
	if owner == nil {
		return nil, fmt.Errorf("dropped collection %d belongs to no app", id)
	}
	coll, err := r.Collection.collection(owner, id)
	if err != nil {
		return nil, err
	}
	t := &trashed{collection: coll, dropped: r.Dropped, offset: uint64(r.Offset)}
	if owner.trash == nil {
		owner.trash = map[uint32]*trashed{}
	}
	owner.trash[id] = t
	return t, nil
}

// withTrash returns a catalog with a dropped collection added.
func (c *catalog) withTrash(name yunduo.AppID, dropped ...*trashed) *catalog {
	a := *c.apps[name]
	a.trash = maps.Clone(a.trash)
	if a.trash == nil {
		a.trash = map[uint32]*trashed{}
	}
	for _, t := range dropped {
		a.trash[t.id] = t
	}
	return c.withApp(&a)
}

func (c *catalog) withoutTrash(name yunduo.AppID, id uint32) *catalog {
	a := *c.apps[name]
	a.trash = maps.Clone(a.trash)
	delete(a.trash, id)
	return c.withApp(&a)
}

func removeTrash(w *batchWriter, t *trashed) {
	removeCollection(w, t.collection)
	w.delete(catalogKey(kindTrash, t.id))
}

// Dropped lists what can be brought back, the last dropped first.
func (e *Engine) Dropped(ctx context.Context, name yunduo.AppID) ([]driver.Dropped, error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	list := []driver.Dropped{}
	a := e.catalog.Load().apps[name]
	if a == nil {
		return list, nil
	}
	for _, t := range a.trash {
		at := time.UnixMilli(t.dropped).UTC()
		list = append(list, driver.Dropped{
			ID: uint64(t.id), CollectionInfo: t.info(), Indexes: t.definitions(), DroppedAt: at, Until: at.Add(e.options.TrashAge),
		})
	}
	slices.SortFunc(list, func(a, b driver.Dropped) int {
		if byTime := b.DroppedAt.Compare(a.DroppedAt); byTime != 0 {
			return byTime
		}
		return int(int64(b.ID) - int64(a.ID))
	})
	return list, nil
}

func (c *collection) info() driver.CollectionInfo {
	return driver.CollectionInfo{
		Name: c.name, Documents: c.documents.Load(), Bytes: c.bytes.Load(), IndexBytes: c.indexBytes(), Settings: slices.Clone(c.settings),
	}
}

// definitions returns the indexes, without those whose build was given up.
func (c *collection) definitions() []driver.Index {
	list := []driver.Index{}
	for _, ix := range c.indexes {
		if ix.Build == nil || ix.Build.Failed == "" {
			definition := ix.Index
			definition.Build = nil
			list = append(list, definition)
		}
	}
	return list
}

func (c *catalog) dropped(name yunduo.AppID, id uint64) (*trashed, error) {
	if a := c.apps[name]; a != nil {
		if t := a.trash[uint32(id)]; t != nil && uint64(t.id) == id {
			return t, nil
		}
	}
	return nil, yunduo.Errorf(yunduo.ReasonCollectionNotFound, "there is no dropped collection %d", id)
}

// Undrop brings a dropped collection back.
func (e *Engine) Undrop(ctx context.Context, name yunduo.AppID, id uint64, as string) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	e.schema.Lock()
	defer e.schema.Unlock()
	c := e.catalog.Load()
	t, err := c.dropped(name, id)
	if err != nil {
		return err
	}
	if err := checkCollectionName(as); err != nil {
		return err
	}
	a := c.apps[name]
	if a.collections[as] != nil {
		return yunduo.Errorf(yunduo.ReasonCollectionExists, "the collection %q exists already", as)
	}
	back := *e.withNewBuilds(t.collection)
	back.name, back.created = as, e.options.Now().UnixMilli()
	b := e.db.NewBatch()
	defer b.Close()
	if err := e.storeCollection(b, &back); err != nil {
		return err
	}
	epoch := newEpoch()
	finish := func(w *batchWriter, _ []driver.Change) {
		w.delete(catalogKey(kindTrash, t.id))
		e.storeEpoch(w, a, epoch)
	}
	came := []driver.Change{{Kind: driver.ChangeAppear, Collection: as}}
	if err := e.commit(commit{log: a.log, changes: came, extra: b, finish: finish}); err != nil {
		return err
	}
	e.catalog.Store(c.withCollection(name, &back).withoutTrash(name, t.id))
	e.renewEpoch(a, epoch)
	e.resumeBuilds(name, &back)
	return nil
}

// storeEpoch writes down a new epoch of an app's change log. Called in the commit section.
func (e *Engine) storeEpoch(w *batchWriter, a *app, epoch uint64) {
	data, err := bson.Marshal(appRecord{Name: string(a.name), Epoch: int64(epoch)})
	w.err = firstError(w.err, err)
	w.set(catalogKey(kindApp, a.id), data)
}

// renewEpoch makes who follows an app's change log read again. The catalog shows already what they shall find.
func (e *Engine) renewEpoch(a *app, epoch uint64) {
	e.commitSection.Lock()
	defer e.commitSection.Unlock()
	a.log.renew(epoch)
}

// Purge removes a dropped collection for good.
func (e *Engine) Purge(ctx context.Context, name yunduo.AppID, id uint64) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	e.schema.Lock()
	defer e.schema.Unlock()
	t, err := e.catalog.Load().dropped(name, id)
	if err != nil {
		return err
	}
	return e.purge(name, t)
}

// purge removes a dropped collection. The caller holds the schema lock.
func (e *Engine) purge(name yunduo.AppID, t *trashed) error {
	finish := func(w *batchWriter, _ []driver.Change) { removeTrash(w, t) }
	if err := e.commit(commit{finish: finish, essential: true}); err != nil {
		return err
	}
	e.catalog.Store(e.catalog.Load().withoutTrash(name, t.id))
	return nil
}

// emptyTrash removes what was dropped too long ago.
func (e *Engine) emptyTrash(a *app) error {
	oldest := e.options.Now().Add(-e.options.TrashAge).UnixMilli()
	for _, t := range a.trash {
		if t.dropped > oldest {
			continue
		}
		e.schema.Lock()
		var err error
		if _, gone := e.catalog.Load().dropped(a.name, uint64(t.id)); gone == nil {
			err = e.purge(a.name, t)
		}
		e.schema.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
