package query

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// elementPredicate is $elemMatch: an array with one element that satisfies everything, either as a value or as a
// document.
type elementPredicate struct {
	asValue    predicate // nil when asDocument is used
	asDocument node
}

func (p *elementPredicate) matches(v bson.RawValue) bool { return p.index(v) >= 0 }

// index returns the position of the first element that satisfies the condition, -1 if there is none.
func (p *elementPredicate) index(v bson.RawValue) int {
	if v.Type != bson.TypeArray {
		return -1
	}
	it := value.Elements(v.Value)
	for i := 0; ; i++ {
		_, element, ok := it.Next()
		if !ok {
			return -1
		}
		if p.matchesElement(element) {
			return i
		}
	}
}

func (p *elementPredicate) matchesElement(element bson.RawValue) bool {
	if p.asValue != nil {
		return p.asValue.matches(element)
	}
	// An array counts as a document whose fields are its indexes.
	isDocument := element.Type == bson.TypeEmbeddedDocument || element.Type == bson.TypeArray
	return isDocument && p.asDocument.match(element.Value)
}

func (p *filterParser) elemMatch(path string, v bson.RawValue) (condition, error) {
	if v.Type != bson.TypeEmbeddedDocument {
		return nil, invalidFilter("the field '%s' has $elemMatch without a condition", path)
	}
	p.nested++
	p.inElement++
	defer func() { p.nested--; p.inElement-- }()
	if isValueForm(v) {
		c, err := p.operators(path, v.Value)
		if err != nil {
			return nil, err
		}
		return leaf{pred: &elementPredicate{asValue: c.onElement()}, whole: true}, nil
	}
	n, err := p.document(v.Value)
	if err != nil {
		return nil, err
	}
	return leaf{pred: &elementPredicate{asDocument: n}, whole: true}, nil
}

// isValueForm tells {$gt: 1} from {qty: {$gt: 1}} and {$or: [...]}.
func isValueForm(v bson.RawValue) bool {
	if !isOperators(v) {
		return false
	}
	it := value.Elements(v.Value)
	key, _, _ := it.Next()
	switch string(key) {
	case "$and", "$or", "$nor", "$expr", "$where", "$text", "$jsonSchema", "$comment":
		return false
	}
	return true
}
