package expr

import (
	"math"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

// operator compiles the argument of an operator.
type operator func(c *compiler, name string, arg bson.RawValue) (node, error)

// function computes an operator from its evaluated arguments.
type function func(op string, a []bson.RawValue) (bson.RawValue, error)

// absent stands for a named argument that was not written, as opposed to one that is missing in the document.
var absent = bson.RawValue{Type: 0xE0}

func isAbsent(v bson.RawValue) bool { return v.Type == absent.Type }

// arguments compiles an operator's positional arguments: an array, or a single argument without one. A negative most
// means any number.
func (c *compiler) arguments(op string, arg bson.RawValue, least, most int) ([]node, error) {
	var items []node
	if arg.Type == bson.TypeArray {
		var err error
		if items, _, err = c.list(arg); err != nil {
			return nil, err
		}
	} else {
		item, err := c.expression(arg)
		if err != nil {
			return nil, err
		}
		items = []node{item}
	}
	switch n := len(items); {
	case n >= least && (n <= most || most < 0):
		return items, nil
	case least == most:
		return nil, invalid("%s takes exactly %d arguments, %d were given", op, least, n)
	case most < 0:
		return nil, invalid("%s takes at least %d arguments, %d were given", op, least, n)
	default:
		return nil, invalid("%s takes %d to %d arguments, %d were given", op, least, most, n)
	}
}

// positional is an operator whose arguments are evaluated in order and given to fn.
func positional(least, most int, fn function) operator {
	return func(c *compiler, name string, arg bson.RawValue) (node, error) {
		items, err := c.arguments(name, arg, least, most)
		if err != nil {
			return node{}, err
		}
		return call(name, items, fn), nil
	}
}

// textual is positional for a function that compares texts.
func textual(least, most int, fn textualFunction) operator {
	return func(c *compiler, name string, arg bson.RawValue) (node, error) {
		return positional(least, most, fn.by(c.collation))(c, name, arg)
	}
}

// textualFunction computes an operator whose result depends on how texts compare.
type textualFunction func(by *collation.Collation, op string, a []bson.RawValue) (bson.RawValue, error)

func (fn textualFunction) by(by *collation.Collation) function {
	return func(op string, a []bson.RawValue) (bson.RawValue, error) { return fn(by, op, a) }
}

// call is fn of the values of items.
func call(op string, items []node, fn function) node {
	constant := true
	for _, item := range items {
		constant = constant && item.constant
	}
	return fold(node{constant: constant, eval: func(f *frame) (bson.RawValue, error) {
		base := len(f.stack)
		for _, item := range items {
			v, err := item.eval(f)
			if err != nil {
				return v, err
			}
			f.stack = append(f.stack, v)
		}
		v, err := fn(op, f.stack[base:])
		f.stack = f.stack[:base]
		if err != nil {
			return v, err
		}
		return v, f.step(1 + len(v.Value)>>6)
	}})
}

// parameters compiles an operator's named arguments, in the order of names. A name that ends in ? may be left out;
// its node is then one that evaluates to absent.
func (c *compiler) parameters(op string, arg bson.RawValue, names ...string) ([]node, error) {
	raw, err := rawParameters(op, arg, names...)
	if err != nil {
		return nil, err
	}
	items := make([]node, len(names))
	for i := range names {
		if isAbsent(raw[i]) {
			items[i] = literal(absent)
		} else if items[i], err = c.expression(raw[i]); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// rawParameters is parameters without compiling them: for operators in which one argument is in the scope of another.
func rawParameters(op string, arg bson.RawValue, names ...string) ([]bson.RawValue, error) {
	if arg.Type != bson.TypeEmbeddedDocument {
		return nil, invalid("%s takes an object of named arguments, not %s", op, typeName(arg))
	}
	out := make([]bson.RawValue, len(names))
	for i := range out {
		out[i] = absent
	}
next:
	for w := walk(arg.Value); w.next(); {
		key := w.key()
		for i, name := range names {
			if strings.TrimSuffix(name, "?") == key {
				out[i] = w.value
				continue next
			}
		}
		return nil, invalid("%s has no argument %q", op, key)
	}
	for i, name := range names {
		if isAbsent(out[i]) && !strings.HasSuffix(name, "?") {
			return nil, invalid("%s needs the argument %q", op, name)
		}
	}
	return out, nil
}

// named is an operator with named arguments, which fn gets in the order of names.
func named(fn function, names ...string) operator {
	return func(c *compiler, name string, arg bson.RawValue) (node, error) {
		items, err := c.parameters(name, arg, names...)
		if err != nil {
			return node{}, err
		}
		return call(name, items, fn), nil
	}
}

// integer returns a whole number that fits 32 bits, of any numeric type.
func integer(v bson.RawValue) (int, bool) {
	n, ok := value.Int64(v)
	if !ok || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, false
	}
	return int(n), true
}

// text returns the content of a string without copying more than it must.
func text(v bson.RawValue) string { return v.StringValue() }

// nullish reports whether any of the values is missing, undefined or null.
func nullish(a ...bson.RawValue) bool {
	for _, v := range a {
		if value.Nullish(v) {
			return true
		}
	}
	return false
}

// typeName returns the name that $type gives the type of v.
func typeName(v bson.RawValue) string { return value.TypeName(v.Type) }

// describe names a value in an error: numbers and strings with what they are, others by type.
func describe(v bson.RawValue) string {
	switch v.Type {
	case bson.TypeInt32, bson.TypeInt64, bson.TypeDouble, bson.TypeDecimal128:
		s, _ := toText(v)
		return s
	case bson.TypeString:
		s := v.StringValue()
		if len(s) > 40 {
			s = s[:40] + "…"
		}
		return strconv.Quote(s)
	}
	return typeName(v)
}
