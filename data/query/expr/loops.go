package expr

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// variableName reads the name of a loop's variable, "this" unless given.
func variableName(op string, v bson.RawValue) (string, error) {
	if isAbsent(v) {
		return "this", nil
	}
	if v.Type != bson.TypeString {
		return "", invalid("%s: as must be a string, not %s", op, typeName(v))
	}
	return text(v), CheckVariable(op, text(v))
}

// loop calls each with every element of input's array in variable slot. It reports false for a nullish input.
func loop(f *frame, op string, input node, slot int, each func(v bson.RawValue) (more bool, err error)) (bool, error) {
	v, err := input.eval(f)
	if err != nil {
		return false, err
	}
	if value.Nullish(v) {
		return false, nil
	}
	if v.Type != bson.TypeArray {
		return false, failed(op, "input must be an array, not %s", typeName(v))
	}
	for w := walk(v.Value); w.next(); {
		f.vars[slot] = w.value
		if err := f.step(1); err != nil {
			return false, err
		}
		more, err := each(w.value)
		if err != nil {
			return false, err
		}
		if !more {
			break
		}
	}
	return true, nil
}

func compileFilter(c *compiler, name string, arg bson.RawValue) (node, error) {
	raw, err := rawParameters(name, arg, "input", "as?", "cond", "limit?")
	if err != nil {
		return node{}, err
	}
	input, err := c.expression(raw[0])
	if err != nil {
		return node{}, err
	}
	limit := literal(absent)
	if !isAbsent(raw[3]) {
		if limit, err = c.expression(raw[3]); err != nil {
			return node{}, err
		}
	}
	as, err := variableName(name, raw[1])
	if err != nil {
		return node{}, err
	}
	slot := c.declare(as)
	condition, err := c.expression(raw[2])
	c.forget(slot)
	if err != nil {
		return node{}, err
	}
	return node{eval: func(f *frame) (bson.RawValue, error) {
		left, err := limit.eval(f)
		if err != nil {
			return left, err
		}
		n := -1
		if !isAbsent(left) && !value.Nullish(left) {
			var ok bool
			if n, ok = integer(left); !ok || n < 1 {
				return left, failed(name, "limit must be a positive whole number, not %s", describe(left))
			}
		}
		b := newArray(name)
		ok, err := loop(f, name, input, slot, func(v bson.RawValue) (bool, error) {
			keep, err := condition.eval(f)
			if err != nil || !value.Truthy(keep) {
				return true, err
			}
			n--
			return n != 0, b.push(v)
		})
		return arrayOrNull(&b, ok, err)
	}}, nil
}

func arrayOrNull(b *arrayBuilder, ok bool, err error) (bson.RawValue, error) {
	if err != nil || !ok {
		return value.Null, err
	}
	return b.done(), nil
}

func compileMap(c *compiler, name string, arg bson.RawValue) (node, error) {
	raw, err := rawParameters(name, arg, "input", "as?", "in")
	if err != nil {
		return node{}, err
	}
	input, err := c.expression(raw[0])
	if err != nil {
		return node{}, err
	}
	as, err := variableName(name, raw[1])
	if err != nil {
		return node{}, err
	}
	slot := c.declare(as)
	body, err := c.expression(raw[2])
	c.forget(slot)
	if err != nil {
		return node{}, err
	}
	return node{eval: func(f *frame) (bson.RawValue, error) {
		b := newArray(name)
		ok, err := loop(f, name, input, slot, func(bson.RawValue) (bool, error) {
			v, err := body.eval(f)
			if err != nil {
				return false, err
			}
			if v.Type == 0 {
				v = value.Null
			}
			return true, b.push(v)
		})
		return arrayOrNull(&b, ok, err)
	}}, nil
}

func compileReduce(c *compiler, name string, arg bson.RawValue) (node, error) {
	raw, err := rawParameters(name, arg, "input", "initialValue", "in")
	if err != nil {
		return node{}, err
	}
	input, err := c.expression(raw[0])
	if err != nil {
		return node{}, err
	}
	initial, err := c.expression(raw[1])
	if err != nil {
		return node{}, err
	}
	this, so := c.declare("this"), c.declare("value")
	body, err := c.expression(raw[2])
	c.forget(this)
	if err != nil {
		return node{}, err
	}
	return node{eval: func(f *frame) (bson.RawValue, error) {
		v, err := initial.eval(f)
		if err != nil {
			return v, err
		}
		ok, err := loop(f, name, input, this, func(bson.RawValue) (bool, error) {
			f.vars[so] = v
			v, err = body.eval(f)
			return true, err
		})
		if err != nil || !ok {
			return value.Null, err
		}
		return v, nil
	}}, nil
}

