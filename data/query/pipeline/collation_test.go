package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/pipeline"
)

func TestPipelineByCollation(t *testing.T) {
	by, err := collation.Parse(parsed(t, `{"locale":"en","strength":1}`))
	require.NoError(t, err)
	collections := map[string]string{
		"c": `[{"_id":1,"k":"b","n":1},{"_id":2,"k":"A","n":2},{"_id":3,"k":"B","n":4},{"_id":4,"k":"a","n":8}]`,
		"o": `[{"_id":"B","v":1},{"_id":"c","v":2}]`,
		"g": `[{"_id":1,"from":"A","to":"B"},{"_id":2,"from":"b","to":"C"}]`,
	}
	for _, r := range []row{
		{stages: `[{"$match":{"k":"a"}},{"$count":"n"}]`, want: `[{"n":2}]`},
		{stages: `[{"$sort":{"k":1,"_id":1}},{"$project":{"k":1,"_id":0}}]`, want: `[{"k":"A"},{"k":"a"},{"k":"b"},{"k":"B"}]`},
		{stages: `[{"$group":{"_id":"$k","n":{"$sum":"$n"}}},{"$sort":{"n":1}}]`, want: `[{"_id":"b","n":5},{"_id":"A","n":10}]`},
		{stages: `[{"$group":{"_id":null,"all":{"$addToSet":"$k"},"least":{"$min":"$k"},"most":{"$max":"$k"},"two":{"$minN":{"n":2,"input":"$k"}}}}]`, want: `[{"_id":null,"all":["b","A"],"least":"A","most":"b","two":["A","a"]}]`},
		{stages: `[{"$group":{"_id":null,"first":{"$top":{"sortBy":{"k":1,"n":-1},"output":"$n"}}}}]`, want: `[{"_id":null,"first":8}]`},
		{stages: `[{"$sortByCount":"$k"},{"$project":{"count":1,"_id":0}}]`, want: `[{"count":2},{"count":2}]`},
		{stages: `[{"$match":{"_id":1}},{"$lookup":{"from":"o","localField":"k","foreignField":"_id","as":"o"}},{"$project":{"o":1}}]`, want: `[{"_id":1,"o":[{"_id":"B","v":1}]}]`},
		{stages: `[{"$match":{"_id":1}},{"$lookup":{"from":"o","let":{"k":"$k"},"pipeline":[{"$match":{"$expr":{"$eq":["$_id","$$k"]}}}],"as":"o"}},{"$project":{"o":1}}]`, want: `[{"_id":1,"o":[{"_id":"B","v":1}]}]`},
		{stages: `[{"$match":{"_id":1}},{"$graphLookup":{"from":"g","startWith":"a","connectFromField":"to","connectToField":"from","as":"way"}},{"$project":{"way._id":1}}]`, want: `[{"_id":1,"way":[{"_id":1},{"_id":2}]}]`},
		{stages: `[{"$bucket":{"groupBy":"$k","boundaries":["A","B","C"]}}]`, want: `[{"_id":"A","count":2},{"_id":"B","count":2}]`},
		{stages: `[{"$limit":1},{"$project":{"_id":0,"u":{"$setUnion":[["a","B"],["A","b"]]},"i":{"$indexOfArray":[["x","B"],"b"]},"c":{"$cmp":["a","A"]},"s":{"$sortArray":{"input":["b","A"],"sortBy":1}}}}]`, want: `[{"u":["a","B"],"i":1,"c":0,"s":["A","b"]}]`},
	} {
		p, err := pipeline.ParseBy(by, documents(t, r.stages))
		require.NoError(t, err, r.stages)
		got, err := drain(t, source(t, collections), p, pipeline.Options{})
		require.NoError(t, err, r.stages)
		require.Equal(t, show(documents(t, r.want)), show(got), r.stages)
	}
	p, err := pipeline.ParseBy(by, documents(t, `[{"$match":{"k":"a"}}]`))
	require.NoError(t, err)
	_, uniform := p.Collation()
	require.True(t, uniform)
	rule, err := query.ParseFilter(parsed(t, `{"k":"a"}`))
	require.NoError(t, err)
	p = p.Prepend(rule)
	_, uniform = p.Collation()
	require.False(t, uniform)
	got, err := drain(t, source(t, collections), p, pipeline.Options{})
	require.NoError(t, err)
	require.Equal(t, show(documents(t, `[{"_id":4,"k":"a","n":8}]`)), show(got), "what was prepended compares bytes")
}
