package documents_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// watcher is a client of a watch: it keeps what the events say.
type watcher struct {
	t      testing.TB
	watch  *documents.Watch
	wake   chan struct{}
	stop   <-chan struct{} // when closed, next returns nil instead of waiting
	queued []*documents.WatchEvent
	docs   map[string]bson.Raw // by _id
	resume string
	events []*documents.WatchEvent // all so far
}

func watch(t testing.TB, s *documents.Session, collection string, q documents.WatchQuery) *watcher {
	t.Helper()
	w := newWatcher(t)
	w.open(s, collection, q)
	return w
}

func newWatcher(t testing.TB) *watcher {
	return &watcher{t: t, wake: make(chan struct{}, 1), docs: map[string]bson.Raw{}}
}

func (w *watcher) open(s *documents.Session, collection string, q documents.WatchQuery) {
	w.t.Helper()
	w.queued = nil
	var err error
	w.watch, err = s.Watch(w.t.Context(), collection, q, w.notify)
	require.NoError(w.t, err)
	w.t.Cleanup(w.watch.Close)
}

func (w *watcher) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// next returns the next event, or why the watch ended.
func (w *watcher) next() (*documents.WatchEvent, error) {
	for len(w.queued) == 0 {
		events, err := w.watch.Take()
		if err != nil {
			return nil, err
		}
		if len(events) == 0 {
			select {
			case <-w.wake:
			case <-w.stop:
				return nil, nil
			case <-w.t.Context().Done():
				return nil, context.Cause(w.t.Context())
			}
		}
		w.queued = events
	}
	e := w.queued[0]
	w.queued = w.queued[1:]
	w.apply(e)
	return e, nil
}

func (w *watcher) apply(e *documents.WatchEvent) {
	w.events = append(w.events, e)
	w.resume = e.Resume()
	if e.Snapshot {
		clear(w.docs)
	}
	for _, doc := range e.Documents {
		w.docs[doc.Lookup("_id").String()] = doc
	}
	for _, c := range e.Changes {
		key := c.ID.String()
		_, has := w.docs[key]
		require.Equal(w.t, c.Move != documents.MoveEnter, has, "%s %s", c.Move, key)
		if c.Move == documents.MoveLeave {
			delete(w.docs, key)
		} else {
			w.docs[key] = c.Document
		}
	}
}

// snapshot expects a snapshot of these documents.
func (w *watcher) snapshot(why documents.Reset, want ...bson.D) {
	w.t.Helper()
	e, err := w.next()
	require.NoError(w.t, err)
	require.True(w.t, e.Snapshot, "%v", e.Changes)
	require.Equal(w.t, why, e.Reset)
	require.Equal(w.t, raws(w.t, want...), append([]bson.Raw{}, e.Documents...))
}

type move struct {
	move     documents.Move
	cause    documents.Cause
	id       any
	document bson.D
}

// changes expects one event with these changes.
func (w *watcher) changes(want ...move) {
	w.t.Helper()
	e, err := w.next()
	require.NoError(w.t, err)
	require.False(w.t, e.Snapshot, "%v", e.Documents)
	got := []documents.WatchChange{}
	for _, m := range want {
		c := documents.WatchChange{Move: m.move, Cause: m.cause, ID: id(m.id)}
		if m.document != nil {
			c.Document = raw(w.t, m.document)
		}
		got = append(got, c)
	}
	require.Equal(w.t, got, e.Changes)
}

func (w *watcher) ends(reason yunduo.Reason) {
	w.t.Helper()
	_, err := w.next()
	requireReason(w.t, reason, err)
}

func alter(t testing.TB, s *documents.Session, collection string, filter, update bson.D) {
	t.Helper()
	_, err := s.Update(t.Context(), collection, documents.Update{Filter: raw(t, filter), Change: raw(t, update), Multi: true})
	require.NoError(t, err)
}

func remove(t testing.TB, s *documents.Session, collection string, filter bson.D) {
	t.Helper()
	_, err := s.Delete(t.Context(), collection, documents.Delete{Filter: raw(t, filter), Multi: true})
	require.NoError(t, err)
}

