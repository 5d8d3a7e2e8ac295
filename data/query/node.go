package query

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/expr"
	"yunduo/data/query/schema"
	"yunduo/data/query/value"
)

// A node is a condition on a whole document.
type node interface {
	match(doc bson.Raw) bool
}

// A predicate is a condition on one value; the zero value stands for a missing field.
type predicate interface {
	matches(v bson.RawValue) bool
}

// allNode matches when every child does.
type allNode []node

func (n allNode) match(doc bson.Raw) bool {
	for _, child := range n {
		if !child.match(doc) {
			return false
		}
	}
	return true
}

// conjunction flattens nested conjunctions into one.
func conjunction(children []node) node {
	var flat allNode
	for _, child := range children {
		if all, ok := child.(allNode); ok {
			flat = append(flat, all...)
		} else {
			flat = append(flat, child)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return flat
}

// anyNode matches when a child does.
type anyNode []node

func (n anyNode) match(doc bson.Raw) bool {
	for _, child := range n {
		if child.match(doc) {
			return true
		}
	}
	return false
}

// notNode matches when its child does not.
type notNode struct{ child node }

func (n notNode) match(doc bson.Raw) bool { return !n.child.match(doc) }

// pathNode matches when a value on the path satisfies the predicate. A whole predicate looks at arrays as such, not at
// their elements.
type pathNode struct {
	path  value.Path
	pred  predicate
	whole bool
}

func (n *pathNode) match(doc bson.Raw) bool {
	return n.path.Any(doc, !n.whole, n.pred.matches)
}

// exprNode matches when an aggregation expression is true.
type exprNode struct{ expression *expr.Expr }

func (n exprNode) match(doc bson.Raw) bool {
	v, err := n.expression.Eval(doc, expr.Vars{})
	return err == nil && value.Truthy(v)
}

// schemaNode matches documents that satisfy a $jsonSchema.
type schemaNode struct{ schema *schema.Schema }

func (n schemaNode) match(doc bson.Raw) bool { return n.schema.Match(doc) }

// A condition is what an operator says of a field before it is known whether the field is a path of a document or an
// element of an array ($elemMatch).
type condition interface {
	onPath(path value.Path) node
	onElement() predicate
}

// leaf is a single predicate.
type leaf struct {
	pred  predicate
	whole bool
}

func (c leaf) onPath(path value.Path) node {
	return &pathNode{path: path, pred: c.pred, whole: c.whole}
}
func (c leaf) onElement() predicate { return c.pred }

// negated is a condition's opposite: no value of the field may satisfy it.
type negated struct{ inner condition }

func (c negated) onPath(path value.Path) node { return notNode{c.inner.onPath(path)} }
func (c negated) onElement() predicate        { return notPredicate{c.inner.onElement()} }

// together are conditions that must all hold.
type together []condition

func (c together) onPath(path value.Path) node {
	children := make([]node, 0, len(c))
	for _, inner := range c {
		children = append(children, inner.onPath(path))
	}
	return conjunction(children)
}

func (c together) onElement() predicate {
	all := make(allPredicate, 0, len(c))
	for _, inner := range c {
		all = append(all, inner.onElement())
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

type notPredicate struct{ inner predicate }

func (p notPredicate) matches(v bson.RawValue) bool { return !p.inner.matches(v) }

type allPredicate []predicate

func (p allPredicate) matches(v bson.RawValue) bool {
	for _, inner := range p {
		if !inner.matches(v) {
			return false
		}
	}
	return true
}

// nothing is the condition that no value satisfies.
type nothing struct{}

func (nothing) matches(bson.RawValue) bool { return false }
