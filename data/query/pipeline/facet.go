package pipeline

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// facetStage is $facet: several pipelines over the same rows, their results in one row.
type facetStage struct {
	names     []string
	pipelines [][]stage
}

func parseFacet(p *parser, name string, arg bson.RawValue) (stage, error) {
	if p.inFacet {
		return nil, invalid("%s cannot be part of another %s", name, name)
	}
	if arg.Type != bson.TypeEmbeddedDocument || value.IsEmpty(arg.Value) {
		return nil, invalid("%s takes an object with at least one pipeline", name)
	}
	p.inFacet = true
	defer func() { p.inFacet = false }()
	s := &facetStage{}
	var err error
	elements(arg.Value, func(key string, v bson.RawValue) bool {
		if key == "" || strings.HasPrefix(key, "$") || strings.Contains(key, ".") {
			err = invalid("%s: %q cannot name a field of the result", name, key)
			return false
		}
		var stages []stage
		if stages, err = p.nested(name, v); err != nil {
			return false
		}
		s.names, s.pipelines = append(s.names, key), append(s.pipelines, stages)
		return true
	})
	return s, err
}

func (s *facetStage) run(env *environment, in iterator) (iterator, error) {
	b := env.budget("$facet")
	return &blockingRows{in: in, read: func(ctx context.Context) ([]bson.Raw, error) {
		rows, err := collect(ctx, in, &b)
		if err != nil {
			return nil, err
		}
		out := value.BeginDocument(nil)
		for i, stages := range s.pipelines {
			part, err := env.chain(&rowList{rows}, stages)
			if err != nil {
				return nil, err
			}
			list, err := gatherArray(ctx, part, &b)
			if err != nil {
				return nil, err
			}
			out = value.Append(out, s.names[i], list)
		}
		return []bson.Raw{value.EndDocument(out, 0)}, nil
	}}, nil
}

// gatherArray reads all rows into one array and closes in.
func gatherArray(ctx context.Context, in iterator, b *budget) (list bson.RawValue, err error) {
	defer func() {
		if failure := in.close(); err == nil {
			err = failure
		}
	}()
	out := value.BeginDocument(nil)
	for i := 0; ; i++ {
		row, err := in.next(ctx)
		if err != nil {
			return list, err
		}
		if row == nil {
			return value.Array(value.EndDocument(out, 0)), nil
		}
		if err := b.charge(len(row)); err != nil {
			return list, err
		}
		out = value.AppendIndexed(out, i, value.Document(row))
	}
}

// unionStage is $unionWith: the rows, then those of another collection.
type unionStage struct {
	collection string
	stages     []stage
}

func parseUnionWith(p *parser, name string, arg bson.RawValue) (stage, error) {
	raw := []bson.RawValue{arg, {}}
	if arg.Type == bson.TypeEmbeddedDocument {
		var err error
		if raw, err = parameters(name, arg, "coll", "pipeline?"); err != nil {
			return nil, err
		}
	}
	s := &unionStage{}
	var err error
	if s.collection, err = p.from(name, "coll", raw[0]); err != nil {
		return nil, err
	}
	if raw[1].Type != 0 {
		outer := p.inFacet
		p.inFacet = false
		s.stages, err = p.nested(name, raw[1])
		p.inFacet = outer
	}
	return s, err
}

// from reads the name of a foreign collection.
func (p *parser) from(stage, name string, v bson.RawValue) (string, error) {
	collection, err := stringArgument(stage, name, v)
	if err == nil {
		p.foreign[collection] = true
	}
	return collection, err
}

func (s *unionStage) run(env *environment, in iterator) (iterator, error) {
	return &unionRows{unionStage: s, env: env, first: in}, nil
}

type unionRows struct {
	*unionStage
	env           *environment
	first, second iterator
	firstDone     bool
}

func (r *unionRows) next(ctx context.Context) (bson.Raw, error) {
	if !r.firstDone {
		row, err := r.first.next(ctx)
		if err != nil || row != nil {
			return row, err
		}
		r.firstDone = true
	}
	if r.second == nil {
		var err error
		if r.second, err = r.env.open(ctx, r.collection, r.stages, nil); err != nil {
			return nil, err
		}
	}
	return r.second.next(ctx)
}

func (r *unionRows) close() error {
	err := r.first.close()
	if r.second != nil {
		if failure := r.second.close(); err == nil {
			err = failure
		}
	}
	return err
}
