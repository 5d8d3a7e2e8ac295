package language

var updates = []Entry{
	{Kind: Update, Topic: "Fields", Name: "$set", Example: `{"$set":{"a.b":1}}`},
	{Kind: Update, Topic: "Fields", Name: "$setOnInsert", Example: `{"$setOnInsert":{"a":1}}`},
	{Kind: Update, Topic: "Fields", Name: "$unset", Example: `{"$unset":{"a":""}}`},
	{Kind: Update, Topic: "Fields", Name: "$inc", Example: `{"$inc":{"n":1}}`},
	{Kind: Update, Topic: "Fields", Name: "$mul", Example: `{"$mul":{"n":1.5}}`},
	{Kind: Update, Topic: "Fields", Name: "$min", Example: `{"$min":{"n":1}}`},
	{Kind: Update, Topic: "Fields", Name: "$max", Example: `{"$max":{"n":1}}`},
	{Kind: Update, Topic: "Fields", Name: "$rename", Example: `{"$rename":{"a":"b"}}`},
	{Kind: Update, Topic: "Fields", Name: "$currentDate", Example: `{"$currentDate":{"at":true}}`},
	{Kind: Update, Topic: "Fields", Name: "$bit", Example: `{"$bit":{"n":{"or":4}}}`},
	{Kind: Update, Topic: "Arrays", Name: "$push", Example: `{"$push":{"list":1}}`},
	{Kind: Update, Topic: "Arrays", Name: "$addToSet", Example: `{"$addToSet":{"list":1}}`},
	{Kind: Update, Topic: "Arrays", Name: "$pop", Example: `{"$pop":{"list":-1}}`},
	{Kind: Update, Topic: "Arrays", Name: "$pull", Example: `{"$pull":{"list":{"$gt":3}}}`},
	{Kind: Update, Topic: "Arrays", Name: "$pullAll", Example: `{"$pullAll":{"list":[1,2]}}`},
	{Kind: Update, Topic: "Arrays", Name: "$", Example: `{"$set":{"list.$":1}}`, Note: "the array element that the filter found"},
	{Kind: Update, Topic: "Arrays", Name: "$[]", Example: `{"$set":{"list.$[]":1}}`, Note: "every element"},
	{Kind: Update, Topic: "Arrays", Name: "$[name]", Example: `{"$set":{"list.$[e].done":true}}`, Note: "the elements that the array filter of this name selects"},
}

var modifiers = []Entry{
	{Kind: Modifier, Topic: "Modifiers of $push", Name: "$each", Example: `{"$push":{"list":{"$each":[1,2]}}}`, Note: "also of $addToSet"},
	{Kind: Modifier, Topic: "Modifiers of $push", Name: "$position", Example: `{"$push":{"list":{"$each":[1],"$position":0}}}`},
	{Kind: Modifier, Topic: "Modifiers of $push", Name: "$slice", Example: `{"$push":{"list":{"$each":[1],"$slice":-5}}}`},
	{Kind: Modifier, Topic: "Modifiers of $push", Name: "$sort", Example: `{"$push":{"list":{"$each":[{"s":1}],"$sort":{"s":1}}}}`},
}
