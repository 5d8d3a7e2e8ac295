package query

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
	"yunduo/data/query/internal/pattern"
	"yunduo/data/query/value"
)

// Bounds is what a filter demands of a document's paths, in terms of index keys as value.Path.IndexKeys makes them.
//
// An array gives a path several keys (the path is multikey), and different conditions may be satisfied by different
// elements: of {a: {$gt: 1, $lt: 5}} the document {a: [0, 9]} is a match, but neither key lies between 1 and 5. So
// Range.Intervals never intersects two conditions unless one $elemMatch holds both. For the same reason an index on
// several paths may combine their Intervals only if it files a document under every combination of its paths' keys.
// A scan of such an index must drop repeated documents, and every document found must still be matched.
type Bounds struct {
	Paths map[string]Range // paths without a useful bound are absent
	// Complete: the filter says nothing beyond Paths. With every Range Exact and no path multikey, counting keys
	// counts documents.
	Complete bool
}

// Range is what a filter demands of one path. The lists are sorted and disjoint; an empty one means that nothing can
// match.
type Range struct {
	// Intervals holds for every document: one that matches has at least one key inside.
	Intervals []Interval
	// Scalar is the tighter set for a path along which no document has an array: there a matching document's only
	// key is inside.
	Scalar []Interval
	// Exact: on a path that is not multikey, a key inside Scalar satisfies everything the filter says of this path.
	Exact bool
	// Missing: a document without the path may match, so that a sparse index must not be used.
	Missing bool
}

// Bounds returns per path what a scan of an index in the order of bytes may restrict itself to.
func (f *Filter) Bounds() Bounds { return f.BoundsBy(nil) }

// BoundsBy is Bounds for an index whose texts are in the order of a collation. Their place in the intervals is taken by
// texts that hold their keys, see value.Keyed. Conditions on texts that compare them in another way give no bounds.
func (f *Filter) BoundsBy(by *collation.Collation) Bounds {
	if f == nil {
		return Bounds{Complete: true}
	}
	b := newBoundsMaker(by)
	b.add(f.root, "")
	return b.bounds()
}

// boundsMaker collects the bounds of a conjunction.
type boundsMaker struct {
	by         *collation.Collation // of the index
	ranges     map[string]Range
	inexact    map[string]bool // paths of which the filter says more than their range
	allInexact bool
	complete   bool
}

func newBoundsMaker(by *collation.Collation) boundsMaker {
	return boundsMaker{by: by, ranges: map[string]Range{}, inexact: map[string]bool{}, complete: true}
}

func (b *boundsMaker) bounds() Bounds {
	for path, r := range b.ranges {
		r.Exact = r.Exact && !b.inexact[path] && !b.allInexact
		b.ranges[path] = r
		b.complete = b.complete && r.Exact
	}
	return Bounds{Paths: b.ranges, Complete: b.complete}
}

// add takes in a condition whose paths stand below prefix (empty or ending in a dot).
func (b *boundsMaker) add(n node, prefix string) {
	switch n := n.(type) {
	case allNode:
		for _, child := range n {
			b.add(child, prefix)
		}
	case *pathNode:
		b.addPath(n, prefix)
	case anyNode:
		b.addUnion(n, prefix)
	default:
		b.leaveOut(n, prefix)
	}
}

// leaveOut notes that a condition is not in the ranges.
func (b *boundsMaker) leaveOut(n node, prefix string) {
	b.complete = false
	switch n := n.(type) {
	case allNode:
		for _, child := range n {
			b.leaveOut(child, prefix)
		}
	case anyNode:
		for _, child := range n {
			b.leaveOut(child, prefix)
		}
	case notNode:
		b.leaveOut(n.child, prefix)
	case *pathNode:
		b.inexact[prefix+n.path.String()] = true
	default:
		b.allInexact = true
	}
}

