package query

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
)

// Equality is a value that a filter demands of a path.
type Equality struct {
	Path  string
	Value bson.RawValue
	By    *collation.Collation // by which texts are equal to it; nil is by bytes, or that it holds no texts
}

// Equalities returns the values that every matching document has, in the filter's order: those an upsert starts from.
func (f *Filter) Equalities() []Equality {
	if f == nil {
		return nil
	}
	return equalities(nil, f.root)
}

func equalities(list []Equality, n node) []Equality {
	switch n := n.(type) {
	case allNode:
		for _, child := range n {
			list = equalities(list, child)
		}
	case *pathNode:
		switch pred := n.pred.(type) {
		case *comparison:
			if pred.operator == "$eq" {
				list = append(list, Equality{n.path.String(), pred.value, pred.by})
			}
		case *membership:
			if len(pred.values) == 1 && len(pred.regexes) == 0 {
				list = append(list, Equality{n.path.String(), pred.values[0], pred.by})
			}
		}
	}
	return list
}
