package embedded

import (
	"bytes"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/value"
)

// absolute turns ranges of encoded values into ranges of keys.
func (ix *index) absolute(c *collection, ranges []keyRange) []keyRange {
	prefix := ix.prefix(c)
	out := make([]keyRange, len(ranges))
	for i, r := range ranges {
		out[i].low = append(slices.Clone(prefix), r.low...)
		if r.high == nil {
			out[i].high = keyEnd(out[i].low)
		} else {
			out[i].high = append(slices.Clone(prefix), r.high...)
		}
	}
	slices.SortFunc(out, func(a, b keyRange) int { return bytes.Compare(a.low, b.low) })
	return out
}

// encodeIntervals returns the encodings in each interval.
func encodeIntervals(intervals []query.Interval, descending bool) (parts []part, ok bool) {
	parts = make([]part, 0, len(intervals))
	for _, in := range intervals {
		low, high, err := encodeInterval(in, descending)
		if err != nil {
			return nil, false
		}
		if isPoint(in) {
			high = nil
		}
		parts = append(parts, part{low, high})
	}
	return parts, true
}

// extend appends a component's parts to ranges that are points so far (high nil). points is true if all are points
// again; ok is false if they are too many.
func extend(ranges []keyRange, parts []part) (out []keyRange, points, ok bool) {
	if len(ranges)*len(parts) > maxRanges {
		return nil, false, false
	}
	points = true
	out = []keyRange{}
	for _, r := range ranges {
		for _, p := range parts {
			next := keyRange{low: append(slices.Clone(r.low), p.low...)}
			if p.high != nil {
				points = false
				next.high = append(slices.Clone(r.low), p.high...)
			}
			out = append(out, next)
		}
	}
	if !points {
		for i := range out {
			if out[i].high == nil {
				out[i].high = keyEnd(out[i].low)
			}
		}
	}
	return out, points, true
}

func isPoint(in query.Interval) bool {
	return !in.LowOpen && !in.HighOpen && value.Equal(in.Low, in.High)
}

// encodeInterval returns the encodings from low to before high that lie in an interval. No encoding is a prefix of
// another, so what follows a component in a key does not matter.
func encodeInterval(in query.Interval, descending bool) (low, high []byte, err error) {
	lowValue, highValue, lowOpen, highOpen := in.Low, in.High, in.LowOpen, in.HighOpen
	if descending {
		lowValue, highValue, lowOpen, highOpen = highValue, lowValue, highOpen, lowOpen
	}
	if low, err = encodeBound(lowValue, descending); err != nil {
		return nil, nil, err
	}
	if lowOpen {
		low = keyEnd(low)
	}
	if high, err = encodeBound(highValue, descending); err != nil {
		return nil, nil, err
	}
	if !highOpen {
		high = keyEnd(high)
	}
	return low, high, nil
}

func encodeBound(v bson.RawValue, descending bool) ([]byte, error) {
	return appendComponent(nil, nil, v, descending, nil) // of texts under a collation: see query.Filter.BoundsBy
}
