package pipeline

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/expr"
	"yunduo/data/query/value"
)

// curveFunction is $derivative or $integral of an expression over the field of sortBy.
type curveFunction struct {
	op     string
	window *window
	input  *expr.Expr
	unit   int64 // milliseconds of the unit of dates; 0 for numbers
}

func (p *parser) parseCurve(s *windowStage, op string, arg bson.RawValue, w *window, bounded bool) (windowFunction, error) {
	raw, err := parameters(op, arg, "input", "unit?")
	if err != nil {
		return nil, err
	}
	f := &curveFunction{op: op, window: w}
	if f.input, err = expr.ParseWith(raw[0], p.scope()); err != nil {
		return nil, err
	}
	if raw[1].Type != 0 {
		unit, err := expr.CheckUnit(op, raw[1])
		if err != nil {
			return nil, err
		}
		if f.unit = expr.UnitMillis(unit); f.unit == 0 {
			return nil, invalid("%s: the unit must be of constant length, from millisecond to week", op)
		}
	}
	if !bounded {
		return nil, invalid("%s needs a window", op)
	}
	return f, s.needsOrder(op, true)
}

func (f *curveFunction) values(p *partition) ([]bson.RawValue, error) {
	heights, err := p.eval(f.input.Eval)
	if err != nil {
		return nil, err
	}
	out := make([]bson.RawValue, len(p.rows))
	for i := range p.rows {
		from, to, err := f.window.span(p, i)
		if err != nil {
			return nil, err
		}
		if f.op == "$derivative" {
			out[i], err = f.slope(p, heights, from, to-1)
		} else {
			out[i], err = f.area(p, heights, from, to)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// width returns how far two rows lie apart, in units.
func (f *curveFunction) width(p *partition, from, to int) (bson.RawValue, error) {
	places := p.places()
	dates := places[from].Type == bson.TypeDateTime && places[to].Type == bson.TypeDateTime
	width, ok := span(places[from], places[to])
	switch {
	case !ok || dates != (f.unit > 0):
		return width, yunduo.Errorf(yunduo.ReasonExpressionFailed, "%s needs numbers in the field of sortBy, or dates and a unit", f.op)
	case dates:
		width, _ = value.Divide(width, value.Int64Value(f.unit))
	}
	return width, nil
}

func (f *curveFunction) slope(p *partition, heights []bson.RawValue, from, to int) (bson.RawValue, error) {
	if to < from {
		return value.Null, nil
	}
	width, err := f.width(p, from, to)
	if err != nil {
		return width, err
	}
	if value.Nullish(heights[from]) || value.Nullish(heights[to]) || !value.Truthy(width) {
		return value.Null, nil
	}
	rise, ok := value.Subtract(heights[to], heights[from])
	if !ok {
		return rise, f.notNumbers()
	}
	slope, _ := value.Divide(rise, width)
	return slope, nil
}

func (f *curveFunction) notNumbers() error {
	return yunduo.Errorf(yunduo.ReasonExpressionFailed, "%s: the input must be a number", f.op)
}

// area sums the trapezoids between neighbouring rows.
func (f *curveFunction) area(p *partition, heights []bson.RawValue, from, to int) (bson.RawValue, error) {
	total, half := value.Int32(0), value.Double(0.5)
	if from == to {
		return value.Null, nil
	}
	for i := from + 1; i < to; i++ {
		if err := p.step(); err != nil {
			return total, err
		}
		width, err := f.width(p, i-1, i)
		if err != nil {
			return width, err
		}
		if value.Nullish(heights[i-1]) || value.Nullish(heights[i]) {
			return value.Null, nil
		}
		sum, ok := value.Add(heights[i-1], heights[i])
		if !ok {
			return sum, f.notNumbers()
		}
		sum, _ = value.Multiply(sum, half)
		sum, _ = value.Multiply(sum, width)
		total, _ = value.Add(total, sum)
	}
	return total, nil
}
