package pipeline_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/pipeline"
)

const places = `[
	{"_id": "far", "loc": {"type": "Point", "coordinates": [0, 1]}, "k": 1},
	{"_id": "near", "loc": {"type": "Point", "coordinates": [0, 0.001]}, "k": 1},
	{"_id": "here", "loc": {"type": "Point", "coordinates": [0, 0]}, "k": 2},
	{"_id": "nowhere", "k": 1}]`

// distances runs a pipeline and returns the rows' _id and distance in the field d, in order.
func distances(t *testing.T, docs, stages string) (ids []string, far []float64) {
	t.Helper()
	rows, err := run(t, source(t, map[string]string{"c": docs}), stages, pipeline.Options{})
	require.NoError(t, err)
	for _, r := range rows {
		ids = append(ids, r.Lookup("_id").StringValue())
		far = append(far, r.Lookup("d").Double())
	}
	return ids, far
}

func TestGeoNear(t *testing.T) {
	const degree = 6378100 * 3.141592653589793 / 180 // in metres
	for _, c := range []struct {
		stages string
		ids    []string
		far    []float64
	}{
		{`[{"$geoNear": {"near": {"type": "Point", "coordinates": [0, 0]}, "distanceField": "d", "spherical": true, "key": "loc", "query": {}}}]`,
			[]string{"here", "near", "far"}, []float64{0, degree / 1000, degree}},
		{`[{"$geoNear": {"near": {"type": "Point", "coordinates": [0, 0]}, "distanceField": "d", "key": "loc", "maxDistance": 1000}}]`,
			[]string{"here", "near"}, []float64{0, degree / 1000}},
		{`[{"$geoNear": {"near": {"type": "Point", "coordinates": [0, 0]}, "distanceField": "d", "key": "loc", "minDistance": 50, "distanceMultiplier": 0.001}}]`,
			[]string{"near", "far"}, []float64{degree / 1e6, degree / 1000}},
		{`[{"$geoNear": {"near": {"type": "Point", "coordinates": [0, 0]}, "distanceField": "d", "key": "loc", "query": {"k": 1}}}, {"$limit": 1}]`,
			[]string{"near"}, []float64{degree / 1000}},
		{`[{"$geoNear": {"near": [0, 0], "distanceField": "d", "spherical": true, "key": "loc", "maxDistance": 0.01}}]`,
			[]string{"here", "near"}, []float64{0, 3.141592653589793 / 180000}},
		{`[{"$geoNear": {"near": [0, 0.5], "distanceField": "d", "key": "loc", "maxDistance": 0.4999}}]`,
			[]string{"near"}, []float64{0.499}},
	} {
		ids, far := distances(t, places, c.stages)
		require.Equal(t, c.ids, ids, c.stages)
		require.InDeltaSlice(t, c.far, far, 1e-6, c.stages)
	}
	ids, _ := distances(t, `[{"_id": "b", "p": [1, 1]}, {"_id": "a", "p": {"lng": 0.1, "lat": 0}}]`,
		`[{"$geoNear": {"near": [0, 0], "distanceField": "d", "key": "p"}}]`)
	require.Equal(t, []string{"a", "b"}, ids)
}

func TestGeoNear_Fields(t *testing.T) {
	rows, err := run(t, source(t, map[string]string{"c": places}),
		`[{"$geoNear": {"near": {"type": "Point", "coordinates": [0, 0]}, "distanceField": "how.far", "includeLocs": "how.at", "key": "loc"}}, {"$limit": 1}]`, pipeline.Options{})
	require.NoError(t, err)
	want := `[{"_id": "here", "loc": {"type": "Point", "coordinates": [0, 0]}, "k": 2, "how": {"far": {"$numberDouble": "0"}, "at": {"type": "Point", "coordinates": [0, 0]}}}]`
	require.Equal(t, show(documents(t, want)), show(rows))
}

