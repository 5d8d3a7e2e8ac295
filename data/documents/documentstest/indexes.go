package documentstest

import (
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

var indexTests = map[string]func(f *fixture){
	"CreateListDrop": func(f *fixture) {
		b := driver.Index{Name: "b", Fields: fields("x", "-y.z"), Unique: true, Sparse: true}
		a := driver.Index{Name: "a", Fields: fields("at"), ExpireAfter: time.Hour}
		f.createIndex(b)
		f.createIndex(a)
		f.createIndex(b) // equal: no error
		list, err := f.e.Indexes(f.ctx, f.ns)
		require.NoError(f, err)
		require.Equal(f, []driver.Index{a, b}, list)
		b.Unique = false
		f.reason(yunduo.ReasonInvalidIndex, f.e.CreateIndex(f.ctx, f.ns, b))
		require.NoError(f, f.e.DropIndex(f.ctx, f.ns, "a"))
		f.reason(yunduo.ReasonIndexNotFound, f.e.DropIndex(f.ctx, f.ns, "a"))
		list, err = f.e.Indexes(f.ctx, f.ns)
		require.NoError(f, err)
		require.Len(f, list, 1)
	},
	"BadDefinitions_Refused": func(f *fixture) {
		for name, index := range map[string]driver.Index{
			"no name":         {Fields: fields("a")},
			"no fields":       {Name: "a"},
			"same field":      {Name: "a", Fields: fields("a", "-a")},
			"empty component": {Name: "a", Fields: fields("a..b")},
			"empty path":      {Name: "a", Fields: []driver.IndexField{{}}},
			"negative expiry": {Name: "a", Fields: fields("a"), ExpireAfter: -1},
		} {
			require.Equal(f, yunduo.ReasonInvalidIndex, yunduo.ReasonOf(f.e.CreateIndex(f.ctx, f.ns, index)), name)
		}
	},
	"OnExistingDocuments": func(f *fixture) {
		for i := range 300 {
			f.insert(d("_id", i, "a", i%10))
		}
		f.createIndex(driver.Index{Name: "a", Fields: fields("a")})
		require.Len(f, f.find(d("a", 3), nil), 30)
		f.uses("a", driver.Find{Filter: f.filter(d("a", 3))}, 30)
	},
	"UniqueOnExisting_Refused": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1), d("_id", 2, "a", 1))
		index := driver.Index{Name: "a", Fields: fields("a"), Unique: true}
		f.reason(yunduo.ReasonDuplicateKey, f.e.CreateIndex(f.ctx, f.ns, index))
		list, err := f.e.Indexes(f.ctx, f.ns)
		require.NoError(f, err)
		require.Empty(f, list)
		f.update(d("_id", 2), d("$set", d("a", 2)), false)
		f.createIndex(index)
		require.Equal(f, texts(f, d("_id", 2, "a", 2)), f.find(d("a", 2), nil))
	},
	"Unique": func(f *fixture) {
		f.createIndex(driver.Index{Name: "ab", Fields: fields("a", "b"), Unique: true})
		f.insert(d("_id", 1, "a", 1, "b", 1), d("_id", 2, "a", 1, "b", 2), d("_id", 3, "a", 1))
		for _, doc := range []bson.D{d("_id", 4, "a", 1.0, "b", 1), d("_id", 4, "a", 1, "b", nil), d("_id", 4, "a", 1)} {
			f.reason(yunduo.ReasonDuplicateKey, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(doc)}, driver.WriteOptions{}))
		}
		f.reason(yunduo.ReasonDuplicateKey, f.e.Insert(f.ctx, f.ns, raws([]bson.D{d("_id", 5, "a", 5), d("_id", 6, "a", 5)}), driver.WriteOptions{}))
		require.Len(f, f.all(), 3)
	},
	"UniqueMultikey": func(f *fixture) {
		f.createIndex(driver.Index{Name: "tags", Fields: fields("tags"), Unique: true})
		f.insert(d("_id", 1, "tags", bson.A{"a", "b", "a"}))
		f.reason(yunduo.ReasonDuplicateKey, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 2, "tags", bson.A{"c", "b"}))}, driver.WriteOptions{}))
		f.insert(d("_id", 2, "tags", bson.A{"c"}))
		f.update(d("_id", 1), d("$set", d("tags", bson.A{"b"})), false)
		f.insert(d("_id", 3, "tags", "a"))
		require.Equal(f, texts(f, d("_id", 3, "tags", "a")), f.find(d("tags", "a"), nil))
	},
	"UniqueSparse": func(f *fixture) {
		f.createIndex(driver.Index{Name: "a", Fields: fields("a"), Unique: true, Sparse: true})
		f.insert(d("_id", 1), d("_id", 2), d("_id", 3, "a", nil))
		f.reason(yunduo.ReasonDuplicateKey, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 4, "a", nil))}, driver.WriteOptions{}))
		require.Len(f, f.find(d("a", nil), nil), 3)
		require.Len(f, f.find(d("a", d("$exists", false)), nil), 2)
		require.Len(f, f.find(nil, d("a", 1)), 3)
	},
	"Multikey": func(f *fixture) {
		f.createIndex(driver.Index{Name: "n", Fields: fields("n")})
		f.createIndex(driver.Index{Name: "items.q", Fields: fields("items.q")})
		f.insert(d("_id", 1, "n", bson.A{1, 10}), d("_id", 2, "n", 5), d("_id", 3, "n", bson.A{}), d("_id", 4, "items", bson.A{d("q", 1), d("q", 9)}))
		require.Equal(f, texts(f, d("_id", 1, "n", bson.A{1, 10}), d("_id", 2, "n", 5)), f.find(d("n", d("$gt", 3, "$lt", 7)), nil))
		require.Equal(f, texts(f, d("_id", 1, "n", bson.A{1, 10})), f.find(d("n", bson.A{1, 10}), nil))
		require.Equal(f, texts(f, d("_id", 3, "n", bson.A{})), f.find(d("n", bson.A{}), nil))
		require.Len(f, f.find(d("items.q", d("$gte", 1)), nil), 1)
		require.Len(f, f.find(nil, d("n", -1)), 4)
	},
	"ParallelArrays_Refused": func(f *fixture) {
		f.createIndex(driver.Index{Name: "ab", Fields: fields("a", "b")})
		f.reason(yunduo.ReasonInvalidDocument, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1, "a", bson.A{1}, "b", bson.A{1}))}, driver.WriteOptions{}))
		f.insert(d("_id", 1, "a", bson.A{1, 2}, "b", 1))
	},
	"LongValues_Refused": func(f *fixture) {
		f.createIndex(driver.Index{Name: "a", Fields: fields("a")})
		f.reason(yunduo.ReasonInvalidDocument, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1, "a", string(make([]byte, 40<<10))))}, driver.WriteOptions{}))
	},
	"ManyOfOneValue": manyOfOneValueTest,
	"CheapestPlan":   cheapestPlanTest,
	"MergedRanges":   mergedRangesTest,
	"Explain":        explainTest,
}

