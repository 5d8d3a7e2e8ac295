package expr

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

func setOperators() map[string]operator {
	return map[string]operator{
		"$allElementsTrue": positional(1, 1, elementsTrue),
		"$anyElementTrue":  positional(1, 1, elementsTrue),
		"$setDifference":   textual(2, 2, setDifference),
		"$setEquals":       textual(2, -1, setEquals),
		"$setIntersection": textual(0, -1, setIntersection),
		"$setIsSubset":     textual(2, 2, setIsSubset),
		"$setUnion":        textual(0, -1, setUnion),
	}
}

func elementsTrue(op string, a []bson.RawValue) (bson.RawValue, error) {
	if a[0].Type != bson.TypeArray {
		return a[0], failed(op, "the argument must be an array, not %s", typeName(a[0]))
	}
	all := op == "$allElementsTrue"
	for w := walk(a[0].Value); w.next(); {
		if value.Truthy(w.value) != all {
			return value.Bool(!all), nil
		}
	}
	return value.Bool(all), nil
}

// set holds values by their key, so that equal ones of different numeric types count as one.
type set struct {
	by   *collation.Collation
	keys map[string]bool
}

// toSet returns the distinct elements of an array, in its order.
func toSet(by *collation.Collation, op string, array bson.RawValue) (members set, distinct []bson.RawValue, err error) {
	if array.Type != bson.TypeArray {
		return members, nil, failed(op, "every argument must be an array, not %s", typeName(array))
	}
	members = set{by, map[string]bool{}}
	for w := walk(array.Value); w.next(); {
		key, err := value.AppendKeyBy(by, nil, w.value)
		if err != nil {
			return members, nil, err
		}
		if !members.keys[string(key)] {
			members.keys[string(key)] = true
			distinct = append(distinct, w.value)
		}
	}
	return members, distinct, nil
}

func (s set) has(v bson.RawValue) bool {
	key, err := value.AppendKeyBy(s.by, nil, v)
	return err == nil && s.keys[string(key)]
}

func setDifference(by *collation.Collation, op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a...) {
		return value.Null, nil
	}
	_, distinct, err := toSet(by, op, a[0])
	if err != nil {
		return a[0], err
	}
	other, _, err := toSet(by, op, a[1])
	if err != nil {
		return a[1], err
	}
	return arrayOf(op, slices.DeleteFunc(distinct, other.has))
}

func setEquals(by *collation.Collation, op string, a []bson.RawValue) (bson.RawValue, error) {
	first, _, err := toSet(by, op, a[0])
	if err != nil {
		return a[0], err
	}
	equal := true
	for _, v := range a[1:] {
		members, distinct, err := toSet(by, op, v)
		if err != nil {
			return v, err
		}
		equal = equal && len(members.keys) == len(first.keys) && !slices.ContainsFunc(distinct, func(v bson.RawValue) bool { return !first.has(v) })
	}
	return value.Bool(equal), nil
}

// setIntersection returns the common elements, sorted, so that the result does not depend on the arguments' order.
func setIntersection(by *collation.Collation, op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a...) {
		return value.Null, nil
	}
	var common []bson.RawValue
	for i, v := range a {
		members, distinct, err := toSet(by, op, v)
		if err != nil {
			return v, err
		}
		if i == 0 {
			common = distinct
		}
		common = slices.DeleteFunc(common, func(v bson.RawValue) bool { return !members.has(v) })
	}
	slices.SortFunc(common, func(a, b bson.RawValue) int { return value.CompareBy(by, a, b) })
	return arrayOf(op, common)
}

func setIsSubset(by *collation.Collation, op string, a []bson.RawValue) (bson.RawValue, error) {
	_, distinct, err := toSet(by, op, a[0])
	if err != nil {
		return a[0], err
	}
	other, _, err := toSet(by, op, a[1])
	if err != nil {
		return a[1], err
	}
	return value.Bool(!slices.ContainsFunc(distinct, func(v bson.RawValue) bool { return !other.has(v) })), nil
}

// setUnion returns the elements of all arguments, sorted, so that the result does not depend on their order.
func setUnion(by *collation.Collation, op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a...) {
		return value.Null, nil
	}
	all := newArray(op)
	for _, v := range a {
		if v.Type != bson.TypeArray {
			return v, failed(op, "every argument must be an array, not %s", typeName(v))
		}
		for w := walk(v.Value); w.next(); {
			if err := all.push(w.value); err != nil {
				return v, err
			}
		}
	}
	_, distinct, err := toSet(by, op, all.done())
	if err != nil {
		return a[0], err
	}
	slices.SortFunc(distinct, func(a, b bson.RawValue) int { return value.CompareBy(by, a, b) })
	return arrayOf(op, distinct)
}
