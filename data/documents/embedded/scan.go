package embedded

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// rowSource yields the documents that a plan reaches. A row without a document is to be fetched by its id. What it
// returns is valid until the next call.
type rowSource interface {
	next(ctx context.Context) (id []byte, doc bson.Raw, ok bool, err error)
	// examined returns how many index entries were read.
	examined() int64
	close() error
}

// pointSource yields given ids.
type pointSource struct {
	ids  [][]byte
	keys int64 // index entries that led to them
}

func (s *pointSource) next(context.Context) ([]byte, bson.Raw, bool, error) {
	if len(s.ids) == 0 {
		return nil, nil, false, nil
	}
	id := s.ids[0]
	s.ids = s.ids[1:]
	return id, nil, true, nil
}

func (s *pointSource) examined() int64 { return s.keys }
func (s *pointSource) close() error    { return nil }

// keyWalk visits the keys of a plan's ranges in one direction, with one iterator over all of them.
type keyWalk struct {
	view    view
	ranges  []keyRange // the current one and those not yet begun
	reverse bool
	it      iterator
	begun   bool // the iterator stands in the current range
	placed  bool // it stands on the next key already
	visited int64
}

func newKeyWalk(v view, ranges []keyRange, reverse bool) *keyWalk {
	return &keyWalk{view: v, ranges: ranges, reverse: reverse}
}

// next moves to the next key; false at the end.
func (w *keyWalk) next() (bool, error) {
	for len(w.ranges) > 0 {
		if w.it == nil {
			it, err := w.view.iterate(w.ranges[0].low, w.ranges[len(w.ranges)-1].high)
			if err != nil {
				return false, err
			}
			w.it = it
		}
		if w.advance() {
			w.visited++
			return true, nil
		}
		if err := w.it.Error(); err != nil {
			return false, err
		}
		w.begun = false
		if w.reverse {
			w.ranges = w.ranges[:len(w.ranges)-1]
		} else {
			w.ranges = w.ranges[1:]
		}
	}
	return false, w.close()
}

// advance moves inside the current range.
func (w *keyWalk) advance() bool {
	ok := true
	switch {
	case w.placed:
		w.placed = false
	case !w.begun && w.reverse:
		ok = w.it.SeekLT(w.ranges[len(w.ranges)-1].high)
	case !w.begun:
		ok = w.it.SeekGE(w.ranges[0].low)
	case !w.it.Valid():
		return false
	case w.reverse:
		ok = w.it.Prev()
	default:
		ok = w.it.Next()
	}
	w.begun = true
	if !ok {
		return false
	}
	if w.reverse {
		return bytes.Compare(w.it.Key(), w.ranges[len(w.ranges)-1].low) >= 0
	}
	return len(w.ranges) == 1 || bytes.Compare(w.it.Key(), w.ranges[0].high) < 0
}

// pass moves behind all keys that begin with prefix, so that next yields the one after them.
func (w *keyWalk) pass(prefix []byte) error {
	if w.reverse {
		w.placed = w.it.SeekLT(prefix)
	} else {
		w.placed = w.it.SeekGE(keyEnd(prefix))
	}
	if !w.placed {
		return w.it.Error() // nothing is left in any range: the next look finds the iterator at its end
	}
	return nil
}

func (w *keyWalk) close() error {
	if w.it == nil {
		return nil
	}
	it := w.it
	w.it, w.ranges = nil, nil
	return it.Close()
}

// documentSource yields documents in the order of _id.
type documentSource struct {
	walk *keyWalk
	keys int64 // index entries that were read in vain before
}

func (s *documentSource) next(context.Context) ([]byte, bson.Raw, bool, error) {
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

func (s *documentSource) examined() int64 { return s.keys }
func (s *documentSource) close() error    { return s.walk.close() }

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
