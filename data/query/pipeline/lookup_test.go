package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/query/pipeline"
)

var shop = map[string]string{
	"c": `[{"_id": 1, "pid": "p1"}, {"_id": 2, "pid": ["p1", "p2"]}, {"_id": 3}, {"_id": 4, "pid": null}, {"_id": 5, "pid": "none"},
		{"_id": 6, "lines": [{"pid": "p2"}, {"pid": "p3"}, {"x": 1}]}, {"_id": 7, "pid": []}]`,
	"p": `[{"_id": "p1", "n": 1, "tags": ["a", "b"]}, {"_id": "p2", "n": 2, "tags": ["b"]}, {"_id": "p3", "n": 3}, {"_id": "p4", "n": null, "code": null}]`,
}

func TestLookup_EqualFields(t *testing.T) {
	check(t, shop, []row{
		{`[{"$match": {"_id": {"$in": [1, 2, 5, 7]}}}, {"$lookup": {"from": "p", "localField": "pid", "foreignField": "_id", "as": "r"}}, {"$project": {"r": "$r._id"}}]`,
			`[{"_id": 1, "r": ["p1"]}, {"_id": 2, "r": ["p1", "p2"]}, {"_id": 5, "r": []}, {"_id": 7, "r": []}]`, ""},
		{`[{"$match": {"_id": 6}}, {"$lookup": {"from": "p", "localField": "lines.pid", "foreignField": "_id", "as": "r"}}, {"$project": {"r": "$r._id"}}]`,
			`[{"_id": 6, "r": ["p2", "p3"]}]`, ""},
		{`[{"$match": {"_id": {"$in": [3, 4]}}}, {"$lookup": {"from": "p", "localField": "pid", "foreignField": "n", "as": "r"}}, {"$project": {"r": "$r._id"}}]`,
			`[{"_id": 3, "r": ["p4"]}, {"_id": 4, "r": ["p4"]}]`, ""},
		{`[{"$match": {"_id": 4}}, {"$lookup": {"from": "p", "localField": "pid", "foreignField": "code", "as": "r"}}, {"$project": {"r": "$r._id"}}]`,
			`[{"_id": 4, "r": ["p1", "p2", "p3", "p4"]}]`, ""},
		{`[{"$match": {"_id": 1}}, {"$set": {"pid": "b"}}, {"$lookup": {"from": "p", "localField": "pid", "foreignField": "tags", "as": "in.side"}}, {"$set": {"in.side": {"$size": "$in.side"}}}]`,
			`[{"_id": 1, "pid": "b", "in": {"side": 2}}]`, ""},
		{`[{"$match": {"_id": 1}}, {"$lookup": {"from": "nowhere", "localField": "pid", "foreignField": "_id", "as": "r"}}]`, `[{"_id": 1, "pid": "p1", "r": []}]`, ""},
		{`[{"$lookup": {"from": "p", "as": "r"}}]`, ``, invalid},
		{`[{"$lookup": {"from": "p", "localField": "a", "as": "r"}}]`, ``, invalid},
		{`[{"$lookup": {"localField": "a", "foreignField": "b", "as": "r"}}]`, ``, invalid},
		{`[{"$lookup": {"from": "p", "localField": "$a", "foreignField": "b", "as": "r"}}]`, ``, invalid},
		{`[{"$lookup": {"from": {"db": "x", "coll": "p"}, "localField": "a", "foreignField": "b", "as": "r"}}]`, ``, invalid},
		{`[{"$lookup": {"from": "p", "localField": "a", "foreignField": "b", "let": {"x": 1}, "as": "r"}}]`, ``, invalid},
	})
}

