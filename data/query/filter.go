package query

import (
	"bytes"
	"cmp"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/collation"
	"yunduo/data/query/internal/pattern"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// Filter is a parsed condition on documents. A nil *Filter matches every document. It is immutable and safe for
// concurrent use.
type Filter struct {
	raw   bson.Raw
	root  node
	near  *NearQuery
	by    *collation.Collation
	mixed bool // parts have different collations
	// computes: there is an $expr, which may fail. failed is what one fails with whatever the document is.
	computes bool
	failed   error
	// fallible: an $expr in it may fail. unordered: Raw does not say that the rest is looked at before.
	fallible, unordered bool
}

var emptyDocument = bson.Raw{5, 0, 0, 0, 0}

// ParseFilter compiles a filter document; nil or an empty document gives nil, which matches everything. It returns
// invalid_filter when the form is wrong and unknown_operator when an operator does not exist here.
func ParseFilter(raw bson.Raw) (*Filter, error) { return ParseFilterBy(nil, raw) }

// ParseFilterBy is ParseFilter for a filter that compares texts by a collation.
func ParseFilterBy(by *collation.Collation, raw bson.Raw) (*Filter, error) {
	if value.IsEmpty(raw) {
		return nil, nil
	}
	if err := value.Validate(raw); err != nil {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidFilter, "the filter cannot be read: %s", yunduo.AsError(err).Message)
	}
	raw = bytes.Clone(raw) // the tree points into it, and the caller may reuse its memory
	p := filterParser{by: by}
	root, err := p.document(raw)
	if err != nil {
		return nil, err
	}
	return &Filter{raw: raw, root: root, near: p.near, by: by, computes: p.computes, failed: p.failed, fallible: p.fallible}, nil
}

// Match reports whether doc satisfies the filter. An $expr that is reached and cannot be computed for doc is
// expression_failed or query_too_expensive; all other conditions beside it are looked at before.
func (f *Filter) Match(doc bson.Raw) (ok bool, err error) {
	if f == nil {
		return true, nil
	}
	defer pattern.Recover(&err, tooSlow)
	if f.computes {
		return check(f.root, doc)
	}
	return f.root.match(doc), nil
}

// tooSlow is why a condition was given up.
func tooSlow(sentence string) error {
	return language.Errorf(language.MemoryLimitExceeded, yunduo.ReasonQueryTooExpensive, "%s", sentence)
}

// Computes reports whether matching a document may fail: there is an $expr in the filter.
func (f *Filter) Computes() bool { return f != nil && f.computes }

// Failed returns why the filter cannot be used on any collection, an empty one included: an $expr that refers to no
// field and cannot be computed.
func (f *Filter) Failed() error {
	if f == nil {
		return nil
	}
	return f.failed
}

// Fallible reports whether there is an $expr in the filter of which its form does not tell that it cannot fail.
func (f *Filter) Fallible() bool { return f != nil && f.fallible }

// Unordered reports whether Narrow joined filters in a way that Raw cannot express: who only gets Raw might compute an
// $expr that can fail for documents that the filter must not look at.
func (f *Filter) Unordered() bool { return f != nil && f.unordered }

// Raw returns the filter as it was given, an empty document for nil. It must not be changed.
func (f *Filter) Raw() bson.Raw {
	if f == nil {
		return emptyDocument
	}
	return f.raw
}

// Collation returns how the filter compares texts, and whether all its parts do so: And may join filters of different
// collations, of which an engine that knows only one for all must not make one.
func (f *Filter) Collation() (by *collation.Collation, uniform bool) {
	if f == nil {
		return nil, true
	}
	return f.by, !f.mixed
}

// And returns the filter that matches what all of filters match; nil filters count as matching everything. Only one
// of them may have a $near condition that orders results; the first one's counts. An $expr of an earlier one is computed
// only for documents that the later ones match: who must not see a document does not learn by a failure what is in it.
func And(filters ...*Filter) *Filter {
	var kept []*Filter
	for _, f := range filters {
		if f != nil {
			kept = append(kept, f)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	if len(kept) == 1 {
		return kept[0]
	}
	both := &Filter{by: kept[0].by}
	children := make([]node, 0, len(kept))
	raws := make([]bson.RawValue, 0, len(kept))
	for _, f := range kept {
		children = append(children, f.root)
		raws = append(raws, value.Document(f.raw))
		both.fallible = both.fallible || f.fallible
		both.unordered = both.unordered || f.unordered
		both.mixed = both.mixed || f.mixed || !collation.Same(both.by, f.by)
		if both.near == nil {
			both.near = f.near
		}
		both.computes = both.computes || f.computes
		both.failed = cmp.Or(both.failed, f.failed)
	}
	if both.computes {
		slices.Reverse(children)
		slices.Reverse(raws)
	}
	both.root = conjunction(children)
	both.raw = value.EndDocument(value.Append(value.BeginDocument(nil), "$and", value.ArrayOf(raws...)), 0)
	return both
}
