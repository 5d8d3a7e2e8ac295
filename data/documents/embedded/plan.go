package embedded

import (
	"bytes"
	"slices"

	"yunduo/data/query"
	"yunduo/data/query/collation"
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

	// branches reach the matches together: those of an $or. Set instead of all others.
	branches []plan
	// near yields documents by distance. The index's component for places is open: see placeRanges.
	near   *query.NearQuery
	places []keyRange // values of the components before it
	// merge reads the ranges side by side: each is in order, and in each so many leading components are the same.
	merge int

	// ordered: rows come in the order that was asked for, equal ones by _id. It takes group: the number of leading
	// components that form one sort key.
	ordered bool
	reverse bool
	group   int
	// exact: every key in ranges is a document that matches, and every match is one key.
	exact bool
	// descendingTies: equal sort keys are ordered by descending _id.
	descendingTies bool
	bounds         []componentBounds // of the leading components, to be shown
	unique         bool              // one key at most
	covered        *needs            // of documents, and in the entries; nil if documents have to be read

	keys float64 // how many keys there are in ranges, as far as known
	cost float64
}

// componentBounds is what a plan demands of one component of its index.
type componentBounds struct {
	intervals []query.Interval
	cells     int
	keyed     bool // texts are keys of a collation
}

// order is a sort without what _id makes superfluous in the order of bytes.
type order struct {
	fields         []query.SortField // before _id
	descendingTies bool
	by             *collation.Collation
}

func orderOf(sort *query.Sort) order {
	if by := sort.Collation(); by != nil {
		return order{fields: sort.Fields(), by: by} // texts as _id are not in the order of keys
	}
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
