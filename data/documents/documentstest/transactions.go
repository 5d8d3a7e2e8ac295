package documentstest

import (
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

var transactionTests = map[string]func(f *fixture){
	"CommitShowsEverythingAtOnce": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1), d("_id", 2, "a", 2))
		tx := f.begin()
		require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 3, "a", 3))}, driver.WriteOptions{}))
		f.updateIn(tx, d("_id", 1), d("$set", d("a", 10)))
		_, err := tx.Delete(f.ctx, f.ns, driver.Delete{Filter: f.filter(d("_id", 2))}, driver.WriteOptions{})
		require.NoError(f, err)
		require.Equal(f, texts(f, d("_id", 1, "a", 1), d("_id", 2, "a", 2)), f.all(), "before commit")
		want := texts(f, d("_id", 1, "a", 10), d("_id", 3, "a", 3))
		require.Equal(f, want, f.found(tx, driver.Find{}), "inside")
		require.NoError(f, tx.Commit(f.ctx))
		require.Equal(f, want, f.all(), "after commit")
	},
	"AbortDropsEverything": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1))
		tx := f.begin()
		require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 3))}, driver.WriteOptions{}))
		f.updateIn(tx, d("_id", 1), d("$set", d("a", 10)))
		require.NoError(f, tx.Abort(f.ctx))
		require.NoError(f, tx.Abort(f.ctx))
		require.Equal(f, texts(f, d("_id", 1, "a", 1)), f.all())
		f.update(d("_id", 1), d("$set", d("a", 2)), false)
	},
	"EndedTransaction_Refused": func(f *fixture) {
		tx := f.begin()
		require.NoError(f, tx.Commit(f.ctx))
		f.reason(yunduo.ReasonTransactionNotFound, tx.Commit(f.ctx))
		_, err := tx.Find(f.ctx, f.ns, driver.Find{})
		f.reason(yunduo.ReasonTransactionNotFound, err)
		f.reason(yunduo.ReasonTransactionNotFound, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1))}, driver.WriteOptions{}))
	},
	"OtherApp_Refused": func(f *fixture) {
		neighbour := newFixture(f.T, f.e)
		tx := f.begin()
		_, err := tx.Find(f.ctx, neighbour.ns, driver.Find{})
		f.reason(yunduo.ReasonInvalidRequest, err)
		f.reason(yunduo.ReasonInvalidRequest, tx.Insert(f.ctx, neighbour.ns, []bson.Raw{raw(d("_id", 1))}, driver.WriteOptions{}))
	},
	"ReadsOneState": func(f *fixture) {
		f.createIndex(driver.Index{Name: "a", Fields: fields("a")})
		f.insert(d("_id", 1, "a", 1))
		tx := f.begin()
		f.insert(d("_id", 2, "a", 1))
		f.update(d("_id", 1), d("$set", d("a", 2)), false)
		require.Equal(f, texts(f, d("_id", 1, "a", 1)), f.found(tx, driver.Find{}))
		require.Equal(f, texts(f, d("_id", 1, "a", 1)), f.found(tx, driver.Find{Filter: f.filter(d("a", 1))}))
		n, err := tx.Count(f.ctx, f.ns, nil, "")
		require.NoError(f, err)
		require.EqualValues(f, 1, n)
		require.NoError(f, tx.Commit(f.ctx))
	},
	"SeesOwnWrites": func(f *fixture) {
		f.createIndex(driver.Index{Name: "a", Fields: fields("a", "b")})
		for i := range 10 {
			f.insert(d("_id", i, "a", i%2, "b", i))
		}
		tx := f.begin()
		f.updateIn(tx, d("_id", 4), d("$set", d("a", 1)))
		require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 20, "a", 1, "b", 0))}, driver.WriteOptions{}))
		_, err := tx.Delete(f.ctx, f.ns, driver.Delete{Filter: f.filter(d("b", 5))}, driver.WriteOptions{})
		require.NoError(f, err)
		want := texts(f, d("_id", 20, "a", 1, "b", 0), d("_id", 1, "a", 1, "b", 1), d("_id", 3, "a", 1, "b", 3), d("_id", 4, "a", 1, "b", 4), d("_id", 7, "a", 1, "b", 7), d("_id", 9, "a", 1, "b", 9))
		find := driver.Find{Filter: f.filter(d("a", 1)), Sort: f.sort(d("b", 1))}
		require.Equal(f, want, f.found(tx, find))
		find.Sort = f.sort(d("b", -1))
		require.Equal(f, reversed(want), f.found(tx, find))
		n, err := tx.Count(f.ctx, f.ns, f.filter(d("a", 1)), "")
		require.NoError(f, err)
		require.EqualValues(f, 6, n)
		n, err = tx.Count(f.ctx, f.ns, nil, "")
		require.NoError(f, err)
		require.EqualValues(f, 10, n)
		c, err := tx.Aggregate(f.ctx, f.ns, f.pipeline(d("$match", d("a", 1)), d("$group", d("_id", nil, "sum", d("$sum", "$b")))), "")
		require.NoError(f, err)
		require.Equal(f, texts(f, d("_id", nil, "sum", 24)), f.drain(c))
		f.updateIn(tx, d("_id", 4), d("$inc", d("b", 100)))
		require.NoError(f, tx.Commit(f.ctx))
		require.Equal(f, texts(f, d("_id", 4, "a", 1, "b", 104)), f.find(d("a", 1, "b", 104), nil))
		require.Len(f, f.find(d("a", 1), nil), 6)
	},
	"InsertAndDeleteAgain": func(f *fixture) {
		tx := f.begin()
		require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1, "a", 1))}, driver.WriteOptions{}))
		f.reason(yunduo.ReasonDuplicateKey, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1))}, driver.WriteOptions{}))
		if f.brittle() {
			f.ended(tx)
			require.Empty(f, f.all())
			return
		}
		r, err := tx.Delete(f.ctx, f.ns, driver.Delete{Multi: true}, driver.WriteOptions{})
		require.NoError(f, err)
		require.EqualValues(f, 1, r.Deleted)
		require.Empty(f, f.found(tx, driver.Find{}))
		require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1, "a", 2))}, driver.WriteOptions{}))
		require.NoError(f, tx.Commit(f.ctx))
		require.Equal(f, texts(f, d("_id", 1, "a", 2)), f.all())
	},
	"UniqueInside_Refused": func(f *fixture) {
		f.createIndex(driver.Index{Name: "k", Fields: fields("k"), Unique: true})
		f.insert(d("_id", 1, "k", 1))
		tx := f.begin()
		f.reason(yunduo.ReasonDuplicateKey, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 2, "k", 1))}, driver.WriteOptions{}))
		if f.brittle() {
			f.ended(tx)
			require.Len(f, f.all(), 1)
			return
		}
		_, err := tx.Delete(f.ctx, f.ns, driver.Delete{Filter: f.filter(d("_id", 1))}, driver.WriteOptions{})
		require.NoError(f, err)
		require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 2, "k", 1))}, driver.WriteOptions{}))
		require.NoError(f, tx.Commit(f.ctx))
		require.Equal(f, texts(f, d("_id", 2, "k", 1)), f.find(d("k", 1), nil))
		f.reason(yunduo.ReasonDuplicateKey, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 3, "k", 1))}, driver.WriteOptions{}))
	},
	"SeveralCollections": func(f *fixture) {
		other := f.other("more")
		tx := f.begin()
		require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1))}, driver.WriteOptions{}))
		require.NoError(f, tx.Insert(f.ctx, other, []bson.Raw{raw(d("_id", 1))}, driver.WriteOptions{}))
		require.NoError(f, tx.Commit(f.ctx))
		n, err := f.e.Count(f.ctx, other, nil, "")
		require.NoError(f, err)
		require.EqualValues(f, 1, n)
		require.Len(f, f.all(), 1)
	},
	"CollectionMadeAfterwards": func(f *fixture) {
		tx := f.begin()
		other := f.other("more")
		require.NoError(f, tx.Insert(f.ctx, other, []bson.Raw{raw(d("_id", 1))}, driver.WriteOptions{}))
		require.NoError(f, tx.Commit(f.ctx))
		n, err := f.e.Count(f.ctx, other, nil, "")
		require.NoError(f, err)
		require.EqualValues(f, 1, n)
	},
	"MissingCollection_Refused": func(f *fixture) {
		tx := f.begin()
		_, err := tx.Count(f.ctx, driver.Namespace{App: f.ns.App, Collection: "none"}, nil, "")
		f.reason(yunduo.ReasonCollectionNotFound, err)
	},
	"TooLarge_Refused": func(f *fixture) {
		tx := f.begin()
		var err error
		for i := 0; i < 5 && err == nil; i++ {
			err = tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", i, "a", string(make([]byte, 5<<20))))}, driver.WriteOptions{})
		}
		f.reason(yunduo.ReasonTransactionTooLarge, err)
		require.NoError(f, tx.Abort(f.ctx))
		require.Empty(f, f.all())
	},
	"UpsertInside": func(f *fixture) {
		tx := f.begin()
		for i := range 2 {
			r, err := tx.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(d("_id", 1)), Change: f.change(d("$inc", d("n", 1))), Upsert: true, NewID: value(1)}, driver.WriteOptions{})
			require.NoError(f, err)
			require.EqualValues(f, i, r.Matched)
		}
		require.NoError(f, tx.Commit(f.ctx))
		require.Equal(f, texts(f, d("_id", 1, "n", 2)), f.all())
	},
}

func (f *fixture) updateIn(o driver.Operations, filter, change any) {
	f.Helper()
	r, err := o.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(filter), Change: f.change(change)}, driver.WriteOptions{})
	require.NoError(f, err)
	require.EqualValues(f, 1, r.Matched)
}
