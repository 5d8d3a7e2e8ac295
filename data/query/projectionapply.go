package query

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/expr"
	"yunduo/data/query/internal/pattern"
	"yunduo/data/query/value"
)

// Apply returns the chosen part of doc. It returns expression_failed when a computed field cannot be computed.
func (p *Projection) Apply(doc bson.Raw) (shown bson.Raw, err error) {
	if p == nil {
		return doc, nil
	}
	defer pattern.Recover(&err, tooSlow)
	a := projecting{including: p.including, id: p.id, doc: doc}
	dst := a.document(make([]byte, 0, len(doc)+16), p.root, doc)
	return dst, a.err
}

// projecting is one run of a projection on one document.
type projecting struct {
	including, id bool
	doc           bson.Raw
	err           error
}

// document appends the chosen fields in their order, then those of $elemMatch, if only chosen ones are kept, and
// computed ones.
func (a *projecting) document(dst []byte, s *shown, doc []byte) []byte {
	start := len(dst)
	dst = value.BeginDocument(dst)
	for it := value.Elements(doc); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		inside := s.find(key)
		switch {
		case inside != nil && inside.action == actionElement && a.including:
		case inside != nil:
			dst = a.field(dst, inside, v)
		case !a.including, a.id && s.path == "" && string(key) == "_id":
			dst = value.AppendElement(dst, key, v)
		}
	}
	for _, inside := range s.inside {
		v, ok := value.Field(doc, inside.name)
		switch {
		case inside.action == actionCompute:
			dst = a.computed(dst, inside)
		case inside.action == actionElement && a.including && ok:
			dst = a.field(dst, inside, v)
		case !ok && inside.computes():
			dst = value.AppendHeader(dst, bson.TypeEmbeddedDocument, inside.name)
			dst = a.document(dst, inside, emptyDocument)
		}
	}
	return value.EndDocument(dst, start)
}

// computes reports whether a field inside is computed.
func (s *shown) computes() bool {
	for _, inside := range s.inside {
		if inside.action == actionCompute || inside.computes() {
			return true
		}
	}
	return false
}

func (a *projecting) computed(dst []byte, s *shown) []byte {
	v, err := s.expression.Eval(a.doc, expr.Vars{})
	if err != nil && a.err == nil {
		a.err = err
	}
	return value.Append(dst, s.name, v)
}

// field appends what is chosen of a field that the projection names.
func (a *projecting) field(dst []byte, s *shown, v bson.RawValue) []byte {
	switch s.action {
	case actionInclude:
		return value.Append(dst, s.name, v)
	case actionExclude, actionCompute:
		return dst
	case actionSlice:
		return value.Append(dst, s.name, s.sliced(v))
	case actionElement:
		if i := s.element.index(v); i >= 0 {
			element, _ := value.Element(v.Value, i)
			return value.Append(dst, s.name, value.ArrayOf(element))
		}
		return dst
	}
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		return a.document(value.AppendHeader(dst, v.Type, s.name), s, v.Value)
	case bson.TypeArray:
		return a.array(value.AppendHeader(dst, v.Type, s.name), s, v.Value)
	}
	if a.including {
		return dst
	}
	return value.Append(dst, s.name, v)
}

// array projects the documents in an array. Other elements are kept only by an exclusion.
func (a *projecting) array(dst []byte, s *shown, array []byte) []byte {
	start := len(dst)
	dst = value.BeginDocument(dst)
	i := 0
	for it := value.Elements(array); ; {
		_, v, ok := it.Next()
		if !ok {
			return value.EndDocument(dst, start)
		}
		switch {
		case v.Type == bson.TypeEmbeddedDocument:
			dst = a.document(value.AppendIndexHeader(dst, v.Type, i), s, v.Value)
		case v.Type == bson.TypeArray:
			dst = a.array(value.AppendIndexHeader(dst, v.Type, i), s, v.Value)
		case a.including:
			continue
		default:
			dst = value.AppendIndexed(dst, i, v)
		}
		i++
	}
}

// sliced cuts an array; other values stay as they are.
func (s *shown) sliced(v bson.RawValue) bson.RawValue {
	if v.Type != bson.TypeArray {
		return v
	}
	list := elements(v.Value)
	n := int64(len(list))
	skip := s.skip
	switch {
	case s.last:
		skip = max(0, n-s.limit)
	case skip < 0:
		skip = max(0, n+max(skip, -n))
	}
	skip = min(skip, n)
	return value.ArrayOf(list[skip:min(n, skip+min(s.limit, n))]...)
}
