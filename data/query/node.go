package query

import (
	"slices"

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

// conjunction flattens nested conjunctions into one. What may fail comes last: it need not be computed for documents
// that do not match otherwise, which is what conditions beside an $expr are written for.
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
	fallibleLast(flat)
	return flat
}

// disjunction matches when one of the children does; what may fail comes last.
func disjunction(children []node) node {
	if len(children) == 1 {
		return children[0]
	}
	fallibleLast(children)
	return anyNode(children)
}

func fallibleLast(nodes []node) {
	if slices.ContainsFunc(nodes, fallible) {
		slices.SortStableFunc(nodes, func(a, b node) int {
			switch af, bf := fallible(a), fallible(b); {
			case af == bf:
				return 0
			case af:
				return 1
			}
			return -1
		})
	}
}

// fallible reports whether matching a document may fail: there is an $expr in the condition.
func fallible(n node) bool {
	switch n := n.(type) {
	case exprNode:
		return true
	case allNode:
		return slices.ContainsFunc(n, fallible)
	case anyNode:
		return slices.ContainsFunc(n, fallible)
	case notNode:
		return fallible(n.child)
	}
	return false
}

// check is match for a condition that may fail.
func check(n node, doc bson.Raw) (bool, error) {
	switch n := n.(type) {
	case exprNode:
		v, err := n.expression.Eval(doc, expr.Vars{})
		return err == nil && value.Truthy(v), err
	case allNode:
		for _, child := range n {
			if ok, err := check(child, doc); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	case anyNode:
		for _, child := range n {
			if ok, err := check(child, doc); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case notNode:
		ok, err := check(n.child, doc)
		return !ok && err == nil, err
	}
	return n.match(doc), nil
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

// exprNode matches when an aggregation expression is true. Its match is for those who only guess; see check.
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
