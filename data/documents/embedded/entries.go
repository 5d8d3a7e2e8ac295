package embedded

import (
	"bytes"
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// sliceBytes is what a slice counts beside its content.
const sliceBytes = 24

// maxBuffered is how many ids of one key are kept to bring them into order, where there is another way.
const maxBuffered = 4096

// entrySource yields the ids of an index in the order of its keys, those of equal keys by _id.
type entrySource struct {
	index      *index
	walk       *keyWalk
	group      int   // how many components make a key
	fixed      int   // leading components that are the same in all keys
	fixedEnd   int   // where they end in a key, once there was one
	memory     int64 // for the ids of one key
	buffered   bool  // ids of one key do not come by themselves in the wanted order
	descending bool  // of ids

	needs *needs // what of documents is to be made of the entries; nil is nothing

	items   []sortItem // of the current key, not yet yielded, without keys
	current []byte     // the current key
	within  *keyWalk   // over the current key in the other direction: it has too many ids for ids
	ahead   bool       // walk stands on the first entry of the next key
	ended   bool
}

func newEntrySource(v view, p plan, memory int64) *entrySource {
	s := &entrySource{index: p.index, walk: newKeyWalk(v, p.ranges, p.reverse), group: p.group, descending: p.descendingTies, memory: memory, needs: p.covered}
	s.buffered = !s.whole() || (p.reverse != p.descendingTies && !p.index.Unique)
	return s
}

// whole reports whether entries with an equal key are stored in the order of ids.
func (s *entrySource) whole() bool { return s.group == len(s.index.Fields) }

func (s *entrySource) next(ctx context.Context) ([]byte, bson.Raw, bool, error) {
	if !s.buffered {
		if ok, err := s.walk.next(); !ok || err != nil {
			return nil, nil, false, err
		}
		group, item, err := s.item(s.walk)
		s.current = append(s.current[:0], group...)
		return item.id, item.document, err == nil, err
	}
	if s.within != nil {
		item, err := s.nextWithin()
		if item.id != nil || err != nil {
			return item.id, item.document, err == nil, err
		}
	}
	if len(s.items) == 0 {
		if err := s.fill(); err != nil {
			return nil, nil, false, err
		}
		if s.within != nil {
			return s.next(ctx)
		}
		if len(s.items) == 0 {
			return nil, nil, false, nil
		}
	}
	item := s.items[0]
	s.items = s.items[1:]
	return item.id, item.document, true, nil
}

// item returns the entry that a walk stands on, and what is needed of its document if that can be made of it. The id is
// valid until the walk moves on.
func (s *entrySource) item(w *keyWalk) (group []byte, item sortItem, err error) {
	if group, item.id, err = s.entryOf(w); err == nil && s.needs != nil {
		item.document, err = s.document(w)
	}
	return group, item, err
}

func (s *entrySource) entry() (group, id []byte, err error) { return s.entryOf(s.walk) }

func (s *entrySource) entryOf(w *keyWalk) (group, id []byte, err error) {
	v, err := w.it.ValueAndErr()
	if err != nil {
		return nil, nil, err
	}
	if s.fixed > 0 && s.fixedEnd == 0 {
		same, _, err := s.index.splitEntry(w.it.Key(), v, s.fixed)
		if err != nil {
			return nil, nil, err
		}
		s.fixedEnd = len(same)
	}
	return s.index.splitEntry(w.it.Key(), v, s.group)
}

// fill reads the ids of the next key, or makes within walk over them.
func (s *entrySource) fill() error {
	var size int64
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
		group, item, err := s.item(s.walk)
		if err != nil {
			return err
		}
		if s.ahead = len(s.items) > 0 && !bytes.Equal(group, s.current); s.ahead {
			break
		}
		s.current = append(s.current[:0], group...)
		item.id = slices.Clone(item.id)
		s.items = append(s.items, item)
		size += item.bytes()
		if len(s.items) > maxBuffered && s.whole() {
			s.items = nil
			key := slices.Clone(s.current)
			s.within = newKeyWalk(s.walk.view, []keyRange{{key, keyEnd(key)}}, !s.walk.reverse)
			return s.walk.pass(key)
		}
		if size > s.memory {
			return yunduo.Errorf(yunduo.ReasonQueryTooExpensive, "too many documents have the same value in index %q to sort them: sort by more of its fields", s.index.Name)
		}
	}
	slices.SortFunc(s.items, compareItems)
	if s.descending {
		slices.Reverse(s.items)
	}
	return nil
}

// nextWithin returns the next row of the current key; one without an id behind the last.
func (s *entrySource) nextWithin() (item sortItem, err error) {
	ok, err := s.within.next()
	if err != nil {
		return item, err
	}
	if !ok {
		err := s.within.close()
		s.within = nil
		return item, err
	}
	_, item, err = s.item(s.within)
	return item, err
}

func (s *entrySource) examined() int64 { return s.walk.visited }

func (s *entrySource) close() error {
	if s.within != nil {
		if err := s.within.close(); err != nil {
			return err
		}
	}
	return s.walk.close()
}
