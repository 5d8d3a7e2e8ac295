package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"yunduo"
	"yunduo/data/documents/driver"
)

// An index is built while others read and write the collection. At every moment it holds exactly the entries of the
// documents up to a frontier, an encoded _id: writes on documents up to it keep the index, as those of a finished one
// do, and writes behind it leave it alone. The builder moves the frontier, some documents at a time: it takes a
// snapshot, makes their entries, and then, in the commit section, writes them together with the new frontier; those
// documents that were written in between it reads again. So a crash at any time leaves a state to go on from.

// How much a builder takes on at a time.
const (
	chunkDocuments = 1000
	chunkBytes     = 4 << 20
)

// smallCollection is how many documents are indexed on the spot, while writers wait.
const smallCollection = 1000

// indexBuild is the state of a build, shared by all versions of its index.
type indexBuild struct {
	// Guarded by the commit section.
	frontier []byte          // encoded _id of the last document in the index; nil before the first
	complete bool            // all documents are in the index
	written  map[string]bool // encoded _ids behind the frontier that were written since the builder's snapshot

	done  atomic.Int64 // documents in the index, as far as the builder put them there
	ended chan struct{}
	err   error // why it was given up; to be read after ended
	once  sync.Once
}

func newBuild() *indexBuild { return &indexBuild{ended: make(chan struct{})} }

func (b *indexBuild) end(err error) {
	b.once.Do(func() {
		b.err = err
		close(b.ended)
	})
}

// withhold reports whether a write leaves the index alone, for the builder is still to come to the document.
func (b *indexBuild) withhold(id []byte) bool {
	if b == nil || b.complete || bytes.Compare(id, b.frontier) <= 0 {
		return false
	}
	if b.written != nil {
		b.written[string(id)] = true
	}
	return true
}

// withholdBuilding takes out of a commit what indexes that are being built are not to get. Called in the commit
// section.
func withholdBuilding(mutations []mutation) {
	for i := range mutations {
		m := &mutations[i]
		m.indexes = slices.DeleteFunc(m.indexes, func(c indexChange) bool { return c.index.build.withhold(m.id) })
	}
}

// encode and decodeBuild are what is stored of a build: 0 or 1 for complete, documents done, frontier.
func (b *indexBuild) encode(done int64) []byte {
	v := []byte{0}
	if b.complete {
		v[0] = 1
	}
	return append(binary.AppendUvarint(v, uint64(done)), b.frontier...)
}

func decodeBuild(v []byte) (*indexBuild, error) {
	b := newBuild()
	if len(v) < 2 {
		return nil, errCorruptIndex
	}
	done, n := binary.Uvarint(v[1:])
	if n <= 0 {
		return nil, errCorruptIndex
	}
	b.complete = v[0] == 1
	b.done.Store(int64(done))
	if b.frontier = slices.Clone(v[1+n:]); len(b.frontier) == 0 {
		b.frontier = nil
	}
	return b, nil
}

// buildAtOnce makes an index of a small collection and puts it in the catalog. The caller holds the schema lock and
// the collection's latch.
func (e *Engine) buildAtOnce(ctx context.Context, ns driver.Namespace, coll *collection, ix *index, b *pebble.Batch) error {
	chunk, err := e.readChunk(ctx, liveView{e.db}, coll, ix, nil, math.MaxInt, math.MaxInt)
	if err != nil {
		return err
	}
	if err := e.checkChunk(coll, ix, chunk.items); err != nil {
		return err
	}
	changed := coll.withIndexes(append(slices.Clone(coll.indexes), ix))
	if err := e.storeCollection(b, changed); err != nil {
		return err
	}
	var entries, size int64
	finish := func(w *batchWriter, _ []driver.Change) { entries, size = w.fill(coll, ix, chunk.items) }
	if err := e.commit(commit{extra: b, finish: finish}); err != nil {
		return err
	}
	ix.entryCount.Add(entries)
	ix.entryBytes.Add(size)
	e.catalog.Store(e.catalog.Load().withCollection(ns.App, changed))
	return nil
}

