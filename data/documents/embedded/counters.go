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
	v, closer, err := get(key(prefixCounters, c.app, c.id))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	defer closer.Close()
	return decodeCounters(v)
}
