package expr

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

func logicOperators() map[string]operator {
	return map[string]operator{
		"$and":    logical(true),
		"$or":     logical(false),
		"$not":    positional(1, 1, not),
		"$cond":   compileCond,
		"$ifNull": compileIfNull,
		"$switch": compileSwitch,
		"$cmp":    textual(2, 2, cmp),
		"$eq":     comparison(func(n int) bool { return n == 0 }),
		"$ne":     comparison(func(n int) bool { return n != 0 }),
		"$gt":     comparison(func(n int) bool { return n > 0 }),
		"$gte":    comparison(func(n int) bool { return n >= 0 }),
		"$lt":     comparison(func(n int) bool { return n < 0 }),
		"$lte":    comparison(func(n int) bool { return n <= 0 }),
	}
}

func cmp(by *collation.Collation, _ string, a []bson.RawValue) (bson.RawValue, error) {
	switch n := value.CompareBy(by, a[0], a[1]); {
	case n < 0:
		return value.Int32(-1), nil
	case n > 0:
		return value.Int32(1), nil
	}
	return value.Int32(0), nil
}

func comparison(holds func(int) bool) operator {
	return textual(2, 2, func(by *collation.Collation, _ string, a []bson.RawValue) (bson.RawValue, error) {
		return value.Bool(holds(value.CompareBy(by, a[0], a[1]))), nil
	})
}

func not(_ string, a []bson.RawValue) (bson.RawValue, error) {
	return value.Bool(!value.Truthy(a[0])), nil
}

// logical is $and (true until one is false) or $or (false until one is true); it stops where the result is known.
func logical(start bool) operator {
	return func(c *compiler, name string, arg bson.RawValue) (node, error) {
		items, err := c.arguments(name, arg, 0, -1)
		if err != nil {
			return node{}, err
		}
		constant := true
		for _, item := range items {
			constant = constant && item.constant
		}
		return fold(node{constant: constant, eval: func(f *frame) (bson.RawValue, error) {
			for _, item := range items {
				v, err := item.eval(f)
				if err != nil {
					return v, err
				}
				if value.Truthy(v) != start {
					return value.Bool(!start), nil
				}
			}
			return value.Bool(start), nil
		}}), nil
	}
}

// compileCond compiles {$cond: [if, then, else]} and {$cond: {if, then, else}}; only the chosen branch is evaluated.
func compileCond(c *compiler, name string, arg bson.RawValue) (node, error) {
	var items []node
	var err error
	if arg.Type == bson.TypeEmbeddedDocument {
		items, err = c.parameters(name, arg, "if", "then", "else")
	} else {
		items, err = c.arguments(name, arg, 3, 3)
	}
	if err != nil {
		return node{}, err
	}
	condition, then, otherwise := items[0], items[1], items[2]
	constant := condition.constant && then.constant && otherwise.constant
	return fold(node{constant: constant, eval: func(f *frame) (bson.RawValue, error) {
		v, err := condition.eval(f)
		if err != nil {
			return v, err
		}
		if value.Truthy(v) {
			return then.eval(f)
		}
		return otherwise.eval(f)
	}}), nil
}

func compileIfNull(c *compiler, name string, arg bson.RawValue) (node, error) {
	items, err := c.arguments(name, arg, 2, -1)
	if err != nil {
		return node{}, err
	}
	return node{eval: func(f *frame) (v bson.RawValue, err error) {
		for _, item := range items {
			if v, err = item.eval(f); err != nil || !value.Nullish(v) {
				return v, err
			}
		}
		return v, nil
	}}, nil
}

func compileSwitch(c *compiler, name string, arg bson.RawValue) (node, error) {
	raw, err := rawParameters(name, arg, "branches", "default?")
	if err != nil {
		return node{}, err
	}
	if raw[0].Type != bson.TypeArray {
		return node{}, invalid("%s: branches must be an array of {case, then}, not %s", name, typeName(raw[0]))
	}
	var branches [][]node
	for w := walk(raw[0].Value); w.next(); {
		branch, err := c.parameters(name, w.value, "case", "then")
		if err != nil {
			return node{}, err
		}
		branches = append(branches, branch)
	}
	if len(branches) == 0 {
		return node{}, invalid("%s needs at least one branch", name)
	}
	otherwise := node{eval: func(*frame) (bson.RawValue, error) {
		return bson.RawValue{}, failed(name, "no branch applies and there is no default")
	}}
	if !isAbsent(raw[1]) {
		if otherwise, err = c.expression(raw[1]); err != nil {
			return node{}, err
		}
	}
	return node{eval: func(f *frame) (bson.RawValue, error) {
		for _, branch := range branches {
			v, err := branch[0].eval(f)
			if err != nil {
				return v, err
			}
			if value.Truthy(v) {
				return branch[1].eval(f)
			}
		}
		return otherwise.eval(f)
	}}, nil
}
