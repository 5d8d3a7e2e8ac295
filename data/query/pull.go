package query

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

// popOperation is $pop.
type popOperation struct{ first bool }

func parsePop(_ *collation.Collation, path string, v bson.RawValue) (operation, error) {
	n, ok := value.Int64(v)
	if !ok || (n != 1 && n != -1) {
		return nil, invalidUpdate("$pop of '%s' needs 1 (the last element) or -1 (the first)", path)
	}
	return popOperation{first: n == -1}, nil
}

func (popOperation) needsPath() bool { return true }

func (o popOperation) apply(_ *application, path string, old bson.RawValue) (bson.RawValue, error) {
	if old.Type == 0 {
		return old, nil
	}
	if old.Type != bson.TypeArray {
		return old, wrongType("$pop", path, old)
	}
	list := elements(old.Value)
	switch {
	case len(list) == 0:
		return old, nil
	case o.first:
		return value.ArrayOf(list[1:]...), nil
	}
	return value.ArrayOf(list[:len(list)-1]...), nil
}

// pullOperation is $pull or $pullAll: it removes the elements that a predicate matches.
type pullOperation struct {
	operator string
	remove   func(element bson.RawValue) bool
}

// parsePull compiles $pull with a value, a regular expression, operators ({$gt: 4}) or a condition on elements that
// are documents ({k: 1}).
func parsePull(by *collation.Collation, path string, v bson.RawValue) (operation, error) {
	switch v.Type {
	case bson.TypeRegex:
		pred, err := newRegexPredicate(path, v)
		if err != nil {
			return nil, asInvalidUpdate(err)
		}
		return pullOperation{"$pull", pred.matches}, nil
	case bson.TypeEmbeddedDocument:
		return parsePullCondition(by, path, v)
	}
	return pullOperation{"$pull", func(element bson.RawValue) bool { return value.CompareBy(by, element, v) == 0 }}, nil
}

func parsePullCondition(by *collation.Collation, path string, v bson.RawValue) (operation, error) {
	p := filterParser{by: by, nested: 1, inElement: 1}
	if isValueForm(v) {
		c, err := p.operators(path, v.Value)
		if err != nil {
			return nil, asInvalidUpdate(err)
		}
		n := c.onPath(value.ParsePath("")) // an element that is an array is searched in, as a field would be
		return pullOperation{"$pull", func(element bson.RawValue) bool {
			return n.match(value.EndDocument(value.Append(value.BeginDocument(nil), "", element), 0))
		}}, nil
	}
	n, err := p.document(v.Value)
	if err != nil {
		return nil, asInvalidUpdate(err)
	}
	return pullOperation{"$pull", func(element bson.RawValue) bool {
		return element.Type == bson.TypeEmbeddedDocument && n.match(element.Value)
	}}, nil
}

// asInvalidUpdate says of a malformed condition inside an update that the update is malformed.
func asInvalidUpdate(err error) error {
	if e := yunduo.AsError(err); e.Reason == yunduo.ReasonInvalidFilter {
		return yunduo.Wrap(err, yunduo.ReasonInvalidUpdate, "%s", e.Message)
	}
	return err
}

func parsePullAll(by *collation.Collation, path string, v bson.RawValue) (operation, error) {
	if v.Type != bson.TypeArray {
		return nil, invalidUpdate("$pullAll of '%s' needs a list", path)
	}
	list := elements(v.Value)
	compare := func(a, b bson.RawValue) int { return value.CompareBy(by, a, b) }
	slices.SortFunc(list, compare)
	return pullOperation{"$pullAll", func(element bson.RawValue) bool {
		_, found := slices.BinarySearchFunc(list, element, compare)
		return found
	}}, nil
}

func (pullOperation) needsPath() bool { return true }

func (o pullOperation) apply(_ *application, path string, old bson.RawValue) (bson.RawValue, error) {
	if old.Type == 0 {
		return old, nil
	}
	if old.Type != bson.TypeArray {
		return old, wrongType(o.operator, path, old)
	}
	list := elements(old.Value)
	kept := slices.DeleteFunc(slices.Clone(list), o.remove)
	if len(kept) == len(list) {
		return old, nil
	}
	return value.ArrayOf(kept...), nil
}