// uses requires that an engine which explains itself reads this index and as many documents.
func (f *fixture) uses(index string, find driver.Find, documents int64) {
	f.Helper()
	x, ok := f.e.(driver.Explainer)
	if !ok {
		return
	}
	got, err := x.Explain(f.ctx, f.ns, find, false)
	require.NoError(f, err)
	require.Equal(f, index, got.Index)
	require.Equal(f, documents, got.DocumentsExamined)
}

func explainTest(f *fixture) {
	for i := range 200 {
		f.insert(d("_id", i, "a", i%10, "b", i%20, "c", i))
	}
	f.createIndex(driver.Index{Name: "ab", Fields: fields("a", "b")})
	f.createIndex(driver.Index{Name: "a-c", Fields: fields("a", "-c")})
	f.createIndex(driver.Index{Name: "c", Fields: fields("c"), Unique: true})
	for _, c := range []struct {
		filter, sort any
		limit        int64
		index        string
		documents    int64
	}{
		{d("_id", 5), nil, 0, "_id", 1},
		{d("_id", d("$gte", 190)), nil, 0, "_id", 10},
		{d("x", 1), nil, 0, "", 200},
		{d("a", 3, "b", 13), nil, 0, "ab", 10},
		{d("a", 3, "b", d("$gt", 12)), nil, 0, "ab", 10},
		{d("a", 3), d("c", -1), 5, "a-c", 5},
		{d("a", 3), d("c", 1), 5, "a-c", 5},
		{d("c", 7, "a", d("$gt", 1)), nil, 0, "c", 1},
		{nil, d("c", -1), 3, "c", 3},
		{d("c", d("$in", bson.A{1, 2, 500})), nil, 0, "c", 2},
		{d("a", d("$in", bson.A{1, 2}), "b", 11), nil, 0, "ab", 10},
		{d("$or", bson.A{d("c", 7), d("a", 3, "b", 3)}), nil, 0, "c", 11},
		{d("$or", bson.A{d("c", 7), d("x", 3)}), nil, 0, "", 200},
	} {
		f.uses(c.index, driver.Find{Filter: f.filter(c.filter), Sort: f.sort(c.sort), Limit: c.limit}, c.documents)
	}
}

