package pipeline_test

import "testing"

const sales = `[
	{"_id": 1, "k": "a", "q": 2, "p": 1.5, "t": ["x"], "o": {"m": 1}},
	{"_id": 2, "k": "b", "q": 1, "p": 2, "t": ["y"], "o": {"n": 2}},
	{"_id": 3, "k": "a", "q": {"$numberLong": "3"}, "t": ["x"], "o": {"m": 3}},
	{"_id": 4, "q": "many", "o": null},
	{"_id": 5, "k": null, "q": null}]`

func TestGroup(t *testing.T) {
	check(t, map[string]string{"c": sales}, []row{
		{`[{"$group": {"_id": "$k", "n": {"$sum": 1}}}]`, `[{"_id": "a", "n": 2}, {"_id": "b", "n": 1}, {"_id": null, "n": 2}]`, ""},
		{`[{"$group": {"_id": null}}]`, `[{"_id": null}]`, ""},
		{`[{"$group": {"_id": {"k": "$k", "x": 1}}}, {"$limit": 3}]`, `[{"_id": {"k": "a", "x": 1}}, {"_id": {"k": "b", "x": 1}}, {"_id": {"x": 1}}]`, ""},
		{`[{"$group": {"_id": {"$mod": ["$_id", 2]}, "n": {"$count": {}}}}]`, `[{"_id": 1, "n": 3}, {"_id": 0, "n": 2}]`, ""},
		{`[{"$group": {"_id": 1, "q": {"$sum": "$q"}, "p": {"$sum": "$p"}, "avg": {"$avg": "$q"}, "max": {"$max": "$q"}, "min": {"$min": "$q"}}}]`,
			`[{"_id": 1, "q": {"$numberLong": "6"}, "p": 3.5, "avg": {"$numberDouble": "2"}, "max": "many", "min": 1}]`, ""},
		{`[{"$group": {"_id": 1, "x": {"$sum": "$none"}, "a": {"$avg": "$none"}, "m": {"$max": "$none"}, "f": {"$first": "$none"}, "p": {"$push": "$none"}, "s": {"$addToSet": "$none"}, "o": {"$mergeObjects": "$none"}, "d": {"$stdDevPop": "$none"}}}]`,
			`[{"_id": 1, "x": 0, "a": null, "m": null, "f": null, "p": [], "s": [], "o": {}, "d": null}]`, ""},
		{`[{"$group": {"_id": null, "q": {"$push": "$q"}, "t": {"$addToSet": "$t"}}}]`, `[{"_id": null, "q": [2, 1, {"$numberLong": "3"}, "many", null], "t": [["x"], ["y"]]}]`, ""},
		{`[{"$group": {"_id": null, "all": {"$push": {"k": "$k", "q": "$q"}}}}, {"$project": {"first": {"$arrayElemAt": ["$all", 0]}}}]`, `[{"_id": null, "first": {"k": "a", "q": 2}}]`, ""},
		{`[{"$group": {"_id": null, "o": {"$mergeObjects": "$o"}}}]`, `[{"_id": null, "o": {"m": 3, "n": 2}}]`, ""},
		{`[{"$group": {"_id": null, "f": {"$first": "$$ROOT"}, "l": {"$last": "$_id"}}}]`, `[{"_id": null, "f": {"_id": 1, "k": "a", "q": 2, "p": 1.5, "t": ["x"], "o": {"m": 1}}, "l": 5}]`, ""},
		{`[{"$group": {"_id": null, "pop": {"$stdDevPop": "$_id"}, "samp": {"$stdDevSamp": "$p"}}}]`, `[{"_id": null, "pop": 1.4142135623730951, "samp": 0.3535533905932738}]`, ""},
		{`[{"$group": {"_id": null, "f": {"$firstN": {"n": 2, "input": "$_id"}}, "l": {"$lastN": {"n": 2, "input": "$_id"}}, "x": {"$maxN": {"n": 2, "input": "$p"}}, "m": {"$minN": {"n": 9, "input": "$p"}}}}]`,
			`[{"_id": null, "f": [1, 2], "l": [4, 5], "x": [2, 1.5], "m": [1.5, 2]}]`, ""},
		{`[{"$group": {"_id": null, "t": {"$top": {"sortBy": {"p": -1}, "output": "$_id"}}, "b": {"$bottom": {"sortBy": {"_id": 1}, "output": ["$_id", "$k"]}}, "tn": {"$topN": {"n": 2, "sortBy": {"_id": -1}, "output": "$_id"}}, "bn": {"$bottomN": {"n": 2, "sortBy": {"_id": 1}, "output": "$_id"}}}}]`,
			`[{"_id": null, "t": 2, "b": [5, null], "tn": [5, 4], "bn": [4, 5]}]`, ""},
		{`[{"$match": {"_id": 99}}, {"$group": {"_id": null, "n": {"$sum": 1}}}]`, `[]`, ""},
		{`[{"$group": {"_id": "$o"}}, {"$count": "n"}]`, `[{"n": 4}]`, ""},
		{`[{"$group": {"n": {"$sum": 1}}}]`, ``, invalid},
		{`[{"$group": {"_id": 1, "a.b": {"$sum": 1}}}]`, ``, invalid},
		{`[{"$group": {"_id": 1, "a": 1}}]`, ``, invalid},
		{`[{"$group": {"_id": 1, "a": "$q"}}]`, ``, invalid},
		{`[{"$group": {"_id": 1, "a": {"$sum": 1, "$avg": 1}}}]`, ``, invalid},
		{`[{"$group": {"_id": 1, "a": {"$sum": [1, 2]}}}]`, ``, invalid},
		{`[{"$group": {"_id": 1, "a": {"$add": [1, 2]}}}]`, ``, unknown},
		{`[{"$group": {"_id": 1, "a": {"$firstN": {"n": 0, "input": 1}}}}]`, ``, failed},
		{`[{"$group": {"_id": 1, "a": {"$mergeObjects": "$q"}}}]`, ``, failed},
		{`[{"$group": {"_id": {"$divide": [1, {"$subtract": ["$_id", 3]}]}}}]`, ``, failed},
		{`[{"$group": "x"}]`, ``, invalid},
	})
}