func (b *boundsMaker) addPath(n *pathNode, prefix string) {
	path := prefix + n.path.String()
	if element, ok := n.pred.(*elementPredicate); ok && element.asDocument != nil {
		b.addElement(element.asDocument, path)
		return
	}
	r, ok := predicateRange(b.by, n.pred)
	if !ok {
		b.leaveOut(n, prefix)
		return
	}
	b.join(path, r)
}

// join adds a further demand on a path.
func (b *boundsMaker) join(path string, r Range) {
	if known, ok := b.ranges[path]; ok {
		if !tighter(r.Intervals, known.Intervals) {
			r.Intervals = known.Intervals
		}
		r.Scalar = intersection(known.Scalar, r.Scalar)
		r.Exact = r.Exact && known.Exact
		r.Missing = r.Missing && known.Missing
	}
	b.ranges[path] = r
}

// tighter guesses which of two lists holds fewer keys: points before ranges, few before many.
func tighter(a, b []Interval) bool {
	pointsA, pointsB := allPoints(a), allPoints(b)
	if pointsA != pointsB {
		return pointsA
	}
	return pointsA && len(a) < len(b)
}

func allPoints(list []Interval) bool {
	return !slices.ContainsFunc(list, func(i Interval) bool { return !i.isPoint() })
}

// addElement takes in $elemMatch on documents: what it demands of an element's field, a key of the longer path
// satisfies. That does not hold for what an element may satisfy that is itself an array (it has indexes for fields
// and lacks all others), as such elements have no keys on the longer path.
func (b *boundsMaker) addElement(n node, path string) {
	inner := newBoundsMaker(b.by)
	inner.add(n, "")
	for name, r := range inner.ranges {
		if !r.Missing && value.ParsePath(name).Parts()[0].Index < 0 {
			r.Exact = false
			b.join(path+"."+name, r)
		}
	}
	b.complete = false
	b.inexact[path] = true
}

// addUnion takes in $or: a path has a range if every branch restricts it.
func (b *boundsMaker) addUnion(n anyNode, prefix string) {
	branches := make([]Bounds, 0, len(n))
	for _, child := range n {
		inner := newBoundsMaker(b.by)
		inner.add(child, prefix)
		branches = append(branches, inner.bounds())
	}
	exact := false
	for path := range branches[0].Paths {
		joined := Range{Exact: true}
		everywhere := true
		for _, branch := range branches {
			r, ok := branch.Paths[path]
			everywhere = everywhere && ok
			joined.Intervals = append(joined.Intervals, r.Intervals...)
			joined.Scalar = append(joined.Scalar, r.Scalar...)
			joined.Missing = joined.Missing || r.Missing
			joined.Exact = joined.Exact && branch.Complete && len(branch.Paths) == 1
		}
		if !everywhere {
			continue
		}
		joined.Intervals, joined.Scalar = union(joined.Intervals), union(joined.Scalar)
		exact = joined.Exact
		b.join(path, joined)
	}
	if !exact {
		b.leaveOut(n, prefix)
	}
}

// predicateRange returns the keys of a path under which documents that satisfy a predicate are found.
func predicateRange(by *collation.Collation, pred predicate) (r Range, ok bool) {
	switch pred := pred.(type) {
	case *comparison:
		if hasTexts(pred.class) && !collation.Same(by, pred.by) {
			return Range{}, false // index keys are in another order
		}
		r.Intervals, ok = pred.intervals(value.Keyed(by, pred.value))
		r.Missing, r.Exact = pred.class == value.ClassNull && pred.same, pred.class != value.ClassArray
	case *membership:
		texts := slices.ContainsFunc(pred.values, func(v bson.RawValue) bool { return hasTexts(value.ClassOf(v.Type)) })
		if texts && !collation.Same(by, pred.by) || len(pred.regexes) > 0 && by != nil {
			return Range{}, false
		}
		for _, v := range pred.values {
			r.Intervals = append(r.Intervals, equalTo(value.Keyed(by, v))...)
		}
		for _, regex := range pred.regexes {
			r.Intervals = append(r.Intervals, regex.intervals()...)
		}
		isArray := func(v bson.RawValue) bool { return v.Type == bson.TypeArray }
		r.Missing, ok = pred.null, true
		r.Exact = len(pred.regexes) == 0 && !slices.ContainsFunc(pred.values, isArray)
	case *regexPredicate:
		r.Intervals, ok = pred.intervals(), by == nil // patterns look at the texts themselves
	case *elementPredicate:
		return elementRange(by, pred.asValue)
	case nothing:
		r.Exact, ok = true, true
	}
	if !ok {
		return Range{}, false
	}
	r.Intervals = union(r.Intervals)
	r.Scalar = r.Intervals
	return r, true
}

