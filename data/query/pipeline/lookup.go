package pipeline

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/expr"
	"yunduo/data/query/value"
)

// lookupStage is $lookup: each row gets the array of a foreign collection's documents that belong to it, by equal
// fields, by a pipeline with variables, or by both.
type lookupStage struct {
	from    string
	local   []string // nil without the equality
	foreign string
	as      []string
	let     []letVariable
	nested  bool // there is a pipeline
	stages  []stage
	by      *collation.Collation
	repeats bool // the pipeline gives the same for every row
}

type letVariable struct {
	name  string
	value *expr.Expr
}

func parseLookup(p *parser, name string, arg bson.RawValue) (stage, error) {
	raw, err := parameters(name, arg, "from", "localField?", "foreignField?", "as", "let?", "pipeline?")
	if err != nil {
		return nil, err
	}
	s := &lookupStage{by: p.by}
	if s.from, err = p.from(name, "from", raw[0]); err != nil {
		return nil, err
	}
	if s.as, err = pathArgument(name, "as", raw[3]); err != nil {
		return nil, err
	}
	if (raw[1].Type == 0) != (raw[2].Type == 0) {
		return nil, invalid("%s needs localField and foreignField together", name)
	}
	if raw[1].Type != 0 {
		if s.local, err = pathArgument(name, "localField", raw[1]); err != nil {
			return nil, err
		}
		foreign, err := pathArgument(name, "foreignField", raw[2])
		if err != nil {
			return nil, err
		}
		s.foreign = joinPath(foreign)
	}
	if raw[5].Type == 0 {
		if s.local == nil || raw[4].Type != 0 {
			return nil, invalid("%s needs localField and foreignField, or a pipeline, which alone can use let", name)
		}
		return s, nil
	}
	s.nested = true
	return s, s.parsePipeline(p, name, raw[4], raw[5])
}

func (s *lookupStage) parsePipeline(p *parser, name string, let, pipeline bson.RawValue) error {
	outer, inFacet := p.declared, p.inFacet
	defer func() { p.declared, p.inFacet = outer, inFacet }()
	p.inFacet = false
	declared := outer[:len(outer):len(outer)]
	if let.Type != 0 {
		if let.Type != bson.TypeEmbeddedDocument {
			return invalid("%s: let must be an object, not %s", name, value.TypeName(let.Type))
		}
		var err error
		elements(let.Value, func(key string, v bson.RawValue) bool {
			if err = expr.CheckVariable(name, key); err != nil {
				return false
			}
			var e *expr.Expr
			if e, err = expr.ParseWith(v, expr.Scope{Declared: outer, Collation: p.by}); err == nil {
				s.let = append(s.let, letVariable{key, e})
				declared = append(declared, key)
			}
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	p.declared = declared
	var err error
	s.stages, err = p.nested(name, pipeline)
	s.repeats = s.local == nil && len(s.let) == 0
	return err
}

func (s *lookupStage) run(env *environment, in iterator) (iterator, error) {
	if s.nested {
		return &mapRows{in, s.eachRow(env)}, nil
	}
	return &joinRows{lookupStage: s, env: env, in: in, size: 16}, nil
}

// eachRow runs the pipeline for each row.
func (s *lookupStage) eachRow(env *environment) func(ctx context.Context, row bson.Raw) (bson.Raw, error) {
	var repeated *bson.RawValue
	return func(ctx context.Context, row bson.Raw) (bson.Raw, error) {
		if repeated != nil {
			return setPath(row, s.as, *repeated), nil
		}
		named := make(map[string]bson.RawValue, len(s.let))
		for _, variable := range s.let {
			v, err := variable.value.Eval(row, env.at(ctx))
			if err != nil {
				return nil, err
			}
			named[variable.name] = v
		}
		var equality *query.Filter
		if s.local != nil {
			var err error
			if equality, err = query.ParseFilterBy(s.by, oneOf(s.foreign, s.keys(row))); err != nil {
				return nil, err
			}
		}
		b := env.budget("$lookup")
		rows, err := env.with(named).open(ctx, s.from, s.stages, equality)
		if err != nil {
			return nil, err
		}
		list, err := gatherArray(ctx, rows, &b)
		if err != nil {
			return nil, err
		}
		if s.repeats {
			repeated = &list
		}
		return setPath(row, s.as, list), nil
	}
}

// keys returns the values of localField that a row is joined by: the elements of an array, null if there is none.
func (s *lookupStage) keys(row bson.Raw) []bson.RawValue {
	v := expr.Path(row, s.local)
	if v.Type != bson.TypeArray {
		if value.Nullish(v) {
			v = value.Null
		}
		return []bson.RawValue{v}
	}
	var keys []bson.RawValue
	for _, item := range items(v) {
		if len(s.local) > 1 && item.Type == bson.TypeArray { // an array of objects with arrays
			keys = append(keys, items(item)...)
		} else {
			keys = append(keys, item)
		}
	}
	return keys
}
