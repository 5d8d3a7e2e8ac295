package query

import (
	"math"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// geoOperator compiles the operators on places; every other name is unknown.
func (p *filterParser) geoOperator(path, name string, v bson.RawValue, siblings []byte) (condition, error) {
	switch name {
	case "$geoWithin":
		return asLeaf(newWithin(path, v))
	case "$geoIntersects":
		return asLeaf(newIntersects(path, v))
	case "$near", "$nearSphere":
		return p.nearOperator(path, name, v, siblings)
	case "$maxDistance", "$minDistance":
		for _, near := range []string{"$near", "$nearSphere"} {
			if _, ok := value.Field(siblings, near); ok {
				return nil, nil
			}
		}
		return nil, invalidFilter("the field '%s' has %s without $near", path, name)
	}
	return nil, unknownAt(path, name)
}

// place returns the only field of a document such as {$geometry: ...}.
func place(path, operator string, v bson.RawValue) (name string, arg bson.RawValue, err error) {
	if v.Type == bson.TypeEmbeddedDocument && value.Count(v.Value) == 1 {
		it := value.Elements(v.Value)
		key, arg, _ := it.Next()
		return string(key), arg, nil
	}
	return "", arg, invalidFilter("the field '%s' has %s without an object of one shape, such as {$geometry: ...}", path, operator)
}

// filterGeometry reads the value of $geometry.
func filterGeometry(path, operator string, v bson.RawValue) (*geometry, error) {
	if v.Type == bson.TypeEmbeddedDocument {
		if _, ok := value.Field(v.Value, "crs"); ok {
			return nil, invalidFilter("the field '%s' has a geometry with 'crs', which does not exist here", path)
		}
		g := &geometry{}
		if g.add(v.Value, 0) {
			g.prepare()
			return g, nil
		}
	}
	return nil, invalidFilter("the field '%s' has %s with a malformed GeoJSON geometry: its type, positions ([longitude, latitude]) and rings (closed, holes inside) must be right", path, operator)
}

// within is $geoWithin.
type within struct {
	polygons *geometry // on the sphere
	cap      *spherical
	plane    func(x, y float64) bool
}

// spherical is a circle on the sphere.
type spherical struct {
	centre s2.Point
	radius s1.Angle
}

func newWithin(path string, v bson.RawValue) (*within, error) {
	shape, arg, err := place(path, "$geoWithin", v)
	if err != nil {
		return nil, err
	}
	switch shape {
	case "$geometry":
		g, err := filterGeometry(path, "$geoWithin", arg)
		if err != nil {
			return nil, err
		}
		if len(g.polygons) == 0 || len(g.points)+len(g.lines) > 0 {
			return nil, invalidFilter("the field '%s' has $geoWithin with a geometry that is no Polygon or MultiPolygon", path)
		}
		return &within{polygons: g}, nil
	case "$centerSphere":
		x, y, r, ok := circle(arg)
		centre, onEarth := onSphere(x, y)
		if !ok || !onEarth {
			return nil, invalidFilter("the field '%s' has $centerSphere without [[longitude, latitude], radius in radians]", path)
		}
		return &within{cap: &spherical{centre, s1.Angle(r)}}, nil
	case "$center":
		x, y, r, ok := circle(arg)
		if !ok {
			return nil, invalidFilter("the field '%s' has $center without [[x, y], radius]", path)
		}
		return &within{plane: func(px, py float64) bool { return math.Hypot(px-x, py-y) <= r }}, nil
	case "$box":
		corners, ok := positions(arg)
		if !ok || len(corners) != 2 {
			return nil, invalidFilter("the field '%s' has $box without [[x, y], [x, y]]", path)
		}
		a, b := corners[0], corners[1]
		return &within{plane: func(x, y float64) bool {
			return x >= min(a[0], b[0]) && x <= max(a[0], b[0]) && y >= min(a[1], b[1]) && y <= max(a[1], b[1])
		}}, nil
	case "$polygon":
		corners, ok := positions(arg)
		if !ok || len(corners) < 3 {
			return nil, invalidFilter("the field '%s' has $polygon without a list of at least three positions", path)
		}
		return &within{plane: func(x, y float64) bool { return insidePlane(corners, x, y) }}, nil
	}
	return nil, unknownFilterOperator(shape)
}

func circle(v bson.RawValue) (x, y, radius float64, ok bool) {
	centre, _ := value.Element(v.Value, 0)
	length, _ := value.Element(v.Value, 1)
	x, y, ok = coordinates(centre)
	radius, isNumber := value.Float64(length)
	return x, y, radius, v.Type == bson.TypeArray && value.Count(v.Value) == 2 && ok && isNumber && radius >= 0
}

// positions reads a list of positions, or a document of them.
func positions(v bson.RawValue) (list [][2]float64, ok bool) {
	if v.Type != bson.TypeArray && v.Type != bson.TypeEmbeddedDocument {
		return nil, false
	}
	for it := value.Elements(v.Value); ; {
		_, position, more := it.Next()
		if !more {
			return list, true
		}
		x, y, ok := coordinates(position)
		if !ok || len(list) == maxGeometryVertices {
			return nil, false
		}
		list = append(list, [2]float64{x, y})
	}
}

// insidePlane reports whether a point lies in a polygon of the plane or on its border.
func insidePlane(corners [][2]float64, x, y float64) bool {
	inside := false
	for i, a := range corners {
		b := corners[(i+1)%len(corners)]
		cross := (b[0]-a[0])*(y-a[1]) - (b[1]-a[1])*(x-a[0])
		if cross == 0 && x >= min(a[0], b[0]) && x <= max(a[0], b[0]) && y >= min(a[1], b[1]) && y <= max(a[1], b[1]) {
			return true
		}
		if (a[1] > y) != (b[1] > y) && x < (b[0]-a[0])*(y-a[1])/(b[1]-a[1])+a[0] {
			inside = !inside
		}
	}
	return inside
}

func (w *within) matches(v bson.RawValue) bool {
	if x, y, ok := pointOf(v); ok {
		if w.plane != nil {
			return w.plane(x, y)
		}
		p, ok := onSphere(x, y)
		switch {
		case !ok:
			return false
		case w.cap != nil:
			return p.Distance(w.cap.centre) <= w.cap.radius
		}
		return w.polygons.touches(p)
	}
	if w.plane != nil || v.Type != bson.TypeEmbeddedDocument {
		return false
	}
	g, ok := parseGeometry(v)
	if !ok {
		return false
	}
	if w.cap != nil {
		return w.cap.contains(g)
	}
	return w.polygons.contains(g)
}

// contains reports whether the circle holds all corners; for one up to a quarter of the globe that is the whole
// geometry.
func (c *spherical) contains(g *geometry) bool {
	holds := func(p s2.Point) bool { return p.Distance(c.centre) <= c.radius }
	for _, p := range g.points {
		if !holds(p) {
			return false
		}
	}
	for _, line := range g.lines {
		for _, p := range *line {
			if !holds(p) {
				return false
			}
		}
	}
	for _, polygon := range g.polygons {
		for _, loop := range polygon.Loops() {
			for _, p := range loop.Vertices() {
				if !holds(p) {
					return false
				}
			}
		}
	}
	return true
}

// intersects is $geoIntersects.
type intersects struct{ geometry *geometry }

func newIntersects(path string, v bson.RawValue) (*intersects, error) {
	shape, arg, err := place(path, "$geoIntersects", v)
	if err != nil {
		return nil, err
	}
	if shape != "$geometry" {
		return nil, invalidFilter("the field '%s' has $geoIntersects without $geometry", path)
	}
	g, err := filterGeometry(path, "$geoIntersects", arg)
	if err != nil {
		return nil, err
	}
	return &intersects{g}, nil
}

func (i *intersects) matches(v bson.RawValue) bool {
	if x, y, ok := pointOf(v); ok {
		p, ok := onSphere(x, y)
		return ok && i.geometry.touches(p)
	}
	if v.Type != bson.TypeEmbeddedDocument {
		return false
	}
	g, ok := parseGeometry(v)
	return ok && i.geometry.intersects(g)
}
