package expr

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// Accumulation is a compiled accumulator such as {$sum: "$price"}: an expression and how its values over many
// documents become one. It is safe for concurrent use.
type Accumulation struct {
	input *Expr
	start func(vars Vars) (state, error)
}

// Fold is one running use of an accumulation. It is not safe for concurrent use.
type Fold struct {
	input *Expr
	state state
}

// state takes values one by one. What add keeps it must copy: values live only as long as their document.
type state interface {
	// add takes a value, which may be missing, and returns how many bytes the state has grown by.
	add(v bson.RawValue) (grown int, err error)
	// result returns the outcome so far, missing if there is none.
	result() (bson.RawValue, error)
}

// ParseAccumulation compiles an accumulator, an object with one field; scope is as for ParseWith. It returns
// unknown_operator for one that does not exist and invalid_pipeline for wrong arguments.
func ParseAccumulation(v bson.RawValue, scope Scope) (*Accumulation, error) {
	w := walk(v.Value)
	if v.Type != bson.TypeEmbeddedDocument || !w.next() || count(v) != 1 {
		return nil, invalid("an accumulator is an object with one operator, such as {$sum: 1}")
	}
	op, arg := w.key(), w.value
	parse := func(v bson.RawValue) (*Expr, error) { return ParseWith(v, scope) }
	if start, ok := simpleStates[op]; ok {
		if arg.Type == bson.TypeArray {
			if count(arg) != 1 {
				return nil, invalid("%s takes one expression when it is an accumulator", op)
			}
			arg = elementAt(arg, 0)
		}
		input, err := parse(arg)
		if err != nil {
			return nil, err
		}
		return &Accumulation{input, func(Vars) (state, error) { return start(op, scope.Collation), nil }}, nil
	}
	switch op {
	case "$count":
		if arg.Type != bson.TypeEmbeddedDocument || count(arg) != 0 {
			return nil, invalid("$count takes an empty object when it is an accumulator")
		}
		input, err := parse(value.Int32(1))
		return &Accumulation{input, func(Vars) (state, error) { return &sumState{}, nil }}, err
	case "$firstN", "$lastN", "$maxN", "$minN":
		return parseSome(op, arg, scope)
	case "$median", "$percentile":
		return parsePercentile(op, arg, scope)
	case "$top", "$bottom", "$topN", "$bottomN":
		return parseTop(op, arg, scope)
	}
	return nil, language.Unknown(language.Accumulator, op)
}

// New starts a use of the accumulation.
func (a *Accumulation) New(vars Vars) (*Fold, error) {
	s, err := a.start(vars)
	return &Fold{a.input, s}, err
}

// Add takes a document into account and returns how many bytes the fold has grown by.
func (f *Fold) Add(doc bson.Raw, vars Vars) (grown int, err error) {
	v, err := f.input.Eval(doc, vars)
	if err != nil {
		return 0, err
	}
	return f.state.add(v)
}

// Result returns the outcome, null if there is none.
func (f *Fold) Result() (bson.RawValue, error) {
	v, err := f.state.result()
	if v.Type == 0 {
		v = value.Null
	}
	return v, err
}

// simpleStates are the accumulators of one expression.
var simpleStates = map[string]func(op string, by *collation.Collation) state{
	"$sum":        func(string, *collation.Collation) state { return &sumState{} },
	"$avg":        func(string, *collation.Collation) state { return &averageState{} },
	"$stdDevPop":  func(op string, _ *collation.Collation) state { return &deviationState{op: op} },
	"$stdDevSamp": func(op string, _ *collation.Collation) state { return &deviationState{op: op} },
	"$first":      func(op string, by *collation.Collation) state { return &keepState{op: op, by: by} },
	"$last":       func(op string, by *collation.Collation) state { return &keepState{op: op, by: by} },
	"$min":        func(op string, by *collation.Collation) state { return &keepState{op: op, by: by} },
	"$max":        func(op string, by *collation.Collation) state { return &keepState{op: op, by: by} },
	"$push":       func(op string, _ *collation.Collation) state { return &pushState{array: newArray(op)} },
	"$addToSet": func(op string, by *collation.Collation) state {
		return &pushState{array: newArray(op), members: &set{by, map[string]bool{}}}
	},
	"$mergeObjects": func(op string, _ *collation.Collation) state { return &mergeState{mergeBuilder{op: op}} },
}

// foldOperators are the accumulators that are also expressions on a list or on one array.
func foldOperators() map[string]operator {
	table := map[string]operator{}
	for _, name := range []string{"$sum", "$avg", "$min", "$max", "$stdDevPop", "$stdDevSamp", "$mergeObjects"} {
		table[name] = textual(0, -1, fold1(simpleStates[name]))
	}
	table["$median"], table["$percentile"] = compilePercentile, compilePercentile
	return table
}

func fold1(start func(op string, by *collation.Collation) state) textualFunction {
	return func(by *collation.Collation, op string, a []bson.RawValue) (bson.RawValue, error) {
		s := start(op, by)
		if len(a) == 1 && a[0].Type == bson.TypeArray {
			a = values(a[0])
		}
		for _, v := range a {
			if _, err := s.add(v); err != nil {
				return v, err
			}
		}
		v, err := s.result()
		if v.Type == 0 {
			v = value.Null
		}
		return v, err
	}
}
