package query

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/expr"
	"yunduo/data/query/value"
)

// A server that gets a filter as it is written computes its conditions in the order that it likes best. So that an
// $expr fails for no document that the caller must not see, Narrow puts the condition on what may be seen inside it,
// behind a $cond: the branches of that are computed only when they are taken.

// Narrow is And of a filter and of what says which documents it may look at, for Raw as well: an $expr of the filter that
// can fail is computed only for those, in whatever order the conditions are. Where that cannot be written, the result is
// Unordered.
func Narrow(filter, to *Filter) *Filter {
	if !filter.Fallible() || to == nil {
		return And(filter, to)
	}
	sure := *filter
	condition, ok := asExpression(to.raw)
	if ok {
		sure.raw = protected(filter.raw, condition)
	}
	both := And(&sure, to)
	both.unordered = both.unordered || !ok
	return both
}

func protected(raw bson.Raw, condition bson.D) bson.Raw {
	out := value.BeginDocument(nil)
	for it := value.Elements(raw); ; {
		key, v, ok := it.Next()
		if !ok {
			return value.EndDocument(out, 0)
		}
		switch {
		case string(key) == "$expr" && !expr.Total(v):
			v = marshaled(bson.D{{Key: "$cond", Value: bson.A{condition, v, false}}})
		case logical(string(key)):
			var clauses []bson.RawValue
			for it := value.Elements(v.Value); ; {
				_, clause, ok := it.Next()
				if !ok {
					break
				}
				clauses = append(clauses, value.Document(protected(clause.Value, condition)))
			}
			v = value.ArrayOf(clauses...)
		}
		out = value.AppendElement(out, key, v)
	}
}

func logical(operator string) bool {
	return operator == "$and" || operator == "$or" || operator == "$nor"
}

func marshaled(d bson.D) bson.RawValue {
	raw, err := bson.Marshal(d)
	if err != nil {
		panic(err) // it is made of values that were read
	}
	return value.Document(raw)
}

// asExpression returns the expression that is true for exactly the documents that a filter matches, and cannot fail;
// false for filters beyond what rules are made of, such as those on paths with dots, whose arrays expressions treat
// otherwise.
func asExpression(raw bson.Raw) (bson.D, bool) {
	all := bson.A{}
	for it := value.Elements(raw); ; {
		key, v, ok := it.Next()
		if !ok {
			return bson.D{{Key: "$and", Value: all}}, true
		}
		var condition any
		switch name := string(key); {
		case name == "$comment":
			continue
		case name == "$expr":
			condition, ok = v, expr.Total(v)
		case logical(name):
			condition, ok = logicalExpression(name, v)
		case strings.HasPrefix(name, "$") || strings.Contains(name, "."):
			ok = false
		default:
			condition, ok = fieldExpression(name, v)
		}
		if !ok {
			return nil, false
		}
		all = append(all, condition)
	}
}

func logicalExpression(operator string, v bson.RawValue) (bson.D, bool) {
	var clauses bson.A
	for it := value.Elements(v.Value); ; {
		_, clause, ok := it.Next()
		if !ok {
			break
		}
		condition, ok := asExpression(clause.Value)
		if !ok {
			return nil, false
		}
		clauses = append(clauses, condition)
	}
	if operator == "$nor" {
		return negatedExpression(bson.D{{Key: "$or", Value: clauses}}), true
	}
	return bson.D{{Key: operator, Value: clauses}}, true
}

func negatedExpression(condition bson.D) bson.D {
	return bson.D{{Key: "$not", Value: bson.A{condition}}}
}

// fieldExpression is asExpression for the condition on a field.
func fieldExpression(name string, v bson.RawValue) (bson.D, bool) {
	if v.Type != bson.TypeEmbeddedDocument || !strings.HasPrefix(firstKey(v.Value), "$") {
		return equals(name, v)
	}
	all := bson.A{}
	for it := value.Elements(v.Value); ; {
		operator, operand, ok := it.Next()
		if !ok {
			return bson.D{{Key: "$and", Value: all}}, true
		}
		var condition bson.D
		switch string(operator) {
		case "$eq":
			condition, ok = equals(name, operand)
		case "$ne":
			condition, ok = equals(name, operand)
			condition = negatedExpression(condition)
		case "$in":
			condition, ok = equalsAny(name, operand)
		case "$nin":
			condition, ok = equalsAny(name, operand)
			condition = negatedExpression(condition)
		case "$elemMatch":
			condition, ok = hasMember(name, operand)
		case "$exists":
			var exists bool
			exists, ok = operand.BooleanOK()
			condition = bson.D{{Key: "$eq", Value: bson.A{bson.D{{Key: "$type", Value: "$" + name}}, "missing"}}}
			if exists {
				condition = negatedExpression(condition)
			}
		default:
			ok = false
		}
		if !ok {
			return nil, false
		}
		all = append(all, condition)
	}
}

func firstKey(doc []byte) string {
	it := value.Elements(doc)
	key, _, _ := it.Next()
	return string(key)
}

// equals says that a field or one of its elements is v.
func equals(name string, v bson.RawValue) (bson.D, bool) {
	field := "$" + name
	return isIn(v, bson.D{{Key: "$concatArrays", Value: bson.A{elementsOf(name), bson.A{field}}}})
}

func equalsAny(name string, list bson.RawValue) (bson.D, bool) {
	if list.Type != bson.TypeArray {
		return nil, false
	}
	anyOf := bson.A{}
	for it := value.Elements(list.Value); ; {
		_, v, ok := it.Next()
		if !ok {
			return bson.D{{Key: "$or", Value: anyOf}}, true
		}
		condition, ok := equals(name, v)
		if !ok {
			return nil, false
		}
		anyOf = append(anyOf, condition)
	}
}

// hasMember says that one of a field's elements is what {$eq: v} tells.
func hasMember(name string, v bson.RawValue) (bson.D, bool) {
	if v.Type != bson.TypeEmbeddedDocument {
		return nil, false
	}
	it := value.Elements(v.Value)
	operator, operand, ok := it.Next()
	if _, _, more := it.Next(); !ok || more || string(operator) != "$eq" {
		return nil, false
	}
	return isIn(operand, elementsOf(name))
}

// elementsOf is a field's array, or an empty one if it is none.
func elementsOf(name string) bson.D {
	field := "$" + name
	return bson.D{{Key: "$cond", Value: bson.A{bson.D{{Key: "$isArray", Value: bson.A{field}}}, field, bson.A{}}}}
}

// isIn leaves out the values that filters compare in another way than expressions do.
func isIn(v bson.RawValue, array bson.D) (bson.D, bool) {
	switch v.Type {
	case bson.TypeNull, bson.TypeUndefined, bson.TypeRegex, bson.TypeArray, bson.TypeMinKey, bson.TypeMaxKey:
		return nil, false
	}
	return bson.D{{Key: "$in", Value: bson.A{bson.D{{Key: "$literal", Value: v}}, array}}}, true
}
