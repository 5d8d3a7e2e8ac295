package documentstest

import (
	"bytes"
	"math/rand"
	"slices"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	values "yunduo/data/query/value"
	"yunduo/internal/soak"
)

// modelTests run random operations on an engine and on a slice of documents side by side.
var modelTests = map[string]func(f *fixture){
	"Plain":        func(f *fixture) { againstModel(f, 11, false) },
	"Indexed":      func(f *fixture) { againstModel(f, 12, true) },
	"Transactions": func(f *fixture) { againstModelInTransactions(f, 13) },
}

// model is the naive store: documents in the order of _id.
type model struct{ docs []bson.Raw }

func (m *model) clone() *model { return &model{slices.Clone(m.docs)} }

func (m *model) position(id bson.RawValue) (int, bool) {
	return slices.BinarySearchFunc(m.docs, id, func(doc bson.Raw, id bson.RawValue) int {
		return values.Compare(doc.Lookup("_id"), id)
	})
}

func (m *model) insert(docs []bson.Raw) bool {
	next := m.clone()
	for _, doc := range docs {
		i, found := next.position(doc.Lookup("_id"))
		if found {
			return false
		}
		next.docs = slices.Insert(next.docs, i, doc)
	}
	m.docs = next.docs
	return true
}

// find returns the places of the documents that match, in the order of sort.
func (m *model) find(filter *query.Filter, sort *query.Sort) []int {
	var found []int
	for i, doc := range m.docs {
		if ok, err := filter.Match(doc); ok && err == nil {
			found = append(found, i)
		}
	}
	slices.SortStableFunc(found, func(a, b int) int { return sort.Compare(m.docs[a], m.docs[b]) })
	return found
}

// update returns how many documents it matched and changed.
func (m *model) update(f *fixture, u driver.Update) (matched, modified int64) {
	found := m.find(u.Filter, u.Sort)
	if !u.Multi && len(found) > 1 {
		found = found[:1]
	}
	for _, i := range found {
		after, differs, err := u.Change.Apply(m.docs[i], query.ApplyContext{Filter: u.Filter})
		require.NoError(f, err)
		matched++
		if differs {
			modified++
		}
		m.docs[i] = after
	}
	return matched, modified
}

func (m *model) remove(d driver.Delete) int64 {
	found := m.find(d.Filter, d.Sort)
	if !d.Multi && len(found) > 1 {
		found = found[:1]
	}
	slices.Sort(found)
	m.docs = slices.Clone(m.docs)
	for _, i := range slices.Backward(found) {
		m.docs = slices.Delete(m.docs, i, i+1)
	}
	return int64(len(found))
}

// step does one random operation on both and requires the same answer.
func (m *model) step(f *fixture, r *rand.Rand, o driver.Operations) {
	switch r.Intn(10) {
	case 0, 1, 2:
		var docs []bson.Raw
		for range 1 + r.Intn(3) {
			docs = append(docs, raw(randomDocument(r, r.Intn(60), false)))
		}
		if _, inside := o.(driver.Transaction); inside && f.brittle() && !m.clone().insert(docs) {
			return // it would be the transaction's end
		}
		if err := o.Insert(f.ctx, f.ns, docs, driver.WriteOptions{}); m.insert(docs) {
			require.NoError(f, err)
		} else {
			f.reason(yunduo.ReasonDuplicateKey, err)
		}
	case 3, 4, 5:
		change := []bson.D{d("$set", d("a", randomScalar(r))), d("$unset", d("b", 1)), d("$set", d("o.y", r.Intn(3))), d("$set", d("b", randomScalar(r), "c", randomScalar(r)))}
		u := driver.Update{Filter: f.filter(randomFilter(r)), Sort: f.sort(randomSort(r)), Change: f.change(change[r.Intn(3)]), Multi: r.Intn(2) == 0}
		if u.Multi {
			u.Sort = nil
		}
		if r.Intn(3) == 0 {
			u.Change = f.change(change[3])
		}
		got, err := o.Update(f.ctx, f.ns, u, driver.WriteOptions{})
		require.NoError(f, err)
		matched, modified := m.update(f, u)
		require.Equal(f, driver.UpdateResult{Matched: matched, Modified: modified}, got)
	case 6:
		remove := driver.Delete{Filter: f.filter(randomFilter(r)), Sort: f.sort(randomSort(r)), Multi: r.Intn(4) == 0}
		got, err := o.Delete(f.ctx, f.ns, remove, driver.WriteOptions{})
		require.NoError(f, err)
		require.Equal(f, m.remove(remove), got.Deleted)
	default:
		m.check(f, o, f.filter(randomFilter(r)), f.sort(randomSort(r)))
	}
}

// check requires that a find gives what the model gives.
func (m *model) check(f *fixture, o driver.Operations, filter *query.Filter, sort *query.Sort) {
	f.Helper()
	want := []string{}
	for _, i := range m.find(filter, sort) {
		want = append(want, text(f, m.docs[i]))
	}
	require.Equal(f, want, f.found(o, driver.Find{Filter: filter, Sort: sort}), "filter %v", filter.Raw())
	n, err := o.Count(f.ctx, f.ns, filter, "")
	require.NoError(f, err)
	require.EqualValues(f, len(want), n)
}

func againstModel(f *fixture, seed int64, indexed bool) {
	if indexed {
		for _, index := range equivalenceIndexes {
			f.createIndex(index)
		}
	}
	run := soak.Start(f, seed)
	r := rand.New(rand.NewSource(run.Seed))
	m := &model{}
	for i := 0; i < 400 || run.More(); i++ {
		m.step(f, r, f.e)
	}
	m.checkAll(f)
}

func againstModelInTransactions(f *fixture, seed int64) {
	for _, index := range equivalenceIndexes {
		f.createIndex(index)
	}
	run := soak.Start(f, seed)
	r := rand.New(rand.NewSource(run.Seed))
	m := &model{}
	for i := 0; i < 60 || run.More(); i++ {
		tx, inside := f.begin(), m.clone()
		for range r.Intn(8) {
			inside.step(f, r, tx)
			m.check(f, f.e, f.filter(randomFilter(r)), nil)
		}
		if r.Intn(3) == 0 {
			require.NoError(f, tx.Abort(f.ctx))
			continue
		}
		require.NoError(f, tx.Commit(f.ctx))
		m = inside
	}
	m.checkAll(f)
}

// checkAll compares the whole collection and its counters.
func (m *model) checkAll(f *fixture) {
	m.check(f, f.e, nil, nil)
	for i := range 5 {
		m.check(f, f.e, f.filter(d("a", i)), nil)
		m.check(f, f.e, f.filter(d("c", i)), f.sort(d("a", 1)))
	}
	list, err := f.e.Collections(f.ctx, f.ns.App)
	require.NoError(f, err)
	require.EqualValues(f, len(m.docs), list[0].Documents)
	require.EqualValues(f, len(bytes.Join(asBytes(m.docs), nil)), list[0].Bytes)
}

func asBytes(docs []bson.Raw) [][]byte {
	out := make([][]byte, len(docs))
	for i, doc := range docs {
		out[i] = doc
	}
	return out
}