// beginBuild puts an index that is to be built into the catalog and starts its builder. The caller holds the schema
// lock and the collection's latch, so that every later writer knows the index.
func (e *Engine) beginBuild(ns driver.Namespace, coll *collection, ix *index, b *pebble.Batch) error {
	ix.Build, ix.build = &driver.IndexBuild{}, newBuild()
	changed := coll.withIndexes(append(slices.Clone(coll.indexes), ix))
	if err := e.storeCollection(b, changed); err != nil {
		return err
	}
	w := batchWriter{b: b}
	w.set(key(prefixJob, ix.id), ix.build.encode(0))
	w.merge(ix.counterKey(coll), encodeCounters(0, 0))
	if w.err != nil {
		return storageError(w.err)
	}
	if err := e.commit(commit{extra: b}); err != nil {
		return err
	}
	e.catalog.Store(e.catalog.Load().withCollection(ns.App, changed))
	e.startBuild(ns.App, coll.id, ix)
	return nil
}

// startBuild lets a builder run until the index is in use, has failed or is gone.
func (e *Engine) startBuild(app yunduo.AppID, collection uint32, ix *index) {
	e.background.Go(func() { e.runBuild(app, collection, ix) })
}

// resumeBuilds starts the builders of a collection's unfinished indexes.
func (e *Engine) resumeBuilds(app yunduo.AppID, coll *collection) {
	for _, ix := range coll.indexes {
		if ix.building() {
			e.startBuild(app, coll.id, ix)
		}
	}
}

func (e *Engine) runBuild(app yunduo.AppID, collection uint32, ix *index) {
	for {
		swept := e.sweeps.next()
		err := e.buildChunks(app, collection, ix)
		switch yunduo.ReasonOf(err) {
		case "":
			return
		case yunduo.ReasonDuplicateKey, yunduo.ReasonInvalidDocument:
			failed := e.failBuild(app, collection, ix, err)
			if failed == nil {
				return
			}
			err = failed
		}
		if e.lifetime.Err() != nil || e.failed() != nil {
			ix.build.end(firstError(e.failed(), errClosed()))
			return
		}
		e.options.Logger.Warn("an index build pauses", "index", ix.Name, "error", err)
		select { // such as after storage_full
		case <-swept:
		case <-e.lifetime.Done():
		}
	}
}

// buildChunks moves the frontier to the end and puts the index to use. nil also if the index or collection is gone.
func (e *Engine) buildChunks(app yunduo.AppID, collection uint32, ix *index) error {
	for {
		if e.beforeChunk != nil {
			e.beforeChunk()
		}
		complete, err := e.buildChunk(app, collection, ix)
		if err != nil {
			return err
		}
		if complete {
			return e.finishBuild(app, collection, ix)
		}
	}
}

// chunk is a run of documents with their entries in an index.
type chunk struct {
	items []chunkItem
	last  []byte // encoded _id of the last document that was read
	whole bool   // there is no further document
}

type chunkItem struct {
	id       []byte
	entries  []indexEntry
	multikey bool
}

// readChunk makes the entries of the documents after an encoded _id.
func (e *Engine) readChunk(ctx context.Context, v view, coll *collection, ix *index, after []byte, documents int, size int) (c chunk, err error) {
	prefix := key(prefixDocument, coll.app, coll.id)
	low := prefix
	if after != nil {
		low = append(append(slices.Clone(prefix), after...), 0)
	}
	walk := newKeyWalk(v, []keyRange{{low, keyEnd(prefix)}}, false)
	defer func() { err = errors.Join(err, storageError(walk.close())) }()
	source := &documentSource{walk: walk}
	for len(c.items) < documents && size > 0 {
		if len(c.items)%checkEvery == 0 && ctx.Err() != nil {
			return c, ctx.Err()
		}
		id, doc, ok, err := source.next(ctx)
		if err != nil {
			return c, storageError(err)
		}
		if !ok {
			c.whole = true
			return c, nil
		}
		item := chunkItem{id: slices.Clone(id)}
		if item.entries, item.multikey, err = ix.entries(coll, item.id, doc); err != nil {
			return c, err
		}
		for _, entry := range item.entries {
			size -= len(entry.key) + len(entry.value)
		}
		size -= len(doc)
		c.items, c.last = append(c.items, item), item.id
	}
	return c, nil
}

