package documentstest

import (
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

var partialTests = map[string]func(f *fixture){
	"OnlyMatchesAreUnique": func(f *fixture) {
		f.createIndex(driver.Index{Name: "k", Fields: fields("k"), Unique: true, Partial: raw(d("open", true))})
		f.insert(d("_id", 1, "k", 1, "open", true), d("_id", 2, "k", 1, "open", false), d("_id", 3, "k", 1))
		f.reason(yunduo.ReasonDuplicateKey, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 4, "k", 1, "open", true))}, driver.WriteOptions{}))
		_, err := f.e.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(d("_id", 2)), Change: f.change(d("$set", d("open", true)))}, driver.WriteOptions{})
		f.reason(yunduo.ReasonDuplicateKey, err)
		f.update(d("_id", 1), d("$set", d("open", false)), false)
		f.update(d("_id", 2), d("$set", d("open", true)), false)
		require.Len(f, f.find(d("k", 1), nil), 3)
		require.Len(f, f.find(d("k", 1, "open", true), nil), 1)
	},
	"UsedIfImplied": func(f *fixture) {
		for i := range 100 {
			f.insert(d("_id", i, "a", i%10, "n", i))
		}
		f.createIndex(driver.Index{Name: "a", Fields: fields("a"), Partial: raw(d("n", d("$gte", 50)))})
		for _, c := range []struct {
			filter    any
			documents int64
		}{
			{d("a", 3, "n", d("$gte", 50)), 5},
			{d("a", 3, "n", d("$gt", 60)), 5},
			{d("a", 3, "n", 73), 5},
			{d("a", 3, "n", d("$in", bson.A{73, 83})), 5},
			{d("a", 3, "n", d("$gte", 49)), 100},
			{d("a", 3, "n", d("$in", bson.A{3, 73})), 100},
			{d("a", 3), 100},
			{d("a", 3, "n", d("$ne", 3)), 100},
			{d("a", 3, "$or", bson.A{d("n", 73), d("n", 83)}), 5},
		} {
			name := ""
			if c.documents == 5 {
				name = "a"
			}
			f.uses(name, driver.Find{Filter: f.filter(c.filter)}, c.documents)
		}
	},
	"Refused": func(f *fixture) {
		for name, index := range map[string]driver.Index{
			"bad filter":   {Name: "a", Fields: fields("a"), Partial: raw(d("a", d("$frob", 1)))},
			"with $expr":   {Name: "a", Fields: fields("a"), Partial: raw(d("$and", bson.A{d("$expr", true)}))},
			"with $near":   {Name: "a", Fields: fields("a"), Partial: raw(d("p", d("$near", bson.A{1, 2})))},
			"and sparse":   {Name: "a", Fields: fields("a"), Sparse: true, Partial: raw(d("a", 1))},
			"unknown kind": {Name: "a", Fields: []driver.IndexField{{Path: "a", Kind: "text"}}},
			"unique place": {Name: "a", Fields: []driver.IndexField{{Path: "a", Kind: driver.KindPlaces}}, Unique: true},
		} {
			require.Equal(f, yunduo.ReasonInvalidIndex, yunduo.ReasonOf(f.e.CreateIndex(f.ctx, f.ns, index)), name)
		}
	},
	"HashedArray_Refused": func(f *fixture) {
		f.createIndex(driver.Index{Name: "h", Fields: []driver.IndexField{{Path: "h", Kind: driver.KindHashed}}})
		f.reason(yunduo.ReasonInvalidDocument, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1, "h", bson.A{1}))}, driver.WriteOptions{}))
		f.insert(d("_id", 1, "h", 7))
		f.uses("h", driver.Find{Filter: f.filter(d("h", 7))}, 1)
	},
}

var hintTests = map[string]func(f *fixture){
	"Followed": func(f *fixture) {
		for i := range 100 {
			f.insert(d("_id", i, "a", i%2, "b", i%50))
		}
		f.createIndex(driver.Index{Name: "a", Fields: fields("a")})
		f.createIndex(driver.Index{Name: "b", Fields: fields("b")})
		f.createIndex(driver.Index{Name: "c", Fields: fields("c"), Sparse: true})
		filter := f.filter(d("a", 1, "b", 7))
		want := f.rawFound(driver.Find{Filter: filter})
		require.Len(f, want, 2)
		f.uses("b", driver.Find{Filter: filter}, 2)
		f.uses("a", driver.Find{Filter: filter, Hint: "a"}, 50)
		f.uses("", driver.Find{Filter: filter, Hint: driver.HintNatural}, 100)
		f.uses("", driver.Find{Filter: filter, Hint: driver.HintID}, 100)
		for _, hint := range []string{"a", "b", driver.HintNatural, driver.HintID} {
			require.Equal(f, want, f.rawFound(driver.Find{Filter: filter, Hint: hint}), hint)
			require.Equal(f, want, f.rawFound(driver.Find{Filter: filter, Sort: f.sort(d("b", -1)), Hint: hint}), hint)
		}
	},
	"CountsAndPipelines_Followed": func(f *fixture) {
		for i := range 100 {
			f.insert(d("_id", i, "a", i%2, "b", i%50))
		}
		f.createIndex(driver.Index{Name: "a", Fields: fields("a")})
		f.createIndex(driver.Index{Name: "b", Fields: fields("b")})
		p := f.pipeline(d("$match", d("a", 1, "b", 7)), d("$lookup", d("from", f.ns.Collection, "localField", "_id", "foreignField", "_id", "as", "self")), d("$unwind", "$self"))
		for _, hint := range []string{"", "a", "b", driver.HintNatural, driver.HintID} {
			for _, o := range f.places() {
				n, err := o.Count(f.ctx, f.ns, f.filter(d("a", 1, "b", 7)), hint)
				require.NoError(f, err)
				require.EqualValues(f, 2, n, hint)
				n, err = o.Count(f.ctx, f.ns, nil, hint)
				require.NoError(f, err)
				require.EqualValues(f, 100, n, hint)
				c, err := o.Aggregate(f.ctx, f.ns, p, hint)
				require.NoError(f, err)
				require.Len(f, f.drain(c), 2)
			}
		}
	},
	"Unknown_Refused": func(f *fixture) {
		for _, o := range f.places() {
			_, err := o.Find(f.ctx, f.ns, driver.Find{Hint: "none"})
			f.reason(yunduo.ReasonInvalidRequest, err)
		}
		for _, o := range f.places() {
			_, err := o.Count(f.ctx, f.ns, nil, "none")
			f.reason(yunduo.ReasonInvalidRequest, err)
		}
		for _, o := range f.places() {
			_, err := o.Aggregate(f.ctx, f.ns, f.pipeline(d("$match", d("a", 1))), "none")
			f.reason(yunduo.ReasonInvalidRequest, err)
		}
	},
}
