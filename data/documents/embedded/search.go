package embedded

import (
	"bytes"
	"math"
	"slices"

	"yunduo/data/query"
)

// scanAlways is a number of documents that is read through without further thought.
const scanAlways = 1000

// newRows begins a search for the first want documents (0: all) that match, in the order of sort. They come in this
// order only if rows.ordered says so.
func newRows(v view, c *collection, filter *query.Filter, sort *query.Sort, want, memory int64) (*rows, error) {
	o := orderOf(sort)
	r := &rows{view: v, coll: c, filter: filter, plan: c.choose(v, filter, o)}
	p := r.plan
	switch {
	case p.points != nil:
		r.source = &pointSource{ids: p.points}
		return r, nil
	case p.index == nil && !p.isID:
		if plans := c.branches(v, filter); plans != nil {
			return r, r.collect(plans, o, want, memory)
		}
	case p.index != nil && p.ordered:
		r.source = newEntrySource(v, p, memory)
		return r, nil
	case p.index != nil:
		return r, r.collect([]plan{p}, o, want, memory)
	}
	r.source = &documentSource{walk: newKeyWalk(v, p.ranges, p.reverse)}
	return r, nil
}

// collect reads the ids that index ranges lead to before the first document, or falls back to a scan if they are too
// many.
func (r *rows) collect(plans []plan, o order, want, memory int64) error {
	var ids [][]byte
	limit := r.worthwhile(o, want)
	for _, p := range plans {
		found, examined, ok, err := collectIDs(r.view, p, limit-int64(len(ids)), memory)
		r.keys += examined
		if err != nil {
			return storageError(err)
		}
		if !ok {
			r.plan = r.coll.planScan(o)
			r.source = &documentSource{walk: newKeyWalk(r.view, r.plan.ranges, r.plan.reverse)}
			return nil
		}
		ids = append(ids, found...)
	}
	slices.SortFunc(ids, bytes.Compare)
	ids = slices.CompactFunc(ids, bytes.Equal)
	if o.descendingTies {
		slices.Reverse(ids)
	}
	r.plan = plans[0]
	r.plan.ordered = len(o.fields) == 0
	r.source = &pointSource{ids: ids}
	return nil
}

// worthwhile returns how many ids an index may lead to before a scan is the better way. For the first few documents
// by _id, a scan that looks at as many documents as the index has ids left out would find them: with n documents and
// k of them in the index's ranges it looks at want*n/k, which is k at the square root of want*n.
func (r *rows) worthwhile(o order, want int64) int64 {
	n := r.coll.documents.Load()
	if want > 0 && len(o.fields) == 0 && r.filter.Near() == nil {
		return max(scanAlways, int64(math.Sqrt(float64(want)*float64(n))))
	}
	return max(scanAlways, n/3)
}

// branches returns index plans whose union reaches all matches of a filter with an $or; nil if there are none.
func (c *collection) branches(v view, filter *query.Filter) []plan {
	var plans []plan
	for _, branch := range filter.Branches() {
		p := c.choose(v, branch, order{})
		if p.index == nil && p.points == nil {
			return nil
		}
		plans = append(plans, p)
	}
	return plans
}

// singleID returns the encoded _id if a filter leaves only one.
func (c *collection) singleID(filter *query.Filter) ([]byte, bool) {
	if filter == nil {
		return nil, false
	}
	p, ok := c.planID(filter.Bounds(), order{})
	if !ok || len(p.points) != 1 {
		return nil, false
	}
	return p.points[0], true
}
