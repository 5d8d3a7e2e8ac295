package embedded

import (
	"encoding/binary"
	"math"
	"slices"

	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/collation"
)

// demands is what a filter demands of a collection's indexes.
type demands struct {
	filter *query.Filter
	bounds query.Bounds
	places map[string][]query.CellRange
	near   *query.NearQuery // on the sphere, whose order is wanted
	// collated are the bounds for indexes that are not in the order of bytes.
	collated map[*index]query.Bounds
}

// boundsOf returns what the filter demands in terms of an index's keys.
func (d *demands) boundsOf(ix *index) query.Bounds {
	if ix.by == nil {
		return d.bounds
	}
	b, known := d.collated[ix]
	if !known {
		if d.collated == nil {
			d.collated = map[*index]query.Bounds{}
		}
		b = d.filter.BoundsBy(ix.by)
		d.collated[ix] = b
	}
	return b
}

func (s *search) demands(filter *query.Filter) demands {
	d := demands{filter: filter, bounds: filter.Bounds(), places: filter.GeoBounds()}
	near := filter.Near()
	if near == nil || !near.OnSphere() {
		return d
	}
	if len(s.sort.Fields()) == 0 && !s.count {
		d.near = near
	}
	if d.places == nil {
		d.places = map[string][]query.CellRange{}
	}
	_, most := near.Limits()
	if cells, _ := near.Within(most); d.places[near.Path] == nil {
		d.places[near.Path] = cells
	}
	return d
}

// part is one component's range of encodings; high is nil for a single one.
type part = keyRange

// parts returns what the demands say of one component of an index; ok is false if they say nothing.
func (d *demands) parts(ix *index, i int, multikey bool) (parts []part, shown componentBounds, exact, ok bool) {
	f := ix.Fields[i]
	if f.Kind == driver.KindPlaces {
		cells, ok := d.places[f.Path]
		for _, c := range cells {
			p := part{low: binary.BigEndian.AppendUint64(nil, c.Low)}
			switch {
			case c.High == math.MaxUint64:
				p.high = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
			case c.High != c.Low:
				p.high = binary.BigEndian.AppendUint64(nil, c.High+1)
			}
			parts = append(parts, p)
		}
		return parts, componentBounds{cells: len(cells)}, false, ok
	}
	r, ok := d.boundsOf(ix).Paths[f.Path]
	if !ok {
		return nil, shown, false, false
	}
	shown.keyed = ix.by != nil
	shown.intervals = r.Scalar
	if multikey {
		shown.intervals = r.Intervals
	}
	parts, ok = encodeIntervals(shown.intervals, f.Descending)
	return parts, shown, r.Exact, ok
}

// planIndex returns how to use an index; ok is false if it is of no use or lacks documents that may match.
func (s *search) planIndex(ix *index, d *demands, o order) (p plan, ok bool) {
	if !ix.ready() || !ix.holdsAll(d) {
		return plan{}, false
	}
	multikey := ix.multikey.Load()
	p = plan{index: ix, descendingTies: o.descendingTies, unique: ix.Unique}
	ranges := []keyRange{{}} // of encoded values
	points, singles := 0, 0  // leading components that are restricted to points, to one point
	bounds := d.boundsOf(ix)
	exact := bounds.Complete && !multikey
	for i := range ix.Fields {
		if i > points {
			break
		}
		if d.near != nil && ix.Fields[i].Kind == driver.KindPlaces && ix.Fields[i].Path == d.near.Path {
			p.near, p.places = d.near, ranges
		}
		parts, shown, partExact, ok := d.parts(ix, i, multikey)
		if !ok {
			break
		}
		next, arePoints, ok := extend(ranges, parts)
		if !ok {
			break
		}
		ranges = next
		exact = exact && partExact
		p.bounds = append(p.bounds, shown)
		if arePoints {
			if points == singles && len(parts) == 1 {
				singles++
			}
			points++
		}
	}
	p.ranges = ix.absolute(s.coll, ranges)
	p.exact = exact && len(p.bounds) == len(bounds.Paths)
	p.unique = ix.Unique && points == len(ix.Fields) && len(ranges) == 1
	if p.near != nil {
		return p, true
	}
	if s.needs.covers(ix) {
		p.covered = &s.needs
	}
	p.arrange(ix, singles, singles, o, multikey)
	if worth := s.want > 0 || len(o.fields) > 0; worth && !p.ordered && points > singles && len(ranges) <= maxMerged && !multikey {
		if p.arrange(ix, singles, points, o, multikey); p.ordered {
			p.merge = points
		}
	}
	return p, len(p.bounds) > 0 || p.ordered && len(o.fields) > 0
}

// holdsAll reports whether the index has every document that may match: a sparse one needs one of its fields to be
// there, one for places a place, a partial one all that its filter says.
func (ix *index) holdsAll(d *demands) bool {
	if !d.filter.Implies(ix.partial) {
		return false
	}
	sparse := ix.Sparse
	for _, f := range ix.Fields {
		if f.Kind == driver.KindPlaces {
			if _, ok := d.places[f.Path]; !ok {
				return false
			}
			sparse = false
		}
		if r, ok := d.boundsOf(ix).Paths[f.Path]; ok && !r.Missing {
			sparse = false
		}
	}
	return !sparse
}

// placeRanges returns the keys of places under the cells.
func (p *plan) placeRanges(c *collection, cells []query.CellRange) []keyRange {
	d := demands{places: map[string][]query.CellRange{p.near.Path: cells}}
	at := slices.IndexFunc(p.index.Fields, func(f driver.IndexField) bool { return f.Path == p.near.Path })
	parts, _, _, _ := d.parts(p.index, at, true)
	var all []keyRange
	for _, r := range p.places {
		next, _, _ := extend([]keyRange{r}, parts)
		all = append(all, next...)
	}
	return p.index.absolute(c, all)
}

// arrange finds out whether the index gives the wanted order: its fields from the first that is not fixed to one
// value must begin with the order's fields, all in the same or all in the opposite direction. The first same
// components are the same in all keys, the first fixed ones in all keys of a range.
func (p *plan) arrange(ix *index, same, fixed int, o order, multikey bool) {
	if len(o.fields) == 0 {
		if fixed == len(ix.Fields) { // all keys are equal but for the _id
			p.ordered, p.group, p.reverse = true, fixed, o.descendingTies
		}
		return
	}
	if multikey || !collation.Same(ix.by, o.by) {
		return
	}
	var wanted []query.SortField
	for _, f := range o.fields {
		if !slices.ContainsFunc(ix.Fields[:same], func(x driver.IndexField) bool { return x.Path == f.Path }) {
			wanted = append(wanted, f)
		}
	}
	rest := ix.Fields[fixed:]
	if len(wanted) > len(rest) {
		return
	}
	for i, f := range wanted {
		if rest[i].Path != f.Path || rest[i].Kind == driver.KindPlaces {
			return
		}
		opposite := rest[i].Descending != f.Descending
		if i == 0 {
			p.reverse = opposite
		} else if p.reverse != opposite {
			p.reverse = false
			return
		}
	}
	if len(wanted) == 0 {
		p.reverse = o.descendingTies
	}
	p.ordered, p.group = true, fixed+len(wanted)
}
