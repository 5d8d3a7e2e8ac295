package documentstest

import (
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

var collectionTests = map[string]func(f *fixture){
	"Rename":      renameTest,
	"IndexBytes":  indexBytesTest,
	"UsageOfApps": usageTest,
	"CreateTwice_Refused": func(f *fixture) {
		f.reason(yunduo.ReasonCollectionExists, f.e.CreateCollection(f.ctx, f.ns, driver.CollectionOptions{}))
	},
	"CreateWithoutName_Refused": func(f *fixture) {
		f.reason(yunduo.ReasonInvalidCollectionName, f.e.CreateCollection(f.ctx, driver.Namespace{App: f.ns.App}, driver.CollectionOptions{}))
	},
	"DropMissing_Refused": func(f *fixture) {
		f.reason(yunduo.ReasonCollectionNotFound, f.e.DropCollection(f.ctx, driver.Namespace{App: f.ns.App, Collection: "none"}))
	},
	"List": func(f *fixture) {
		settings := raw(d("rule", "open"))
		require.NoError(f, f.e.CreateCollection(f.ctx, driver.Namespace{App: f.ns.App, Collection: "apples"}, driver.CollectionOptions{Settings: settings}))
		f.insert(d("_id", 1), d("_id", 2, "a", "text"))
		f.update(d("_id", 1), d("$set", d("b", 1)), false)
		list, err := f.e.Collections(f.ctx, f.ns.App)
		require.NoError(f, err)
		require.Len(f, list, 2)
		require.Equal(f, driver.CollectionInfo{Name: "apples", Settings: settings}, list[0])
		require.Equal(f, "things", list[1].Name)
		require.EqualValues(f, 2, list[1].Documents)
		require.EqualValues(f, len(raw(d("_id", 1, "b", 1)))+len(raw(d("_id", 2, "a", "text"))), list[1].Bytes)
	},
	"DropRemovesEverything": func(f *fixture) {
		f.createIndex(driver.Index{Name: "a", Fields: fields("a"), Unique: true})
		f.insert(d("_id", 1, "a", 1))
		require.NoError(f, f.e.DropCollection(f.ctx, f.ns))
		list, err := f.e.Collections(f.ctx, f.ns.App)
		require.NoError(f, err)
		require.Empty(f, list)
		require.NoError(f, f.e.CreateCollection(f.ctx, f.ns, driver.CollectionOptions{}))
		require.Empty(f, f.all())
		indexes, err := f.e.Indexes(f.ctx, f.ns)
		require.NoError(f, err)
		require.Empty(f, indexes)
		f.insert(d("_id", 1, "a", 1))
		require.Equal(f, texts(f, d("_id", 1, "a", 1)), f.all())
	},
	"DropApp": func(f *fixture) {
		f.insert(d("_id", 1))
		ns := f.other("more")
		require.NoError(f, f.e.DropApp(f.ctx, f.ns.App))
		require.NoError(f, f.e.DropApp(f.ctx, f.ns.App), "an app that is not there")
		list, err := f.e.Collections(f.ctx, f.ns.App)
		require.NoError(f, err)
		require.Empty(f, list)
		_, err = f.e.Count(f.ctx, ns, nil, "")
		f.reason(yunduo.ReasonCollectionNotFound, err)
	},
	"AppsAreSeparate": func(f *fixture) {
		neighbour := newFixture(f.T, f.e)
		f.insert(d("_id", 1, "mine", true))
		neighbour.insert(d("_id", 1, "mine", false))
		require.Equal(f, texts(f, d("_id", 1, "mine", true)), f.all())
		require.Equal(f, texts(f, d("_id", 1, "mine", false)), neighbour.all())
		require.NoError(f, f.e.DropCollection(f.ctx, f.ns))
		require.Len(f, neighbour.all(), 1)
	},
	"MissingCollection_Refused": func(f *fixture) {
		ns := driver.Namespace{App: f.ns.App, Collection: "none"}
		_, err := f.e.Find(f.ctx, ns, driver.Find{})
		f.reason(yunduo.ReasonCollectionNotFound, err)
		_, err = f.e.Count(f.ctx, ns, nil, "")
		f.reason(yunduo.ReasonCollectionNotFound, err)
		_, err = f.e.Count(f.ctx, ns, f.filter(d("a", 1)), "")
		f.reason(yunduo.ReasonCollectionNotFound, err)
		_, err = f.e.Aggregate(f.ctx, ns, f.pipeline(), "")
		f.reason(yunduo.ReasonCollectionNotFound, err)
		f.reason(yunduo.ReasonCollectionNotFound, f.e.Insert(f.ctx, ns, []bson.Raw{raw(d("_id", 1))}, driver.WriteOptions{}))
		_, err = f.e.Update(f.ctx, ns, driver.Update{Change: f.change(d("$set", d("a", 1))), Upsert: true, NewID: value(1)}, driver.WriteOptions{})
		f.reason(yunduo.ReasonCollectionNotFound, err)
		_, err = f.e.Delete(f.ctx, ns, driver.Delete{Multi: true}, driver.WriteOptions{})
		f.reason(yunduo.ReasonCollectionNotFound, err)
		_, err = f.e.Indexes(f.ctx, ns)
		f.reason(yunduo.ReasonCollectionNotFound, err)
		f.reason(yunduo.ReasonCollectionNotFound, f.e.CreateIndex(f.ctx, ns, driver.Index{Name: "a", Fields: fields("a")}))
		f.reason(yunduo.ReasonCollectionNotFound, f.e.DropIndex(f.ctx, ns, "a"))
	},
}

func renameTest(f *fixture) {
	renamer, ok := f.e.(driver.Renamer)
	if !ok {
		return
	}
	taken := f.other("taken")
	f.createIndex(driver.Index{Name: "a", Fields: fields("a"), Unique: true})
	f.insert(d("_id", 1, "a", 1), d("_id", 2, "a", 2))
	tx := f.begin()
	require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 3, "a", 3))}, driver.WriteOptions{}))
	f.reason(yunduo.ReasonCollectionExists, renamer.RenameCollection(f.ctx, f.ns, "taken"))
	f.reason(yunduo.ReasonInvalidCollectionName, renamer.RenameCollection(f.ctx, f.ns, ""))
	require.NoError(f, renamer.RenameCollection(f.ctx, f.ns, "new"))
	f.reason(yunduo.ReasonCollectionNotFound, renamer.RenameCollection(f.ctx, f.ns, "newer"))
	_, err := f.e.Count(f.ctx, f.ns, nil, "")
	f.reason(yunduo.ReasonCollectionNotFound, err)
	f.reason(yunduo.ReasonTransactionConflict, tx.Commit(f.ctx))
	require.NoError(f, f.e.CreateCollection(f.ctx, f.ns, driver.CollectionOptions{}), "the old name is free")
	require.Empty(f, f.all())
	f.ns.Collection = "new"
	require.Len(f, f.all(), 2)
	f.uses("a", driver.Find{Filter: f.filter(d("a", 2))}, 1)
	f.reason(yunduo.ReasonDuplicateKey, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 4, "a", 2))}, driver.WriteOptions{}))
	require.NoError(f, f.e.DropCollection(f.ctx, taken))
}

