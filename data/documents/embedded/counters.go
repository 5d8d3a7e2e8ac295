package embedded

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// countersMerger adds up the counters of a collection: two signed 64-bit numbers, documents and bytes. Its name is
// recorded in every store.
var countersMerger = &pebble.Merger{
	Name: "yunduo.counters.1",
	Merge: func(_, v []byte) (pebble.ValueMerger, error) {
		m := &counters{}
		return m, m.MergeNewer(v)
	},
}

type counters struct{ documents, bytes int64 }

var errCorruptCounters = errors.New("stored counters are damaged")

func encodeCounters(documents, bytes int64) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(documents))
	return binary.BigEndian.AppendUint64(b, uint64(bytes))
}

func decodeCounters(v []byte) (documents, bytes int64, err error) {
	if len(v) != 16 {
		return 0, 0, errCorruptCounters
	}
	return int64(binary.BigEndian.Uint64(v)), int64(binary.BigEndian.Uint64(v[8:])), nil
}

// MergeNewer adds an operand; addition does not care about the order.
func (c *counters) MergeNewer(v []byte) error {
	documents, bytes, err := decodeCounters(v)
	c.documents += documents
	c.bytes += bytes
	return err
}

// MergeOlder adds an operand.
func (c *counters) MergeOlder(v []byte) error { return c.MergeNewer(v) }

// Finish returns the sum.
func (c *counters) Finish(bool) ([]byte, io.Closer, error) {
	return encodeCounters(c.documents, c.bytes), nil, nil
}

type getter func(key []byte) ([]byte, io.Closer, error)

// readCounters returns a collection's counters as get sees them; zero if nothing was ever stored.
func readCounters(get getter, c *collection) (documents, bytes int64, err error) {
	documents, bytes, _, err = readCounter(get, key(prefixCounters, c.app, c.id))
	return documents, bytes, err
}

func readCounter(get getter, k []byte) (number, bytes int64, exists bool, err error) {
	v, closer, err := get(k)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, 0, false, nil
	}
	if err != nil {
		return 0, 0, false, err
	}
	defer closer.Close()
	number, bytes, err = decodeCounters(v)
	return number, bytes, true, err
}

// counts returns by how much a change grows its index.
func (c *indexChange) counts() (entries, size int64) {
	for _, e := range c.removed {
		size -= e.size()
	}
	for _, e := range c.added {
		size += e.size()
	}
	return int64(len(c.added) - len(c.removed)), size
}

// countEntries adds up what a commit does to the size of indexes.
func (w *batchWriter) countEntries(mutations []mutation) {
	type sum struct {
		key           []byte
		entries, size int64
	}
	var sums map[uint32]*sum
	for i := range mutations {
		m := &mutations[i]
		for j := range m.indexes {
			change := &m.indexes[j]
			entries, size := change.counts()
			if entries == 0 && size == 0 {
				continue
			}
			if len(mutations) == 1 {
				w.merge(change.index.counterKey(m.collection), encodeCounters(entries, size))
				continue
			}
			if sums == nil {
				sums = map[uint32]*sum{}
			}
			s := sums[change.index.id]
			if s == nil {
				s = &sum{key: change.index.counterKey(m.collection)}
				sums[change.index.id] = s
			}
			s.entries += entries
			s.size += size
		}
	}
	for _, s := range sums {
		w.merge(s.key, encodeCounters(s.entries, s.size))
	}
}

// countIndexes counts the entries of indexes that were made by a version which did not.
func (e *Engine) countIndexes(coll *collection) error {
	for _, ix := range coll.indexes {
		_, _, exists, err := readCounter(e.db.Get, ix.counterKey(coll))
		if err != nil || exists || ix.failed() {
			if err != nil {
				return err
			}
			continue
		}
		var entries, size int64
		err = eachKey(e.db, ix.prefix(coll), func(k, v []byte) error {
			entries, size = entries+1, size+int64(len(k)+len(v))
			return nil
		})
		if err != nil {
			return err
		}
		if err := e.db.Set(ix.counterKey(coll), encodeCounters(entries, size), pebble.Sync); err != nil {
			return err
		}
		ix.entryCount.Store(entries)
		ix.entryBytes.Store(size)
	}
	return nil
}
