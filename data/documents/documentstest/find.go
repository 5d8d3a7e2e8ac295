package documentstest

import (
	"context"
	"errors"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

var findTests = map[string]func(f *fixture){
	"OrderOfID": func(f *fixture) {
		oid := bson.ObjectID{1}
		f.insert(d("_id", "b"), d("_id", oid), d("_id", 10), d("_id", -1.5), d("_id", "a"), d("_id", true), d("_id", int64(2)))
		want := texts(f, d("_id", -1.5), d("_id", int64(2)), d("_id", 10), d("_id", "a"), d("_id", "b"), d("_id", oid), d("_id", true))
		require.Equal(f, want, f.all())
		require.Equal(f, want, f.find(nil, d("_id", 1)))
		require.Equal(f, reversed(want), f.find(nil, d("_id", -1)))
	},
	"Filter": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1), d("_id", 2, "a", 2), d("_id", 3, "a", bson.A{1, 5}), d("_id", 4))
		require.Equal(f, texts(f, d("_id", 1, "a", 1), d("_id", 3, "a", bson.A{1, 5})), f.find(d("a", 1), nil))
		require.Equal(f, texts(f, d("_id", 2, "a", 2), d("_id", 3, "a", bson.A{1, 5})), f.find(d("a", d("$gt", 1)), nil))
		require.Equal(f, texts(f, d("_id", 4)), f.find(d("a", nil), nil))
		require.Empty(f, f.find(d("a", 99), nil))
	},
	"ByID": func(f *fixture) {
		f.insert(d("_id", 1), d("_id", 2), d("_id", 3), d("_id", "x"))
		require.Equal(f, texts(f, d("_id", 2)), f.find(d("_id", 2), nil))
		require.Equal(f, texts(f, d("_id", 2)), f.find(d("_id", 2.0), nil))
		require.Empty(f, f.find(d("_id", 9), nil))
		require.Equal(f, texts(f, d("_id", 1), d("_id", 3)), f.find(d("_id", d("$in", bson.A{3, 9, 1, 3})), nil))
		require.Equal(f, texts(f, d("_id", 3), d("_id", 1)), f.find(d("_id", d("$in", bson.A{3, 9, 1})), d("_id", -1)))
		require.Equal(f, texts(f, d("_id", 2), d("_id", 3)), f.find(d("_id", d("$gte", 2)), nil))
		require.Equal(f, texts(f, d("_id", 2)), f.find(d("_id", d("$gt", 1, "$lt", 3)), nil))
		require.Empty(f, f.find(d("_id", d("$in", bson.A{})), nil))
	},
	"SortTiesByID": func(f *fixture) {
		f.insert(d("_id", 5, "a", 1), d("_id", 1, "a", 2), d("_id", 3, "a", 1), d("_id", 2, "a", 2), d("_id", 4))
		require.Equal(f, texts(f, d("_id", 4), d("_id", 3, "a", 1), d("_id", 5, "a", 1), d("_id", 1, "a", 2), d("_id", 2, "a", 2)), f.find(nil, d("a", 1)))
		require.Equal(f, texts(f, d("_id", 1, "a", 2), d("_id", 2, "a", 2), d("_id", 3, "a", 1), d("_id", 5, "a", 1), d("_id", 4)), f.find(nil, d("a", -1)))
		require.Equal(f, texts(f, d("_id", 2, "a", 2), d("_id", 1, "a", 2), d("_id", 5, "a", 1), d("_id", 3, "a", 1), d("_id", 4)), f.find(nil, d("a", -1, "_id", -1)))
	},
	"SkipAndLimit": func(f *fixture) {
		for i := range 10 {
			f.insert(d("_id", i, "a", -i))
		}
		for _, sort := range []any{nil, d("a", -1)} {
			require.Equal(f, texts(f, d("_id", 3, "a", -3), d("_id", 4, "a", -4)), f.found(f.e, driver.Find{Sort: f.sort(sort), Skip: 3, Limit: 2}))
			require.Equal(f, texts(f, d("_id", 9, "a", -9)), f.found(f.e, driver.Find{Sort: f.sort(sort), Skip: 9, Limit: 5}))
			require.Empty(f, f.found(f.e, driver.Find{Sort: f.sort(sort), Skip: 10}))
			require.Len(f, f.found(f.e, driver.Find{Sort: f.sort(sort), Skip: 2}), 8)
		}
	},
	"Projection": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1, "b", d("c", 2, "e", 3)))
		require.Equal(f, texts(f, d("_id", 1, "b", d("c", 2))), f.found(f.e, driver.Find{Projection: f.projection(d("b.c", 1))}))
		require.Equal(f, texts(f, d("b", d("c", 2, "e", 3))), f.found(f.e, driver.Find{Projection: f.projection(d("_id", 0, "a", 0))}))
	},
	"CursorSeesOneState": func(f *fixture) {
		for i := range 500 {
			f.insert(d("_id", i, "a", 1))
		}
		c, err := f.e.Find(f.ctx, f.ns, driver.Find{})
		require.NoError(f, err)
		require.True(f, c.Next(f.ctx))
		f.update(nil, d("$set", d("a", 2)), true)
		f.insert(d("_id", 1000))
		n := 1
		for c.Next(f.ctx) {
			require.EqualValues(f, 1, c.Current().Lookup("a").AsInt64())
			n++
		}
		require.NoError(f, c.Err())
		require.NoError(f, c.Close())
		require.Equal(f, 500, n)
	},
	"ClosedCursorEnds": func(f *fixture) {
		f.insert(d("_id", 1), d("_id", 2))
		c, err := f.e.Find(f.ctx, f.ns, driver.Find{})
		require.NoError(f, err)
		require.True(f, c.Next(f.ctx))
		require.NoError(f, c.Close())
		require.NoError(f, c.Close())
		require.False(f, c.Next(f.ctx))
		require.NoError(f, c.Err())
	},
	"CanceledContext_Refused": func(f *fixture) {
		f.insert(d("_id", 1))
		ctx, cancel := context.WithCancel(f.ctx)
		c, err := f.e.Find(ctx, f.ns, driver.Find{})
		require.NoError(f, err)
		cancel()
		require.False(f, c.Next(ctx))
		require.True(f, errors.Is(c.Err(), context.Canceled))
		require.NoError(f, c.Close())
		_, err = f.e.Find(ctx, f.ns, driver.Find{})
		f.reason(yunduo.ReasonCanceled, err)
	},
}

func reversed(list []string) []string {
	out := make([]string, 0, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		out = append(out, list[i])
	}
	return out
}
