package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
)

// firstRing is the radius of the first circle that is searched around a point, in metres.
const firstRing = 100

// nearSource yields documents by their distance from a point, equal ones by _id. It searches circles that grow until
// nothing can be left outside.
type nearSource struct {
	rows   *rows
	plan   plan
	near   *query.NearQuery
	memory int64

	radius   float64 // of the next circle
	complete bool    // nothing lies outside of what was searched
	seen     map[string]bool
	size     int64
	keys     int64
	ready    []sortItem // in order
	beyond   []sortItem // found already, farther away than the last circle's radius
}

func newNearSource(r *rows, p plan, memory int64) *nearSource {
	return &nearSource{rows: r, plan: p, near: p.near, memory: memory, radius: firstRing, seen: map[string]bool{}}
}

func (s *nearSource) next(ctx context.Context) ([]byte, bson.Raw, bool, error) {
	for len(s.ready) == 0 {
		if s.complete {
			return nil, nil, false, nil
		}
		if err := s.search(ctx); err != nil {
			return nil, nil, false, err
		}
	}
	item := s.ready[0]
	s.ready = s.ready[1:]
	s.size -= int64(len(item.document))
	return item.id, item.document, true, nil
}

// search looks at the next circle.
func (s *nearSource) search(ctx context.Context) (err error) {
	radius := s.radius
	_, most := s.near.Limits()
	cells, everywhere := s.near.Within(min(radius, most))
	s.complete = everywhere || radius >= most
	before := len(s.seen)
	walk := newKeyWalk(s.rows.view, s.plan.placeRanges(s.rows.coll, cells), false)
	defer func() { err = errors.Join(err, walk.close()) }()
	entries := &entrySource{index: s.plan.index, walk: walk}
	for {
		if walk.visited%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		ok, err := walk.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		_, id, err := entries.entry()
		if err != nil {
			return err
		}
		if err := s.take(id); err != nil {
			return err
		}
	}
	s.keys += walk.visited
	s.divide(radius)
	s.radius *= 2
	if len(s.seen) == before {
		s.radius *= 4 // nothing near: larger steps
	}
	return nil
}

// take fetches a document that was not seen yet.
func (s *nearSource) take(id []byte) error {
	if s.seen[string(id)] {
		return nil
	}
	s.seen[string(id)] = true
	doc, err := s.rows.fetch(id)
	if err != nil || doc == nil {
		return err
	}
	distance, ok := s.near.Distance(doc)
	if ok {
		item := sortItem{id: slices.Clone(id), document: slices.Clone(doc)}
		item.key = binary.BigEndian.AppendUint64(nil, math.Float64bits(math.Abs(distance)))
		s.beyond = append(s.beyond, item)
		s.size += item.bytes()
	}
	s.size += int64(len(id)) + sliceBytes
	if err := s.rows.keep(s.size); err != nil {
		return err
	}
	if s.size > s.memory {
		return yunduo.Errorf(yunduo.ReasonQueryTooExpensive, "looking for what is near needs more than %d MiB of memory: add $maxDistance, or a limit", s.memory>>20)
	}
	return s.rows.drop()
}

// divide makes ready what is not farther away than the radius: nothing nearer can be found any more.
func (s *nearSource) divide(radius float64) {
	limit := binary.BigEndian.AppendUint64(nil, math.Float64bits(radius))
	var later []sortItem
	for _, item := range s.beyond {
		if s.complete || string(item.key) <= string(limit) {
			s.ready = append(s.ready, item)
		} else {
			later = append(later, item)
		}
	}
	s.beyond = later
	slices.SortFunc(s.ready, compareItems)
}

func (s *nearSource) examined() int64 { return s.keys }
func (s *nearSource) close() error    { return nil }