func TestLookup_Pipeline(t *testing.T) {
	check(t, shop, []row{
		{`[{"$match": {"_id": 1}}, {"$lookup": {"from": "p", "pipeline": [{"$match": {"n": {"$gt": 1}}}, {"$project": {"_id": 1}}], "as": "r"}}]`,
			`[{"_id": 1, "pid": "p1", "r": [{"_id": "p2"}, {"_id": "p3"}]}]`, ""},
		{`[{"$match": {"_id": 2}}, {"$lookup": {"from": "p", "localField": "pid", "foreignField": "_id", "pipeline": [{"$match": {"n": 2}}, {"$project": {"_id": 1}}], "as": "r"}}, {"$project": {"r": 1}}]`,
			`[{"_id": 2, "r": [{"_id": "p2"}]}]`, ""},
		{`[{"$match": {"_id": 2}}, {"$lookup": {"from": "p", "let": {"ids": "$pid"}, "pipeline": [{"$match": {"$expr": {"$in": ["$_id", "$$ids"]}}}, {"$project": {"n": 1, "ids": "$$ids", "_id": 0}}], "as": "r"}}, {"$project": {"r": 1}}]`,
			`[{"_id": 2, "r": [{"n": 1, "ids": ["p1", "p2"]}, {"n": 2, "ids": ["p1", "p2"]}]}]`, ""},
		{`[{"$match": {"_id": 3}}, {"$lookup": {"from": "p", "let": {"id": "$pid"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$missing", "$$id"]}}}, {"$count": "n"}], "as": "r"}}]`, `[{"_id": 3, "r": [{"n": 4}]}]`, ""},
		{`[{"$match": {"_id": 1}}, {"$lookup": {"from": "p", "let": {"id": "$pid"}, "pipeline": [{"$match": {"$or": [{"n": 3}, {"$expr": {"$eq": ["$_id", "$$id"]}}]}}, {"$project": {"_id": 1}}], "as": "r"}}, {"$project": {"r": 1}}]`,
			`[{"_id": 1, "r": [{"_id": "p1"}, {"_id": "p3"}]}]`, ""},
		{`[{"$match": {"_id": 1}}, {"$lookup": {"from": "p", "let": {"id": "$pid"}, "pipeline": [{"$match": {"n": 1}}, {"$lookup": {"from": "c", "let": {"n": "$n"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$_id", "$$n"]}}}, {"$project": {"both": ["$$id", "$$n"]}}], "as": "deep"}}, {"$project": {"deep": 1}}], "as": "r"}}, {"$project": {"r": 1}}]`,
			`[{"_id": 1, "r": [{"_id": "p1", "deep": [{"_id": 1, "both": ["p1", 1]}]}]}]`, ""},
		{`[{"$match": {"_id": 1}}, {"$lookup": {"from": "p", "let": {"x": 1}, "pipeline": [{"$group": {"_id": "$$x", "n": {"$sum": "$$x"}}}], "as": "r"}}, {"$project": {"r": 1}}]`, `[{"_id": 1, "r": [{"_id": 1, "n": 4}]}]`, ""},
		{`[{"$lookup": {"from": "p", "let": {"x": 1}, "pipeline": [{"$match": {"$expr": "$$y"}}], "as": "r"}}]`, ``, yunduo.ReasonInvalidFilter},
		{`[{"$lookup": {"from": "p", "let": {"x": 1}, "pipeline": [{"$project": {"a": "$$y"}}], "as": "r"}}]`, ``, invalid},
		{`[{"$lookup": {"from": "p", "pipeline": [{"$project": {"a": "$$x"}}], "as": "r"}}]`, ``, invalid},
		{`[{"$lookup": {"from": "p", "let": {"X": 1}, "pipeline": [], "as": "r"}}]`, ``, invalid},
		{`[{"$lookup": {"from": "p", "pipeline": [{"$nosuch": 1}], "as": "r"}}]`, ``, unknown},
		{`[{"$lookup": {"from": "p", "pipeline": {}, "as": "r"}}]`, ``, invalid},
		{`[{"$lookup": {"from": "p", "let": {"x": {"$divide": [1, {"$subtract": ["$_id", 1]}]}}, "pipeline": [], "as": "r"}}]`, ``, failed},
	})
}

