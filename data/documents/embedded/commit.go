package embedded

import (
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"yunduo/data/documents/driver"
)

// sequenceBlock is how many commit sequences are reserved on disk at a time.
const sequenceBlock = 10_000

// commit is what becomes visible and durable at once.
type commit struct {
	log       *changeLog // of the app; nil if nothing is logged
	mutations []mutation
	changes   []driver.Change // logged after those of the mutations
	owner     *transaction    // whose commit it is; nil for what is none's
	check     func() error    // run in the commit section before anything else
	extra     *pebble.Batch   // further keys
	// finish, if not nil, adds keys that depend on where and when changes are logged. It runs in the commit section.
	finish func(w *batchWriter, changes []driver.Change)
	// applied, if not nil, publishes what belongs to the commit. It runs in the commit section, before anybody can be
	// told of the changes: who reads because of them finds it.
	applied   func()
	essential bool // accepted even when the disk is full: it frees space
}

// pending is a commit that is visible but not yet on disk.
type pending struct {
	e      *Engine
	batch  *pebble.Batch
	log    *changeLog
	offset uint64 // of its last change-log entry
}

// apply makes a commit visible. The caller releases its locks and then waits for the result.
func (e *Engine) apply(c commit) (p *pending, err error) {
	if !c.essential {
		if err := e.disk.check(); err != nil {
			return nil, err
		}
	}
	e.commitSection.Lock()
	defer e.commitSection.Unlock()
	if err := e.failed(); err != nil {
		return nil, err
	}
	if c.check != nil {
		if err := c.check(); err != nil {
			return nil, err
		}
	}
	withholdBuilding(c.mutations)
	if holder := e.transactions.holder(&c); holder != nil {
		return nil, &busyError{holder}
	}
	if err := checkUnique(e.db.Get, c.mutations); err != nil {
		return nil, storageError(err)
	}
	p = &pending{e: e, batch: e.db.NewBatchWithSize(c.size()), log: c.log}
	changes, err := e.fillBatch(p.batch, c)
	if err != nil {
		return nil, storageError(err)
	}
	if err := e.applyBatch(p.batch); err != nil {
		return nil, err
	}
	e.transactions.note(c.mutations, e.sequence)
	for i := range c.mutations {
		m := &c.mutations[i]
		documents, bytes := m.counts()
		m.collection.documents.Add(documents)
		m.collection.bytes.Add(bytes)
		for _, change := range m.indexes {
			if change.index.multikey.Load() {
				change.index.multikeyStored = true
			}
			entries, size := change.counts()
			change.index.entryCount.Add(entries)
			change.index.entryBytes.Add(size)
		}
	}
	if len(changes) > 0 {
		p.offset = changes[len(changes)-1].Position.Offset
		c.log.next = p.offset + 1
		c.log.remember(changes)
	}
	if c.applied != nil {
		c.applied()
	}
	return p, nil
}

// applyBatch hands a batch to Pebble without waiting for the disk. Pebble panics when its log cannot be written.
func (e *Engine) applyBatch(b *pebble.Batch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			e.poisoned.Store(true)
			cause, ok := r.(error)
			if !ok {
				cause = fmt.Errorf("%v", r)
			}
			err = e.fail(cause)
		}
	}()
	if err := e.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		return e.fail(err)
	}
	return nil
}

// wait returns when the commit is on disk. It must be called once for every applied commit.
func (p *pending) wait() error {
	if err := p.batch.SyncWait(); err != nil {
		return p.e.fail(err)
	}
	if p.offset > 0 {
		p.log.advance(p.offset)
	}
	return storageError(p.batch.Close())
}

// commit applies c and waits until it is on disk.
func (e *Engine) commit(c commit) error {
	p, err := e.apply(c)
	if err != nil {
		return err
	}
	return p.wait()
}

func (m *mutation) counts() (documents, bytes int64) {
	if m.before != nil {
		documents, bytes = documents-1, bytes-int64(len(m.before))
	}
	if m.after != nil {
		documents, bytes = documents+1, bytes+int64(len(m.after))
	}
	return documents, bytes
}

