package pipeline

import (
	"bytes"
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/expr"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// densifyStage is $densify: it adds rows so that a field of numbers or dates has no gaps wider than a step.
type densifyStage struct {
	name       string
	field      []string
	partition  [][]string
	step       bson.RawValue
	unit       string // of dates; empty for numbers
	low, high  bson.RawValue
	everywhere bool // from the least to the greatest value of all rows, else of each partition
}

func parseDensify(p *parser, name string, arg bson.RawValue) (stage, error) {
	raw, err := parameters(name, arg, "field", "partitionByFields?", "range")
	if err != nil {
		return nil, err
	}
	s := &densifyStage{name: name}
	if s.field, err = pathArgument(name, "field", raw[0]); err != nil {
		return nil, err
	}
	if s.partition, err = pathList(name, "partitionByFields", raw[1]); err != nil {
		return nil, err
	}
	return s, s.parseRange(raw[2])
}

// pathList reads a list of field paths; a missing one is empty.
func pathList(stage, name string, v bson.RawValue) ([][]string, error) {
	if v.Type == 0 {
		return nil, nil
	}
	if v.Type != bson.TypeArray {
		return nil, invalid("%s: %s must be an array of field paths", stage, name)
	}
	var list [][]string
	for _, item := range items(v) {
		path, err := pathArgument(stage, name, item)
		if err != nil {
			return nil, err
		}
		list = append(list, path)
	}
	return list, nil
}

func (s *densifyStage) parseRange(v bson.RawValue) error {
	raw, err := parameters(s.name, v, "step", "unit?", "bounds")
	if err != nil {
		return err
	}
	if s.step = raw[0]; !value.IsNumber(s.step) || value.IsNaN(s.step) || value.Compare(s.step, value.Int32(0)) <= 0 {
		return invalid("%s: step must be a number above 0", s.name)
	}
	if raw[1].Type != 0 {
		if s.unit, err = expr.CheckUnit(s.name, raw[1]); err != nil {
			return err
		}
		if _, whole := value.Int64(s.step); !whole {
			return invalid("%s: step must be a whole number of units", s.name)
		}
	}
	bounds := raw[2]
	if bounds.Type == bson.TypeString {
		switch bounds.StringValue() {
		case "full":
			s.everywhere = true
			return nil
		case "partition":
			if len(s.partition) == 0 {
				return invalid(`%s: the bounds "partition" need partitionByFields`, s.name)
			}
			return nil
		}
	}
	if bounds.Type != bson.TypeArray || value.Count(bounds.Value) != 2 {
		return invalid(`%s: bounds must be "full", "partition" or an array of two values`, s.name)
	}
	ends := items(bounds)
	s.low, s.high = ends[0], ends[1]
	if !s.fits(s.low) || !s.fits(s.high) {
		return invalid("%s: bounds must be numbers, or with a unit dates", s.name)
	}
	if value.Compare(s.low, s.high) > 0 {
		return invalid("%s: the lower bound lies above the upper one", s.name)
	}
	return nil
}

// fits reports whether a value can stand in the field.
func (s *densifyStage) fits(v bson.RawValue) bool {
	if s.unit != "" {
		return v.Type == bson.TypeDateTime
	}
	return value.IsNumber(v)
}

func (s *densifyStage) run(env *environment, in iterator) (iterator, error) {
	b := env.budget(s.name)
	return &blockingRows{in: in, read: func(ctx context.Context) ([]bson.Raw, error) {
		return s.densify(ctx, in, &b)
	}}, nil
}

// denseRow is a row with its value of the field and its partition.
type denseRow struct {
	row       bson.Raw
	at        bson.RawValue
	partition []byte
}

func (s *densifyStage) densify(ctx context.Context, in iterator, b *budget) ([]bson.Raw, error) {
	all, err := collect(ctx, in, b)
	if err != nil {
		return nil, err
	}
	var rows []denseRow
	var out []bson.Raw
	for _, row := range all {
		r := denseRow{row: row, at: getPath(row, s.field)}
		if value.Nullish(r.at) {
			out = append(out, row) // which has no place among the others
			continue
		}
		if !s.fits(r.at) {
			return nil, yunduo.Errorf(yunduo.ReasonExpressionFailed, "%s: the field must have numbers, or with a unit dates, not %s", s.name, value.TypeName(r.at.Type))
		}
		for _, path := range s.partition {
			v := getPath(row, path)
			if v.Type == 0 {
				v = value.Null
			}
			if r.partition, err = value.AppendKey(r.partition, v); err != nil {
				return nil, err
			}
		}
		if err := b.charge(len(r.partition) + 80); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b denseRow) int {
		if c := bytes.Compare(a.partition, b.partition); c != 0 {
			return c
		}
		return value.Compare(a.at, b.at)
	})
	return s.spread(ctx, rows, out, b)
}

