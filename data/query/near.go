package query

import "go.mongodb.org/mongo-driver/v2/bson"

// NearQuery is the $near or $nearSphere condition of a filter: results come nearest first.
type NearQuery struct {
	Path string
}

// Near returns the filter's $near or $nearSphere condition, nil if it has none. Match checks the distance limits;
// the order is the caller's to make, by Distance.
func (f *Filter) Near() *NearQuery {
	if f == nil {
		return nil
	}
	return f.near
}

// Distance returns how far doc's geometry is from the point, in metres on the sphere or in units of the plane.
func (n *NearQuery) Distance(doc bson.Raw) (distance float64, ok bool) { return 0, false }
