package language

const (
	noServer = "it reports on a MongoDB server"
	noWrite  = "a pipeline cannot write; insert its rows instead"
)

var stages = []Entry{
	{Kind: Stage, Topic: "Stages", Name: "$match", Example: `{"$match":{"n":{"$gt":1}}}`},
	{Kind: Stage, Topic: "Stages", Name: "$project", Example: `{"$project":{"a":1,"b":{"$add":["$a",1]}}}`},
	{Kind: Stage, Topic: "Stages", Name: "$addFields", Example: `{"$addFields":{"b":"$a"}}`},
	{Kind: Stage, Topic: "Stages", Name: "$set", Example: `{"$set":{"b":"$a"}}`},
	{Kind: Stage, Topic: "Stages", Name: "$unset", Example: `{"$unset":["a","b.c"]}`},
	{Kind: Stage, Topic: "Stages", Name: "$group", Example: `{"$group":{"_id":"$a","n":{"$sum":1}}}`},
	{Kind: Stage, Topic: "Stages", Name: "$sort", Example: `{"$sort":{"a":1,"b":-1}}`},
	{Kind: Stage, Topic: "Stages", Name: "$limit", Example: `{"$limit":5}`},
	{Kind: Stage, Topic: "Stages", Name: "$skip", Example: `{"$skip":5}`},
	{Kind: Stage, Topic: "Stages", Name: "$unwind", Example: `{"$unwind":{"path":"$list","preserveNullAndEmptyArrays":true}}`},
	{Kind: Stage, Topic: "Stages", Name: "$lookup", Example: `{"$lookup":{"from":"c","localField":"a","foreignField":"b","let":{"x":"$x"},"pipeline":[{"$match":{"$expr":{"$gt":["$n","$$x"]}}}],"as":"rows"}}`},
	{Kind: Stage, Topic: "Stages", Name: "$count", Example: `{"$count":"n"}`},
	{Kind: Stage, Topic: "Stages", Name: "$facet", Example: `{"$facet":{"a":[{"$limit":1}]}}`},
	{Kind: Stage, Topic: "Stages", Name: "$bucket", Example: `{"$bucket":{"groupBy":"$n","boundaries":[0,10,20],"default":"other"}}`},
	{Kind: Stage, Topic: "Stages", Name: "$bucketAuto", Example: `{"$bucketAuto":{"groupBy":"$n","buckets":4}}`},
	{Kind: Stage, Topic: "Stages", Name: "$sortByCount", Example: `{"$sortByCount":"$a"}`},
	{Kind: Stage, Topic: "Stages", Name: "$sample", Example: `{"$sample":{"size":3}}`},
	{Kind: Stage, Topic: "Stages", Name: "$replaceRoot", Example: `{"$replaceRoot":{"newRoot":"$o"}}`},
	{Kind: Stage, Topic: "Stages", Name: "$replaceWith", Example: `{"$replaceWith":"$o"}`},
	{Kind: Stage, Topic: "Stages", Name: "$graphLookup", Example: `{"$graphLookup":{"from":"c","startWith":"$a","connectFromField":"a","connectToField":"b","as":"rows"}}`},
	{Kind: Stage, Topic: "Stages", Name: "$unionWith", Example: `{"$unionWith":{"coll":"c","pipeline":[{"$limit":1}]}}`},
	{Kind: Stage, Topic: "Stages", Name: "$geoNear", Example: `{"$geoNear":{"near":{"type":"Point","coordinates":[113,23]},"distanceField":"far"}}`},
	{Kind: Stage, Topic: "Stages", Name: "$out", Status: Refused, Note: noWrite},
	{Kind: Stage, Topic: "Stages", Name: "$merge", Status: Refused, Note: noWrite},
	{Kind: Stage, Topic: "Stages", Name: "$changeStream", Status: Refused, Note: "use watch"},
	{Kind: Stage, Topic: "Stages", Name: "$collStats", Status: Refused, Note: noServer},
	{Kind: Stage, Topic: "Stages", Name: "$indexStats", Status: Refused, Note: noServer},
	{Kind: Stage, Topic: "Stages", Name: "$planCacheStats", Status: Refused, Note: noServer},
	{Kind: Stage, Topic: "Stages", Name: "$currentOp", Status: Refused, Note: noServer},
	{Kind: Stage, Topic: "Stages", Name: "$listSessions", Status: Refused, Note: noServer},
	{Kind: Stage, Topic: "Stages", Name: "$search", Status: Refused, Note: "there are no text indexes; use $match with $regex"},
	{Kind: Stage, Topic: "Stages", Name: "$vectorSearch", Status: Refused, Note: "there are no vector indexes"},
}

var accumulators = []Entry{
	{Kind: Accumulator, Topic: "Accumulators", Name: "$sum", Example: `{"$sum":"$n"}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$avg", Example: `{"$avg":"$n"}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$min", Example: `{"$min":"$n"}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$max", Example: `{"$max":"$n"}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$first", Example: `{"$first":"$n"}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$last", Example: `{"$last":"$n"}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$push", Example: `{"$push":"$n"}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$addToSet", Example: `{"$addToSet":"$n"}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$count", Example: `{"$count":{}}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$mergeObjects", Example: `{"$mergeObjects":"$o"}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$stdDevPop", Example: `{"$stdDevPop":"$n"}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$stdDevSamp", Example: `{"$stdDevSamp":"$n"}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$firstN", Example: `{"$firstN":{"n":2,"input":"$n"}}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$lastN", Example: `{"$lastN":{"n":2,"input":"$n"}}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$minN", Example: `{"$minN":{"n":2,"input":"$n"}}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$maxN", Example: `{"$maxN":{"n":2,"input":"$n"}}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$top", Example: `{"$top":{"sortBy":{"n":1},"output":"$a"}}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$bottom", Example: `{"$bottom":{"sortBy":{"n":1},"output":"$a"}}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$topN", Example: `{"$topN":{"n":2,"sortBy":{"n":1},"output":"$a"}}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$bottomN", Example: `{"$bottomN":{"n":2,"sortBy":{"n":1},"output":"$a"}}`},
	{Kind: Accumulator, Topic: "Accumulators", Name: "$accumulator", Status: Refused, Note: noCode},
}

var windows = []Entry{}
