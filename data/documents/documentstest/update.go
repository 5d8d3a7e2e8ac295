package documentstest

import (
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

var updateTests = map[string]func(f *fixture){
	"One": func(f *fixture) {
		f.insert(d("_id", 2, "a", 1), d("_id", 1, "a", 1), d("_id", 3, "a", 2))
		require.Equal(f, driver.UpdateResult{Matched: 1, Modified: 1}, f.update(d("a", 1), d("$set", d("b", true)), false))
		require.Equal(f, texts(f, d("_id", 1, "a", 1, "b", true), d("_id", 2, "a", 1), d("_id", 3, "a", 2)), f.all())
		require.Equal(f, driver.UpdateResult{}, f.update(d("a", 9), d("$set", d("b", true)), false))
	},
	"Unchanged": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1))
		require.Equal(f, driver.UpdateResult{Matched: 1}, f.update(d("_id", 1), d("$set", d("a", 1)), false))
	},
	"FirstBySort": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1), d("_id", 2, "a", 3), d("_id", 3, "a", 2))
		r, err := f.e.Update(f.ctx, f.ns, driver.Update{Sort: f.sort(d("a", -1)), Change: f.change(d("$set", d("hit", 1))), Return: driver.ReturnAfter}, driver.WriteOptions{})
		require.NoError(f, err)
		require.Equal(f, text(f, raw(d("_id", 2, "a", 3, "hit", 1))), text(f, r.Document))
	},
	"Many": func(f *fixture) {
		for i := range 600 {
			f.insert(d("_id", i, "a", i%2))
		}
		require.Equal(f, driver.UpdateResult{Matched: 300, Modified: 300}, f.update(d("a", 1), d("$inc", d("a", 1)), true))
		require.Empty(f, f.find(d("a", 1), nil))
		require.Len(f, f.find(d("a", 2), nil), 300)
	},
	"ManyMovesNobodyTwice": func(f *fixture) {
		f.createIndex(driver.Index{Name: "a", Fields: fields("a")})
		for i := range 100 {
			f.insert(d("_id", i, "a", i))
		}
		require.Equal(f, driver.UpdateResult{Matched: 100, Modified: 100}, f.update(d("a", d("$gte", 0)), d("$inc", d("a", 50)), true))
		require.Len(f, f.find(d("a", d("$gte", 50, "$lt", 150)), nil), 100)
	},
	"Replace": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1, "b", 2))
		require.Equal(f, driver.UpdateResult{Matched: 1, Modified: 1}, f.update(d("_id", 1), d("c", 3), false))
		require.Equal(f, texts(f, d("_id", 1, "c", 3)), f.all())
	},
	"Return": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1))
		u := driver.Update{Filter: f.filter(d("_id", 1)), Change: f.change(d("$inc", d("a", 1))), Return: driver.ReturnBefore}
		r, err := f.e.Update(f.ctx, f.ns, u, driver.WriteOptions{})
		require.NoError(f, err)
		require.Equal(f, text(f, raw(d("_id", 1, "a", 1))), text(f, r.Document))
		u.Return = driver.ReturnAfter
		r, err = f.e.Update(f.ctx, f.ns, u, driver.WriteOptions{})
		require.NoError(f, err)
		require.Equal(f, text(f, raw(d("_id", 1, "a", 3))), text(f, r.Document))
		u.Filter = f.filter(d("_id", 2))
		r, err = f.e.Update(f.ctx, f.ns, u, driver.WriteOptions{})
		require.NoError(f, err)
		require.Equal(f, driver.UpdateResult{}, r)
	},
	"NotApplicable_ChangesNothing": func(f *fixture) {
		f.insert(d("_id", 1, "a", "text"))
		_, err := f.e.Update(f.ctx, f.ns, driver.Update{Change: f.change(d("$inc", d("a", 1)))}, driver.WriteOptions{})
		f.reason(yunduo.ReasonUpdateNotApplicable, err)
		require.Equal(f, texts(f, d("_id", 1, "a", "text")), f.all())
	},
	"GrowsTooLarge_Refused": func(f *fixture) {
		f.insert(d("_id", 1, "a", string(make([]byte, 9<<20))))
		_, err := f.e.Update(f.ctx, f.ns, driver.Update{Change: f.change(d("$set", d("b", string(make([]byte, 9<<20)))))}, driver.WriteOptions{})
		f.reason(yunduo.ReasonDocumentTooLarge, err)
		require.Empty(f, f.find(d("b", d("$exists", true)), nil))
	},
	"UniqueClash_Refused": func(f *fixture) {
		f.createIndex(driver.Index{Name: "a", Fields: fields("a"), Unique: true})
		f.insert(d("_id", 1, "a", 1), d("_id", 2, "a", 2))
		_, err := f.e.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(d("_id", 2)), Change: f.change(d("$set", d("a", 1)))}, driver.WriteOptions{})
		f.reason(yunduo.ReasonDuplicateKey, err)
		require.Equal(f, texts(f, d("_id", 1, "a", 1), d("_id", 2, "a", 2)), f.all())
		f.update(d("_id", 1), d("$set", d("a", 3)), false)
		f.update(d("_id", 2), d("$set", d("a", 1)), false)
		require.Equal(f, texts(f, d("_id", 2, "a", 1)), f.find(d("a", 1), nil))
	},
}

