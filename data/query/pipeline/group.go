package pipeline

import (
	"bytes"
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/expr"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// groupStage is $group, and what $bucket and $sortByCount are made of. Groups come in the order of their first rows.
type groupStage struct {
	name   string
	id     func(row bson.Raw, vars expr.Vars) (bson.RawValue, error)
	fields []groupField
	by     *collation.Collation
}

type groupField struct {
	name string
	fold *expr.Accumulation
}

func parseGroup(p *parser, name string, arg bson.RawValue) (stage, error) {
	if arg.Type != bson.TypeEmbeddedDocument {
		return nil, invalid("%s takes an object, not %s", name, value.TypeName(arg.Type))
	}
	id, ok := value.Field(arg.Value, "_id")
	if !ok {
		return nil, invalid("%s needs _id, the expression to group by", name)
	}
	e, err := expr.ParseWith(id, p.scope())
	if err != nil {
		return nil, err
	}
	fields, err := p.accumulations(name, arg.Value)
	if err != nil {
		return nil, err
	}
	return &groupStage{name, e.Eval, fields, p.by}, nil
}

// accumulations reads the fields of an object, but _id, as accumulators.
func (p *parser) accumulations(stage string, doc []byte) ([]groupField, error) {
	var fields []groupField
	var err error
	seen := map[string]bool{"_id": true}
	elements(doc, func(key string, v bson.RawValue) bool {
		if key == "_id" {
			return true
		}
		if key == "" || seen[key] || strings.HasPrefix(key, "$") || strings.Contains(key, ".") {
			err = invalid("%s: %q cannot name a field of the result; dots, $ and repetition are not allowed", stage, key)
			return false
		}
		seen[key] = true
		var a *expr.Accumulation
		if a, err = expr.ParseAccumulation(v, p.scope()); err != nil {
			err = language.At(stage+": "+key, err)
			return false
		}
		fields = append(fields, groupField{key, a})
		return true
	})
	return fields, err
}

type group struct {
	id    bson.RawValue
	folds []*expr.Fold
}

// groupSize is about what a group takes in memory beside its key and values.
func (s *groupStage) groupSize() int { return 200 + 120*len(s.fields) }

func (s *groupStage) run(env *environment, in iterator) (iterator, error) {
	return &groupRows{groupStage: s, env: env, in: in}, nil
}

type groupRows struct {
	*groupStage
	env    *environment
	in     iterator
	read   bool
	groups []*group
}

func (r *groupRows) next(ctx context.Context) (bson.Raw, error) {
	if !r.read {
		groups, err := r.gather(ctx, r.env, r.in)
		if err != nil {
			return nil, err
		}
		r.read, r.groups = true, groups
	}
	if len(r.groups) == 0 {
		return nil, nil
	}
	g := r.groups[0]
	r.groups[0], r.groups = nil, r.groups[1:]
	return r.row(value.Append(value.BeginDocument(nil), "_id", g.id), g)
}

// row appends a group's results to an open document.
func (s *groupStage) row(b []byte, g *group) (bson.Raw, error) {
	for i, f := range s.fields {
		v, err := g.folds[i].Result()
		if err != nil {
			return nil, err
		}
		b = value.Append(b, f.name, v)
	}
	return value.EndDocument(b, 0), nil
}

func (r *groupRows) close() error {
	r.groups = nil
	return r.in.close()
}

// gather reads all rows into groups.
func (s *groupStage) gather(ctx context.Context, env *environment, in iterator) ([]*group, error) {
	b := env.budget(s.name)
	vars := env.at(ctx)
	byKey := map[string]*group{}
	var groups []*group
	var key []byte
	for {
		row, err := in.next(ctx)
		if err != nil || row == nil {
			return groups, err
		}
		id, err := s.id(row, vars)
		if err != nil {
			return nil, err
		}
		if id.Type == 0 {
			id = value.Null
		}
		if key, err = value.AppendKeyBy(s.by, key[:0], id); err != nil {
			return nil, err
		}
		g := byKey[string(key)]
		if g == nil {
			if g, err = s.newGroup(id, vars); err != nil {
				return nil, err
			}
			byKey[string(key)] = g
			groups = append(groups, g)
			if err := b.charge(len(key) + len(id.Value) + s.groupSize()); err != nil {
				return nil, err
			}
		}
		if err := g.add(row, vars, &b); err != nil {
			return nil, err
		}
	}
}

func (s *groupStage) newGroup(id bson.RawValue, vars expr.Vars) (*group, error) {
	g := &group{bson.RawValue{Type: id.Type, Value: bytes.Clone(id.Value)}, make([]*expr.Fold, len(s.fields))}
	for i, f := range s.fields {
		fold, err := f.fold.New(vars)
		if err != nil {
			return nil, err
		}
		g.folds[i] = fold
	}
	return g, nil
}

func (g *group) add(row bson.Raw, vars expr.Vars, b *budget) error {
	for _, fold := range g.folds {
		grown, err := fold.Add(row, vars)
		if err != nil {
			return err
		}
		if grown != 0 {
			if err := b.charge(grown); err != nil {
				return err
			}
		}
	}
	return nil
}

// sequence is a stage that is made of others.
type sequence []stage

func (s sequence) run(env *environment, in iterator) (iterator, error) { return env.chain(in, s) }

// countEach is {count: {$sum: 1}}.
func countEach() ([]groupField, error) {
	count, err := expr.ParseAccumulation(value.Of(bson.D{{Key: "$sum", Value: int32(1)}}), expr.Scope{})
	return []groupField{{"count", count}}, err
}

// parseSortByCount compiles $sortByCount: groups by an expression with their sizes, the largest first.
func parseSortByCount(p *parser, name string, arg bson.RawValue) (stage, error) {
	if arg.Type != bson.TypeEmbeddedDocument && (arg.Type != bson.TypeString || !strings.HasPrefix(arg.StringValue(), "$")) ||
		arg.Type == bson.TypeEmbeddedDocument && !startsWithOperator(arg.Value) {
		return nil, invalid("%s takes a field path that starts with $ or an operator expression", name)
	}
	e, err := expr.ParseWith(arg, p.scope())
	if err != nil {
		return nil, err
	}
	fields, err := countEach()
	if err != nil {
		return nil, err
	}
	order, err := query.ParseSort(value.Of(bson.D{{Key: "count", Value: int32(-1)}}).Value)
	if err != nil {
		return nil, err
	}
	return sequence{&groupStage{name, e.Eval, fields, p.by}, &sortStage{order: order}}, nil
}
