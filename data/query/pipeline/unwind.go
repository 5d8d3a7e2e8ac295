package pipeline

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// unwindStage is $unwind: a row per element of an array.
type unwindStage struct {
	path, index []string
	keepEmpty   bool
}

func parseUnwind(_ *parser, name string, arg bson.RawValue) (stage, error) {
	raw := []bson.RawValue{arg, {}, {}}
	if arg.Type == bson.TypeEmbeddedDocument {
		var err error
		if raw, err = parameters(name, arg, "path", "includeArrayIndex?", "preserveNullAndEmptyArrays?"); err != nil {
			return nil, err
		}
	}
	text := ""
	if raw[0].Type == bson.TypeString {
		text = raw[0].StringValue()
	}
	path, ok := strings.CutPrefix(text, "$")
	if !ok {
		return nil, invalid("%s: the path must be a string that starts with $", name)
	}
	s := &unwindStage{}
	var err error
	if s.path, err = splitPath(name, path); err != nil {
		return nil, err
	}
	if raw[1].Type != 0 {
		if s.index, err = pathArgument(name, "includeArrayIndex", raw[1]); err != nil {
			return nil, err
		}
	}
	if raw[2].Type != 0 && raw[2].Type != bson.TypeBoolean {
		return nil, invalid("%s: preserveNullAndEmptyArrays must be a bool", name)
	}
	s.keepEmpty = raw[2].Type != 0 && raw[2].Boolean()
	return s, nil
}

func (s *unwindStage) run(_ *environment, in iterator) (iterator, error) {
	return &unwindRows{unwindStage: s, in: in}, nil
}

type unwindRows struct {
	*unwindStage
	in       iterator
	row      bson.Raw // whose array is being unwound, nil if none
	elements value.Iterator
	i        int64
	buffers  [2][]byte // for the row with its element, and with its index
}

func (r *unwindRows) next(ctx context.Context) (bson.Raw, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err // one row in may be a hundred thousand out
		}
		if r.row != nil {
			if _, v, ok := r.elements.Next(); ok {
				r.i++
				return r.numbered(r.with(r.row, v), value.Int64Value(r.i-1)), nil
			}
			r.row = nil
		}
		row, err := r.in.next(ctx)
		if err != nil || row == nil {
			return nil, err
		}
		switch v := getPath(row, r.path); {
		case v.Type == bson.TypeArray && !value.IsEmpty(v.Value):
			r.row, r.elements, r.i = row, value.Elements(v.Value), 0
		case v.Type == bson.TypeArray && r.keepEmpty:
			return r.numbered(r.with(row, bson.RawValue{}), value.Null), nil
		case v.Type == bson.TypeArray || value.Nullish(v) && !r.keepEmpty:
		default:
			return r.numbered(row, value.Null), nil
		}
	}
}

// with returns row with v in place of the array.
func (r *unwindRows) with(row bson.Raw, v bson.RawValue) bson.Raw {
	r.buffers[0] = appendSet(r.buffers[0][:0], row, r.path, v)
	return r.buffers[0]
}

// numbered adds the element's index where the stage asks for it.
func (r *unwindRows) numbered(row bson.Raw, i bson.RawValue) bson.Raw {
	if r.index == nil {
		return row
	}
	r.buffers[1] = appendSet(r.buffers[1][:0], row, r.index, i)
	return r.buffers[1]
}

func (r *unwindRows) close() error { return r.in.close() }
