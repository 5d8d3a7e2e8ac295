package pipeline

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/expr"
	"yunduo/data/query/value"
)

// action is what a projection does with a field.
type action int

const (
	keep action = iota
	drop
	compute
	nest
)

// fieldNode is one field of a projection.
type fieldNode struct {
	name    string
	action  action
	compute *expr.Expr // of compute
	nested  *shape     // of nest
}

// shape is what a projection does with the fields of an object.
type shape struct {
	fields   []*fieldNode
	byName   map[string]*fieldNode
	computes bool // there is a computed field here or below
}

func newShape() *shape { return &shape{byName: map[string]*fieldNode{}} }

// mode is what happens to fields that a projection does not name, and how it treats what is not an object where it
// expects one.
type mode int

const (
	including mode = iota // others go
	excluding             // others stay, named ones go
	adding                // others stay, named ones are computed
)

// projectStage is $project, $unset and $addFields.
type projectStage struct {
	mode  mode
	shape *shape
}

func (s *projectStage) run(env *environment, in iterator) (iterator, error) {
	return eachRow(env, in, s), nil
}

func (s *projectStage) row() rowFunc {
	var buffer []byte
	return func(row bson.Raw, vars expr.Vars) (bson.Raw, error) {
		p := projector{mode: s.mode, root: row, vars: vars}
		var err error
		buffer, err = p.object(buffer[:0], row, s.shape)
		return buffer, err
	}
}

// projector is one application of a projection. Computed fields see the whole document as it was.
type projector struct {
	mode mode
	root bson.Raw
	vars expr.Vars
}

// object appends the projected fields of doc as a document.
func (p *projector) object(dst, doc []byte, s *shape) ([]byte, error) {
	start := len(dst)
	dst = value.BeginDocument(dst)
	var done [8]bool // whether field i was written in its place; fields beyond are looked up again
	for it := value.Elements(doc); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		f := s.byName[string(key)]
		if f == nil && p.mode == including || f != nil && f.action == drop {
			continue
		}
		var err error
		switch {
		case f == nil || f.action == keep:
			dst = append(append(append(dst, byte(v.Type)), key...), 0)
			dst = append(dst, v.Value...)
			continue
		case f.action == compute && p.mode == including:
			continue // computed fields come last
		case f.action == compute:
			dst, err = p.computed(dst, f)
		case v.Type == bson.TypeEmbeddedDocument || v.Type == bson.TypeArray:
			dst, err = p.nested(value.AppendHeader(dst, v.Type, f.name), v, f.nested)
		case p.mode == excluding:
			dst = value.Append(dst, f.name, v)
		case p.mode == adding:
			dst, err = p.nested(value.AppendHeader(dst, bson.TypeEmbeddedDocument, f.name), bson.RawValue{}, f.nested)
		default:
			continue // included below what has nothing below; computed fields come last
		}
		if err != nil {
			return dst, err
		}
		if i := s.index(f); i < len(done) {
			done[i] = true
		}
	}
	if s.computes {
		for i, f := range s.fields {
			if i < len(done) && done[i] || i >= len(done) && p.written(doc, f) {
				continue
			}
			var err error
			switch {
			case f.action == compute:
				dst, err = p.computed(dst, f)
			case f.action == nest && f.nested.computes:
				dst, err = p.nested(value.AppendHeader(dst, bson.TypeEmbeddedDocument, f.name), bson.RawValue{}, f.nested)
			}
			if err != nil {
				return dst, err
			}
		}
	}
	return value.EndDocument(dst, start), nil
}

func (s *shape) index(f *fieldNode) int {
	for i, other := range s.fields {
		if other == f {
			return i
		}
	}
	return len(s.fields)
}

// written reports whether object has written a field in its place.
func (p *projector) written(doc []byte, f *fieldNode) bool {
	v, ok := value.Field(doc, f.name)
	if !ok {
		return false
	}
	return p.mode == adding || f.action == nest && (v.Type == bson.TypeEmbeddedDocument || v.Type == bson.TypeArray)
}

func (p *projector) computed(dst []byte, f *fieldNode) ([]byte, error) {
	v, err := f.compute.Eval(p.root, p.vars)
	if err != nil {
		return dst, err
	}
	return value.Append(dst, f.name, v), nil
}

// nested appends the projection of an object, of each element of an array, or, for anything else, of nothing.
func (p *projector) nested(dst []byte, v bson.RawValue, s *shape) ([]byte, error) {
	if v.Type != bson.TypeArray {
		return p.object(dst, v.Value, s)
	}
	start, i := len(dst), 0
	dst = value.BeginDocument(dst)
	for it := value.Elements(v.Value); ; {
		_, item, ok := it.Next()
		if !ok {
			return value.EndDocument(dst, start), nil
		}
		container := item.Type == bson.TypeEmbeddedDocument || item.Type == bson.TypeArray
		switch {
		case container:
		case p.mode == excluding:
			dst = value.AppendIndexed(dst, i, item)
			i++
			continue
		case !s.computes:
			continue // nothing to include
		default:
			item = bson.RawValue{Type: bson.TypeEmbeddedDocument}
		}
		var err error
		if dst, err = p.nested(value.AppendIndexHeader(dst, item.Type, i), item, s); err != nil {
			return dst, err
		}
		i++
	}
}
