package pipeline_test

import "testing"

// The rows that clients of the aggregation language rely on, as their SDK sends them.
func TestClients(t *testing.T) {
	collections := map[string]string{
		"c": `[
			{"_id": 1, "who": "li", "total": 10, "items": ["pen", "cup"], "at": {"$date": "2024-01-31T20:00:00Z"}, "size": {"w": 2, "h": 3}},
			{"_id": 2, "who": "li", "total": 30, "items": ["pen"], "at": {"$date": "2024-02-01T08:00:00Z"}, "size": {"w": 1, "h": 1}},
			{"_id": 3, "who": "wang", "total": 5, "items": [], "at": {"$date": "2024-02-02T08:00:00Z"}},
			{"_id": 4, "who": "sun", "total": 55, "items": ["cup", "cup"], "at": {"$date": "2025-03-04T05:06:07Z"}, "note": null}]`,
		"people": `[{"_id": "li", "name": "Li Lei", "city": "Beijing"}, {"_id": "wang", "name": "Wang Fang", "city": "Xi’an"}]`,
	}
	check(t, collections, []row{
		{`[{"$match": {"total": {"$gte": 30}}}, {"$sort": {"_id": 1}}, {"$project": {"total": 1}}]`, `[{"_id": 2, "total": 30}, {"_id": 4, "total": 55}]`, ""},
		{`[{"$match": {"$or": [{"who": "sun"}, {"total": 5}]}}, {"$sort": {"_id": 1}}, {"$project": {"_id": 1}}]`, `[{"_id": 3}, {"_id": 4}]`, ""},
		{`[{"$sort": {"who": -1, "total": 1}}, {"$skip": 1}, {"$limit": 2}, {"$project": {"_id": 1}}]`, `[{"_id": 4}, {"_id": 1}]`, ""},
		{`[{"$match": {"who": "li"}}, {"$count": "n"}]`, `[{"n": 2}]`, ""},
		{`[{"$group": {"_id": "$who", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]`, `[{"_id": "li", "n": 2}, {"_id": "sun", "n": 1}, {"_id": "wang", "n": 1}]`, ""},
		{`[{"$group": {"_id": null, "sum": {"$sum": "$total"}, "avg": {"$avg": "$total"}, "min": {"$min": "$total"}, "max": {"$max": "$total"}}}]`, `[{"_id": null, "sum": 100, "avg": {"$numberDouble": "25"}, "min": 5, "max": 55}]`, ""},
		{`[{"$sort": {"total": 1}}, {"$group": {"_id": "$who", "first": {"$first": "$total"}, "last": {"$last": "$total"}}}, {"$sort": {"_id": 1}}, {"$limit": 1}]`, `[{"_id": "li", "first": 10, "last": 30}]`, ""},
		{`[{"$sort": {"_id": 1}}, {"$group": {"_id": "$who", "all": {"$push": "$total"}}}, {"$sort": {"_id": 1}}, {"$limit": 1}]`, `[{"_id": "li", "all": [10, 30]}]`, ""},
		{`[{"$match": {"who": "li"}}, {"$group": {"_id": null, "who": {"$addToSet": "$who"}}}]`, `[{"_id": null, "who": ["li"]}]`, ""},
		{`[{"$group": {"_id": {"year": {"$year": "$at"}}, "n": {"$sum": 1}}}, {"$sort": {"_id.year": 1}}]`, `[{"_id": {"year": 2024}, "n": 3}, {"_id": {"year": 2025}, "n": 1}]`, ""},
		{`[{"$group": {"_id": null, "big": {"$sum": {"$cond": {"if": {"$gte": ["$total", 30]}, "then": 1, "else": 0}}}}}]`, `[{"_id": null, "big": 2}]`, ""},
		{`[{"$match": {"_id": 1}}, {"$project": {"_id": 0, "who": 1, "area": {"$multiply": ["$size.w", "$size.h"]}}}]`, `[{"who": "li", "area": 6}]`, ""},
		{`[{"$match": {"_id": 3}}, {"$project": {"at": 0, "items": 0}}]`, `[{"_id": 3, "who": "wang", "total": 5}]`, ""},
		{`[{"$match": {"_id": 2}}, {"$addFields": {"double": {"$add": ["$total", "$total"]}}}, {"$project": {"double": 1}}]`, `[{"_id": 2, "double": 60}]`, ""},
		{`[{"$match": {"who": "li"}}, {"$sort": {"_id": 1}}, {"$unwind": "$items"}, {"$project": {"items": 1}}]`, `[{"_id": 1, "items": "pen"}, {"_id": 1, "items": "cup"}, {"_id": 2, "items": "pen"}]`, ""},
		{`[{"$match": {"_id": 3}}, {"$unwind": "$items"}]`, `[]`, ""},
		{`[{"$unwind": "$items"}, {"$group": {"_id": "$items", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]`, `[{"_id": "cup", "n": 3}, {"_id": "pen", "n": 2}]`, ""},
		{`[{"$match": {"_id": 1}}, {"$replaceRoot": {"newRoot": "$size"}}]`, `[{"w": 2, "h": 3}]`, ""},
		{`[{"$match": {"_id": 2}}, {"$replaceRoot": {"newRoot": {"$mergeObjects": [{"who": "$who"}, "$size"]}}}]`, `[{"who": "li", "w": 1, "h": 1}]`, ""},
		{`[{"$match": {"who": "li"}}, {"$sortByCount": "$who"}]`, `[{"_id": "li", "count": 2}]`, ""},
		{`[{"$bucket": {"groupBy": "$total", "boundaries": [0, 20, 50], "default": "more", "output": {"n": {"$sum": 1}}}}]`, `[{"_id": 0, "n": 2}, {"_id": 20, "n": 1}, {"_id": "more", "n": 1}]`, ""},
		{`[{"$match": {"_id": 1}}, {"$project": {"_id": 0, "last": {"$arrayElemAt": ["$items", -1]}, "n": {"$size": "$items"}}}]`, `[{"last": "cup", "n": 2}]`, ""},
		{`[{"$match": {"_id": 4}}, {"$project": {"_id": 0, "cups": {"$filter": {"input": "$items", "as": "i", "cond": {"$eq": ["$$i", "cup"]}}}}}]`, `[{"cups": ["cup", "cup"]}]`, ""},
		{`[{"$match": {"_id": 1}}, {"$project": {"_id": 0, "up": {"$map": {"input": "$items", "as": "i", "in": {"$toUpper": "$$i"}}}}}]`, `[{"up": ["PEN", "CUP"]}]`, ""},
		{`[{"$match": {"_id": {"$in": [3, 4]}}}, {"$sort": {"_id": 1}}, {"$project": {"note": {"$ifNull": ["$note", "none"]}}}]`, `[{"_id": 3, "note": "none"}, {"_id": 4, "note": "none"}]`, ""},
		{`[{"$match": {"_id": 1}}, {"$project": {"_id": 0, "s": {"$concat": ["<", {"$substr": ["$who", 0, 1]}, ">"]}}}]`, `[{"s": "<l>"}]`, ""},
		{`[{"$match": {"_id": 4}}, {"$project": {"_id": 0, "a": {"$subtract": ["$total", 5]}, "b": {"$divide": ["$total", 10]}, "c": {"$mod": ["$total", 10]}}}]`, `[{"a": 50, "b": 5.5, "c": 5}]`, ""},
		{`[{"$project": {"yes": {"$and": [{"$ne": ["$who", "li"]}, {"$or": [{"$gt": ["$total", 50]}, {"$lt": ["$total", 6]}]}]}}}, {"$sort": {"_id": 1}}, {"$limit": 4}]`, `[{"_id": 1, "yes": false}, {"_id": 2, "yes": false}, {"_id": 3, "yes": true}, {"_id": 4, "yes": true}]`, ""},
		{`[{"$match": {"_id": 1}}, {"$project": {"_id": 0, "y": {"$year": "$at"}, "m": {"$month": "$at"}, "d": {"$dayOfMonth": "$at"}}}]`, `[{"y": 2024, "m": 1, "d": 31}]`, ""},
		{`[{"$match": {"_id": 4}}, {"$project": {"_id": 0, "s": {"$dateToString": {"date": "$at", "format": "%Y-%m-%d %H:%M:%S"}}}}]`, `[{"s": "2025-03-04 05:06:07"}]`, ""},
		{`[{"$match": {"_id": 1}}, {"$project": {"_id": 0, "s": {"$dateToString": {"date": "$at", "format": "%Y-%m-%d", "timezone": "Asia/Shanghai"}}}}]`, `[{"s": "2024-02-01"}]`, ""},
		{`[{"$match": {"_id": 2}}, {"$project": {"_id": 0, "at": 1}}]`, `[{"at": {"$date": "2024-02-01T08:00:00Z"}}]`, ""},
		{`[{"$match": {"who": "nobody"}}]`, `[]`, ""},
		{`[{"$sort": {"_id": 1}}, {"$lookup": {"from": "people", "localField": "who", "foreignField": "_id", "as": "person"}}, {"$project": {"person.name": 1}}]`,
			`[{"_id": 1, "person": [{"name": "Li Lei"}]}, {"_id": 2, "person": [{"name": "Li Lei"}]}, {"_id": 3, "person": [{"name": "Wang Fang"}]}, {"_id": 4, "person": []}]`, ""},
		{`[{"$match": {"who": "wang"}}, {"$lookup": {"from": "people", "localField": "who", "foreignField": "_id", "as": "p"}}, {"$replaceRoot": {"newRoot": {"$mergeObjects": [{"$arrayElemAt": ["$p", 0]}, "$$ROOT"]}}}, {"$project": {"p": 0, "at": 0, "items": 0}}]`,
			`[{"_id": 3, "name": "Wang Fang", "city": "Xi’an", "who": "wang", "total": 5}]`, ""},
	})
}

func TestClients_LookupWithPipeline(t *testing.T) {
	check(t, map[string]string{
		"c":      `[{"_id": "li"}, {"_id": "wang"}]`,
		"orders": `[{"_id": 1, "who": "li", "total": 10}, {"_id": 2, "who": "li", "total": 30}, {"_id": 3, "who": "wang", "total": 5}]`,
	}, []row{
		{`[{"$sort": {"_id": 1}}, {"$lookup": {"from": "orders", "let": {"id": "$_id"}, "pipeline": [{"$match": {"$expr": {"$and": [{"$eq": ["$who", "$$id"]}, {"$gt": ["$total", 8]}]}}}, {"$sort": {"total": -1}}, {"$project": {"total": 1}}], "as": "orders"}}]`,
			`[{"_id": "li", "orders": [{"_id": 2, "total": 30}, {"_id": 1, "total": 10}]}, {"_id": "wang", "orders": []}]`, ""},
	})
}
