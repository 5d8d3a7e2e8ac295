package rules

import (
	"cmp"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// condition is a compiled expression: a filter, or without one a constant.
type condition struct {
	filter   bson.D
	constant bool
	creator  bool // it holds only for documents that the caller created
}

func constant(b bool) condition { return condition{constant: b} }

// absent is the value of an auth field that the caller does not have. Comparing a document with it is never true,
// else whoever has no openid would own every document without an owner.
type absent struct{}

// compile evaluates what is known of the caller and leaves a filter for what depends on the document.
func compile(n node, a Auth) (condition, error) {
	switch n := n.(type) {
	case literal:
		return constant(n.value == true), nil
	case authRef:
		return constant(a.Anonymous), nil // only auth.anonymous is a condition
	case docPath:
		return condition{filter: bson.D{{Key: n.path, Value: bson.D{{Key: "$eq", Value: true}}}}}, nil
	case not:
		of, err := compile(n.of, a)
		if err != nil || of.filter == nil {
			return constant(!of.constant), err
		}
		return condition{filter: bson.D{{Key: "$nor", Value: bson.A{of.filter}}}}, nil
	case logical:
		return compileLogical(n, a)
	case comparison:
		return compileComparison(n, a)
	}
	return condition{}, yunduo.Errorf(yunduo.ReasonInternal, "a rule has an unknown part")
}

func compileLogical(n logical, a Auth) (condition, error) {
	left, err := compile(n.left, a)
	if err != nil || left.filter == nil && left.constant == n.or {
		return left, err // a constant that decides
	}
	right, err := compile(n.right, a)
	switch {
	case err != nil || left.filter == nil:
		return right, err
	case right.filter == nil && right.constant == n.or:
		return right, nil
	case right.filter == nil:
		return left, nil
	case n.or:
		return condition{filter: bson.D{{Key: "$or", Value: bson.A{left.filter, right.filter}}}, creator: left.creator && right.creator}, nil
	}
	return condition{filter: bson.D{{Key: "$and", Value: bson.A{left.filter, right.filter}}}, creator: left.creator || right.creator}, nil
}

var filterOperators = map[string]string{"==": "$eq", "!=": "$ne", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}

var mirrored = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func compileComparison(n comparison, a Auth) (condition, error) {
	if n.operator == "in" {
		return compileIn(n, a)
	}
	left, right, operator := n.left, n.right, n.operator
	if _, ok := left.(docPath); !ok {
		left, right, operator = right, left, mirrored[operator]
	}
	path, ok := left.(docPath)
	if !ok {
		return constant(compare(operator, known(left, a), known(right, a))), nil
	}
	if other, ok := right.(docPath); ok {
		fields := bson.A{"$" + path.path, "$" + other.path}
		return condition{filter: bson.D{{Key: "$expr", Value: bson.D{{Key: filterOperators[operator], Value: fields}}}}}, nil
	}
	value := known(right, a)
	if value == (absent{}) {
		return constant(operator == "!="), nil
	}
	_, openID := right.(authRef)
	return condition{
		filter:  bson.D{{Key: path.path, Value: bson.D{{Key: filterOperators[operator], Value: value}}}},
		creator: openID && right.(authRef).field == "openid" && path.path == "_openid" && operator == "==",
	}, nil
}

func compileIn(n comparison, a Auth) (condition, error) {
	items, isList := n.right.(list)
	path, isPath := n.left.(docPath)
	switch {
	case isList && isPath:
		return condition{filter: bson.D{{Key: path.path, Value: bson.D{{Key: "$in", Value: bson.A(items.items)}}}}}, nil
	case isList:
		value := known(n.left, a)
		for _, item := range items.items {
			if compare("==", value, item) {
				return constant(true), nil
			}
		}
		return constant(false), nil
	case isPath:
		return condition{filter: bson.D{{Key: "$expr", Value: bson.D{{Key: "$in", Value: bson.A{"$" + path.path, members(n.right.(docPath))}}}}}}, nil
	}
	value := known(n.left, a)
	if value == (absent{}) {
		return constant(false), nil
	}
	has := bson.D{{Key: "$elemMatch", Value: bson.D{{Key: "$eq", Value: value}}}}
	return condition{filter: bson.D{{Key: n.right.(docPath).path, Value: has}}}, nil
}

// members is the field's array, or no members if it is none: the engine's $in wants an array.
func members(p docPath) bson.D {
	field := "$" + p.path
	return bson.D{{Key: "$cond", Value: bson.A{bson.D{{Key: "$isArray", Value: field}}, field, bson.A{}}}}
}

// known returns the value of an operand that does not depend on the document.
func known(n node, a Auth) any {
	text := ""
	switch n := n.(type) {
	case literal:
		return n.value
	case auth: // compared with null only
		if a == (Auth{}) {
			return nil
		}
		return true
	case authRef:
		switch n.field {
		case "anonymous":
			return a.Anonymous
		case "openid":
			text = a.OpenID
		case "uid":
			text = a.UserID
		case "unionid":
			text = a.UnionID
		case "provider":
			text = a.Provider
		}
	}
	if text == "" {
		return absent{}
	}
	return text
}

// compare compares two known values. Values of different kinds are unequal and have no order.
func compare(operator string, a, b any) bool {
	null := func(v any) bool { return v == nil || v == (absent{}) }
	if null(a) || null(b) {
		equal := null(a) && null(b)
		return operator == "==" && equal || operator == "!=" && !equal
	}
	order, ordered := 0, false
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			order, ordered = cmp.Compare(a, b), true
		}
	case bool:
		if b, ok := b.(bool); ok && (operator == "==" || operator == "!=") {
			order, ordered = 1, true
			if a == b {
				order = 0
			}
		}
	case int64, float64:
		if x, ok := number64(b); ok {
			y, _ := number64(a)
			order, ordered = cmp.Compare(y, x), true
		}
	}
	switch operator {
	case "==":
		return ordered && order == 0
	case "!=":
		return !ordered || order != 0
	case "<":
		return ordered && order < 0
	case "<=":
		return ordered && order <= 0
	case ">":
		return ordered && order > 0
	}
	return ordered && order >= 0
}

func number64(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
