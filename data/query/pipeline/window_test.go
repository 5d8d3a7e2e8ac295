package pipeline_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/query/pipeline"
)

// window is a pipeline with one output f, of which only _id and f are shown, by _id.
func window(by, order, output string) string {
	args := ""
	if by != "" {
		args += `"partitionBy":` + by + `,`
	}
	if order != "" {
		args += `"sortBy":` + order + `,`
	}
	return `[{"$setWindowFields":{` + args + `"output":{"f":` + output + `}}},{"$project":{"f":1}},{"$sort":{"_id":1}}]`
}

// values makes the rows {_id: 1, f: v1}, {_id: 2, f: v2} ... of texts.
func values(list string) string {
	var rows []string
	for i, v := range strings.Fields(list) {
		rows = append(rows, fmt.Sprintf(`{"_id":%d,"f":%s}`, i+1, v))
	}
	return "[" + strings.Join(rows, ",") + "]"
}

func TestSetWindowFields(t *testing.T) {
	collections := map[string]string{"c": `[
		{"_id":1,"k":"a","n":1,"q":10,"at":{"$date":"2024-01-01T00:00:00Z"}},
		{"_id":2,"k":"a","n":2,"q":20,"at":{"$date":"2024-01-02T00:00:00Z"}},
		{"_id":3,"k":"a","n":2,"q":30,"at":{"$date":"2024-01-04T00:00:00Z"}},
		{"_id":4,"k":"b","n":7,"q":5.5,"at":{"$date":"2024-02-01T00:00:00Z"}},
		{"_id":5,"k":"b","n":9,"at":{"$date":"2024-02-29T00:00:00Z"}},
		{"_id":6,"k":"b","n":10,"q":7.5,"at":{"$date":"2024-03-01T00:00:00Z"}}]`}
	const all, byN = ``, `{"n":1,"_id":1}`
	for _, c := range []struct{ by, order, output, want string }{
		{all, ``, `{"$sum":"$q"}`, "73.0 73.0 73.0 73.0 73.0 73.0"},
		{`"$k"`, ``, `{"$sum":"$q"}`, "60 60 60 13.0 13.0 13.0"},
		{`"$k"`, byN, `{"$sum":"$q","window":{"documents":["unbounded","current"]}}`, "10 30 60 5.5 5.5 13.0"},
		{`"$k"`, byN, `{"$sum":"$q","window":{"documents":["current","unbounded"]}}`, "60 50 30 13.0 7.5 7.5"},
		{`"$k"`, byN, `{"$sum":"$n","window":{"documents":[-1,0]}}`, "1 3 4 7 16 19"},
		{`"$k"`, byN, `{"$sum":"$n","window":{"documents":[-1,1]}}`, "3 5 4 16 26 19"},
		{`"$k"`, byN, `{"$push":"$_id","window":{"documents":[1,2]}}`, "[2,3] [3] [] [5,6] [6] []"},
		{`"$k"`, byN, `{"$push":"$_id","window":{"documents":[-5,-2]}}`, "[] [] [1] [] [] [4]"},
		{`"$k"`, byN, `{"$avg":"$q","window":{"documents":[1,1]}}`, "20.0 30.0 null null 7.5 null"},
		{`"$k"`, byN, `{"$first":"$q","window":{"documents":[-1,0]}}`, "10 10 20 5.5 5.5 null"},
		{`"$k"`, byN, `{"$max":"$q","window":{"documents":["unbounded","current"]}}`, "10 20 30 5.5 5.5 7.5"},
		{`"$k"`, byN, `{"$addToSet":"$n","window":{"documents":["unbounded","current"]}}`, "[1] [1,2] [1,2] [7] [7,9] [7,9,10]"},
		{`"$k"`, byN, `{"$count":{},"window":{"documents":[-1,0]}}`, "1 2 2 1 2 2"},
		{`"$k"`, byN, `{"$topN":{"n":2,"sortBy":{"n":-1,"_id":1},"output":"$_id"}}`, "[2,3] [2,3] [2,3] [6,5] [6,5] [6,5]"},
		{all, `{"n":1}`, `{"$push":"$_id","window":{"range":[-1,0]}}`, "[1] [1,2,3] [1,2,3] [4] [5] [5,6]"},
		{all, `{"n":1}`, `{"$sum":"$n","window":{"range":["current","current"]}}`, "1 4 4 7 9 10"},
		{all, `{"n":1}`, `{"$sum":"$n","window":{"range":["unbounded","current"]}}`, "1 5 5 12 21 31"},
		{all, `{"n":1}`, `{"$sum":"$n","window":{"range":[0.5,2.5]}}`, "4 0 0 9 10 0"},
		{all, `{"at":1}`, `{"$push":"$_id","window":{"range":[-1,1],"unit":"day"}}`, "[1,2] [1,2] [3] [4] [5,6] [5,6]"},
		{all, `{"at":1}`, `{"$push":"$_id","window":{"range":[-1,"current"],"unit":"month"}}`, "[1] [1,2] [1,2,3] [1,2,3,4] [4,5] [4,5,6]"},
		{`"$k"`, `{"n":1}`, `{"$rank":{}}`, "1 2 2 1 2 3"}, {all, `{"n":-1}`, `{"$rank":{}}`, "6 4 4 3 2 1"},
		{`"$k"`, `{"n":-1}`, `{"$denseRank":{}}`, "2 1 1 3 2 1"}, {`"$k"`, byN, `{"$documentNumber":{}}`, "1 2 3 1 2 3"},
		{`"$k"`, byN, `{"$shift":{"output":"$n","by":1}}`, "2 2 null 9 10 null"}, {`"$k"`, byN, `{"$shift":{"output":"$q","by":-1,"default":"none"}}`, `"none" 10 20 "none" 5.5 null`}, {all, byN, `{"$shift":{"output":"$n","by":-2,"default":{"$add":[1,2]}}}`, "3 3 1 2 2 7"},
		{`"$k"`, byN, `{"$expMovingAvg":{"input":"$q","N":3}}`, "10.0 15.0 22.5 5.5 null 6.5"}, {`"$k"`, byN, `{"$expMovingAvg":{"input":"$n","alpha":0.5}}`, "1.0 1.5 1.75 7.0 8.0 9.0"},
		{all, `{"n":1}`, `{"$derivative":{"input":"$_id"},"window":{"documents":[-1,0]}}`, "null 1.0 null 0.2 0.5 1.0"},
		{`"$k"`, `{"at":1}`, `{"$derivative":{"input":"$n","unit":"day"},"window":{"documents":[-1,1]}}`, "1.0 0.3333333333333333 0.0 0.07142857142857142 0.10344827586206896 1.0"},
		{`"$k"`, `{"n":1}`, `{"$integral":{"input":"$n"},"window":{"documents":["unbounded","current"]}}`, "0 1.5 1.5 0 16.0 25.5"},
		{`"$k"`, `{"at":1}`, `{"$integral":{"input":"$n","unit":"hour"},"window":{"range":[-1,0],"unit":"day"}}`, "0 36.0 0 0 0 228.0"},
		{`"$k"`, byN, `{"$covariancePop":["$n","$_id"]}`, "0.3333333333333333 0.3333333333333333 0.3333333333333333 1.0 1.0 1.0"}, {`"$k"`, byN, `{"$covarianceSamp":["$n","$_id"],"window":{"documents":["unbounded","current"]}}`, "null 0.5 0.5 null 1.0 1.5"},
		{`"$k"`, `{"n":1}`, `{"$linearFill":"$q"}`, "10 20 30 5.5 6.833333333333333 7.5"}, {`"$k"`, byN, `{"$locf":"$q"}`, "10 20 30 5.5 5.5 7.5"},
		{`"$k"`, byN, `{"$median":{"input":"$n","method":"approximate"},"window":{"documents":["unbounded","current"]}}`, "1.0 1.0 2.0 7.0 7.0 9.0"}, {all, ``, `{"$percentile":{"input":"$n","p":[0.5,1],"method":"approximate"}}`, "[2.0,10.0] [2.0,10.0] [2.0,10.0] [2.0,10.0] [2.0,10.0] [2.0,10.0]"},
		{`{"$gt":["$n",5]}`, byN, `{"$sum":1}`, "3 3 3 3 3 3"}, {`"$missing"`, ``, `{"$sum":1}`, "6 6 6 6 6 6"},
	} {
		stages := window(c.by, c.order, c.output)
		t.Run(stages, func(t *testing.T) {
			got, err := run(t, source(t, collections), stages, pipeline.Options{})
			require.NoError(t, err)
			require.Equal(t, show(documents(t, values(c.want))), show(got))
		})
	}
	check(t, collections, []row{
		{stages: `[{"$setWindowFields":{"sortBy":{"_id":-1},"output":{"o.x":{"$sum":"$n","window":{"documents":["unbounded",0]}},"o.y":{"$documentNumber":{}}}}},{"$limit":2},{"$project":{"o":1}}]`, want: `[{"_id":6,"o":{"x":10,"y":1}},{"_id":5,"o":{"x":19,"y":2}}]`},
		{stages: `[{"$match":{"n":100}},{"$setWindowFields":{"output":{"f":{"$sum":1}}}}]`, want: `[]`},
	})
}

