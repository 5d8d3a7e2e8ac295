package query

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// comparison is $eq, $gt, $gte, $lt or $lte with a value. It only looks at values of the same class.
type comparison struct {
	operator          string
	value             bson.RawValue
	class             value.Class
	nan               bool
	below, same, over bool // which results of comparing a value with ours match
}

func newComparison(path, operator string, v bson.RawValue) (*comparison, error) {
	switch {
	case v.Type == bson.TypeUndefined:
		return nil, invalidFilter("the field '%s' is compared with undefined", path)
	case v.Type == bson.TypeRegex && operator != "$eq":
		return nil, invalidFilter("the field '%s' has %s with a regular expression; use $not or $in", path, operator)
	}
	c := &comparison{operator: operator, value: v, class: value.ClassOf(v.Type), nan: value.IsNaN(v)}
	switch operator {
	case "$eq", "$ne":
		c.operator, c.same = "$eq", true
	case "$gt":
		c.over = true
	case "$gte":
		c.over, c.same = true, true
	case "$lt":
		c.below = true
	case "$lte":
		c.below, c.same = true, true
	}
	return c, nil
}

func (c *comparison) matches(v bson.RawValue) bool {
	class := value.ClassOf(v.Type)
	if class != c.class {
		switch c.class {
		case value.ClassNull:
			return class == value.ClassMissing && c.same
		case value.ClassMinKey:
			return c.over
		case value.ClassMaxKey:
			return c.below
		}
		return false
	}
	if class == value.ClassNumber && (c.nan || value.IsNaN(v)) {
		return c.same && c.nan && value.IsNaN(v)
	}
	switch value.Compare(v, c.value) {
	case -1:
		return c.below
	case 1:
		return c.over
	}
	return c.same
}

// membership is $in with a list.
type membership struct {
	values  []bson.RawValue // sorted
	regexes []*regexPredicate
	null    bool // the list has null, which stands for missing fields too
}

func newMembership(path, operator string, v bson.RawValue) (*membership, error) {
	if v.Type != bson.TypeArray {
		return nil, invalidFilter("the field '%s' has %s without a list", path, operator)
	}
	m := &membership{}
	for it := value.Elements(v.Value); ; {
		_, item, ok := it.Next()
		if !ok {
			break
		}
		switch {
		case isOperators(item):
			return nil, invalidFilter("the field '%s' has an operator inside %s", path, operator)
		case item.Type == bson.TypeUndefined:
			return nil, invalidFilter("the field '%s' is compared with undefined", path)
		case item.Type == bson.TypeRegex:
			regex, err := newRegexPredicate(path, item)
			if err != nil {
				return nil, err
			}
			m.regexes = append(m.regexes, regex)
			continue
		}
		m.null = m.null || item.Type == bson.TypeNull
		m.values = append(m.values, item)
	}
	slices.SortFunc(m.values, value.Compare)
	m.values = slices.CompactFunc(m.values, value.Equal)
	return m, nil
}

func (m *membership) matches(v bson.RawValue) bool {
	if m.null && (v.Type == 0 || v.Type == bson.TypeUndefined) {
		return true
	}
	if _, found := slices.BinarySearchFunc(m.values, v, value.Compare); found {
		return true
	}
	for _, regex := range m.regexes {
		if regex.matches(v) {
			return true
		}
	}
	return false
}