// spread appends the partitions, each filled up.
func (s *densifyStage) spread(ctx context.Context, rows []denseRow, out []bson.Raw, b *budget) ([]bson.Raw, error) {
	low, high := s.low, s.high
	inclusive := s.everywhere
	if s.everywhere {
		for i, r := range rows {
			if i == 0 || value.Compare(r.at, low) < 0 {
				low = r.at
			}
			if i == 0 || value.Compare(r.at, high) > 0 {
				high = r.at
			}
		}
	}
	if len(rows) == 0 && low.Type != 0 {
		return s.fillTo(ctx, nil, nil, low, high, inclusive, out, b)
	}
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && bytes.Equal(rows[n].partition, rows[0].partition) {
			n++
		}
		first, last := low, high
		if s.low.Type == 0 && !s.everywhere {
			first, last = rows[0].at, rows[n-1].at
		}
		var err error
		if out, err = s.fillTo(ctx, rows[:n], rows[0].row, first, last, inclusive, out, b); err != nil {
			return nil, err
		}
		rows = rows[n:]
	}
	return out, nil
}

// fillTo appends the rows of a partition and a new one at every step from first to last that has no row.
func (s *densifyStage) fillTo(ctx context.Context, rows []denseRow, like bson.Raw, first, last bson.RawValue, inclusive bool, out []bson.Raw, b *budget) ([]bson.Raw, error) {
	next := first
	for i := int64(0); ; {
		c := value.Compare(next, last)
		if c > 0 || c == 0 && !inclusive {
			break
		}
		for len(rows) > 0 && value.Compare(rows[0].at, next) < 0 {
			out, rows = append(out, rows[0].row), rows[1:]
		}
		if len(rows) > 0 && value.Compare(rows[0].at, next) == 0 {
			for len(rows) > 0 && value.Compare(rows[0].at, next) == 0 {
				out, rows = append(out, rows[0].row), rows[1:]
			}
		} else {
			made := bson.Raw(value.EndDocument(value.BeginDocument(nil), 0))
			for _, path := range s.partition {
				if v := getPath(like, path); v.Type != 0 {
					made = setPath(made, path, v)
				}
			}
			made = setPath(made, s.field, next)
			if err := b.charge(len(made) + 24); err != nil {
				return nil, err
			}
			out = append(out, made)
		}
		if i++; i > language.MaxDensified {
			return nil, yunduo.Errorf(yunduo.ReasonQueryTooExpensive, "%s makes more than %d rows", s.name, language.MaxDensified)
		}
		if i&(1<<10-1) == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var err error
		before := next
		if next, err = s.at(first, i); err != nil {
			return nil, err
		}
		if value.Compare(next, before) <= 0 {
			return nil, yunduo.Errorf(yunduo.ReasonExpressionFailed, "%s: the step is too small for these values", s.name)
		}
	}
	for _, r := range rows {
		out = append(out, r.row)
	}
	return out, nil
}

// at returns the value n steps behind first.
func (s *densifyStage) at(first bson.RawValue, n int64) (bson.RawValue, error) {
	if s.unit != "" {
		step, _ := value.Int64(s.step)
		distance, _ := value.Multiply(value.Int64Value(step), value.Int64Value(n))
		if distance.Type != bson.TypeInt64 {
			return first, yunduo.Errorf(yunduo.ReasonExpressionFailed, "%s: the date is out of range", s.name)
		}
		return expr.MoveDate(s.name, first, s.unit, distance.Int64())
	}
	distance, _ := value.Multiply(s.step, value.Int(n))
	at, _ := value.Add(first, distance)
	return at, nil
}
