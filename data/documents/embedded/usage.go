package embedded

import (
	"context"

	"yunduo"
	"yunduo/data/documents/driver"
)

var (
	_ driver.Accountant = (*Engine)(nil)
	_ driver.Renamer    = (*Engine)(nil)
)

// Usage returns what an app has stored. It adds up counters that are kept with every write.
func (e *Engine) Usage(ctx context.Context, name yunduo.AppID) (u driver.Usage, err error) {
	if err := e.enter(ctx); err != nil {
		return u, err
	}
	defer e.gate.leave()
	a := e.catalog.Load().apps[name]
	if a == nil {
		return u, nil
	}
	for _, coll := range a.collections {
		u.Add(coll.info())
	}
	for _, t := range a.trash {
		u.DroppedDocuments += t.documents.Load()
		u.DroppedBytes += t.bytes.Load() + t.indexBytes()
	}
	u.Changes, u.ChangeBytes, _, err = readCounter(e.db.Get, key(prefixCounters, a.id, 0))
	return u, storageError(err)
}

// RenameCollection gives a collection another name: only its catalog entry changes.
func (e *Engine) RenameCollection(ctx context.Context, ns driver.Namespace, to string) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	if err := checkCollectionName(to); err != nil {
		return err
	}
	e.schema.Lock()
	defer e.schema.Unlock()
	c := e.catalog.Load()
	coll, err := c.collection(ns)
	if err != nil {
		return err
	}
	a := c.apps[ns.App]
	if a.collections[to] != nil {
		return yunduo.Errorf(yunduo.ReasonCollectionExists, "the collection %q exists already", to)
	}
	coll.latch.Lock()
	defer coll.latch.Unlock()
	renamed := *coll
	// For the change log it is another collection: what is logged under the new name begins now.
	renamed.name, renamed.created = to, e.options.Now().UnixMilli()
	b := e.db.NewBatch()
	defer b.Close()
	if err := e.storeCollection(b, &renamed); err != nil {
		return err
	}
	change := []driver.Change{{Kind: driver.ChangeRename, Collection: ns.Collection, To: to}}
	publish := func() { e.catalog.Store(c.withoutCollection(ns).withCollection(ns.App, &renamed)) }
	return e.commit(commit{log: a.log, extra: b, changes: change, applied: publish})
}
