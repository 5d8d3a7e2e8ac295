package documentstest

import (
	"fmt"
	"math/rand"
	"slices"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
)

// equivalenceTests run random queries on the same documents without and with indexes: the results must be the same.
var equivalenceTests = map[string]func(f *fixture){
	"Scalars":    func(f *fixture) { equivalent(f, 1, false) },
	"WithArrays": func(f *fixture) { equivalent(f, 2, true) },
}

var equivalenceIndexes = []driver.Index{
	{Name: "a", Fields: fields("a")},
	{Name: "-b", Fields: fields("-b")},
	{Name: "a-b", Fields: fields("a", "-b")},
	{Name: "ab", Fields: fields("a", "b")},
	{Name: "cab", Fields: fields("c", "a", "b")},
	{Name: "c sparse", Fields: fields("c"), Sparse: true},
	{Name: "o.x", Fields: fields("o.x", "a")},
	{Name: "b sparse", Fields: fields("b", "c"), Sparse: true},
	{Name: "c hashed", Fields: []driver.IndexField{{Path: "c", Kind: driver.KindHashed}}},
	{Name: "a partial", Fields: fields("a"), Partial: raw(d("b", d("$gte", 2)))},
	{Name: "b partial", Fields: fields("b", "a"), Partial: raw(d("b", d("$exists", true)))},
	{Name: "ca partial", Fields: fields("c", "a"), Partial: raw(d("a", d("$gt", 0), "c", d("$in", bson.A{0, 1, 2, "a"})))},
}

// equivalenceSize is how many documents there are, and queries: each query is asked with each index.
const equivalenceSize = 130

func equivalent(f *fixture, seed int64, arrays bool) {
	random := rand.New(rand.NewSource(seed))
	for i := range equivalenceSize {
		f.insert(randomDocument(random, i, arrays))
	}
	var finds []driver.Find
	var names []string
	var want [][]bson.Raw
	var counts []int64
	for range equivalenceSize {
		filter, sort := randomFilter(random), randomSort(random)
		find := driver.Find{Filter: f.filter(filter), Sort: f.sort(sort)}
		if random.Intn(2) == 0 {
			find.Limit = int64(1 + random.Intn(20))
			find.Skip = int64(random.Intn(5))
		}
		finds = append(finds, find)
		names = append(names, fmt.Sprintf("filter %v sort %v skip %d limit %d", filter, sort, find.Skip, find.Limit))
		want = append(want, f.rawFound(find))
		counts = append(counts, int64(len(f.rawFound(driver.Find{Filter: find.Filter}))))
	}
	check := func(with string) {
		for i, find := range finds {
			if got := f.rawFound(find); !slices.EqualFunc(want[i], got, func(a, b bson.Raw) bool { return string(a) == string(b) }) {
				require.Equal(f, want[i], got, "%s with %s", names[i], with)
			}
			n, err := f.e.Count(f.ctx, f.ns, find.Filter, "")
			require.NoError(f, err)
			require.Equal(f, counts[i], n, "count of %s with %s", names[i], with)
		}
	}
	for _, index := range equivalenceIndexes {
		if arrays && index.Fields[0].Kind == driver.KindHashed {
			continue // which holds none
		}
		f.createIndex(index)
		check(index.Name)
		require.NoError(f, f.e.DropIndex(f.ctx, f.ns, index.Name))
	}
	for _, index := range equivalenceIndexes {
		if !arrays || index.Fields[0].Kind != driver.KindHashed {
			f.createIndex(index)
		}
	}
	check("all indexes")
}

// rawFound returns what a find finds, cheaply.
func (f *fixture) rawFound(find driver.Find) []bson.Raw { return f.foundIn(f.e, find) }

func randomScalar(r *rand.Rand) any {
	switch r.Intn(12) {
	case 0:
		return nil
	case 1:
		return string(rune('a' + r.Intn(4)))
	case 2:
		return r.Intn(2) == 0
	case 3:
		return float64(r.Intn(8)) / 2
	case 4:
		return int64(r.Intn(5))
	case 5:
		return d("x", r.Intn(3))
	}
	return r.Intn(5)
}

func randomField(r *rand.Rand, arrays bool) any {
	if arrays && r.Intn(4) == 0 {
		list := bson.A{}
		for range r.Intn(4) {
			list = append(list, randomScalar(r))
		}
		return list
	}
	return randomScalar(r)
}

func randomDocument(r *rand.Rand, id int, arrays bool) bson.D {
	doc := d("_id", (id*7919)%100003)
	array := arrays && r.Intn(3) == 0
	which := r.Intn(3) // one array per document: an index may hold one
	for i, name := range []string{"a", "b", "c"} {
		if r.Intn(5) > 0 {
			doc = append(doc, bson.E{Key: name, Value: randomField(r, array && which == i)})
		}
	}
	switch {
	case array && which == 2:
		if r.Intn(2) == 0 {
			doc = append(doc, bson.E{Key: "o", Value: d("x", randomScalar(r))})
		}
	case arrays && !array && r.Intn(2) == 0:
		doc = append(doc, bson.E{Key: "o", Value: bson.A{d("x", randomScalar(r)), d("x", randomScalar(r)), d()}})
	default:
		doc = append(doc, bson.E{Key: "o", Value: d("x", randomScalar(r))})
	}
	return doc
}

func randomPredicate(r *rand.Rand) any {
	switch r.Intn(12) {
	case 0:
		return d("$gt", randomScalar(r))
	case 1:
		return d("$lte", randomScalar(r))
	case 2:
		return d("$gte", r.Intn(3), "$lt", 1+r.Intn(4))
	case 3:
		return d("$in", bson.A{randomScalar(r), randomScalar(r), randomScalar(r)})
	case 4:
		return d("$ne", randomScalar(r))
	case 5:
		return d("$exists", r.Intn(2) == 0)
	case 6:
		return d("$nin", bson.A{randomScalar(r), randomScalar(r)})
	case 7:
		return d("$elemMatch", d("$gte", 1, "$lt", 3))
	case 8:
		return d("$not", d("$gt", randomScalar(r)))
	}
	return randomScalar(r)
}

func randomFilter(r *rand.Rand) any {
	filter := bson.D{}
	for _, path := range []string{"a", "b", "c", "o.x"} {
		if r.Intn(5) < 2 {
			filter = append(filter, bson.E{Key: path, Value: randomPredicate(r)})
		}
	}
	switch r.Intn(10) {
	case 0:
		filter = append(filter, bson.E{Key: "$or", Value: bson.A{d("a", randomPredicate(r)), d("b", randomPredicate(r), "c", randomPredicate(r))}})
	case 1:
		filter = append(filter, bson.E{Key: "_id", Value: d("$gt", r.Intn(100000))})
	case 2:
		filter = append(filter, bson.E{Key: "$and", Value: bson.A{d("a", randomPredicate(r)), d("a", randomPredicate(r))}})
	}
	return filter
}

func randomSort(r *rand.Rand) any {
	if r.Intn(3) == 0 {
		return nil
	}
	sort := bson.D{}
	names := []string{"a", "b", "c", "o.x", "_id"}
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, path := range names[:1+r.Intn(3)] {
		sort = append(sort, bson.E{Key: path, Value: 1 - 2*r.Intn(2)})
	}
	return sort
}