// elementRange is predicateRange for one element of an array: all that is said of it holds for one key.
func elementRange(by *collation.Collation, pred predicate) (Range, bool) {
	all, ok := pred.(allPredicate)
	if !ok {
		all = allPredicate{pred}
	}
	found := false
	var result Range
	for _, inner := range all {
		if _, nested := inner.(*elementPredicate); nested {
			continue // looks into an element, whose own elements have no keys
		}
		r, ok := predicateRange(by, inner)
		switch {
		case !ok:
			continue
		case found:
			result.Intervals = intersection(result.Intervals, r.Intervals)
		default:
			found, result.Intervals = true, r.Intervals
		}
	}
	result.Scalar = result.Intervals
	return result, found
}

// equalTo returns the keys of documents in which a field, or an element of it, equals v.
func equalTo(v bson.RawValue) []Interval {
	switch v.Type {
	case bson.TypeNull:
		return []Interval{{Low: bson.RawValue{}, High: v}}
	case bson.TypeArray: // the field itself, filed under its elements, or an element
		first, _ := value.Element(v.Value, 0)
		return []Interval{point(first), point(v)}
	}
	return []Interval{point(v)}
}

// intervals returns the keys that satisfy the comparison with v; ok is false where they are no interval.
func (c *comparison) intervals(v bson.RawValue) (list []Interval, ok bool) {
	switch {
	case c.operator == "$eq", c.class == value.ClassNull && c.same, c.nan && c.same:
		return equalTo(v), true
	case c.class == value.ClassNull, c.nan:
		return nil, true
	case c.class == value.ClassArray, c.class == value.ClassMinKey, c.class == value.ClassMaxKey:
		return nil, false // arrays are filed under their elements; the others compare with everything
	}
	i := bracket(c.class)
	if c.over {
		i.Low, i.LowOpen = v, !c.same
	} else {
		i.High, i.HighOpen = v, !c.same
	}
	return []Interval{i}, true
}

// intervals returns the texts that can match, and the regular expression itself.
func (p *regexPredicate) intervals() []Interval {
	texts := bracket(value.ClassString)
	if prefix := pattern.Prefix(p.re.Regexp); prefix != "" {
		texts.Low = value.String(prefix)
		if after := successor(prefix); after != "" {
			texts.High = value.String(after)
		}
	}
	return []Interval{texts, point(p.value)}
}

// successor returns the least text above all that begin with prefix, "" if there is none.
func successor(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}

// Branches returns, for a filter with an $or, filters whose union matches the same documents, so that each can be
// planned and matched on its own; nil if there is none. Raw of a branch is that of the whole filter.
func (f *Filter) Branches() []*Filter {
	if f == nil || f.near != nil {
		return nil
	}
	all, ok := f.root.(allNode)
	if !ok {
		all = allNode{f.root}
	}
	at := slices.IndexFunc(all, func(n node) bool { _, isOr := n.(anyNode); return isOr })
	if at < 0 {
		return nil
	}
	rest := slices.Delete(slices.Clone(all), at, at+1)
	var branches []*Filter
	for _, child := range all[at].(anyNode) {
		branches = append(branches, &Filter{
			raw: f.raw, root: conjunction(append(slices.Clone(rest), child)), by: f.by, mixed: f.mixed, computes: f.computes, failed: f.failed,
			fallible: f.fallible, unordered: f.unordered,
		})
	}
	return branches
}
