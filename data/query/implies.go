package query

import (
	"bytes"

	"yunduo/data/query/collation"
)

// Implies reports whether it is plain from the form of two filters that every document which f matches, condition
// matches too. False means that it is not known.
func (f *Filter) Implies(condition *Filter) bool {
	if condition == nil {
		return true
	}
	if f == nil {
		return false
	}
	if bytes.Equal(f.raw, condition.raw) && f.sameTexts(condition) {
		return true
	}
	if condition.mixed {
		return false
	}
	demands := f.BoundsBy(condition.by)
	for _, n := range conjuncts(condition.root) {
		if !demands.imply(condition.by, n) {
			return false
		}
	}
	return true
}

// sameTexts reports whether two filters compare texts alike, all over.
func (f *Filter) sameTexts(other *Filter) bool {
	return !f.mixed && !other.mixed && collation.Same(f.by, other.by)
}

func conjuncts(n node) []node {
	if all, ok := n.(allNode); ok {
		return all
	}
	return []node{n}
}

// imply reports whether a document that has a key inside every range satisfies n. One key inside the range of a
// single condition is enough for it, whether or not there are arrays on the path.
func (b Bounds) imply(by *collation.Collation, n node) bool {
	if p, ok := n.(*pathNode); ok {
		if _, exists := p.pred.(existsPredicate); exists {
			r, restricted := b.Paths[p.path.String()]
			return restricted && !r.Missing
		}
	}
	want := (&Filter{raw: emptyDocument, root: n}).BoundsBy(by)
	if !want.Complete || len(want.Paths) == 0 {
		return false
	}
	for path, r := range want.Paths {
		have, restricted := b.Paths[path]
		if !restricted || !r.Exact || !eachInside(have.Intervals, r.Intervals) {
			return false
		}
	}
	return true
}

// eachInside reports whether every interval of one sorted list lies in an interval of the other.
func eachInside(inner, outer []Interval) bool {
	for _, i := range inner {
		found := false
		for _, o := range outer {
			found = found || compareLow(o, i) <= 0 && compareHigh(o, i) >= 0
		}
		if !found {
			return false
		}
	}
	return true
}
