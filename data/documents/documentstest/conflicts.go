package documentstest

import (
	"context"
	"errors"
	"math/rand"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// inc is what every test here does to document 1.
func (f *fixture) inc(o driver.Operations) error {
	_, err := o.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(d("_id", 1)), Change: f.change(d("$inc", d("n", 1)))}, driver.WriteOptions{})
	return err
}

var conflictTests = map[string]func(f *fixture){
	"TwoTransactions": func(f *fixture) {
		f.insert(d("_id", 1, "n", 0))
		first, second := f.begin(), f.begin()
		require.NoError(f, f.inc(first))
		err := f.inc(second)
		if err == nil { // an engine may find out as late as this
			require.NoError(f, first.Commit(f.ctx))
			err = second.Commit(f.ctx)
		} else {
			require.NoError(f, first.Commit(f.ctx))
		}
		f.reason(yunduo.ReasonTransactionConflict, err)
		require.NoError(f, second.Abort(f.ctx))
		require.Equal(f, texts(f, d("_id", 1, "n", 1)), f.all())
		require.NoError(f, f.inc(f.e))
	},
	"CrossedWritesLetOneThrough": func(f *fixture) {
		f.insert(d("_id", 1, "n", 0), d("_id", 2, "n", 0))
		write := func(tx driver.Transaction, ids ...int) error {
			for _, id := range ids {
				change := driver.Update{Filter: f.filter(d("_id", id)), Change: f.change(d("$inc", d("n", 1)))}
				if _, err := tx.Update(f.ctx, f.ns, change, driver.WriteOptions{}); err != nil {
					return errors.Join(err, tx.Abort(f.ctx))
				}
			}
			return tx.Commit(f.ctx)
		}
		older, younger := f.begin(), f.begin()
		first := make(chan error)
		go func() { first <- write(older, 1, 2) }()
		second := write(younger, 2, 1)
		require.True(f, <-first == nil || second == nil, "both gave way")
	},
	"DepthThroughUpdatesIsBounded": func(f *fixture) {
		f.insert(d("_id", 1, "a", d()))
		path, deep := "a", error(nil)
		for range 10 {
			for range 20 {
				path += ".a"
			}
			_, deep = f.e.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(d("_id", 1)), Change: f.change(d("$set", d(path, 1)))}, driver.WriteOptions{})
			if deep != nil {
				break
			}
			_, err := f.e.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(d("_id", 1)), Change: f.change(d("$set", d(path, d())))}, driver.WriteOptions{})
			require.NoError(f, err)
		}
		require.Error(f, deep)
	},
	"WriteAfterSnapshot": func(f *fixture) {
		f.insert(d("_id", 1, "n", 0))
		tx := f.begin()
		require.NoError(f, f.inc(f.e))
		f.conflicts(tx, f.inc(tx))
		require.Equal(f, texts(f, d("_id", 1, "n", 1)), f.all())
	},
	"DeleteAfterSnapshot": func(f *fixture) {
		f.insert(d("_id", 1, "n", 0))
		tx := f.begin()
		_, err := f.e.Delete(f.ctx, f.ns, driver.Delete{Filter: f.filter(d("_id", 1))}, driver.WriteOptions{})
		require.NoError(f, err)
		f.conflicts(tx, f.inc(tx))
		require.Empty(f, f.all())
	},
	"ReplacedAfterSnapshot": func(f *fixture) {
		f.insert(d("_id", 1, "n", 0))
		tx := f.begin()
		_, err := f.e.Delete(f.ctx, f.ns, driver.Delete{Filter: f.filter(d("_id", 1))}, driver.WriteOptions{})
		require.NoError(f, err)
		f.insert(d("_id", 1, "n", 0))
		f.conflicts(tx, f.inc(tx))
		require.Equal(f, texts(f, d("_id", 1, "n", 0)), f.all())
	},
	"InsertAfterSnapshot": func(f *fixture) {
		tx := f.begin()
		f.insert(d("_id", 1, "n", 0))
		f.conflicts(tx, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1))}, driver.WriteOptions{}))
		require.Equal(f, texts(f, d("_id", 1, "n", 0)), f.all())
	},
	"CommittedTransactionAfterSnapshot": func(f *fixture) {
		f.insert(d("_id", 1, "n", 0))
		late, early := f.begin(), f.begin()
		require.NoError(f, f.inc(early))
		require.NoError(f, early.Commit(f.ctx))
		f.conflicts(late, f.inc(late))
		require.Equal(f, texts(f, d("_id", 1, "n", 1)), f.all())
	},
	"UniqueKeyTaken": func(f *fixture) {
		f.createIndex(driver.Index{Name: "k", Fields: fields("k"), Unique: true})
		tx := f.begin()
		err := tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1, "k", 1))}, driver.WriteOptions{})
		require.NoError(f, err)
		plain := make(chan error, 1)
		go func() {
			plain <- f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 2, "k", 1))}, driver.WriteOptions{})
		}()
		var first error
		select { // it waits, or it was first and the commit fails
		case first = <-plain:
			plain <- first
		case <-time.After(20 * time.Millisecond):
		}
		commit := tx.Commit(f.ctx)
		if commit == nil {
			f.reason(yunduo.ReasonDuplicateKey, <-plain)
			require.Equal(f, texts(f, d("_id", 1, "k", 1)), f.all())
			return
		}
		f.reason(yunduo.ReasonTransactionConflict, commit)
		require.NoError(f, <-plain)
		require.Equal(f, texts(f, d("_id", 2, "k", 1)), f.all())
	},
	"UniqueKeyOfTwoTransactions": func(f *fixture) {
		f.createIndex(driver.Index{Name: "k", Fields: fields("k"), Unique: true})
		first, second := f.begin(), f.begin()
		require.NoError(f, first.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1, "k", 1))}, driver.WriteOptions{}))
		err := second.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 2, "k", 1))}, driver.WriteOptions{})
		require.NoError(f, first.Commit(f.ctx))
		f.conflicts(second, err)
		require.Equal(f, texts(f, d("_id", 1, "k", 1)), f.all())
	},
	"UniqueKeyGivenBack": func(f *fixture) {
		f.createIndex(driver.Index{Name: "k", Fields: fields("k"), Unique: true})
		tx := f.begin()
		require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1, "k", 1))}, driver.WriteOptions{}))
		require.NoError(f, tx.Abort(f.ctx))
		f.insert(d("_id", 2, "k", 1))
	},
	"MadeAndRemovedAfterSnapshot": func(f *fixture) {
		tx := f.begin()
		f.insert(d("_id", 1, "n", 0))
		_, err := f.e.Delete(f.ctx, f.ns, driver.Delete{Filter: f.filter(d("_id", 1))}, driver.WriteOptions{})
		require.NoError(f, err)
		f.conflicts(tx, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1, "n", 7))}, driver.WriteOptions{}))
		require.Empty(f, f.all())
	},
	"UniqueIndexMadeMeanwhile": func(f *fixture) {
		f.insert(d("_id", 1, "k", 1))
		tx := f.begin()
		require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 2, "k", 2))}, driver.WriteOptions{}))
		f.createIndex(driver.Index{Name: "k", Fields: fields("k"), Unique: true})
		if err := tx.Commit(f.ctx); err != nil { // an engine may demand that it is run again
			f.reason(yunduo.ReasonTransactionConflict, err)
			return
		}
		require.Equal(f, texts(f, d("_id", 2, "k", 2)), f.find(d("k", 2), nil))
		f.uses("k", driver.Find{Filter: f.filter(d("k", 2))}, 1)
	},
	"PlainWriteMeetsIntent": func(f *fixture) {
		f.insert(d("_id", 1, "n", 0))
		tx := f.begin()
		require.NoError(f, f.inc(tx))
		result := make(chan error, 1)
		go func() { result <- f.inc(f.e) }()
		var plain error
		select { // it waits, or it was first and the commit fails
		case plain = <-result:
			result <- plain
		case <-time.After(20 * time.Millisecond):
		}
		commit := tx.Commit(f.ctx)
		plain = <-result
		want := 0
		for _, err := range []error{commit, plain} {
			if err == nil {
				want++
			} else {
				f.reason(yunduo.ReasonTransactionConflict, err)
			}
		}
		require.Equal(f, texts(f, d("_id", 1, "n", want)), f.all())
		require.Positive(f, want)
	},
	"PlainWriteGivesUpWithItsContext": func(f *fixture) {
		f.insert(d("_id", 1, "n", 0))
		tx := f.begin()
		require.NoError(f, f.inc(tx))
		ctx, cancel := context.WithTimeout(f.ctx, 10*time.Millisecond)
		defer cancel()
		_, err := f.e.Delete(ctx, f.ns, driver.Delete{Filter: f.filter(d("_id", 1))}, driver.WriteOptions{})
		if err == nil {
			f.conflicts(tx, nil)
			return
		}
		require.True(f, errors.Is(err, context.DeadlineExceeded) || yunduo.ReasonOf(err) == yunduo.ReasonTransactionConflict, "%v", err)
		require.NoError(f, tx.Commit(f.ctx))
		require.Equal(f, texts(f, d("_id", 1, "n", 1)), f.all())
	},
	"IndexMadeMeanwhile": func(f *fixture) {
		f.insert(d("_id", 1, "n", 0))
		tx := f.begin()
		require.NoError(f, f.inc(tx))
		f.createIndex(driver.Index{Name: "n", Fields: fields("n")})
		if err := tx.Commit(f.ctx); err != nil {
			f.reason(yunduo.ReasonTransactionConflict, err)
			require.Equal(f, texts(f, d("_id", 1, "n", 0)), f.find(d("n", 0), nil))
			return
		}
		require.Equal(f, texts(f, d("_id", 1, "n", 1)), f.find(d("n", 1), nil))
	},
	"CollectionDroppedMeanwhile": func(f *fixture) {
		tx := f.begin()
		require.NoError(f, tx.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", 1))}, driver.WriteOptions{}))
		require.NoError(f, f.e.DropCollection(f.ctx, f.ns))
		require.NoError(f, f.e.CreateCollection(f.ctx, f.ns, driver.CollectionOptions{}))
		require.Error(f, tx.Commit(f.ctx))
		require.Empty(f, f.all())
	},
	"MoneyIsConserved": bankTest,
}

