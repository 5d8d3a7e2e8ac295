// Package expr is the aggregation expression language: it compiles an expression such as {$add: ["$a", 1]} once into
// closures and evaluates them over raw BSON documents with MongoDB's semantics.
package expr

import (
	"bytes"
	"context"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/collation"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

const (
	maxDepth  = language.MaxDepth
	maxResult = language.MaxValueBytes
	maxSteps  = language.MaxSteps // loop iterations and 64-byte units of results in one evaluation
	stepMask  = 1<<12 - 1         // how often a long evaluation looks at its context
)

// Expr is a compiled expression. It is safe for concurrent use.
type Expr struct {
	root     node
	declared []string // let variables that Vars.Named gives; they have the first slots
	slots    int
	frames   sync.Pool // of *frame: an evaluation needs no allocation of its own
}

// Vars are what an expression may refer to beside the document itself.
type Vars struct {
	Now     time.Time                // $$NOW; zero is the time of the call
	Named   map[string]bson.RawValue // let variables by name, without $$
	Context context.Context          // ends a long evaluation early; nil never does
}

// Parse compiles an expression that refers to no let variables but its own. It returns unknown_operator for an
// operator that does not exist and invalid_pipeline for wrong arguments or an undefined variable.
func Parse(v bson.RawValue) (*Expr, error) { return ParseWith(v, Scope{}) }

// Scope is what an expression stands in.
type Scope struct {
	Declared  []string             // let variables, by name without $$, whose values Vars.Named gives; others are missing
	Collation *collation.Collation // how texts compare; nil is by bytes
}

// ParseWith is Parse for an expression in a scope.
func ParseWith(v bson.RawValue, scope Scope) (*Expr, error) {
	if err := v.Validate(); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidPipeline, "an expression is not well-formed BSON")
	}
	v.Value = bytes.Clone(v.Value) // the caller may use the memory again
	c := &compiler{operators: operators(), collation: scope.Collation}
	for _, name := range scope.Declared {
		c.declare(name)
	}
	root, err := c.expression(v)
	if err != nil {
		return nil, err
	}
	e := &Expr{root: root, declared: scope.Declared, slots: c.slots}
	e.frames.New = func() any { return &frame{vars: make([]bson.RawValue, e.slots)} }
	return e, nil
}

// Constant returns the value of an expression that depends on nothing, such as a literal, or why it cannot be computed;
// constant is false for others.
func (e *Expr) Constant() (v bson.RawValue, constant bool, err error) {
	if !e.root.constant {
		return bson.RawValue{}, false, nil
	}
	v, err = e.Eval(nil, Vars{})
	return v, true, err
}

// Eval computes the expression for a document. The zero RawValue means that the result is missing. The result may
// share memory with doc and vars. Reasons: expression_failed, query_too_expensive.
func (e *Expr) Eval(doc bson.Raw, vars Vars) (bson.RawValue, error) {
	f := e.frames.Get().(*frame)
	f.root, f.now, f.ctx, f.steps = value.Document(doc), vars.Now, vars.Context, 0
	for i, name := range e.declared {
		f.vars[i] = vars.Named[name]
	}
	v, err := e.root.eval(f)
	f.release()
	e.frames.Put(f)
	return v, err
}

// frame is the state of one evaluation.
type frame struct {
	root  bson.RawValue
	vars  []bson.RawValue // let variables by slot
	stack []bson.RawValue // arguments of the operators being evaluated
	now   time.Time
	ctx   context.Context
	steps int
}

// release drops what the evaluation referred to, so that a pooled frame keeps no document alive.
func (f *frame) release() {
	clear(f.vars)
	clear(f.stack[:cap(f.stack)])
	f.stack = f.stack[:0]
	f.root, f.ctx = bson.RawValue{}, nil
}

// step counts n units of work and ends an evaluation that takes too many.
func (f *frame) step(n int) error {
	before := f.steps
	f.steps += n
	if f.steps > maxSteps {
		return yunduo.Errorf(yunduo.ReasonQueryTooExpensive, "an expression takes more than %d steps for one document", maxSteps)
	}
	if f.ctx != nil && before&^stepMask != f.steps&^stepMask {
		return f.ctx.Err()
	}
	return nil
}
