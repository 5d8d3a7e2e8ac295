package pipeline_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/pipeline"
)

var numbers = map[string]string{
	"c": `[{"_id": 1, "v": 3}, {"_id": 2, "v": 1}, {"_id": 3, "v": 2}, {"_id": 4, "v": 1}]`,
	"d": `[{"_id": 10, "v": 7}, {"_id": 11, "v": 8}]`,
}

func TestSimpleStages(t *testing.T) {
	check(t, numbers, []row{
		{`[]`, `[{"_id": 1, "v": 3}, {"_id": 2, "v": 1}, {"_id": 3, "v": 2}, {"_id": 4, "v": 1}]`, ""},
		{`[{"$limit": 2}]`, `[{"_id": 1, "v": 3}, {"_id": 2, "v": 1}]`, ""},
		{`[{"$skip": 3}]`, `[{"_id": 4, "v": 1}]`, ""},
		{`[{"$limit": 3}, {"$skip": 2}]`, `[{"_id": 3, "v": 2}]`, ""},
		{`[{"$skip": 1}, {"$limit": 3}, {"$skip": 1}, {"$limit": 1}]`, `[{"_id": 3, "v": 2}]`, ""},
		{`[{"$limit": 1}, {"$skip": 1}]`, `[]`, ""},
		{`[{"$limit": 2}, {"$match": {"v": 2}}]`, `[]`, ""},
		{`[{"$skip": 1}, {"$match": {"v": 1}}, {"$limit": 1}]`, `[{"_id": 2, "v": 1}]`, ""},
		{`[{"$limit": 3}, {"$sort": {"v": 1}}]`, `[{"_id": 2, "v": 1}, {"_id": 3, "v": 2}, {"_id": 1, "v": 3}]`, ""},
		{`[{"$sort": {"v": 1}}, {"$match": {"v": {"$gt": 1}}}]`, `[{"_id": 3, "v": 2}, {"_id": 1, "v": 3}]`, ""},
		{`[{"$sort": {"v": 1}}, {"$sort": {"_id": -1}}, {"$limit": 2}]`, `[{"_id": 4, "v": 1}, {"_id": 3, "v": 2}]`, ""},
		{`[{"$unwind": "$v"}, {"$sort": {"v": 1}}, {"$skip": 1}, {"$limit": 2}]`, `[{"_id": 4, "v": 1}, {"_id": 3, "v": 2}]`, ""},
		{`[{"$match": {"$expr": {"$gt": ["$v", "$_id"]}}}]`, `[{"_id": 1, "v": 3}]`, ""},
		{`[{"$count": "n"}]`, `[{"n": 4}]`, ""},
		{`[{"$match": {"v": 9}}, {"$count": "n"}]`, `[]`, ""},
		{`[{"$sample": {"size": 9}}, {"$count": "n"}]`, `[{"n": 4}]`, ""},
		{`[{"$sample": {"size": 2}}, {"$group": {"_id": "$_id"}}, {"$count": "n"}]`, `[{"n": 2}]`, ""},
		{`[{"$unionWith": "d"}, {"$match": {"v": {"$gt": 2}}}]`, `[{"_id": 1, "v": 3}, {"_id": 10, "v": 7}, {"_id": 11, "v": 8}]`, ""},
		{`[{"$match": {"v": 3}}, {"$unionWith": {"coll": "d", "pipeline": [{"$match": {"v": 8}}, {"$project": {"v": 1, "_id": 0}}]}}]`, `[{"_id": 1, "v": 3}, {"v": 8}]`, ""},
		{`[{"$limit": 1}, {"$unionWith": "nowhere"}]`, `[{"_id": 1, "v": 3}]`, ""},
		{`[{"$facet": {"n": [{"$count": "n"}], "top": [{"$sort": {"v": -1}}, {"$limit": 1}], "none": [{"$match": {"v": 9}}], "all": []}}, {"$project": {"n": 1, "top": 1, "none": 1}}]`,
			`[{"n": [{"n": 4}], "top": [{"_id": 1, "v": 3}], "none": []}]`, ""},
		{`[{"$match": {"v": 9}}, {"$facet": {"x": []}}]`, `[{"x": []}]`, ""},

		{`[{"$limit": 0}]`, ``, invalid},
		{`[{"$limit": "1"}]`, ``, invalid},
		{`[{"$limit": 1.5}]`, ``, invalid},
		{`[{"$skip": -1}]`, ``, invalid},
		{`[{"$count": "$n"}]`, ``, invalid},
		{`[{"$count": ""}]`, ``, invalid},
		{`[{"$count": "a.b"}]`, ``, invalid},
		{`[{"$sort": {}}]`, ``, invalid},
		{`[{"$sort": {"v": 2}}]`, ``, yunduo.ReasonInvalidRequest},
		{`[{"$match": 1}]`, ``, invalid},
		{`[{"$match": {"v": {"$nosuch": 1}}}]`, ``, unknown},
		{`[{"$sample": {"size": 0}}]`, ``, invalid},
		{`[{"$sample": 3}]`, ``, invalid},
		{`[{"$unionWith": {"pipeline": []}}]`, ``, invalid},
		{`[{"$facet": {}}]`, ``, invalid},
		{`[{"$facet": {"a": 1}}]`, ``, invalid},
		{`[{"$facet": {"a.b": []}}]`, ``, invalid},
		{`[{"$facet": {"a": [{"$facet": {"b": []}}]}}]`, ``, invalid},
		{`[{"$facet": {"a": [{"$geoNear": {"near": [0, 0], "distanceField": "d"}}]}}]`, ``, invalid},
		{`[{"$out": "x"}]`, ``, unknown},
		{`[{"$merge": {"into": "x"}}]`, ``, unknown},
		{`[{"$out": {}}]`, ``, unknown},
		{`[{"$merge": "c"}]`, ``, unknown},
		{`[{"$nosuch": 1}]`, ``, unknown},
		{`[{}]`, ``, invalid},
		{`[{"$limit": 1, "$skip": 1}]`, ``, invalid},
	})
}