var upsertTests = map[string]func(f *fixture){
	"Inserts": func(f *fixture) {
		u := driver.Update{Filter: f.filter(d("a", 1)), Change: f.change(d("$set", d("b", 2), "$setOnInsert", d("c", 3))), Upsert: true, NewID: value("new"), Return: driver.ReturnAfter}
		r, err := f.e.Update(f.ctx, f.ns, u, driver.WriteOptions{})
		require.NoError(f, err)
		require.Equal(f, value("new"), r.UpsertedID)
		require.Zero(f, r.Matched)
		require.Equal(f, "new", r.Document.Lookup("_id").StringValue())
		require.Len(f, f.find(d("_id", "new", "a", 1, "b", 2, "c", 3), nil), 1)
		r, err = f.e.Update(f.ctx, f.ns, u, driver.WriteOptions{})
		require.NoError(f, err)
		require.EqualValues(f, 1, r.Matched)
		require.True(f, r.UpsertedID.IsZero())
	},
	"TakesIDFromFilter": func(f *fixture) {
		for _, multi := range []bool{false, true} {
			id := "single"
			if multi {
				id = "multi"
			}
			u := driver.Update{Filter: f.filter(d("_id", id)), Change: f.change(d("$set", d("b", 2))), Upsert: true, NewID: value("unused"), Multi: multi}
			r, err := f.e.Update(f.ctx, f.ns, u, driver.WriteOptions{})
			require.NoError(f, err)
			require.Equal(f, value(id), r.UpsertedID)
			require.Equal(f, texts(f, d("_id", id, "b", 2)), f.find(d("_id", id), nil))
		}
	},
	"ReturnBeforeIsNothing": func(f *fixture) {
		u := driver.Update{Filter: f.filter(d("_id", 1)), Change: f.change(d("$set", d("b", 2))), Upsert: true, NewID: value(1), Return: driver.ReturnBefore}
		r, err := f.e.Update(f.ctx, f.ns, u, driver.WriteOptions{})
		require.NoError(f, err)
		require.Nil(f, r.Document)
	},
	"OtherDocumentHasTheID_Refused": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1))
		u := driver.Update{Filter: f.filter(d("_id", 1, "a", 2)), Change: f.change(d("$set", d("b", 2))), Upsert: true, NewID: value(1)}
		_, err := f.e.Update(f.ctx, f.ns, u, driver.WriteOptions{})
		f.reason(yunduo.ReasonDuplicateKey, err)
		require.Equal(f, texts(f, d("_id", 1, "a", 1)), f.all())
	},
	"UniqueClash_Refused": func(f *fixture) {
		f.createIndex(driver.Index{Name: "k", Fields: fields("k"), Unique: true})
		f.insert(d("_id", 1, "k", "x"))
		u := driver.Update{Filter: f.filter(d("a", 2)), Change: f.change(d("$set", d("k", "x"))), Upsert: true, NewID: value(2)}
		_, err := f.e.Update(f.ctx, f.ns, u, driver.WriteOptions{})
		f.reason(yunduo.ReasonDuplicateKey, err)
	},
	"Racing": func(f *fixture) {
		f.createIndex(driver.Index{Name: "k", Fields: fields("k"), Unique: true})
		together(f, 8, func(i int) error {
			for n := range 20 {
				u := driver.Update{Filter: f.filter(d("k", n)), Change: f.change(d("$inc", d("n", 1))), Upsert: true, NewID: value(bson.NewObjectID())}
				if _, err := f.e.Update(f.ctx, f.ns, u, driver.WriteOptions{}); err != nil {
					return err
				}
			}
			return nil
		})
		require.Len(f, f.all(), 20)
		require.Len(f, f.find(d("n", 8), nil), 20)
	},
}
