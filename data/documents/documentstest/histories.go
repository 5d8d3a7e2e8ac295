package documentstest

import (
	"context"
	"fmt"
	"maps"
	"math/rand"
	"slices"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/documents/driver"
)

// historyTests run random histories of interleaved transactions and compare everything that they see and how they end
// with a model of snapshot isolation: each transaction reads the state at its beginning with its own writes on top, and
// of two that write the same document the first one wins.
var historyTests = map[string]func(f *fixture){
	"Random": func(f *fixture) {
		for seed := range int64(40) {
			runHistory(f, seed)
		}
	},
}

// thing is a document of a history: a value of a unique index, and a number that no other state of it had.
type thing struct{ u, n int }

type state map[int]thing

// history is the model.
type history struct {
	*fixture
	r         *rand.Rand
	committed state
	commits   int
	written   map[int]int // the commit that last wrote a document
	open      []*historyTransaction
	next      int
}

type historyTransaction struct {
	driver.Transaction
	number int // in the order in which they began
	began  int // commits that it sees
	view   state
	writes map[int]bool
	values map[int]bool // unique ones that it has put somewhere, for a time at least
	lost   bool         // it wrote what another had written: it must not be committed
}

const (
	historyDocuments = 6
	historyUnique    = 8
)

func runHistory(f *fixture, seed int64) {
	f.ns.Collection = fmt.Sprint("history", seed)
	require.NoError(f, f.e.CreateCollection(f.ctx, f.ns, driver.CollectionOptions{}))
	f.createIndex(driver.Index{Name: "u", Fields: fields("u"), Unique: true})
	f.createIndex(driver.Index{Name: "n", Fields: fields("n")})
	h := &history{fixture: f, r: rand.New(rand.NewSource(seed)), committed: state{}, written: map[int]int{}}
	for range 120 {
		h.step()
	}
	for len(h.open) > 0 {
		h.commit(h.open[0])
	}
	h.compare(f.e, h.committed)
}

func (h *history) step() {
	if len(h.open) == 0 || len(h.open) < 4 && h.r.Intn(6) == 0 {
		tx, err := h.e.Begin(h.ctx, h.ns.App)
		require.NoError(h, err)
		h.next++
		h.open = append(h.open, &historyTransaction{Transaction: tx, number: h.next, began: h.commits, view: maps.Clone(h.committed), writes: map[int]bool{}, values: map[int]bool{}})
		return
	}
	t := h.open[h.r.Intn(len(h.open))]
	switch h.r.Intn(10) {
	case 0:
		h.commit(t)
	case 1:
		h.abort(t)
	case 2:
		h.compare(t, t.view)
	case 3:
		h.compare(h.e, h.committed)
	case 4:
		h.plain()
	default:
		h.write(t)
	}
}

// compare requires that a state is what is seen, by _id, by an index and by counting.
func (h *history) compare(o driver.Operations, want state) {
	docs := []string{}
	above := int64(0)
	for _, id := range slices.Sorted(maps.Keys(want)) {
		docs = append(docs, text(h, raw(d("_id", id, "u", want[id].u, "n", want[id].n))))
		if want[id].n >= h.next/2 {
			above++
		}
	}
	require.Equal(h, docs, h.found(o, driver.Find{}))
	n, err := o.Count(h.ctx, h.ns, h.filter(d("n", d("$gte", h.next/2))), "")
	require.NoError(h, err)
	require.Equal(h, above, n)
	for id, thing := range want {
		require.Equal(h, texts(h, d("_id", id, "u", thing.u, "n", thing.n)), h.found(o, driver.Find{Filter: h.filter(d("u", thing.u))}))
	}
}

// change is a random write: nil removes the document. ok is false if it would change nothing.
func (h *history) change(view state) (id int, to *thing, ok bool) {
	id = h.r.Intn(historyDocuments)
	if _, exists := view[id]; h.r.Intn(4) == 0 {
		return id, nil, exists
	}
	h.next++
	return id, &thing{u: h.r.Intn(historyUnique), n: h.next}, true
}

func (h *history) apply(o driver.Operations, id int, to *thing) error {
	filter := h.filter(d("_id", id))
	if to == nil {
		_, err := o.Delete(h.ctx, h.ns, driver.Delete{Filter: filter}, driver.WriteOptions{})
		return err
	}
	_, err := o.Update(h.ctx, h.ns, driver.Update{Filter: filter, Change: h.fixture.change(d("u", to.u, "n", to.n)), Upsert: true}, driver.WriteOptions{})
	return err
}