func TestWatch_SnapshotThenMoves(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	insert(t, s, "notes", d("_id", "a", "n", 1), d("_id", "b", "n", 5))
	w := watch(t, s, "notes", documents.WatchQuery{Filter: raw(t, d("n", d("$gt", 3)))})
	w.snapshot(documents.ResetNone, d("_id", "b", "n", 5))
	insert(t, s, "notes", d("_id", "c", "n", 9))
	insert(t, s, "notes", d("_id", "x", "n", 0))
	alter(t, s, "notes", d("_id", "a"), d("$set", d("n", 4)))
	alter(t, s, "notes", d("_id", "b"), d("$inc", d("n", 1)))
	alter(t, s, "notes", d("_id", "b"), d("$set", d("n", 0)))
	remove(t, s, "notes", d("_id", "c"))
	w.changes(move{documents.MoveEnter, documents.CauseInsert, "c", d("_id", "c", "n", 9)})
	w.changes(move{documents.MoveEnter, documents.CauseUpdate, "a", d("_id", "a", "n", 4)})
	w.changes(move{documents.MoveUpdate, documents.CauseUpdate, "b", d("_id", "b", "n", 6)})
	w.changes(move{documents.MoveLeave, documents.CauseUpdate, "b", nil})
	w.changes(move{documents.MoveLeave, documents.CauseDelete, "c", nil})
}

func TestWatch_EqualQueriesShareEvents(t *testing.T) {
	db := shop(t)
	require.NoError(t, db.As(owner).SetRules(t.Context(), "notes", "readonly"))
	q := documents.WatchQuery{Filter: raw(t, d("n", 1))}
	one, two := watch(t, db.As(li), "notes", q), watch(t, db.As(wang), "notes", q)
	other := watch(t, db.As(li), "notes", documents.WatchQuery{Filter: raw(t, d("n", d("$lt", 3)))})
	for _, w := range []*watcher{one, two, other} {
		w.snapshot(documents.ResetNone)
	}
	insert(t, db.As(owner), "notes", d("_id", "a", "n", 1))
	a, err := one.next()
	require.NoError(t, err)
	b, err := two.next()
	require.NoError(t, err)
	c, err := other.next()
	require.NoError(t, err)
	require.Same(t, a, b)
	require.NotSame(t, a, c)
	encoded := 0
	for _, e := range []*documents.WatchEvent{a, b} {
		e.Text(documents.FormNative, func(*documents.WatchEvent) []byte { encoded++; return []byte("x") })
	}
	require.Equal(t, 1, encoded)
}

func TestWatch_RulesHoldForEveryEvent(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	require.NoError(t, s.SetRules(t.Context(), "notes", `{"read": "doc.public == true || doc._openid == auth.openid", "write": false}`))
	insert(t, s, "notes", d("_id", "li", "_openid", "li"), d("_id", "wang", "_openid", "wang"))
	mine := watch(t, db.As(li), "notes", documents.WatchQuery{})
	mine.snapshot(documents.ResetNone, d("_id", "li", "_openid", "li"))
	// What becomes readable enters, what stops being readable leaves; what never was does not show at all.
	alter(t, s, "notes", d("_id", "wang"), d("$set", d("secret", 1)))
	alter(t, s, "notes", d("_id", "wang"), d("$set", d("public", true)))
	alter(t, s, "notes", d("_id", "wang"), d("$set", d("public", false)))
	remove(t, s, "notes", d("_id", "wang"))
	alter(t, s, "notes", d("_id", "li"), d("$set", d("n", 1)))
	mine.changes(move{documents.MoveEnter, documents.CauseUpdate, "wang", d("_id", "wang", "_openid", "wang", "secret", 1, "public", true)})
	mine.changes(move{documents.MoveLeave, documents.CauseUpdate, "wang", nil})
	mine.changes(move{documents.MoveUpdate, documents.CauseUpdate, "li", d("_id", "li", "_openid", "li", "n", 1)})
}