// buildChunk moves the frontier over some documents and reports whether it came to the end. Like a writer it holds the
// collection's latch while it writes, and finds out under it whether there still is something to do.
func (e *Engine) buildChunk(app yunduo.AppID, collection uint32, ix *index) (complete bool, err error) {
	if err := e.enter(e.lifetime); err != nil {
		return false, err
	}
	defer e.gate.leave()
	coll := e.catalog.Load().building(app, collection, ix)
	if coll == nil {
		ix.build.end(yunduo.Errorf(yunduo.ReasonIndexNotFound, "the index %q was dropped before it was built", ix.Name))
		return true, nil
	}
	b := ix.build
	e.commitSection.Lock()
	s := e.newSnapshot()
	b.written = map[string]bool{}
	from, complete := b.frontier, b.complete
	e.commitSection.Unlock()
	if complete { // before a restart
		return true, storageError(s.release())
	}
	c, err := e.readChunk(e.lifetime, s, coll, ix, from, e.chunkDocuments, chunkBytes)
	if err = errors.Join(err, storageError(s.release())); err != nil {
		return false, err
	}
	coll.latch.RLock()
	defer coll.latch.RUnlock()
	if e.catalog.Load().building(app, collection, ix) == nil {
		return false, nil // the next look tells
	}
	check := func() error {
		if err := e.refreshChunk(coll, ix, &c); err != nil {
			return err
		}
		return e.checkChunk(coll, ix, c.items)
	}
	done := b.done.Load() + int64(len(c.items))
	var entries, size int64
	finish := func(w *batchWriter, _ []driver.Change) {
		entries, size = w.fill(coll, ix, c.items)
		next := indexBuild{frontier: c.last, complete: c.whole}
		if next.frontier == nil {
			next.frontier = b.frontier
		}
		w.set(key(prefixJob, ix.id), next.encode(done))
		if w.err == nil {
			b.frontier, b.complete, b.written = next.frontier, next.complete, nil
			ix.entryCount.Add(entries)
			ix.entryBytes.Add(size)
		}
	}
	if err := e.commit(commit{check: check, finish: finish}); err != nil {
		return false, err
	}
	b.done.Store(done)
	return c.whole, nil
}

// refreshChunk takes in what was written to the chunk's documents since it was read. Called in the commit section.
func (e *Engine) refreshChunk(coll *collection, ix *index, c *chunk) error {
	written := ix.build.written
	c.items = slices.DeleteFunc(c.items, func(i chunkItem) bool { return written[string(i.id)] })
	for id := range written {
		if !c.whole && bytes.Compare([]byte(id), c.last) > 0 {
			continue
		}
		current, exists, err := getRecord(e.db.Get, coll, []byte(id))
		if err != nil {
			return storageError(err)
		}
		if !exists {
			continue
		}
		item := chunkItem{id: []byte(id)}
		if item.entries, item.multikey, err = ix.entries(coll, item.id, current.document); err != nil {
			return err
		}
		c.items = append(c.items, item)
	}
	return nil
}

// checkChunk returns duplicate_key if entries of a unique index clash with each other or with what is stored.
func (e *Engine) checkChunk(coll *collection, ix *index, items []chunkItem) error {
	if !ix.Unique {
		return nil
	}
	owners := map[string][]byte{}
	for _, item := range items {
		for _, entry := range item.entries {
			if owner, taken := owners[string(entry.key)]; taken && !bytes.Equal(owner, item.id) {
				return duplicateKey(coll, ix)
			}
			owners[string(entry.key)] = item.id
			if err := checkFree(e.db.Get, coll, ix, entry, item.id); err != nil {
				return storageError(err)
			}
		}
	}
	return nil
}

// fill writes entries of an index and counts them. Called in the commit section.
func (w *batchWriter) fill(coll *collection, ix *index, items []chunkItem) (entries, size int64) {
	for _, item := range items {
		for _, entry := range item.entries {
			w.set(entry.key, entry.value)
			entries, size = entries+1, size+entry.size()
		}
		if item.multikey {
			ix.multikey.Store(true)
		}
	}
	w.merge(ix.counterKey(coll), encodeCounters(entries, size))
	if ix.multikey.Load() && !ix.multikeyStored {
		w.set(catalogKey(kindMultikey, ix.id), nil)
		ix.multikeyStored = w.err == nil
	}
	return entries, size
}
