package query

import (
	"go.mongodb.org/mongo-driver/v2/bson"
)

// Filter is a parsed condition on documents. A nil *Filter matches every document. It is immutable and safe for
// concurrent use.
type Filter struct {
	raw bson.Raw
}

// ParseFilter compiles a filter document; nil or an empty document matches everything. It returns invalid_filter
// when the form is wrong and unknown_operator when an operator does not exist here.
func ParseFilter(raw bson.Raw) (*Filter, error) { return &Filter{raw: raw}, nil }

// Match reports whether doc satisfies the filter.
func (f *Filter) Match(doc bson.Raw) bool { return true }

// Raw returns the filter as it was given.
func (f *Filter) Raw() bson.Raw { return nil }

// And returns the filter that matches what all of filters match; nil filters count as matching everything.
func And(filters ...*Filter) *Filter { return nil }
