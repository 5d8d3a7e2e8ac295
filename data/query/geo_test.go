package query_test

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"

	"yunduo"
	"yunduo/data/query"
)

func geoPoint(coordinates string) string {
	return `{"loc":{"type":"Point","coordinates":[` + coordinates + `]}}`
}

func shape(kind, coordinates string) string {
	return `{"loc":{"type":"` + kind + `","coordinates":` + coordinates + `}}`
}

const (
	square   = `{"type":"Polygon","coordinates":[[[0,0],[3,0],[3,3],[0,3],[0,0]]]}`
	holed    = `{"type":"Polygon","coordinates":[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[3,3],[6,3],[6,6],[3,6],[3,3]]]}`
	backward = `{"type":"Polygon","coordinates":[[[0,0],[0,3],[3,3],[3,0],[0,0]]]}`
	two      = `{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,1],[0,0]]],[[[5,5],[6,5],[6,6],[5,6],[5,5]]]]}`
)

func TestGeoFilters(t *testing.T) {
	within := func(geometry string) string { return `{"loc":{"$geoWithin":{"$geometry":` + geometry + `}}}` }
	intersects := func(geometry string) string { return `{"loc":{"$geoIntersects":{"$geometry":` + geometry + `}}}` }
	for _, c := range []struct {
		filter           string
		matching, others []string
	}{
		{within(square), []string{geoPoint("1,1"), geoPoint("0,0"), geoPoint("1.5,0"), `{"loc":[1,1]}`, `{"loc":{"lng":1,"lat":1}}`, `{"loc":[[7,7],[1,1]]}`}, []string{geoPoint("5,5"), `{}`, `{"loc":null}`, `{"loc":"1,1"}`, `{"loc":[1]}`, geoPoint("181,1"), `{"loc":{"type":"Nothing","coordinates":[1,1]}}`}},
		{within(backward), []string{geoPoint("1,1")}, []string{geoPoint("5,5")}},
		{within(holed), []string{geoPoint("1,1"), geoPoint("8,8")}, []string{geoPoint("4.5,4.5"), geoPoint("10,1")}},
		{within(two), []string{geoPoint("0.5,0.5"), geoPoint("5.5,5.5"), shape("MultiPoint", "[[0.5,0.5],[5.5,5.5]]")}, []string{geoPoint("3,3"), shape("MultiPoint", "[[0.5,0.5],[3,3]]")}},
		{within(square), []string{shape("LineString", "[[1,1],[2,2]]"), shape("Polygon", "[[[1,1],[2,1],[2,2],[1,2],[1,1]]]"), `{"loc":` + square + `}`, shape("MultiLineString", "[[[1,1],[2,2]]]")}, []string{shape("LineString", "[[1,1],[5,5]]"), shape("Polygon", "[[[1,1],[5,1],[5,2],[1,2],[1,1]]]"), `{"loc":` + holed + `}`}},
		{within(holed), []string{shape("LineString", "[[1,1],[1,8]]")}, []string{shape("LineString", "[[1,4],[8,4]]"), shape("Polygon", "[[[1,1],[8,1],[8,8],[1,8],[1,1]]]")}},
		{intersects(square), []string{geoPoint("1,1"), geoPoint("3,0"), shape("LineString", "[[-1,1],[5,1]]"), shape("LineString", "[[1,1],[2,1]]"), shape("Polygon", "[[[2,2],[5,2],[5,5],[2,5],[2,2]]]"), `{"loc":` + holed + `}`, shape("Polygon", "[[[-9,-9],[9,-9],[9,9],[-9,9],[-9,-9]]]")}, []string{geoPoint("5,5"), shape("LineString", "[[4,4],[5,5]]"), shape("Polygon", "[[[4,4],[5,4],[5,5],[4,5],[4,4]]]"), `{"loc":5}`}},
		{intersects(`{"type":"LineString","coordinates":[[0,0],[10,0]]}`), []string{geoPoint("5,0"), shape("LineString", "[[5,-1],[5,1]]"), shape("LineString", "[[10,0],[11,5]]"), `{"loc":` + square + `}`}, []string{geoPoint("5,1"), shape("LineString", "[[5,1],[5,2]]")}},
		{intersects(`{"type":"Point","coordinates":[1,1]}`), []string{geoPoint("1,1"), `{"loc":` + square + `}`}, []string{geoPoint("1,1.001")}},
		{intersects(`{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[7,7]},` + square + `]}`), []string{geoPoint("7,7"), geoPoint("1,1"), `{"loc":{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,1]}]}}`}, []string{geoPoint("8,8")}},
		{`{"loc":{"$geoWithin":{"$centerSphere":[[0,0],0.1]}}}`, []string{geoPoint("5,0"), `{"loc":[0,5]}`, shape("LineString", "[[1,1],[2,2]]")}, []string{geoPoint("6,0"), shape("LineString", "[[1,1],[9,9]]"), shape("Polygon", "[[[1,1],[9,1],[9,2],[1,2],[1,1]]]")}},
		{`{"loc":{"$geoWithin":{"$center":[[10,10],5]}}}`, []string{`{"loc":[13,14]}`, `{"loc":{"x":10,"y":10}}`}, []string{`{"loc":[14,14]}`}},
		{`{"loc":{"$geoWithin":{"$box":[[0,0],[200,300]]}}}`, []string{`{"loc":[200,300]}`}, []string{`{"loc":[201,0]}`, `{"loc":[-1,0]}`}},
		{`{"loc":{"$geoWithin":{"$polygon":[[0,0],[4,0],[0,4]]}}}`, []string{`{"loc":[1,1]}`, `{"loc":[2,2]}`, `{"loc":[0,0]}`}, []string{`{"loc":[3,3]}`, `{"loc":[-1,0]}`}},
		{`{"loc":{"$not":{"$geoWithin":{"$geometry":` + square + `}}}}`, []string{geoPoint("5,5"), `{}`}, []string{geoPoint("1,1")}},
		{`{"loc":{"$near":{"$geometry":{"type":"Point","coordinates":[116.4,39.9]},"$maxDistance":5000}}}`, []string{geoPoint("116.41,39.9"), `{"loc":[116.41,39.9]}`, shape("LineString", "[[116,39.9],[117,39.9]]")}, []string{geoPoint("116.6,39.9"), `{}`, shape("LineString", "[[100,0],[101,0]]")}},
		{`{"loc":{"$nearSphere":{"$geometry":{"type":"Point","coordinates":[116.4,39.9]},"$maxDistance":5000,"$minDistance":100}}}`, []string{geoPoint("116.41,39.9")}, []string{geoPoint("116.4001,39.9001"), geoPoint("116.6,39.9")}},
		{`{"loc":{"$nearSphere":[0,0],"$maxDistance":0.1}}`, []string{`{"loc":[5,0]}`}, []string{`{"loc":[6,0]}`}},
		{`{"loc":{"$near":[0,0],"$maxDistance":5,"$minDistance":1}}`, []string{`{"loc":[3,4]}`}, []string{`{"loc":[4,4]}`, `{"loc":[0,0.5]}`}},
	} {
		f := filter(t, c.filter)
		for _, d := range c.matching {
			if !matches(t, f, doc(t, d)) {
				t.Errorf("%s does not match %s", c.filter, d)
			}
		}
		for _, d := range c.others {
			if matches(t, f, doc(t, d)) {
				t.Errorf("%s matches %s", c.filter, d)
			}
		}
	}
}

