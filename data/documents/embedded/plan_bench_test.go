package embedded_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
)

// BenchmarkChoose shows what choosing among competing indexes adds to a find of one document: 1, 2 or 5 indexes serve
// the filter, each leading to 100 of 10,000 documents.
func BenchmarkChoose(b *testing.B) {
	e := openIn(b, b.TempDir(), options(nil))
	require.NoError(b, e.CreateCollection(b.Context(), things, driver.CollectionOptions{}))
	for i := range 10_000 {
		doc := bson.D{{Key: "_id", Value: i}}
		for k := range 5 {
			doc = append(doc, bson.E{Key: fmt.Sprint("f", k), Value: i % 100})
		}
		require.NoError(b, e.Insert(b.Context(), things, []bson.Raw{mustRaw(doc)}, driver.WriteOptions{Silent: true}))
	}
	for k := range 5 {
		require.NoError(b, e.CreateIndex(b.Context(), things, driver.Index{Name: fmt.Sprint(k), Fields: []driver.IndexField{{Path: fmt.Sprint("f", k)}}}))
	}
	for _, indexes := range []int{1, 2, 5} {
		b.Run(fmt.Sprint(indexes), func(b *testing.B) {
			filter := bson.D{}
			for k := range indexes {
				filter = append(filter, bson.E{Key: fmt.Sprint("f", k), Value: 7})
			}
			find := driver.Find{Filter: mustFilter(filter), Limit: 1}
			for b.Loop() {
				if read(b, e, things, find) != 1 {
					b.Fatal("not one")
				}
			}
		})
	}
	require.NoError(b, e.Close())
}
