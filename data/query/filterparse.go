package query

import (
	"cmp"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/collation"
	"yunduo/data/query/expr"
	"yunduo/data/query/language"
	"yunduo/data/query/schema"
	"yunduo/data/query/value"
)

// filterParser compiles one filter document.
type filterParser struct {
	by        *collation.Collation
	near      *NearQuery
	nested    int // how many of $or, $nor, $not and $elemMatch surround the current place: no $near in there
	inElement int // how many of $elemMatch do: no $expr in there
	computes  bool
	fallible  bool  // an $expr may fail for some documents
	failed    error // of an $expr that is the same for every document
}

func invalidFilter(format string, args ...any) error {
	return yunduo.Errorf(yunduo.ReasonInvalidFilter, format, args...)
}

func unknownFilterOperator(name string) error { return language.Unknown(language.Filter, name) }

// unknownAt is for an operator that stands behind a path.
func unknownAt(path, name string) error {
	return language.At("the field '"+path+"'", unknownFilterOperator(name))
}

// document compiles a whole filter or a clause of $and, $or, $nor.
func (p *filterParser) document(doc []byte) (node, error) {
	var children []node
	for it := value.Elements(doc); ; {
		key, v, ok := it.Next()
		if !ok {
			return conjunction(children), nil
		}
		child, err := p.clause(string(key), v)
		if err != nil {
			return nil, err
		}
		if child != nil {
			children = append(children, child)
		}
	}
}

func (p *filterParser) clause(key string, v bson.RawValue) (node, error) {
	if !strings.HasPrefix(key, "$") {
		return p.field(key, v)
	}
	switch key {
	case "$and":
		children, err := p.clauses(key, v)
		return conjunction(children), err
	case "$or", "$nor":
		p.nested++
		children, err := p.clauses(key, v)
		p.nested--
		if err != nil {
			return nil, err
		}
		if key == "$nor" {
			return notNode{disjunction(children)}, nil
		}
		return disjunction(children), nil
	case "$expr":
		if p.inElement > 0 {
			return nil, invalidFilter("$expr cannot be used inside $elemMatch")
		}
		expression, err := expr.ParseWith(v, expr.Scope{Collation: p.by})
		if err != nil {
			if yunduo.ReasonOf(err) == yunduo.ReasonInvalidPipeline {
				err = yunduo.Wrap(err, yunduo.ReasonInvalidFilter, "%s", yunduo.AsError(err).Message)
			}
			return nil, err
		}
		p.computes = true
		p.fallible = p.fallible || !expr.Total(v)
		if _, constant, err := expression.Constant(); constant {
			p.failed = cmp.Or(p.failed, err)
		}
		return exprNode{expression}, nil
	case "$jsonSchema":
		if v.Type != bson.TypeEmbeddedDocument {
			return nil, language.Errorf(language.TypeMismatch, yunduo.ReasonInvalidFilter, "$jsonSchema needs a schema, not a value of type %s", value.TypeName(v.Type))
		}
		s, err := schema.Parse(v.Value)
		return schemaNode{s}, err
	case "$comment":
		return nil, nil
	case "$ref", "$id", "$db":
		return p.field(key, v)
	}
	return nil, unknownFilterOperator(key)
}

func (p *filterParser) clauses(operator string, v bson.RawValue) ([]node, error) {
	if v.Type != bson.TypeArray || value.IsEmpty(v.Value) {
		return nil, invalidFilter("%s needs a list of at least one condition", operator)
	}
	var children []node
	for it := value.Elements(v.Value); ; {
		_, clause, ok := it.Next()
		if !ok {
			return children, nil
		}
		if clause.Type != bson.TypeEmbeddedDocument {
			return nil, invalidFilter("%s needs a list of conditions, but one is of type %s", operator, value.TypeName(clause.Type))
		}
		child, err := p.document(clause.Value)
		if err != nil {
			return nil, err
		}
		children = append(children, child)
	}
}

// field compiles what a filter says of one path: a plain value, a regular expression or operators.
func (p *filterParser) field(path string, v bson.RawValue) (node, error) {
	parsed := value.ParsePath(path)
	if isOperators(v) {
		c, err := p.operators(path, v.Value)
		if err != nil {
			return nil, err
		}
		return c.onPath(parsed), nil
	}
	if v.Type == bson.TypeRegex {
		pred, err := newRegexPredicate(path, v)
		if err != nil {
			return nil, err
		}
		return &pathNode{path: parsed, pred: pred}, nil
	}
	pred, err := newComparison(p.by, path, "$eq", v)
	if err != nil {
		return nil, err
	}
	return &pathNode{path: parsed, pred: pred}, nil
}

