package expr

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/collation"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// node is a compiled expression. A constant one depends on nothing but itself.
type node struct {
	eval     func(f *frame) (bson.RawValue, error)
	constant bool
}

func literal(v bson.RawValue) node {
	return node{eval: func(*frame) (bson.RawValue, error) { return v, nil }, constant: true}
}

// compiler turns BSON into nodes. It carries the operator table so that the table may refer to it.
type compiler struct {
	operators map[string]operator
	scope     []string // let variables in sight; a variable's index is its slot
	slots     int      // the most variables in sight at once
	depth     int
	collation *collation.Collation
}

// declare brings a variable into sight and returns its slot; forget(n) leaves only the first n in sight.
func (c *compiler) declare(name string) int {
	c.scope = append(c.scope, name)
	c.slots = max(c.slots, len(c.scope))
	return len(c.scope) - 1
}

func (c *compiler) forget(n int) { c.scope = c.scope[:n] }

// slot finds the innermost variable of a name, -1 if there is none.
func (c *compiler) slot(name string) int {
	for i := len(c.scope) - 1; i >= 0; i-- {
		if c.scope[i] == name {
			return i
		}
	}
	return -1
}

func invalid(format string, args ...any) error {
	return yunduo.Errorf(yunduo.ReasonInvalidPipeline, format, args...)
}

func (c *compiler) expression(v bson.RawValue) (node, error) {
	if c.depth++; c.depth > maxDepth {
		return node{}, invalid("an expression is nested deeper than %d levels", maxDepth)
	}
	defer func() { c.depth-- }()
	switch v.Type {
	case bson.TypeString:
		s := v.StringValue()
		if !strings.HasPrefix(s, "$") {
			return literal(v), nil
		}
		return c.reference(s)
	case bson.TypeArray:
		return c.array(v)
	case bson.TypeEmbeddedDocument:
		return c.object(v)
	}
	return literal(v), nil
}

func (c *compiler) array(v bson.RawValue) (node, error) {
	items, constant, err := c.list(v)
	if err != nil {
		return node{}, err
	}
	return fold(node{constant: constant, eval: func(f *frame) (bson.RawValue, error) {
		b := newArray("an array")
		for _, item := range items {
			v, err := item.eval(f)
			if err != nil {
				return v, err
			}
			if v.Type == 0 {
				v = value.Null
			}
			if err := b.push(v); err != nil {
				return v, err
			}
		}
		return b.done(), nil
	}}), nil
}

// list compiles the elements of an array.
func (c *compiler) list(v bson.RawValue) (items []node, constant bool, err error) {
	constant = true
	for w := walk(v.Value); w.next(); {
		item, err := c.expression(w.value)
		if err != nil {
			return nil, false, err
		}
		items, constant = append(items, item), constant && item.constant
	}
	return items, constant, nil
}

func (c *compiler) object(v bson.RawValue) (node, error) {
	w := walk(v.Value)
	if !w.next() {
		return literal(v), nil
	}
	if name := w.key(); strings.HasPrefix(name, "$") {
		arg := w.value
		if w.next() {
			return node{}, invalid("an operator expression has exactly one field, but beside %s there is %q", name, w.key())
		}
		return c.operator(name, arg)
	}
	type field struct {
		name string
		node node
	}
	var fields []field
	constant, seen := true, map[string]bool{}
	for w := walk(v.Value); w.next(); {
		name := w.key()
		switch {
		case strings.HasPrefix(name, "$"):
			return node{}, invalid("the operator %s must be the only field of its object", name)
		case name == "" || strings.Contains(name, "."):
			return node{}, invalid("the field name %q in an object expression must be neither empty nor contain a dot", name)
		case seen[name]:
			return node{}, invalid("the field %q occurs twice in an object expression", name)
		}
		n, err := c.expression(w.value)
		if err != nil {
			return node{}, err
		}
		seen[name], constant = true, constant && n.constant
		fields = append(fields, field{name, n})
	}
	return fold(node{constant: constant, eval: func(f *frame) (bson.RawValue, error) {
		b := newObject("an object")
		for _, field := range fields {
			v, err := field.node.eval(f)
			if err != nil {
				return v, err
			}
			if err := b.set(field.name, v); err != nil {
				return v, err
			}
		}
		return b.done(), nil
	}}), nil
}

func (c *compiler) operator(name string, arg bson.RawValue) (node, error) {
	op, ok := c.operators[name]
	if !ok {
		return node{}, language.Unknown(language.Expression, name)
	}
	return op(c, name, arg)
}

// fold computes a constant node once. One that fails stays as it is, to fail when it is evaluated.
func fold(n node) node {
	if !n.constant {
		return n
	}
	v, err := n.eval(&frame{})
	if err != nil {
		return n
	}
	return literal(v)
}

// CheckVariable refuses names that a user's variable cannot have.
func CheckVariable(op, name string) error {
	ok := name == "CURRENT" || name != ""
	for i := range len(name) {
		b := name[i]
		lower, rest := b >= 'a' && b <= 'z' || b >= 0x80, b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_'
		ok = ok && (lower || rest && (i > 0 || name == "CURRENT"))
	}
	if !ok {
		return invalid("%s: %q cannot name a variable; a name starts with a lower-case letter and has letters, digits and underscores", op, name)
	}
	return nil
}

// compileLiteral takes its argument as it is.
func compileLiteral(_ *compiler, _ string, arg bson.RawValue) (node, error) { return literal(arg), nil }