func TestWatch_NewRulesHoldAtOnce(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	require.NoError(t, s.SetRules(t.Context(), "notes", "readonly"))
	insert(t, s, "notes", d("_id", "li", "_openid", "li"), d("_id", "wang", "_openid", "wang"))
	mine, all := watch(t, db.As(li), "notes", documents.WatchQuery{}), watch(t, s, "notes", documents.WatchQuery{})
	both := []bson.D{d("_id", "li", "_openid", "li"), d("_id", "wang", "_openid", "wang")}
	mine.snapshot(documents.ResetNone, both...)
	all.snapshot(documents.ResetNone, both...)

	require.NoError(t, s.SetRules(t.Context(), "notes", "private"))
	alter(t, s, "notes", d("_id", "wang"), d("$set", d("secret", 1)))
	mine.snapshot(documents.ResetRules, both[0])
	alter(t, s, "notes", d("_id", "li"), d("$set", d("n", 1)))
	mine.changes(move{documents.MoveUpdate, documents.CauseUpdate, "li", d("_id", "li", "_openid", "li", "n", 1)})

	require.NoError(t, s.SetRules(t.Context(), "notes", "adminonly"))
	mine.ends(yunduo.ReasonPermissionDenied)
	_, err := db.As(li).Watch(t.Context(), "notes", documents.WatchQuery{}, func() {})
	requireReason(t, yunduo.ReasonPermissionDenied, err)
	// The owner's watch saw the two changes and nothing of the rules.
	all.changes(move{documents.MoveUpdate, documents.CauseUpdate, "wang", d("_id", "wang", "_openid", "wang", "secret", 1)})
	all.changes(move{documents.MoveUpdate, documents.CauseUpdate, "li", d("_id", "li", "_openid", "li", "n", 1)})
}

func TestWatch_Refused(t *testing.T) {
	db := shop(t)
	none := func() {}
	for name, test := range map[string]struct {
		session *documents.Session
		query   documents.WatchQuery
		reason  yunduo.Reason
	}{
		"another app":        {db.AsApp(stranger, "shop"), documents.WatchQuery{}, yunduo.ReasonPermissionDenied},
		"no role":            {db.As(yunduo.Caller{App: "shop"}), documents.WatchQuery{}, yunduo.ReasonPermissionDenied},
		"negative limit":     {db.As(owner), documents.WatchQuery{Limit: -1}, yunduo.ReasonInvalidRequest},
		"order by distance":  {db.As(owner), documents.WatchQuery{Filter: raw(t, d("at", d("$near", bson.A{1, 2})))}, yunduo.ReasonInvalidFilter},
		"unknown operator":   {db.As(owner), documents.WatchQuery{Filter: raw(t, d("a", d("$where", "1")))}, yunduo.ReasonUnknownOperator},
		"made-up token":      {db.As(owner), documents.WatchQuery{After: "AQAAAAAAAAABAAAAAAAAAAA"}, yunduo.ReasonInvalidRequest},
		"token of rubbish":   {db.As(owner), documents.WatchQuery{After: "%%"}, yunduo.ReasonInvalidRequest},
		"malformed ordering": {db.As(owner), documents.WatchQuery{Sort: raw(t, d("a", 2))}, yunduo.ReasonInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.session.Watch(t.Context(), "notes", test.query, none)
			requireReason(t, test.reason, err)
		})
	}
	_, err := db.As(li).Watch(t.Context(), "_collections", documents.WatchQuery{}, none)
	requireReason(t, yunduo.ReasonInvalidCollectionName, err)
	require.NoError(t, db.As(owner).Transact(t.Context(), func(s *documents.Session) error {
		_, err := s.Watch(t.Context(), "notes", documents.WatchQuery{}, none)
		requireReason(t, yunduo.ReasonInvalidRequest, err)
		return nil
	}))
	watch(t, db.As(owner), "missing", documents.WatchQuery{}).ends(yunduo.ReasonCollectionNotFound)
}