// isOperators reports whether a value is a document of operators: its first field starts with $ and is no part of a
// database reference.
func isOperators(v bson.RawValue) bool {
	if v.Type != bson.TypeEmbeddedDocument {
		return false
	}
	it := value.Elements(v.Value)
	key, _, ok := it.Next()
	if !ok || len(key) == 0 || key[0] != '$' {
		return false
	}
	switch string(key) {
	case "$ref", "$id", "$db":
		return false
	}
	return true
}

// operators compiles a document such as {$gt: 1, $lt: 5}.
func (p *filterParser) operators(path string, doc []byte) (condition, error) {
	var all together
	for it := value.Elements(doc); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		c, err := p.operator(path, string(key), v, doc)
		if err != nil {
			return nil, err
		}
		if c != nil {
			all = append(all, c)
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

// operator compiles one operator; siblings is the document it stands in, where some find their options.
func (p *filterParser) operator(path, name string, v bson.RawValue, siblings []byte) (condition, error) {
	switch name {
	case "$eq", "$gt", "$gte", "$lt", "$lte":
		return asLeaf(newComparison(p.by, path, name, v))
	case "$ne":
		return negation(asLeaf(newComparison(p.by, path, name, v)))
	case "$in":
		return asLeaf(newMembership(p.by, path, name, v))
	case "$nin":
		return negation(asLeaf(newMembership(p.by, path, name, v)))
	case "$not":
		return p.not(path, v)
	case "$exists":
		if value.Truthy(v) {
			return leaf{pred: existsPredicate{}, whole: true}, nil
		}
		return negated{leaf{pred: existsPredicate{}, whole: true}}, nil
	case "$type":
		return asLeaf(newTypePredicate(path, v))
	case "$mod":
		return asLeaf(newModPredicate(path, v))
	case "$regex":
		return asLeaf(newRegexOperator(path, v, siblings))
	case "$options":
		if _, ok := value.Field(siblings, "$regex"); !ok {
			return nil, invalidFilter("the field '%s' has $options without $regex", path)
		}
		return nil, nil
	case "$all":
		return p.all(path, v)
	case "$size":
		return asWhole(newSizePredicate(path, v))
	case "$elemMatch":
		return p.elemMatch(path, v)
	case "$bitsAllSet", "$bitsAnySet", "$bitsAllClear", "$bitsAnyClear":
		return asLeaf(newBitsPredicate(path, name, v))
	}
	return p.geoOperator(path, name, v, siblings)
}

func asLeaf[P predicate](pred P, err error) (condition, error) {
	if err != nil {
		return nil, err
	}
	return leaf{pred: pred}, nil
}

func asWhole[P predicate](pred P, err error) (condition, error) {
	if err != nil {
		return nil, err
	}
	return leaf{pred: pred, whole: true}, nil
}

func negation(c condition, err error) (condition, error) {
	if err != nil {
		return nil, err
	}
	return negated{c}, nil
}

func (p *filterParser) not(path string, v bson.RawValue) (condition, error) {
	if v.Type == bson.TypeRegex {
		return negation(asLeaf(newRegexPredicate(path, v)))
	}
	if !isOperators(v) {
		return nil, invalidFilter("the field '%s' has $not without operators or a regular expression", path)
	}
	p.nested++
	c, err := p.operators(path, v.Value)
	p.nested--
	return negation(c, err)
}

// all compiles $all: every listed value must be found, or every listed $elemMatch must hold.
func (p *filterParser) all(path string, v bson.RawValue) (condition, error) {
	if v.Type != bson.TypeArray {
		return nil, invalidFilter("the field '%s' has $all without a list", path)
	}
	var conditions together
	elements := 0
	for it := value.Elements(v.Value); ; {
		_, item, ok := it.Next()
		if !ok {
			break
		}
		var c condition
		var err error
		switch {
		case isElemMatch(item):
			elements++
			inner, _ := value.Field(item.Value, "$elemMatch")
			c, err = p.elemMatch(path, inner)
		case isOperators(item):
			err = invalidFilter("the field '%s' has an operator inside $all; only $elemMatch may stand there", path)
		case item.Type == bson.TypeRegex:
			c, err = asLeaf(newRegexPredicate(path, item))
		default:
			c, err = asLeaf(newComparison(p.by, path, "$eq", item))
		}
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, c)
	}
	if elements > 0 && elements < len(conditions) {
		return nil, invalidFilter("the field '%s' has $all with both $elemMatch and values", path)
	}
	switch len(conditions) {
	case 0:
		return leaf{pred: nothing{}}, nil
	case 1:
		return conditions[0], nil
	}
	return conditions, nil
}

func isElemMatch(v bson.RawValue) bool {
	if v.Type != bson.TypeEmbeddedDocument || value.Count(v.Value) != 1 {
		return false
	}
	_, ok := value.Field(v.Value, "$elemMatch")
	return ok
}
