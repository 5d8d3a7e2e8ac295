package pipeline

import (
	"bytes"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/expr"
	"yunduo/data/query/value"
)

// windowFunctions are the functions that have no window: they go by the order of the whole partition.
var windowFunctions = map[string]func(p *parser, s *windowStage, op string, arg bson.RawValue) (windowFunction, error){
	"$rank": parseRank, "$denseRank": parseRank, "$documentNumber": parseRank, "$shift": parseShift,
	"$expMovingAvg": parseMovingAverage, "$linearFill": parseFillFunction, "$locf": parseFillFunction,
}

func (s *windowStage) needsOrder(op string, single bool) error {
	switch n := len(s.order.Fields()); {
	case n == 0:
		return invalid("%s needs sortBy", op)
	case single && n != 1:
		return invalid("%s needs sortBy with exactly one field", op)
	}
	return nil
}

// rankFunction is $rank, $denseRank or $documentNumber.
type rankFunction struct{ op string }

func parseRank(_ *parser, s *windowStage, op string, arg bson.RawValue) (windowFunction, error) {
	if arg.Type != bson.TypeEmbeddedDocument || !value.IsEmpty(arg.Value) {
		return nil, invalid("%s takes an empty object", op)
	}
	return rankFunction{op}, s.needsOrder(op, op != "$documentNumber")
}

