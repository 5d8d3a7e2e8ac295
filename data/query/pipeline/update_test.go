package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/ejson"
	"yunduo/data/query/pipeline"
	"yunduo/data/query/value"
)

func stagesOf(t *testing.T, text string) []bson.Raw {
	t.Helper()
	v, err := ejson.ParseValue([]byte(text), ejson.Options{})
	require.NoError(t, err, text)
	var stages []bson.Raw
	for it := value.Elements(v.Value); ; {
		_, stage, ok := it.Next()
		if !ok {
			return stages
		}
		stages = append(stages, stage.Value)
	}
}

func parsed(t *testing.T, text string) bson.Raw {
	t.Helper()
	d, err := ejson.Parse([]byte(text), ejson.Options{})
	require.NoError(t, err, text)
	return d
}

func TestUpdateByPipeline(t *testing.T) {
	for _, c := range []struct{ before, stages, after string }{
		{`{"_id":1,"a":2}`, `[{"$set":{"b":{"$add":["$a",1]}}}]`, `{"_id":1,"a":2,"b":3}`},
		{`{"_id":1,"a":2}`, `[{"$set":{"b":"$a"}},{"$set":{"a":"$b","c":"$b"}},{"$unset":["b"]}]`, `{"_id":1,"a":2,"c":2}`},
		{`{"_id":1,"a":2}`, `[{"$addFields":{"a":{"$literal":"$x"}}}]`, `{"_id":1,"a":"$x"}`},
		{`{"_id":1,"o":{"x":1,"y":2}}`, `[{"$unset":"o.x"}]`, `{"_id":1,"o":{"y":2}}`},
		{`{"_id":1,"o":{"x":1}}`, `[{"$replaceWith":"$o"}]`, `{"_id":1,"x":1}`},
		{`{"_id":1,"o":{"x":1}}`, `[{"$replaceRoot":{"newRoot":{"$mergeObjects":["$$ROOT",{"z":true}]}}}]`, `{"_id":1,"o":{"x":1},"z":true}`},
		{`{"_id":1,"a":2,"b":3}`, `[{"$project":{"a":1}}]`, `{"_id":1,"a":2}`},
		{`{"_id":1,"a":2}`, `[{"$unset":"_id"}]`, `same`},
		{`{"_id":1,"a":2}`, `[{"$set":{"a":2}}]`, `same`},
		{`{"_id":1}`, `[{"$set":{"at":"$$NOW"}}]`, `{"_id":1,"at":{"$date":"2024-05-06T07:08:09Z"}}`},
		{`{"_id":1,"n":[{"q":1},{"q":5}]}`, `[{"$set":{"n":{"$map":{"input":"$n","as":"e","in":{"$mergeObjects":["$$e",{"big":{"$gt":["$$e.q",2]}}]}}}}}]`, `{"_id":1,"n":[{"q":1,"big":false},{"q":5,"big":true}]}`},
		{`{"_id":1,"a":2}`, `[{"$set":{"b":"$$REMOVE","a":"$$REMOVE"}}]`, `{"_id":1}`},
	} {
		u, err := pipeline.ParseUpdate(stagesOf(t, c.stages))
		require.NoError(t, err, c.stages)
		require.False(t, u.IsReplacement())
		require.Nil(t, u.Paths())
		before := parsed(t, c.before)
		after, differs, err := u.Apply(before, query.ApplyContext{Now: now})
		require.NoError(t, err, c.stages)
		require.Equal(t, c.after != "same", differs, c.stages)
		if differs {
			require.Equal(t, string(ejson.Append(nil, parsed(t, c.after))), string(ejson.Append(nil, after)), c.stages)
		}
		require.NoError(t, after.Validate())
	}
}

func TestUpdateByPipeline_Upserts(t *testing.T) {
	f, err := query.ParseFilter(parsed(t, `{"k":5,"n":{"$gt":1}}`))
	require.NoError(t, err)
	u, err := pipeline.ParseUpdate(stagesOf(t, `[{"$set":{"m":{"$ifNull":["$m",{"$multiply":["$k",2]}]}}}]`))
	require.NoError(t, err)
	made, err := query.UpsertDocument(f, u, value.String("new"), now)
	require.NoError(t, err)
	require.Equal(t, `{"_id":"new","k":5,"m":10}`, string(ejson.Append(nil, made)))
	u = u.Keeping("who", value.String("me"))
	made, err = query.UpsertDocument(f, u, value.String("new"), now)
	require.NoError(t, err)
	require.Equal(t, `{"_id":"new","k":5,"m":10,"who":"me"}`, string(ejson.Append(nil, made)))
}

func TestUpdateByPipeline_Keeps(t *testing.T) {
	u, err := pipeline.ParseUpdate(stagesOf(t, `[{"$replaceWith":{"who":"thief","x":1}}]`))
	require.NoError(t, err)
	u = u.Keeping("who", value.String("me"))
	for before, want := range map[string]string{
		`{"_id":1,"who":"owner"}`: `{"_id":1,"who":"owner","x":1}`, `{"_id":1}`: `{"_id":1,"x":1}`,
	} {
		after, _, err := u.Apply(parsed(t, before), query.ApplyContext{Now: now})
		require.NoError(t, err)
		require.Equal(t, want, string(ejson.Append(nil, after)))
	}
}

func TestUpdateByPipeline_Refuses(t *testing.T) {
	for text, reason := range map[string]yunduo.Reason{
		`[]`: yunduo.ReasonInvalidUpdate, `[{"$match":{}}]`: yunduo.ReasonInvalidUpdate, `[{"$group":{"_id":1}}]`: yunduo.ReasonInvalidUpdate,
		`[{"$nonsense":1}]`: yunduo.ReasonUnknownOperator, `[{"$set":5}]`: yunduo.ReasonInvalidPipeline, `[{"$set":{"a":1},"$unset":"b"}]`: yunduo.ReasonInvalidPipeline,
		`[{"$set":{"a":{"$nonsense":1}}}]`: yunduo.ReasonUnknownOperator, `[{"$merge":"c"}]`: yunduo.ReasonUnknownOperator,
	} {
		_, err := pipeline.ParseUpdate(stagesOf(t, text))
		require.Equal(t, reason, yunduo.ReasonOf(err), "%s: %v", text, err)
	}
	for text, reason := range map[string]yunduo.Reason{
		`[{"$set":{"_id":2}}]`: yunduo.ReasonUpdateNotApplicable, `[{"$replaceWith":"$a"}]`: yunduo.ReasonExpressionFailed, `[{"$set":{"b":{"$divide":[1,0]}}}]`: yunduo.ReasonExpressionFailed,
	} {
		u, err := pipeline.ParseUpdate(stagesOf(t, text))
		require.NoError(t, err, text)
		_, _, err = u.Apply(parsed(t, `{"_id":1,"a":5}`), query.ApplyContext{Now: now})
		require.Equal(t, reason, yunduo.ReasonOf(err), text)
	}
	u, err := pipeline.ParseUpdate(stagesOf(t, `[{"$set":{"a":1}}]`))
	require.NoError(t, err)
	_, err = u.WithArrayFilters([]bson.Raw{parsed(t, `{"e":1}`)})
	require.Equal(t, yunduo.ReasonInvalidUpdate, yunduo.ReasonOf(err))
}
