package language

const noCode = "code cannot be run inside a query"

var filters = []Entry{
	{Kind: Filter, Topic: "Comparison", Name: "$eq", Example: `{"n":{"$eq":1}}`},
	{Kind: Filter, Topic: "Comparison", Name: "$ne", Example: `{"n":{"$ne":1}}`},
	{Kind: Filter, Topic: "Comparison", Name: "$gt", Example: `{"n":{"$gt":1}}`},
	{Kind: Filter, Topic: "Comparison", Name: "$gte", Example: `{"n":{"$gte":1}}`},
	{Kind: Filter, Topic: "Comparison", Name: "$lt", Example: `{"n":{"$lt":1}}`},
	{Kind: Filter, Topic: "Comparison", Name: "$lte", Example: `{"n":{"$lte":1}}`},
	{Kind: Filter, Topic: "Comparison", Name: "$in", Example: `{"n":{"$in":[1,null]}}`},
	{Kind: Filter, Topic: "Comparison", Name: "$nin", Example: `{"n":{"$nin":[1,2]}}`},
	{Kind: Filter, Topic: "Logic", Name: "$and", Example: `{"$and":[{"a":1},{"b":2}]}`},
	{Kind: Filter, Topic: "Logic", Name: "$or", Example: `{"$or":[{"a":1},{"b":2}]}`},
	{Kind: Filter, Topic: "Logic", Name: "$nor", Example: `{"$nor":[{"a":1},{"b":2}]}`},
	{Kind: Filter, Topic: "Logic", Name: "$not", Example: `{"n":{"$not":{"$gt":1}}}`},
	{Kind: Filter, Topic: "Fields", Name: "$exists", Example: `{"n":{"$exists":true}}`},
	{Kind: Filter, Topic: "Fields", Name: "$type", Example: `{"n":{"$type":["int","string"]}}`},
	{Kind: Filter, Topic: "Evaluation", Name: "$expr", Example: `{"$expr":{"$gt":["$a","$b"]}}`, Note: "computed after the conditions beside it; one that cannot be computed ends the operation"},
	{Kind: Filter, Topic: "Evaluation", Name: "$jsonSchema", Example: `{"$jsonSchema":{"required":["a"],"properties":{"a":{"bsonType":"int"}}}}`, Note: "draft 4 with `bsonType`, without `$ref`, `default`, `definitions` and `format`, as MongoDB"},
	{Kind: Filter, Topic: "Evaluation", Name: "$mod", Example: `{"n":{"$mod":[4,0]}}`},
	{Kind: Filter, Topic: "Evaluation", Name: "$regex", Example: `{"s":{"$regex":"^a"}}`, Status: Partial, Note: "RE2 syntax: linear time, no look-around, no back-references"},
	{Kind: Filter, Topic: "Evaluation", Name: "$options", Example: `{"s":{"$regex":"^a","$options":"im"}}`},
	{Kind: Filter, Topic: "Evaluation", Name: "$comment", Example: `{"$comment":"why"}`},
	{Kind: Filter, Topic: "Evaluation", Name: "$where", Status: Refused, Note: noCode},
	{Kind: Filter, Topic: "Evaluation", Name: "$function", Status: Refused, Note: noCode},
	{Kind: Filter, Topic: "Evaluation", Name: "$accumulator", Status: Refused, Note: noCode},
	{Kind: Filter, Topic: "Evaluation", Name: "$text", Status: Refused, Note: "there are no text indexes; use $regex"},
	{Kind: Filter, Topic: "Arrays", Name: "$all", Example: `{"tags":{"$all":["a","b"]}}`},
	{Kind: Filter, Topic: "Arrays", Name: "$elemMatch", Example: `{"list":{"$elemMatch":{"a":1,"b":{"$gt":2}}}}`},
	{Kind: Filter, Topic: "Arrays", Name: "$size", Example: `{"list":{"$size":2}}`},
	{Kind: Filter, Topic: "Bits", Name: "$bitsAllSet", Example: `{"n":{"$bitsAllSet":[0,3]}}`},
	{Kind: Filter, Topic: "Bits", Name: "$bitsAnySet", Example: `{"n":{"$bitsAnySet":5}}`},
	{Kind: Filter, Topic: "Bits", Name: "$bitsAllClear", Example: `{"n":{"$bitsAllClear":5}}`},
	{Kind: Filter, Topic: "Bits", Name: "$bitsAnyClear", Example: `{"n":{"$bitsAnyClear":5}}`},
	{Kind: Filter, Topic: "Places", Name: "$geoWithin", Example: `{"p":{"$geoWithin":{"$centerSphere":[[113,23],0.1]}}}`},
	{Kind: Filter, Topic: "Places", Name: "$geoIntersects", Example: `{"p":{"$geoIntersects":{"$geometry":{"type":"Point","coordinates":[113,23]}}}}`},
	{Kind: Filter, Topic: "Places", Name: "$near", Example: `{"p":{"$near":{"$geometry":{"type":"Point","coordinates":[113,23]},"$maxDistance":1000}}}`},
	{Kind: Filter, Topic: "Places", Name: "$nearSphere", Example: `{"p":{"$nearSphere":{"$geometry":{"type":"Point","coordinates":[113,23]},"$minDistance":10}}}`},
	{Kind: Filter, Topic: "Places", Name: "$geometry", Example: `{"p":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[0,0],[0,1],[1,1],[0,0]]]}}}}`},
	{Kind: Filter, Topic: "Places", Name: "$box", Example: `{"p":{"$geoWithin":{"$box":[[0,0],[1,1]]}}}`},
	{Kind: Filter, Topic: "Places", Name: "$center", Example: `{"p":{"$geoWithin":{"$center":[[0,0],1]}}}`},
	{Kind: Filter, Topic: "Places", Name: "$centerSphere", Example: `{"p":{"$geoWithin":{"$centerSphere":[[0,0],1]}}}`},
	{Kind: Filter, Topic: "Places", Name: "$polygon", Example: `{"p":{"$geoWithin":{"$polygon":[[0,0],[0,1],[1,1]]}}}`},
	{Kind: Filter, Topic: "Places", Name: "$maxDistance", Example: `{"p":{"$near":[0,0],"$maxDistance":1}}`},
	{Kind: Filter, Topic: "Places", Name: "$minDistance", Example: `{"p":{"$nearSphere":{"$geometry":{"type":"Point","coordinates":[0,0]},"$minDistance":1}}}`},
}

