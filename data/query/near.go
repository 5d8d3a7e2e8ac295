package query

import (
	"math"

	"github.com/golang/geo/s2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// NearQuery is the $near or $nearSphere condition of a filter: results come nearest first. It is immutable and safe
// for concurrent use.
type NearQuery struct {
	Path string

	path     value.Path
	sphere   bool
	point    s2.Point // with sphere
	x, y     float64  // without
	min, max float64  // distances, in metres with sphere
}

// Near returns the filter's $near or $nearSphere condition, nil if it has none. Match checks the distance limits;
// the order is the caller's to make, by Distance.
func (f *Filter) Near() *NearQuery {
	if f == nil {
		return nil
	}
	return f.near
}

// Distance returns how far doc's nearest place is from the point, in metres on the sphere or in units of the plane;
// ok is false if doc has no place on the path.
func (n *NearQuery) Distance(doc bson.Raw) (distance float64, ok bool) {
	n.path.Any(doc, true, func(v bson.RawValue) bool {
		if d, found := n.distanceTo(v); found && (!ok || d < distance) {
			distance, ok = d, true
		}
		return false
	})
	return distance, ok
}

func (n *NearQuery) distanceTo(v bson.RawValue) (float64, bool) {
	if x, y, ok := pointOf(v); ok {
		if !n.sphere {
			return math.Hypot(x-n.x, y-n.y), true
		}
		p, ok := onSphere(x, y)
		return float64(p.Distance(n.point)) * earthRadius, ok
	}
	if !n.sphere || v.Type != bson.TypeEmbeddedDocument {
		return 0, false
	}
	g, ok := parseGeometry(v)
	if !ok {
		return 0, false
	}
	return float64(g.distance(n.point)) * earthRadius, true
}

func (n *NearQuery) matches(v bson.RawValue) bool {
	d, ok := n.distanceTo(v)
	return ok && d >= n.min && d <= n.max
}

// nearOperator compiles $near or $nearSphere with {$geometry: Point, $maxDistance, $minDistance} in metres, or with a
// plain position and the distances beside it: in radians for $nearSphere, else in the plane's unit.
func (p *filterParser) nearOperator(path, name string, v bson.RawValue, siblings []byte) (condition, error) {
	switch {
	case p.nested > 0:
		return nil, invalidFilter("the field '%s' has %s inside another condition; it may only stand at the top or in $and", path, name)
	case p.near != nil:
		return nil, invalidFilter("the filter has more than one %s", name)
	}
	n := &NearQuery{Path: path, path: value.ParsePath(path), sphere: name == "$nearSphere"}
	limits, unit := siblings, 1.0
	position := v
	if geometry, ok := value.Field(v.Value, "$geometry"); ok && v.Type == bson.TypeEmbeddedDocument {
		n.sphere, limits, position = true, v.Value, geometry
		if kind, _ := value.Field(geometry.Value, "type"); geometry.Type != bson.TypeEmbeddedDocument || kind.Type != bson.TypeString {
			return nil, invalidFilter("the field '%s' has %s with a $geometry that is no GeoJSON Point", path, name)
		}
	} else if n.sphere {
		unit = earthRadius
	}
	var ok bool
	if n.x, n.y, ok = pointOf(position); ok && n.sphere {
		n.point, ok = onSphere(n.x, n.y)
	}
	if !ok {
		return nil, invalidFilter("the field '%s' has %s without a point ([longitude, latitude] within ±180 and ±90 degrees)", path, name)
	}
	var err error
	if n.min, err = nearLimit(path, "$minDistance", limits, 0); err != nil {
		return nil, err
	}
	if n.max, err = nearLimit(path, "$maxDistance", limits, math.Inf(1)); err != nil {
		return nil, err
	}
	n.min, n.max = n.min*unit, n.max*unit
	p.near = n
	return leaf{pred: n}, nil
}

func nearLimit(path, name string, doc []byte, otherwise float64) (float64, error) {
	v, ok := value.Field(doc, name)
	if !ok {
		return otherwise, nil
	}
	limit, ok := value.Float64(v)
	if !ok || !(limit >= 0) {
		return 0, invalidFilter("the field '%s' has %s without a number from 0", path, name)
	}
	return limit, nil
}
