package expr

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

func objectOperators() map[string]operator {
	return map[string]operator{
		"$objectToArray": positional(1, 1, objectToArray),
		"$arrayToObject": positional(1, 1, arrayToObject),
		"$getField":      compileGetField,
		"$setField":      compileSetField,
		"$unsetField":    compileSetField,
		"$bsonSize":      positional(1, 1, bsonSize),
		"$binarySize":    positional(1, 1, binarySize),
	}
}

func objectToArray(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a[0]) {
		return value.Null, nil
	}
	if a[0].Type != bson.TypeEmbeddedDocument {
		return a[0], failed(op, "the argument must be an object, not %s", typeName(a[0]))
	}
	b := newArray(op)
	for w := walk(a[0].Value); w.next(); {
		pair := value.Append(value.BeginDocument(nil), "k", value.String(w.key()))
		pair = value.EndDocument(value.Append(pair, "v", w.value), 0)
		if err := b.push(value.Document(pair)); err != nil {
			return a[0], err
		}
	}
	return b.done(), nil
}

// arrayToObject takes [[key, value], ...] or [{k, v}, ...], not both forms in one array.
func arrayToObject(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a[0]) {
		return value.Null, nil
	}
	if a[0].Type != bson.TypeArray {
		return a[0], failed(op, "the argument must be an array, not %s", typeName(a[0]))
	}
	b := mergeBuilder{op: op}
	var form bson.Type
	for w := walk(a[0].Value); w.next(); {
		if form == 0 {
			form = w.value.Type
		}
		if w.value.Type != form || form != bson.TypeArray && form != bson.TypeEmbeddedDocument {
			return a[0], failed(op, "the elements must be all pairs or all objects, not %s", typeName(w.value))
		}
		var k, v bson.RawValue
		if form == bson.TypeArray {
			k, v = elementAt(w.value, 0), elementAt(w.value, 1)
		} else {
			k, v = field(w.value.Value, "k"), field(w.value.Value, "v")
		}
		if count(w.value) != 2 || v.Type == 0 {
			return a[0], failed(op, "every element must be a pair [key, value] or an object {k, v}")
		}
		if k.Type != bson.TypeString || strings.IndexByte(text(k), 0) >= 0 {
			return a[0], failed(op, "a key must be a string without zero bytes, not %s", describe(k))
		}
		b.set(text(k), v)
	}
	return b.done()
}

// fieldName compiles the name of a field, which may contain dots and start with $. It must be known beforehand.
func (c *compiler) fieldName(op string, v bson.RawValue) (string, error) {
	n, err := c.expression(v)
	if err != nil {
		return "", err
	}
	if n.constant {
		if name, err := n.eval(&frame{}); err == nil && name.Type == bson.TypeString {
			return text(name), nil
		}
	}
	return "", invalid("%s: field must be a constant string; wrap one that starts with $ in $literal", op)
}

// compileGetField compiles {$getField: name} and {$getField: {field, input}}.
func compileGetField(c *compiler, op string, arg bson.RawValue) (node, error) {
	input, raw := c.current(nil), arg
	if arg.Type == bson.TypeEmbeddedDocument && !isOperator(arg) {
		params, err := rawParameters(op, arg, "field", "input")
		if err != nil {
			return node{}, err
		}
		raw = params[0]
		if input, err = c.expression(params[1]); err != nil {
			return node{}, err
		}
	}
	name, err := c.fieldName(op, raw)
	if err != nil {
		return node{}, err
	}
	return node{eval: func(f *frame) (bson.RawValue, error) {
		v, err := input.eval(f)
		switch {
		case err != nil || v.Type == 0:
			return v, err
		case value.Nullish(v):
			return value.Null, nil
		case v.Type != bson.TypeEmbeddedDocument:
			return bson.RawValue{}, nil
		}
		return field(v.Value, name), nil
	}}, nil
}

// isOperator reports whether an object is an operator expression.
func isOperator(v bson.RawValue) bool {
	w := walk(v.Value)
	return w.next() && strings.HasPrefix(w.key(), "$")
}

// compileSetField compiles $setField, and $unsetField, which is to set the field to $$REMOVE.
func compileSetField(c *compiler, op string, arg bson.RawValue) (node, error) {
	names := []string{"field", "input", "value"}
	if op == "$unsetField" {
		names = names[:2]
	}
	raw, err := rawParameters(op, arg, names...)
	if err != nil {
		return node{}, err
	}
	name, err := c.fieldName(op, raw[0])
	if err != nil {
		return node{}, err
	}
	input, err := c.expression(raw[1])
	if err != nil {
		return node{}, err
	}
	items := []node{input, literal(bson.RawValue{})}
	if len(raw) == 3 {
		if items[1], err = c.expression(raw[2]); err != nil {
			return node{}, err
		}
	}
	return call(op, items, func(op string, a []bson.RawValue) (bson.RawValue, error) {
		if nullish(a[0]) {
			return value.Null, nil
		}
		if a[0].Type != bson.TypeEmbeddedDocument {
			return a[0], failed(op, "input must be an object, not %s", typeName(a[0]))
		}
		b := mergeBuilder{op: op}
		for w := walk(a[0].Value); w.next(); {
			b.set(w.key(), w.value)
		}
		b.set(name, a[1])
		return b.done()
	}), nil
}

func bsonSize(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a[0]) {
		return value.Null, nil
	}
	if a[0].Type != bson.TypeEmbeddedDocument {
		return a[0], failed(op, "the argument must be an object, not %s", typeName(a[0]))
	}
	return value.Int32(int32(len(a[0].Value))), nil
}

func binarySize(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a[0]) {
		return value.Null, nil
	}
	switch a[0].Type {
	case bson.TypeString:
		return value.Int32(int32(len(text(a[0])))), nil
	case bson.TypeBinary:
		_, data := a[0].Binary()
		return value.Int32(int32(len(data))), nil
	}
	return a[0], failed(op, "the argument must be a string or binary data, not %s", typeName(a[0]))
}
