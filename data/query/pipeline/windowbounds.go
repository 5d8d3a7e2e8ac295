package pipeline

import (
	"sort"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/expr"
	"yunduo/data/query/value"
)

// window says which rows of a partition a function sees from one of them. The zero value is the whole partition.
type window struct {
	name      string        // of the stage
	low, high bson.RawValue // distance from the row; missing is no bound, null the row itself
	ranged    bool          // distances are in the value of the order, else in rows
	unit      string        // of time, for dates
}

// parseBounds compiles {documents: [low, high]} or {range: [low, high], unit}.
func (s *windowStage) parseBounds(v bson.RawValue) (*window, error) {
	w := &window{name: s.name}
	if v.Type == 0 {
		return w, nil
	}
	raw, err := parameters(s.name, v, "documents?", "range?", "unit?")
	if err != nil {
		return nil, err
	}
	bounds := raw[0]
	if w.ranged = raw[1].Type != 0; w.ranged {
		bounds = raw[1]
	}
	switch {
	case raw[0].Type != 0 && w.ranged:
		return nil, invalid("%s: a window has either documents or range", s.name)
	case raw[2].Type != 0 && !w.ranged:
		return nil, invalid("%s: unit belongs to a window with range", s.name)
	case bounds.Type == 0 && raw[2].Type == 0:
		return w, nil
	case bounds.Type != bson.TypeArray || value.Count(bounds.Value) != 2:
		return nil, invalid("%s: the bounds of a window are an array of two", s.name)
	}
	if raw[2].Type != 0 {
		if w.unit, err = expr.CheckUnit(s.name, raw[2]); err != nil {
			return nil, err
		}
	}
	ends := items(bounds)
	if w.low, err = w.bound(ends[0]); err != nil {
		return nil, err
	}
	if w.high, err = w.bound(ends[1]); err != nil {
		return nil, err
	}
	fields := s.order.Fields()
	switch {
	case w.ranged && (len(fields) != 1 || fields[0].Descending):
		return nil, invalid("%s: a window with range needs sortBy with one field that ascends", s.name)
	case (w.low.Type != 0 || w.high.Type != 0) && len(fields) == 0:
		return nil, invalid("%s: a window with bounds needs sortBy", s.name)
	case w.low.Type != 0 && w.high.Type != 0 && value.Compare(distance(w.low), distance(w.high)) > 0:
		return nil, invalid("%s: the lower bound of a window lies above the upper one", s.name)
	}
	return w, nil
}

// distance is a bound as a number.
func distance(bound bson.RawValue) bson.RawValue {
	if bound.Type == bson.TypeNull {
		return value.Int32(0)
	}
	return bound
}

func (w *window) bound(v bson.RawValue) (bson.RawValue, error) {
	if v.Type == bson.TypeString {
		switch v.StringValue() {
		case "unbounded":
			return bson.RawValue{}, nil
		case "current":
			return value.Null, nil
		}
	}
	_, whole := value.Int64(v)
	if !value.IsNumber(v) || !whole && (!w.ranged || w.unit != "") {
		return v, invalid(`%s: a bound of a window is "unbounded", "current" or a number, whole unless it is a range of numbers`, w.name)
	}
	return v, nil
}

// span returns the rows [from, to) that the window of row i has.
func (w *window) span(p *partition, i int) (from, to int, err error) {
	n := len(p.rows)
	if !w.ranged {
		clamp := func(bound bson.RawValue, unbounded int) int {
			if bound.Type == 0 {
				return unbounded
			}
			d, _ := value.Int64(distance(bound))
			return i + int(max(int64(-n-1), min(d, int64(n+1))))
		}
		from, to = max(0, clamp(w.low, 0)), min(n, clamp(w.high, n-1)+1)
		return from, max(from, to), nil
	}
	places, to := p.places(), n
	if w.low.Type != 0 {
		edge, err := w.edge(places[i], w.low)
		if err != nil {
			return 0, 0, err
		}
		from = sort.Search(n, func(k int) bool { return value.Compare(places[k], edge) >= 0 })
	}
	if w.high.Type != 0 {
		edge, err := w.edge(places[i], w.high)
		if err != nil {
			return 0, 0, err
		}
		to = sort.Search(n, func(k int) bool { return value.Compare(places[k], edge) > 0 })
	}
	return from, max(from, to), nil
}

// edge returns the value that lies a bound away from that of a row.
func (w *window) edge(at, bound bson.RawValue) (bson.RawValue, error) {
	if w.unit != "" {
		if at.Type != bson.TypeDateTime {
			return at, yunduo.Errorf(yunduo.ReasonExpressionFailed, "%s: a range with a unit needs dates in the field of sortBy, not %s", w.name, value.TypeName(at.Type))
		}
		n, _ := value.Int64(distance(bound))
		return expr.MoveDate(w.name, at, w.unit, n)
	}
	edge, ok := value.Add(at, distance(bound))
	if !ok {
		return at, yunduo.Errorf(yunduo.ReasonExpressionFailed, "%s: a range without a unit needs numbers in the field of sortBy, not %s", w.name, value.TypeName(at.Type))
	}
	return edge, nil
}
