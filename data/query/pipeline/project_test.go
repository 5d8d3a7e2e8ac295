package pipeline_test

import "testing"

func TestProject(t *testing.T) {
	one := map[string]string{"c": `[{"_id": 1, "a": 1, "b": {"x": 1, "y": {"z": 2}}, "l": [{"p": 1, "q": 2}, 5, [{"p": 3, "q": 4}], {"q": 6}], "n": null}]`}
	check(t, one, []row{
		{`[{"$project": {"a": 1}}]`, `[{"_id": 1, "a": 1}]`, ""},
		{`[{"$project": {"n": true, "a": 1}}]`, `[{"_id": 1, "a": 1, "n": null}]`, ""},
		{`[{"$project": {"_id": 1}}]`, `[{"_id": 1}]`, ""},
		{`[{"$project": {"_id": 0, "missing": 1}}]`, `[{}]`, ""},
		{`[{"$project": {"_id": 0}}]`, `[{"a": 1, "b": {"x": 1, "y": {"z": 2}}, "l": [{"p": 1, "q": 2}, 5, [{"p": 3, "q": 4}], {"q": 6}], "n": null}]`, ""},
		{`[{"$project": {"_id": 0, "b.y.z": 1}}]`, `[{"b": {"y": {"z": 2}}}]`, ""},
		{`[{"$project": {"_id": 0, "b": {"y": {"z": 1}}}}]`, `[{"b": {"y": {"z": 2}}}]`, ""},
		{`[{"$project": {"_id": 0, "b": {"x": 1, "y.z": 1}}}]`, `[{"b": {"x": 1, "y": {"z": 2}}}]`, ""},
		{`[{"$project": {"_id": 0, "l.p": 1}}]`, `[{"l": [{"p": 1}, [{"p": 3}], {}]}]`, ""},
		{`[{"$project": {"_id": 0, "a.x": 1}}]`, `[{}]`, ""},
		{`[{"$project": {"_id": 0, "b.y": 0, "l": 0, "n": 0}}]`, `[{"a": 1, "b": {"x": 1}}]`, ""},
		{`[{"$project": {"_id": 0, "b": 0, "n": 0, "a.x": 0, "l.p": false}}]`, `[{"a": 1, "l": [{"q": 2}, 5, [{"q": 4}], {"q": 6}]}]`, ""},
		{`[{"$project": {"_id": 1, "b": 0, "l": 0, "n": 0}}]`, `[{"_id": 1, "a": 1}]`, ""},
		{`[{"$project": {"x": "$a", "s": "text", "arr": ["$a", "$missing"], "m": "$missing"}}]`, `[{"_id": 1, "x": 1, "s": "text", "arr": [1, null]}]`, ""},
		{`[{"$project": {"a": "$b.x", "n": 1}}]`, `[{"_id": 1, "n": null, "a": 1}]`, ""},
		{`[{"$project": {"_id": "$a"}}]`, `[{"_id": 1}]`, ""},
		{`[{"$project": {"_id": 0, "b": {"x": 1, "sum": {"$add": ["$a", 10]}}}}]`, `[{"b": {"x": 1, "sum": 11}}]`, ""},
		{`[{"$project": {"_id": 0, "a": {"sum": {"$add": ["$a", 10]}}}}]`, `[{"a": {"sum": 11}}]`, ""},
		{`[{"$project": {"_id": 0, "l": {"p": 1, "r": "$a"}}}]`, `[{"l": [{"p": 1, "r": 1}, {"r": 1}, [{"p": 3, "r": 1}], {"r": 1}]}]`, ""},
		{`[{"$project": {"_id": 0, "new.deep": "$a"}}]`, `[{"new": {"deep": 1}}]`, ""},
		{`[{"$project": {"_id": 0, "lit": {"$literal": 1}}}]`, `[{"lit": 1}]`, ""},
		{`[{"$project": {"_id": 0, "a": 1, "b": "$$REMOVE"}}]`, `[{"a": 1}]`, ""},
		{`[{"$project": {"_id": 0, "a": {"$cond": [{"$gt": ["$a", 5]}, "$a", "$$REMOVE"]}}}]`, `[{}]`, ""},
		{`[{"$project": {"a": 1, "b": 0}}]`, ``, invalid},
		{`[{"$project": {"x": "$a", "b": 0}}]`, ``, invalid},
		{`[{"$project": {}}]`, ``, invalid},
		{`[{"$project": 1}]`, ``, invalid},
		{`[{"$project": {"a": {}}}]`, ``, invalid},
		{`[{"$project": {"a": 1, "a.b": 1}}]`, ``, invalid},
		{`[{"$project": {"a.b": 1, "a": 1}}]`, ``, invalid},
		{`[{"$project": {"a..b": 1}}]`, ``, invalid},
		{`[{"$project": {"$a": 1}}]`, ``, invalid},
		{`[{"$project": {"a": {"$nosuch": 1}}}]`, ``, unknown},
		{`[{"$project": {"a": {"$divide": ["$a", 0]}}}]`, ``, failed},
	})
}

