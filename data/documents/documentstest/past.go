package documentstest

import (
	"bytes"
	"context"
	"maps"
	"math/rand"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// historian is the engine's power to read the change log as a record of the past.
func (f *fixture) historian() driver.Historian {
	f.Helper()
	past, ok := f.e.(driver.Historian)
	require.True(f, ok, "an engine keeps a history")
	return past
}

func (f *fixture) log(q driver.LogQuery) (list []driver.Change, stopped uint64) {
	f.Helper()
	stopped, err := f.historian().ReadLog(f.ctx, f.ns.App, q, func(c driver.Change) bool {
		list = append(list, c)
		return true
	})
	require.NoError(f, err)
	return list, stopped
}

// tick waits until the clock that the log shows has another time.
func tick() time.Time {
	at := time.Now()
	for time.Since(at) < 3*time.Millisecond {
	}
	return at.Truncate(time.Millisecond)
}

func (f *fixture) at(key any) string { return text(f, raw(d("_id", key))) }

var pastTests = map[string]func(f *fixture){
	"WhoAndWhat": func(f *fixture) {
		by := func(actor string) driver.WriteOptions { return driver.WriteOptions{Actor: actor} }
		require.NoError(f, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", "x", "a", 1))}, by("user:1")))
		f.insert(d("_id", "y"))
		_, err := f.e.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(d("_id", "x")), Change: f.change(d("$set", d("a", 2)))}, by("function:f for user:1"))
		require.NoError(f, err)
		other := f.other("others")
		require.NoError(f, f.e.Insert(f.ctx, other, []bson.Raw{raw(d("_id", "x"))}, by("owner")))
		_, err = f.e.Delete(f.ctx, f.ns, driver.Delete{Filter: f.filter(d("_id", "x"))}, by("owner"))
		require.NoError(f, err)

		list, stopped := f.log(driver.LogQuery{Collection: "things", ID: value("x"), Newest: true})
		require.Len(f, list, 3)
		require.Zero(f, stopped)
		kinds, actors := []driver.ChangeKind{}, []string{}
		for _, c := range list {
			kinds, actors = append(kinds, c.Kind), append(actors, c.Actor)
		}
		require.Equal(f, []driver.ChangeKind{driver.ChangeDelete, driver.ChangeUpdate, driver.ChangeInsert}, kinds)
		require.Equal(f, []string{"owner", "function:f for user:1", "user:1"}, actors)
		require.Equal(f, raw(d("_id", "x", "a", 1)), list[1].Before)
		require.Equal(f, raw(d("_id", "x", "a", 2)), list[1].Document)
		require.Equal(f, list[1].Document, list[0].Before)
		require.Nil(f, list[0].Document)

		all, _ := f.log(driver.LogQuery{})
		require.Len(f, all, 5)
		require.True(f, slices.IsSortedFunc(all, func(a, b driver.Change) int { return int(int64(a.Position.Offset) - int64(b.Position.Offset)) }))
		start, err := f.historian().LogStart(f.ctx, f.ns.App)
		require.NoError(f, err)
		require.Equal(f, all[0].Time, start)

		newest := slices.Clone(all)
		slices.Reverse(newest)
		list, stopped = f.log(driver.LogQuery{Newest: true, Examine: 2})
		require.Equal(f, newest[:2], list)
		require.Equal(f, newest[1].Position.Offset, stopped)
		list, stopped = f.log(driver.LogQuery{Newest: true, Before: stopped, Collection: "things", Examine: 100})
		require.Equal(f, newest[2:], list)
		require.Zero(f, stopped)
		list, _ = f.log(driver.LogQuery{After: all[1].Position.Offset, Before: all[4].Position.Offset})
		require.Equal(f, all[2:4], list)
		list = nil
		stopped, err = f.historian().ReadLog(f.ctx, f.ns.App, driver.LogQuery{}, func(c driver.Change) bool { list = append(list, c); return len(list) < 3 })
		require.NoError(f, err)
		require.Equal(f, all[:3], list)
		require.Equal(f, all[2].Position.Offset, stopped)
	},
	"IsTheFeed": func(f *fixture) {
		feed := f.follow()
		tx := f.begin()
		require.NoError(f, tx.Insert(f.ctx, f.ns, raws([]bson.D{d("_id", 1), d("_id", 2)}), driver.WriteOptions{Actor: "t"}))
		require.NoError(f, tx.Commit(f.ctx))
		f.update(d("_id", 2), d("$set", d("a", 1)), false)
		require.NoError(f, f.e.DropCollection(f.ctx, f.ns))
		list, _ := f.log(driver.LogQuery{Collection: f.ns.Collection})
		require.Len(f, list, 4)
		for _, c := range list {
			require.Equal(f, f.next(feed), c)
		}
	},
	"Moments": func(f *fixture) {
		past := f.historian()
		f.insert(d("_id", 1))
		first := tick()
		f.insert(d("_id", 2), d("_id", 3))
		second := tick()
		all, _ := f.log(driver.LogQuery{})
		require.Len(f, all, 3)
		for at, want := range map[time.Time]driver.Position{first: all[0].Position, second: all[2].Position, all[1].Time: all[2].Position} {
			got, err := past.PositionAt(f.ctx, f.ns.App, at)
			require.NoError(f, err)
			require.Equal(f, want, got)
		}
	},
	"CommitsAreWhole": func(f *fixture) {
		past := f.historian()
		f.insert(d("_id", 0))
		tx := f.begin()
		require.NoError(f, tx.Insert(f.ctx, f.ns, raws([]bson.D{d("_id", 1), d("_id", 2), d("_id", 3)}), driver.WriteOptions{}))
		require.NoError(f, tx.Commit(f.ctx))
		f.insert(d("_id", 4))
		all, _ := f.log(driver.LogQuery{})
		require.Len(f, all, 5)
		for i, end := range []int{0, 3, 3, 3, 4} {
			at, err := past.Border(f.ctx, f.ns.App, all[i].Position.Offset)
			require.NoError(f, err)
			require.Equal(f, all[end].Position, at, "%d", i)
		}
		_, err := past.Border(f.ctx, f.ns.App, all[4].Position.Offset+1<<40)
		f.reason(yunduo.ReasonPositionLost, err)
	},
	"LargeStates": func(f *fixture) {
		before, after := d("_id", 1, "a", string(bytes.Repeat([]byte("x"), 8<<20))), d("_id", 1, "a", string(bytes.Repeat([]byte("y"), 8<<20)))
		f.insert(before)
		_, err := f.e.Update(f.ctx, f.ns, driver.Update{Change: f.change(after)}, driver.WriteOptions{})
		require.NoError(f, err)
		list, _ := f.log(driver.LogQuery{Newest: true})
		require.Len(f, list, 2)
		require.True(f, bytes.Equal(raw(before), list[0].Before))
		require.True(f, bytes.Equal(raw(after), list[0].Document))
	},
	"Renamed": func(f *fixture) {
		renamer, ok := f.e.(driver.Renamer)
		require.True(f, ok)
		f.insert(d("_id", 1))
		feed := f.follow()
		require.NoError(f, renamer.RenameCollection(f.ctx, f.ns, "new"))
		require.NoError(f, f.e.Insert(f.ctx, driver.Namespace{App: f.ns.App, Collection: "new"}, raws([]bson.D{d("_id", 2)}), driver.WriteOptions{}))
		c := f.next(feed)
		require.Equal(f, []any{driver.ChangeRename, "things", "new"}, []any{c.Kind, c.Collection, c.To})
		require.True(f, c.Replaces("things"))
		require.True(f, c.Replaces("new"))
		require.False(f, c.Replaces("old"))
		require.Equal(f, "new", f.next(feed).Collection)
		for q, want := range map[*driver.LogQuery]int{{Collection: "things"}: 2, {Collection: "new"}: 2, {Collection: "new", ID: value(2)}: 2, {Collection: "new", ID: value(1)}: 1} {
			list, _ := f.log(*q)
			require.Len(f, list, want, q)
		}
	},
	"NobodysPast": func(f *fixture) {
		app := yunduo.AppID("t" + yunduo.NewID())
		f.Cleanup(func() { require.NoError(f, f.e.DropApp(context.Background(), app)) })
		list := 0
		_, err := f.historian().ReadLog(f.ctx, app, driver.LogQuery{}, func(driver.Change) bool { list++; return true })
		require.NoError(f, err)
		require.Zero(f, list)
		start, err := f.historian().LogStart(f.ctx, app)
		require.NoError(f, err)
		require.True(f, start.IsZero())
	},
	"EveryMoment": everyMomentTest,
	"WhileOthersWrite": func(f *fixture) {
		// Whoever reads sees everything that was acknowledged, in one order, whoever else reads.
		const writers, each = 4, 15
		together(f, 2*writers, func(i int) error {
			if i >= writers {
				last := uint64(0)
				_, err := f.historian().ReadLog(f.ctx, f.ns.App, driver.LogQuery{}, func(c driver.Change) bool {
					require.Greater(f, c.Position.Offset, last)
					last = c.Position.Offset
					return true
				})
				return err
			}
			for n := range each {
				if err := f.e.Insert(f.ctx, f.ns, raws([]bson.D{d("_id", i*each+n)}), driver.WriteOptions{}); err != nil {
					return err
				}
				seen := 0
				_, err := f.historian().ReadLog(f.ctx, f.ns.App, driver.LogQuery{Collection: "things", ID: value(i*each + n)}, func(driver.Change) bool { seen++; return true })
				if err != nil {
					return err
				}
				require.Equal(f, 1, seen)
			}
			return nil
		})
		list, _ := f.log(driver.LogQuery{})
		require.Len(f, list, writers*each)
	},
}

