package pipeline_test

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/pipeline"
)

// stagePieces are what FuzzStages builds pipelines from: right and wrong arguments of every stage.
var stagePieces = []string{
	`{"$match": {"v": {"$gt": 1}}}`, `{"$match": {"$expr": {"$eq": ["$v", "$$x"]}}}`, `{"$match": {"$expr": {"$lt": ["$_id", "$v"]}}}`,
	`{"$limit": 2}`, `{"$skip": 1}`, `{"$skip": 9223372036854775807}`, `{"$limit": 9223372036854775807}`, `{"$limit": -1}`,
	`{"$sort": {"v": 1}}`, `{"$sort": {"l.p": -1, "_id": 1}}`, `{"$count": "v"}`, `{"$sample": {"size": 2}}`,
	`{"$project": {"v": 1, "l.p": 1}}`, `{"$project": {"l": {"p": "$v", "q": 1}}}`, `{"$project": {"l.p": 0, "o": 0}}`, `{"$project": {"_id": "$v", "l": "$l.p"}}`,
	`{"$set": {"l.p": "$v", "o.a.b": {"$size": {"$ifNull": ["$l", []]}}}}`, `{"$set": {"v": "$$x"}}`, `{"$unset": ["o.a", "l"]}`,
	`{"$replaceWith": "$o"}`, `{"$replaceRoot": {"newRoot": {"v": "$_id", "l": ["$$ROOT"]}}}`, `{"$unwind": "$l"}`,
	`{"$unwind": {"path": "$o.a", "includeArrayIndex": "o.i", "preserveNullAndEmptyArrays": true}}`, `{"$unwind": {"path": "$l.p", "includeArrayIndex": "l"}}`,
	`{"$group": {"_id": "$v", "l": {"$push": "$$ROOT"}, "v": {"$sum": "$v"}}}`, `{"$group": {"_id": {"a": "$l.p"}, "v": {"$addToSet": "$o"}, "o": {"$mergeObjects": "$o"}}}`,
	`{"$group": {"_id": null, "v": {"$topN": {"n": 2, "sortBy": {"v": -1}, "output": "$l"}}, "l": {"$minN": {"n": 1, "input": "$_id"}}}}`,
	`{"$sortByCount": "$v"}`, `{"$bucket": {"groupBy": "$v", "boundaries": [0, 2, 4], "default": "x"}}`, `{"$bucketAuto": {"groupBy": "$v", "buckets": 2}}`,
	`{"$lookup": {"from": "d", "localField": "v", "foreignField": "v", "as": "l"}}`, `{"$lookup": {"from": "d", "localField": "l.p", "foreignField": "l.p", "as": "o.a"}}`,
	`{"$graphLookup": {"from": "d", "startWith": "$v", "connectFromField": "v", "connectToField": "_id", "as": "l", "depthField": "o.d"}}`,
	`{"$geoNear": {"near": {"type": "Point", "coordinates": [0, 0]}, "distanceField": "v", "key": "o"}}`, `{"$nosuch": {}}`,
	`{"$setWindowFields": {"partitionBy": "$v", "sortBy": {"_id": 1}, "output": {"l": {"$push": "$v", "window": {"documents": [-1, 1]}}, "o.n": {"$documentNumber": {}}}}}`,
	`{"$setWindowFields": {"sortBy": {"v": 1}, "output": {"v": {"$sum": "$_id", "window": {"range": [-1, "current"]}}, "o": {"$shift": {"output": "$l", "by": -1}}}}}`,
	`{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"v": {"$linearFill": "$v"}, "l": {"$derivative": {"input": "$v"}, "window": {"documents": ["unbounded", 0]}}, "o": {"$expMovingAvg": {"input": "$v", "N": 2}}}}}`,
	`{"$redact": {"$cond": [{"$gt": ["$v", 1]}, "$$DESCEND", "$$PRUNE"]}}`, `{"$redact": "$$DESCEND"}`,
	`{"$densify": {"field": "v", "partitionByFields": ["o.a"], "range": {"step": 0.5, "bounds": "partition"}}}`, `{"$densify": {"field": "_id", "range": {"step": 1, "bounds": [0, 6]}}}`,
	`{"$fill": {"sortBy": {"_id": 1}, "partitionByFields": ["l"], "output": {"v": {"method": "linear"}, "o.a": {"value": "$v"}, "l": {"method": "locf"}}}}`,
}

