package documentstest

import (
	"fmt"
	"math/rand"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

var placeTests = map[string]func(f *fixture){
	"Equivalence": placesEquivalent,
	"NearReadsFew": func(f *fixture) {
		var docs []bson.Raw
		for x := range 50 {
			for y := range 50 {
				docs = append(docs, raw(d("_id", x*50+y, "p", point(float64(x)*0.01, float64(y)*0.01))))
			}
		}
		require.NoError(f, f.e.Insert(f.ctx, f.ns, docs, driver.WriteOptions{}))
		f.createIndex(driver.Index{Name: "p", Fields: []driver.IndexField{{Path: "p", Kind: driver.KindPlaces}}})
		x, ok := f.e.(driver.Explainer)
		if !ok {
			return
		}
		got, err := x.Explain(f.ctx, f.ns, driver.Find{Filter: f.filter(d("p", d("$near", d("$geometry", point(0.25, 0.25))))), Limit: 5}, false)
		require.NoError(f, err)
		require.Equal(f, "p", got.Index)
		require.EqualValues(f, 5, got.Returned)
		require.Less(f, got.DocumentsExamined, int64(200))
	},
	"Malformed_Refused": func(f *fixture) {
		f.createIndex(driver.Index{Name: "p", Fields: []driver.IndexField{{Path: "p", Kind: driver.KindPlaces}}})
		f.insert(d("_id", 1), d("_id", 2, "p", nil), d("_id", 3, "p", bson.A{}))
		for _, p := range []any{"here", 5, d("type", "Point", "coordinates", bson.A{200, 95}), d("type", "Polygon", "coordinates", bson.A{})} {
			f.reason(yunduo.ReasonInvalidDocument, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 9, "p", p))}, driver.WriteOptions{}))
		}
		require.Len(f, f.all(), 3)
	},
}

func point(lng, lat float64) bson.D {
	return d("type", "Point", "coordinates", bson.A{lng, lat})
}

func square(lng, lat, size float64) bson.D {
	ring := bson.A{
		bson.A{lng, lat}, bson.A{lng + size, lat}, bson.A{lng + size, lat + size}, bson.A{lng, lat + size}, bson.A{lng, lat},
	}
	return d("type", "Polygon", "coordinates", bson.A{ring})
}

func randomPlace(r *rand.Rand) any {
	lng, lat := 113+r.Float64()*4, 22+r.Float64()*4
	switch r.Intn(10) {
	case 0:
		return square(lng, lat, r.Float64())
	case 1:
		return d("type", "LineString", "coordinates", bson.A{bson.A{lng, lat}, bson.A{lng + r.Float64(), lat + r.Float64()}})
	case 2:
		return bson.A{lng, lat}
	case 3:
		return d("lng", lng, "lat", lat)
	case 4:
		return bson.A{point(lng, lat), point(lng+r.Float64(), lat)}
	case 5:
		return nil
	case 6:
		return point(r.Float64()*360-180, r.Float64()*180-90)
	case 7: // on a corner that the squares of the questions have, too
		return point(113+float64(r.Intn(4)), 22+float64(r.Intn(4)))
	}
	return point(lng, lat)
}

func randomPlaceQuestion(r *rand.Rand) bson.D {
	lng, lat := 113+float64(r.Intn(4)), 22+float64(r.Intn(4))
	switch r.Intn(8) {
	case 0:
		return d("$geoWithin", d("$geometry", square(lng, lat, 1)))
	case 1:
		return d("$geoIntersects", d("$geometry", square(lng, lat, r.Float64())))
	case 2:
		return d("$geoIntersects", d("$geometry", point(lng, lat)))
	case 3:
		return d("$geoWithin", d("$centerSphere", bson.A{bson.A{lng, lat}, r.Float64() / 50}))
	case 4:
		return d("$nearSphere", d("$geometry", point(lng, lat), "$maxDistance", r.Float64()*200_000))
	case 5:
		return d("$near", d("$geometry", point(lng, lat), "$minDistance", r.Float64()*100_000))
	case 6:
		return d("$nearSphere", bson.A{lng, lat}, "$maxDistance", r.Float64()/20)
	}
	return d("$geoWithin", d("$box", bson.A{bson.A{lng, lat}, bson.A{lng + 1, lat + 1}}))
}

// placesEquivalent asks for places without and with indexes: the answers must be the same.
func placesEquivalent(f *fixture) {
	r := rand.New(rand.NewSource(3))
	var docs []bson.Raw
	for i := range 600 {
		doc := d("_id", i, "kind", r.Intn(3))
		if r.Intn(20) > 0 {
			doc = append(doc, bson.E{Key: "p", Value: randomPlace(r)})
		}
		docs = append(docs, raw(doc))
	}
	require.NoError(f, f.e.Insert(f.ctx, f.ns, docs, driver.WriteOptions{}))
	var finds []driver.Find
	var names []string
	var want [][]bson.Raw
	for range 120 {
		filter := d("p", randomPlaceQuestion(r))
		if r.Intn(2) == 0 {
			filter = append(filter, bson.E{Key: "kind", Value: r.Intn(3)})
		}
		find := driver.Find{Filter: f.filter(filter)}
		if r.Intn(2) == 0 {
			find.Limit = int64(1 + r.Intn(10))
		}
		if r.Intn(4) == 0 {
			find.Sort = f.sort(d("kind", -1))
		}
		finds = append(finds, find)
		names = append(names, fmt.Sprintf("%v limit %d", filter, find.Limit))
		want = append(want, f.rawFound(find))
	}
	place := driver.IndexField{Path: "p", Kind: driver.KindPlaces}
	for _, index := range []driver.Index{
		{Name: "p", Fields: []driver.IndexField{place}},
		{Name: "kind p", Fields: []driver.IndexField{{Path: "kind"}, place}},
		{Name: "p kind", Fields: []driver.IndexField{place, {Path: "kind", Descending: true}}},
	} {
		f.createIndex(index)
		for i, find := range finds {
			require.Equal(f, want[i], f.rawFound(find), "%s with %s", names[i], index.Name)
			n, err := f.e.Count(f.ctx, f.ns, find.Filter, "")
			require.NoError(f, err)
			if find.Limit == 0 {
				require.EqualValues(f, len(want[i]), n, "count of %s with %s", names[i], index.Name)
			}
		}
		if index.Name == "p" {
			f.update(d("p", d("$geoWithin", d("$geometry", square(113, 22, 1)))), d("$set", d("seen", true)), true)
			f.update(d("seen", true), d("$unset", d("seen", "")), true)
		}
		require.NoError(f, f.e.DropIndex(f.ctx, f.ns, index.Name))
	}
}
