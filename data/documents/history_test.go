package documents_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

func change(t testing.TB, s *documents.Session, key any, update bson.D) {
	t.Helper()
	_, err := s.Update(t.Context(), "notes", documents.Update{Filter: raw(t, d("_id", key)), Change: raw(t, update)})
	require.NoError(t, err)
}

func TestHistory_TellsWhoAndWhat(t *testing.T) {
	db := shop(t)
	insert(t, db.As(li), "notes", d("_id", "n", "a", 1, "b", d("c", 1, "d", 2)))
	insert(t, db.As(wang), "notes", d("_id", "other"))
	change(t, db.As(function), "n", d("$set", d("b.c", 2, "e", true)))
	_, err := db.As(owner).Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, d("_id", "n"))})
	require.NoError(t, err)

	page, err := db.As(owner).History(t.Context(), "notes", documents.HistoryQuery{ID: id("n")})
	require.NoError(t, err)
	require.Len(t, page.Changes, 3)
	require.Zero(t, page.Next)
	require.False(t, page.Since.IsZero())
	require.Equal(t, driver.ChangeDelete, page.Changes[0].Kind)
	require.Equal(t, "owner", page.Changes[0].Actor)
	require.Equal(t, "function:f for user:u-li", page.Changes[1].Actor)
	require.Equal(t, []string{"b.c", "e"}, documents.ChangedPaths(page.Changes[1].Before, page.Changes[1].Document))
	require.Equal(t, "user:u-li", page.Changes[2].Actor)
	require.Nil(t, page.Changes[2].Before)

	first, err := db.AsApp(operator, "shop").History(t.Context(), "notes", documents.HistoryQuery{Limit: 3})
	require.NoError(t, err)
	require.Len(t, first.Changes, 3)
	rest, err := db.As(owner).History(t.Context(), "notes", documents.HistoryQuery{Before: first.Next})
	require.NoError(t, err)
	require.Len(t, rest.Changes, 1)
	require.Equal(t, "u-li", strings.TrimPrefix(rest.Changes[0].Actor, "user:"))
}

func TestHistory_IsTheOwnersAlone(t *testing.T) {
	db := shop(t)
	insert(t, db.As(li), "notes", d("_id", "n"))
	for name, s := range map[string]*documents.Session{
		"end user": db.As(li), "guest": db.As(guest), "function": db.As(function), "other app's owner": db.AsApp(stranger, "shop"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.History(t.Context(), "notes", documents.HistoryQuery{})
			requireReason(t, yunduo.ReasonPermissionDenied, err)
			_, err = s.Restore(t.Context(), "notes", documents.Restore{At: time.Now()})
			requireReason(t, yunduo.ReasonPermissionDenied, err)
			_, err = s.Dropped(t.Context())
			requireReason(t, yunduo.ReasonPermissionDenied, err)
			requireReason(t, yunduo.ReasonPermissionDenied, s.Undrop(t.Context(), 1, ""))
			requireReason(t, yunduo.ReasonPermissionDenied, s.Purge(t.Context(), 1))
			requireReason(t, yunduo.ReasonPermissionDenied, db.RestoreApp(t.Context(), s.Caller(), "shop", "shop", time.Now(), nil))
		})
	}
	_, err := db.As(owner).History(t.Context(), "notes", documents.HistoryQuery{})
	require.NoError(t, err)
	_, err = db.As(owner).History(t.Context(), "_collections", documents.HistoryQuery{})
	requireReason(t, yunduo.ReasonInvalidCollectionName, err)
	_, err = db.As(owner).History(t.Context(), "notes", documents.HistoryQuery{Limit: 101})
	requireReason(t, yunduo.ReasonInvalidRequest, err)
	requireReason(t, yunduo.ReasonPermissionDenied, db.RestoreApp(t.Context(), owner, "shop", "other", time.Now(), nil))
	requireReason(t, yunduo.ReasonPermissionDenied, db.RestoreApp(t.Context(), owner, "other", "shop", time.Now(), nil))
	requireReason(t, yunduo.ReasonInvalidRequest, db.RestoreApp(t.Context(), owner, "shop", "shop", time.Now().Add(time.Hour), nil))
}

