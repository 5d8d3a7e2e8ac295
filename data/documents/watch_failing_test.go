package documents_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// reciprocal is a filter that cannot be computed for documents whose field is 0.
func reciprocal(t testing.TB, field string) bson.Raw {
	return raw(t, d("$expr", d("$gt", bson.A{d("$divide", bson.A{1, "$" + field}), 0})))
}

func TestWatch_EndsWhenItsFilterCannotBeComputed(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	insert(t, s, "notes", d("_id", "a", "n", 1))
	all := watch(t, s, "notes", documents.WatchQuery{Filter: reciprocal(t, "n")})
	few := watch(t, s, "notes", documents.WatchQuery{Filter: reciprocal(t, "n"), Limit: 5})
	other := watch(t, s, "notes", documents.WatchQuery{})
	for _, w := range []*watcher{all, few, other} {
		w.snapshot(documents.ResetNone, d("_id", "a", "n", 1))
	}
	insert(t, s, "notes", d("_id", "b", "n", 2))
	for _, w := range []*watcher{all, few, other} {
		w.changes(move{documents.MoveEnter, documents.CauseInsert, "b", d("_id", "b", "n", 2)})
	}
	token := all.resume
	insert(t, s, "notes", d("_id", "c", "n", 0))
	all.ends(yunduo.ReasonExpressionFailed)
	few.ends(yunduo.ReasonExpressionFailed)
	other.changes(move{documents.MoveEnter, documents.CauseInsert, "c", d("_id", "c", "n", 0)})

	again := newWatcher(t) // it reads the log and meets the same document
	again.open(s, "notes", documents.WatchQuery{Filter: reciprocal(t, "n"), After: token})
	again.ends(yunduo.ReasonExpressionFailed)
	fresh := newWatcher(t)
	fresh.open(s, "notes", documents.WatchQuery{Filter: reciprocal(t, "n")})
	fresh.ends(yunduo.ReasonExpressionFailed)
	_, err := s.Watch(t.Context(), "notes", documents.WatchQuery{Filter: raw(t, d("$expr", d("$divide", bson.A{1, 0})))}, func() {})
	requireReason(t, yunduo.ReasonExpressionFailed, err)

	n, err := s.Count(t.Context(), "none-yet", raw(t, d("$expr", d("$toInt", "x"))))
	require.Zero(t, n)
	requireReason(t, yunduo.ReasonExpressionFailed, err) // whatever there is to match

	remove(t, s, "notes", d("_id", "c"))
	good := watch(t, s, "notes", documents.WatchQuery{Filter: reciprocal(t, "n")})
	good.snapshot(documents.ResetNone, d("_id", "a", "n", 1), d("_id", "b", "n", 2))
}

// Whether a filter fails on a document that the rules hide must not show.
func TestFailingFilterTellsNothingOfHiddenDocuments(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	require.NoError(t, s.SetRules(t.Context(), "notes", "private"))
	insert(t, s, "notes", d("_id", "w", "_openid", "wang", "n", 0), d("_id", "l", "_openid", "li", "n", 4))
	probe := raw(t, d("$or", bson.A{reciprocal(t, "n"), d("_id", "none")}))
	w := watch(t, db.As(li), "notes", documents.WatchQuery{Filter: probe})
	w.snapshot(documents.ResetNone, d("_id", "l", "_openid", "li", "n", 4))
	n, err := db.As(li).Count(t.Context(), "notes", probe)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	alter(t, s, "notes", d("_id", "w"), d("$set", d("m", 1)))
	alter(t, s, "notes", d("_id", "l"), d("$set", d("n", 5)))
	w.changes(move{documents.MoveUpdate, documents.CauseUpdate, "l", d("_id", "l", "_openid", "li", "n", 5)})
	_, err = db.As(wang).Count(t.Context(), "notes", probe)
	requireReason(t, yunduo.ReasonExpressionFailed, err)
}
