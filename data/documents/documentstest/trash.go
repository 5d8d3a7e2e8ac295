package documentstest

import (
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// trash is the engine's power to keep what was dropped.
func (f *fixture) trash() driver.Trash {
	f.Helper()
	trash, ok := f.e.(driver.Trash)
	require.True(f, ok, "an engine keeps what was dropped")
	return trash
}

func (f *fixture) dropped() []driver.Dropped {
	f.Helper()
	list, err := f.trash().Dropped(f.ctx, f.ns.App)
	require.NoError(f, err)
	return list
}

var trashTests = map[string]func(f *fixture){
	"BringsBack": func(f *fixture) {
		ns := driver.Namespace{App: f.ns.App, Collection: "kept"}
		settings := raw(d("rule", "open"))
		require.NoError(f, f.e.CreateCollection(f.ctx, ns, driver.CollectionOptions{Settings: settings}))
		indexes := []driver.Index{
			{Name: "at", Fields: fields("at"), ExpireAfter: time.Hour},
			{Name: "u", Fields: fields("u"), Unique: true, Sparse: true},
		}
		for _, index := range indexes {
			require.NoError(f, f.e.CreateIndex(f.ctx, ns, index))
		}
		docs := raws([]bson.D{d("_id", 1, "u", 1), d("_id", 2, "u", 2)})
		require.NoError(f, f.e.Insert(f.ctx, ns, docs, driver.WriteOptions{}))
		before := time.Now().Add(-time.Second)
		require.NoError(f, f.e.DropCollection(f.ctx, ns))
		_, err := f.e.Count(f.ctx, ns, nil, "")
		f.reason(yunduo.ReasonCollectionNotFound, err)
		infos, err := f.e.Collections(f.ctx, ns.App)
		require.NoError(f, err)
		require.Len(f, infos, 1, "what is in the trash is no collection")

		list := f.dropped()
		require.Len(f, list, 1)
		dropped := list[0]
		require.Equal(f, "kept", dropped.Name)
		require.EqualValues(f, 2, dropped.Documents)
		require.Equal(f, indexes, dropped.Indexes)
		require.Equal(f, settings, dropped.Settings)
		require.True(f, dropped.DroppedAt.After(before), dropped.DroppedAt)
		require.Equal(f, 7*24*time.Hour, dropped.Until.Sub(dropped.DroppedAt))

		require.NoError(f, f.e.CreateCollection(f.ctx, ns, driver.CollectionOptions{}), "the name is free")
		f.reason(yunduo.ReasonCollectionExists, f.trash().Undrop(f.ctx, ns.App, dropped.ID, "kept"))
		f.reason(yunduo.ReasonCollectionNotFound, f.trash().Undrop(f.ctx, ns.App, dropped.ID+1, "x"))
		f.reason(yunduo.ReasonInvalidCollectionName, f.trash().Undrop(f.ctx, ns.App, dropped.ID, ""))
		neighbour := newFixture(f.T, f.e)
		f.reason(yunduo.ReasonCollectionNotFound, f.trash().Undrop(f.ctx, neighbour.ns.App, dropped.ID, "x"))
		require.Empty(f, neighbour.dropped())

		at, err := f.e.Position(f.ctx, ns.App)
		require.NoError(f, err)
		feed := f.followFrom(at)
		require.NoError(f, f.trash().Undrop(f.ctx, ns.App, dropped.ID, "back"))
		_, err = feed.Next(f.ctx)
		f.reason(yunduo.ReasonPositionLost, err)
		_, err = f.e.Changes(f.ctx, ns.App, at)
		f.reason(yunduo.ReasonPositionLost, err)

		back := f.as("back")
		require.Equal(f, []string{text(f, docs[0]), text(f, docs[1])}, back.all())
		got, err := f.e.Indexes(f.ctx, back.ns)
		require.NoError(f, err)
		require.Equal(f, indexes, got)
		f.reason(yunduo.ReasonDuplicateKey, f.e.Insert(f.ctx, back.ns, raws([]bson.D{d("_id", 3, "u", 2)}), driver.WriteOptions{}))
		infos, err = f.e.Collections(f.ctx, ns.App)
		require.NoError(f, err)
		require.Equal(f, []any{"back", settings, "kept", bson.Raw(nil)}, []any{infos[0].Name, infos[0].Settings, infos[1].Name, infos[1].Settings})
		require.Empty(f, f.dropped())
		list2, _ := f.log(driver.LogQuery{Collection: "back"})
		require.Equal(f, driver.ChangeAppear, list2[0].Kind)
		feed = f.follow()
		back.insert(d("_id", 9))
		require.Equal(f, value(9), f.next(feed).ID)
	},
	"ExpiresNothing": func(f *fixture) {
		f.createIndex(driver.Index{Name: "at", Fields: fields("at"), ExpireAfter: time.Hour})
		f.insert(d("_id", 1))
		require.NoError(f, f.e.DropCollection(f.ctx, f.ns))
		require.NoError(f, f.trash().Undrop(f.ctx, f.ns.App, f.dropped()[0].ID, "things"))
		require.Len(f, f.all(), 1)
		require.NoError(f, f.e.DropCollection(f.ctx, f.ns), "again")
		require.Len(f, f.dropped(), 1)
		require.Len(f, f.dropped()[0].Indexes, 1)
	},
	"LastFirst": func(f *fixture) {
		for i := range 3 {
			f.insert(d("_id", i))
			tick()
			require.NoError(f, f.e.DropCollection(f.ctx, f.ns))
			require.NoError(f, f.e.CreateCollection(f.ctx, f.ns, driver.CollectionOptions{}))
		}
		list := f.dropped()
		require.Len(f, list, 3)
		require.NoError(f, f.trash().Undrop(f.ctx, f.ns.App, list[0].ID, "last"))
		require.Equal(f, []string{f.at(2)}, f.as("last").all())
		require.NoError(f, f.trash().Purge(f.ctx, f.ns.App, list[1].ID))
		f.reason(yunduo.ReasonCollectionNotFound, f.trash().Purge(f.ctx, f.ns.App, list[1].ID))
		f.reason(yunduo.ReasonCollectionNotFound, f.trash().Undrop(f.ctx, f.ns.App, list[1].ID, "purged"))
		require.Len(f, f.dropped(), 1)
		require.Equal(f, list[2].ID, f.dropped()[0].ID)
	},
	"DropIsLoggedOnce": func(f *fixture) {
		// Of many who drop a collection one does, and it is told once.
		f.insert(d("_id", 1))
		feed := f.follow()
		dropped := make(chan error, 4)
		together(f, 4, func(int) error { dropped <- f.e.DropCollection(f.ctx, f.ns); return nil })
		close(dropped)
		done := 0
		for err := range dropped {
			if err == nil {
				done++
				continue
			}
			f.reason(yunduo.ReasonCollectionNotFound, err)
		}
		require.Equal(f, 1, done)
		require.NoError(f, f.e.CreateCollection(f.ctx, f.ns, driver.CollectionOptions{}))
		f.insert(d("_id", 2))
		require.Equal(f, driver.ChangeDrop, f.next(feed).Kind)
		require.Equal(f, value(2), f.next(feed).ID)
		require.Len(f, f.dropped(), 1)
	},
	"AppTakesItsTrashAlong": func(f *fixture) {
		require.NoError(f, f.e.DropCollection(f.ctx, f.ns))
		require.Len(f, f.dropped(), 1)
		require.NoError(f, f.e.DropApp(f.ctx, f.ns.App))
		require.Empty(f, f.dropped())
	},
}

// as is the fixture on another collection of the app.
func (f *fixture) as(collection string) *fixture {
	other := *f
	other.ns.Collection = collection
	return &other
}
