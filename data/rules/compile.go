package rules

import (
	"cmp"
	"strings"

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
	case lookup:
		value, err := known(n, a)
		return constant(value == true), err
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
		l, err := known(left, a)
		if err != nil {
			return condition{}, err
		}
		r, err := known(right, a)
		return constant(compare(operator, l, r)), err
	}
	if other, ok := right.(docPath); ok {
		fields := bson.A{"$" + path.path, "$" + other.path}
		return condition{filter: bson.D{{Key: "$expr", Value: bson.D{{Key: filterOperators[operator], Value: fields}}}}}, nil
	}
	ref, isRef := right.(authRef)
	if isRef && ref.field == "uid" && path.resource && path.path == "openid" {
		right = authRef{"openid"} // who made a file is told by one identity only, whichever a rule names
	}
	value, err := known(right, a)
	if err != nil {
		return condition{}, err
	}
	if value == (absent{}) {
		return constant(operator == "!="), nil
	}
	return condition{
		filter:  bson.D{{Key: path.path, Value: bson.D{{Key: filterOperators[operator], Value: value}}}},
		creator: isRef && ref.field == "openid" && path.path == "_openid" && operator == "==",
	}, nil
}

func compileIn(n comparison, a Auth) (condition, error) {
	path, isPath := n.left.(docPath)
	if container, ok := n.right.(docPath); ok {
		return compileMember(n.left, container, a)
	}
	items, err := listOf(n.right, a)
	switch {
	case err != nil:
		return condition{}, err
	case len(items) == 0:
		return constant(false), nil
	case isPath:
		return condition{filter: bson.D{{Key: path.path, Value: bson.D{{Key: "$in", Value: bson.A(items)}}}}}, nil
	}
	value, err := known(n.left, a)
	if err != nil {
		return condition{}, err
	}
	for _, item := range items {
		if compare("==", value, item) {
			return constant(true), nil
		}
	}
	return constant(false), nil
}

// compileMember compiles "x in doc.list".
func compileMember(member node, container docPath, a Auth) (condition, error) {
	if path, ok := member.(docPath); ok {
		return condition{filter: bson.D{{Key: "$expr", Value: bson.D{{Key: "$in", Value: bson.A{"$" + path.path, members(container)}}}}}}, nil
	}
	value, err := known(member, a)
	if err != nil || value == (absent{}) {
		return constant(false), err
	}
	has := bson.D{{Key: "$elemMatch", Value: bson.D{{Key: "$eq", Value: value}}}}
	return condition{filter: bson.D{{Key: container.path, Value: has}}}, nil
}

// listOf returns the items of a list that does not depend on the document; none of what is no list.
func listOf(n node, a Auth) ([]any, error) {
	if l, ok := n.(list); ok {
		return l.items, nil
	}
	value, err := known(n, a)
	raw, ok := value.(bson.RawValue)
	if err != nil || !ok || raw.Type != bson.TypeArray {
		return nil, err
	}
	values, err := raw.Array().Values()
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInternal, "a document that a rule looks up cannot be read")
	}
	items := make([]any, 0, len(values))
	for _, v := range values {
		if v.Type != bson.TypeRegex { // which a list of values would take for a pattern
			items = append(items, plain(v))
		}
	}
	return items, nil
}

// members is the field's array, or no members if it is none: the engine's $in wants an array.
func members(p docPath) bson.D {
	field := "$" + p.path
	return bson.D{{Key: "$cond", Value: bson.A{bson.D{{Key: "$isArray", Value: field}}, field, bson.A{}}}}
}

// known returns the value of an operand that does not depend on the document.
func known(n node, a Auth) (any, error) {
	text := ""
	switch n := n.(type) {
	case literal:
		return n.value, nil
	case auth: // compared with null only
		if !a.somebody() {
			return nil, nil
		}
		return true, nil
	case lookup:
		return n.value(a)
	case authRef:
		if n.field == "anonymous" {
			return a.Anonymous, nil
		}
		text = a.field(n.field)
	}
	if text == "" {
		return absent{}, nil
	}
	return text, nil
}

// field returns a text that is known of the caller, empty if it is not.
func (a Auth) field(name string) string {
	switch name {
	case "openid":
		return a.OpenID
	case "uid":
		return a.UserID
	case "unionid":
		return a.UnionID
	case "provider":
		return a.Provider
	case "loginType":
		return loginType(a.Provider)
	}
	return ""
}

// loginType is a provider in the words of CloudBase.
func loginType(provider string) string {
	if provider == "password" {
		return "USERNAME"
	}
	return strings.ToUpper(provider)
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
	case bson.DateTime:
		if b, ok := b.(bson.DateTime); ok {
			order, ordered = cmp.Compare(a, b), true
		}
	case bson.RawValue:
		if b, ok := b.(bson.RawValue); ok && a.Equal(b) {
			order, ordered = 0, operator == "==" || operator == "!="
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
