package documents_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

func inTransaction(t testing.TB, s *documents.Session, tx string) *documents.Session {
	t.Helper()
	inside, err := s.InTransaction(tx)
	require.NoError(t, err)
	return inside
}

func TestTransaction_CommitAndAbort(t *testing.T) {
	db := ruled(t, "")
	s := db.As(owner)
	for _, commit := range []bool{true, false} {
		tx, err := s.Begin(t.Context())
		require.NoError(t, err)
		inside := inTransaction(t, s, tx)
		insert(t, inside, "notes", d("_id", "new"))
		require.Equal(t, []any{"li", "new", "nobody", "wang"}, visible(t, inside, d()), "it sees its own writes")
		require.Equal(t, []any{"li", "nobody", "wang"}, visible(t, s, d()), "nobody else does")
		if commit {
			require.NoError(t, s.Commit(t.Context(), tx))
			require.Equal(t, []any{"li", "new", "nobody", "wang"}, visible(t, s, d()))
			_, err := s.Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, d("_id", "new"))})
			require.NoError(t, err)
		} else {
			require.NoError(t, s.Abort(t.Context(), tx))
			require.Equal(t, []any{"li", "nobody", "wang"}, visible(t, s, d()))
		}
		_, err = s.InTransaction(tx)
		requireReason(t, yunduo.ReasonTransactionNotFound, err)
		for _, operation := range []string{"Find", "Count", "Insert", "Update", "Delete"} {
			err := operations[operation](t.Context(), t, inside)
			require.Equal(t, yunduo.ReasonTransactionNotFound, yunduo.ReasonOf(err), "%s: %v", operation, err)
		}
		requireReason(t, yunduo.ReasonTransactionNotFound, s.Commit(t.Context(), tx))
		requireReason(t, yunduo.ReasonTransactionNotFound, s.Abort(t.Context(), tx))
	}
}

// Only who began a transaction addresses it.
func TestTransaction_IsItsOwners(t *testing.T) {
	db := ruled(t, "")
	laterCall := function
	laterCall.InvocationID = "i2"
	wangsShop := wang
	wangsShop.App = "other"
	for name, pair := range map[string][2]yunduo.Caller{
		"another user":       {li, wang},
		"a guest":            {li, guest},
		"a function":         {li, function},
		"another app's user": {wang, wangsShop},
		"another app":        {owner, stranger},
		"a key for a user":   {owner, li},
		"another invocation": {function, laterCall},
		"a key":              {function, owner},
	} {
		tx, err := db.As(pair[0]).Begin(t.Context())
		require.NoError(t, err)
		intruder := db.As(pair[1])
		_, err = intruder.InTransaction(tx)
		require.Equal(t, yunduo.ReasonTransactionNotFound, yunduo.ReasonOf(err), name)
		require.Equal(t, yunduo.ReasonTransactionNotFound, yunduo.ReasonOf(intruder.Commit(t.Context(), tx)), name)
		require.Equal(t, yunduo.ReasonTransactionNotFound, yunduo.ReasonOf(intruder.Abort(t.Context(), tx)), name)
		require.NoError(t, db.As(pair[0]).Commit(t.Context(), tx), name)
	}
}

func TestTransaction_KeepsRules(t *testing.T) {
	db := ruled(t, "")
	s := db.As(li)
	tx, err := s.Begin(t.Context())
	require.NoError(t, err)
	inside := inTransaction(t, s, tx)
	require.Equal(t, []any{"li"}, visible(t, inside, d()))
	result, err := inside.Update(t.Context(), "notes", documents.Update{Change: raw(t, d("$set", d("hit", true))), Multi: true})
	require.NoError(t, err)
	require.EqualValues(t, 1, result.Matched)
	removed, err := inside.Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, d("_id", "wang"))})
	require.NoError(t, err)
	require.Zero(t, removed.Deleted)
	_, err = inside.Insert(t.Context(), "notes", raws(t, d("_openid", "wang")))
	requireReason(t, yunduo.ReasonPermissionDenied, err)
	require.NoError(t, s.Commit(t.Context(), tx))
	require.Nil(t, stored(t, db, "notes", "wang")["hit"])
}

func TestTransaction_DefinesNothing(t *testing.T) {
	db := ruled(t, "")
	err := db.As(owner).Transact(t.Context(), func(s *documents.Session) error {
		requireReason(t, yunduo.ReasonInvalidRequest, s.CreateCollection(t.Context(), "x"))
		_, err := s.Begin(t.Context())
		requireReason(t, yunduo.ReasonInvalidRequest, err)
		return nil
	})
	require.NoError(t, err)
}

