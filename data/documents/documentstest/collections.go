package documentstest

import (
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

var collectionTests = map[string]func(f *fixture){
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
		_, err = f.e.Count(f.ctx, ns, nil)
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
		_, err = f.e.Count(f.ctx, ns, nil)
		f.reason(yunduo.ReasonCollectionNotFound, err)
		_, err = f.e.Count(f.ctx, ns, f.filter(d("a", 1)))
		f.reason(yunduo.ReasonCollectionNotFound, err)
		_, err = f.e.Aggregate(f.ctx, ns, f.pipeline())
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
