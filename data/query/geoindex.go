package query

import (
	"math"
	"slices"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/value"
)

// A place is filed in an index under S2 cells: a point under its leaf cell, anything else under a few cells of any
// size that cover it together. A cell's ID lies between the least and the greatest ID of each cell that contains it.

// coverCells is how many cells cover a place or what a condition asks for.
const coverCells = 20

// bufferAngle is by how much more than its own a condition's area is searched: whatever is left to rounding and to
// touching lies inside.
const bufferAngle = 8 * touching

// CellRange is the IDs of cells from Low to High, both included.
type CellRange struct{ Low, High uint64 }

// GeoCells returns the IDs of the cells under which an index on the path files doc, sorted, each once; none if it has
// no place there. It returns invalid_document if there is something else than a place.
func GeoCells(path value.Path, doc bson.Raw) ([]uint64, error) {
	var cells []uint64
	places, others := false, false
	path.Any(doc, true, func(v bson.RawValue) bool {
		switch v.Type {
		case 0, bson.TypeNull, bson.TypeUndefined:
			return false
		}
		if x, y, ok := pointOf(v); ok {
			if p, ok := onSphere(x, y); ok {
				places = true
				cells = append(cells, uint64(s2.CellIDFromLatLng(s2.LatLngFromPoint(p))))
				return false
			}
		}
		if g, ok := parseGeometry(v); ok {
			places = true
			for _, id := range g.region(0).cover() {
				cells = append(cells, uint64(id))
			}
			return false
		}
		others = others || v.Type != bson.TypeArray || !value.IsEmpty(v.Value)
		return false
	})
	if others && !places {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidDocument,
			"the field '%s' has a geographic index and holds no place: GeoJSON, or [longitude, latitude] within ±180 and ±90 degrees", path)
	}
	slices.Sort(cells)
	return slices.Compact(cells), nil
}

// area is what lies within an angle of a geometry.
type area struct {
	geometry *geometry
	radius   s1.Angle
}

var _ s2.Region = area{}

// region returns the geometry with what is near it.
func (g *geometry) region(radius s1.Angle) area {
	g.index()
	return area{g, radius}
}

func (a area) cover() s2.CellUnion { return cover(a) }

func cover(r s2.Region) s2.CellUnion {
	return (&s2.RegionCoverer{MaxLevel: 30, LevelMod: 1, MaxCells: coverCells}).Covering(r)
}

// CapBound returns a circle around the area.
func (a area) CapBound() s2.Cap {
	bound := s2.EmptyCap()
	for _, p := range a.geometry.points {
		bound = bound.AddCap(s2.CapFromPoint(p))
	}
	for _, line := range a.geometry.lines {
		bound = bound.AddCap(line.CapBound())
	}
	for _, polygon := range a.geometry.polygons {
		bound = bound.AddCap(polygon.CapBound())
	}
	return bound.Expanded(a.radius + touching)
}

// RectBound returns a rectangle around the area.
func (a area) RectBound() s2.Rect { return a.CapBound().RectBound() }

// CellUnionBound returns cells around the area.
func (a area) CellUnionBound() []s2.CellID { return a.CapBound().CellUnionBound() }

// ContainsCell reports whether a polygon of the area holds the cell.
func (a area) ContainsCell(c s2.Cell) bool {
	return slices.ContainsFunc(a.geometry.polygons, func(p *s2.Polygon) bool { return p.ContainsCell(c) })
}

// IntersectsCell reports whether the cell reaches into the area.
func (a area) IntersectsCell(c s2.Cell) bool {
	if len(a.geometry.points) == 1 && len(a.geometry.lines)+len(a.geometry.polygons) == 0 {
		return c.Distance(a.geometry.points[0]).Angle() <= a.radius+touching
	}
	query := s2.NewClosestEdgeQuery(a.geometry.index(), s2.NewClosestEdgeQueryOptions().IncludeInteriors(true))
	limit := s1.ChordAngleFromAngle(a.radius + touching)
	return query.IsDistanceLess(s2.NewMinDistanceToCellTarget(c), limit)
}

// ContainsPoint reports whether the point lies in the area.
func (a area) ContainsPoint(p s2.Point) bool { return a.geometry.distance(p) <= a.radius+touching }

// cellRanges returns the IDs of the cells that have a place in common with those of a covering: the cells inside them
// and those around them.
func cellRanges(covering s2.CellUnion) []CellRange {
	ranges := make([]CellRange, 0, 2*len(covering))
	around := map[s2.CellID]bool{}
	for _, id := range covering {
		ranges = append(ranges, CellRange{uint64(id.RangeMin()), uint64(id.RangeMax())})
		for level := id.Level() - 1; level >= 0; level-- {
			around[id.Parent(level)] = true
		}
	}
	for id := range around {
		ranges = append(ranges, CellRange{uint64(id), uint64(id)})
	}
	slices.SortFunc(ranges, func(a, b CellRange) int {
		switch {
		case a.Low < b.Low:
			return -1
		case a.Low > b.Low:
			return 1
		}
		return 0
	})
	merged := ranges[:0]
	for _, r := range ranges {
		if n := len(merged); n > 0 && r.Low <= merged[n-1].High {
			merged[n-1].High = max(merged[n-1].High, r.High)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// GeoBounds returns per path the cells under which an index files the places that the filter asks for. Each document
// found must still be matched. Conditions on the plane ($box, $center, $polygon, and $near without GeoJSON) are not
// among them, nor are those of $near: see NearQuery.Within.
func (f *Filter) GeoBounds() map[string][]CellRange {
	if f == nil {
		return nil
	}
	var bounds map[string][]CellRange
	for _, n := range conjuncts(f.root) {
		p, ok := n.(*pathNode)
		if !ok {
			continue
		}
		var covering s2.CellUnion
		switch pred := p.pred.(type) {
		case *intersects:
			covering = pred.geometry.region(bufferAngle).cover()
		case *within:
			switch {
			case pred.polygons != nil:
				covering = pred.polygons.region(bufferAngle).cover()
			case pred.cap != nil:
				covering = cover(s2.CapFromCenterAngle(pred.cap.centre, pred.cap.radius+bufferAngle))
			}
		}
		if covering == nil {
			continue
		}
		if bounds == nil {
			bounds = map[string][]CellRange{}
		}
		if path := p.path.String(); bounds[path] == nil {
			bounds[path] = cellRanges(covering)
		}
	}
	return bounds
}

// halfEarth is the greatest distance on the sphere, in metres.
const halfEarth = math.Pi * earthRadius

// OnSphere reports whether distances are in metres on the sphere.
func (n *NearQuery) OnSphere() bool { return n.sphere }

// Limits returns the least and the greatest distance that the condition allows; the greatest may be infinite, or more
// than there is on the sphere.
func (n *NearQuery) Limits() (least, most float64) { return n.min, n.max }

// Within returns the cells under which an index files all places up to a distance in metres from the point, and
// whether that is everywhere.
func (n *NearQuery) Within(distance float64) (cells []CellRange, everywhere bool) {
	if distance >= halfEarth {
		return []CellRange{{0, math.MaxUint64}}, true
	}
	return cellRanges(cover(s2.CapFromCenterAngle(n.point, s1.Angle(distance/earthRadius)+bufferAngle))), false
}
