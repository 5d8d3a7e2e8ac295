// Package embedded stores documents on the local disk, in the server's own process: a document layer on Pebble.
package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"yunduo"
	"yunduo/data/documents/driver"
)

// Engine is a driver.Engine on a directory.
type Engine struct {
	options Options
	db      *pebble.DB
	gate    *gate
	failure atomic.Pointer[error]
	// poisoned: Pebble panicked while it held a lock, so that closing it would wait for ever.
	poisoned atomic.Bool
	disk     *diskGuard
	queries  memoryPool

	retained atomic.Pointer[func(yunduo.AppID) driver.Retention]

	schema  sync.Mutex // held by who replaces the catalog
	catalog atomic.Pointer[catalog]
	nextID  uint32 // of apps, collections and indexes together; guarded by schema

	stripes [stripeCount]stripe
	seed    maphash.Seed

	begun        atomic.Uint64 // transactions so far
	followedLogs atomic.Int64  // change logs with feeds

	commitSection sync.Mutex
	sequence      uint64 // of the last commit; guarded by commitSection
	reserved      uint64 // sequences up to this one are reserved on disk; guarded by commitSection
	transactions  openTransactions

	openMu sync.Mutex
	open   map[closer]struct{} // cursors, feeds and transactions, ended by Close

	background sync.WaitGroup
	lifetime   context.Context // of what runs in the background
	stop       context.CancelFunc
	sweeps     broadcast // each run of the sweeper

	smallCollection int64  // see the constant
	chunkDocuments  int    // see the constant
	beforeChunk     func() // for tests, to hold a builder
	untyped         bool   // for tests, to make indexes as they were before their entries held types
}

var (
	_ driver.Engine    = (*Engine)(nil)
	_ driver.Explainer = (*Engine)(nil)
)

// closer is something that Close has to end.
type closer interface{ shutdown() }

var (
	metaFormat   = append([]byte{prefixMeta}, "format"...)
	metaNextID   = append([]byte{prefixMeta}, "nextID"...)
	metaSequence = append([]byte{prefixMeta}, "sequence"...)
)

// format is the version of the key layout.
const format = 1

// Open opens the store in dir, which is made when it is missing. One process can have it open at a time.
func Open(dir string, options Options) (*Engine, error) {
	e := &Engine{
		options: options.withDefaults(), gate: newGate(), seed: maphash.MakeSeed(), open: map[closer]struct{}{},
		smallCollection: smallCollection, chunkDocuments: chunkDocuments,
	}
	e.queries.limit = e.options.QueryPoolBytes
	if err := e.options.FS.MkdirAll(dir, 0o700); err != nil {
		return nil, storageError(err)
	}
	fs, disk, err := guardDisk(e.options, dir)
	if err != nil {
		return nil, storageError(err)
	}
	e.disk = disk
	if e.db, err = pebble.Open(dir, e.pebbleOptions(fs)); err != nil {
		return nil, storageError(err)
	}
	if err := errors.Join(e.renewEpochs(dir), e.load()); err != nil {
		return nil, storageError(errors.Join(err, e.db.Close()))
	}
	e.lifetime, e.stop = context.WithCancel(context.Background())
	e.background.Go(func() { e.sweepLoop(e.lifetime) })
	for _, a := range e.catalog.Load().apps {
		for _, coll := range a.collections {
			e.resumeBuilds(a.name, coll)
		}
	}
	return e, nil
}

func (e *Engine) pebbleOptions(fs vfs.FS) *pebble.Options {
	o := &pebble.Options{
		FS:                          fs,
		CacheSize:                   e.options.CacheBytes,
		MemTableSize:                uint64(e.options.MemtableBytes),
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		MaxOpenFiles:                1000,
		FormatMajorVersion:          pebble.FormatNewest,
		Merger:                      countersMerger,
		Logger:                      pebbleLogger{e.options.Logger},
	}
	// Measured: docs/design/0010.
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	if e.options.tune != nil {
		e.options.tune(o)
	}
	return o
}

// load reads what the engine keeps in memory and removes what a crash left unfinished.
func (e *Engine) load() error {
	if err := e.checkFormat(); err != nil {
		return err
	}
	nextID, err := e.meta(metaNextID)
	if err != nil {
		return err
	}
	e.nextID = uint32(max(nextID, 1))
	if e.sequence, err = e.meta(metaSequence); err != nil {
		return err
	}
	e.reserved = e.sequence
	if err := errors.Join(e.removeUnfinished(), e.removeHidden()); err != nil {
		return err
	}
	c, err := loadCatalog(e.db)
	if err != nil {
		return err
	}
	for coll := range c.all() {
		if err := errors.Join(e.loadBuilds(coll), e.countIndexes(coll)); err != nil {
			return err
		}
	}
	e.catalog.Store(c)
	return nil
}

func (e *Engine) checkFormat() error {
	found, err := e.meta(metaFormat)
	switch {
	case err != nil:
		return err
	case found == 0:
		return e.db.Set(metaFormat, encodeMeta(format), pebble.Sync)
	case found != format:
		return errors.New("the store was written by another version of the program")
	}
	return nil
}

// meta returns a store-wide number, 0 if it was never set.
func (e *Engine) meta(key []byte) (uint64, error) {
	v, closer, err := e.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer closer.Close()
	if len(v) != 8 {
		return 0, errors.New("a store-wide record is damaged")
	}
	return binary.BigEndian.Uint64(v), nil
}

func encodeMeta(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// enter begins an operation; the caller must leave the gate.
func (e *Engine) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := e.failed(); err != nil {
		return err
	}
	return e.gate.enter()
}

// track registers what Close has to end.
func (e *Engine) track(c closer) {
	e.openMu.Lock()
	defer e.openMu.Unlock()
	e.open[c] = struct{}{}
}

func (e *Engine) untrack(c closer) {
	e.openMu.Lock()
	defer e.openMu.Unlock()
	delete(e.open, c)
}

// Close waits for running operations, ends cursors, feeds and transactions and closes the store.
func (e *Engine) Close() error {
	e.stop()
	first := e.gate.close()
	e.background.Wait()
	if !first {
		return nil
	}
	e.openMu.Lock()
	open := e.open
	e.open = map[closer]struct{}{}
	e.openMu.Unlock()
	for c := range open {
		c.shutdown()
	}
	if e.poisoned.Load() {
		return e.failed()
	}
	if e.failed() == nil && e.disk.check() == nil && e.db.Metrics().WAL.Size > flushAtClose {
		if err := e.db.Flush(); err != nil { // only the next start takes longer
			e.options.Logger.Warn("flushing failed", "error", err)
		}
	}
	return storageError(errors.Join(e.failed(), e.db.Close()))
}

// flushAtClose is from which size on the write-ahead log is emptied at the end, so that the next start need not read it.
const flushAtClose = 4 << 20
