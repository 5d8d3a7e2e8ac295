package query

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/collation"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// setOperation is $set.
type setOperation struct{ value bson.RawValue }

func (o setOperation) needsPath() bool { return true }

func (o setOperation) apply(*application, string, bson.RawValue) (bson.RawValue, error) {
	return o.value, nil
}

// insertOperation is $setOnInsert.
type insertOperation struct{ value bson.RawValue }

func (o insertOperation) needsPath() bool { return false } // on an update it must not fail for want of parents

func (o insertOperation) apply(a *application, _ string, old bson.RawValue) (bson.RawValue, error) {
	if a.context.Insert {
		return o.value, nil
	}
	return old, nil
}

// unsetOperation is $unset and the old name in $rename.
type unsetOperation struct{}

func (unsetOperation) needsPath() bool { return false }

func (unsetOperation) apply(*application, string, bson.RawValue) (bson.RawValue, error) {
	return bson.RawValue{}, nil
}

// renameOperation is the new name in $rename.
type renameOperation struct{ from, to value.Path }

func (o renameOperation) needsPath() bool { return true }

func (o renameOperation) apply(a *application, _ string, old bson.RawValue) (bson.RawValue, error) {
	v, ok := o.from.Lookup(a.doc)
	if !ok {
		return old, nil
	}
	for _, path := range []value.Path{o.from, o.to} {
		if crossesArray(a.doc, path) {
			return old, notApplicable("$rename of '%s' to '%s' cannot reach into the array on the path '%s'", o.from, o.to, path)
		}
	}
	return v, nil
}

// crossesArray reports whether the path leads through an array of doc.
func crossesArray(doc bson.Raw, path value.Path) bool {
	v := value.Document(doc)
	for _, part := range path.Parts() {
		if v.Type != bson.TypeEmbeddedDocument {
			break
		}
		v, _ = value.Field(v.Value, part.Name)
		if v.Type == bson.TypeArray {
			return part != path.Parts()[len(path.Parts())-1]
		}
	}
	return false
}

func addRename(root *change, path string, arg bson.RawValue) error {
	text, ok := value.Text(arg)
	if !ok {
		return invalidUpdate("$rename of '%s' needs the new name as a text", path)
	}
	to := string(text)
	if strings.Contains(path+to, "$") {
		return invalidUpdate("$rename of '%s' to '%s' must not use positional components", path, to)
	}
	if path == to {
		return invalidUpdate("$rename of '%s' needs another name", path)
	}
	if err := root.add(path, unsetOperation{}); err != nil {
		return err
	}
	return root.add(to, renameOperation{value.ParsePath(path), value.ParsePath(to)})
}

// arithmetic is $inc or $mul.
type arithmetic struct {
	operator string
	operand  bson.RawValue
	compute  func(a, b bson.RawValue) (bson.RawValue, bool)
	initial  bson.RawValue // of a missing field
}

func parseInc(_ *collation.Collation, path string, v bson.RawValue) (operation, error) {
	return newArithmetic("$inc", path, v, value.Add, v)
}

func parseMul(_ *collation.Collation, path string, v bson.RawValue) (operation, error) {
	zero, _ := value.Multiply(v, value.Int32(0))
	if v.Type == bson.TypeDouble {
		zero = value.Double(0) // also for an infinite operand
	}
	return newArithmetic("$mul", path, v, value.Multiply, zero)
}

func newArithmetic(operator, path string, v bson.RawValue, compute func(a, b bson.RawValue) (bson.RawValue, bool), initial bson.RawValue) (operation, error) {
	if !value.IsNumber(v) {
		return nil, language.Errorf(language.TypeMismatch, yunduo.ReasonInvalidUpdate, "%s of '%s' needs a number, not a value of type %s", operator, path, value.TypeName(v.Type))
	}
	return &arithmetic{operator, v, compute, initial}, nil
}

func (o *arithmetic) needsPath() bool { return true }