func TestTransaction_Expires(t *testing.T) {
	engine := openEngine(t, t.TempDir())
	defer engine.Close()
	ctx := context.Background() // one that the bubble shares with nobody
	setup := documents.New(engine, documents.Options{})
	require.NoError(t, setup.As(owner).CreateCollection(ctx, "notes"))
	setup.Close()
	synctest.Test(t, func(t *testing.T) {
		db := documents.New(engine, documents.Options{})
		defer db.Close()
		s := db.As(owner)
		tx, err := s.Begin(ctx)
		require.NoError(t, err)
		inside := inTransaction(t, s, tx)
		_, err = inside.Insert(ctx, "notes", raws(t, d("_id", "lost")))
		require.NoError(t, err)
		time.Sleep(documents.TransactionLifetime - time.Second)
		_, err = inside.Count(ctx, "notes", nil)
		require.NoError(t, err)
		time.Sleep(time.Second)
		synctest.Wait()
		_, err = inside.Count(ctx, "notes", nil)
		requireReason(t, yunduo.ReasonTransactionNotFound, err)
		requireReason(t, yunduo.ReasonTransactionNotFound, s.Commit(ctx, tx))
		n, err := s.Count(ctx, "notes", nil)
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

func TestTransaction_ConflictIsReported(t *testing.T) {
	db := ruled(t, "")
	s := db.As(owner)
	tx, err := s.Begin(t.Context())
	require.NoError(t, err)
	inside := inTransaction(t, s, tx)
	require.Equal(t, []any{"li"}, visible(t, inside, d("_id", "li")))
	require.NoError(t, replace(t, s, "li", false, d("$set", d("n", 1000))))
	err = replace(t, inside, "li", false, d("$set", d("n", 5)))
	if err == nil {
		err = s.Commit(t.Context(), tx)
	}
	requireReason(t, yunduo.ReasonTransactionConflict, err)
	require.Equal(t, int32(1000), stored(t, db, "notes", "li")["n"])
}

func TestTransact_RetriesConflicts(t *testing.T) {
	db := ruled(t, "")
	s := db.As(owner)
	const workers, rounds = 4, 5
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range workers {
		wg.Go(func() {
			for range rounds {
				err := s.Transact(t.Context(), func(s *documents.Session) error {
					doc, err := s.Get(t.Context(), "notes", id("li"), nil)
					if err != nil {
						return err
					}
					_, err = s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", "li")), Change: raw(t, d("$set", d("n", doc.Lookup("n").AsInt64()+1)))})
					return err
				})
				mu.Lock()
				if err == nil {
					done++
				} else if yunduo.ReasonOf(err) != yunduo.ReasonTransactionConflict {
					t.Errorf("unexpected: %v", err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Positive(t, done)
	require.EqualValues(t, 1+done, stored(t, db, "notes", "li")["n"])
}

func TestTransact_ErrorsAndPanicsAbort(t *testing.T) {
	db := ruled(t, "")
	s := db.As(owner)
	trouble := errors.New("trouble")
	require.ErrorIs(t, s.Transact(t.Context(), func(s *documents.Session) error {
		insert(t, s, "notes", d("_id", "x"))
		return trouble
	}), trouble)
	require.PanicsWithValue(t, "boom", func() {
		_ = s.Transact(t.Context(), func(s *documents.Session) error {
			insert(t, s, "notes", d("_id", "x"))
			panic("boom")
		})
	})
	require.Nil(t, stored(t, db, "notes", "x"))
	calls := 0
	err := s.Transact(t.Context(), func(*documents.Session) error {
		calls++
		return yunduo.Errorf(yunduo.ReasonTransactionConflict, "again")
	})
	requireReason(t, yunduo.ReasonTransactionConflict, err)
	require.Equal(t, 5, calls)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err = s.Transact(ended, func(*documents.Session) error { return yunduo.Errorf(yunduo.ReasonTransactionConflict, "again") })
	require.Error(t, err)
}

// Operations of one transaction that come at once run one after another.
func TestTransaction_OneOperationAtATime(t *testing.T) {
	db := ruled(t, "")
	s := db.As(owner)
	tx, err := s.Begin(t.Context())
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			inside, err := s.InTransaction(tx)
			if err == nil {
				_, err = inside.Insert(t.Context(), "notes", []bson.Raw{raw(t, d("n", 1))})
			}
			if err == nil {
				cursor, findErr := inside.Find(t.Context(), "notes", documents.Query{})
				if err = findErr; err == nil {
					_, err = documents.All(t.Context(), cursor)
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, s.Commit(t.Context(), tx))
	n, err := s.Count(t.Context(), "notes", nil)
	require.NoError(t, err)
	require.EqualValues(t, 11, n)
}

func TestTransaction_TooManyOpen(t *testing.T) {
	db := ruled(t, "")
	var open []string
	for {
		tx, err := db.As(owner).Begin(t.Context())
		if err != nil {
			requireReason(t, yunduo.ReasonRateLimited, err)
			break
		}
		open = append(open, tx)
		require.Less(t, len(open), 10_000)
	}
	_, err := db.As(stranger).Begin(t.Context())
	require.NoError(t, err, "another app is not concerned")
	require.NoError(t, db.As(owner).Abort(t.Context(), open[0]))
	_, err = db.As(owner).Begin(t.Context())
	require.NoError(t, err)
}

func TestClose_EndsTransactions(t *testing.T) {
	engine := openEngine(t, t.TempDir())
	defer engine.Close()
	db := documents.New(engine, documents.Options{})
	tx, err := db.As(owner).Begin(t.Context())
	require.NoError(t, err)
	db.Close()
	requireReason(t, yunduo.ReasonTransactionNotFound, db.As(owner).Commit(t.Context(), tx))
	_, err = db.As(owner).Begin(t.Context())
	requireReason(t, yunduo.ReasonShuttingDown, err)
}