// everyMomentTest writes at random, alone and in transactions, and takes every state back from the log.
func everyMomentTest(f *fixture) {
	r := rand.New(rand.NewSource(7))
	docs := map[int]bson.Raw{}
	type moment struct {
		at   driver.Position
		docs map[int]bson.Raw
	}
	var moments []moment
	for step := range 60 {
		o := driver.Operations(f.e)
		var tx driver.Transaction
		writes := 1
		if r.Intn(3) == 0 {
			tx = f.begin()
			o, writes = tx, 1+r.Intn(4)
		}
		for range writes {
			id := r.Intn(8)
			if r.Intn(3) == 0 {
				_, err := o.Delete(f.ctx, f.ns, driver.Delete{Filter: f.filter(d("_id", id))}, driver.WriteOptions{})
				require.NoError(f, err)
				delete(docs, id)
				continue
			}
			_, err := o.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(d("_id", id)), Change: f.change(d("n", step)), Upsert: true}, driver.WriteOptions{})
			require.NoError(f, err)
			docs[id] = raw(d("_id", id, "n", step))
		}
		if tx != nil {
			require.NoError(f, tx.Commit(f.ctx))
		}
		at, err := f.e.Position(f.ctx, f.ns.App)
		require.NoError(f, err)
		moments = append(moments, moment{at, maps.Clone(docs)})
	}
	for _, m := range moments {
		border, err := f.historian().Border(f.ctx, f.ns.App, m.at.Offset)
		require.NoError(f, err)
		require.Equal(f, m.at, border)
		then, seen := maps.Clone(docs), map[int]bool{}
		changes, _ := f.log(driver.LogQuery{Collection: "things", After: m.at.Offset})
		for _, c := range changes {
			id := int(c.ID.AsInt64())
			if seen[id] {
				continue
			}
			seen[id] = true
			if delete(then, id); c.Before != nil {
				then[id] = c.Before
			}
		}
		require.Equal(f, m.docs, then)
	}
}
