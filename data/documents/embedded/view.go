package embedded

import (
	"errors"
	"io"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// view is a state of the store that reads go to.
type view interface {
	// Get returns pebble.ErrNotFound for a missing key. The value is valid until the closer is closed.
	Get(key []byte) ([]byte, io.Closer, error)
	// iterate returns an iterator over the keys from lower to before upper.
	iterate(lower, upper []byte) (iterator, error)
}

// iterator is what *pebble.Iterator and the iterator of a transaction have in common.
type iterator interface {
	First() bool
	Last() bool
	Next() bool
	Prev() bool
	SeekGE(key []byte) bool
	SeekLT(key []byte) bool
	Valid() bool
	Key() []byte
	ValueAndErr() ([]byte, error)
	Error() error
	Close() error
}

var _ iterator = (*pebble.Iterator)(nil)

// liveView is the store as it is at each read: only for one look-up.
type liveView struct{ *pebble.DB }

var _ view = liveView{}

func (v liveView) iterate(lower, upper []byte) (iterator, error) {
	return v.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
}

// snapshot is a view that does not change. It is shared by counting references.
type snapshot struct {
	*pebble.Snapshot
	references atomic.Int32
}

func (e *Engine) newSnapshot() *snapshot {
	s := &snapshot{Snapshot: e.db.NewSnapshot()}
	s.references.Store(1)
	return s
}

func (s *snapshot) release() error {
	if s.references.Add(-1) > 0 {
		return nil
	}
	return s.Snapshot.Close()
}

func (s *snapshot) iterate(lower, upper []byte) (iterator, error) {
	return s.Snapshot.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
}

// getRecord returns the document under an encoded _id with memory of its own; ok is false if there is none.
func getRecord(get getter, c *collection, id []byte) (r record, ok bool, err error) {
	v, closer, err := get(append(key(prefixDocument, c.app, c.id), id...))
	if errors.Is(err, pebble.ErrNotFound) {
		return record{}, false, nil
	}
	if err != nil {
		return record{}, false, err
	}
	defer closer.Close()
	if r, err = decodeRecord(v); err != nil {
		return record{}, false, err
	}
	return r.clone(), true, nil
}

// hasDocument reports whether there is a document under an encoded _id.
func hasDocument(get getter, c *collection, id []byte) (bool, error) {
	_, closer, err := get(append(key(prefixDocument, c.app, c.id), id...))
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, closer.Close()
}

// checkFree returns duplicate_key if the unique key belongs to another document.
func checkFree(get getter, c *collection, ix *index, e indexEntry, id []byte) error {
	v, closer, err := get(e.key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer closer.Close()
	_, owner, err := ix.splitEntry(e.key, v, 0)
	if err == nil && string(owner) != string(id) {
		return duplicateKey(c, ix)
	}
	return err
}