func (o *arithmetic) apply(_ *application, path string, old bson.RawValue) (bson.RawValue, error) {
	if old.Type == 0 {
		return o.initial, nil
	}
	result, ok := o.compute(old, o.operand)
	if !ok {
		return result, wrongType(o.operator, path, old)
	}
	if result.Type == bson.TypeDouble && value.IsInteger(old) && value.IsInteger(o.operand) {
		return result, notApplicable("%s of the field '%s' exceeds 64 bits", o.operator, path)
	}
	return result, nil
}

func wrongType(operator, path string, old bson.RawValue) error {
	code := language.BadValue
	if operator == "$inc" || operator == "$mul" || operator == "$pop" {
		code = language.TypeMismatch
	}
	return language.Errorf(code, yunduo.ReasonUpdateNotApplicable, "cannot apply %s to the %s field '%s'", operator, value.TypeName(old.Type), path)
}

// extremeOperation is $min (sign -1) or $max (sign 1).
type extremeOperation struct {
	value bson.RawValue
	sign  int
	by    *collation.Collation
}

func (o extremeOperation) needsPath() bool { return true }

func (o extremeOperation) apply(_ *application, _ string, old bson.RawValue) (bson.RawValue, error) {
	if old.Type == 0 || value.CompareBy(o.by, o.value, old) == o.sign {
		return o.value, nil
	}
	return old, nil
}

// dateOperation is $currentDate.
type dateOperation struct{ timestamp bool }

func parseCurrentDate(_ *collation.Collation, path string, v bson.RawValue) (operation, error) {
	if v.Type == bson.TypeBoolean {
		return dateOperation{}, nil
	}
	if v.Type == bson.TypeEmbeddedDocument && value.Count(v.Value) == 1 {
		kind, _ := value.Field(v.Value, "$type")
		switch text, _ := value.Text(kind); string(text) {
		case "date":
			return dateOperation{}, nil
		case "timestamp":
			return dateOperation{timestamp: true}, nil
		}
	}
	return nil, invalidUpdate(`$currentDate of '%s' needs true or {$type: "date"} or {$type: "timestamp"}`, path)
}

func (o dateOperation) needsPath() bool { return true }

func (o dateOperation) apply(a *application, _ string, _ bson.RawValue) (bson.RawValue, error) {
	if o.timestamp {
		return value.Timestamp(uint32(a.context.Now.Unix()), 1), nil
	}
	return value.DateTime(a.context.Now), nil
}

// bitOperation is $bit.
type bitOperation struct {
	steps []bitStep
}

type bitStep struct {
	name    string // and, or, xor
	operand bson.RawValue
}

func parseBit(_ *collation.Collation, path string, v bson.RawValue) (operation, error) {
	o := bitOperation{}
	if v.Type == bson.TypeEmbeddedDocument {
		for it := value.Elements(v.Value); ; {
			key, operand, ok := it.Next()
			if !ok {
				break
			}
			name := string(key)
			if (name != "and" && name != "or" && name != "xor") || !value.IsInteger(operand) {
				return nil, invalidUpdate("$bit of '%s' needs and, or or xor with a whole number", path)
			}
			o.steps = append(o.steps, bitStep{name, operand})
		}
	}
	if len(o.steps) == 0 {
		return nil, invalidUpdate("$bit of '%s' needs an object such as {and: 1}", path)
	}
	return o, nil
}

func (o bitOperation) needsPath() bool { return true }

func (o bitOperation) apply(_ *application, path string, old bson.RawValue) (bson.RawValue, error) {
	if old.Type == 0 {
		old = value.Int32(0)
	}
	if !value.IsInteger(old) {
		return old, wrongType("$bit", path, old)
	}
	n, _ := value.Int64(old)
	wide := old.Type == bson.TypeInt64
	for _, step := range o.steps {
		m, _ := value.Int64(step.operand)
		wide = wide || step.operand.Type == bson.TypeInt64
		switch step.name {
		case "and":
			n &= m
		case "or":
			n |= m
		case "xor":
			n ^= m
		}
	}
	if wide {
		return value.Int64Value(n), nil
	}
	return value.Int32(int32(n)), nil
}