func TestGroup_EqualNumbersShareAGroup(t *testing.T) {
	check(t, map[string]string{"c": `[{"v": 1}, {"v": {"$numberDouble": "1"}}, {"v": {"$numberLong": "1"}}, {"v": {"$numberDecimal": "1.0"}}, {"v": "1"}, {"v": true}]`}, []row{
		{`[{"$group": {"_id": "$v", "n": {"$sum": 1}}}]`, `[{"_id": 1, "n": 4}, {"_id": "1", "n": 1}, {"_id": true, "n": 1}]`, ""},
		{`[{"$group": {"_id": null, "v": {"$addToSet": "$v"}}}]`, `[{"_id": null, "v": [1, "1", true]}]`, ""},
	})
}

func TestBuckets(t *testing.T) {
	check(t, map[string]string{"c": `[{"v": 1}, {"v": 5}, {"v": 5}, {"v": 7}, {"v": 9}, {"v": 10}]`}, []row{
		{`[{"$bucket": {"groupBy": "$v", "boundaries": [0, 5, 10], "default": 100}}]`, `[{"_id": 0, "count": 1}, {"_id": 5, "count": 4}, {"_id": 100, "count": 1}]`, ""},
		{`[{"$bucket": {"groupBy": "$v", "boundaries": [0, 5, 11], "output": {"s": {"$sum": "$v"}}}}]`, `[{"_id": 0, "s": 1}, {"_id": 5, "s": 36}]`, ""},
		{`[{"$bucket": {"groupBy": "$v", "boundaries": [0, 5]}}]`, ``, failed},
		{`[{"$bucket": {"groupBy": "$w", "boundaries": [0, 5], "default": "none"}}]`, `[{"_id": "none", "count": 6}]`, ""},
		{`[{"$bucket": {"groupBy": "$v", "boundaries": [5, 0]}}]`, ``, invalid},
		{`[{"$bucket": {"groupBy": "$v", "boundaries": [0]}}]`, ``, invalid},
		{`[{"$bucket": {"groupBy": "$v", "boundaries": [0, "a"]}}]`, ``, invalid},
		{`[{"$bucket": {"groupBy": "$v", "boundaries": [0, 10], "default": 5}}]`, ``, invalid},
		{`[{"$bucket": {"groupBy": "v", "boundaries": [0, 10]}}]`, ``, invalid},
		{`[{"$bucket": {"groupBy": "$v", "boundaries": [0, "$v"]}}]`, ``, invalid},
		{`[{"$bucketAuto": {"groupBy": "$v", "buckets": 3}}]`, `[{"_id": {"min": 1, "max": 7}, "count": 3}, {"_id": {"min": 7, "max": 10}, "count": 2}, {"_id": {"min": 10, "max": 10}, "count": 1}]`, ""},
		{`[{"$bucketAuto": {"groupBy": "$v", "buckets": 2, "output": {"n": {"$sum": 1}, "m": {"$max": "$v"}}}}]`, `[{"_id": {"min": 1, "max": 7}, "n": 3, "m": 5}, {"_id": {"min": 7, "max": 10}, "n": 3, "m": 10}]`, ""},
		{`[{"$bucketAuto": {"groupBy": "$v", "buckets": 10}}, {"$project": {"count": 1, "_id": 0}}]`, `[{"count": 1}, {"count": 2}, {"count": 1}, {"count": 1}, {"count": 1}]`, ""},
		{`[{"$match": {"v": 99}}, {"$bucketAuto": {"groupBy": "$v", "buckets": 2}}]`, `[]`, ""},
		{`[{"$bucketAuto": {"groupBy": "$v", "buckets": 0}}]`, ``, invalid},
		{`[{"$bucketAuto": {"groupBy": "$v", "buckets": 2, "granularity": "R5"}}]`, ``, unknown},
		{`[{"$sortByCount": "$v"}, {"$limit": 1}]`, `[{"_id": 5, "count": 2}]`, ""},
		{`[{"$sortByCount": {"$mod": ["$v", 2]}}]`, `[{"_id": 1, "count": 5}, {"_id": 0, "count": 1}]`, ""},
		{`[{"$sortByCount": "v"}]`, ``, invalid},
		{`[{"$sortByCount": {"a": 1}}]`, ``, invalid},
	})
}