func TestSetWindowFields_Refuses(t *testing.T) {
	collections := map[string]string{"c": `[{"_id":1,"n":1,"s":"x","a":[1]},{"_id":2,"n":1,"s":"y"}]`}
	for stages, reason := range map[string]yunduo.Reason{
		window("", "", `{"$nonsense":1}`): unknown, window("", "", `5`): invalid, window("", "", `{}`): invalid, window("", "", `{"$sum":1,"$avg":1}`): invalid,
		window("", "", `{"$rank":{}}`): invalid, window("", `{"n":1,"_id":1}`, `{"$rank":{}}`): invalid, window("", `{"n":1}`, `{"$rank":1}`): invalid, window("", `{"n":1}`, `{"$rank":{},"window":{"documents":[0,1]}}`): invalid,
		window("", `{"n":1}`, `{"$sum":1,"window":{"documents":[1,0]}}`): invalid, window("", `{"n":1}`, `{"$sum":1,"window":{"documents":[0.5,1]}}`): invalid, window("", `{"n":1}`, `{"$sum":1,"window":{"documents":[0]}}`): invalid,
		window("", "", `{"$sum":1,"window":{"documents":[0,1]}}`): invalid, window("", `{"n":-1}`, `{"$sum":1,"window":{"range":[0,1]}}`): invalid, window("", `{"n":1}`, `{"$sum":1,"window":{"range":[0,1],"documents":[0,1]}}`): invalid,
		window("", `{"n":1}`, `{"$sum":1,"window":{"range":[0,1],"unit":"moment"}}`): invalid, window("", `{"n":1}`, `{"$sum":1,"window":{"documents":[0,1],"unit":"day"}}`): invalid, window("", `{"n":1}`, `{"$sum":1,"window":{"range":["x",1]}}`): invalid,
		window("", `{"n":1}`, `{"$derivative":{"input":"$n"}}`): invalid, window("", `{"n":1}`, `{"$derivative":{"input":"$n","unit":"month"},"window":{"documents":[0,1]}}`): invalid,
		window("", `{"n":1}`, `{"$expMovingAvg":{"input":"$n"}}`): invalid, window("", `{"n":1}`, `{"$expMovingAvg":{"input":"$n","N":2,"alpha":0.5}}`): invalid, window("", `{"n":1}`, `{"$expMovingAvg":{"input":"$n","alpha":1}}`): invalid,
		window("", `{"n":1}`, `{"$shift":{"output":"$n","by":"x"}}`): invalid, window("", `{"n":1}`, `{"$shift":{"output":"$n","by":1,"default":"$n"}}`): invalid, window("", `{"n":1}`, `{"$covariancePop":["$n"]}`): invalid,
		window(`"$a"`, "", `{"$sum":1}`): failed, window("", `{"s":1}`, `{"$sum":1,"window":{"range":[0,1]}}`): failed, window("", `{"n":1}`, `{"$sum":1,"window":{"range":[0,1],"unit":"day"}}`): failed,
		window("", `{"n":1}`, `{"$derivative":{"input":"$n","unit":"day"},"window":{"documents":[-1,0]}}`): failed, window("", `{"n":1}`, `{"$derivative":{"input":"$s"},"window":{"documents":[-1,0]}}`): "", window("", `{"n":1}`, `{"$linearFill":"$s"}`): failed,
		`[{"$setWindowFields":{"output":{"f":{"$sum":1},"f.g":{"$sum":1}}}}]`: invalid, `[{"$setWindowFields":{"output":{"$f":{"$sum":1}}}}]`: invalid, `[{"$setWindowFields":{"output":5}}]`: invalid, `[{"$setWindowFields":{"output":{},"x":1}}]`: invalid,
	} {
		_, err := run(t, source(t, collections), stages, pipeline.Options{})
		require.Equal(t, reason, yunduo.ReasonOf(err), "%s: %v", stages, err)
	}
}