func TestGeoNear_Refused(t *testing.T) {
	for stages, reason := range map[string]yunduo.Reason{
		`[{"$geoNear": {"near": {"type": "Point", "coordinates": [0, 0]}, "key": "loc"}}]`:                         invalid,
		`[{"$geoNear": {"distanceField": "d", "key": "loc"}}]`:                                                     invalid,
		`[{"$geoNear": {"near": "here", "distanceField": "d", "key": "loc"}}]`:                                     invalid,
		`[{"$geoNear": {"near": {"type": "Point", "coordinates": [0, 0]}, "distanceField": "d"}}]`:                 invalid,
		`[{"$limit": 1}, {"$geoNear": {"near": [0, 0], "distanceField": "d", "key": "loc"}}]`:                      invalid,
		`[{"$geoNear": {"near": {"type": "Point", "coordinates": [0, 200]}, "distanceField": "d", "key": "loc"}}]`: yunduo.ReasonInvalidFilter,
		`[{"$geoNear": {"near": [0, 0], "distanceField": "d", "key": "loc", "maxDistance": "far"}}]`:               yunduo.ReasonInvalidFilter,
		`[{"$geoNear": {"near": [0, 0], "distanceField": "d", "key": "loc", "query": {"x": {"$near": [0, 0]}}}}]`:  invalid,
		`[{"$geoNear": {"near": [0, 0], "distanceField": "d", "key": "loc", "distanceMultiplier": "x"}}]`:          invalid,
		`[{"$match": {"loc": {"$near": [0, 0]}}}]`:                                                                 invalid,
	} {
		_, err := run(t, source(t, map[string]string{"c": places}), stages, pipeline.Options{})
		require.Equal(t, reason, yunduo.ReasonOf(err), stages)
	}
}

// indexed is a source that knows its geographic indexes.
type indexed struct {
	*memory
	paths []string
}

func (s indexed) GeoPaths(context.Context, string) ([]string, error) { return s.paths, nil }

func TestGeoNear_KeyOfTheOnlyIndex(t *testing.T) {
	p, err := pipeline.Parse(documents(t, `[{"$geoNear": {"near": {"type": "Point", "coordinates": [0, 0]}, "distanceField": "d"}}, {"$count": "n"}]`))
	require.NoError(t, err)
	for _, c := range []struct {
		paths []string
		ok    bool
	}{{[]string{"loc"}, true}, {[]string{"loc", "home"}, false}, {nil, false}} {
		rows, err := p.Run(t.Context(), "c", indexed{source(t, map[string]string{"c": places}), c.paths}, pipeline.Options{})
		require.NoError(t, err)
		require.Equal(t, c.ok, rows.Next(t.Context()))
		if !c.ok {
			require.Equal(t, invalid, yunduo.ReasonOf(rows.Err()))
		}
		require.NoError(t, rows.Close())
	}
}

func TestPrepend_GeoNearStaysFirst(t *testing.T) {
	filter, err := query.ParseFilter(documents(t, `[{"k": 1}]`)[0])
	require.NoError(t, err)
	p, err := pipeline.Parse(documents(t, `[{"$geoNear": {"near": {"type": "Point", "coordinates": [0, 0]}, "distanceField": "d", "key": "loc", "query": {"_id": {"$ne": "far"}}}}, {"$project": {"_id": 1}}]`))
	require.NoError(t, err)
	rows, err := drain(t, source(t, map[string]string{"c": places}), p.Prepend(filter), pipeline.Options{})
	require.NoError(t, err)
	require.Equal(t, show(documents(t, `[{"_id": "near"}]`)), show(rows))
	raw := p.Prepend(filter).Raw()
	require.Len(t, raw, 2)
	require.Equal(t, `{"$and": [{"_id": {"$ne": "far"}},{"k": {"$numberInt":"1"}}]}`, raw[0].Lookup("$geoNear", "query").String())
	var again bson.D
	require.NoError(t, bson.Unmarshal(raw[0], &again))
}
