package documentstest

import (
	"fmt"
	"math/rand/v2"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/collation"
)

// collate makes a collation of a document.
func (f *fixture) collate(pairs ...any) *collation.Collation {
	by, err := collation.Parse(raw(d(pairs...)))
	require.NoError(f, err)
	return by
}

func (f *fixture) filterBy(by *collation.Collation, v any) *query.Filter {
	parsed, err := query.ParseFilterBy(by, raw(v))
	require.NoError(f, err)
	return parsed
}

var collationTests = map[string]func(f *fixture){
	"Index_ServesItsCollationOnly": func(f *fixture) {
		blind, exact := f.collate("locale", "en", "strength", 2), f.collate("locale", "en")
		for i := range 60 {
			f.insert(d("_id", i, "s", fmt.Sprintf("%c%02d", "aA"[i%2], i/6), "n", i%3))
		}
		f.createIndex(driver.Index{Name: "blind", Fields: fields("s", "-n"), Collation: blind.Raw()})
		f.uses("blind", driver.Find{Filter: f.filterBy(blind, d("s", "A03"))}, 6)
		f.uses("blind", driver.Find{Filter: f.filterBy(blind, d("s", d("$gte", "a03", "$lt", "A05")))}, 12)
		f.uses("blind", driver.Find{Filter: f.filterBy(blind, d("s", d("$in", bson.A{"A03", "a03", "a04"})))}, 12)
		f.uses("blind", driver.Find{Sort: f.sort(d("s", 1, "n", -1)).By(blind), Limit: 4}, 4)
		f.uses("blind", driver.Find{Filter: f.filterBy(blind, d("s", "a03", "n", 1))}, 2)
		f.uses("", driver.Find{Filter: f.filterBy(exact, d("s", "a03"))}, 60)
		f.uses("", driver.Find{Filter: f.filter(d("s", "a03"))}, 60)
		f.uses("", driver.Find{Filter: f.filterBy(blind, d("s", bson.Regex{Pattern: "^a03"}))}, 60)
		f.uses("", driver.Find{Sort: f.sort(d("s", 1, "n", -1)), Limit: 4}, 60)
		n, err := f.e.Count(f.ctx, f.ns, f.filterBy(blind, d("s", d("$gt", "a05"))), "blind")
		require.NoError(f, err)
		require.EqualValues(f, 24, n)

		f.createIndex(driver.Index{Name: "bytes", Fields: fields("s")})
		f.uses("bytes", driver.Find{Filter: f.filter(d("s", "a03"))}, 3)
		f.uses("blind", driver.Find{Filter: f.filterBy(blind, d("s", "a03"))}, 6)
	},
	"Index_UniqueByItsCollation": func(f *fixture) {
		blind := f.collate("locale", "zh", "strength", 1)
		f.createIndex(driver.Index{Name: "u", Fields: fields("s"), Unique: true, Collation: blind.Raw()})
		f.insert(d("_id", 1, "s", "Café"), d("_id", 2, "s", "中"))
		f.reason(yunduo.ReasonDuplicateKey, f.e.Insert(f.ctx, f.ns, raws([]bson.D{d("_id", 3, "s", "cafe")}), driver.WriteOptions{}))
		f.insert(d("_id", 3, "s", "cafes"))
		_, err := f.e.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(d("_id", 3)), Change: f.change(d("$set", d("s", "CAFE")))}, driver.WriteOptions{})
		f.reason(yunduo.ReasonDuplicateKey, err)
		f.update(d("_id", 1), d("$set", d("s", "cafe")), false) // it may keep what it has
		f.insert(d("_id", 4, "t", "x"))
		f.reason(yunduo.ReasonDuplicateKey, f.e.CreateIndex(f.ctx, driver.Namespace{App: f.ns.App, Collection: f.twins()}, driver.Index{Name: "u", Fields: fields("s"), Unique: true, Collation: blind.Raw()}))
	},
	"Index_Definition": func(f *fixture) {
		zh := f.collate("locale", "zh", "strength", 2)
		index := driver.Index{Name: "i", Fields: fields("s"), Collation: zh.Raw()}
		f.createIndex(index)
		f.createIndex(driver.Index{Name: "i", Fields: fields("s"), Collation: f.collate("locale", "zh", "strength", 2, "caseLevel", false).Raw()})
		f.reason(yunduo.ReasonInvalidIndex, f.e.CreateIndex(f.ctx, f.ns, driver.Index{Name: "i", Fields: fields("s")}))
		f.createIndex(driver.Index{Name: "other", Fields: fields("s"), Collation: raw(d("locale", "simple"))})
		list, err := f.e.Indexes(f.ctx, f.ns)
		require.NoError(f, err)
		require.Len(f, list, 2)
		by, err := collation.Parse(list[0].Collation)
		require.NoError(f, err)
		require.True(f, collation.Same(zh, by), "%s", list[0].Collation)
		require.Empty(f, list[1].Collation)
		for _, wrong := range []driver.Index{
			{Name: "w", Fields: fields("w"), Collation: raw(d("locale", "nowhere"))},
			{Name: "w", Fields: []driver.IndexField{{Path: "w", Kind: driver.KindHashed}}, Collation: zh.Raw()},
		} {
			f.reason(yunduo.ReasonInvalidIndex, f.e.CreateIndex(f.ctx, f.ns, wrong))
		}
	},
	"Index_Partial": func(f *fixture) {
		blind := f.collate("locale", "en", "strength", 2)
		f.createIndex(driver.Index{Name: "p", Fields: fields("n"), Partial: raw(d("s", "open")), Collation: blind.Raw()})
		f.insert(d("_id", 1, "n", 1, "s", "Open"), d("_id", 2, "n", 1, "s", "open"), d("_id", 3, "n", 1, "s", "shut"))
		f.uses("p", driver.Find{Filter: f.filterBy(blind, d("n", 1, "s", "OPEN"))}, 2)
		f.uses("", driver.Find{Filter: f.filter(d("n", 1, "s", "open"))}, 3)
	},
	"Index_SameAsWithout": func(f *fixture) {
		by := []*collation.Collation{nil, f.collate("locale", "en", "strength", 1), f.collate("locale", "zh"), f.collate("locale", "en", "numericOrdering", true)}
		r := rand.New(rand.NewPCG(3, 9))
		texts := []any{"", "a", "A", "á", "b", "a2", "a10", "中", "阿", "a\x00b", "Zz", 5, nil, bson.A{"a", "Á"}, d("x", "A"), d("x", "a")}
		pick := func() any { return texts[r.IntN(len(texts))] }
		for i := range 120 {
			doc := d("_id", i, "k", r.IntN(3))
			if v := pick(); i%10 > 0 {
				doc = append(doc, bson.E{Key: "s", Value: v})
			}
			f.insert(doc)
		}
		type question struct {
			find driver.Find
			want []string
			text string
		}
		var questions []question
		for range 120 {
			c := by[r.IntN(len(by))]
			filter := []any{
				d("s", pick()), d("s", d("$gte", pick())), d("s", d("$lt", pick(), "$gt", pick())), d("s", d("$in", bson.A{pick(), pick()})),
				d("$or", bson.A{d("s", pick()), d("k", 1)}), d("k", 2, "s", d("$ne", pick())), d("s", d("$elemMatch", d("$gte", pick()))), d(),
			}[r.IntN(8)]
			find := driver.Find{Filter: f.filterBy(c, filter)}
			if r.IntN(2) > 0 {
				find.Sort = f.sort(d("s", 1-2*r.IntN(2), "k", 1-2*r.IntN(2))).By(c)
				find.Limit = int64(r.IntN(30))
			}
			questions = append(questions, question{find, f.found(f.e, find), fmt.Sprint(filter, string(c.Raw()))})
		}
		for i, c := range by {
			f.createIndex(driver.Index{Name: fmt.Sprintf("i%d", i), Fields: fields("s", "k"), Collation: c.Raw()})
			for _, q := range questions {
				require.Equal(f, q.want, f.found(f.e, q.find), "%s with index %d", q.text, i)
			}
		}
		for i := range by {
			hint := fmt.Sprintf("i%d", i)
			for _, q := range questions {
				q.find.Hint = hint
				require.Equal(f, q.want, f.found(f.e, q.find), "%s by index %d", q.text, i)
			}
		}
	},
}

// twins makes a collection with two texts that differ in case only.
func (f *fixture) twins() string {
	ns := driver.Namespace{App: f.ns.App, Collection: "twins"}
	require.NoError(f, f.e.CreateCollection(f.ctx, ns, driver.CollectionOptions{}))
	require.NoError(f, f.e.Insert(f.ctx, ns, raws([]bson.D{d("_id", 1, "s", "a"), d("_id", 2, "s", "A")}), driver.WriteOptions{}))
	return ns.Collection
}
