package expr

import (
	"bytes"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// Total reports whether an expression can be computed for every document, as far as its form tells: it compares fields
// and constants and joins such conditions. Others may be able to, too.
func Total(v bson.RawValue) bool {
	switch v.Type {
	case bson.TypeArray:
		return allTotal(v)
	case bson.TypeEmbeddedDocument:
		name, arg := only(v)
		switch {
		case !strings.HasPrefix(name, "$"):
			return allTotal(v)
		case name == "$literal" || name == "$const":
			return true
		case name == "$in":
			return isPair(arg) && totalItem(arg, 0) && alwaysArray(item(arg, 1))
		}
		return totalOperators[name] && Total(arg)
	}
	return true
}

// totalOperators fail for no values of their arguments. It must not be changed.
var totalOperators = map[string]bool{
	"$eq": true, "$ne": true, "$gt": true, "$gte": true, "$lt": true, "$lte": true, "$cmp": true,
	"$and": true, "$or": true, "$not": true, "$cond": true, "$ifNull": true,
	"$isArray": true, "$isNumber": true, "$type": true,
}

func allTotal(v bson.RawValue) bool {
	for it := value.Elements(v.Value); ; {
		_, e, ok := it.Next()
		if !ok {
			return true
		}
		if !Total(e) {
			return false
		}
	}
}

// only returns the first field of a document.
func only(v bson.RawValue) (string, bson.RawValue) {
	it := value.Elements(v.Value)
	key, arg, _ := it.Next()
	return string(key), arg
}

func item(array bson.RawValue, i int) bson.RawValue {
	v, _ := value.Element(array.Value, i)
	return v
}

func isPair(v bson.RawValue) bool {
	if v.Type != bson.TypeArray {
		return false
	}
	_, two := value.Element(v.Value, 1)
	_, three := value.Element(v.Value, 2)
	return two && !three
}

func totalItem(array bson.RawValue, i int) bool { return Total(item(array, i)) }

// alwaysArray reports whether an expression is total and gives an array: a list, a literal, or a field that is made
// sure to be one, {$cond: [{$isArray: f}, f, list]}.
func alwaysArray(v bson.RawValue) bool {
	if v.Type == bson.TypeArray {
		return allTotal(v)
	}
	if v.Type != bson.TypeEmbeddedDocument {
		return false
	}
	name, arg := only(v)
	if name == "$literal" {
		return arg.Type == bson.TypeArray
	}
	if name != "$cond" || arg.Type != bson.TypeArray || !allTotal(arg) {
		return false
	}
	condition, then, otherwise := item(arg, 0), item(arg, 1), item(arg, 2)
	if condition.Type != bson.TypeEmbeddedDocument || !alwaysArray(otherwise) {
		return false
	}
	test, of := only(condition)
	if of.Type == bson.TypeArray {
		of = item(of, 0)
	}
	return test == "$isArray" && of.Type == then.Type && bytes.Equal(of.Value, then.Value)
}
