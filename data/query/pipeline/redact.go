package pipeline

import (
	"context"
	"maps"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/expr"
	"yunduo/data/query/value"
)

// redactStage is $redact: an expression says of each object in a row whether to keep it whole, to leave it out or to
// look into it.
type redactStage struct{ decide *expr.Expr }

// decisions are the variables that the expression answers with.
var decisions = map[string]bson.RawValue{"DESCEND": value.String("descend"), "PRUNE": value.String("prune"), "KEEP": value.String("keep")}

func parseRedact(p *parser, _ string, arg bson.RawValue) (stage, error) {
	scope := p.scope()
	scope.Declared = append(scope.Declared[:len(scope.Declared):len(scope.Declared)], "DESCEND", "PRUNE", "KEEP", "CURRENT")
	e, err := expr.ParseWith(arg, scope)
	return &redactStage{e}, err
}

func (s *redactStage) run(env *environment, in iterator) (iterator, error) {
	return &redactRows{s, env.with(decisions), in}, nil
}

type redactRows struct {
	*redactStage
	env *environment
	in  iterator
}

func (r *redactRows) close() error { return r.in.close() }

func (r *redactRows) next(ctx context.Context) (bson.Raw, error) {
	for {
		row, err := r.in.next(ctx)
		if err != nil || row == nil {
			return nil, err
		}
		vars := r.env.at(ctx)
		vars.Named = maps.Clone(vars.Named)
		v, err := r.redact(row, value.Document(row), vars)
		if err != nil {
			return nil, err
		}
		if v.Type != 0 {
			return v.Value, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// redact returns what is left of an object, missing if it is left out.
func (r *redactRows) redact(root bson.Raw, object bson.RawValue, vars expr.Vars) (bson.RawValue, error) {
	vars.Named["CURRENT"] = object
	answer, err := r.decide.Eval(root, vars)
	if err != nil {
		return answer, err
	}
	text, _ := value.Text(answer)
	switch string(text) {
	case "keep":
		return object, nil
	case "prune":
		return bson.RawValue{}, nil
	case "descend":
		return r.descend(root, object, vars)
	}
	return answer, yunduo.Errorf(yunduo.ReasonExpressionFailed, "$redact: the expression must give $$DESCEND, $$PRUNE or $$KEEP, not a value of type %s", value.TypeName(answer.Type))
}

// descend redacts what is inside an object or array.
func (r *redactRows) descend(root bson.Raw, container bson.RawValue, vars expr.Vars) (bson.RawValue, error) {
	dst, n := value.BeginDocument(make([]byte, 0, len(container.Value))), 0
	for it := value.Elements(container.Value); ; {
		key, v, ok := it.Next()
		if !ok {
			return bson.RawValue{Type: container.Type, Value: value.EndDocument(dst, 0)}, nil
		}
		var err error
		switch v.Type {
		case bson.TypeEmbeddedDocument:
			v, err = r.redact(root, v, vars)
		case bson.TypeArray:
			v, err = r.descend(root, v, vars)
		}
		switch {
		case err != nil:
			return v, err
		case v.Type == 0:
		case container.Type == bson.TypeArray:
			dst, n = value.AppendIndexed(dst, n, v), n+1
		default:
			dst = value.AppendElement(dst, key, v)
		}
	}
}
