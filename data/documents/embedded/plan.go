package embedded

import (
	"bytes"
	"slices"

	"yunduo/data/documents/driver"
	"yunduo/data/query"
)

// maxRanges bounds the key ranges of one scan; a filter that needs more examines more keys instead.
const maxRanges = 1000

// keyRange is the keys from low to before high.
type keyRange struct{ low, high []byte }

// plan says how to reach the documents that may match. What it yields is still checked against the filter.
type plan struct {
	index  *index     // nil scans the documents themselves
	ranges []keyRange // sorted, disjoint; none means that nothing can match
	points [][]byte   // encoded _ids, sorted; set instead of index and ranges for a look-up by _id
	isID   bool       // bounds on _id were used

	// ordered: rows come in the order that was asked for, equal ones by _id. It takes group: the number of leading
	// components that form one sort key.
	ordered bool
	reverse bool
	group   int
	// exact: every key in ranges is a document that matches, and every match is one key.
	exact bool
	// descendingTies: equal sort keys are ordered by descending _id.
	descendingTies bool
}

// order is a sort without what _id makes superfluous.
type order struct {
	fields         []query.SortField // before _id
	descendingTies bool
}

func orderOf(sort *query.Sort) order {
	var o order
	for _, f := range sort.Fields() {
		if f.Path == "_id" {
			o.descendingTies = f.Descending
			break
		}
		o.fields = append(o.fields, f)
	}
	return o
}

// choose returns the plan for a filter and an order. Call it when the view exists already: flags of indexes that are
// set later belong to documents that the view does not show.
func (c *collection) choose(v view, filter *query.Filter, o order) plan {
	bounds := filter.Bounds()
	if p, ok := c.planID(bounds, o); ok {
		return p
	}
	best, score := []plan{c.planScan(o)}, -1
	if filter.Near() != nil {
		return best[0]
	}
	for _, ix := range c.indexes {
		switch p, s := c.planIndex(ix, bounds, o); {
		case s > score:
			best, score = []plan{p}, s
		case s == score && s >= 0:
			best = append(best, p)
		}
	}
	return narrowest(v, best)
}

// probe is how many keys are counted to find the narrower of two equally good plans.
const probe = 100

// narrowest returns the plan with the fewest keys in its ranges.
func narrowest(v view, plans []plan) plan {
	best := plans[0]
	if len(plans) == 1 {
		return best
	}
	fewest := probe + 1
	for _, p := range plans {
		w := newKeyWalk(v, p.ranges, false)
		n := 0
		for n < fewest {
			if ok, err := w.next(); !ok || err != nil { // an error comes again when the plan is used
				break
			}
			n++
		}
		_ = w.close()
		if n < fewest {
			best, fewest = p, n
		}
	}
	return best
}

// planScan reads all documents in the order of _id.
func (c *collection) planScan(o order) plan {
	prefix := key(prefixDocument, c.app, c.id)
	return plan{
		ranges: []keyRange{{prefix, keyEnd(prefix)}}, ordered: len(o.fields) == 0, reverse: o.descendingTies,
		descendingTies: o.descendingTies,
	}
}

// planID uses bounds on _id: points are looked up, intervals are scanned.
func (c *collection) planID(bounds query.Bounds, o order) (plan, bool) {
	r, ok := bounds.Paths["_id"]
	if !ok {
		return plan{}, false
	}
	p := c.planScan(o)
	p.isID = true
	intervals := r.Scalar // _id is never an array
	p.ranges = nil
	prefix := key(prefixDocument, c.app, c.id)
	points := true
	for _, in := range intervals {
		points = points && isPoint(in)
	}
	for _, in := range intervals {
		low, high, err := encodeInterval(in, false)
		if err != nil {
			return plan{}, false
		}
		if points {
			p.points = append(p.points, low)
			continue
		}
		p.ranges = append(p.ranges, keyRange{append(slices.Clone(prefix), low...), append(slices.Clone(prefix), high...)})
	}
	if points && len(p.points) > 1 {
		slices.SortFunc(p.points, bytes.Compare)
		p.points = slices.CompactFunc(p.points, bytes.Equal)
		if p.reverse {
			slices.Reverse(p.points)
		}
	}
	return p, true
}

// planIndex returns how to use an index and how good that is: below 0 not at all.
func (c *collection) planIndex(ix *index, bounds query.Bounds, o order) (plan, int) {
	multikey := ix.multikey.Load()
	if ix.Sparse && !ix.holdsAll(bounds) {
		return plan{}, -1
	}
	p := plan{index: ix, descendingTies: o.descendingTies}
	ranges := []keyRange{{}} // of encoded values
	points := 0              // leading components that are restricted to points
	single := true           // and each to one
	bounded := 0             // components that are restricted at all
	exact := bounds.Complete && !multikey
	for i, f := range ix.Fields {
		r, ok := bounds.Paths[f.Path]
		if !ok || i > points {
			break
		}
		intervals := r.Scalar
		if multikey {
			intervals = r.Intervals
		}
		next, arePoints, ok := extend(ranges, intervals, f.Descending)
		if !ok {
			break
		}
		ranges = next
		bounded++
		exact = exact && r.Exact
		if arePoints {
			points++
			single = single && len(intervals) == 1
		}
	}
	switch {
	case !single:
	case len(o.fields) > 0 && !multikey:
		p.arrange(ix, points, o)
	case len(o.fields) == 0 && points == len(ix.Fields): // all keys are equal but for the _id
		p.ordered, p.group, p.reverse = true, points, o.descendingTies
	}
	if bounded == 0 && !p.ordered {
		return plan{}, -1
	}
	p.ranges = ix.absolute(c, ranges)
	p.exact = exact && bounded == len(bounds.Paths)
	score := 4*points + 2*bounded
	if bounded > 0 {
		score += 8
	}
	if p.ordered {
		score += 6
	}
	if ix.Unique && points == len(ix.Fields) {
		score += 100
	}
	return p, score
}

// holdsAll reports whether a sparse index has every document that may match: one of its fields must be there.
func (ix *index) holdsAll(bounds query.Bounds) bool {
	for _, f := range ix.Fields {
		if r, ok := bounds.Paths[f.Path]; ok && !r.Missing {
			return true
		}
	}
	return false
}

// arrange finds out whether the index gives the wanted order: its fields from the first that is not fixed to one
// value must begin with the order's fields, all in the same or all in the opposite direction.
func (p *plan) arrange(ix *index, points int, o order) {
	var wanted []query.SortField
	for _, f := range o.fields {
		fixed := slices.ContainsFunc(ix.Fields[:points], func(x driver.IndexField) bool { return x.Path == f.Path })
		if !fixed {
			wanted = append(wanted, f)
		}
	}
	rest := ix.Fields[points:]
	if len(wanted) > len(rest) {
		return
	}
	for i, f := range wanted {
		if rest[i].Path != f.Path {
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
	p.ordered, p.group = true, points+len(wanted)
}
