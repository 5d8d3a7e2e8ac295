package pipeline

import (
	"bytes"
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/expr"
	"yunduo/data/query/value"
)

// graphStage is $graphLookup: each row gets the array of documents that can be reached from it.
type graphStage struct {
	from, to string
	start    *expr.Expr
	step     []string
	as       []string
	depth    []string // nil: not asked for
	maxDepth int64
	restrict *query.Filter
	by       *collation.Collation
}

func parseGraphLookup(p *parser, name string, arg bson.RawValue) (stage, error) {
	raw, err := parameters(name, arg, "from", "startWith", "connectFromField", "connectToField", "as", "maxDepth?",
		"depthField?", "restrictSearchWithMatch?")
	if err != nil {
		return nil, err
	}
	s := &graphStage{maxDepth: 1<<63 - 1, by: p.by}
	if s.from, err = p.from(name, "from", raw[0]); err != nil {
		return nil, err
	}
	if s.start, err = expr.ParseWith(raw[1], p.scope()); err != nil {
		return nil, err
	}
	if s.step, err = pathArgument(name, "connectFromField", raw[2]); err != nil {
		return nil, err
	}
	to, err := pathArgument(name, "connectToField", raw[3])
	if err != nil {
		return nil, err
	}
	s.to = joinPath(to)
	if s.as, err = pathArgument(name, "as", raw[4]); err != nil {
		return nil, err
	}
	if raw[5].Type != 0 {
		var ok bool
		if s.maxDepth, ok = value.Int64(raw[5]); !ok || s.maxDepth < 0 {
			return nil, invalid("%s: maxDepth must be a whole number that is not negative", name)
		}
	}
	if raw[6].Type != 0 {
		if s.depth, err = pathArgument(name, "depthField", raw[6]); err != nil {
			return nil, err
		}
	}
	if raw[7].Type != 0 {
		if raw[7].Type != bson.TypeEmbeddedDocument {
			return nil, invalid("%s: restrictSearchWithMatch must be a filter", name)
		}
		if s.restrict, err = query.ParseFilterBy(s.by, raw[7].Value); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *graphStage) run(env *environment, in iterator) (iterator, error) {
	return &mapRows{in, func(ctx context.Context, row bson.Raw) (bson.Raw, error) {
		v, err := s.start.Eval(row, env.at(ctx))
		if err != nil {
			return nil, err
		}
		list, err := s.reach(ctx, env, v)
		if err != nil {
			return nil, err
		}
		return setPath(row, s.as, list), nil
	}}, nil
}

// search is the state of one walk, breadth first.
type search struct {
	by       *collation.Collation
	asked    map[string]bool // values that were looked for
	reached  map[string]bool // _ids of documents that were found
	frontier []bson.RawValue // values to look for next
}

// want adds a value, or the elements of an array, to those to look for.
func (w *search) want(v bson.RawValue, b *budget) error {
	values := []bson.RawValue{v}
	if v.Type == bson.TypeArray {
		values = items(v)
	}
	for _, v := range values {
		if v.Type == 0 {
			continue
		}
		key, err := value.AppendKeyBy(w.by, nil, v)
		if err != nil {
			return err
		}
		if w.asked[string(key)] {
			continue
		}
		if err := b.charge(len(key) + len(v.Value) + 100); err != nil {
			return err
		}
		w.asked[string(key)] = true
		w.frontier = append(w.frontier, bson.RawValue{Type: v.Type, Value: bytes.Clone(v.Value)})
	}
	return nil
}

func (s *graphStage) reach(ctx context.Context, env *environment, start bson.RawValue) (bson.RawValue, error) {
	b := env.budget("$graphLookup")
	w := &search{by: s.by, asked: map[string]bool{}, reached: map[string]bool{}}
	if start.Type == 0 {
		start = value.Null
	}
	if err := w.want(start, &b); err != nil {
		return start, err
	}
	out, n := value.BeginDocument(nil), 0
	for depth := int64(0); len(w.frontier) > 0 && depth <= s.maxDepth; depth++ {
		filter, err := query.ParseFilterBy(s.by, oneOf(s.to, w.frontier))
		if err != nil {
			return start, err
		}
		w.frontier = nil
		found, err := env.src.Find(ctx, s.from, query.And(s.restrict, filter), nil, 0)
		if err != nil {
			return start, err
		}
		for found.Next(ctx) && err == nil {
			out, n, err = s.arrive(out, n, depth, w, found.Current(), &b)
		}
		if err == nil {
			err = found.Err()
		}
		if failure := found.Close(); err == nil {
			err = failure
		}
		if err != nil {
			return start, err
		}
	}
	return value.Array(value.EndDocument(out, 0)), nil
}

// arrive appends a document that was found, if for the first time, and looks further from it.
func (s *graphStage) arrive(out []byte, n int, depth int64, w *search, doc bson.Raw, b *budget) ([]byte, int, error) {
	id, _ := value.Field(doc, "_id")
	key, err := value.AppendKey(nil, id)
	if err != nil || w.reached[string(key)] {
		return out, n, err
	}
	w.reached[string(key)] = true
	if err := b.charge(len(doc) + len(key) + 64); err != nil {
		return out, n, err
	}
	if err := w.want(expr.Path(doc, s.step), b); err != nil {
		return out, n, err
	}
	if s.depth != nil {
		doc = setPath(doc, s.depth, value.Int64Value(depth))
	}
	return value.AppendIndexed(out, n, value.Document(doc)), n + 1, nil
}
