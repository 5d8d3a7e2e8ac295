package embedded

import (
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"yunduo"
	"yunduo/data/documents/driver"
)

// States of an index in its catalog record; empty is ready.
const (
	stateBuilding = "building"
	stateFailed   = "failed"
)

// ready reports whether the index holds all documents it should, so that queries may use it.
func (ix *index) ready() bool { return ix.Build == nil }

func (ix *index) building() bool { return ix.Build != nil && ix.Build.Failed == "" }

// failed reports whether the index was given up: it has no entries and gets none.
func (ix *index) failed() bool { return ix.Build != nil && ix.Build.Failed != "" }

func (ix *index) state() (state, failure string) {
	switch {
	case ix.failed():
		return stateFailed, ix.Build.Failed
	case ix.building():
		return stateBuilding, ""
	}
	return "", ""
}

// as returns the index in another state.
func (ix *index) as(build *driver.IndexBuild) *index {
	changed := *ix
	changed.Build = build
	return &changed
}

// definition returns what others may see of the index.
func (ix *index) definition(coll *collection) driver.Index {
	d := ix.Index
	d.Fields = slices.Clone(ix.Fields)
	if ix.building() {
		d.Build = &driver.IndexBuild{Done: ix.build.done.Load(), Total: coll.documents.Load()}
	}
	return d
}

// building returns the collection if it is there and the index is being built by this very build.
func (c *catalog) building(name yunduo.AppID, collection uint32, ix *index) *collection {
	coll := c.byID(name, collection)
	if coll != nil && slices.ContainsFunc(coll.indexes, func(i *index) bool { return i.id == ix.id && i.building() && i.build == ix.build }) {
		return coll
	}
	return nil
}

// replaceIndex returns the collection's entry with another version of an index, or without it if that is nil.
func (c *collection) replaceIndex(id uint32, with *index) *collection {
	var indexes []*index
	for _, ix := range c.indexes {
		switch {
		case ix.id != id:
			indexes = append(indexes, ix)
		case with != nil:
			indexes = append(indexes, with)
		}
	}
	return c.withIndexes(indexes)
}

// withNewBuilds returns a dropped collection's entry with builds that go on where those before the drop stopped: their
// builders may not have seen the drop yet and must not go on, too.
func (e *Engine) withNewBuilds(c *collection) *collection {
	e.commitSection.Lock()
	defer e.commitSection.Unlock()
	for _, old := range c.indexes {
		if !old.building() {
			continue
		}
		ix := *old
		ix.indexState = &indexState{multikeyStored: old.multikeyStored, build: newBuild()}
		ix.multikey.Store(old.multikey.Load())
		ix.entryCount.Store(old.entryCount.Load())
		ix.entryBytes.Store(old.entryBytes.Load())
		ix.build.frontier, ix.build.complete = old.build.frontier, old.build.complete
		ix.build.done.Store(old.build.done.Load())
		c = c.replaceIndex(ix.id, &ix)
	}
	return c
}

// finishBuild puts a complete index to use.
func (e *Engine) finishBuild(app yunduo.AppID, collection uint32, ix *index) error {
	if err := e.enter(e.lifetime); err != nil {
		return err
	}
	defer e.gate.leave()
	e.schema.Lock()
	defer e.schema.Unlock()
	coll := e.catalog.Load().building(app, collection, ix)
	if coll == nil {
		ix.build.end(yunduo.Errorf(yunduo.ReasonIndexNotFound, "the index %q was dropped before it was built", ix.Name))
		return nil
	}
	changed := coll.replaceIndex(ix.id, ix.as(nil))
	b := e.db.NewBatch()
	defer b.Close()
	if err := errors.Join(e.storeCollection(b, changed), storageError(b.Delete(key(prefixJob, ix.id), nil))); err != nil {
		return err
	}
	if err := e.commit(commit{extra: b}); err != nil {
		return err
	}
	e.catalog.Store(e.catalog.Load().withCollection(app, changed))
	ix.build.end(nil)
	return nil
}

// failBuild removes what was written of an index and leaves a record of why.
func (e *Engine) failBuild(app yunduo.AppID, collection uint32, ix *index, cause error) error {
	if err := e.enter(e.lifetime); err != nil {
		return err
	}
	defer e.gate.leave()
	e.schema.Lock()
	defer e.schema.Unlock()
	coll := e.catalog.Load().building(app, collection, ix)
	if coll == nil {
		ix.build.end(cause)
		return nil
	}
	coll.latch.Lock()
	defer coll.latch.Unlock()
	changed := coll.replaceIndex(ix.id, ix.as(&driver.IndexBuild{Failed: yunduo.AsError(cause).Message}))
	if err := e.exchangeIndex(app, coll, changed, ix); err != nil {
		return err
	}
	ix.entryCount.Store(0)
	ix.entryBytes.Store(0)
	ix.build.end(cause)
	return nil
}

// exchangeIndex stores a collection's entry without the entries of one of its indexes. The caller holds the schema
// lock and the collection's latch.
func (e *Engine) exchangeIndex(app yunduo.AppID, coll, changed *collection, ix *index) error {
	b := e.db.NewBatch()
	defer b.Close()
	if err := e.storeCollection(b, changed); err != nil {
		return err
	}
	w := batchWriter{b: b}
	w.removeIndex(coll, ix)
	if w.err != nil {
		return storageError(w.err)
	}
	// The catalog first: a reader that still has the old one and takes its snapshot now looks at it again.
	old := e.catalog.Load()
	e.catalog.Store(old.withCollection(app, changed))
	if err := e.commit(commit{extra: b, essential: true}); err != nil {
		e.catalog.Store(old)
		return err
	}
	return nil
}

// removeIndex deletes everything of an index but its definition.
func (w *batchWriter) removeIndex(coll *collection, ix *index) {
	w.deleteRange(ix.prefix(coll))
	w.delete(catalogKey(kindMultikey, ix.id))
	w.delete(ix.counterKey(coll))
	w.delete(key(prefixJob, ix.id))
}

// loadBuilds reads how far the unfinished indexes are.
func (e *Engine) loadBuilds(coll *collection) error {
	for _, ix := range coll.indexes {
		if !ix.building() {
			continue
		}
		v, closer, err := e.db.Get(key(prefixJob, ix.id))
		if err != nil {
			return err
		}
		ix.build, err = decodeBuild(v)
		if err := errors.Join(err, closer.Close()); err != nil {
			return err
		}
	}
	return nil
}

// removeUnfinished deletes what index builds of an older version left behind that a crash ended: they were begun anew.
func (e *Engine) removeUnfinished() error {
	b := e.db.NewBatch()
	w := batchWriter{b: b}
	err := eachKey(e.db, []byte{prefixJob}, func(k, v []byte) error {
		if len(v) == indexPrefixBytes && (v[0] == prefixIndex || v[0] == prefixUnique) {
			w.deleteRange(slices.Clone(v))
			w.delete(slices.Clone(k))
		}
		return w.err
	})
	if err != nil || b.Empty() {
		return errors.Join(err, b.Close())
	}
	return errors.Join(b.Commit(pebble.Sync), b.Close())
}
