package expr_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/expr"
)

func BenchmarkEval(b *testing.B) {
	doc := bson.Raw(parseValue(b, document).Value)
	for name, text := range map[string]string{
		"path":         `"$o.b.c"`,
		"arithmetic":   `{"$multiply": [{"$add": ["$i", 1]}, "$d"]}`,
		"condition":    `{"$cond": [{"$and": [{"$gt": ["$i", 3]}, {"$eq": ["$s", "Hello"]}]}, "$i", "$d"]}`,
		"filter":       `{"$filter": {"input": "$a", "as": "x", "cond": {"$gte": ["$$x", 2]}}}`,
		"dateToString": `{"$dateToString": {"date": "$at", "format": "%Y-%m-%d", "timezone": "Asia/Shanghai"}}`,
		"object":       `{"a": "$i", "b": ["$s", "$d"], "c": {"d": "$t"}}`,
	} {
		b.Run(name, func(b *testing.B) {
			e, err := expr.Parse(parseValue(b, text))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Eval(doc, expr.Vars{Now: now}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	v := parseValue(b, `{"$cond": [{"$and": [{"$gt": ["$i", 3]}, {"$eq": ["$s", "Hello"]}]}, "$i", "$d"]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := expr.Parse(v); err != nil {
			b.Fatal(err)
		}
	}
}
