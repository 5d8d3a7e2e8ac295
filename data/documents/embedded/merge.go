package embedded

import (
	"bytes"
	"container/heap"
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// maxMerged bounds how many ranges of an index are read side by side.
const maxMerged = 64

// mergeSource reads several ranges of an index at a time, each of which is in the wanted order, and merges them: for
// {a: {$in: [...]}} sorted by b with an index on a and b.
type mergeSource struct {
	streams []*mergeStream // a heap of those that have a row
	all     []*mergeStream
	reverse bool
	begun   bool
}

// mergeStream is one range, standing on its next row.
type mergeStream struct {
	source *entrySource
	key    []byte // without what is the same in the whole range
	id     []byte
	doc    bson.Raw
}

func newMergeSource(v view, p plan, memory int64) *mergeSource {
	s := &mergeSource{}
	for _, r := range p.ranges {
		one := p
		one.ranges = []keyRange{r}
		source := newEntrySource(v, one, memory/int64(len(p.ranges)))
		source.fixed = p.merge
		s.all = append(s.all, &mergeStream{source: source})
	}
	s.reverse = p.reverse
	return s
}

// advance moves to the stream's next row; false at its end.
func (m *mergeStream) advance(ctx context.Context) (bool, error) {
	id, doc, ok, err := m.source.next(ctx)
	if !ok || err != nil {
		return false, err
	}
	m.id, m.doc = append(m.id[:0], id...), doc
	m.key = append(m.key[:0], m.source.current[m.source.fixedEnd:]...)
	return true, nil
}

func (s *mergeSource) next(ctx context.Context) ([]byte, bson.Raw, bool, error) {
	switch {
	case !s.begun:
		s.begun = true
		for _, m := range s.all {
			ok, err := m.advance(ctx)
			if err != nil {
				return nil, nil, false, err
			}
			if ok {
				s.streams = append(s.streams, m)
			}
		}
		heap.Init(s)
	case len(s.streams) > 0:
		ok, err := s.streams[0].advance(ctx)
		if err != nil {
			return nil, nil, false, err
		}
		if ok {
			heap.Fix(s, 0)
		} else {
			heap.Pop(s)
		}
	}
	if len(s.streams) == 0 {
		return nil, nil, false, nil
	}
	return s.streams[0].id, s.streams[0].doc, true, nil
}

func (s *mergeSource) examined() (n int64) {
	for _, m := range s.all {
		n += m.source.examined()
	}
	return n
}

func (s *mergeSource) close() error {
	var errs []error
	for _, m := range s.all {
		errs = append(errs, m.source.close())
	}
	return errors.Join(errs...)
}

// Len, Less, Swap, Push and Pop make a heap of the streams.
func (s *mergeSource) Len() int { return len(s.streams) }

// Less orders by key, then by _id.
func (s *mergeSource) Less(i, j int) bool {
	a, b := s.streams[i], s.streams[j]
	c := bytes.Compare(a.key, b.key)
	if s.reverse {
		c = -c
	}
	if c == 0 {
		c = bytes.Compare(a.id, b.id)
		if a.source.descending {
			c = -c
		}
	}
	return c < 0
}

// Swap exchanges two streams.
func (s *mergeSource) Swap(i, j int) { s.streams[i], s.streams[j] = s.streams[j], s.streams[i] }

// Push is never used: a stream that ended stays away.
func (s *mergeSource) Push(x any) { s.streams = append(s.streams, x.(*mergeStream)) }

// Pop removes the last stream.
func (s *mergeSource) Pop() any {
	last := len(s.streams) - 1
	m := s.streams[last]
	s.streams = s.streams[:last]
	return m
}
