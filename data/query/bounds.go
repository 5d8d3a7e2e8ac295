package query

import "go.mongodb.org/mongo-driver/v2/bson"

// Interval is a range of values in MongoDB's order, of a path's index keys. A zero bound (type 0) is the key of an
// empty array or of a stored undefined, which lies between MinKey and null.
type Interval struct {
	Low, High         bson.RawValue
	LowOpen, HighOpen bool // the bound itself is outside
}

// Range is what a filter demands of one path, in terms of index keys as value.IndexKeys makes them. Intervals are
// sorted and disjoint; an empty list means that nothing can match.
type Range struct {
	// Intervals holds for every document: one that matches has at least one key inside.
	Intervals []Interval
	// Scalar is the tighter set for a path along which no document has an array (not multikey): there a matching
	// document's only key is inside.
	Scalar []Interval
	// Exact: on a path that is not multikey, a key inside Scalar satisfies everything the filter says of this path.
	Exact bool
	// Missing: a document without the path may match, so that a sparse index must not be used.
	Missing bool
}

// Bounds returns per path what an index scan may restrict itself to. Paths without a useful bound are absent.
func (f *Filter) Bounds() Bounds { return Bounds{} }

// Bounds is what a filter demands of a document's paths.
type Bounds struct {
	Paths map[string]Range
	// Complete: the filter says nothing beyond Paths. With every Range Exact and no path multikey, counting keys
	// counts documents.
	Complete bool
}

// Branches returns, for a filter with an $or, filters whose union matches the same documents, so that each can be
// planned on its own; nil if there is none.
func (f *Filter) Branches() []*Filter { return nil }

// NearQuery is the $near or $nearSphere condition of a filter: results come nearest first.
type NearQuery struct {
	Path string
}

// Near returns the filter's $near or $nearSphere condition, nil if it has none. Match checks the distance limits;
// the order is the caller's to make, by Distance.
func (f *Filter) Near() *NearQuery {
	if f == nil {
		return nil
	}
	return f.near
}

// Distance returns how far doc's geometry is from the point, in metres on the sphere or in units of the plane.
func (n *NearQuery) Distance(doc bson.Raw) (distance float64, ok bool) { return 0, false }
