package expr

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

// someState keeps n values: the first, last, greatest or least.
type someState struct {
	op   string
	n    int
	by   *collation.Collation
	kept []bson.RawValue
}

// parseSome compiles $firstN, $lastN, $maxN and $minN as accumulators. n must not depend on the documents.
func parseSome(op string, arg bson.RawValue, scope Scope) (*Accumulation, error) {
	raw, err := rawParameters(op, arg, "n", "input")
	if err != nil {
		return nil, err
	}
	n, err := ParseWith(raw[0], scope)
	if err != nil {
		return nil, err
	}
	input, err := ParseWith(raw[1], scope)
	if err != nil {
		return nil, err
	}
	return &Accumulation{input, func(vars Vars) (state, error) {
		limit, err := evalCount(op, n, vars)
		return &someState{op: op, n: limit, by: scope.Collation}, err
	}}, nil
}

func evalCount(op string, n *Expr, vars Vars) (int, error) {
	v, err := n.Eval(nil, vars)
	if err != nil {
		return 0, err
	}
	return checkCount(op, v)
}

func (s *someState) add(v bson.RawValue) (int, error) {
	ranked := s.op == "$maxN" || s.op == "$minN"
	switch {
	case ranked && value.Nullish(v), s.op == "$firstN" && len(s.kept) == s.n:
		return 0, nil
	case v.Type == 0:
		v = value.Null
	}
	at := len(s.kept)
	if ranked {
		at, _ = slices.BinarySearchFunc(s.kept, v, func(kept, v bson.RawValue) int {
			c := value.CompareBy(s.by, kept, v)
			if s.op == "$maxN" {
				c = -c
			}
			if c == 0 {
				return -1 // behind its equals
			}
			return c
		})
		if at == s.n {
			return 0, nil
		}
	}
	s.kept = slices.Insert(s.kept, at, clone(v))
	grown := len(v.Value) + 40
	if len(s.kept) > s.n {
		drop := s.n
		if s.op == "$lastN" {
			drop = 0
		}
		grown -= len(s.kept[drop].Value) + 40
		s.kept = slices.Delete(s.kept, drop, drop+1)
	}
	return grown, nil
}

func (s *someState) result() (bson.RawValue, error) { return arrayOf(s.op, s.kept) }

// topState keeps the n outputs whose documents sort first or, for $bottom, last.
type topState struct {
	op     string
	n      int
	keys   []sortKey
	single bool
	kept   []entry
}

// parseTop compiles $top, $bottom: {sortBy, output} and $topN, $bottomN: {n, sortBy, output}. Output and sort keys
// reach the state as one array, as both come from the same document.
func parseTop(op string, arg bson.RawValue, scope Scope) (*Accumulation, error) {
	names := []string{"sortBy", "output", "n"}
	single := op == "$top" || op == "$bottom"
	if single {
		names = names[:2]
	}
	raw, err := rawParameters(op, arg, names...)
	if err != nil {
		return nil, err
	}
	if raw[0].Type != bson.TypeEmbeddedDocument {
		return nil, invalid("%s: sortBy must be an object of fields", op)
	}
	keys, err := parseSortBy(scope.Collation, op, raw[0])
	if err != nil {
		return nil, err
	}
	output, err := ParseWith(raw[1], scope)
	if err != nil {
		return nil, err
	}
	n, err := Parse(value.Int32(1))
	if !single {
		n, err = ParseWith(raw[2], scope)
	}
	if err != nil {
		return nil, err
	}
	inner := output.root.eval
	output.root = node{eval: func(f *frame) (bson.RawValue, error) {
		v, err := inner(f)
		if err != nil {
			return v, err
		}
		return value.ArrayOf(append(keysOf(keys, f.root), v)...), nil
	}}
	return &Accumulation{output, func(vars Vars) (state, error) {
		limit, err := evalCount(op, n, vars)
		return &topState{op: op, n: limit, keys: keys, single: single}, err
	}}, nil
}

func (s *topState) add(v bson.RawValue) (int, error) {
	top := s.op == "$top" || s.op == "$topN"
	items := values(v)
	e := entry{items[len(s.keys)], items[:len(s.keys)]}
	at, _ := slices.BinarySearchFunc(s.kept, e, func(kept, e entry) int {
		if c := compareKeys(s.keys, kept.keys, e.keys); c != 0 {
			return c
		}
		return -1
	})
	full := len(s.kept) == s.n
	if full && (top && at == s.n || !top && at == 0) {
		return 0, nil
	}
	kept := values(clone(v))
	s.kept = slices.Insert(s.kept, at, entry{kept[len(s.keys)], kept[:len(s.keys)]})
	grown := len(v.Value)
	if full {
		drop := 0
		if top {
			drop = s.n
		}
		s.kept = slices.Delete(s.kept, drop, drop+1)
		grown = 0
	}
	return grown, nil
}

func (s *topState) result() (bson.RawValue, error) {
	if s.single {
		if len(s.kept) == 0 {
			return bson.RawValue{}, nil
		}
		return s.kept[0].value, nil
	}
	out := make([]bson.RawValue, len(s.kept))
	for i, e := range s.kept {
		out[i] = e.value
	}
	return arrayOf(s.op, out)
}
