package query

import (
	"bytes"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/collation"
	"yunduo/data/query/expr"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// Projection says which fields of a document to return. A nil *Projection returns documents whole. It is immutable
// and safe for concurrent use.
type Projection struct {
	raw       bson.Raw
	root      *shown
	including bool // only what is named is returned, else all but what is named
	id        bool // the _id is not named and returned
	by        *collation.Collation
}

// shown is what a projection says of a field: an action, or more about the fields inside.
type shown struct {
	path   string
	name   string
	action action
	inside []*shown
	index  map[string]*shown // of inside by name, when there are many

	skip, limit int64             // of actionSlice; skip from the end if negative
	last        bool              // of actionSlice: the last limit elements
	element     *elementPredicate // of actionElement
	expression  *expr.Expr        // of actionCompute
}

type action int

const (
	actionNone    action = iota
	actionInclude        // 1
	actionExclude        // 0
	actionSlice          // $slice
	actionElement        // $elemMatch
	actionCompute        // an expression
)

func invalidProjection(format string, args ...any) error {
	return yunduo.Errorf(yunduo.ReasonInvalidRequest, "the projection "+format, args...)
}

// ParseProjection compiles a projection; nil or an empty document gives nil, which keeps documents whole. Fields are
// chosen by 1 or left out by 0, cut by $slice and $elemMatch, or computed by an expression. It returns
// invalid_request when the form is wrong and unknown_operator when an operator does not exist here.
func ParseProjection(raw bson.Raw) (*Projection, error) { return ParseProjectionBy(nil, raw) }

// ParseProjectionBy is ParseProjection for one whose conditions and expressions compare texts by a collation.
func ParseProjectionBy(by *collation.Collation, raw bson.Raw) (*Projection, error) {
	if value.IsEmpty(raw) {
		return nil, nil
	}
	if err := value.Validate(raw); err != nil {
		return nil, invalidProjection("cannot be read: %s", yunduo.AsError(err).Message)
	}
	raw = bytes.Clone(raw) // the tree points into it, and the caller may reuse its memory
	p := &Projection{raw: raw, root: &shown{}, by: by}
	if err := p.fields(raw, ""); err != nil {
		return nil, err
	}
	return p, p.decide()
}

// fields takes in a document of fields below prefix (empty or ending in a dot).
func (p *Projection) fields(doc []byte, prefix string) error {
	for it := value.Elements(doc); ; {
		key, v, ok := it.Next()
		if !ok {
			return nil
		}
		path := prefix + string(key)
		if v.Type == bson.TypeEmbeddedDocument && !isOperators(v) {
			if value.IsEmpty(v.Value) {
				return invalidProjection("has an empty object for '%s'", path)
			}
			if err := p.fields(v.Value, path+"."); err != nil {
				return err
			}
			continue
		}
		field, err := p.add(path)
		if err != nil {
			return err
		}
		if err := field.parse(p.by, v); err != nil {
			return err
		}
	}
}

// add returns the new place for a path.
func (p *Projection) add(path string) (*shown, error) {
	at := p.root
	for i, name := range strings.Split(path, ".") {
		switch {
		case name == "$":
			return nil, invalidProjection("has the positional '%s', which does not exist here; use $elemMatch", path)
		case name == "" || name[0] == '$':
			return nil, invalidProjection("has the path '%s', which cannot name a field", path)
		case i > 0 && at.action != actionNone:
			return nil, invalidProjection("names both '%s' and '%s'", at.path, path)
		}
		next := at.find([]byte(name))
		if next == nil {
			next = &shown{path: strings.TrimPrefix(at.path+"."+name, "."), name: name}
			at.enter(next)
		}
		at = next
	}
	if at.action != actionNone || len(at.inside) > 0 {
		return nil, invalidProjection("names '%s' twice", path)
	}
	return at, nil
}

func (s *shown) enter(next *shown) {
	s.inside = append(s.inside, next)
	switch {
	case s.index != nil:
		s.index[next.name] = next
	case len(s.inside) > fewFields:
		s.index = make(map[string]*shown, 2*len(s.inside))
		for _, inside := range s.inside {
			s.index[inside.name] = inside
		}
	}
}

func (s *shown) find(name []byte) *shown {
	if s.index != nil {
		return s.index[string(name)]
	}
	for _, inside := range s.inside {
		if inside.name == string(name) {
			return inside
		}
	}
	return nil
}

// parse compiles what is said of a field.
func (s *shown) parse(by *collation.Collation, v bson.RawValue) error {
	switch {
	case v.Type == bson.TypeBoolean || value.IsNumber(v):
		s.action = actionExclude
		if value.Truthy(v) {
			s.action = actionInclude
		}
		return nil
	case v.Type != bson.TypeEmbeddedDocument:
		return s.compute(by, v)
	}
	it := value.Elements(v.Value)
	operator, arg, _ := it.Next()
	switch string(operator) {
	case "$slice":
		if n := value.Count(arg.Value); arg.Type != bson.TypeArray || n == 2 {
			return s.slice(arg)
		}
	case "$elemMatch":
		return s.elemMatch(by, arg)
	case "$meta":
		return language.Unknown(language.Projection, "$meta")
	}
	return s.compute(by, v)
}

func (s *shown) compute(by *collation.Collation, v bson.RawValue) (err error) {
	s.action = actionCompute
	s.expression, err = expr.ParseWith(v, expr.Scope{Collation: by})
	if yunduo.ReasonOf(err) == yunduo.ReasonInvalidPipeline {
		return invalidProjection("has a wrong expression for '%s': %s", s.path, yunduo.AsError(err).Message)
	}
	return err
}

func (s *shown) slice(arg bson.RawValue) error {
	s.action = actionSlice
	if n, ok := value.Int64(arg); ok {
		s.limit, s.last = n, n < 0
		if s.last {
			s.limit = -max(n, -1<<40)
		}
		return nil
	}
	if arg.Type == bson.TypeArray {
		skipValue, _ := value.Element(arg.Value, 0)
		limitValue, _ := value.Element(arg.Value, 1)
		skip, ok := value.Int64(skipValue)
		limit, okLimit := value.Int64(limitValue)
		if ok && okLimit && limit > 0 {
			s.skip, s.limit = skip, limit
			return nil
		}
	}
	return invalidProjection("has $slice for '%s' without a whole number or a list of two, the second above 0", s.path)
}

func (s *shown) elemMatch(by *collation.Collation, arg bson.RawValue) error {
	if strings.Contains(s.path, ".") {
		return invalidProjection("has $elemMatch for the nested field '%s'; only fields of the document itself may have it", s.path)
	}
	p := filterParser{by: by, nested: 1}
	c, err := p.elemMatch(s.path, arg)
	if err != nil {
		if e := yunduo.AsError(err); e.Reason == yunduo.ReasonInvalidFilter {
			return invalidProjection("has a wrong $elemMatch: %s", e.Message)
		}
		return err
	}
	s.action, s.element = actionElement, c.onElement().(*elementPredicate)
	return nil
}

// decide finds out from the fields named whether others are left out or kept.
func (p *Projection) decide() error {
	including, excluding, element := "", "", false
	var visit func(s *shown)
	visit = func(s *shown) {
		switch {
		case s.path == "_id" && s.action <= actionExclude && len(s.inside) == 0:
		case s.action == actionInclude || s.action == actionCompute:
			including = s.path
		case s.action == actionElement: // goes with either and chooses by itself
			element = true
		case s.action == actionExclude:
			excluding = s.path
		}
		for _, inside := range s.inside {
			visit(inside)
		}
	}
	for _, s := range p.root.inside {
		visit(s)
	}
	id := p.root.find([]byte("_id"))
	switch {
	case including != "" && excluding != "":
		return invalidProjection("chooses '%s' but leaves out '%s'; it can do one or the other", including, excluding)
	case including == "" && excluding == "" && len(p.root.inside) == 1 && id != nil:
		p.including = id.action == actionInclude
	default:
		p.including = including != "" || element && excluding == ""
	}
	p.id = id == nil
	return nil
}
