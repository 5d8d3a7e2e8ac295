package pipeline

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/expr"
	"yunduo/data/query/value"
)

// outputOf reads the accumulators of $bucket and $bucketAuto, which count unless told otherwise.
func (p *parser) outputOf(name string, output bson.RawValue) ([]groupField, error) {
	if output.Type == 0 {
		return countEach()
	}
	if output.Type != bson.TypeEmbeddedDocument {
		return nil, invalid("%s: output must be an object of accumulators, not %s", name, value.TypeName(output.Type))
	}
	return p.accumulations(name, output.Value)
}

// groupBy compiles the expression that buckets are made by.
func (p *parser) groupBy(name string, v bson.RawValue) (*expr.Expr, error) {
	path := v.Type == bson.TypeString && strings.HasPrefix(v.StringValue(), "$")
	if !path && !(v.Type == bson.TypeEmbeddedDocument && startsWithOperator(v.Value)) {
		return nil, invalid("%s: groupBy must be a field path that starts with $ or an operator expression", name)
	}
	return expr.ParseWith(v, p.scope())
}

// constant evaluates an expression that must not depend on anything.
func (p *parser) constant(name, argument string, v bson.RawValue) (bson.RawValue, error) {
	e, err := expr.ParseWith(v, p.scope())
	if err != nil {
		return v, err
	}
	c, ok, err := e.Constant()
	if !ok || err != nil {
		return v, invalid("%s: %s must be constant", name, argument)
	}
	return c, nil
}

// parseBucket compiles $bucket: groups by intervals [b0, b1), [b1, b2), ... in their order, the default one by its _id.
func parseBucket(p *parser, name string, arg bson.RawValue) (stage, error) {
	raw, err := parameters(name, arg, "groupBy", "boundaries", "default?", "output?")
	if err != nil {
		return nil, err
	}
	by, err := p.groupBy(name, raw[0])
	if err != nil {
		return nil, err
	}
	if raw[1].Type != bson.TypeArray || value.Count(raw[1].Value) < 2 {
		return nil, invalid("%s: boundaries must be an array of at least two values", name)
	}
	boundaries := items(raw[1])
	for i := range boundaries {
		if boundaries[i], err = p.constant(name, "a boundary", boundaries[i]); err != nil {
			return nil, err
		}
		if i == 0 {
			continue
		}
		if value.ClassOf(boundaries[i].Type) != value.ClassOf(boundaries[0].Type) || value.CompareBy(p.by, boundaries[i-1], boundaries[i]) >= 0 {
			return nil, invalid("%s: boundaries must be of one type and ascend", name)
		}
	}
	last := boundaries[len(boundaries)-1]
	otherwise := raw[2]
	if otherwise.Type != 0 {
		if otherwise, err = p.constant(name, "default", otherwise); err != nil {
			return nil, err
		}
		if value.CompareBy(p.by, otherwise, boundaries[0]) >= 0 && value.CompareBy(p.by, otherwise, last) < 0 {
			return nil, invalid("%s: default must lie outside the boundaries", name)
		}
	}
	fields, err := p.outputOf(name, raw[3])
	if err != nil {
		return nil, err
	}
	order, err := query.ParseSort(value.Of(bson.D{{Key: "_id", Value: int32(1)}}).Value)
	if err != nil {
		return nil, err
	}
	compare := func(a, b bson.RawValue) int { return value.CompareBy(p.by, a, b) }
	id := func(row bson.Raw, vars expr.Vars) (bson.RawValue, error) {
		v, err := by.Eval(row, vars)
		if err != nil {
			return v, err
		}
		at, exact := slices.BinarySearchFunc(boundaries, v, compare)
		if !exact {
			at--
		}
		if at >= 0 && at < len(boundaries)-1 {
			return boundaries[at], nil
		}
		if otherwise.Type == 0 {
			return v, yunduo.Errorf(yunduo.ReasonExpressionFailed, "%s: a value of groupBy lies outside the boundaries and there is no default", name)
		}
		return otherwise, nil
	}
	return sequence{&groupStage{name, id, fields, p.by}, &sortStage{order: order.By(p.by)}}, nil
}

// bucketAutoStage is $bucketAuto: so many groups of about equal size.
type bucketAutoStage struct {
	by      *expr.Expr
	buckets int64
	group   groupStage
}

func parseBucketAuto(p *parser, name string, arg bson.RawValue) (stage, error) {
	raw, err := parameters(name, arg, "groupBy", "buckets", "output?", "granularity?")
	if err != nil {
		return nil, err
	}
	if raw[3].Type != 0 {
		return nil, yunduo.Errorf(yunduo.ReasonUnknownOperator, "$bucketAuto: granularity is not supported")
	}
	by, err := p.groupBy(name, raw[0])
	if err != nil {
		return nil, err
	}
	n, ok := value.Int64(raw[1])
	if !ok || n <= 0 || n > 1<<31-1 {
		return nil, invalid("%s: buckets must be a positive whole number of 32 bits", name)
	}
	fields, err := p.outputOf(name, raw[2])
	if err != nil {
		return nil, err
	}
	return &bucketAutoStage{by, n, groupStage{name: name, fields: fields, by: p.by}}, nil
}

type keyedRow struct {
	key bson.RawValue
	row bson.Raw
}

func (s *bucketAutoStage) run(env *environment, in iterator) (iterator, error) {
	b := env.budget("$bucketAuto")
	return &blockingRows{in: in, read: func(ctx context.Context) ([]bson.Raw, error) {
		rows, err := collect(ctx, in, &b)
		if err != nil {
			return nil, err
		}
		vars := env.at(ctx)
		keyed := make([]keyedRow, len(rows))
		for i, row := range rows {
			key, err := s.by.Eval(row, vars)
			if err != nil {
				return nil, err
			}
			if key.Type == 0 {
				key = value.Null
			}
			keyed[i] = keyedRow{key, row}
			if err := b.charge(len(key.Value) + 64); err != nil {
				return nil, err
			}
		}
		slices.SortStableFunc(keyed, func(x, y keyedRow) int { return value.CompareBy(s.group.by, x.key, y.key) })
		return s.fill(keyed, vars, &b)
	}}, nil
}

// fill cuts sorted rows into buckets. Equal keys share a bucket; a bucket's max is the next one's min, the last one's
// its greatest key.
func (s *bucketAutoStage) fill(rows []keyedRow, vars expr.Vars, b *budget) ([]bson.Raw, error) {
	size := max(1, int(float64(len(rows))/float64(s.buckets)+0.5))
	var out []bson.Raw
	for made := int64(1); len(rows) > 0; made++ {
		end := min(size, len(rows))
		if made == s.buckets {
			end = len(rows)
		}
		for end < len(rows) && value.CompareBy(s.group.by, rows[end].key, rows[end-1].key) == 0 {
			end++
		}
		g, err := s.group.newGroup(value.Null, vars)
		if err != nil {
			return nil, err
		}
		for _, r := range rows[:end] {
			if err := g.add(r.row, vars, b); err != nil {
				return nil, err
			}
		}
		upper := rows[end-1].key
		if end < len(rows) {
			upper = rows[end].key
		}
		id := value.Append(value.Append(value.BeginDocument(nil), "min", rows[0].key), "max", upper)
		row, err := s.group.row(value.Append(value.BeginDocument(nil), "_id", value.Document(value.EndDocument(id, 0))), g)
		if err != nil {
			return nil, err
		}
		out, rows = append(out, row), rows[end:]
	}
	return out, nil
}