// owner returns which other document has the unique value.
func (s state) owner(u, except int) (int, bool) {
	for id, thing := range s {
		if thing.u == u && id != except {
			return id, true
		}
	}
	return 0, false
}

func (s state) set(id int, to *thing) {
	if to == nil {
		delete(s, id)
	} else {
		s[id] = *to
	}
}

// taken reports whether another open transaction has put the unique value somewhere.
func (h *history) taken(u int, t *historyTransaction) (by *historyTransaction) {
	for _, other := range h.open {
		if other != t && other.values[u] {
			by = other
		}
	}
	return by
}

func (h *history) write(t *historyTransaction) {
	id, to, ok := h.change(t.view)
	if !ok || t.lost {
		return
	}
	conflict, may := h.written[id] > t.began && !t.writes[id], false
	for _, other := range h.open {
		if other != t && other.writes[id] {
			if other.number > t.number {
				return // it would wait for the younger one, which cannot go on here
			}
			conflict = true
		}
	}
	duplicate := false
	if to != nil {
		_, duplicate = t.view.owner(to.u, id)
		if by := h.taken(to.u, t); by != nil {
			if by.number > t.number {
				return
			}
			may = true
		}
		if other, owned := h.committed.owner(to.u, id); owned && !t.writes[other] {
			may = true
		}
	}
	err := h.apply(t, id, to)
	switch yunduo.ReasonOf(err) {
	case "":
		require.NoError(h, err)
		require.False(h, duplicate, "the unique value %d twice", to)
		t.lost = conflict // to be found out at commit at the latest
		t.view.set(id, to)
		t.writes[id] = true
		if to != nil {
			t.values[to.u] = true
		}
	case yunduo.ReasonTransactionConflict:
		require.True(h, conflict || may, "conflict without a cause: %v", err)
		h.abort(t)
	case yunduo.ReasonDuplicateKey:
		require.True(h, duplicate || may, "duplicate without a cause: %v", err)
		h.abort(t)
	default:
		require.NoError(h, err)
	}
}

// plain writes without a transaction, where it need not wait for one.
func (h *history) plain() {
	id, to, ok := h.change(h.committed)
	if !ok {
		return
	}
	for _, other := range h.open {
		if other.writes[id] {
			return
		}
	}
	duplicate := false
	if to != nil {
		if h.taken(to.u, nil) != nil {
			return
		}
		_, duplicate = h.committed.owner(to.u, id)
	}
	err := h.apply(h.e, id, to)
	if duplicate {
		h.reason(yunduo.ReasonDuplicateKey, err)
		return
	}
	require.NoError(h, err)
	h.commits++
	h.committed.set(id, to)
	h.written[id] = h.commits
}

func (h *history) end(t *historyTransaction) {
	h.open = slices.DeleteFunc(h.open, func(other *historyTransaction) bool { return other == t })
}

func (h *history) abort(t *historyTransaction) {
	require.NoError(h, t.Abort(context.WithoutCancel(h.ctx)))
	h.end(t)
	h.compare(h.e, h.committed)
}

func (h *history) commit(t *historyTransaction) {
	h.end(t)
	err := t.Commit(h.ctx)
	if err != nil {
		h.reason(yunduo.ReasonTransactionConflict, err)
		require.True(h, t.lost || h.clashes(t), "conflict without a cause")
		require.NoError(h, t.Abort(h.ctx))
		return
	}
	require.False(h, t.lost, "of two writes of a document the second one was committed")
	h.commits++
	for id := range t.writes {
		if thing, ok := t.view[id]; ok {
			h.committed.set(id, &thing)
		} else {
			h.committed.set(id, nil)
		}
		h.written[id] = h.commits
	}
	h.compare(h.e, h.committed)
}

// clashes reports whether the transaction's unique values belong to others now.
func (h *history) clashes(t *historyTransaction) bool {
	for id := range t.writes {
		if thing, ok := t.view[id]; ok {
			if other, owned := h.committed.owner(thing.u, id); owned && !t.writes[other] {
				return true
			}
		}
	}
	return false
}