func TestWatch_DroppedCollection(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	insert(t, s, "notes", d("_id", "a"))
	w := watch(t, s, "notes", documents.WatchQuery{})
	limited := watch(t, s, "notes", documents.WatchQuery{Limit: 3})
	w.snapshot(documents.ResetNone, d("_id", "a"))
	limited.snapshot(documents.ResetNone, d("_id", "a"))
	require.NoError(t, s.DropCollection(t.Context(), "notes"))
	w.snapshot(documents.ResetDropped)
	limited.snapshot(documents.ResetDropped)
	require.NoError(t, s.CreateCollection(t.Context(), "notes"))
	insert(t, s, "notes", d("_id", "b"))
	w.changes(move{documents.MoveEnter, documents.CauseInsert, "b", d("_id", "b")})
	limited.changes(move{documents.MoveEnter, documents.CauseInsert, "b", d("_id", "b")})
	require.NoError(t, db.DropApp(t.Context(), owner, "shop"))
	w.ends(yunduo.ReasonAppNotFound)
	limited.ends(yunduo.ReasonAppNotFound)
}

func TestWatch_TransactionsArriveWhenTheyCommit(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	insert(t, s, "notes", d("_id", "a", "n", 1))
	w := watch(t, s, "notes", documents.WatchQuery{})
	w.snapshot(documents.ResetNone, d("_id", "a", "n", 1))
	rollback := yunduo.Errorf(yunduo.ReasonInvalidRequest, "no")
	require.ErrorIs(t, s.Transact(t.Context(), func(s *documents.Session) error {
		alter(t, s, "notes", d("_id", "a"), d("$set", d("n", 666)))
		return rollback
	}), rollback)
	require.NoError(t, s.Transact(t.Context(), func(s *documents.Session) error {
		alter(t, s, "notes", d("_id", "a"), d("$set", d("n", 2)))
		insert(t, s, "notes", d("_id", "b"))
		return nil
	}))
	w.changes(move{documents.MoveUpdate, documents.CauseUpdate, "a", d("_id", "a", "n", 2)}, move{documents.MoveEnter, documents.CauseInsert, "b", d("_id", "b")})
}

func TestWatch_Limits(t *testing.T) {
	engine := openEngine(t, t.TempDir())
	db := documents.New(engine, documents.Options{MaxWatches: 2})
	t.Cleanup(func() { db.Close(); require.NoError(t, engine.Close()) })
	s := db.As(owner)
	require.NoError(t, s.CreateCollection(t.Context(), "notes"))
	watch(t, s, "notes", documents.WatchQuery{}).snapshot(documents.ResetNone)
	second := watch(t, s, "notes", documents.WatchQuery{Limit: 1})
	_, err := s.Watch(t.Context(), "notes", documents.WatchQuery{}, func() {})
	requireReason(t, yunduo.ReasonTooManyWatches, err)
	second.watch.Close()
	second.ends(yunduo.ReasonCanceled)
	watch(t, s, "notes", documents.WatchQuery{}).snapshot(documents.ResetNone)

	many := make([]bson.Raw, 1000)
	for round := range documents.MaxWatched/len(many) + 1 {
		for i := range many {
			many[i] = raw(t, d("_id", round*len(many)+i))
		}
		_, err := s.Insert(t.Context(), "notes", many)
		require.NoError(t, err)
	}
	second.watch.Close()
	db.Close()
	_, err = s.Watch(t.Context(), "notes", documents.WatchQuery{}, func() {})
	requireReason(t, yunduo.ReasonShuttingDown, err)
	again := documents.New(engine, documents.Options{})
	defer again.Close()
	watch(t, again.As(owner), "notes", documents.WatchQuery{}).ends(yunduo.ReasonQueryTooExpensive)
	w := watch(t, again.As(owner), "notes", documents.WatchQuery{Limit: 5000})
	e, err := w.next()
	require.NoError(t, err)
	require.Len(t, e.Documents, documents.MaxLimit)
}

func TestWatch_SnapshotsComeInTheirOwnOrder(t *testing.T) {
	s := shop(t).As(owner)
	for i := range 3 {
		insert(t, s, "notes", d("_id", i, "n", -i))
	}
	watch(t, s, "notes", documents.WatchQuery{Sort: raw(t, d("n", -1))}).
		snapshot(documents.ResetNone, d("_id", 0, "n", 0), d("_id", 1, "n", -1), d("_id", 2, "n", -2))
	watch(t, s, "notes", documents.WatchQuery{Sort: raw(t, d("n", 1))}).
		snapshot(documents.ResetNone, d("_id", 2, "n", -2), d("_id", 1, "n", -1), d("_id", 0, "n", 0))
}
