package documentstest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
	"yunduo/data/query/collation"
)

// covered requires that an engine which explains itself answers a find from an index alone.
func (f *fixture) covered(index string, find driver.Find) {
	f.Helper()
	f.uses(index, find, 0)
	if x, ok := f.e.(driver.Explainer); ok {
		got, err := x.Explain(f.ctx, f.ns, find, false)
		require.NoError(f, err)
		require.Contains(f, string(got.WinningPlan), "PROJECTION_COVERED")
		require.NotContains(f, string(got.WinningPlan), "FETCH")
	}
}

var nan, negativeZero = math.NaN(), math.Copysign(0, -1)

var coveredTests = map[string]func(f *fixture){
	"Find": func(f *fixture) {
		for i := range 40 {
			f.insert(d("_id", fmt.Sprint(i), "a", i%4, "b", d("c", i%7, "z", 1), "rest", "x"))
		}
		f.createIndex(driver.Index{Name: "ab", Fields: fields("a", "-b.c")})
		only, withID := f.projection(d("_id", 0, "a", 1, "b.c", 1)), f.projection(d("a", 1, "b.c", 1))
		for _, find := range []driver.Find{
			{Filter: f.filter(d("a", 1)), Projection: only},
			{Filter: f.filter(d("a", d("$gte", 2))), Projection: withID},
			{Filter: f.filter(d("a", 3, "b.c", d("$mod", bson.A{2, 1}))), Projection: withID, Sort: f.sort(d("b.c", 1))},
			{Filter: f.filter(d("a", d("$in", bson.A{0, 2}))), Projection: only, Sort: f.sort(d("b.c", -1)), Limit: 5},
			{Filter: f.filter(d("a", d("$gt", 0))), Projection: only, Sort: f.sort(d("b.c", 1, "a", -1)), Skip: 3},
			{Filter: f.filter(d("a", d("$lt", 3))), Projection: withID, Sort: f.sort(d("_id", -1)), Limit: 7},
		} {
			f.covered("ab", find)
			natural := find
			natural.Hint = driver.HintNatural
			require.Equal(f, f.found(f.e, natural), f.found(f.e, find), "%s %v", find.Filter.Raw(), find.Sort.Fields())
		}
		f.uses("ab", driver.Find{Filter: f.filter(d("a", 1)), Projection: f.projection(d("a", 1, "rest", 1))}, 10)
		f.uses("ab", driver.Find{Filter: f.filter(d("a", 1, "rest", "x")), Projection: only}, 10)
		f.uses("ab", driver.Find{Filter: f.filter(d("a", 1)), Projection: f.projection(d("a", 1, "b", 1))}, 10)

		f.update(d("_id", "1"), d("$set", d("a", bson.A{1, 2})), false)
		f.uses("ab", driver.Find{Filter: f.filter(d("a", 2)), Projection: only}, 11)
	},
	"Count": func(f *fixture) {
		for i := range 40 {
			f.insert(d("_id", i, "a", i%4, "s", fmt.Sprintf("%d-%d", i%4, i)))
		}
		f.createIndex(driver.Index{Name: "as", Fields: fields("a", "s")})
		filter := f.filter(d("a", 1, "s", bson.Regex{Pattern: "5$"}))
		n, err := f.e.Count(f.ctx, f.ns, filter, "")
		require.NoError(f, err)
		require.EqualValues(f, 2, n)
		if x, ok := f.e.(driver.Explainer); ok {
			got, err := x.Explain(f.ctx, f.ns, driver.Find{Filter: filter}, true)
			require.NoError(f, err)
			require.Zero(f, got.DocumentsExamined)
			require.EqualValues(f, 10, got.KeysExamined)
		}
	},
	// A value keeps its type in an entry though the key of 1 and 1.0 is the same, and a document the order of its fields.
	"SameAsWithout": func(f *fixture) {
		r := rand.New(rand.NewPCG(5, 11))
		id := bson.NewObjectID()
		dec, err := bson.ParseDecimal128("1.00")
		require.NoError(f, err)
		scalars := []any{
			1, int64(1), 1.0, 0, 0.0, negativeZero, 2.5, int64(1) << 60, nil, "", "a\x00b", "text", true, false, bson.DateTime(-5), id, dec,
			d("x", 1), bson.Binary{Data: []byte("x")}, nan, bson.Regex{Pattern: "a"},
		}
		value := func() any { return scalars[r.IntN(len(scalars))] }
		operand := func() any { return scalars[r.IntN(len(scalars)-1)] } // no pattern
		ids := []func(i int) any{func(i int) any { return i }, func(i int) any { return float64(i) }, func(i int) any { return fmt.Sprint(i) }, func(i int) any { return int64(i) }}
		doc := func(i int) bson.D {
			made := d("_id", ids[i%len(ids)](i))
			for _, name := range r.Perm(3) {
				if r.IntN(5) == 0 {
					continue
				}
				switch name {
				case 0:
					made = append(made, bson.E{Key: "a", Value: value()})
				case 1:
					inner := d("y", 1, "c", value())
					if r.IntN(4) == 0 {
						inner = d("y", 1)
					}
					made = append(made, bson.E{Key: "b", Value: []any{inner, value()}[r.IntN(2)]})
				case 2:
					made = append(made, bson.E{Key: "other", Value: i})
				}
			}
			return made
		}
		for i := range 150 {
			f.insert(doc(i))
		}
		by, err := collation.Parse(raw(d("locale", "en", "strength", 2)))
		require.NoError(f, err)
		f.createIndex(driver.Index{Name: "a", Fields: fields("-a", "b.c")})
		f.createIndex(driver.Index{Name: "b", Fields: fields("b.c")})
		f.createIndex(driver.Index{Name: "texts", Fields: fields("a"), Collation: by.Raw()})
		f.createIndex(driver.Index{Name: "one", Fields: fields("u"), Unique: true, Sparse: true})
		f.insert(d("_id", "u1", "u", 1), d("_id", "u2", "u", int64(2)))
		projections := []any{d("a", 1), d("_id", 0, "a", 1), d("_id", 0, "b.c", 1), d("a", 1, "b.c", 1), d("_id", 0, "b", d("c", 1), "a", 1), d("_id", 1)}
		for round := range 4 {
			for range 60 {
				filter := []any{d("a", operand()), d("a", d("$gte", operand())), d("b.c", operand()), d("b.c", d("$exists", true)), d("a", d("$type", "int")), d("a", operand(), "b.c", d("$ne", operand())), d("u", d("$gt", 0))}[r.IntN(7)]
				find := driver.Find{Filter: f.filter(filter), Projection: f.projection(projections[r.IntN(len(projections))])}
				if r.IntN(2) == 0 {
					find.Sort, find.Limit = f.sort([]any{d("a", 1), d("a", -1, "b.c", 1), d("b.c", -1), d("_id", -1)}[r.IntN(4)]), int64(r.IntN(20))
				}
				natural := find
				natural.Hint = driver.HintNatural
				require.Equal(f, canonical(f.rawFound(natural)), canonical(f.rawFound(find)), "%v %v", filter, find.Projection.Raw())
				with, err := f.e.Count(f.ctx, f.ns, find.Filter, "")
				require.NoError(f, err)
				without, err := f.e.Count(f.ctx, f.ns, find.Filter, driver.HintNatural)
				require.NoError(f, err)
				require.Equal(f, without, with, "%v", filter)
			}
			for i := range 150 {
				if i%3 != round%3 {
					continue
				}
				next := doc(i)
				change := f.change(next)
				if r.IntN(2) == 0 {
					change = f.change(d("$set", d("a", value())))
				}
				_, err := f.e.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(d("_id", i)), Change: change}, driver.WriteOptions{})
				require.NoError(f, err)
			}
		}
		f.update(d("_id", "u1"), d("$set", d("u", 1.0)), false)
		require.Equal(f, canonical(raws([]bson.D{d("u", 1.0)})), canonical(f.rawFound(driver.Find{Filter: f.filter(d("u", 1)), Projection: f.projection(d("_id", 0, "u", 1))})))
	},
}