// conflicts requires that the transaction fails with a conflict: err from its last write, or its commit.
func (f *fixture) conflicts(tx driver.Transaction, err error) {
	f.Helper()
	if err == nil {
		err = tx.Commit(f.ctx)
	}
	f.reason(yunduo.ReasonTransactionConflict, err)
	require.NoError(f, tx.Abort(f.ctx))
}

// bankTest moves money between accounts in transactions and in plain updates at the same time.
func bankTest(f *fixture) {
	const accounts, each = 8, 1000
	for i := range accounts {
		f.insert(d("_id", i, "money", each, "gifts", 0))
	}
	transfer := func(from, to, amount int) error {
		tx, err := f.e.Begin(f.ctx, f.ns.App)
		if err != nil {
			return err
		}
		for _, leg := range []struct{ id, amount int }{{from, -amount}, {to, amount}} {
			u := driver.Update{Filter: f.filter(d("_id", leg.id)), Change: f.change(d("$inc", d("money", leg.amount)))}
			if _, err := tx.Update(f.ctx, f.ns, u, driver.WriteOptions{}); err != nil {
				return errors.Join(err, tx.Abort(f.ctx))
			}
		}
		return errors.Join(tx.Commit(f.ctx), tx.Abort(f.ctx))
	}
	together(f, 6, func(worker int) error {
		random := rand.New(rand.NewSource(int64(worker)))
		for range 40 {
			from := random.Intn(accounts)
			to := (from + 1 + random.Intn(accounts-1)) % accounts
			var err error
			if worker%3 == 2 {
				_, err = f.e.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(d("_id", from)), Change: f.change(d("$inc", d("gifts", 1)))}, driver.WriteOptions{})
			} else {
				err = transfer(from, to, random.Intn(50))
			}
			if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonTransactionConflict {
				return err
			}
			c, err := f.e.Aggregate(f.ctx, f.ns, f.pipeline(d("$group", d("_id", nil, "sum", d("$sum", "$money")))), "")
			if err != nil {
				return err
			}
			if got := f.drain(c); got[0] != text(f, raw(d("_id", nil, "sum", accounts*each))) {
				return errors.New("money was made or lost: " + got[0])
			}
		}
		return nil
	})
}
