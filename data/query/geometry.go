package query

import (
	"math"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// earthRadius is the radius of the sphere in metres that MongoDB computes with.
const earthRadius = 6378100

// touching is the angle below which things on the sphere count as touching: about 6 millimetres.
const touching = s1.Angle(1e-9)

const (
	maxGeometryVertices = 100_000 // of a stored geometry; a greater one is found by no filter
	maxGeometryDepth    = 10      // of geometry collections
)

// geometry is a parsed GeoJSON geometry on the sphere.
type geometry struct {
	points   []s2.Point
	lines    []*s2.Polyline
	polygons []*s2.Polygon
	vertices int
	shapes   *s2.ShapeIndex
}

// coordinates reads a position: [longitude, latitude] as an array, or the first two fields of a document.
func coordinates(v bson.RawValue) (x, y float64, ok bool) {
	if v.Type != bson.TypeArray && v.Type != bson.TypeEmbeddedDocument {
		return 0, 0, false
	}
	it := value.Elements(v.Value)
	_, first, okFirst := it.Next()
	_, second, okSecond := it.Next()
	if !okFirst || !okSecond {
		return 0, 0, false
	}
	x, okFirst = value.Float64(first)
	y, okSecond = value.Float64(second)
	return x, y, okFirst && okSecond && !math.IsNaN(x+y) && !math.IsInf(x, 0) && !math.IsInf(y, 0)
}

// pointOf reads a GeoJSON Point or a plain position.
func pointOf(v bson.RawValue) (x, y float64, ok bool) {
	if v.Type == bson.TypeEmbeddedDocument {
		if kind, found := value.Field(v.Value, "type"); found && kind.Type == bson.TypeString {
			if text, _ := value.Text(kind); string(text) != "Point" {
				return 0, 0, false
			}
			if v, found = value.Field(v.Value, "coordinates"); !found || v.Type != bson.TypeArray {
				return 0, 0, false
			}
		}
	}
	return coordinates(v)
}

// onSphere returns the point at a longitude and latitude in degrees; ok is false outside their range.
func onSphere(lng, lat float64) (p s2.Point, ok bool) {
	if lng < -180 || lng > 180 || lat < -90 || lat > 90 {
		return p, false
	}
	return s2.PointFromLatLng(s2.LatLngFromDegrees(lat, lng)), true
}

// parseGeometry reads a GeoJSON geometry, or a plain position as a point; ok is false if v is none.
func parseGeometry(v bson.RawValue) (g *geometry, ok bool) {
	g = &geometry{}
	if v.Type == bson.TypeArray {
		return g, g.addPoint(v)
	}
	if v.Type != bson.TypeEmbeddedDocument {
		return nil, false
	}
	if _, typed := value.Field(v.Value, "type"); !typed {
		return g, g.addPoint(v)
	}
	return g, g.add(v.Value, 0)
}

// add takes in a GeoJSON object.
func (g *geometry) add(doc []byte, depth int) bool {
	kind, _ := value.Field(doc, "type")
	text, _ := value.Text(kind)
	if string(text) == "GeometryCollection" {
		list, _ := value.Field(doc, "geometries")
		return depth < maxGeometryDepth && each(list, func(v bson.RawValue) bool {
			return v.Type == bson.TypeEmbeddedDocument && g.add(v.Value, depth+1)
		})
	}
	list, _ := value.Field(doc, "coordinates")
	if list.Type != bson.TypeArray {
		return false
	}
	switch string(text) {
	case "Point":
		return g.addPoint(list)
	case "MultiPoint":
		return each(list, g.addPoint)
	case "LineString":
		return g.addLine(list)
	case "MultiLineString":
		return each(list, g.addLine)
	case "Polygon":
		return g.addPolygon(list)
	case "MultiPolygon":
		return each(list, g.addPolygon)
	}
	return false
}

// each reports whether list is an array with at least one element and add takes in all.
func each(list bson.RawValue, add func(v bson.RawValue) bool) bool {
	if list.Type != bson.TypeArray || value.IsEmpty(list.Value) {
		return false
	}
	for it := value.Elements(list.Value); ; {
		_, v, ok := it.Next()
		if !ok {
			return true
		}
		if !add(v) {
			return false
		}
	}
}

func (g *geometry) addPoint(v bson.RawValue) bool {
	x, y, ok := coordinates(v)
	if !ok {
		return false
	}
	p, ok := onSphere(x, y)
	g.points = append(g.points, p)
	g.vertices++
	return ok && g.vertices <= maxGeometryVertices
}

// path reads a list of positions, without repetitions one after the other.
func (g *geometry) path(list bson.RawValue) (path []s2.Point, ok bool) {
	ok = each(list, func(v bson.RawValue) bool {
		x, y, ok := coordinates(v)
		if !ok || v.Type != bson.TypeArray {
			return false
		}
		p, ok := onSphere(x, y)
		if len(path) == 0 || path[len(path)-1] != p {
			path = append(path, p)
		}
		g.vertices++
		return ok && g.vertices <= maxGeometryVertices
	})
	return path, ok
}

func (g *geometry) addLine(list bson.RawValue) bool {
	path, ok := g.path(list)
	if !ok || len(path) < 2 {
		return false
	}
	line := s2.Polyline(path)
	g.lines = append(g.lines, &line)
	return line.Validate() == nil
}

// addPolygon reads rings: the first is the outside, the others are holes. A ring bounds what is smaller than half of
// the sphere, whichever way it turns.
func (g *geometry) addPolygon(rings bson.RawValue) bool {
	var loops []*s2.Loop
	ok := each(rings, func(ring bson.RawValue) bool {
		path, ok := g.path(ring)
		if !ok || len(path) < 4 || path[0] != path[len(path)-1] {
			return false
		}
		loop := s2.LoopFromPoints(path[:len(path)-1])
		if loop.Validate() != nil {
			return false
		}
		loop.Normalize()
		loops = append(loops, loop)
		return true
	})
	if !ok {
		return false
	}
	for _, hole := range loops[1:] {
		if !loops[0].Contains(hole) {
			return false
		}
	}
	g.polygons = append(g.polygons, s2.PolygonFromLoops(loops))
	return true
}

// index returns the geometry's shapes for distance queries. It is made once; the first call is not safe for
// concurrent use.
func (g *geometry) index() *s2.ShapeIndex {
	if g.shapes != nil {
		return g.shapes
	}
	g.shapes = s2.NewShapeIndex()
	if len(g.points) > 0 {
		points := s2.PointVector(g.points)
		g.shapes.Add(&points)
	}
	for _, line := range g.lines {
		g.shapes.Add(line)
	}
	for _, polygon := range g.polygons {
		g.shapes.Add(polygon)
	}
	g.shapes.Build()
	return g.shapes
}

// prepare makes everything that is made on first use, so that the geometry may be shared.
func (g *geometry) prepare() {
	g.index()
	for _, polygon := range g.polygons {
		polygon.Contains(polygon)
		for _, loop := range polygon.Loops() {
			loop.ContainsPoint(loop.Vertex(0))
			loop.Contains(loop)
		}
	}
}

// distance returns the angle to the nearest place of the geometry, 0 inside a polygon.
func (g *geometry) distance(p s2.Point) s1.Angle {
	if len(g.points) == 1 && len(g.lines)+len(g.polygons) == 0 {
		return p.Distance(g.points[0])
	}
	query := s2.NewClosestEdgeQuery(g.index(), s2.NewClosestEdgeQueryOptions().IncludeInteriors(true))
	return query.Distance(s2.NewMinDistanceToPointTarget(p)).Angle()
}

// touches reports whether the geometry contains the point, its border included.
func (g *geometry) touches(p s2.Point) bool {
	for _, polygon := range g.polygons {
		if polygon.ContainsPoint(p) {
			return true
		}
	}
	return g.distance(p) <= touching
}

// intersects reports whether two geometries have a place in common.
func (g *geometry) intersects(other *geometry) bool {
	query := s2.NewClosestEdgeQuery(g.index(), s2.NewClosestEdgeQueryOptions().IncludeInteriors(true))
	target := s2.NewMinDistanceToShapeIndexTarget(other.index())
	return query.IsDistanceLess(target, s1.ChordAngleFromAngle(touching))
}

// contains reports whether every part of other lies in one of the geometry's polygons.
func (g *geometry) contains(other *geometry) bool {
	for _, p := range other.points {
		if !g.touches(p) {
			return false
		}
	}
	for _, line := range other.lines {
		if !g.containsLine(*line) {
			return false
		}
	}
	for _, inner := range other.polygons {
		if !g.containsPolygon(inner) {
			return false
		}
	}
	return true
}

func (g *geometry) containsLine(line s2.Polyline) bool {
	crossings := s2.NewCrossingEdgeQuery(g.index())
	for i, p := range line {
		if !g.touches(p) {
			return false
		}
		if i == 0 {
			continue
		}
		middle := s2.Interpolate(0.5, line[i-1], p)
		if !g.touches(middle) || len(crossings.CrossingsEdgeMap(line[i-1], p, s2.CrossingTypeInterior)) > 0 {
			return false
		}
	}
	return true
}

func (g *geometry) containsPolygon(inner *s2.Polygon) bool {
	for _, polygon := range g.polygons {
		if polygon.Contains(inner) {
			return true
		}
	}
	return false
}
