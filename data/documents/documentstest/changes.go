package documentstest

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// follow opens a feed from the current position.
func (f *fixture) follow() driver.Feed {
	f.Helper()
	at, err := f.e.Position(f.ctx, f.ns.App)
	require.NoError(f, err)
	return f.followFrom(at)
}

func (f *fixture) followFrom(at driver.Position) driver.Feed {
	f.Helper()
	feed, err := f.e.Changes(f.ctx, f.ns.App, at)
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, feed.Close()) })
	return feed
}

func (f *fixture) next(feed driver.Feed) driver.Change {
	f.Helper()
	c, err := feed.Next(f.ctx)
	require.NoError(f, err)
	return c
}

var changeTests = map[string]func(f *fixture){
	"InsertUpdateDeleteDrop": func(f *fixture) {
		feed := f.follow()
		start := time.Now().Add(-time.Minute)
		o := driver.WriteOptions{Actor: "user:1"}
		require.NoError(f, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", "x", "a", 1))}, o))
		_, err := f.e.Update(f.ctx, f.ns, driver.Update{Change: f.change(d("$set", d("a", 2)))}, o)
		require.NoError(f, err)
		_, err = f.e.Delete(f.ctx, f.ns, driver.Delete{}, driver.WriteOptions{})
		require.NoError(f, err)
		require.NoError(f, f.e.DropCollection(f.ctx, f.ns))
		one, two := raw(d("_id", "x", "a", 1)), raw(d("_id", "x", "a", 2))
		var last driver.Position
		for i, want := range []driver.Change{
			{Kind: driver.ChangeInsert, Document: one, Actor: "user:1"},
			{Kind: driver.ChangeUpdate, Document: two, Before: one, Actor: "user:1"},
			{Kind: driver.ChangeDelete, Before: two},
			{Kind: driver.ChangeDrop},
		} {
			got := f.next(feed)
			require.True(f, got.Time.After(start))
			if i > 0 {
				require.Equal(f, last.Epoch, got.Position.Epoch)
				require.Greater(f, got.Position.Offset, last.Offset)
			}
			last = got.Position
			want.Position, want.Time, want.Collection = got.Position, got.Time, f.ns.Collection
			if want.Kind != driver.ChangeDrop {
				want.ID = value("x")
			}
			require.Equal(f, want, got)
		}
		at, err := f.e.Position(f.ctx, f.ns.App)
		require.NoError(f, err)
		require.Equal(f, last, at)
	},
	"UnchangedUpdateIsNoChange": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1))
		feed := f.follow()
		f.update(d("_id", 1), d("$set", d("a", 1)), false)
		f.update(d("_id", 9), d("$set", d("a", 1)), false)
		f.insert(d("_id", 2))
		require.Equal(f, value(2), f.next(feed).ID)
	},
	"Silent": func(f *fixture) {
		feed := f.follow()
		o := driver.WriteOptions{Silent: true}
		require.NoError(f, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1))}, o))
		_, err := f.e.Update(f.ctx, f.ns, driver.Update{Change: f.change(d("$set", d("a", 1)))}, o)
		require.NoError(f, err)
		_, err = f.e.Delete(f.ctx, f.ns, driver.Delete{}, o)
		require.NoError(f, err)
		f.insert(d("_id", 2))
		require.Equal(f, value(2), f.next(feed).ID)
	},
	"FailedWritesAreNoChange": func(f *fixture) {
		f.insert(d("_id", 1))
		feed := f.follow()
		f.reason(yunduo.ReasonDuplicateKey, f.e.Insert(f.ctx, f.ns, raws([]bson.D{d("_id", 0), d("_id", 1)}), driver.WriteOptions{}))
		tx := f.begin()
		require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 5))}, driver.WriteOptions{}))
		require.NoError(f, tx.Abort(f.ctx))
		f.insert(d("_id", 2))
		require.Equal(f, value(2), f.next(feed).ID)
	},
	"TransactionComesTogether": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1))
		feed := f.follow()
		tx := f.begin()
		require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 2))}, driver.WriteOptions{Actor: "t"}))
		f.updateIn(tx, d("_id", 1), d("$set", d("a", 2)))
		f.insert(d("_id", 3))
		require.NoError(f, tx.Commit(f.ctx))
		require.Equal(f, value(3), f.next(feed).ID)
		first, second := f.next(feed), f.next(feed)
		require.Equal(f, "t", first.Actor)
		require.Equal(f, value(2), first.ID)
		require.Equal(f, value(1), second.ID)
		require.Equal(f, raw(d("_id", 1, "a", 1)), second.Before)
	},
	"WhatIsCommittedTogetherSaysSo": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1), d("_id", 2))
		feed := f.follow()
		f.insert(d("_id", 3), d("_id", 4)) // all or nothing
		tx := f.begin()
		f.updateIn(tx, d("_id", 1), d("$set", d("a", 2)))
		require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 5)), raw(d("_id", 6))}, driver.WriteOptions{}))
		f.updateIn(tx, d("_id", 1), d("$set", d("a", 3)))
		f.updateIn(tx, d("_id", 2), d("$set", d("b", 1)))
		f.updateIn(tx, d("_id", 2), d("$unset", d("b", 1))) // as it was
		_, err := tx.Delete(f.ctx, f.ns, driver.Delete{Filter: f.filter(d("_id", 6))}, driver.WriteOptions{})
		require.NoError(f, err)
		require.NoError(f, tx.Commit(f.ctx))
		f.insert(d("_id", 7))
		for _, want := range []driver.Change{
			{Kind: driver.ChangeInsert, ID: value(3), Document: raw(d("_id", 3)), More: true},
			{Kind: driver.ChangeInsert, ID: value(4), Document: raw(d("_id", 4))},
			{Kind: driver.ChangeUpdate, ID: value(1), Document: raw(d("_id", 1, "a", 3)), Before: raw(d("_id", 1, "a", 1)), More: true},
			{Kind: driver.ChangeInsert, ID: value(5), Document: raw(d("_id", 5))},
			{Kind: driver.ChangeInsert, ID: value(7), Document: raw(d("_id", 7))},
		} {
			got := f.next(feed)
			want.Position, want.Time, want.Collection = got.Position, got.Time, f.ns.Collection
			require.Equal(f, want, got)
		}
	},
	"TransactionsTellWhereTheyStand": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1))
		before, err := f.e.Position(f.ctx, f.ns.App)
		require.NoError(f, err)
		tx := f.begin()
		settler, ok := tx.(driver.Settler)
		if !ok {
			require.NoError(f, tx.Abort(f.ctx))
			return // an optional power
		}
		f.insert(d("_id", 2))
		at, err := settler.Settled(f.ctx)
		require.NoError(f, err)
		require.Equal(f, before, at)
		require.NoError(f, tx.Abort(f.ctx))
		require.Equal(f, value(2), f.next(f.followFrom(at)).ID)
		_, err = settler.Settled(f.ctx)
		f.reason(yunduo.ReasonTransactionNotFound, err)
	},
	"FromAnyPosition": func(f *fixture) {
		at, err := f.e.Position(f.ctx, f.ns.App)
		require.NoError(f, err)
		for i := range 700 {
			require.NoError(f, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", i))}, driver.WriteOptions{}))
		}
		feed := f.followFrom(at)
		var positions []driver.Position
		for i := range 700 {
			c := f.next(feed)
			require.Equal(f, value(i), c.ID)
			positions = append(positions, c.Position)
		}
		for _, i := range []int{0, 300, 698} {
			again := f.followFrom(positions[i])
			require.Equal(f, value(i+1), f.next(again).ID)
		}
	},
	"NextWaits": func(f *fixture) {
		feed := f.follow()
		got := make(chan driver.Change)
		go func() {
			defer close(got)
			for range 3 {
				c, err := feed.Next(f.ctx)
				if err != nil {
					return
				}
				got <- c
			}
		}()
		for i := range 3 {
			f.insert(d("_id", i))
			require.Equal(f, value(i), (<-got).ID)
		}
		<-got
	},
	"ContextEndsNext": func(f *fixture) {
		feed := f.follow()
		ctx, cancel := context.WithCancel(f.ctx)
		failed := make(chan error)
		go func() {
			_, err := feed.Next(ctx)
			failed <- err
		}()
		cancel()
		require.True(f, errors.Is(<-failed, context.Canceled))
		f.insert(d("_id", 1))
		require.Equal(f, value(1), f.next(feed).ID, "the feed itself goes on")
	},
	"CloseEndsNext": func(f *fixture) {
		feed := f.follow()
		failed := make(chan error)
		go func() {
			_, err := feed.Next(f.ctx)
			failed <- err
		}()
		require.NoError(f, feed.Close())
		require.Error(f, <-failed)
	},
	"ForeignPosition_Lost": func(f *fixture) {
		f.insert(d("_id", 1))
		at, err := f.e.Position(f.ctx, f.ns.App)
		require.NoError(f, err)
		for _, p := range []driver.Position{{}, {Epoch: at.Epoch + 1, Offset: at.Offset}, {Epoch: at.Epoch, Offset: at.Offset + 1}} {
			_, err := f.e.Changes(f.ctx, f.ns.App, p)
			f.reason(yunduo.ReasonPositionLost, err)
		}
	},
	"DropAppEndsFeeds": func(f *fixture) {
		feed := f.follow()
		require.NoError(f, f.e.DropApp(f.ctx, f.ns.App))
		_, err := feed.Next(f.ctx)
		f.reason(yunduo.ReasonPositionLost, err)
	},
	"AppsAreSeparate": func(f *fixture) {
		neighbour := newFixture(f.T, f.e)
		feed := f.follow()
		neighbour.insert(d("_id", "theirs"))
		f.insert(d("_id", "mine"))
		require.Equal(f, value("mine"), f.next(feed).ID)
	},
	"ManyWritersInOrder": func(f *fixture) {
		f.insert(d("_id", 1, "n", 0))
		feed := f.follow()
		done := make(chan struct{})
		go func() {
			defer close(done)
			together(f, 8, func(int) error {
				for range 25 {
					if err := f.inc(f.e); err != nil {
						return err
					}
				}
				return nil
			})
		}()
		offset := uint64(0)
		for i := 1; i <= 200; i++ {
			c := f.next(feed)
			require.EqualValues(f, i, c.Document.Lookup("n").AsInt64())
			require.EqualValues(f, i-1, c.Before.Lookup("n").AsInt64())
			require.Greater(f, c.Position.Offset, offset)
			offset = c.Position.Offset
		}
		<-done
	},
}
