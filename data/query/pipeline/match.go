package pipeline

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/expr"
	"yunduo/data/query/value"
)

// matchStage is $match. One that refers to let variables is compiled anew for each run of its pipeline, when their
// values are known: the filter language itself has no variables.
type matchStage struct {
	filter   *query.Filter
	open     bson.Raw // the filter as written, if it refers to variables
	declared []string
	by       *collation.Collation
	hints    []hint
}

// hint is a condition {$eq: ["$path", "$$variable"]} of an $expr: a source with an index can use it as an equality.
type hint struct {
	path     string
	variable *expr.Expr
}

func parseMatch(p *parser, name string, arg bson.RawValue) (stage, error) {
	if arg.Type != bson.TypeEmbeddedDocument {
		return nil, invalid("%s takes a filter, not %s", name, value.TypeName(arg.Type))
	}
	s := &matchStage{by: p.by}
	raw := bson.Raw(arg.Value)
	if len(p.declared) > 0 && hasExpression(raw) {
		s.open, s.declared = raw, p.declared
		s.findHints(raw)
		raw = bindDocument(raw, declare(p.declared, nil))
	}
	filter, err := query.ParseFilterBy(s.by, raw)
	if err != nil {
		return nil, err
	}
	if filter.Near() != nil {
		return nil, invalid("$match cannot sort by distance; use the stage $geoNear")
	}
	s.filter = filter
	p.fallible = p.fallible || filter.Fallible()
	return s, nil
}

// bind returns the filter with the variables of env in it.
func (s *matchStage) bind(env *environment) (*query.Filter, error) {
	if s.open == nil {
		return s.filter, nil
	}
	bound, err := query.ParseFilterBy(s.by, bindDocument(s.open, declare(s.declared, env.vars.Named)))
	if err != nil {
		return nil, err
	}
	filters := []*query.Filter{bound}
	for _, h := range s.hints {
		v, err := h.variable.Eval(nil, env.vars)
		if err != nil {
			return nil, err
		}
		switch v.Type {
		case 0, bson.TypeNull, bson.TypeUndefined, bson.TypeArray, bson.TypeRegex:
			continue // a filter's equality means something else with these
		}
		f, err := query.ParseFilterBy(s.by, equalTo(h.path, v))
		if err != nil {
			return nil, err
		}
		filters = append(filters, f)
	}
	return query.And(filters...), nil
}

func (s *matchStage) run(env *environment, in iterator) (iterator, error) {
	filter, err := s.bind(env)
	if err == nil {
		err = filter.Failed()
	}
	if err != nil {
		return nil, err
	}
	return &matchRows{in, filter}, nil
}

type matchRows struct {
	in     iterator
	filter *query.Filter
}

