package embedded

import (
	"bytes"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/tidwall/btree"
)

// overlay is the view of a transaction: a snapshot with the transaction's own writes on top.
type overlay struct {
	base   *snapshot
	writes *btree.BTreeG[write]
}

// write is a key that a transaction has set or removed.
type write struct {
	key, value []byte
	removed    bool
}

var _ view = (*overlay)(nil)

func newOverlay(base *snapshot) *overlay {
	less := func(a, b write) bool { return bytes.Compare(a.key, b.key) < 0 }
	return &overlay{base: base, writes: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
}

// freeze returns the view as it is now.
func (o *overlay) freeze() *overlay { return &overlay{base: o.base, writes: o.writes.Copy()} }

func (o *overlay) set(k, v []byte) { o.writes.Set(write{key: k, value: v}) }

func (o *overlay) remove(k []byte) { o.writes.Set(write{key: k, removed: true}) }

// Get returns the transaction's own value, else the snapshot's.
func (o *overlay) Get(k []byte) ([]byte, io.Closer, error) {
	if w, ok := o.writes.Get(write{key: k}); ok {
		if w.removed {
			return nil, nil, pebble.ErrNotFound
		}
		return w.value, noCloser{}, nil
	}
	return o.base.Get(k)
}

type noCloser struct{}

func (noCloser) Close() error { return nil }

// iterate merges both.
func (o *overlay) iterate(lower, upper []byte) (iterator, error) {
	base, err := o.base.iterate(lower, upper)
	if err != nil || o.writes.Len() == 0 {
		return base, err
	}
	own := o.writes.Iter()
	return &mergedIterator{base: base, own: ownIterator{it: own, lower: lower, upper: upper}}, nil
}

// mergedIterator yields the keys of a snapshot and of a transaction's own writes in order. In each direction both
// sides stand on their next key not yet passed.
type mergedIterator struct {
	base    iterator
	own     ownIterator
	reverse bool
	onOwn   bool // the current key is the transaction's
	valid   bool
}

var _ iterator = (*mergedIterator)(nil)

func (m *mergedIterator) First() bool {
	m.base.First()
	m.own.first()
	return m.forward()
}

func (m *mergedIterator) Last() bool {
	m.base.Last()
	m.own.last()
	return m.backward()
}

func (m *mergedIterator) SeekGE(k []byte) bool {
	m.base.SeekGE(k)
	m.own.seekGE(k)
	return m.forward()
}

func (m *mergedIterator) SeekLT(k []byte) bool {
	m.base.SeekLT(k)
	m.own.seekLT(k)
	return m.backward()
}

func (m *mergedIterator) Next() bool {
	if !m.valid {
		return false
	}
	if m.reverse {
		return m.SeekGE(append(slices.Clone(m.Key()), 0))
	}
	m.pass()
	return m.forward()
}

func (m *mergedIterator) Prev() bool {
	if !m.valid {
		return false
	}
	if !m.reverse {
		return m.SeekLT(slices.Clone(m.Key()))
	}
	m.pass()
	return m.backward()
}

// pass moves the sides that stand on the current key.
func (m *mergedIterator) pass() {
	same := m.base.Valid() && m.own.valid && bytes.Equal(m.base.Key(), m.own.current.key)
	if m.onOwn || same {
		m.own.move(m.reverse)
	}
	if !m.onOwn || same {
		if m.reverse {
			m.base.Prev()
		} else {
			m.base.Next()
		}
	}
}

func (m *mergedIterator) forward() bool  { return m.settle(false) }
func (m *mergedIterator) backward() bool { return m.settle(true) }

// settle chooses the next key in the direction and skips removed ones.
func (m *mergedIterator) settle(reverse bool) bool {
	m.reverse = reverse
	for {
		switch {
		case !m.own.valid:
			m.onOwn, m.valid = false, m.base.Valid()
			return m.valid
		case !m.base.Valid():
			m.onOwn = true
		default:
			c := bytes.Compare(m.own.current.key, m.base.Key())
			m.onOwn = c == 0 || (c < 0) != reverse
		}
		m.valid = true
		if !m.onOwn || !m.own.current.removed {
			return true
		}
		m.pass()
	}
}

func (m *mergedIterator) Valid() bool { return m.valid }

func (m *mergedIterator) Key() []byte {
	if m.onOwn {
		return m.own.current.key
	}
	return m.base.Key()
}

func (m *mergedIterator) ValueAndErr() ([]byte, error) {
	if m.onOwn {
		return m.own.current.value, nil
	}
	return m.base.ValueAndErr()
}

func (m *mergedIterator) Error() error { return m.base.Error() }

func (m *mergedIterator) Close() error {
	m.own.it.Release()
	return m.base.Close()
}

// ownIterator walks a transaction's writes between bounds.
type ownIterator struct {
	it           btree.IterG[write]
	lower, upper []byte
	current      write
	valid        bool
}

// take notes the entry that the tree's iterator stands on.
func (o *ownIterator) take(ok bool) {
	o.valid = ok
	if ok {
		o.current = o.it.Item()
		o.valid = bytes.Compare(o.current.key, o.lower) >= 0 && bytes.Compare(o.current.key, o.upper) < 0
	}
}

func (o *ownIterator) first() { o.seekGE(o.lower) }
func (o *ownIterator) last()  { o.seekLT(o.upper) }

func (o *ownIterator) seekGE(k []byte) {
	if bytes.Compare(k, o.lower) < 0 {
		k = o.lower
	}
	o.take(o.it.Seek(write{key: k}))
}

func (o *ownIterator) seekLT(k []byte) {
	if bytes.Compare(k, o.upper) > 0 {
		k = o.upper
	}
	if o.it.Seek(write{key: k}) {
		o.take(o.it.Prev())
	} else {
		o.take(o.it.Last())
	}
}

func (o *ownIterator) move(reverse bool) {
	if reverse {
		o.take(o.it.Prev())
	} else {
		o.take(o.it.Next())
	}
}
