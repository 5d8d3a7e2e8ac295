// Package expr is the aggregation expression language: it compiles an expression such as {$add: ["$a", 1]} once into
// closures and evaluates them over raw BSON documents with MongoDB's semantics.
package expr

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// Expr is a compiled expression. It is safe for concurrent use.
type Expr struct {
	raw bson.RawValue
}

// Vars are the variables an expression may refer to beside the document itself.
type Vars struct {
	Now   time.Time                // $$NOW
	Named map[string]bson.RawValue // let variables by name, without $$
}

// Parse compiles an expression. It returns unknown_operator for an operator that does not exist and
// invalid_pipeline for one with wrong arguments.
func Parse(v bson.RawValue) (*Expr, error) {
	return &Expr{raw: v}, nil
}

// Eval computes the expression for a document. The zero RawValue means that the result is missing.
func (e *Expr) Eval(doc bson.Raw, vars Vars) (bson.RawValue, error) {
	return bson.RawValue{}, yunduo.Errorf(yunduo.ReasonExpressionFailed, "expressions are not evaluated yet")
}
