package documentstest

import (
	"github.com/stretchr/testify/require"

	"yunduo/data/documents/driver"
)

var deleteTests = map[string]func(f *fixture){
	"One": func(f *fixture) {
		f.insert(d("_id", 2, "a", 1), d("_id", 1, "a", 1), d("_id", 3, "a", 2))
		r, err := f.e.Delete(f.ctx, f.ns, driver.Delete{Filter: f.filter(d("a", 1)), Return: driver.ReturnBefore}, driver.WriteOptions{})
		require.NoError(f, err)
		require.EqualValues(f, 1, r.Deleted)
		require.Equal(f, text(f, raw(d("_id", 1, "a", 1))), text(f, r.Document))
		require.Equal(f, texts(f, d("_id", 2, "a", 1), d("_id", 3, "a", 2)), f.all())
	},
	"FirstBySort": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1), d("_id", 2, "a", 3), d("_id", 3, "a", 2))
		_, err := f.e.Delete(f.ctx, f.ns, driver.Delete{Sort: f.sort(d("a", -1))}, driver.WriteOptions{})
		require.NoError(f, err)
		require.Equal(f, texts(f, d("_id", 1, "a", 1), d("_id", 3, "a", 2)), f.all())
	},
	"Many": func(f *fixture) {
		for i := range 600 {
			f.insert(d("_id", i, "a", i%3))
		}
		r, err := f.e.Delete(f.ctx, f.ns, driver.Delete{Filter: f.filter(d("a", d("$gt", 0))), Multi: true}, driver.WriteOptions{})
		require.NoError(f, err)
		require.EqualValues(f, 400, r.Deleted)
		n, err := f.e.Count(f.ctx, f.ns, nil, "")
		require.NoError(f, err)
		require.EqualValues(f, 200, n)
		r, err = f.e.Delete(f.ctx, f.ns, driver.Delete{Multi: true}, driver.WriteOptions{})
		require.NoError(f, err)
		require.EqualValues(f, 200, r.Deleted)
		require.Empty(f, f.all())
		list, err := f.e.Collections(f.ctx, f.ns.App)
		require.NoError(f, err)
		require.Zero(f, list[0].Documents)
		require.Zero(f, list[0].Bytes)
	},
	"Nothing": func(f *fixture) {
		for _, filter := range []any{d("_id", 1), d("a", 1)} {
			r, err := f.e.Delete(f.ctx, f.ns, driver.Delete{Filter: f.filter(filter), Return: driver.ReturnBefore}, driver.WriteOptions{})
			require.NoError(f, err)
			require.Equal(f, driver.DeleteResult{}, r)
		}
	},
	"InsertAgain": func(f *fixture) {
		f.createIndex(driver.Index{Name: "a", Fields: fields("a"), Unique: true})
		for i := range 5 {
			f.insert(d("_id", 1, "a", 1, "n", i))
			r, err := f.e.Delete(f.ctx, f.ns, driver.Delete{Filter: f.filter(d("a", 1))}, driver.WriteOptions{})
			require.NoError(f, err)
			require.EqualValues(f, 1, r.Deleted)
		}
		require.Empty(f, f.find(d("a", 1), nil))
	},
}