// FuzzStages checks that pipelines of any stages end in well-formed rows or a proper error, with every cursor closed.
func FuzzStages(f *testing.F) {
	for i := range stagePieces {
		f.Add([]byte{byte(i)})
		f.Add([]byte{byte(i), byte(i*7 + 3), 200, byte(i*5 + 1), byte(i * 3)})
	}
	var pieces []bson.Raw
	for _, text := range stagePieces {
		pieces = append(pieces, documents(f, "["+text+"]")...)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 24 {
			return
		}
		p, err := pipeline.Parse(compose(t, pieces, &data, 0))
		if err != nil {
			checkReason(t, err)
			return
		}
		m := source(t, map[string]string{
			"c": `[{"_id": 1, "v": 3, "l": [{"p": 1}, {"p": [2, 3]}, 5], "o": {"a": [1, 2]}}, {"_id": 2, "v": null, "l": []}, {"_id": 3, "o": {"a": null}}, {"_id": 4, "v": 1.5, "l": "x"}]`,
			"d": `[{"_id": 1, "v": 2, "l": {"p": 1}}, {"_id": 2, "v": 3}, {"_id": 3}]`,
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		rows, err := p.Run(ctx, "c", m, pipeline.Options{MemoryLimit: 1 << 20})
		if err == nil {
			for rows.Next(ctx) {
				if err := rows.Current().Validate(); err != nil {
					t.Fatalf("a row is malformed: %v", err)
				}
			}
			err = rows.Err()
			if failure := rows.Close(); failure != nil {
				t.Fatal(failure)
			}
		}
		if err != nil {
			checkReason(t, err)
		}
		if m.open != 0 {
			t.Fatalf("%d cursors are left open", m.open)
		}
	})
}

// compose takes stages by the bytes of data; high bytes nest what follows in a stage that has pipelines.
func compose(t *testing.T, pieces []bson.Raw, data *[]byte, depth int) []bson.Raw {
	stages := []bson.Raw{}
	for len(*data) > 0 {
		b := (*data)[0]
		*data = (*data)[1:]
		var nested bson.D
		switch {
		case b < 200:
			stages = append(stages, pieces[int(b)%len(pieces)])
			continue
		case depth == 3 || b > 240:
			return stages
		}
		inner := compose(t, pieces, data, depth+1)
		switch b % 3 {
		case 0:
			nested = bson.D{{Key: "$facet", Value: bson.D{{Key: "v", Value: inner}, {Key: "l", Value: bson.A{}}}}}
		case 1:
			nested = bson.D{{Key: "$unionWith", Value: bson.D{{Key: "coll", Value: "d"}, {Key: "pipeline", Value: inner}}}}
		default:
			nested = bson.D{{Key: "$lookup", Value: bson.D{{Key: "from", Value: "d"}, {Key: "let", Value: bson.D{{Key: "x", Value: "$v"}}}, {Key: "pipeline", Value: inner}, {Key: "as", Value: "l"}}}}
		}
		raw, err := bson.Marshal(nested)
		if err != nil {
			t.Fatal(err)
		}
		stages = append(stages, raw)
	}
	return stages
}

func checkReason(t *testing.T, err error) {
	switch reason := yunduo.ReasonOf(err); reason {
	case invalid, unknown, failed, yunduo.ReasonInvalidFilter, yunduo.ReasonQueryTooExpensive, yunduo.ReasonTimeout:
	default:
		t.Fatalf("reason %s: %v", reason, err)
	}
}