func (r *matchRows) next(ctx context.Context) (bson.Raw, error) {
	for {
		row, err := r.in.next(ctx)
		if err != nil || row == nil {
			return row, err
		}
		matches, err := r.filter.Match(row)
		if err != nil {
			return nil, err
		}
		if matches {
			return row, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

func (r *matchRows) close() error { return r.in.close() }

// equalTo is the filter {path: {$eq: v}}.
func equalTo(path string, v bson.RawValue) bson.Raw {
	condition := value.EndDocument(value.Append(value.BeginDocument(nil), "$eq", v), 0)
	return value.EndDocument(value.Append(value.BeginDocument(nil), path, value.Document(condition)), 0)
}

// oneOf is the filter {path: {$in: values}}, in a form that takes regular expressions as values.
func oneOf(path string, values []bson.RawValue) bson.Raw {
	for _, v := range values {
		if v.Type == bson.TypeRegex {
			branches := make([]bson.RawValue, len(values))
			for i, v := range values {
				branches[i] = value.Document(equalTo(path, v))
			}
			return value.EndDocument(value.Append(value.BeginDocument(nil), "$or", value.ArrayOf(branches...)), 0)
		}
	}
	condition := value.EndDocument(value.Append(value.BeginDocument(nil), "$in", value.ArrayOf(values...)), 0)
	return value.EndDocument(value.Append(value.BeginDocument(nil), path, value.Document(condition)), 0)
}

// hasExpression reports whether a filter has an $expr, at its top or under $and, $or or $nor.
func hasExpression(filter bson.Raw) bool {
	found := false
	elements(filter, func(key string, v bson.RawValue) bool {
		switch key {
		case "$expr":
			found = true
		case "$and", "$or", "$nor":
			for _, branch := range items(v) {
				found = found || branch.Type == bson.TypeEmbeddedDocument && hasExpression(branch.Value)
			}
		}
		return !found
	})
	return found
}

// declare is the vars object of a $let that gives variables their values, null for those without.
func declare(names []string, values map[string]bson.RawValue) bson.RawValue {
	b := value.BeginDocument(nil)
	for _, name := range names {
		v, ok := values[name]
		switch {
		case !ok:
			v = value.Null
		case v.Type == 0:
			b = value.Append(b, name, value.String("$$REMOVE"))
			continue
		}
		quoted := value.EndDocument(value.Append(value.BeginDocument(nil), "$literal", v), 0)
		b = value.Append(b, name, value.Document(quoted))
	}
	return value.Document(value.EndDocument(b, 0))
}

// bindDocument puts each $expr of a filter into a $let with vars.
func bindDocument(filter bson.Raw, vars bson.RawValue) bson.Raw {
	b := value.BeginDocument(nil)
	elements(filter, func(key string, v bson.RawValue) bool {
		switch {
		case key == "$expr":
			let := value.Append(value.BeginDocument(nil), "vars", vars)
			let = value.EndDocument(value.Append(let, "in", v), 0)
			v = value.Document(value.EndDocument(value.Append(value.BeginDocument(nil), "$let", value.Document(let)), 0))
		case (key == "$and" || key == "$or" || key == "$nor") && v.Type == bson.TypeArray:
			branches := items(v)
			for i, branch := range branches {
				if branch.Type == bson.TypeEmbeddedDocument {
					branches[i] = value.Document(bindDocument(branch.Value, vars))
				}
			}
			v = value.ArrayOf(branches...)
		}
		b = value.Append(b, key, v)
		return true
	})
	return value.EndDocument(b, 0)
}

// findHints collects the equalities that the filter's $expr demands of every document.
func (s *matchStage) findHints(filter bson.Raw) {
	elements(filter, func(key string, v bson.RawValue) bool {
		switch {
		case key == "$expr":
			s.hintsOf(v)
		case key == "$and" && v.Type == bson.TypeArray:
			for _, branch := range items(v) {
				if branch.Type == bson.TypeEmbeddedDocument {
					s.findHints(branch.Value)
				}
			}
		}
		return true
	})
}

func (s *matchStage) hintsOf(expression bson.RawValue) {
	if expression.Type != bson.TypeEmbeddedDocument || value.Count(expression.Value) != 1 {
		return
	}
	elements(expression.Value, func(op string, arg bson.RawValue) bool {
		if arg.Type != bson.TypeArray {
			return true
		}
		args := items(arg)
		if op == "$and" {
			for _, condition := range args {
				s.hintsOf(condition)
			}
		}
		if op == "$eq" && len(args) == 2 {
			s.hint(args[0], args[1])
			s.hint(args[1], args[0])
		}
		return true
	})
}

func (s *matchStage) hint(field, variable bson.RawValue) {
	if field.Type != bson.TypeString || variable.Type != bson.TypeString {
		return
	}
	path, ok := strings.CutPrefix(field.StringValue(), "$")
	name, isVariable := strings.CutPrefix(variable.StringValue(), "$$")
	name, _, _ = strings.Cut(name, ".")
	if !ok || strings.HasPrefix(path, "$") || !isVariable || strings.ToUpper(name) == name {
		return // $$ROOT and its like depend on the document
	}
	if e, err := expr.ParseWith(variable, expr.Scope{Declared: s.declared, Collation: s.by}); err == nil {
		s.hints = append(s.hints, hint{path, e})
	}
}
