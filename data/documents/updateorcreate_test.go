package documents_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

func visits(t testing.TB) documents.Update {
	return documents.Update{Filter: raw(t, d("key", "k")), Change: raw(t, d("$inc", d("n", 1)))}
}

// Of many who find nothing at once one inserts, and all others change what it has inserted. None is lost.
func TestUpdateOrCreate_AtOnce(t *testing.T) {
	db := shop(t)
	const callers = 24
	results := make([]driver.UpdateResult, callers)
	errs := make([]error, callers)
	update, create := visits(t), raw(t, d("key", "k", "n", 1))
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { results[i], errs[i] = db.As(owner).UpdateOrCreate(t.Context(), "notes", update, create) })
	}
	wg.Wait()
	made := 0
	for i := range callers {
		require.NoError(t, errs[i])
		if results[i].UpsertedID.Type != 0 {
			made++
			require.Zero(t, results[i].Matched)
		} else {
			require.EqualValues(t, 1, results[i].Matched)
		}
	}
	require.Equal(t, 1, made)
	cursor, err := db.As(owner).Find(t.Context(), "notes", documents.Query{})
	require.NoError(t, err)
	found, err := documents.All(t.Context(), cursor)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.EqualValues(t, callers, found[0].Lookup("n").AsInt64())
	infos, err := db.As(owner).Collections(t.Context())
	require.NoError(t, err)
	require.Len(t, infos, 1, "the record that guards is the platform's own affair")
}

// Two transactions that both find nothing cannot both commit, whichever node they run on.
func TestUpdateOrCreate_InTransactions(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	put := func(id string) error {
		inside, err := s.InTransaction(id)
		require.NoError(t, err)
		_, err = inside.UpdateOrCreate(t.Context(), "notes", visits(t), raw(t, d("key", "k", "n", 1)))
		return err
	}
	begin := func() string {
		id, err := s.Begin(t.Context())
		require.NoError(t, err)
		return id
	}
	first := begin()
	requireReason(t, yunduo.ReasonTransactionConflict, put(first)) // which prepares the app
	require.NoError(t, s.Abort(t.Context(), first))
	late, early := begin(), begin()
	require.NoError(t, put(early))
	require.NoError(t, s.Commit(t.Context(), early))
	requireReason(t, yunduo.ReasonTransactionConflict, put(late))
	require.NoError(t, s.Abort(t.Context(), late))
	n, err := s.Count(t.Context(), "notes", nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

func TestUpdateOrCreate_UnderRules(t *testing.T) {
	db := shop(t)
	put := func(c yunduo.Caller, create bson.D) (driver.UpdateResult, error) {
		return db.As(c).UpdateOrCreate(t.Context(), "notes", visits(t), raw(t, create))
	}
	result, err := put(li, d("_id", "of-li", "key", "k", "n", 1))
	require.NoError(t, err)
	require.Equal(t, "of-li", result.UpsertedID.StringValue())
	require.Equal(t, "li", stored(t, db, "notes", "of-li")["_openid"])
	result, err = put(li, d("key", "k"))
	require.NoError(t, err)
	require.EqualValues(t, 1, result.Matched)
	result, err = put(wang, d("_id", "of-wang", "key", "k", "n", 1))
	require.NoError(t, err)
	require.Zero(t, result.Matched, "what is another's does not match")
	require.EqualValues(t, 2, stored(t, db, "notes", "of-li")["n"])
	_, err = put(stranger, d("key", "k"))
	require.Error(t, err)
	require.NoError(t, db.As(owner).SetRules(t.Context(), "notes", `{"read":true,"update":true,"create":false}`))
	_, err = db.As(li).UpdateOrCreate(t.Context(), "notes", documents.Update{Filter: raw(t, d("key", "none")), Change: raw(t, d("$set", d("n", 1)))}, raw(t, d("key", "none")))
	requireReason(t, yunduo.ReasonPermissionDenied, err)
	_, err = db.As(owner).UpdateOrCreate(t.Context(), "notes", documents.Update{Filter: raw(t, d()), Multi: true}, raw(t, d("a", 1)))
	requireReason(t, yunduo.ReasonInvalidRequest, err)
}

// What an end user does, or may not do, keeps nobody from creating.
func TestUpdateOrCreate_HeldByNobody(t *testing.T) {
	db := shop(t)
	create := raw(t, d("key", "k", "n", 1))
	begin := func(c yunduo.Caller) *documents.Session {
		id, err := db.As(c).Begin(t.Context())
		require.NoError(t, err)
		inside, err := db.As(c).InTransaction(id)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.As(c).Abort(context.Background(), id)) })
		return inside
	}
	_, err := db.As(owner).UpdateOrCreate(t.Context(), "notes", documents.Update{Filter: raw(t, d("key", "first")), Change: raw(t, d("$inc", d("n", 1)))}, raw(t, d("key", "first")))
	require.NoError(t, err)
	_, err = begin(li).UpdateOrCreate(t.Context(), "notes", visits(t), create)
	requireReason(t, yunduo.ReasonInvalidRequest, err)
	_, err = begin(owner).UpdateOrCreate(t.Context(), "notes", visits(t), raw(t, d("$no", 1)))
	requireReason(t, yunduo.ReasonInvalidDocument, err)
	result, err := db.As(wang).UpdateOrCreate(t.Context(), "notes", visits(t), create)
	require.NoError(t, err)
	require.NotZero(t, result.UpsertedID.Type)
}