func TestNear(t *testing.T) {
	f := filter(t, `{"a":1,"$and":[{"o.loc":{"$near":{"$geometry":{"type":"Point","coordinates":[0,0]}}}}]}`)
	near := f.Near()
	if near == nil || near.Path != "o.loc" {
		t.Fatal(near)
	}
	quarter := math.Pi / 2 * 6378100
	for _, c := range []struct {
		doc  string
		want float64 // below 0: none
	}{
		{`{"o":{"loc":{"type":"Point","coordinates":[90,0]}}}`, quarter}, {`{"o":{"loc":[0,0]}}`, 0}, {`{"o":{}}`, -1}, {`{"o":{"loc":"x"}}`, -1}, {`{"o":[{"loc":[90,0]},{"loc":[1,0]}]}`, quarter / 90},
		{`{"o":{"loc":{"type":"LineString","coordinates":[[-90,45],[90,45]]}}}`, quarter}, {`{"o":{"loc":{"type":"Polygon","coordinates":[[[-1,-1],[1,-1],[1,1],[-1,1],[-1,-1]]]}}}`, 0}, {`{"o":{"loc":{"type":"Polygon","coordinates":[[[-1,-1],[1,-1]]]}}}`, -1},
	} {
		got, ok := near.Distance(doc(t, c.doc))
		if ok != (c.want >= 0) || (ok && math.Abs(got-c.want) > 1) {
			t.Errorf("%s: %v %v, want %v", c.doc, got, ok, c.want)
		}
	}
	plane := filter(t, `{"loc":{"$near":[1,1]}}`).Near()
	if got, ok := plane.Distance(doc(t, `{"loc":[4,5]}`)); !ok || got != 5 {
		t.Error(got, ok)
	}
	if filter(t, `{"a":1}`).Near() != nil || (*query.Filter)(nil).Near() != nil {
		t.Error("there is nothing near")
	}
	if query.And(filter(t, `{"a":1}`), f).Near() != near {
		t.Error("And loses the order")
	}
}

