package embedded

import (
	"bytes"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// rowSource yields the documents that a plan reaches. A row without a document is to be fetched by its id. What it
// returns is valid until the next call.
type rowSource interface {
	next() (id []byte, doc bson.Raw, ok bool, err error)
	close() error
}

// pointSource yields given ids.
type pointSource struct{ ids [][]byte }

func (s *pointSource) next() ([]byte, bson.Raw, bool, error) {
	if len(s.ids) == 0 {
		return nil, nil, false, nil
	}
	id := s.ids[0]
	s.ids = s.ids[1:]
	return id, nil, true, nil
}

func (s *pointSource) close() error { return nil }

// keyWalk visits the keys of a plan's ranges in one direction.
type keyWalk struct {
	view    view
	ranges  []keyRange // those not yet begun
	reverse bool
	it      iterator
	visited int64
}

func newKeyWalk(v view, ranges []keyRange, reverse bool) *keyWalk {
	return &keyWalk{view: v, ranges: slices.Clone(ranges), reverse: reverse}
}

// next moves to the next key; false at the end.
func (w *keyWalk) next() (bool, error) {
	for {
		if w.it != nil {
			if w.advance() {
				w.visited++
				return true, nil
			}
			if err := errors.Join(w.it.Error(), w.close()); err != nil {
				return false, err
			}
		}
		if len(w.ranges) == 0 {
			return false, nil
		}
		r := w.ranges[0]
		if w.reverse {
			r = w.ranges[len(w.ranges)-1]
			w.ranges = w.ranges[:len(w.ranges)-1]
		} else {
			w.ranges = w.ranges[1:]
		}
		it, err := w.view.iterate(r.low, r.high)
		if err != nil {
			return false, err
		}
		w.it = it
		if w.begin() {
			w.visited++
			return true, nil
		}
	}
}

func (w *keyWalk) begin() bool {
	if w.reverse {
		return w.it.Last()
	}
	return w.it.First()
}

func (w *keyWalk) advance() bool {
	switch {
	case !w.it.Valid():
		return false
	case w.reverse:
		return w.it.Prev()
	}
	return w.it.Next()
}

func (w *keyWalk) close() error {
	if w.it == nil {
		return nil
	}
	it := w.it
	w.it = nil
	return it.Close()
}

// documentSource yields documents in the order of _id.
type documentSource struct{ walk *keyWalk }

func (s *documentSource) next() ([]byte, bson.Raw, bool, error) {
	ok, err := s.walk.next()
	if !ok || err != nil {
		return nil, nil, false, err
	}
	v, err := s.walk.it.ValueAndErr()
	if err != nil {
		return nil, nil, false, err
	}
	r, err := decodeRecord(v)
	return s.walk.it.Key()[documentPrefixBytes:], r.document, err == nil, err
}

func (s *documentSource) close() error { return s.walk.close() }

// entrySource yields the ids of an index in the order of its keys, those of equal keys by _id.
type entrySource struct {
	index      *index
	walk       *keyWalk
	group      int  // how many components make a key
	buffered   bool // ids of one key do not come by themselves in the wanted order
	descending bool // of ids

	ids   [][]byte // of the current key, not yet yielded
	ahead bool     // walk stands on the first entry of the next key
	ended bool
}

func newEntrySource(v view, p plan) *entrySource {
	s := &entrySource{index: p.index, walk: newKeyWalk(v, p.ranges, p.reverse), group: p.group, descending: p.descendingTies}
	whole := p.group == len(p.index.Fields)
	s.buffered = !whole || (p.reverse != p.descendingTies && !p.index.Unique)
	return s
}

func (s *entrySource) next() ([]byte, bson.Raw, bool, error) {
	if !s.buffered {
		if ok, err := s.walk.next(); !ok || err != nil {
			return nil, nil, false, err
		}
		_, id, err := s.entry()
		return id, nil, err == nil, err
	}
	if len(s.ids) == 0 {
		if err := s.fill(); err != nil {
			return nil, nil, false, err
		}
		if len(s.ids) == 0 {
			return nil, nil, false, nil
		}
	}
	id := s.ids[0]
	s.ids = s.ids[1:]
	return id, nil, true, nil
}

func (s *entrySource) entry() (group, id []byte, err error) {
	v, err := s.walk.it.ValueAndErr()
	if err != nil {
		return nil, nil, err
	}
	return s.index.splitEntry(s.walk.it.Key(), v, s.group)
}

// fill reads the ids of the next key.
func (s *entrySource) fill() error {
	var current []byte
	for !s.ended {
		if !s.ahead {
			ok, err := s.walk.next()
			if err != nil {
				return err
			}
			if !ok {
				s.ended = true
				break
			}
		}
		group, id, err := s.entry()
		if err != nil {
			return err
		}
		if s.ahead = len(s.ids) > 0 && !bytes.Equal(group, current); s.ahead {
			break
		}
		current = append(current[:0], group...)
		s.ids = append(s.ids, slices.Clone(id))
	}
	slices.SortFunc(s.ids, bytes.Compare)
	if s.descending {
		slices.Reverse(s.ids)
	}
	return nil
}

func (s *entrySource) close() error { return s.walk.close() }

// collectIDs reads the ids that index ranges lead to, sorted, each once. ok is false if they take more than limit
// bytes.
func collectIDs(v view, p plan, limit int64) (ids [][]byte, examined int64, ok bool, err error) {
	s := &entrySource{index: p.index, walk: newKeyWalk(v, p.ranges, false)}
	defer func() { err = errors.Join(err, s.close()) }()
	var size int64
	for {
		more, err := s.walk.next()
		if err != nil {
			return nil, s.walk.visited, false, err
		}
		if !more {
			break
		}
		_, id, err := s.entry()
		if err != nil {
			return nil, s.walk.visited, false, err
		}
		if size += int64(len(id)) + 24; size > limit {
			return nil, s.walk.visited, false, nil
		}
		ids = append(ids, slices.Clone(id))
	}
	slices.SortFunc(ids, bytes.Compare)
	ids = slices.CompactFunc(ids, bytes.Equal)
	if p.descendingTies {
		slices.Reverse(ids)
	}
	return ids, s.walk.visited, true, nil
}
