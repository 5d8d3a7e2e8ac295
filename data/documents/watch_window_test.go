package documents_test

import (
	"testing"

	"yunduo/data/documents"
)

func TestWatch_LimitedResult(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	insert(t, s, "notes", d("_id", "a", "n", 1), d("_id", "b", "n", 2), d("_id", "c", "n", 3))
	w := watch(t, s, "notes", documents.WatchQuery{Sort: raw(t, d("n", -1)), Limit: 2})
	w.snapshot(documents.ResetNone, d("_id", "c", "n", 3), d("_id", "b", "n", 2))

	insert(t, s, "notes", d("_id", "d", "n", 9))
	w.changes(move{documents.MoveLeave, documents.CauseLimit, "b", nil}, move{documents.MoveEnter, documents.CauseInsert, "d", d("_id", "d", "n", 9)})
	remove(t, s, "notes", d("_id", "d"))
	w.changes(move{documents.MoveLeave, documents.CauseDelete, "d", nil}, move{documents.MoveEnter, documents.CauseLimit, "b", d("_id", "b", "n", 2)})
	alter(t, s, "notes", d("_id", "a"), d("$set", d("n", 5)))
	w.changes(move{documents.MoveLeave, documents.CauseLimit, "b", nil}, move{documents.MoveEnter, documents.CauseUpdate, "a", d("_id", "a", "n", 5)})
	alter(t, s, "notes", d("_id", "a"), d("$set", d("n", 0))) // still matches, but others are before it now
	w.changes(move{documents.MoveLeave, documents.CauseLimit, "a", nil}, move{documents.MoveEnter, documents.CauseLimit, "b", d("_id", "b", "n", 2)})
	alter(t, s, "notes", d("_id", "c"), d("$set", d("text", "x")))
	w.changes(move{documents.MoveUpdate, documents.CauseUpdate, "c", d("_id", "c", "n", 3, "text", "x")})
	// What happens beyond the last document is no event.
	insert(t, s, "notes", d("_id", "e", "n", 2), d("_id", "0", "n", -1))
	alter(t, s, "notes", d("_id", "a"), d("$set", d("text", "y")))
	remove(t, s, "notes", d("_id", "0"))
	alter(t, s, "notes", d("_id", "b"), d("$set", d("text", "z")))
	w.changes(move{documents.MoveUpdate, documents.CauseUpdate, "b", d("_id", "b", "n", 2, "text", "z")})
}

func TestWatch_LimitedResultThatIsNotFull(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	w := watch(t, s, "notes", documents.WatchQuery{Filter: raw(t, d("k", 1)), Limit: 2})
	w.snapshot(documents.ResetNone)
	insert(t, s, "notes", d("_id", "b", "k", 1))
	w.changes(move{documents.MoveEnter, documents.CauseInsert, "b", d("_id", "b", "k", 1)})
	alter(t, s, "notes", d("_id", "b"), d("$set", d("k", 2)))
	w.changes(move{documents.MoveLeave, documents.CauseUpdate, "b", nil})
	insert(t, s, "notes", d("_id", "z", "k", 1))
	w.changes(move{documents.MoveEnter, documents.CauseInsert, "z", d("_id", "z", "k", 1)})
}

func TestWatch_LimitedResultUnderARule(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	insert(t, s, "notes", d("_id", "a", "_openid", "li", "n", 1), d("_id", "b", "_openid", "wang", "n", 2), d("_id", "c", "_openid", "li", "n", 3))
	q := documents.WatchQuery{Sort: raw(t, d("n", 1)), Limit: 1}
	mine, theirs := watch(t, db.As(li), "notes", q), watch(t, db.As(wang), "notes", q)
	mine.snapshot(documents.ResetNone, d("_id", "a", "_openid", "li", "n", 1))
	theirs.snapshot(documents.ResetNone, d("_id", "b", "_openid", "wang", "n", 2))
	alter(t, s, "notes", d("_id", "b"), d("$set", d("n", 0))) // before all, but for wang only
	remove(t, s, "notes", d("_id", "a"))
	mine.changes(move{documents.MoveLeave, documents.CauseDelete, "a", nil}, move{documents.MoveEnter, documents.CauseLimit, "c", d("_id", "c", "_openid", "li", "n", 3)})
	theirs.changes(move{documents.MoveUpdate, documents.CauseUpdate, "b", d("_id", "b", "_openid", "wang", "n", 0)})
}

func TestWatch_LimitedResultSharesItsReading(t *testing.T) {
	db := shop(t)
	s := db.As(owner)
	insert(t, s, "notes", d("_id", "a", "n", 1))
	q := documents.WatchQuery{Sort: raw(t, d("n", 1)), Limit: 5}
	one := watch(t, s, "notes", q)
	one.snapshot(documents.ResetNone, d("_id", "a", "n", 1))
	two := watch(t, s, "notes", q) // comes later and begins with what one has
	two.snapshot(documents.ResetNone, d("_id", "a", "n", 1))
	insert(t, s, "notes", d("_id", "b", "n", 2))
	want := move{documents.MoveEnter, documents.CauseInsert, "b", d("_id", "b", "n", 2)}
	one.changes(want)
	two.changes(want)
	if one.events[1] != two.events[1] {
		t.Fatal("equal watches got events of their own")
	}
	if got := one.watch.Caller(); got != owner {
		t.Fatal(got)
	}
}