func TestLookup_AsksOncePerBatch(t *testing.T) {
	var docs []string
	for i := range 1000 {
		docs = append(docs, fmt.Sprintf(`{"_id": %d, "k": %d}`, i, i%10))
	}
	m := source(t, map[string]string{"c": "[" + strings.Join(docs, ",") + "]", "d": `[{"_id": 3, "v": 1}, {"_id": 4, "v": 2}]`})
	rows, err := run(t, m, `[{"$lookup": {"from": "d", "localField": "k", "foreignField": "_id", "as": "r"}}]`, pipeline.Options{})
	require.NoError(t, err)
	require.Len(t, rows, 1000)
	require.Equal(t, `{"_id": {"$numberInt":"13"},"k": {"$numberInt":"3"},"r": [{"_id": {"$numberInt":"3"},"v": {"$numberInt":"1"}}]}`, rows[13].String())
	require.Less(t, len(m.asked), 10)
}

func TestLookup_PassesEqualitiesToTheSource(t *testing.T) {
	m := source(t, shop)
	_, err := run(t, m, `[{"$match": {"_id": 1}}, {"$lookup": {"from": "p", "let": {"id": "$pid"}, "pipeline": [{"$match": {"$expr": {"$and": [{"$eq": ["$$id", "$_id"]}, {"$gt": ["$n", 0]}]}}}], "as": "r"}}]`, pipeline.Options{})
	require.NoError(t, err)
	require.Len(t, m.asked, 2)
	require.Contains(t, m.asked[1].filter, `{"_id": {"$eq": "p1"}}`)
}

func TestLookup_SameForEveryRowRunsOnce(t *testing.T) {
	m := source(t, shop)
	rows, err := run(t, m, `[{"$lookup": {"from": "p", "pipeline": [{"$count": "n"}], "as": "r"}}]`, pipeline.Options{})
	require.NoError(t, err)
	require.Len(t, rows, 7)
	require.Len(t, m.asked, 2)
}

func TestGraphLookup(t *testing.T) {
	staff := map[string]string{"c": `[{"_id": 1, "name": "a"}, {"_id": 2, "name": "b", "boss": "a"}, {"_id": 3, "name": "c", "boss": "b"}, {"_id": 4, "name": "d", "boss": ["c", "b"]}, {"_id": 5, "name": "e", "boss": "e"}]`}
	check(t, staff, []row{
		{`[{"$match": {"_id": 4}}, {"$graphLookup": {"from": "c", "startWith": "$boss", "connectFromField": "boss", "connectToField": "name", "as": "up", "depthField": "d"}}, {"$project": {"up": {"$map": {"input": "$up", "in": ["$$this.name", "$$this.d"]}}}}]`,
			`[{"_id": 4, "up": [["b", {"$numberLong": "0"}], ["c", {"$numberLong": "0"}], ["a", {"$numberLong": "1"}]]}]`, ""},
		{`[{"$match": {"_id": 3}}, {"$graphLookup": {"from": "c", "startWith": "$boss", "connectFromField": "boss", "connectToField": "name", "as": "up", "maxDepth": 0}}, {"$project": {"up": "$up.name"}}]`, `[{"_id": 3, "up": ["b"]}]`, ""},
		{`[{"$match": {"_id": 3}}, {"$graphLookup": {"from": "c", "startWith": "$boss", "connectFromField": "boss", "connectToField": "name", "as": "up", "restrictSearchWithMatch": {"name": {"$ne": "a"}}}}, {"$project": {"up": "$up.name"}}]`, `[{"_id": 3, "up": ["b"]}]`, ""},
		{`[{"$match": {"_id": 5}}, {"$graphLookup": {"from": "c", "startWith": "$boss", "connectFromField": "boss", "connectToField": "name", "as": "up"}}, {"$project": {"up": "$up._id"}}]`, `[{"_id": 5, "up": [5]}]`, ""},
		{`[{"$match": {"_id": 5}}, {"$graphLookup": {"from": "none", "startWith": "$boss", "connectFromField": "boss", "connectToField": "name", "as": "up"}}, {"$project": {"up": 1}}]`, `[{"_id": 5, "up": []}]`, ""},
		{`[{"$graphLookup": {"from": "c", "startWith": "$boss", "connectFromField": "boss", "as": "up"}}]`, ``, invalid},
		{`[{"$graphLookup": {"from": "c", "startWith": "$boss", "connectFromField": "boss", "connectToField": "name", "as": "up", "maxDepth": -1}}]`, ``, invalid},
	})
}
