package pipeline

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/expr"
	"yunduo/data/query/value"
)

// limitStage is $limit.
type limitStage struct{ n int64 }

func parseLimit(_ *parser, name string, arg bson.RawValue) (stage, error) {
	n, ok := value.Int64(arg)
	if !ok || n <= 0 {
		return nil, invalid("%s takes a positive whole number", name)
	}
	return &limitStage{n}, nil
}

func (s *limitStage) run(_ *environment, in iterator) (iterator, error) {
	return &limitRows{in, s.n}, nil
}

type limitRows struct {
	in   iterator
	left int64
}

func (r *limitRows) next(ctx context.Context) (bson.Raw, error) {
	if r.left == 0 {
		return nil, nil
	}
	r.left--
	return r.in.next(ctx)
}

func (r *limitRows) close() error { return r.in.close() }

// skipStage is $skip.
type skipStage struct{ n int64 }

func parseSkip(_ *parser, name string, arg bson.RawValue) (stage, error) {
	n, ok := value.Int64(arg)
	if !ok || n < 0 {
		return nil, invalid("%s takes a whole number that is not negative", name)
	}
	return &skipStage{n}, nil
}

func (s *skipStage) run(_ *environment, in iterator) (iterator, error) {
	return &skipRows{in, s.n}, nil
}

type skipRows struct {
	in   iterator
	left int64
}

func (r *skipRows) next(ctx context.Context) (bson.Raw, error) {
	for ; r.left > 0; r.left-- {
		if row, err := r.in.next(ctx); err != nil || row == nil {
			return nil, err
		}
	}
	return r.in.next(ctx)
}

func (r *skipRows) close() error { return r.in.close() }

// countStage is $count: one row with the number of rows, or none if there are none.
type countStage struct{ field string }

func parseCount(_ *parser, name string, arg bson.RawValue) (stage, error) {
	if arg.Type == bson.TypeString {
		if f := arg.StringValue(); f != "" && !strings.HasPrefix(f, "$") && !strings.ContainsAny(f, ".\x00") {
			return &countStage{f}, nil
		}
	}
	return nil, invalid("%s takes the name of a field, without $ and dots", name)
}

func (s *countStage) run(_ *environment, in iterator) (iterator, error) {
	return &blockingRows{in: in, read: func(ctx context.Context) ([]bson.Raw, error) {
		n := int64(0)
		for {
			row, err := in.next(ctx)
			if err != nil {
				return nil, err
			}
			if row == nil {
				break
			}
			n++
		}
		if n == 0 {
			return nil, nil
		}
		return []bson.Raw{value.EndDocument(value.Append(value.BeginDocument(nil), s.field, value.Int(n)), 0)}, nil
	}}, nil
}

// blockingRows reads its whole input before it gives its first row.
type blockingRows struct {
	in   iterator
	read func(ctx context.Context) ([]bson.Raw, error)
	rows rowList
}

func (r *blockingRows) next(ctx context.Context) (bson.Raw, error) {
	if r.read != nil {
		rows, err := r.read(ctx)
		if err != nil {
			return nil, err
		}
		r.read, r.rows = nil, rowList{rows}
	}
	return r.rows.next(ctx)
}

func (r *blockingRows) close() error {
	r.rows = rowList{}
	return r.in.close()
}

// collect reads all rows into memory.
func collect(ctx context.Context, in iterator, b *budget) ([]bson.Raw, error) {
	var rows []bson.Raw
	for {
		row, err := in.next(ctx)
		if err != nil || row == nil {
			return rows, err
		}
		if err := b.charge(len(row) + 24); err != nil {
			return nil, err
		}
		rows = append(rows, bytes.Clone(row))
	}
}

// sampleStage is $sample: so many rows by chance, each at most once.
type sampleStage struct{ n int64 }

func parseSample(_ *parser, name string, arg bson.RawValue) (stage, error) {
	raw, err := parameters(name, arg, "size")
	if err != nil {
		return nil, err
	}
	n, ok := value.Int64(raw[0])
	if !ok || n <= 0 {
		return nil, invalid("%s: size must be a positive whole number", name)
	}
	return &sampleStage{n}, nil
}

func (s *sampleStage) run(env *environment, in iterator) (iterator, error) {
	b := env.budget("$sample")
	return &blockingRows{in: in, read: func(ctx context.Context) ([]bson.Raw, error) {
		var kept []bson.Raw
		for seen := int64(0); ; seen++ {
			row, err := in.next(ctx)
			if err != nil {
				return nil, err
			}
			if row == nil {
				break
			}
			at := int64(len(kept))
			if at < s.n {
				kept = append(kept, nil)
			} else if at = rand.Int64N(seen + 1); at >= s.n {
				continue
			}
			if err := b.charge(len(row) - len(kept[at])); err != nil {
				return nil, err
			}
			kept[at] = bytes.Clone(row)
		}
		rand.Shuffle(len(kept), func(i, j int) { kept[i], kept[j] = kept[j], kept[i] })
		return kept, nil
	}}, nil
}

// mapRows makes a row of each row.
type mapRows struct {
	in     iterator
	change func(ctx context.Context, row bson.Raw) (bson.Raw, error)
}

func (r *mapRows) next(ctx context.Context) (bson.Raw, error) {
	row, err := r.in.next(ctx)
	if err != nil || row == nil {
		return nil, err
	}
	return r.change(ctx, row)
}

func (r *mapRows) close() error { return r.in.close() }

// eachRow runs a stage that makes one row of each.
func eachRow(env *environment, in iterator, s rowStage) iterator {
	change := s.row()
	return &mapRows{in, func(ctx context.Context, row bson.Raw) (bson.Raw, error) { return change(row, env.at(ctx)) }}
}

// replaceStage is $replaceRoot and $replaceWith.
type replaceStage struct {
	name string
	root *expr.Expr
}

func parseReplaceRoot(p *parser, name string, arg bson.RawValue) (stage, error) {
	if name == "$replaceRoot" {
		raw, err := parameters(name, arg, "newRoot")
		if err != nil {
			return nil, err
		}
		arg = raw[0]
	}
	root, err := expr.ParseWith(arg, p.scope())
	if err != nil {
		return nil, err
	}
	return &replaceStage{name, root}, nil
}

func (s *replaceStage) run(env *environment, in iterator) (iterator, error) {
	return eachRow(env, in, s), nil
}

func (s *replaceStage) row() rowFunc {
	return func(row bson.Raw, vars expr.Vars) (bson.Raw, error) {
		v, err := s.root.Eval(row, vars)
		if err != nil {
			return nil, err
		}
		if v.Type != bson.TypeEmbeddedDocument {
			return nil, yunduo.Errorf(yunduo.ReasonExpressionFailed, "%s: the new root must be an object, not %s", s.name, value.TypeName(v.Type))
		}
		return v.Value, nil
	}
}
