package embedded

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
)

// scanAlways is a number of documents that is read through without further thought.
const scanAlways = 1000

// search says which documents to find and what that may take.
type search struct {
	e      *Engine
	view   view
	coll   *collection
	filter *query.Filter
	sort   *query.Sort
	want   int64 // the first so many documents are wanted; 0: all
	hint   string
	count  bool // only their number is wanted
	needs  needs
	budget *driver.Budget
}

// newRows begins a search. The documents come in the order of sort only if rows.ordered says so.
func newRows(ctx context.Context, s search) (*rows, error) {
	o := orderOf(s.sort)
	p, rejected, err := s.choose(o)
	if err = cmp.Or(s.filter.Failed(), err); err != nil {
		return nil, err
	}
	s.budget.Found(s.coll.name, p.indexName())
	r := &rows{search: s, plan: p, rejected: rejected}
	memory := s.e.options.QueryBytes
	switch {
	case p.points != nil:
		r.source = &pointSource{ids: p.points}
	case p.near != nil:
		r.source = newNearSource(r, p, memory)
	case len(p.branches) > 0:
		return r, r.collect(p.branches, o, memory)
	case p.index == nil:
		r.source = &documentSource{walk: newKeyWalk(s.view, p.ranges, p.reverse)}
	case p.covered != nil && !p.ordered:
		return r, r.cover(ctx, o, memory)
	case p.merge > 0:
		r.source = newMergeSource(s.view, p, memory)
	case p.ordered:
		r.source = newEntrySource(s.view, p, memory)
	default:
		return r, r.collect([]plan{p}, o, memory)
	}
	return r, nil
}

// cover reads what entries tell of documents. Where their order is nobody's, they come as they are; else in that of ids.
func (r *rows) cover(ctx context.Context, o order, memory int64) error {
	p := r.plan
	if r.count || len(o.fields) > 0 {
		r.source = newUnorderedSource(r.view, p, p.covered)
		return nil
	}
	found, ok, err := r.collectCovered(ctx, p, r.worthwhile(o), memory)
	if err := firstError(err, r.budget.Entries(r.coll.name, found.keys)); err != nil {
		return storageError(err)
	}
	if !ok {
		return r.collect([]plan{p}, o, memory)
	}
	slices.SortFunc(found.items, compareItems)
	if o.descendingTies {
		slices.Reverse(found.items)
	}
	r.plan.ordered, r.source, r.paid = true, found, true
	return nil
}

// collect reads the ids that index ranges lead to before the first document, or falls back to a scan if they are too
// many.
func (r *rows) collect(plans []plan, o order, memory int64) error {
	var ids [][]byte
	var keys int64
	r.plan.covered = nil
	limit := r.worthwhile(o)
	for _, p := range plans {
		found, examined, ok, err := collectIDs(r.view, p, limit-int64(len(ids)), memory)
		keys += examined
		if err := firstError(err, r.budget.Entries(r.coll.name, examined)); err != nil {
			return storageError(err)
		}
		if !ok && r.hint != "" {
			return yunduo.Errorf(yunduo.ReasonQueryTooExpensive, "hint: by the index %q the query leads to more documents than %d MiB of memory can hold", r.hint, memory>>20)
		}
		if !ok {
			r.plan = r.coll.planScan(o)
			r.source = &documentSource{walk: newKeyWalk(r.view, r.plan.ranges, r.plan.reverse), keys: keys}
			return nil
		}
		ids = append(ids, found...)
	}
	slices.SortFunc(ids, bytes.Compare)
	ids = slices.CompactFunc(ids, bytes.Equal)
	if o.descendingTies {
		slices.Reverse(ids)
	}
	r.plan.ordered = len(o.fields) == 0
	r.source = &pointSource{ids: ids, keys: keys}
	return nil
}

// worthwhile returns how many ids an index may lead to before a scan is the better way. For the first few documents
// by _id, a scan that looks at as many documents as the index has ids left out would find them: with n documents and
// k of them in the index's ranges it looks at want*n/k, which is k at the square root of want*n.
func (r *rows) worthwhile(o order) int64 {
	n := r.coll.documents.Load()
	switch {
	case r.hint != "":
		return math.MaxInt64
	case r.want > 0 && len(o.fields) == 0 && r.filter.Near() == nil:
		return max(scanAlways, int64(math.Sqrt(float64(r.want)*float64(n))))
	}
	return max(scanAlways, n/3)
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
