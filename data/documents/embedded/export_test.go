package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
)

// Sweep does one run of expiry and retention.
func (e *Engine) Sweep(ctx context.Context) error { return e.sweep(ctx) }

// BuildInChunks makes the engine build every index in the background, so many documents at a time.
func (e *Engine) BuildInChunks(documents int) { e.smallCollection, e.chunkDocuments = -1, documents }

// BeforeChunk has hold called before a builder takes on documents. Call it before any build.
func (e *Engine) BeforeChunk(hold func()) { e.beforeChunk = hold }

// Untyped makes indexes as they were before their entries held types.
func (e *Engine) Untyped() { e.untyped = true }

// QueryMemory returns what queries keep in memory.
func (e *Engine) QueryMemory() int64 { return e.queries.used.Load() }

// ContainerMemory reads a cgroup file.
func ContainerMemory(file string) int64 { return containerMemory(file) }

// Tuned returns options with other settings of Pebble.
func Tuned(o Options, tune func(*pebble.Options)) Options {
	o.tune = tune
	return o
}

// Compact rewrites the whole store, as time would.
func (e *Engine) Compact(ctx context.Context) error {
	return e.db.Compact(ctx, []byte{0}, []byte{0xff}, true)
}

// GrowMemtable makes the next memtable as large as the options say: Pebble begins with a small one and doubles it each
// time it is full, for which it rotates the log.
func (e *Engine) GrowMemtable() error {
	for range 8 {
		if err := e.db.Delete([]byte{0xfe}, pebble.Sync); err != nil {
			return err
		}
		if err := e.db.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// DiskBytes returns how much the store's tables take.
func (e *Engine) DiskBytes() uint64 { return e.db.Metrics().DiskSpaceUsage() }

// AsOlderVersion leaves the store as a version that did not count index entries would have, stopped in the middle of a
// build: without counters of indexes, and with entries of an index that the catalog does not know.
func (e *Engine) AsOlderVersion(ctx context.Context) error {
	b := e.db.NewBatch()
	defer b.Close()
	w := batchWriter{b: b}
	for coll := range e.catalog.Load().all() {
		for _, ix := range coll.indexes {
			w.delete(ix.counterKey(coll))
		}
		unknown, err := newIndex(1<<31, coll.indexes[0].Index)
		if err != nil {
			return err
		}
		w.set(key(prefixJob, unknown.id), unknown.prefix(coll))
		w.set(append(unknown.prefix(coll), 1, 2, 3), nil)
	}
	if w.err != nil {
		return w.err
	}
	return b.Commit(pebble.Sync)
}

// LeftOver reports whether there are entries of the index that AsOlderVersion made up.
func (e *Engine) LeftOver() (bool, error) {
	found := false
	for coll := range e.catalog.Load().all() {
		prefix := key(prefixIndex, coll.app, coll.id, 1<<31)
		if err := eachKey(e.db, prefix, func(_, _ []byte) error { found = true; return nil }); err != nil {
			return false, err
		}
	}
	return found, nil
}
