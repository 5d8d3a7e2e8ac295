package pipeline

import (
	"bytes"
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/expr"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// windowStage is $setWindowFields: rows in partitions and in order, each with fields computed from the rows around it.
type windowStage struct {
	name      string
	partition *expr.Expr  // nil: all rows are one
	order     *query.Sort // nil: as they come
	outputs   []windowOutput
	by        *collation.Collation
}

type windowOutput struct {
	path     []string
	function windowFunction
}

// windowFunction computes a field.
type windowFunction interface {
	// values returns the field for every row of a partition; a missing one leaves the row without it.
	values(p *partition) ([]bson.RawValue, error)
}

func parseWindow(p *parser, name string, arg bson.RawValue) (stage, error) {
	raw, err := parameters(name, arg, "partitionBy?", "sortBy?", "output")
	if err != nil {
		return nil, err
	}
	s := &windowStage{name: name, by: p.by}
	if raw[0].Type != 0 {
		if s.partition, err = expr.ParseWith(raw[0], p.scope()); err != nil {
			return nil, err
		}
	}
	if raw[1].Type != 0 {
		if raw[1].Type != bson.TypeEmbeddedDocument || value.IsEmpty(raw[1].Value) {
			return nil, invalid("%s: sortBy must be an object of fields, each with 1 or -1", name)
		}
		order, err := query.ParseSort(raw[1].Value)
		if err != nil {
			return nil, err
		}
		s.order = order.By(p.by)
	}
	if raw[2].Type != bson.TypeEmbeddedDocument {
		return nil, invalid("%s: output must be an object of fields, not %s", name, value.TypeName(raw[2].Type))
	}
	elements(raw[2].Value, func(field string, v bson.RawValue) bool {
		var o windowOutput
		if o.path, err = splitPath(name, field); err == nil {
			if err = s.apart(name, field, o.path); err == nil {
				if o.function, err = p.windowFunction(s, field, v); err != nil {
					err = language.At(name+": "+field, err)
				}
			}
		}
		s.outputs = append(s.outputs, o)
		return err == nil
	})
	return s, err
}

// apart refuses an output whose path is or leads through that of another.
func (s *windowStage) apart(name, field string, path []string) error {
	for _, other := range s.outputs {
		n := min(len(path), len(other.path))
		if slices.Equal(path[:n], other.path[:n]) {
			return invalid("%s: the output %q conflicts with another one", name, field)
		}
	}
	return nil
}

func (s *windowStage) run(env *environment, in iterator) (iterator, error) {
	return &windowRows{windowStage: s, env: env, in: in, budget: env.budget(s.name)}, nil
}

// windowRows gives the rows of one partition after the other.
type windowRows struct {
	*windowStage
	env    *environment
	in     iterator
	budget budget
	read   bool
	rows   []windowRow // that are left, in order
	ready  rowList
}

type windowRow struct {
	row       bson.Raw
	partition []byte // key
	order     []byte // key
}

func (r *windowRows) next(ctx context.Context) (bson.Raw, error) {
	if !r.read {
		if err := r.gather(ctx); err != nil {
			return nil, err
		}
		r.read = true
	}
	if len(r.ready.rows) == 0 && len(r.rows) > 0 {
		if err := r.fill(ctx); err != nil {
			return nil, err
		}
	}
	return r.ready.next(ctx)
}

func (r *windowRows) close() error {
	r.rows, r.ready = nil, rowList{}
	return r.in.close()
}

// gather reads all rows and sorts them by partition and order.
func (r *windowRows) gather(ctx context.Context) error {
	vars := r.env.at(ctx)
	for {
		row, err := r.in.next(ctx)
		if err != nil {
			return err
		}
		if row == nil {
			break
		}
		w := windowRow{row: bytes.Clone(row)}
		if r.partition != nil {
			v, err := r.partition.Eval(w.row, vars)
			if err != nil {
				return err
			}
			switch v.Type {
			case bson.TypeArray:
				return yunduo.Errorf(yunduo.ReasonExpressionFailed, "%s: partitionBy must not give an array", r.name)
			case 0:
				v = value.Null
			}
			if w.partition, err = value.AppendKeyBy(r.by, nil, v); err != nil {
				return err
			}
		}
		if w.order, err = r.order.AppendKey(nil, w.row); err != nil {
			return err
		}
		if err := r.budget.charge(len(w.row) + len(w.partition) + len(w.order) + 96); err != nil {
			return err
		}
		r.rows = append(r.rows, w)
	}
	if r.partition != nil || r.order != nil {
		slices.SortStableFunc(r.rows, func(a, b windowRow) int {
			if c := bytes.Compare(a.partition, b.partition); c != 0 {
				return c
			}
			return bytes.Compare(a.order, b.order)
		})
	}
	return nil
}

// fill computes the next partition.
func (r *windowRows) fill(ctx context.Context) error {
	n := 1
	for n < len(r.rows) && bytes.Equal(r.rows[n].partition, r.rows[0].partition) {
		n++
	}
	b := r.budget // what is computed here is dropped before the next partition
	p := &partition{ctx: ctx, vars: r.env.at(ctx), budget: &b, rows: r.rows[:n:n], order: r.order}
	computed := make([][]bson.RawValue, len(r.outputs))
	for i, o := range r.outputs {
		var err error
		if computed[i], err = o.function.values(p); err != nil {
			return err
		}
	}
	r.ready.rows = make([]bson.Raw, n)
	for at := range n {
		row := r.rows[at].row
		for i, o := range r.outputs {
			row = setPath(row, o.path, computed[i][at])
		}
		if err := b.charge(len(row)); err != nil {
			return err
		}
		r.ready.rows[at] = row
	}
	r.rows = r.rows[n:]
	return nil
}

// partition is rows that windows stay within.
type partition struct {
	ctx    context.Context
	vars   expr.Vars
	budget *budget
	rows   []windowRow
	order  *query.Sort
	sorted []bson.RawValue // the values of the only field of the order, once somebody asked
	work   int
}

// step counts work that a window takes, and ends it with its request.
func (p *partition) step() error {
	if p.work++; p.work&(1<<12-1) == 0 {
		return p.ctx.Err()
	}
	return nil
}

// eval evaluates an expression for every row.
func (p *partition) eval(compute func(row bson.Raw, vars expr.Vars) (bson.RawValue, error)) ([]bson.RawValue, error) {
	out := make([]bson.RawValue, len(p.rows))
	for i, row := range p.rows {
		v, err := compute(row.row, p.vars)
		if err != nil {
			return nil, err
		}
		if err := p.step(); err != nil {
			return nil, err
		}
		if err := p.budget.charge(len(v.Value) + 32); err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// places returns the values of the only field of the order.
func (p *partition) places() []bson.RawValue {
	if p.sorted == nil {
		path := value.ParsePath(p.order.Fields()[0].Path)
		p.sorted = make([]bson.RawValue, len(p.rows))
		for i, row := range p.rows {
			p.sorted[i], _ = path.Lookup(row.row)
		}
	}
	return p.sorted
}
