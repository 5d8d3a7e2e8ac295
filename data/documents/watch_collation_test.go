package documents_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/documents"
)

func TestWatch_Collation(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	require.NoError(t, s.SetRules(t.Context(), "notes", "private"))
	loose := raw(t, d("locale", "en", "strength", 1))
	small, upper := d("_id", "1", "name", "apple", "_openid", "li"), d("_id", "2", "name", "ÀPPLE", "_openid", "li")
	insert(t, s, "notes", small, d("_id", "9", "name", "Apple", "_openid", "wang"), d("_id", "8", "name", "pear", "_openid", "li"))

	q := documents.WatchQuery{Filter: raw(t, d("name", "APPLE")), Collation: loose}
	mine := watch(t, db.As(li), "notes", q)
	exact := watch(t, db.As(li), "notes", documents.WatchQuery{Filter: q.Filter})
	first := watch(t, s, "notes", documents.WatchQuery{Sort: raw(t, d("name", -1)), Limit: 1, Collation: loose})
	mine.snapshot(documents.ResetNone, small)
	exact.snapshot(documents.ResetNone) // the same query by bytes is another one
	first.snapshot(documents.ResetNone, d("_id", "8", "name", "pear", "_openid", "li"))

	insert(t, s, "notes", upper)
	mine.changes(move{documents.MoveEnter, documents.CauseInsert, "2", upper})
	insert(t, s, "notes", d("_id", "3", "name", "Zebra"))
	first.changes(move{documents.MoveLeave, documents.CauseLimit, "8", nil}, move{documents.MoveEnter, documents.CauseInsert, "3", d("_id", "3", "name", "Zebra")})
	insert(t, s, "notes", d("_id", "4", "name", "apricot")) // beyond the limit, by letters
	alter(t, s, "notes", d("_id", "3"), d("$set", d("n", 1)))
	first.changes(move{documents.MoveUpdate, documents.CauseUpdate, "3", d("_id", "3", "name", "Zebra", "n", 1)})

	resume := mine.resume
	mine.watch.Close()
	alter(t, s, "notes", d("_id", "2"), d("$set", d("name", "Äpple")))
	mine.open(db.As(li), "notes", documents.WatchQuery{Filter: q.Filter, Collation: loose, After: resume})
	mine.changes(move{documents.MoveUpdate, documents.CauseUpdate, "2", d("_id", "2", "name", "Äpple", "_openid", "li")})
	other := watch(t, db.As(li), "notes", documents.WatchQuery{Filter: q.Filter, After: mine.resume})
	other.snapshot(documents.ResetPosition)

	_, err := s.Watch(t.Context(), "notes", documents.WatchQuery{Collation: raw(t, d("locale", 7))}, func() {})
	requireReason(t, yunduo.ReasonInvalidRequest, err)
}