func (f rankFunction) values(p *partition) ([]bson.RawValue, error) {
	out := make([]bson.RawValue, len(p.rows))
	rank, dense := int64(0), int64(0)
	for i, row := range p.rows {
		if i == 0 || !bytes.Equal(row.order, p.rows[i-1].order) {
			rank, dense = int64(i+1), dense+1
		}
		n := int64(i + 1)
		switch f.op {
		case "$rank":
			n = rank
		case "$denseRank":
			n = dense
		}
		out[i] = value.Int(n)
		if err := p.budget.charge(40); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// shiftFunction is $shift: what an expression is in the row so many places behind.
type shiftFunction struct {
	output    *expr.Expr
	by        int64
	otherwise bson.RawValue
}

func parseShift(p *parser, s *windowStage, op string, arg bson.RawValue) (windowFunction, error) {
	raw, err := parameters(op, arg, "output", "by", "default?")
	if err != nil {
		return nil, err
	}
	f := &shiftFunction{otherwise: value.Null}
	if f.output, err = expr.ParseWith(raw[0], p.scope()); err != nil {
		return nil, err
	}
	var ok bool
	if f.by, ok = value.Int64(raw[1]); !ok || f.by < -1<<31 || f.by >= 1<<31 {
		return nil, invalid("%s: by must be a whole number of 32 bits", op)
	}
	if raw[2].Type != 0 {
		if f.otherwise, err = p.constant(op, "default", raw[2]); err != nil {
			return nil, err
		}
	}
	return f, s.needsOrder(op, false)
}

func (f *shiftFunction) values(p *partition) ([]bson.RawValue, error) {
	all, err := p.eval(f.output.Eval)
	if err != nil {
		return nil, err
	}
	out := make([]bson.RawValue, len(all))
	for i := range out {
		at := int64(i) + f.by
		switch {
		case at < 0 || at >= int64(len(all)):
			out[i] = f.otherwise
		case all[at].Type == 0:
			out[i] = value.Null
		default:
			out[i] = all[at]
		}
	}
	return out, nil
}

// averageFunction is $expMovingAvg.
type averageFunction struct {
	input *expr.Expr
	alpha bson.RawValue
}

func parseMovingAverage(p *parser, s *windowStage, op string, arg bson.RawValue) (windowFunction, error) {
	raw, err := parameters(op, arg, "input", "N?", "alpha?")
	if err != nil {
		return nil, err
	}
	f := &averageFunction{alpha: raw[2]}
	if f.input, err = expr.ParseWith(raw[0], p.scope()); err != nil {
		return nil, err
	}
	switch n, ok := value.Int64(raw[1]); {
	case (raw[1].Type == 0) == (raw[2].Type == 0):
		return nil, invalid("%s needs either N or alpha", op)
	case raw[1].Type != 0 && (!ok || n < 1):
		return nil, invalid("%s: N must be a whole number from 1", op)
	case raw[1].Type != 0:
		f.alpha = value.Double(2 / (float64(n) + 1))
	default:
		if a, ok := value.Float64(raw[2]); !ok || !(a > 0 && a < 1) {
			return nil, invalid("%s: alpha must be a number between 0 and 1", op)
		}
	}
	return f, s.needsOrder(op, false)
}

func (f *averageFunction) values(p *partition) ([]bson.RawValue, error) {
	out, err := p.eval(f.input.Eval)
	if err != nil {
		return nil, err
	}
	rest, _ := value.Subtract(value.Int32(1), f.alpha)
	var average bson.RawValue
	for i, v := range out {
		if !value.IsNumber(v) {
			out[i] = value.Null // and the average goes on as if the row were not there
			continue
		}
		if average.Type == 0 {
			average = v
		} else {
			fresh, _ := value.Multiply(v, f.alpha)
			kept, _ := value.Multiply(average, rest)
			average, _ = value.Add(fresh, kept)
		}
		if average.Type != bson.TypeDecimal128 {
			x, _ := value.Float64(average)
			average = value.Double(x)
		}
		out[i] = average
	}
	return out, nil
}

// fillFunction is $linearFill or $locf: it gives a value to rows that have none.
type fillFunction struct {
	op    string
	input *expr.Expr
}

func parseFillFunction(p *parser, s *windowStage, op string, arg bson.RawValue) (windowFunction, error) {
	input, err := expr.ParseWith(arg, p.scope())
	if err != nil {
		return nil, err
	}
	if op == "$linearFill" {
		err = s.needsOrder(op, true)
	}
	return &fillFunction{op, input}, err
}

func (f *fillFunction) values(p *partition) ([]bson.RawValue, error) {
	out, err := p.eval(f.input.Eval)
	if err != nil {
		return nil, err
	}
	last := -1 // the last row with a value
	for i, v := range out {
		if value.Nullish(v) {
			out[i] = value.Null
			if f.op == "$locf" && last >= 0 {
				out[i] = out[last]
			}
			continue
		}
		if f.op == "$linearFill" {
			if !value.IsNumber(v) {
				return nil, yunduo.Errorf(yunduo.ReasonExpressionFailed, "$linearFill fills numbers, not %s", value.TypeName(v.Type))
			}
			if last >= 0 && last < i-1 {
				if err := f.interpolate(p, out, last, i); err != nil {
					return nil, err
				}
			}
		}
		last = i
	}
	return out, nil
}

// interpolate fills the rows between two with values on the line between them.
func (f *fillFunction) interpolate(p *partition, out []bson.RawValue, from, to int) error {
	places := p.places()
	width, ok := span(places[from], places[to])
	if !ok || !value.Truthy(width) {
		return yunduo.Errorf(yunduo.ReasonExpressionFailed, "$linearFill needs numbers or dates in the field of sortBy, without repetition")
	}
	rise, _ := value.Subtract(out[to], out[from])
	for i := from + 1; i < to; i++ {
		way, ok := span(places[from], places[i])
		if !ok {
			return yunduo.Errorf(yunduo.ReasonExpressionFailed, "$linearFill needs numbers or dates in the field of sortBy, all of one kind")
		}
		product, _ := value.Multiply(rise, way)
		part, _ := value.Divide(product, width)
		out[i], _ = value.Add(out[from], part)
	}
	return nil
}

// span returns b - a: of numbers, or of dates in milliseconds.
func span(a, b bson.RawValue) (bson.RawValue, bool) {
	if a.Type == bson.TypeDateTime && b.Type == bson.TypeDateTime {
		return value.Subtract(value.Int64Value(b.DateTime()), value.Int64Value(a.DateTime()))
	}
	return value.Subtract(b, a)
}
