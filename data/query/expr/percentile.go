package expr

import (
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// percentileState keeps all numbers, as doubles, to find some of them by their rank.
type percentileState struct {
	single  bool // $median: one value, not an array
	ranks   []float64
	numbers []float64
}

// percentileArguments reads {input, p, method} of $percentile, {input, method} of $median.
func percentileArguments(op string, arg bson.RawValue, constant func(v bson.RawValue) (bson.RawValue, bool, error)) (input bson.RawValue, ranks []float64, err error) {
	names := []string{"input", "method", "p"}
	if op == "$median" {
		names = names[:2]
	}
	raw, err := rawParameters(op, arg, names...)
	if err != nil {
		return input, nil, err
	}
	if raw[1].Type != bson.TypeString || text(raw[1]) != "approximate" {
		return input, nil, invalid("%s: method must be \"approximate\"", op)
	}
	if op == "$median" {
		return raw[0], []float64{0.5}, nil
	}
	list, ok, err := constant(raw[2])
	if err != nil {
		return input, nil, err
	}
	if !ok || list.Type != bson.TypeArray || count(list) == 0 {
		return input, nil, invalid("%s: p must be a constant array of numbers from 0 to 1", op)
	}
	for _, v := range values(list) {
		p, ok := value.Float64(v)
		if !ok || !(p >= 0 && p <= 1) {
			return input, nil, invalid("%s: p must be a constant array of numbers from 0 to 1", op)
		}
		ranks = append(ranks, p)
	}
	return raw[0], ranks, nil
}

func parsePercentile(op string, arg bson.RawValue, scope Scope) (*Accumulation, error) {
	raw, ranks, err := percentileArguments(op, arg, func(v bson.RawValue) (bson.RawValue, bool, error) {
		e, err := ParseWith(v, scope)
		if err != nil {
			return v, false, err
		}
		list, ok, err := e.Constant()
		return list, ok && err == nil, nil
	})
	if err != nil {
		return nil, err
	}
	input, err := ParseWith(raw, scope)
	if err != nil {
		return nil, err
	}
	return &Accumulation{input, func(Vars) (state, error) {
		return &percentileState{single: op == "$median", ranks: ranks}, nil
	}}, nil
}

// compilePercentile is $median or $percentile of one array, or of a single number.
func compilePercentile(c *compiler, op string, arg bson.RawValue) (node, error) {
	raw, ranks, err := percentileArguments(op, arg, func(v bson.RawValue) (bson.RawValue, bool, error) {
		n, err := c.expression(v)
		if err != nil || !n.constant {
			return v, false, err
		}
		list, err := n.eval(&frame{})
		return list, err == nil, nil
	})
	if err != nil {
		return node{}, err
	}
	input, err := c.expression(raw)
	if err != nil {
		return node{}, err
	}
	return call(op, []node{input}, func(_ string, a []bson.RawValue) (bson.RawValue, error) {
		s := &percentileState{single: op == "$median", ranks: ranks}
		list := a[:1]
		if a[0].Type == bson.TypeArray {
			list = values(a[0])
		}
		for _, v := range list {
			if _, err := s.add(v); err != nil {
				return v, err
			}
		}
		return s.result()
	}), nil
}

func (s *percentileState) add(v bson.RawValue) (int, error) {
	x, ok := value.Float64(v)
	if !ok || math.IsNaN(x) {
		return 0, nil
	}
	s.numbers = append(s.numbers, x)
	return 8, nil
}

func (s *percentileState) result() (bson.RawValue, error) {
	slices.Sort(s.numbers)
	out := make([]bson.RawValue, len(s.ranks))
	for i, p := range s.ranks {
		out[i] = value.Null
		if n := len(s.numbers); n > 0 {
			at := int(math.Ceil(p*float64(n))) - 1
			out[i] = value.Double(s.numbers[min(max(at, 0), n-1)])
		}
	}
	if s.single {
		return out[0], nil
	}
	return value.ArrayOf(out...), nil
}
