package pipeline_test

import (
	"testing"

	"yunduo"
)

func TestRedact(t *testing.T) {
	check(t, map[string]string{"c": `[
		{"_id":1,"level":1,"a":{"level":5,"x":1},"b":{"level":2,"c":{"level":9,"y":1},"l":[{"level":1,"k":1},{"level":7},3,[{"level":8},4]]}},
		{"_id":2,"level":6}]`}, []row{
		{stages: `[{"$redact":{"$cond":[{"$lte":["$level",3]},"$$DESCEND","$$PRUNE"]}}]`, want: `[{"_id":1,"level":1,"b":{"level":2,"l":[{"level":1,"k":1},3,[4]]}}]`},
		{stages: `[{"$redact":{"$cond":[{"$eq":["$level",1]},"$$KEEP","$$PRUNE"]}}]`, want: `[{"_id":1,"level":1,"a":{"level":5,"x":1},"b":{"level":2,"c":{"level":9,"y":1},"l":[{"level":1,"k":1},{"level":7},3,[{"level":8},4]]}}]`},
		{stages: `[{"$match":{"_id":2}},{"$redact":{"$switch":{"branches":[{"case":{"$eq":["$$ROOT.level",6]},"then":"$$KEEP"}],"default":"$$PRUNE"}}}]`, want: `[{"_id":2,"level":6}]`},
		{stages: `[{"$redact":"$$PRUNE"}]`, want: `[]`}, {stages: `[{"$match":{"_id":2}},{"$redact":"keep"}]`, want: `[{"_id":2,"level":6}]`},
		{stages: `[{"$redact":"$level"}]`, fails: failed}, {stages: `[{"$redact":"$$NONSENSE"}]`, fails: invalid}, {stages: `[{"$project":{"a":"$$KEEP"}}]`, fails: invalid},
		{stages: `[{"$match":{"_id":2}},{"$lookup":{"from":"c","let":{"top":"$level"},"pipeline":[{"$redact":{"$cond":[{"$lt":["$level","$$top"]},"$$DESCEND","$$PRUNE"]}},{"$project":{"level":1}}],"as":"l"}}]`, want: `[{"_id":2,"level":6,"l":[{"_id":1,"level":1}]}]`},
	})
}

func TestDensify(t *testing.T) {
	collections := map[string]string{
		"c": `[{"_id":1,"k":"a","n":600},{"_id":2,"k":"b","n":1250},{"_id":3,"k":"a","n":950},{"_id":4,"k":"b","n":1700},{"_id":5,"k":"a"},{"_id":6,"n":null}]`,
		"d": `[{"_id":1,"at":{"$date":"2024-01-31T00:00:00Z"}},{"_id":2,"at":{"$date":"2024-03-30T00:00:00Z"}}]`,
		"e": `[]`, "s": `[{"n":"x"}]`,
	}
	check(t, collections, []row{
		{stages: `[{"$match":{"n":{"$gt":0}}},{"$densify":{"field":"n","partitionByFields":["k"],"range":{"step":200,"bounds":"partition"}}},{"$project":{"_id":0}}]`, want: `[{"k":"a","n":600},{"k":"a","n":800},{"k":"a","n":950},{"k":"b","n":1250},{"k":"b","n":1450},{"k":"b","n":1650},{"k":"b","n":1700}]`},
		{stages: `[{"$match":{"n":{"$gt":0}}},{"$densify":{"field":"n","partitionByFields":["k"],"range":{"step":400,"bounds":"full"}}},{"$project":{"_id":0}}]`, want: `[{"k":"a","n":600},{"k":"a","n":950},{"k":"a","n":1000},{"k":"a","n":1400},{"k":"b","n":600},{"k":"b","n":1000},{"k":"b","n":1250},{"k":"b","n":1400},{"k":"b","n":1700}]`},
		{stages: `[{"$densify":{"field":"n","range":{"step":500,"bounds":[500,1700]}}},{"$project":{"n":1}}]`, want: `[{"_id":5},{"_id":6,"n":null},{"n":500},{"_id":1,"n":600},{"_id":3,"n":950},{"n":1000},{"_id":2,"n":1250},{"n":1500},{"_id":4,"n":1700}]`},
		{stages: `[{"$limit":1},{"$densify":{"field":"n","range":{"step":0.5,"bounds":[600,601.5]}}},{"$project":{"_id":0,"k":0}}]`, want: `[{"n":600},{"n":600.5},{"n":601.0}]`},
		{stages: `[{"$match":{"_id":0}},{"$densify":{"field":"o.n","range":{"step":1,"bounds":[1,3]}}}]`, want: `[{"o":{"n":1}},{"o":{"n":2}}]`},
		{stages: `[{"$limit":1},{"$unionWith":"d"},{"$match":{"at":{"$exists":true}}},{"$densify":{"field":"at","range":{"step":1,"unit":"month","bounds":"full"}}}]`, want: `[{"_id":1,"at":{"$date":"2024-01-31T00:00:00Z"}},{"at":{"$date":"2024-02-29T00:00:00Z"}},{"_id":2,"at":{"$date":"2024-03-30T00:00:00Z"}}]`},
		{stages: `[{"$match":{"_id":0}},{"$unionWith":"s"},{"$densify":{"field":"n","range":{"step":1,"bounds":"full"}}}]`, fails: failed},
		{stages: `[{"$densify":{"field":"n","range":{"step":0,"bounds":"full"}}}]`, fails: invalid}, {stages: `[{"$densify":{"field":"n","range":{"step":1,"bounds":"partition"}}}]`, fails: invalid}, {stages: `[{"$densify":{"field":"$n","range":{"step":1,"bounds":"full"}}}]`, fails: invalid},
		{stages: `[{"$densify":{"field":"n","range":{"step":1,"bounds":[2,1]}}}]`, fails: invalid}, {stages: `[{"$densify":{"field":"n","range":{"step":1.5,"unit":"day","bounds":"full"}}}]`, fails: invalid}, {stages: `[{"$densify":{"field":"n","range":{"step":1,"unit":"day","bounds":[1,2]}}}]`, fails: invalid},
		{stages: `[{"$limit":1},{"$densify":{"field":"n","range":{"step":0.000001,"bounds":[0,1]}}}]`, fails: yunduo.ReasonQueryTooExpensive},
	})
}

