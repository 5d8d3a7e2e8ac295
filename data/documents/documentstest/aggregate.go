package documentstest

import (
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
)

var aggregateTests = map[string]func(f *fixture){
	"MatchGroupSort": func(f *fixture) {
		for i := range 30 {
			f.insert(d("_id", i, "a", i%3))
		}
		c, err := f.e.Aggregate(f.ctx, f.ns, f.pipeline(
			d("$match", d("a", d("$gt", 0))), d("$group", d("_id", "$a", "n", d("$sum", 1))), d("$sort", d("_id", -1))), "")
		require.NoError(f, err)
		require.Equal(f, texts(f, d("_id", 2, "n", 10), d("_id", 1, "n", 10)), f.drain(c))
	},
	"Lookup": func(f *fixture) {
		orders := f.other("orders")
		f.insert(d("_id", 1), d("_id", 2))
		require.NoError(f, f.e.Insert(f.ctx, orders, raws(nil), driver.WriteOptions{}))
		require.NoError(f, f.e.Insert(f.ctx, orders, []bson.Raw{raw(d("_id", 10, "who", 1)), raw(d("_id", 11, "who", 1))}, driver.WriteOptions{}))
		c, err := f.e.Aggregate(f.ctx, f.ns, f.pipeline(
			d("$lookup", d("from", "orders", "localField", "_id", "foreignField", "who", "as", "orders")), d("$project", d("n", d("$size", "$orders")))), "")
		require.NoError(f, err)
		require.Equal(f, texts(f, d("_id", 1, "n", 2), d("_id", 2, "n", 0)), f.drain(c))
	},
	"LookupIntoNothing": func(f *fixture) {
		f.insert(d("_id", 1))
		c, err := f.e.Aggregate(f.ctx, f.ns, f.pipeline(
			d("$lookup", d("from", "none", "localField", "_id", "foreignField", "who", "as", "orders")), d("$project", d("n", d("$size", "$orders")))), "")
		require.NoError(f, err)
		require.Equal(f, texts(f, d("_id", 1, "n", 0)), f.drain(c))
	},
	"WithIndex": func(f *fixture) {
		f.createIndex(driver.Index{Name: "a", Fields: fields("a")})
		for i := range 100 {
			f.insert(d("_id", i, "a", 100-i))
		}
		c, err := f.e.Aggregate(f.ctx, f.ns, f.pipeline(d("$match", d("a", d("$gt", 10))), d("$sort", d("a", 1)), d("$limit", 2)), "")
		require.NoError(f, err)
		require.Equal(f, texts(f, d("_id", 89, "a", 11), d("_id", 88, "a", 12)), f.drain(c))
	},
}
