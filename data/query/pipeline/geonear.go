package pipeline

import (
	"bytes"
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/value"
)

// earthRadius is MongoDB's, in metres: distances of legacy points on the sphere are in radians.
const earthRadius = 6378100

// GeoSource is a Source that knows which paths have a geographic index. $geoNear asks it when key is not given.
type GeoSource interface {
	Source
	// GeoPaths returns the paths of a collection's geographic indexes.
	GeoPaths(ctx context.Context, collection string) ([]string, error)
}

// geoNearStage is $geoNear: documents with their distance from a point, the nearest first.
type geoNearStage struct {
	key            string   // empty: that of the only geographic index
	condition      bson.Raw // $near or $nearSphere with its limits, without the key
	filter         *query.Filter
	distance, locs []string
	multiplier     float64
	radians        bool
}

func parseGeoNear(p *parser, name string, arg bson.RawValue) (stage, error) {
	raw, err := parameters(name, arg, "near", "distanceField", "key?", "query?", "spherical?", "maxDistance?",
		"minDistance?", "distanceMultiplier?", "includeLocs?", "limit?", "num?", "uniqueDocs?")
	if err != nil {
		return nil, err
	}
	s := &geoNearStage{multiplier: 1}
	if s.distance, err = pathArgument(name, "distanceField", raw[1]); err != nil {
		return nil, err
	}
	if raw[8].Type != 0 {
		if s.locs, err = pathArgument(name, "includeLocs", raw[8]); err != nil {
			return nil, err
		}
	}
	if raw[2].Type != 0 {
		key, err := pathArgument(name, "key", raw[2])
		if err != nil {
			return nil, err
		}
		s.key = joinPath(key)
	}
	if raw[3].Type != 0 {
		if raw[3].Type != bson.TypeEmbeddedDocument {
			return nil, invalid("%s: query must be a filter, not %s", name, value.TypeName(raw[3].Type))
		}
		if s.filter, err = query.ParseFilterBy(p.by, raw[3].Value); err != nil {
			return nil, err
		}
		if s.filter.Near() != nil {
			return nil, invalid("%s: query must not have a $near condition of its own", name)
		}
	}
	if raw[4].Type != 0 && raw[4].Type != bson.TypeBoolean && !value.IsNumber(raw[4]) {
		return nil, invalid("%s: spherical must be a bool", name)
	}
	if raw[7].Type != 0 {
		var ok bool
		if s.multiplier, ok = value.Float64(raw[7]); !ok || s.multiplier < 0 {
			return nil, invalid("%s: distanceMultiplier must be a number that is not negative", name)
		}
	}
	geoJSON := false
	if raw[0].Type == bson.TypeEmbeddedDocument {
		_, geoJSON = value.Field(raw[0].Value, "coordinates")
	} else if raw[0].Type != bson.TypeArray {
		return nil, invalid("%s: near must be a GeoJSON point or a pair of coordinates", name)
	}
	spherical := value.Truthy(raw[4])
	s.radians = spherical && !geoJSON
	s.condition = nearCondition(raw[0], raw[5], raw[6], spherical, geoJSON)
	_, err = s.near("key") // finds wrong coordinates and limits now
	return s, err
}

// nearCondition is {$nearSphere: {$geometry, $maxDistance, $minDistance}}, or its form for legacy points.
func nearCondition(near, most, least bson.RawValue, spherical, geoJSON bool) bson.Raw {
	b := value.BeginDocument(nil)
	if geoJSON {
		inner := value.Append(value.BeginDocument(nil), "$geometry", near)
		inner = value.Append(value.Append(inner, "$maxDistance", most), "$minDistance", least)
		b = value.Append(b, "$nearSphere", value.Document(value.EndDocument(inner, 0)))
	} else {
		name := "$near"
		if spherical {
			name = "$nearSphere"
		}
		b = value.Append(value.Append(value.Append(b, name, near), "$maxDistance", most), "$minDistance", least)
	}
	return value.EndDocument(b, 0)
}

func joinPath(path []string) string {
	b := []byte(path[0])
	for _, name := range path[1:] {
		b = append(append(b, '.'), name...)
	}
	return string(b)
}

// near is the filter that finds documents near the point by the geometry at key.
func (s *geoNearStage) near(key string) (*query.Filter, error) {
	filter := value.Append(value.BeginDocument(nil), key, value.Document(s.condition))
	return query.ParseFilter(value.EndDocument(filter, 0))
}

func (s *geoNearStage) run(*environment, iterator) (iterator, error) {
	return nil, invalid("$geoNear must be the first stage of a pipeline")
}

// open finds the documents of a collection that also match extra.
func (s *geoNearStage) open(env *environment, collection string, extra *query.Filter) iterator {
	return &blockingRows{in: &rowList{}, read: func(ctx context.Context) ([]bson.Raw, error) {
		key := s.key
		if key == "" {
			var paths []string
			if src, ok := env.src.(GeoSource); ok {
				var err error
				if paths, err = src.GeoPaths(ctx, collection); err != nil {
					return nil, err
				}
			}
			if len(paths) != 1 {
				return nil, invalid("$geoNear needs key, the field with the locations, unless the collection has exactly one geographic index")
			}
			key = paths[0]
		}
		return s.read(ctx, env, collection, key, extra)
	}}
}

type farRow struct {
	row      bson.Raw
	distance float64
}

func (s *geoNearStage) read(ctx context.Context, env *environment, collection, key string, extra *query.Filter) ([]bson.Raw, error) {
	near, err := s.near(key)
	if err != nil {
		return nil, err
	}
	found, err := env.src.Find(ctx, collection, query.And(near, s.filter, extra), nil, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }() // its errors came with Err
	b := env.budget("$geoNear")
	path := value.ParsePath(key)
	var rows []farRow
	for found.Next(ctx) {
		doc := found.Current()
		distance, ok := near.Near().Distance(doc)
		if !ok {
			continue
		}
		if s.radians {
			distance /= earthRadius
		}
		row := setPath(doc, s.distance, value.Double(distance*s.multiplier))
		if s.locs != nil {
			location, _ := path.Lookup(doc)
			row = setPath(row, s.locs, location)
		}
		if err := b.charge(len(row) + 48); err != nil {
			return nil, err
		}
		rows = append(rows, farRow{bytes.Clone(row), distance})
	}
	if err := found.Err(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(rows, func(x, y farRow) int {
		switch {
		case x.distance < y.distance:
			return -1
		case x.distance > y.distance:
			return 1
		}
		return 0
	})
	out := make([]bson.Raw, len(rows))
	for i, r := range rows {
		out[i] = r.row
	}
	return out, nil
}
