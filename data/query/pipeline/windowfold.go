package pipeline

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/expr"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// windowFunction compiles what an output is: an object of one function and, for most of them, its window.
func (p *parser) windowFunction(s *windowStage, field string, v bson.RawValue) (windowFunction, error) {
	if v.Type != bson.TypeEmbeddedDocument {
		return nil, invalid("%s: the output %q must be an object with a function", s.name, field)
	}
	var op string
	var arg, bounds bson.RawValue
	n := 0
	elements(v.Value, func(key string, v bson.RawValue) bool {
		if key == "window" {
			bounds = v
		} else {
			op, arg = key, v
			n++
		}
		return true
	})
	if n != 1 {
		return nil, invalid("%s: the output %q must have exactly one function", s.name, field)
	}
	if parse := windowFunctions[op]; parse != nil {
		if bounds.Type != 0 {
			return nil, invalid("%s takes no window", op)
		}
		return parse(p, s, op, arg)
	}
	w, err := s.parseBounds(bounds)
	if err != nil {
		return nil, err
	}
	if op == "$derivative" || op == "$integral" {
		return p.parseCurve(s, op, arg, w, bounds.Type != 0)
	}
	if _, known := language.Lookup(language.Window, op); !known {
		if _, known = language.Lookup(language.Accumulator, op); !known {
			return nil, language.Unknown(language.Window, op)
		}
	}
	call := value.EndDocument(value.Append(value.BeginDocument(nil), op, arg), 0)
	fold, err := expr.ParseWindow(value.Document(call), p.scope())
	if err != nil {
		return nil, err
	}
	return &foldFunction{w, fold}, nil
}

// foldFunction is an accumulator over a window.
type foldFunction struct {
	window *window
	fold   *expr.Accumulation
}

func (f *foldFunction) values(p *partition) ([]bson.RawValue, error) {
	inputs, err := p.eval(f.fold.Input)
	if err != nil {
		return nil, err
	}
	out := make([]bson.RawValue, len(p.rows))
	var running *expr.Fold
	lastFrom, lastTo := -1, -1 // of the running fold
	for i := range p.rows {
		from, to, err := f.window.span(p, i)
		if err != nil {
			return nil, err
		}
		if from == lastFrom && to == lastTo {
			out[i] = out[i-1]
			continue
		}
		if from != lastFrom || to < lastTo { // a window that only grows goes on where it was
			if running, err = f.fold.New(p.vars); err != nil {
				return nil, err
			}
			lastTo = from
		}
		for _, v := range inputs[lastTo:to] {
			if _, err := running.AddValue(v); err != nil {
				return nil, err
			}
			if err := p.step(); err != nil {
				return nil, err
			}
		}
		lastFrom, lastTo = from, to
		v, err := running.Result()
		if err != nil {
			return nil, err
		}
		out[i] = bson.RawValue{Type: v.Type, Value: append([]byte(nil), v.Value...)} // the fold may use its memory again
		if err := p.budget.charge(len(v.Value) + 32); err != nil {
			return nil, err
		}
	}
	return out, nil
}