func TestRun_LeavesTheFirstStagesToTheSource(t *testing.T) {
	for _, c := range []struct {
		stages string
		want   request
	}{
		{`[{"$match": {"v": 1}}, {"$sort": {"v": 1, "_id": -1}}, {"$skip": 2}, {"$limit": 3}]`, request{"c", `{"v": {"$numberInt":"1"}}`, "+v-_id", 5}},
		{`[{"$sort": {"v": 1}}, {"$match": {"v": 1}}, {"$limit": 3}]`, request{"c", `{"v": {"$numberInt":"1"}}`, "+v", 3}},
		{`[{"$match": {"v": 1}}, {"$match": {"_id": 2}}, {"$group": {"_id": 1}}, {"$limit": 1}]`, request{"c", `{"$and": [{"_id": {"$numberInt":"2"}},{"v": {"$numberInt":"1"}}]}`, "", 0}},
		{`[{"$limit": 7}, {"$sort": {"v": 1}}, {"$limit": 2}]`, request{"c", "", "", 7}},
		{`[{"$unwind": "$v"}, {"$match": {"v": 1}}]`, request{"c", "", "", 0}},
	} {
		m := source(t, numbers)
		_, err := run(t, m, c.stages, pipeline.Options{})
		require.NoError(t, err)
		require.Equal(t, []request{c.want}, m.asked, c.stages)
	}
}

func TestCollections(t *testing.T) {
	p, err := pipeline.Parse(documents(t, `[
		{"$lookup": {"from": "b", "localField": "x", "foreignField": "y", "as": "z"}},
		{"$lookup": {"from": "a", "pipeline": [{"$unionWith": "deep"}], "as": "z"}},
		{"$facet": {"f": [{"$graphLookup": {"from": "g", "startWith": 1, "connectFromField": "x", "connectToField": "y", "as": "z"}}]}},
		{"$unionWith": {"coll": "b"}}]`))
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "deep", "g"}, p.Collections())
}

func TestPrepend_OnlyMatchingDocumentsAreSeen(t *testing.T) {
	filter, err := query.ParseFilter(documents(t, `[{"v": 1}]`)[0])
	require.NoError(t, err)
	p, err := pipeline.Parse(documents(t, `[{"$group": {"_id": null, "ids": {"$push": "$_id"}}}]`))
	require.NoError(t, err)
	require.Same(t, p, p.Prepend(nil))
	rows, err := drain(t, source(t, numbers), p.Prepend(filter), pipeline.Options{})
	require.NoError(t, err)
	require.Equal(t, show(documents(t, `[{"_id": null, "ids": [2, 4]}]`)), show(rows))
	require.Equal(t, show(documents(t, `[{"$match": {"v": 1}}, {"$group": {"_id": null, "ids": {"$push": "$_id"}}}]`)), show(p.Prepend(filter).Raw()))
	all, err := drain(t, source(t, numbers), p, pipeline.Options{})
	require.NoError(t, err)
	require.Equal(t, show(documents(t, `[{"_id": null, "ids": [1, 2, 3, 4]}]`)), show(all), "the first pipeline is as it was")
}

func TestParse_Limits(t *testing.T) {
	many := make([]bson.Raw, 1001)
	for i := range many {
		many[i] = documents(t, `[{"$limit": 1}]`)[0]
	}
	_, err := pipeline.Parse(many)
	require.Equal(t, invalid, yunduo.ReasonOf(err))
	deep := strings.Repeat(`[{"$unionWith": {"coll": "c", "pipeline": `, 25) + `[]` + strings.Repeat(`}}]`, 25)
	_, err = pipeline.Parse(documents(t, deep))
	require.Equal(t, invalid, yunduo.ReasonOf(err))
	_, err = pipeline.Parse([]bson.Raw{{1, 2, 3}})
	require.Equal(t, invalid, yunduo.ReasonOf(err))
}

func TestParse_KeepsNoMemoryOfTheCaller(t *testing.T) {
	stages := documents(t, `[{"$project": {"_id": 0, "x": {"$concat": ["abc", "def"]}, "y": {"$literal": "long text"}}}, {"$match": {"x": "abcdef"}}]`)
	p, err := pipeline.Parse(stages)
	require.NoError(t, err)
	for _, s := range stages {
		clear(s)
	}
	rows, err := drain(t, source(t, map[string]string{"c": `[{"_id": 1}]`}), p, pipeline.Options{})
	require.NoError(t, err)
	require.Equal(t, show(documents(t, `[{"x": "abcdef", "y": "long text"}]`)), show(rows))
}
