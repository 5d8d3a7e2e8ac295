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

// A stage that can fail looks only at what the rule leaves, though the engine reads for both at once.
func TestFailingStageTellsNothingOfHiddenDocuments(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	require.NoError(t, s.SetRules(t.Context(), "notes", `{"read": "doc.n != doc.zero"}`)) // an $expr, too
	insert(t, s, "notes", d("_id", "w", "n", 0, "zero", 0, "at", d("type", "Point", "coordinates", bson.A{0, 0})), d("_id", "l", "n", 4, "zero", 0))
	probe := d("$or", bson.A{reciprocal(t, "n"), d("_id", "none")})
	near := func(query any) bson.D {
		return d("$geoNear", d("near", bson.A{0, 0}, "distanceField", "far", "key", "at", "query", query))
	}
	for _, stages := range [][]bson.D{{d("$match", probe)}, {d("$sort", d("n", 1)), d("$match", probe)}, {near(probe)}, {near(d()), d("$match", probe)}} {
		cursor, err := db.As(li).Aggregate(t.Context(), "notes", raws(t, stages...))
		require.NoError(t, err)
		_, err = documents.All(t.Context(), cursor)
		require.NoError(t, err)
		cursor, err = s.Aggregate(t.Context(), "notes", raws(t, stages...))
		if err == nil {
			_, err = documents.All(t.Context(), cursor)
		}
		requireReason(t, yunduo.ReasonExpressionFailed, err)
	}
}

// An upsert that meets the _id of a hidden document must not tell whether that is as the upsert asks.
func TestUpsertTellsNothingOfHiddenDocuments(t *testing.T) {
	db := ruled(t, "private")
	for _, secret := range []string{"W", "wrong"} {
		_, err := db.As(li).Update(t.Context(), "notes", documents.Update{
			Filter: raw(t, d("_id", "wang", "secret", secret)), Change: raw(t, d("$set", d("x", 1))), Upsert: true,
		})
		requireReason(t, yunduo.ReasonPermissionDenied, err)
	}
	_, err := db.As(li).Update(t.Context(), "notes", documents.Update{
		Filter: raw(t, d("_id", "li", "secret", "wrong")), Change: raw(t, d("$set", d("x", 1))), Upsert: true,
	})
	requireReason(t, yunduo.ReasonDuplicateKey, err) // of a document that the caller sees
}
