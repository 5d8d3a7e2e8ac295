package query

import (
	"bytes"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

// comparison is $eq, $gt, $gte, $lt or $lte with a value. It only looks at values of the same class.
type comparison struct {
	operator          string
	value             bson.RawValue
	class             value.Class
	nan               bool
	by                *collation.Collation // nil where it makes no difference
	key               []byte               // of value; only with by
	below, same, over bool                 // which results of comparing a value with ours match
}

func newComparison(by *collation.Collation, path, operator string, v bson.RawValue) (*comparison, error) {
	switch {
	case v.Type == bson.TypeUndefined:
		return nil, invalidFilter("the field '%s' is compared with undefined", path)
	case v.Type == bson.TypeRegex && operator != "$eq":
		return nil, invalidFilter("the field '%s' has %s with a regular expression; use $not or $in", path, operator)
	}
	c := &comparison{operator: operator, value: v, class: value.ClassOf(v.Type), nan: value.IsNaN(v)}
	if by != nil && hasTexts(c.class) {
		var err error
		if c.key, err = value.AppendKeyBy(by, nil, v); err != nil {
			return nil, err
		}
		c.by = by
	}
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
	order := 0
	if c.by == nil {
		order = value.Compare(v, c.value)
	} else {
		order = c.collated(v)
	}
	switch order {
	case -1:
		return c.below
	case 1:
		return c.over
	}
	return c.same
}

// hasTexts reports whether values of a class are texts or may hold some.
func hasTexts(class value.Class) bool {
	return class == value.ClassString || class == value.ClassObject || class == value.ClassArray
}

// collated orders a value of the same class against the operand, by the collation.
func (c *comparison) collated(v bson.RawValue) int {
	var buffer [128]byte
	key, err := value.AppendKeyBy(c.by, buffer[:0], v)
	if err != nil {
		return value.Compare(v, c.value)
	}
	return bytes.Compare(key, c.key)
}

// membership is $in with a list.
type membership struct {
	values  []bson.RawValue // sorted
	regexes []*regexPredicate
	null    bool // the list has null, which stands for missing fields too
	by      *collation.Collation
	keys    map[string]bool // of the values; only with by
}

func newMembership(by *collation.Collation, path, operator string, v bson.RawValue) (*membership, error) {
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
	if by != nil && slices.ContainsFunc(m.values, func(v bson.RawValue) bool { return hasTexts(value.ClassOf(v.Type)) }) {
		m.by, m.keys = by, map[string]bool{}
		for _, v := range m.values {
			key, err := value.AppendKeyBy(by, nil, v)
			if err != nil {
				return nil, err
			}
			m.keys[string(key)] = true
		}
	}
	return m, nil
}

func (m *membership) matches(v bson.RawValue) bool {
	if m.null && (v.Type == 0 || v.Type == bson.TypeUndefined) {
		return true
	}
	if m.by != nil {
		var buffer [128]byte
		if key, err := value.AppendKeyBy(m.by, buffer[:0], v); err == nil && v.Type != 0 && m.keys[string(key)] {
			return true
		}
	} else if _, found := slices.BinarySearchFunc(m.values, v, value.Compare); found {
		return true
	}
	for _, regex := range m.regexes {
		if regex.matches(v) {
			return true
		}
	}
	return false
}