var projections = []Entry{
	{Kind: Projection, Topic: "Projections", Name: "$slice", Example: `{"list":{"$slice":[1,2]}}`},
	{Kind: Projection, Topic: "Projections", Name: "$elemMatch", Example: `{"list":{"$elemMatch":{"a":1}}}`},
	{Kind: Projection, Topic: "Projections", Name: "$", Status: Refused, Note: "use $elemMatch"},
	{Kind: Projection, Topic: "Projections", Name: "$meta", Status: Refused, Note: "there are no text indexes"},
}

var options = []Entry{
	{Kind: Option, Topic: "Options", Name: "arrayFilters", Note: "of updates: the conditions for $[name]"},
	{Kind: Option, Topic: "Options", Name: "collation", Status: Partial, Note: "of every operation but insert: `simple`, or a locale with `strength` 1 to 3, `caseLevel` (which also tells widths apart), `numericOrdering`, `alternate`, `backwards`; `caseFirst` is refused; an index serves its own collation"},
	{Kind: Option, Topic: "Options", Name: "upsert", Note: "of updates"},
	{Kind: Option, Topic: "Options", Name: "multi", Note: "of updates and deletes"},
	{Kind: Option, Topic: "Options", Name: "sort", Note: "of find, findAndUpdate and findAndDelete"},
	{Kind: Option, Topic: "Options", Name: "projection", Note: "of find, get, findAndUpdate and findAndDelete"},
}