// manyOfOneValueTest reads long runs of equal keys in all orders: one that is longer than an engine may hold in memory,
// 4,096 entries, and one that is not.
func manyOfOneValueTest(f *fixture) {
	var docs []bson.Raw
	for i := range 4600 {
		docs = append(docs, raw(d("_id", i, "a", min(i%12, 1), "b", i%3)))
	}
	require.NoError(f, f.e.Insert(f.ctx, f.ns, docs, driver.WriteOptions{}))
	type question struct {
		filter, sort any
	}
	questions := []question{
		{nil, d("a", 1)}, {nil, d("a", -1)}, {nil, d("a", 1, "_id", -1)}, {nil, d("a", -1, "_id", -1)},
		{d("a", 1), nil}, {d("a", 1), d("_id", -1)}, {d("a", d("$in", bson.A{0, 1})), d("a", -1)},
		{d("a", d("$gte", 0)), nil}, {d("b", 2), d("a", -1)}, {d("$or", bson.A{d("a", 1), d("a", 0)}), d("_id", -1)},
	}
	answer := func(q question) (list []int64) {
		for _, doc := range f.rawFound(driver.Find{Filter: f.filter(q.filter), Sort: f.sort(q.sort)}) {
			list = append(list, doc.Lookup("_id").AsInt64())
		}
		return list
	}
	var want [][]int64
	for _, q := range questions {
		want = append(want, answer(q))
	}
	for _, index := range []driver.Index{{Name: "a", Fields: fields("a")}, {Name: "ab", Fields: fields("a", "b")}} {
		f.createIndex(index)
		for i, q := range questions {
			require.Equal(f, want[i], answer(q), "%v", q)
		}
		require.NoError(f, f.e.DropIndex(f.ctx, f.ns, index.Name))
	}
}

// cheapestPlanTest: of several indexes the one that leads to the least work is used, whatever kind of condition it
// serves.
func cheapestPlanTest(f *fixture) {
	var docs []bson.Raw
	for i := range 3000 {
		docs = append(docs, raw(d("_id", i, "half", i%2, "few", i%300, "n", i)))
	}
	require.NoError(f, f.e.Insert(f.ctx, f.ns, docs, driver.WriteOptions{}))
	for _, path := range []string{"half", "few", "n"} {
		f.createIndex(driver.Index{Name: path, Fields: fields(path)})
	}
	for _, c := range []struct {
		filter, sort any
		limit        int64
		index        string
		documents    int64
	}{
		{d("half", 1, "n", d("$lt", 20)), nil, 0, "n", 20},                       // a narrow range before a wide equality
		{d("half", 1, "few", 7), nil, 0, "few", 10},                              // the narrower equality
		{d("few", 7, "n", d("$gte", 0)), nil, 0, "few", 10},                      // an equality before a wide range
		{d("few", 7), d("n", -1), 3, "few", 10},                                  // sorting ten is less than looking for them in order
		{d("half", 1), d("n", -1), 3, "n", 5},                                    // and looking is less than sorting a half
		{d("_id", d("$gte", 10), "few", 7), nil, 0, "few", 10},                   // nor does a wide range of _id win
		{d("_id", d("$lt", 10), "half", 1), nil, 0, "_id", 10},                   // but a narrow one
		{d("$or", bson.A{d("few", 7), d("n", 9)}, "half", 1), nil, 0, "few", 11}, // branches before what is common to all
	} {
		find := driver.Find{Filter: f.filter(c.filter), Sort: f.sort(c.sort), Limit: c.limit}
		f.uses(c.index, find, c.documents)
	}
}

// mergedRangesTest: the ranges of $in are read side by side where each is in the wanted order.
func mergedRangesTest(f *fixture) {
	var docs []bson.Raw
	for i := range 1200 {
		docs = append(docs, raw(d("_id", (i*7919)%10007, "a", i%6, "b", i%40, "c", i%3)))
	}
	require.NoError(f, f.e.Insert(f.ctx, f.ns, docs, driver.WriteOptions{}))
	f.createIndex(driver.Index{Name: "ab", Fields: fields("a", "-b", "c")})
	for _, c := range []struct {
		filter, sort any
		documents    int64 // at most
	}{
		{d("a", d("$in", bson.A{1, 3, 5})), d("b", 1), 13},
		{d("a", d("$in", bson.A{1, 3, 5})), d("b", -1, "c", 1), 13},
		{d("a", d("$in", bson.A{1, 3, 5}), "b", d("$gt", 20)), d("b", 1, "_id", -1), 13},
		{d("a", d("$in", bson.A{5, 1})), d("a", -1, "b", 1), 13},
	} {
		find := driver.Find{Filter: f.filter(c.filter), Sort: f.sort(c.sort), Limit: 10}
		natural := find
		natural.Hint = driver.HintNatural
		require.Equal(f, f.rawFound(natural), f.rawFound(find), "%v %v", c.filter, c.sort)
		if x, ok := f.e.(driver.Explainer); ok {
			got, err := x.Explain(f.ctx, f.ns, find, false)
			require.NoError(f, err)
			require.False(f, got.BlockingSort)
			require.LessOrEqual(f, got.DocumentsExamined, c.documents, "%v %v", c.filter, c.sort)
		}
	}
}