// size estimates the batch, so that it need not grow while others wait.
func (c *commit) size() int {
	n := 256
	for i := range c.mutations {
		m := &c.mutations[i]
		n += 192 + 2*len(m.after) + len(m.before) + len(m.indexes)*128
	}
	return n
}

// fillBatch writes the commit's keys and returns its change-log entries. Called in the commit section.
func (e *Engine) fillBatch(b *pebble.Batch, c commit) (changes []driver.Change, err error) {
	w := batchWriter{b: b}
	e.sequence++
	if e.sequence > e.reserved {
		e.reserved = e.sequence + sequenceBlock
		w.set(metaSequence, encodeMeta(e.reserved))
	}
	sums := map[*collectionState]*collectionSum{}
	var buffer []byte
	for i := range c.mutations {
		m := &c.mutations[i]
		if m.after == nil {
			w.delete(m.documentKey())
		} else {
			buffer = appendRecord(buffer[:0], record{sequence: e.sequence, silent: m.silent, document: m.after})
			w.set(m.documentKey(), buffer)
		}
		w.removeEntries(m)
		if sums[m.collection.collectionState] == nil {
			sums[m.collection.collectionState] = &collectionSum{collection: m.collection}
		}
		sums[m.collection.collectionState].add(m.counts())
		if !m.silent && !m.unlogged {
			changes = append(changes, m.change())
		}
	}
	for i := range c.mutations { // after all removals: one document may take the unique key that another gives up
		w.addEntries(&c.mutations[i])
	}
	w.countEntries(c.mutations)
	for _, s := range sums {
		w.merge(key(prefixCounters, s.collection.app, s.collection.id), encodeCounters(s.documents, s.bytes))
	}
	changes = append(changes, c.changes...)
	now := e.options.Now().UTC().Truncate(time.Millisecond) // as it is read back
	var logged int64
	for i := range changes {
		changes[i].Position = driver.Position{Epoch: c.log.epoch, Offset: c.log.next + uint64(i)}
		changes[i].Time, changes[i].More = now, i < len(changes)-1
		buffer = appendEntry(buffer[:0], changes[i])
		w.set(logKey(c.log.app, changes[i].Position.Offset), buffer)
		logged += int64(len(buffer))
	}
	if logged > 0 {
		w.merge(key(prefixCounters, c.log.app, 0), encodeCounters(int64(len(changes)), logged))
	}
	if c.finish != nil {
		c.finish(&w, changes)
	}
	if c.extra != nil {
		w.err = firstError(w.err, b.Apply(c.extra, nil))
	}
	return changes, w.err
}

type collectionSum struct {
	collection       *collection
	documents, bytes int64
}

func (s *collectionSum) add(documents, bytes int64) {
	s.documents += documents
	s.bytes += bytes
}

// batchWriter keeps the first error of a run of writes.
type batchWriter struct {
	b   *pebble.Batch
	err error
}

func (w *batchWriter) set(k, v []byte) {
	if w.err == nil {
		w.err = w.b.Set(k, v, nil)
	}
}

func (w *batchWriter) delete(k []byte) {
	if w.err == nil {
		w.err = w.b.Delete(k, nil)
	}
}

func (w *batchWriter) deleteRange(prefix []byte) {
	if w.err == nil {
		w.err = w.b.DeleteRange(prefix, keyEnd(prefix), nil)
	}
}

func (w *batchWriter) merge(k, v []byte) {
	if w.err == nil {
		w.err = w.b.Merge(k, v, nil)
	}
}

func (w *batchWriter) removeEntries(m *mutation) {
	for _, change := range m.indexes {
		for _, entry := range change.removed {
			w.delete(entry.key)
		}
	}
}

func (w *batchWriter) addEntries(m *mutation) {
	for _, change := range m.indexes {
		for _, entry := range change.added {
			w.set(entry.key, entry.value)
		}
		if change.index.multikey.Load() && !change.index.multikeyStored {
			w.set(catalogKey(kindMultikey, change.index.id), nil)
		}
	}
}