func TestGeoFiltersRefuse(t *testing.T) {
	for _, c := range []struct{ filter, text string }{
		{`{"a":{"$geoWithin":{}}}`, "'a'"}, {`{"a":{"$geoWithin":5}}`, "$geoWithin"}, {`{"a":{"$geoWithin":{"$geometry":{"type":"Point","coordinates":[1,1]}}}}`, "Polygon"}, {`{"a":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[0,0],[1,1],[2,2]]]}}}}`, "malformed"}, {`{"a":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,200],[0,0]]]}}}}`, "malformed"}, {`{"a":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[]}}}}`, "malformed"}, {`{"a":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]],[[5,5],[6,5],[6,6],[5,5]]]}}}}`, "holes"}, {`{"a":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]],"crs":{}}}}}`, "crs"},
		{`{"a":{"$geoWithin":{"$centerSphere":[[0,0],-1]}}}`, "$centerSphere"}, {`{"a":{"$geoWithin":{"$centerSphere":[[0,100],1]}}}`, "$centerSphere"}, {`{"a":{"$geoWithin":{"$center":[[0,0]]}}}`, "$center"}, {`{"a":{"$geoWithin":{"$box":[[0,0]]}}}`, "$box"}, {`{"a":{"$geoWithin":{"$polygon":[[0,0],[1,1]]}}}`, "$polygon"}, {`{"a":{"$geoIntersects":{"$box":[[0,0],[1,1]]}}}`, "$geometry"}, {`{"a":{"$geoIntersects":{"$geometry":{"type":"Circle","coordinates":[1,1]}}}}`, "malformed"},
		{`{"a":{"$near":{"$geometry":{"type":"LineString","coordinates":[[0,0],[1,1]]}}}}`, "point"}, {`{"a":{"$near":"x"}}`, "point"}, {`{"a":{"$near":[200,0],"$maxDistance":-1}}`, "$maxDistance"}, {`{"a":{"$nearSphere":[200,0]}}`, "degrees"}, {`{"a":{"$maxDistance":5}}`, "without $near"}, {`{"$or":[{"a":{"$near":[0,0]}}]}`, "inside"}, {`{"a":{"$not":{"$near":[0,0]}}}`, "inside"}, {`{"a":{"$elemMatch":{"b":{"$near":[0,0]}}}}`, "inside"}, {`{"a":{"$near":[0,0]},"b":{"$near":[0,0]}}`, "more than one"},
	} {
		_, err := query.ParseFilter(doc(t, c.filter))
		var e *yunduo.Error
		if !errors.As(err, &e) || e.Reason != yunduo.ReasonInvalidFilter || !strings.Contains(e.Message, c.text) {
			t.Errorf("%s: got %v, want %q", c.filter, err, c.text)
		}
	}
	if _, err := query.ParseFilter(doc(t, `{"a":{"$geoWithin":{"$disc":1}}}`)); yunduo.ReasonOf(err) != yunduo.ReasonUnknownOperator {
		t.Error(err)
	}
}

func TestGeoFiltersAreSafeForConcurrentUse(t *testing.T) {
	ring := ""
	for i := range 200 {
		angle := float64(i) / 200 * 2 * math.Pi
		ring += "[" + strconv.FormatFloat(5+4*math.Cos(angle), 'f', -1, 64) + "," + strconv.FormatFloat(5+4*math.Sin(angle), 'f', -1, 64) + "],"
	}
	f := filter(t, `{"loc":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[`+ring+`[9,5]]]}}}}`)
	inside := doc(t, shape("Polygon", "[[[4,4],[6,4],[6,6],[4,6],[4,4]]]"))
	point := doc(t, geoPoint("5,5"))
	outside := doc(t, geoPoint("9,9"))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if !matches(t, f, inside) || !matches(t, f, point) || matches(t, f, outside) {
					t.Error("a wrong answer")
				}
			}
		})
	}
	group.Wait()
}
