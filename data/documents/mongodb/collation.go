package mongodb

import (
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/collation"
)

// collationOf is the collation of an operation by its filter and sort, nil for the order of bytes. MongoDB has one for
// all of an operation: a filter whose parts compare texts in different ways is refused, for it may be a security rule
// that must not be read otherwise than it was written. For the same reason it refuses a filter that is not ordered.
func collationOf(f *query.Filter, s *query.Sort, also ...*collation.Collation) (*options.Collation, error) {
	if f.Unordered() {
		return nil, unordered()
	}
	by, uniform := f.Collation()
	if f == nil && s != nil {
		by = s.Collation()
	}
	if f == nil && s == nil && len(also) > 0 {
		by = also[0]
	}
	for _, other := range also {
		uniform = uniform && collation.Same(by, other)
	}
	if f != nil && s != nil && !collation.Same(by, s.Collation()) {
		uniform = false
	}
	return collationIn(by, uniform)
}

// unordered is for an $expr that the server might compute for documents that the rules hide, and fail.
func unordered() error {
	return yunduo.Errorf(yunduo.ReasonUnsupportedCall, "$expr: on this server's database one that can fail cannot be combined with the collection's rules; use only comparisons of fields, or rules that compare fields without dots for equality")
}

func collationIn(by *collation.Collation, uniform bool) (*options.Collation, error) {
	if !uniform {
		return nil, yunduo.Errorf(yunduo.ReasonUnsupportedCall, "collation: on this server's database a rule or filter of another collation cannot be combined with this one")
	}
	if by == nil {
		return nil, nil
	}
	var o struct {
		Locale          string `bson:"locale"`
		CaseLevel       bool   `bson:"caseLevel"`
		CaseFirst       string `bson:"caseFirst"`
		Strength        int    `bson:"strength"`
		NumericOrdering bool   `bson:"numericOrdering"`
		Alternate       string `bson:"alternate"`
		MaxVariable     string `bson:"maxVariable"`
		Normalization   bool   `bson:"normalization"`
		Backwards       bool   `bson:"backwards"`
	}
	if err := bson.Unmarshal(by.Raw(), &o); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "collation: it cannot be read")
	}
	return &options.Collation{Locale: o.Locale, CaseLevel: o.CaseLevel, CaseFirst: o.CaseFirst, Strength: o.Strength, NumericOrdering: o.NumericOrdering,
		Alternate: o.Alternate, MaxVariable: o.MaxVariable, Normalization: o.Normalization, Backwards: o.Backwards}, nil
}
