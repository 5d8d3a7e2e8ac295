package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/value"
)

// sweepBatch is how many documents expire between two looks at the context.
const sweepBatch = 500

// sweepLoop removes expired documents and old change-log entries until ctx ends.
func (e *Engine) sweepLoop(ctx context.Context) {
	ticker := time.NewTicker(e.options.SweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := e.sweep(ctx); err != nil && ctx.Err() == nil {
			e.options.Logger.Error("sweeping failed", "error", err)
		}
	}
}

// sweep does one run.
func (e *Engine) sweep(ctx context.Context) error {
	keep := map[yunduo.AppID]driver.Retention{}
	for name := range e.catalog.Load().apps { // before entering: who is asked may read from the engine
		keep[name] = e.retention(name)
	}
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	defer e.sweeps.send()
	errs := []error{storageError(e.disk.recheck())}
	for _, a := range e.catalog.Load().apps {
		if _, known := keep[a.name]; !known {
			continue // it came a moment ago
		}
		errs = append(errs, e.truncate(a.log, keep[a.name]), e.emptyTrash(a))
		for _, coll := range a.collections {
			for _, ix := range coll.indexes {
				if ix.ExpireAfter > 0 && ix.ready() {
					ns := driver.Namespace{App: a.name, Collection: coll.name}
					errs = append(errs, e.expire(ctx, ns, coll, ix))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// expire removes the documents whose date in the index's first field is too old.
func (e *Engine) expire(ctx context.Context, ns driver.Namespace, coll *collection, ix *index) error {
	w := &autocommit{e: e}
	limit := e.options.Now().Add(-ix.ExpireAfter).UnixMilli()
	for {
		ids, err := e.expired(coll, ix, limit)
		if err != nil || len(ids) == 0 {
			return storageError(err)
		}
		removed := 0
		for _, id := range ids {
			err := w.mutateRecord(ctx, ns, id, func(r record) (bson.Raw, driver.WriteOptions, bool, error) {
				expired := r.document != nil && isExpired(ix.paths[0], r.document, limit)
				if expired {
					removed++
				}
				// What came without change-log entries goes without.
				return nil, driver.WriteOptions{Actor: "system", Silent: r.silent}, expired, nil
			})
			if yunduo.ReasonOf(err) == yunduo.ReasonTransactionConflict {
				continue // next time
			}
			if err != nil {
				return errors.Join(err, w.wait())
			}
		}
		if err := w.wait(); err != nil || removed == 0 {
			return err
		}
	}
}

// expired returns the encoded _ids of some documents with a date up to limit in the index's first field.
func (e *Engine) expired(coll *collection, ix *index, limit int64) (ids [][]byte, err error) {
	r, release := e.newReader()
	defer func() { err = errors.Join(err, release()) }()
	low, high, err := dateRange(limit, ix.Fields[0].Descending)
	if err != nil {
		return nil, err
	}
	s := &entrySource{index: ix, walk: newKeyWalk(r.view, ix.absolute(coll, []keyRange{{low, high}}), false)}
	defer func() { err = errors.Join(err, s.close()) }()
	for len(ids) < sweepBatch {
		ok, err := s.walk.next()
		if err != nil || !ok {
			return ids, err
		}
		_, id, err := s.entry()
		if err != nil {
			return nil, err
		}
		ids = append(ids, append([]byte(nil), id...))
	}
	return ids, nil
}

// dateRange returns the encodings of all dates up to limit.
func dateRange(limit int64, descending bool) (low, high []byte, err error) {
	return encodeInterval(query.Interval{Low: value.DateTimeMillis(-1 << 63), High: value.DateTimeMillis(limit)}, descending)
}

func isExpired(p value.Path, doc bson.Raw, limit int64) bool {
	return p.Any(doc, true, func(v bson.RawValue) bool { return v.Type == bson.TypeDateTime && v.DateTime() <= limit })
}

// truncate removes the entries of a change log that are too old or too many.
func (e *Engine) truncate(l *changeLog, keep driver.Retention) error {
	first, entries, size, last, err := e.excess(l, keep)
	if err != nil || entries == 0 {
		return storageError(err)
	}
	// Before they go: who reads them finds out.
	l.mu.Lock()
	l.first = first
	l.mu.Unlock()
	b := e.db.NewBatch()
	defer b.Close()
	w := batchWriter{b: b}
	if w.err = b.DeleteRange(key(prefixLog, l.app), logKey(l.app, first), nil); w.err == nil {
		w.set(firstOffsetKey(l.app), binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, first), uint64(last)))
		w.merge(key(prefixCounters, l.app, 0), encodeCounters(-entries, -size))
	}
	if w.err != nil {
		return storageError(w.err)
	}
	return e.commit(commit{extra: b, essential: true})
}

// Retain makes the engine ask how much of an app's change log to keep.
func (e *Engine) Retain(of func(yunduo.AppID) driver.Retention) { e.retained.Store(&of) }

// retention returns how much of an app's change log to keep.
func (e *Engine) retention(name yunduo.AppID) driver.Retention {
	var keep driver.Retention
	if of := e.retained.Load(); of != nil {
		keep = (*of)(name)
	}
	if keep.Age == 0 {
		keep.Age = e.options.LogAge
	}
	if keep.Bytes == 0 {
		keep.Bytes = e.options.LogBytes
	}
	return keep
}

// excess returns the first entry of a change log to keep, how many entries of how many bytes are before it, and the time
// of the last of those.
func (e *Engine) excess(l *changeLog, keep driver.Retention) (first uint64, entries, size, last int64, err error) {
	_, total, err := readCounters(e.db.Get, &collection{app: l.app})
	if err != nil {
		return 0, 0, 0, 0, err
	}
	oldest := e.options.Now().Add(-keep.Age).UnixMilli()
	prefix := key(prefixLog, l.app)
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: keyEnd(prefix)})
	if err != nil {
		return 0, 0, 0, 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	l.mu.Lock()
	durable := l.durable
	l.mu.Unlock()
	more := false // the entry belongs to the commit of the one before, which goes
	for it.First(); it.Valid(); it.Next() {
		offset := decodeOffset(it.Key())
		v, err := it.ValueAndErr()
		if err != nil {
			return 0, 0, 0, 0, err
		}
		at, _ := bson.Raw(v).Lookup("t").Int64OK()
		if offset > durable || (!more && at >= oldest && total-size <= keep.Bytes) {
			break
		}
		more, _ = bson.Raw(v).Lookup("m").BooleanOK()
		first, entries, size, last = offset+1, entries+1, size+int64(len(v)), at
	}
	return first, entries, size, last, it.Error()
}
