package rules

import (
	"bytes"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
)

// Covers reports whether every document that asked may match is one on which the operation is allowed, as far as the
// conditions themselves tell: each condition of the rule must follow from one of the request. Nothing is read for it,
// so that a refusal says nothing about documents that the caller may not see.
func (d Decision) Covers(asked *query.Filter) bool {
	if d.Denied {
		return false
	}
	return d.Filter == nil || follows(d.Filter.Raw(), conditionsOf(nil, asked.Raw()))
}

// asked is one condition of a request, all of which hold.
type asked struct {
	key      string // a path, or an operator of the top level
	operator string // of a path
	value    bson.RawValue
}

// conditionsOf lists the conditions of a filter that hold together.
func conditionsOf(list []asked, filter bson.Raw) []asked {
	elements, _ := filter.Elements() // it was parsed before
	for _, e := range elements {
		key, value := e.Key(), e.Value()
		if key == "$and" {
			for _, child := range documentsOf(value) {
				list = conditionsOf(list, child)
			}
			continue
		}
		operators, ok := value.DocumentOK()
		if strings.HasPrefix(key, "$") || !ok || !isOperators(operators) {
			list = append(list, asked{key, "$eq", value})
			continue
		}
		fields, _ := operators.Elements()
		for _, f := range fields {
			list = append(list, asked{key, f.Key(), f.Value()})
		}
	}
	return list
}

func documentsOf(array bson.RawValue) []bson.Raw {
	values, ok := array.ArrayOK()
	if !ok {
		return nil
	}
	items, _ := values.Values()
	var list []bson.Raw
	for _, item := range items {
		if doc, ok := item.DocumentOK(); ok {
			list = append(list, doc)
		}
	}
	return list
}

func isOperators(doc bson.Raw) bool {
	first, err := doc.IndexErr(0)
	return err == nil && strings.HasPrefix(first.Key(), "$")
}

// follows reports whether a rule's filter follows from the conditions of a request.
func follows(rule bson.Raw, given []asked) bool {
	elements, _ := rule.Elements()
	for _, e := range elements {
		switch key, value := e.Key(), e.Value(); key {
		case "$and":
			for _, child := range documentsOf(value) {
				if !follows(child, given) {
					return false
				}
			}
		case "$or":
			one := false
			for _, child := range documentsOf(value) {
				one = one || follows(child, given)
			}
			if !one {
				return false
			}
		case "$nor", "$expr":
			if !has(given, asked{key, "$eq", value}) {
				return false
			}
		default:
			fields, _ := value.Document().Elements() // compiled rules name an operator always
			for _, f := range fields {
				if !followsAt(asked{key, f.Key(), f.Value()}, given) {
					return false
				}
			}
		}
	}
	return true
}

func has(given []asked, want asked) bool {
	for _, g := range given {
		if same(g, want) {
			return true
		}
	}
	return false
}

func same(a, b asked) bool {
	return a.key == b.key && a.operator == b.operator && sameValue(a.value, b.value)
}

// sameValue reports whether two values are one to every operator: a number may be stored in several ways.
func sameValue(a, b bson.RawValue) bool {
	if a.Type == b.Type && bytes.Equal(a.Value, b.Value) {
		return true
	}
	return a.IsNumber() && b.IsNumber() && demands(onValue("$eq", a), b)
}

// onValue is the filter {"v": {operator: value}}, nil if there is none such.
func onValue(operator string, value bson.RawValue) *query.Filter {
	raw, err := bson.Marshal(bson.D{{Key: "v", Value: bson.D{{Key: operator, Value: value}}}})
	if err != nil {
		return nil
	}
	filter, err := query.ParseFilter(raw)
	if err != nil {
		return nil
	}
	return filter
}

// positive are the operators that hold for a field whenever they hold for one value that it has.
var positive = map[string]bool{"$eq": true, "$in": true, "$gt": true, "$gte": true, "$lt": true, "$lte": true}

// followsAt reports whether one condition on a path follows: from the same condition, or from a value that the request
// demands of the path.
func followsAt(rule asked, given []asked) bool {
	if has(given, rule) {
		return true
	}
	if !positive[rule.operator] {
		return false
	}
	filter := onValue(rule.operator, rule.value)
	for _, g := range given {
		if g.key != rule.key {
			continue
		}
		switch g.operator {
		case "$eq":
			if demands(filter, g.value) {
				return true
			}
		case "$gt", "$gte", "$lt", "$lte":
			if within(rule, g) {
				return true
			}
		case "$in":
			values, ok := g.value.ArrayOK()
			items, err := values.Values()
			all := ok && err == nil && len(items) > 0
			for _, item := range items {
				all = all && demands(filter, item)
			}
			if all {
				return true
			}
		}
	}
	return false
}

// within reports whether one bound follows from another on the same side.
func within(rule, given asked) bool {
	if !strings.HasPrefix(rule.operator, given.operator[:len("$lt")]) {
		return false
	}
	bound := rule.operator
	if rule.operator == given.operator || strings.HasSuffix(rule.operator, "e") {
		bound = given.operator[:len("$lt")] + "e"
	}
	return demands(onValue(bound, rule.value), given.value)
}

// demands reports whether a field that has the value satisfies the filter on "v". Null is also what is missing, and
// patterns are no values.
func demands(filter *query.Filter, value bson.RawValue) bool {
	switch value.Type {
	case bson.TypeArray, bson.TypeRegex, bson.TypeNull, bson.TypeUndefined, 0:
		return false
	}
	doc, err := bson.Marshal(bson.D{{Key: "v", Value: value}})
	if err != nil || filter == nil {
		return false
	}
	ok, err := filter.Match(doc)
	return ok && err == nil
}