func TestSetWindowFields_MemoryAndCancellation(t *testing.T) {
	var rows []string
	for i := range 3000 {
		rows = append(rows, fmt.Sprintf(`{"_id":%d,"s":%q}`, i, strings.Repeat("x", 200)))
	}
	collections := map[string]string{"c": "[" + strings.Join(rows, ",") + "]"}
	for _, output := range []string{`{"$sum":1}`, `{"$push":"$s","window":{"documents":[-100,0]}}`} {
		_, err := run(t, source(t, collections), window("", `{"_id":1}`, output), pipeline.Options{MemoryLimit: 400 << 10})
		require.Equal(t, yunduo.ReasonQueryTooExpensive, yunduo.ReasonOf(err))
		require.Equal(t, 292, yunduo.AsError(err).MongoCode())
	}
	p, err := pipeline.Parse(documents(t, window("", `{"_id":1}`, `{"$sum":1,"window":{"documents":[-1000,1000]}}`)))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	rowsOf, err := p.Run(ctx, "c", source(t, collections), pipeline.Options{})
	require.NoError(t, err)
	cancel()
	require.False(t, rowsOf.Next(ctx))
	require.ErrorIs(t, rowsOf.Err(), context.Canceled)
	require.NoError(t, rowsOf.Close())
}