// indexBytesTest: what indexes take goes up and down with their entries.
func indexBytesTest(f *fixture) {
	if _, ok := f.e.(driver.Accountant); !ok {
		return
	}
	size := func() int64 {
		list, err := f.e.Collections(f.ctx, f.ns.App)
		require.NoError(f, err)
		return list[0].IndexBytes
	}
	f.insert(d("_id", 1, "a", 1), d("_id", 2, "a", bson.A{1, 2, 3}))
	require.Zero(f, size())
	f.createIndex(driver.Index{Name: "a", Fields: fields("a")})
	one := size() / 4 // four entries of one size
	require.Positive(f, one)
	require.Equal(f, 4*one, size())
	f.createIndex(driver.Index{Name: "-a", Fields: fields("-a")})
	require.Equal(f, 8*one, size())
	f.update(d("_id", 2), d("$set", d("a", 7)), false)
	require.Equal(f, 4*one, size())
	tx := f.begin()
	require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 3, "a", 3)), raw(d("_id", 4, "a", 4))}, driver.WriteOptions{}))
	require.NoError(f, tx.Commit(f.ctx))
	require.Equal(f, 8*one, size())
	require.NoError(f, f.e.DropIndex(f.ctx, f.ns, "-a"))
	require.Equal(f, 4*one, size())
	_, err := f.e.Delete(f.ctx, f.ns, driver.Delete{Multi: true}, driver.WriteOptions{})
	require.NoError(f, err)
	require.Zero(f, size())
}

func usageTest(f *fixture) {
	accountant, ok := f.e.(driver.Accountant)
	if !ok {
		return
	}
	other := newFixture(f.T, f.e)
	other.insert(d("_id", 1))
	f.createIndex(driver.Index{Name: "a", Fields: fields("a")})
	more := f.other("more")
	f.insert(d("_id", 1, "a", 1))
	require.NoError(f, f.e.Insert(f.ctx, more, raws([]bson.D{d("_id", 1), d("_id", 2)}), driver.WriteOptions{}))
	u, err := accountant.Usage(f.ctx, f.ns.App)
	require.NoError(f, err)
	require.EqualValues(f, 2, u.Collections)
	require.EqualValues(f, 3, u.Documents)
	require.EqualValues(f, len(raw(d("_id", 1, "a", 1)))+2*len(raw(d("_id", 1))), u.Bytes)
	require.EqualValues(f, 3, u.Changes)
	require.Positive(f, u.IndexBytes)
	require.NoError(f, f.e.DropCollection(f.ctx, more))
	u, err = accountant.Usage(f.ctx, f.ns.App)
	require.NoError(f, err)
	require.EqualValues(f, 1, u.Documents)
	require.EqualValues(f, 2, u.DroppedDocuments)
	require.NoError(f, f.e.DropApp(f.ctx, f.ns.App))
	u, err = accountant.Usage(f.ctx, f.ns.App)
	require.NoError(f, err)
	require.Zero(f, u)
	u, err = accountant.Usage(f.ctx, other.ns.App)
	require.NoError(f, err)
	require.EqualValues(f, 1, u.Documents)
}
