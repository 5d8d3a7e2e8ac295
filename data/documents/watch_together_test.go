package documents_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents"
)

// transfer moves one from document a to document b, in one transaction.
func transfer(t testing.TB, s *documents.Session) {
	t.Helper()
	require.NoError(t, s.Transact(t.Context(), func(s *documents.Session) error {
		for key, by := range map[string]int{"a": -1, "b": 1} {
			change := documents.Update{Filter: raw(t, d("_id", key)), Change: raw(t, d("$inc", d("n", by)))}
			if _, err := s.Update(t.Context(), "notes", change); err != nil {
				return err
			}
		}
		return nil
	}))
}

// balanced expects that the watched documents hold a sum of 100 after every event, until b has so many.
func (w *watcher) balanced(b int) {
	w.t.Helper()
	for {
		_, err := w.next()
		require.NoError(w.t, err)
		sum := int64(0)
		for _, doc := range w.docs {
			sum += doc.Lookup("n").AsInt64()
		}
		require.EqualValues(w.t, 100, sum, "half of a transaction is seen")
		if doc := w.docs[id("b").String()]; doc != nil && doc.Lookup("n").AsInt64() >= int64(b) { // an event may hold more than one transaction
			return
		}
	}
}

// Nobody sees half of a transaction: not in the first result, not live, not when catching up, not in a limited one.
func TestWatch_NoHalfTransactions(t *testing.T) {
	s := shop(t).As(owner)
	insert(t, s, "notes", d("_id", "a", "n", 100), d("_id", "b", "n", 0), d("_id", "c", "n", 0))
	for name, q := range map[string]documents.WatchQuery{
		"All": {}, "Limited": {Sort: raw(t, d("_id", 1)), Limit: 2}, "Moving": {Filter: raw(t, d("n", d("$gt", 0)))},
	} {
		t.Run(name, func(t *testing.T) {
			alter(t, s, "notes", d("_id", "a"), d("$set", d("n", 100)))
			alter(t, s, "notes", d("_id", "b"), d("$set", d("n", 0)))
			const times = 60
			var writers sync.WaitGroup
			writers.Go(func() {
				for range times {
					transfer(t, s)
				}
			})
			live := watch(t, s, "notes", q)
			live.balanced(times / 3)
			resume := live.resume
			writers.Wait()
			live.balanced(times)
			late := newWatcher(t)
			q.After = resume
			if q.Limit == 0 {
				for _, e := range live.events { // what it had when it went away
					late.apply(e)
					if e.Resume() == resume {
						break
					}
				}
			}
			late.open(s, "notes", q)
			late.balanced(times)
		})
	}
}

func TestWatch_ManyDocumentsComeInOneEvent(t *testing.T) {
	s := shop(t).As(owner)
	w := watch(t, s, "notes", documents.WatchQuery{Filter: raw(t, d("n", d("$gte", 1)))})
	w.snapshot(documents.ResetNone)
	var docs []bson.Raw
	var want []move
	for i := range 600 { // more than a feed reads at a time
		doc := d("_id", fmt.Sprintf("%03d", i), "n", i)
		docs = append(docs, raw(t, doc))
		if i > 0 {
			want = append(want, move{documents.MoveEnter, documents.CauseInsert, doc[0].Value, doc})
		}
	}
	_, err := s.Insert(t.Context(), "notes", docs)
	require.NoError(t, err)
	w.changes(want...)
	again := newWatcher(t)
	again.open(s, "notes", documents.WatchQuery{Filter: raw(t, d("n", d("$gte", 1))), After: w.events[0].Resume()})
	again.changes(want...)
}