func TestFill(t *testing.T) {
	check(t, map[string]string{"c": `[{"_id":1,"k":"a","n":1,"q":10,"s":"x"},{"_id":2,"k":"a","n":2},{"_id":3,"k":"a","n":4,"q":40,"s":null},{"_id":4,"k":"b","n":5,"q":null}]`}, []row{
		{stages: `[{"$fill":{"sortBy":{"n":1},"output":{"q":{"method":"linear"},"s":{"method":"locf"}}}},{"$project":{"q":1,"s":1}}]`, want: `[{"_id":1,"q":10,"s":"x"},{"_id":2,"q":20.0,"s":"x"},{"_id":3,"q":40,"s":"x"},{"_id":4,"q":null,"s":"x"}]`},
		{stages: `[{"$fill":{"partitionByFields":["k"],"sortBy":{"n":1},"output":{"q":{"method":"locf"}}}},{"$project":{"q":1}}]`, want: `[{"_id":1,"q":10},{"_id":2,"q":10},{"_id":3,"q":40},{"_id":4,"q":null}]`},
		{stages: `[{"$fill":{"partitionBy":"$k","sortBy":{"n":1},"output":{"q":{"method":"locf"},"s":{"value":{"$concat":["$k","!"]}}}}},{"$project":{"q":1,"s":1}}]`, want: `[{"_id":1,"q":10,"s":"x"},{"_id":2,"q":10,"s":"a!"},{"_id":3,"q":40,"s":"a!"},{"_id":4,"q":null,"s":"b!"}]`},
		{stages: `[{"$fill":{"output":{"q":{"value":0}}}},{"$project":{"q":1}}]`, want: `[{"_id":1,"q":10},{"_id":2,"q":0},{"_id":3,"q":40},{"_id":4,"q":0}]`},
		{stages: `[{"$fill":{"output":{"q":{"method":"linear"}}}}]`, fails: invalid}, {stages: `[{"$fill":{"output":{}}}]`, fails: invalid}, {stages: `[{"$fill":{"output":{"q":{"method":"guess"}}}}]`, fails: invalid}, {stages: `[{"$fill":{"output":{"q":{"method":"locf","value":1}}}}]`, fails: invalid},
		{stages: `[{"$fill":{"partitionBy":"$k","partitionByFields":["k"],"output":{"q":{"value":1}}}}]`, fails: invalid}, {stages: `[{"$fill":{"partitionByFields":"k","output":{"q":{"value":1}}}}]`, fails: invalid},
	})
}
