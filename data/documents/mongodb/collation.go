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
// that must not be read otherwise than it was written.
func collationOf(f *query.Filter, s *query.Sort, also ...*collation.Collation) (*options.Collation, error) {
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