func compileLet(c *compiler, name string, arg bson.RawValue) (node, error) {
	raw, err := rawParameters(name, arg, "vars", "in")
	if err != nil {
		return node{}, err
	}
	if raw[0].Type != bson.TypeEmbeddedDocument {
		return node{}, invalid("%s: vars must be an object, not %s", name, typeName(raw[0]))
	}
	var names []string
	var initial []node
	constant := true
	for w := walk(raw[0].Value); w.next(); {
		if err := CheckVariable(name, w.key()); err != nil {
			return node{}, err
		}
		n, err := c.expression(w.value)
		if err != nil {
			return node{}, err
		}
		names, initial, constant = append(names, w.key()), append(initial, n), constant && n.constant
	}
	base := len(c.scope)
	for _, name := range names {
		c.declare(name)
	}
	body, err := c.expression(raw[1])
	c.forget(base)
	if err != nil {
		return node{}, err
	}
	return node{eval: func(f *frame) (bson.RawValue, error) {
		// The variables come into sight together: none may refer to another, so a slot may be set only once all
		// are computed. Slots from base on are free meanwhile, but the computations may use them: hence the stack.
		mark := len(f.stack)
		for _, n := range initial {
			v, err := n.eval(f)
			if err != nil {
				return v, err
			}
			f.stack = append(f.stack, v)
		}
		copy(f.vars[base:], f.stack[mark:])
		f.stack = f.stack[:mark]
		return body.eval(f)
	}}, nil
}

func compileZip(c *compiler, name string, arg bson.RawValue) (node, error) {
	raw, err := rawParameters(name, arg, "inputs", "useLongestLength?", "defaults?")
	if err != nil {
		return node{}, err
	}
	if raw[0].Type != bson.TypeArray {
		return node{}, invalid("%s: inputs must be an array of expressions, not %s", name, typeName(raw[0]))
	}
	longest := false
	if !isAbsent(raw[1]) {
		if raw[1].Type != bson.TypeBoolean {
			return node{}, invalid("%s: useLongestLength must be a bool, not %s", name, typeName(raw[1]))
		}
		longest = raw[1].Boolean()
	}
	inputs, _, err := c.list(raw[0])
	if err != nil {
		return node{}, err
	}
	if len(inputs) == 0 {
		return node{}, invalid("%s needs at least one input", name)
	}
	items := inputs
	if !isAbsent(raw[2]) {
		if raw[2].Type != bson.TypeArray {
			return node{}, invalid("%s: defaults must be an array of expressions, not %s", name, typeName(raw[2]))
		}
		defaults, _, err := c.list(raw[2])
		if err != nil {
			return node{}, err
		}
		if !longest || len(defaults) != len(inputs) {
			return node{}, invalid("%s: defaults needs useLongestLength and as many elements as inputs", name)
		}
		items = append(slices.Clip(inputs), defaults...)
	}
	n := len(inputs)
	return call(name, items, func(op string, a []bson.RawValue) (bson.RawValue, error) {
		return zip(op, a[:n], a[n:], longest)
	}), nil
}

func zip(op string, inputs, defaults []bson.RawValue, longest bool) (bson.RawValue, error) {
	if nullish(inputs...) {
		return value.Null, nil
	}
	columns, rows := make([][]bson.RawValue, len(inputs)), 0
	for i, v := range inputs {
		if v.Type != bson.TypeArray {
			return v, failed(op, "every input must be an array, not %s", typeName(v))
		}
		columns[i] = values(v)
		if n := len(columns[i]); i == 0 || longest && n > rows || !longest && n < rows {
			rows = n
		}
	}
	b := newArray(op)
	for r := range rows {
		row := newArray(op)
		for i, column := range columns {
			v := value.Null
			if r < len(column) {
				v = column[r]
			} else if i < len(defaults) && defaults[i].Type != 0 {
				v = defaults[i]
			}
			if err := row.push(v); err != nil {
				return v, err
			}
		}
		if err := b.push(row.done()); err != nil {
			return bson.RawValue{}, err
		}
	}
	return b.done(), nil
}
