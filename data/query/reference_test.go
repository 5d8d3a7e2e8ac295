package query_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/value"
)

// The reference below evaluates filters on decoded documents as the manual describes it, one idea per line and
// without regard to speed. Random filters must agree with it.

type missing struct{}

// refValues lists what a filter on a path sees; expand adds the elements of an array at its end.
func refValues(v any, parts []string, expand bool) (list []any) {
	if len(parts) == 0 {
		if array, ok := v.(bson.A); ok && expand {
			list = append(list, array...)
		}
		return append(list, v)
	}
	switch v := v.(type) {
	case bson.D:
		for _, e := range v {
			if e.Key == parts[0] {
				if array, ok := e.Value.(bson.A); ok && len(parts) > 1 {
					return refElements(array, parts[1:], expand)
				}
				return refValues(e.Value, parts[1:], expand)
			}
		}
	}
	return []any{missing{}}
}

func refElements(array bson.A, parts []string, expand bool) (list []any) {
	for i, element := range array {
		if _, ok := element.(bson.D); ok {
			list = append(list, refValues(element, parts, expand)...)
		}
		if strconv.Itoa(i) != parts[0] {
			continue
		}
		nested, isArray := element.(bson.A)
		switch {
		case len(parts) == 1:
			list = append(list, element)
		case isArray:
			list = append(list, refElements(nested, parts[1:], expand)...)
		default:
			if _, ok := element.(bson.D); ok {
				list = append(list, refValues(element, parts[1:], expand)...)
			}
		}
	}
	return list
}

func refRaw(v any) bson.RawValue {
	if _, ok := v.(missing); ok {
		return bson.RawValue{}
	}
	return value.Of(v)
}

func refMatch(f bson.D, doc any) bool {
	for _, e := range f {
		var ok bool
		switch e.Key {
		case "$and":
			ok = true
			for _, clause := range e.Value.(bson.A) {
				ok = ok && refMatch(clause.(bson.D), doc)
			}
		case "$or", "$nor":
			for _, clause := range e.Value.(bson.A) {
				ok = ok || refMatch(clause.(bson.D), doc)
			}
			ok = ok == (e.Key == "$or")
		default:
			ok = refField(doc, e.Key, e.Value)
		}
		if !ok {
			return false
		}
	}
	return true
}

func splitPath(path string) (parts []string) {
	part := ""
	for _, c := range path + "." {
		if c == '.' {
			parts, part = append(parts, part), ""
		} else {
			part += string(c)
		}
	}
	return parts
}

func refField(doc any, path string, condition any) bool {
	operators, ok := condition.(bson.D)
	if !ok || len(operators) == 0 || operators[0].Key[0] != '$' {
		operators = bson.D{{Key: "$eq", Value: condition}}
	}
	for _, op := range operators {
		if !refOperator(func(expand bool) []any { return refValues(doc, splitPath(path), expand) }, op.Key, op.Value) {
			return false
		}
	}
	return true
}

// refOperator evaluates one operator over the values that it sees.
func refOperator(values func(expand bool) []any, op string, arg any) bool {
	some := func(expand bool, test func(v any) bool) bool {
		for _, v := range values(expand) {
			if test(v) {
				return true
			}
		}
		return false
	}
	switch op {
	case "$ne":
		return !refOperator(values, "$eq", arg)
	case "$nin":
		return !refOperator(values, "$in", arg)
	case "$not":
		for _, inner := range arg.(bson.D) {
			if !refOperator(values, inner.Key, inner.Value) {
				return true
			}
		}
		return false
	case "$in":
		for _, v := range arg.(bson.A) {
			if refOperator(values, "$eq", v) {
				return true
			}
		}
		return false
	case "$all":
		for _, v := range arg.(bson.A) {
			if !refOperator(values, "$eq", v) {
				return false
			}
		}
		return len(arg.(bson.A)) > 0
	case "$exists":
		return some(false, func(v any) bool { return v != missing{} }) == arg.(bool)
	case "$size":
		return some(false, func(v any) bool { array, ok := v.(bson.A); return ok && len(array) == int(arg.(int32)) })
	case "$elemMatch":
		return some(false, func(v any) bool { return refElemMatch(v, arg.(bson.D)) })
	}
	return some(true, func(v any) bool { return refCompare(v, op, arg) })
}

func refElemMatch(v any, condition bson.D) bool {
	array, _ := v.(bson.A)
	for _, element := range array {
		if len(condition) > 0 && condition[0].Key[0] == '$' && condition[0].Key != "$or" && condition[0].Key != "$and" && condition[0].Key != "$nor" {
			all := true
			for _, op := range condition {
				all = all && refOperator(func(bool) []any { return []any{element} }, op.Key, op.Value)
			}
			if all {
				return true
			}
			continue
		}
		if nested, ok := element.(bson.A); ok { // as a document with the indexes as names
			d := bson.D{}
			for i, e := range nested {
				d = append(d, bson.E{Key: strconv.Itoa(i), Value: e})
			}
			element = d
		}
		if d, ok := element.(bson.D); ok && refMatch(condition, d) {
			return true
		}
	}
	return false
}

func refCompare(v any, op string, arg any) bool {
	a, b := refRaw(v), refRaw(arg)
	same := op == "$eq" || op == "$gte" || op == "$lte"
	if arg == nil {
		return same && (v == nil || v == missing{})
	}
	if value.ClassOf(a.Type) != value.ClassOf(b.Type) {
		return false
	}
	if value.IsNaN(a) || value.IsNaN(b) {
		return same && value.IsNaN(a) && value.IsNaN(b)
	}
	switch c := value.Compare(a, b); c {
	case 0:
		return same
	case -1:
		return op == "$lt" || op == "$lte"
	}
	return op == "$gt" || op == "$gte"
}

func TestFilterAgreesWithReference(t *testing.T) {
	g := gen{rand.New(rand.NewPCG(7, 8))}
	hits := 0
	for range 12_000 {
		f := g.filter(2)
		parsed, err := query.ParseFilter(marshal(t, f))
		if err != nil {
			t.Fatalf("%v: %v", f, err)
		}
		for range 4 {
			d := g.document(3)
			got, want := matches(t, parsed, marshal(t, d)), refMatch(f, d)
			if got != want {
				t.Fatalf("%s on %s: %v, the reference says %v", parsed.Raw(), marshal(t, d), got, want)
			}
			if want {
				hits++
			}
		}
	}
	if hits < 3_000 {
		t.Errorf("only %d matches: the test says little", hits)
	}
}