func TestRestore_OneDocument(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	insert(t, s, "notes", d("_id", "n", "v", 1), d("_id", "other", "v", 1))
	change(t, s, "n", d("$set", d("v", 2)))
	at, err := s.Position(t.Context())
	require.NoError(t, err)
	change(t, s, "n", d("$set", d("v", 3)))
	change(t, s, "other", d("$set", d("v", 9)))
	_, err = s.Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, d("_id", "n"))})
	require.NoError(t, err)

	restore := documents.Restore{ID: id("n"), Offset: at.Offset, DryRun: true}
	result, err := s.Restore(t.Context(), "notes", restore)
	require.NoError(t, err)
	require.EqualValues(t, 1, result.Inserted)
	require.Nil(t, stored(t, db, "notes", "n"), "it was only asked what would happen")
	restore.DryRun = false
	result, err = s.Restore(t.Context(), "notes", restore)
	require.NoError(t, err)
	require.EqualValues(t, 1, result.Inserted)
	require.EqualValues(t, 2, stored(t, db, "notes", "n")["v"])
	require.EqualValues(t, 9, stored(t, db, "notes", "other")["v"])
	page, err := s.History(t.Context(), "notes", documents.HistoryQuery{ID: id("n"), Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "owner (restore)", page.Changes[0].Actor, "a restore is a change like any other")

	result, err = s.Restore(t.Context(), "notes", restore)
	require.NoError(t, err)
	require.EqualValues(t, 1, result.Unchanged)
	restore.Offset = page.Changes[0].Position.Offset + 1
	_, err = s.Restore(t.Context(), "notes", restore)
	requireReason(t, yunduo.ReasonPositionLost, err)
	_, err = s.Restore(t.Context(), "notes", documents.Restore{})
	requireReason(t, yunduo.ReasonInvalidRequest, err)
	_, err = s.Restore(t.Context(), "nothing", documents.Restore{Offset: 1})
	requireReason(t, yunduo.ReasonCollectionNotFound, err)
}

// A collection goes back even where two documents have swapped a unique value, and where a new one has taken it.
func TestRestore_Collection(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	require.NoError(t, s.CreateIndex(t.Context(), "notes", driver.Index{Fields: []driver.IndexField{{Path: "u"}}, Unique: true, Sparse: true}))
	insert(t, s, "notes", d("_id", "a", "u", 1), d("_id", "b", "u", 2), d("_id", "gone", "u", 3), d("_id", "same"))
	at, err := s.Position(t.Context())
	require.NoError(t, err)
	change(t, s, "a", d("$set", d("u", 10)))
	change(t, s, "b", d("$set", d("u", 1)))
	change(t, s, "a", d("$set", d("u", 2)))
	_, err = s.Delete(t.Context(), "notes", documents.Delete{Filter: raw(t, d("_id", "gone"))})
	require.NoError(t, err)
	insert(t, s, "notes", d("_id", "new", "u", 3))

	dry, err := s.Restore(t.Context(), "notes", documents.Restore{Offset: at.Offset, DryRun: true})
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2, 1, 0}, []int64{dry.Inserted, dry.Updated, dry.Deleted, dry.Failed})
	result, err := s.Restore(t.Context(), "notes", documents.Restore{Offset: at.Offset})
	require.NoError(t, err)
	require.Nil(t, stored(t, db, "notes", "new"))
	require.EqualValues(t, 3, stored(t, db, "notes", "gone")["u"])
	// Each of a and b waits for the other's value: that takes the owner's hand.
	require.EqualValues(t, 2, result.Failed)
	for _, doc := range result.Documents {
		if doc.Error != nil {
			requireReason(t, yunduo.ReasonDuplicateKey, doc.Error)
		}
	}
	require.NoError(t, s.DropCollection(t.Context(), "notes"))
	require.NoError(t, s.CreateCollection(t.Context(), "notes"))
	_, err = s.Restore(t.Context(), "notes", documents.Restore{Offset: at.Offset})
	requireReason(t, yunduo.ReasonPositionLost, err)
}

