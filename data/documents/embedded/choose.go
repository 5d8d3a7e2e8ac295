package embedded

import (
	"math"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query/language"
)

// What reading takes, in index entries: to fetch a document by its _id, and to read one of a scan.
const (
	fetchCost = 8
	scanCost  = 2
)

// choose returns the plan for a search and an order, and the others that were compared. It looks at the view, which
// must be there already: flags of indexes that are set later belong to documents that the view does not show.
func (s *search) choose(o order) (best plan, rejected []plan, err error) {
	d := s.demands(s.filter)
	if s.hint != "" {
		best, err = s.hinted(&d, o)
		return best, nil, err
	}
	byID, hasID := s.coll.planID(d.bounds, o)
	if hasID && (byID.points != nil || len(byID.ranges) == 0) {
		return byID, nil, nil
	}
	var plans []plan
	for _, ix := range s.coll.indexes {
		p, ok := s.planIndex(ix, &d, o)
		switch {
		case !ok:
		case p.unique || p.near != nil:
			return p, nil, nil
		default:
			plans = append(plans, p)
		}
	}
	if union := s.branches(); union != nil {
		plans = append(plans, plan{branches: union, ordered: len(o.fields) == 0, descendingTies: o.descendingTies})
	}
	switch {
	case len(plans) == 0 && hasID:
		return byID, nil, nil
	case len(plans) == 0:
		return s.coll.planScan(o), nil, nil
	case len(plans) == 1 && !hasID: // too many ids end in a scan: see collect
		return plans[0], nil, nil
	case hasID:
		plans = append(plans, byID)
	default:
		plans = append(plans, s.coll.planScan(o))
	}
	best, rejected = s.cheapest(plans, o)
	return best, rejected, nil
}

// hinted returns the plan with the index that the caller asks for.
func (s *search) hinted(d *demands, o order) (plan, error) {
	switch s.hint {
	case driver.HintNatural:
		return s.coll.planScan(o), nil
	case driver.HintID:
		if p, ok := s.coll.planID(d.bounds, o); ok {
			return p, nil
		}
		return s.coll.planScan(o), nil
	}
	ix := s.coll.index(s.hint)
	if ix == nil || !ix.ready() {
		return plan{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "hint: %q has no index %q that is in use", s.coll.name, s.hint).WithMongoCode(language.BadValue)
	}
	if !ix.holdsAll(d) {
		return plan{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "hint: the index %q lacks documents that may match: it is sparse, partial or one of places", s.hint).WithMongoCode(language.BadValue)
	}
	p, _ := s.planIndex(ix, d, o)
	return p, nil
}

// branches returns index plans whose union reaches all matches of a filter with an $or; nil if there are none.
func (s *search) branches() []plan {
	var plans []plan
	for _, filter := range s.filter.Branches() {
		branch := *s
		branch.filter, branch.sort, branch.want = filter, nil, 0
		d := branch.demands(filter)
		if p, ok := s.coll.planID(d.bounds, order{}); ok && (p.points != nil || len(p.ranges) == 0) {
			plans = append(plans, p)
			continue
		}
		var usable []plan
		for _, ix := range s.coll.indexes {
			if p, ok := branch.planIndex(ix, &d, order{}); ok && p.near == nil {
				usable = append(usable, p)
			}
		}
		switch len(usable) {
		case 0:
			return nil
		case 1:
			plans = append(plans, usable[0])
		default:
			best, _ := branch.cheapest(usable, order{})
			plans = append(plans, best)
		}
	}
	return plans
}

// cheapest returns the plan that takes least, and the others.
func (s *search) cheapest(plans []plan, o order) (best plan, rejected []plan) {
	total := float64(max(s.coll.documents.Load(), 1))
	matches := total // at most, as far as known
	for i := range plans {
		plans[i].keys = s.keysOf(&plans[i], total)
		matches = min(matches, plans[i].keys)
	}
	for i := range plans {
		plans[i].cost = s.cost(&plans[i], o, matches)
	}
	at := 0
	for i, p := range plans {
		if p.cost < plans[at].cost {
			at = i
		}
	}
	rejected = append(rejected, plans[:at]...)
	return plans[at], append(rejected, plans[at+1:]...)
}

// cost estimates what a plan takes.
func (s *search) cost(p *plan, o order, matches float64) float64 {
	read := p.keys
	streams := p.ordered && (p.index == nil && p.branches == nil || p.index != nil && len(o.fields) > 0 || p.merge > 0)
	if s.want > 0 && streams {
		// Until so many matches were met, if they lie evenly among the keys.
		wanted := float64(s.want)
		if !p.exact {
			wanted *= max(2, p.keys/max(matches, 1))
		}
		read = min(read, wanted)
	}
	var cost float64
	switch {
	case p.index == nil && p.branches == nil:
		cost = scanCost * read
	case s.count && p.exact, p.covered != nil:
		cost = read
	case streams:
		cost = (1 + fetchCost) * read
	default:
		fetched := p.keys
		if s.want > 0 && p.ordered {
			fetched = min(fetched, 2*float64(s.want))
		}
		cost = p.keys + fetchCost*fetched
	}
	if !p.ordered && len(o.fields) > 0 {
		cost += p.keys * math.Log2(p.keys+2) / 4
	}
	return cost
}

// probe is how many keys of a plan are counted before their number is estimated.
const probe = 101

// keysOf returns how many keys a plan's ranges hold, as far as that is cheap to find out.
func (s *search) keysOf(p *plan, total float64) float64 {
	if len(p.branches) > 0 {
		var sum float64
		for i := range p.branches {
			sum += s.keysOf(&p.branches[i], total)
		}
		return sum
	}
	switch {
	case p.points != nil:
		return float64(len(p.points))
	case p.index == nil && !p.isID, p.index != nil && len(p.bounds) == 0:
		return total
	}
	w := newKeyWalk(s.view, p.ranges, false)
	n := 0
	for n < probe {
		if ok, err := w.next(); !ok || err != nil { // an error comes again when the plan is used
			break
		}
		n++
	}
	left := len(w.ranges)
	_ = w.close()
	if n < probe {
		return float64(n)
	}
	if len(p.ranges) > 1 {
		return float64(n) * float64(len(p.ranges)) / float64(len(p.ranges)-left+1)
	}
	whole := key(prefixDocument, s.coll.app, s.coll.id)
	if p.index != nil {
		whole = p.index.prefix(s.coll)
	}
	return max(probe, total*s.share(p.ranges[0], keyRange{whole, keyEnd(whole)}))
}

// unknownShare is assumed of a range whose size cannot be told: nothing of it is in files yet.
const unknownShare = 0.1

// share estimates which part of the whole a range is, by the size of what is in files.
func (s *search) share(r, whole keyRange) float64 {
	size, err := s.e.db.EstimateDiskUsage(r.low, r.high)
	if err != nil {
		return unknownShare
	}
	all, err := s.e.db.EstimateDiskUsage(whole.low, whole.high)
	if err != nil || all == 0 || size > all {
		return unknownShare
	}
	return float64(size) / float64(all)
}
