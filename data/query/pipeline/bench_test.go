package pipeline_test

import (
	"context"
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/pipeline"
)

// slice is a source of one collection that copies nothing.
type slice []bson.Raw

func (s slice) Find(_ context.Context, _ string, filter *query.Filter, _ *query.Sort, _ int64) (pipeline.Cursor, error) {
	return &sliceCursor{rest: s, filter: filter}, nil
}

type sliceCursor struct {
	rest    []bson.Raw
	filter  *query.Filter
	current bson.Raw
}

func (c *sliceCursor) Next(context.Context) bool {
	for len(c.rest) > 0 {
		c.current, c.rest = c.rest[0], c.rest[1:]
		if ok, _ := c.filter.Match(c.current); ok {
			return true
		}
	}
	return false
}

func (c *sliceCursor) Current() bson.Raw { return c.current }
func (c *sliceCursor) Err() error        { return nil }
func (c *sliceCursor) Close() error      { return nil }

func BenchmarkPipeline(b *testing.B) {
	const n = 100_000
	docs := make(slice, n)
	for i := range docs {
		raw, err := bson.Marshal(bson.D{
			{Key: "_id", Value: int64(i)}, {Key: "who", Value: fmt.Sprintf("user%d", i%1000)}, {Key: "total", Value: int32(i % 997)},
			{Key: "tags", Value: bson.A{"a", "b", "c"}}, {Key: "size", Value: bson.D{{Key: "w", Value: 2.5}, {Key: "h", Value: int32(i % 7)}}},
			{Key: "text", Value: "some words that make the document about as long as usual documents are, more or less"},
		})
		if err != nil {
			b.Fatal(err)
		}
		docs[i] = raw
	}
	for _, c := range []struct{ name, stages string }{
		{"group sum", `[{"$group": {"_id": "$who", "n": {"$sum": 1}, "total": {"$sum": "$total"}, "max": {"$max": "$total"}}}]`},
		{"group null", `[{"$group": {"_id": null, "avg": {"$avg": "$total"}}}]`},
		{"match project", `[{"$match": {"total": {"$gte": 500}}}, {"$project": {"who": 1, "area": {"$multiply": ["$size.w", "$size.h"]}}}]`},
		{"unwind group", `[{"$unwind": "$tags"}, {"$group": {"_id": "$tags", "n": {"$sum": 1}}}]`},
		{"sort limit", `[{"$unwind": "$_id"}, {"$sort": {"total": -1}}, {"$limit": 20}]`},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, err := pipeline.Parse(documents(b, c.stages))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				rows, err := p.Run(b.Context(), "c", docs, pipeline.Options{MemoryLimit: 1 << 30})
				if err != nil {
					b.Fatal(err)
				}
				for rows.Next(b.Context()) {
				}
				if rows.Err() != nil {
					b.Fatal(rows.Err())
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "docs/s")
		})
	}
}