func TestTrash_KeepsRules(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	require.NoError(t, s.SetRules(t.Context(), "notes", "readonly"))
	insert(t, s, "notes", d("_id", "n"))
	require.NoError(t, s.DropCollection(t.Context(), "notes"))
	require.NoError(t, s.CreateCollection(t.Context(), "notes"))
	rules, err := s.Rules(t.Context(), "notes")
	require.NoError(t, err)
	require.Equal(t, "private", rules, "a new collection has nothing of the old one")
	list, err := s.Dropped(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	requireReason(t, yunduo.ReasonCollectionExists, s.Undrop(t.Context(), list[0].ID, ""))
	requireReason(t, yunduo.ReasonInvalidCollectionName, s.Undrop(t.Context(), list[0].ID, "_x"))
	requireReason(t, yunduo.ReasonCollectionNotFound, s.Undrop(t.Context(), list[0].ID+9, "x"))
	require.NoError(t, s.Undrop(t.Context(), list[0].ID, "back"))
	rules, err = s.Rules(t.Context(), "back")
	require.NoError(t, err)
	require.Equal(t, "readonly", rules)
	require.Equal(t, []any{"n"}, ids2(t, db.As(wang), "back"))

	require.NoError(t, s.DropCollection(t.Context(), "back"))
	list, err = s.Dropped(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Purge(t.Context(), list[0].ID))
	requireReason(t, yunduo.ReasonCollectionNotFound, s.Undrop(t.Context(), list[0].ID, "x"))
}

func ids2(t *testing.T, s *documents.Session, collection string) []any {
	t.Helper()
	cursor, err := s.Find(t.Context(), collection, documents.Query{})
	return ids(t, cursor, err)
}

// An app goes back while another goes on; its rules go back too, at once for every session.
func TestRestoreApp(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	engine, err := embedded.Open(t.TempDir(), embedded.Options{CacheBytes: 1 << 20, MemtableBytes: 1 << 20, DiskReserve: -1, Now: clock, SweepInterval: 24 * time.Hour})
	require.NoError(t, err)
	defer engine.Close()
	db := documents.New(engine, documents.Options{Now: clock})
	defer db.Close()
	s := db.As(owner)
	require.NoError(t, s.CreateCollection(t.Context(), "notes"))
	insert(t, s, "notes", d("_id", "n", "v", 1))
	require.NoError(t, s.SetRules(t.Context(), "notes", "readonly"))
	then := now
	now = now.Add(time.Minute)
	require.NoError(t, s.SetRules(t.Context(), "notes", "adminonly"))
	change(t, s, "n", d("$set", d("v", 2)))
	require.NoError(t, s.CreateCollection(t.Context(), "later"))
	require.NoError(t, db.As(stranger).CreateCollection(t.Context(), "theirs"))
	_, err = db.As(wang).Find(t.Context(), "notes", documents.Query{})
	requireReason(t, yunduo.ReasonPermissionDenied, err)

	var seen []documents.Progress
	require.NoError(t, db.RestoreApp(t.Context(), owner, "shop", "shop", then, func(p documents.Progress) { seen = append(seen, p) }))
	require.NotEmpty(t, seen)
	require.EqualValues(t, 1, stored(t, db, "notes", "n")["v"])
	require.Equal(t, []any{"n"}, ids2(t, db.As(wang), "notes"))
	infos, err := s.Collections(t.Context())
	require.NoError(t, err)
	require.Len(t, infos, 1)
	infos, err = db.As(stranger).Collections(t.Context())
	require.NoError(t, err)
	require.Len(t, infos, 1)
	dropped, err := s.Dropped(t.Context())
	require.NoError(t, err)
	require.Len(t, dropped, 2, "what the app had is in the trash")

	require.NoError(t, db.RestoreApp(t.Context(), operator, "shop", "copy", then, nil))
	require.Equal(t, []any{"n"}, ids2(t, db.AsApp(operator, "copy"), "notes"))
}
