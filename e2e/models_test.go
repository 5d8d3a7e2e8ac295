package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Data models are collections, to the engine too; the vendor's package for them asks a function that is not there.
func TestModels_AreCollections(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	require.NoError(t, w.owner().CreateCollection(t.Context(), "post"))
	w.deployMain(t, "models", `
	const { post } = cloud.models
	const ids = (await post.createMany({ data: [{ title: 'One.', n: 1 }, { title: 'two', n: 2 }, { title: 'three', n: 3, tag: 'x' }] })).data.idList
	const titles = async (where, more) => (await post.list({ filter: { where }, orderBy: [{ n: 'desc' }], ...more })).data.records.map(record => record.title)
	const a = { count: ids.length }
	a.paged = await post.list({ pageSize: 2, pageNumber: 2, orderBy: [{ n: 'asc' }], getCount: true, select: { title: true } }).then(({ data }) => [data.total, data.records.map(record => [record.title, record.n === undefined])])
	a.search = await titles({ title: { $search: 'e.' } })
	a.insensitive = await titles({ title: { $search_ci: 'ONE' } })
	a.without = await titles({ title: { $nsearch: 'e' } })
	a.empty = await titles({ $and: [{ tag: { $empty: true } }, { n: { $lte: 2 } }] })
	a.either = await titles({ $or: [{ tag: { $nempty: true } }, { n: { $in: [1] } }] })
	a.changed = (await post.update({ filter: { where: { _id: { $eq: ids[0] } } }, data: { n: 10 } })).data.count
	const one = (await post.get({ filter: { where: { _id: { $eq: ids[0] } } } })).data
	a.one = [one.n, one.title, one.createdAt > 0, one.updatedAt >= one.createdAt]
	a.upsert = [(await post.upsert({ filter: { where: { n: { $eq: 10 } } }, update: { n: 11 }, create: { n: 12 } })).data, typeof (await post.upsert({ filter: { where: { n: { $eq: 99 } } }, update: { n: 11 }, create: { n: 12, title: 'four' } })).data.id]
	a.deleted = (await post.deleteMany({ filter: { where: { n: { $gt: 10 } } } })).data.count
	a.vendor = (await cloud.callFunction({ name: 'lowcode-datasource', data: { dataSourceName: 'post', methodName: 'wedaGetRecordsV2', params: { filter: { where: {} }, select: { $master: true }, getCount: true }, envType: 'prod' } })).result.data.total
	a.none = (await post.get({ filter: { where: { n: { $eq: 77 } } } })).data
	return a`)
	require.Equal(t, map[string]any{
		"count": 3.0, "paged": []any{3.0, []any{[]any{"three", true}}}, "search": []any{"One."}, "insensitive": []any{"One."}, "without": []any{"two"},
		"empty": []any{"two", "One."}, "either": []any{"three", "One."}, "changed": 1.0, "one": []any{10.0, "One.", true, true},
		"upsert": []any{map[string]any{"count": 1.0, "id": ""}, "string"}, "deleted": 2.0, "vendor": 2.0, "none": map[string]any{},
	}, w.invoke(t, "li", "models", map[string]any{}))
}