func TestAddFieldsAndUnset(t *testing.T) {
	one := map[string]string{"c": `[{"_id": 1, "a": 1, "b": {"x": 1}, "l": [{"p": 1}, 5], "n": null}]`}
	check(t, one, []row{
		{`[{"$addFields": {"c": 3}}, {"$unset": ["l", "n"]}]`, `[{"_id": 1, "a": 1, "b": {"x": 1}, "c": 3}]`, ""},
		{`[{"$set": {"a": {"$add": ["$a", 1]}}}, {"$unset": ["l", "n", "b"]}]`, `[{"_id": 1, "a": 2}]`, ""},
		{`[{"$set": {"b.y": "$a", "a": true}}, {"$unset": ["l", "n"]}]`, `[{"_id": 1, "a": true, "b": {"x": 1, "y": 1}}]`, ""},
		{`[{"$set": {"a": "$b", "b": "$a"}}, {"$unset": ["l", "n"]}]`, `[{"_id": 1, "a": {"x": 1}, "b": 1}]`, ""},
		{`[{"$set": {"a.deep": 2, "new": {"k": 1}, "n.m": 3}}, {"$unset": ["l", "b"]}]`, `[{"_id": 1, "a": {"deep": 2}, "n": {"m": 3}, "new": {"k": 1}}]`, ""},
		{`[{"$set": {"l.q": "$a"}}, {"$unset": ["a", "b", "n"]}]`, `[{"_id": 1, "l": [{"p": 1, "q": 1}, {"q": 1}]}]`, ""},
		{`[{"$set": {"a": "$$REMOVE", "e": {}, "z": "$missing"}}, {"$unset": ["l", "n", "b"]}]`, `[{"_id": 1, "e": {}}]`, ""},
		{`[{"$set": {"_id": 5}}, {"$unset": ["l", "n", "b"]}]`, `[{"_id": 5, "a": 1}]`, ""},
		{`[{"$set": {"f1": 1, "f2": 2, "f3": 3, "f4": 4, "f5": 5, "f6": 6, "f7": 7, "f8": 8, "f9": 9, "a": 10, "b": 11}}, {"$unset": ["l", "n"]}]`,
			`[{"_id": 1, "a": 10, "b": 11, "f1": 1, "f2": 2, "f3": 3, "f4": 4, "f5": 5, "f6": 6, "f7": 7, "f8": 8, "f9": 9}]`, ""},
		{`[{"$unset": "b.x"}, {"$unset": ["l.p", "n", "a"]}]`, `[{"_id": 1, "b": {}, "l": [{}, 5]}]`, ""},
		{`[{"$unset": ["missing", "l", "n", "a", "_id"]}]`, `[{"b": {"x": 1}}]`, ""},
		{`[{"$set": {}}]`, ``, invalid},
		{`[{"$set": {"a": 1, "a.b": 2}}]`, ``, invalid},
		{`[{"$unset": 1}]`, ``, invalid},
		{`[{"$unset": []}]`, ``, invalid},
		{`[{"$unset": ["a", "a.b"]}]`, ``, invalid},
		{`[{"$unset": "$a"}]`, ``, invalid},
	})
}

