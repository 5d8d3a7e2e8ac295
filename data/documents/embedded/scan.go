package embedded

import (
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
	placed  bool // it stands on the next key already
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
	case w.placed:
		w.placed = false
		return true
	case !w.it.Valid():
		return false
	case w.reverse:
		return w.it.Prev()
	}
	return w.it.Next()
}

// pass moves behind all keys that begin with prefix, so that next yields the one after them.
func (w *keyWalk) pass(prefix []byte) error {
	if w.reverse {
		w.placed = w.it.SeekLT(prefix)
	} else {
		w.placed = w.it.SeekGE(keyEnd(prefix))
	}
	if !w.placed {
		return errors.Join(w.it.Error(), w.close())
	}
	return nil
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

// collectIDs reads the ids that a plan's index ranges or points lead to; they may repeat. ok is false if they are more
// than limit or take more than memory bytes.
func collectIDs(v view, p plan, limit, memory int64) (ids [][]byte, examined int64, ok bool, err error) {
	if p.points != nil {
		return p.points, 0, int64(len(p.points)) <= limit, nil
	}
	s := &entrySource{index: p.index, walk: newKeyWalk(v, p.ranges, false)}
	defer func() { err = errors.Join(err, s.close()) }()
	var size int64
	for {
		more, err := s.walk.next()
		if err != nil || !more {
			return ids, s.walk.visited, err == nil, err
		}
		_, id, err := s.entry()
		if err != nil {
			return nil, s.walk.visited, false, err
		}
		if size += int64(len(id)) + sliceBytes; size > memory || int64(len(ids)) >= limit {
			return nil, s.walk.visited, false, nil
		}
		ids = append(ids, slices.Clone(id))
	}
}