func TestReplaceRoot(t *testing.T) {
	check(t, map[string]string{"c": `[{"_id": 1, "o": {"x": 1}, "a": [1]}]`}, []row{
		{`[{"$replaceWith": "$o"}]`, `[{"x": 1}]`, ""},
		{`[{"$replaceWith": {"k": "$_id"}}]`, `[{"k": 1}]`, ""},
		{`[{"$replaceRoot": {"newRoot": {"$mergeObjects": ["$$ROOT", "$o"]}}}]`, `[{"_id": 1, "o": {"x": 1}, "a": [1], "x": 1}]`, ""},
		{`[{"$replaceRoot": {"newRoot": "$missing"}}]`, ``, failed},
		{`[{"$replaceWith": "$a"}]`, ``, failed},
		{`[{"$replaceRoot": "$o"}]`, ``, invalid},
		{`[{"$replaceRoot": {"newRoot": "$o", "x": 1}}]`, ``, invalid},
	})
}

func TestUnwind(t *testing.T) {
	docs := map[string]string{"c": `[{"_id": 1, "a": [1, null, [2]]}, {"_id": 2, "a": []}, {"_id": 3, "a": null}, {"_id": 4}, {"_id": 5, "a": 9}, {"_id": 6, "o": {"l": [1, 2], "k": 1}}]`}
	check(t, docs, []row{
		{`[{"$unwind": "$a"}]`, `[{"_id": 1, "a": 1}, {"_id": 1, "a": null}, {"_id": 1, "a": [2]}, {"_id": 5, "a": 9}]`, ""},
		{`[{"$unwind": {"path": "$a"}}, {"$limit": 1}]`, `[{"_id": 1, "a": 1}]`, ""},
		{`[{"$unwind": {"path": "$a", "preserveNullAndEmptyArrays": true}}, {"$skip": 3}]`,
			`[{"_id": 2}, {"_id": 3, "a": null}, {"_id": 4}, {"_id": 5, "a": 9}, {"_id": 6, "o": {"l": [1, 2], "k": 1}}]`, ""},
		{`[{"$unwind": {"path": "$a", "includeArrayIndex": "i", "preserveNullAndEmptyArrays": true}}, {"$match": {"_id": {"$lt": 6}}}]`,
			`[{"_id": 1, "a": 1, "i": {"$numberLong": "0"}}, {"_id": 1, "a": null, "i": {"$numberLong": "1"}}, {"_id": 1, "a": [2], "i": {"$numberLong": "2"}}, {"_id": 2, "i": null}, {"_id": 3, "a": null, "i": null}, {"_id": 4, "i": null}, {"_id": 5, "a": 9, "i": null}]`, ""},
		{`[{"$unwind": {"path": "$o.l", "includeArrayIndex": "o.i"}}]`,
			`[{"_id": 6, "o": {"l": 1, "k": 1, "i": {"$numberLong": "0"}}}, {"_id": 6, "o": {"l": 2, "k": 1, "i": {"$numberLong": "1"}}}]`, ""},
		{`[{"$unwind": "a"}]`, ``, invalid},
		{`[{"$unwind": "$"}]`, ``, invalid},
		{`[{"$unwind": 1}]`, ``, invalid},
		{`[{"$unwind": {"path": "$a", "includeArrayIndex": "$i"}}]`, ``, invalid},
		{`[{"$unwind": {"path": "$a", "preserveNullAndEmptyArrays": 1}}]`, ``, invalid},
		{`[{"$unwind": {"path": "$a", "nope": 1}}]`, ``, invalid},
	})
}
