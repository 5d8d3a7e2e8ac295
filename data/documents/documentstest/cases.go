package documentstest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/ejson"
	"yunduo/data/query/pipeline"
	values "yunduo/data/query/value"
)

// caseTests run the case files, a test per group: without indexes, inside a transaction that wrote the documents, and
// with every index that is of use to a case.
func caseTests(groups []*caseGroup, all *outcomes) (map[string]func(f *fixture), error) {
	tests := map[string]func(f *fixture){}
	for _, g := range groups {
		tests[g.name] = func(f *fixture) {
			f.Parallel() // they wait for the disk most of the time
			g.run(f, all)
		}
	}
	if len(tests) != len(groups) {
		return nil, fmt.Errorf("two groups of cases have one name")
	}
	return tests, nil
}

func (g *caseGroup) run(f *fixture, all *outcomes) {
	f.outcomes = map[*conformanceCase]string{}
	for name, docs := range g.other {
		ns := f.other(name)
		require.NoError(f, f.e.Insert(f.ctx, ns, docs, driver.WriteOptions{}))
	}
	switch g.kind {
	case "update", "upsert":
		g.runWrites(f)
	default:
		g.runReads(f)
	}
	all.mu.Lock()
	all.groups++
	all.mu.Unlock()
	for _, c := range g.cases {
		all.note(c, f.outcomes[c] == "")
		if f.outcomes[c] != "" {
			f.Errorf("%s\n%s", c, f.outcomes[c])
		}
	}
}

// runReads inserts the group's documents once and runs every case on them in each way.
func (g *caseGroup) runReads(f *fixture) {
	tx := f.begin()
	require.NoError(f, tx.Insert(f.ctx, f.ns, g.docs, driver.WriteOptions{}))
	for _, c := range g.cases {
		r := f.read(c, tx, "")
		f.judge(c, "in a transaction", r)
		if r.err != nil && f.brittle() {
			require.NoError(f, tx.Abort(f.ctx))
			tx = f.begin()
			require.NoError(f, tx.Insert(f.ctx, f.ns, g.docs, driver.WriteOptions{}))
		}
	}
	require.NoError(f, tx.Abort(f.ctx))
	require.NoError(f, f.e.Insert(f.ctx, f.ns, g.docs, driver.WriteOptions{}))
	for _, c := range g.cases {
		f.judge(c, "without index", f.read(c, f.e, ""))
	}
	for _, index := range g.usefulIndexes() {
		if err := f.e.CreateIndex(f.ctx, f.ns, index.Index); err != nil {
			f.reason(yunduo.ReasonInvalidDocument, err) // arrays on two paths of one index
			continue
		}
		hint := ""
		if g.kind == "find" && index.complete() {
			hint = index.Name
		}
		for _, c := range index.cases {
			f.judge(c, "with index "+index.Name, f.read(c, f.e, hint))
		}
		if hint == "" {
			require.NoError(f, f.e.DropIndex(f.ctx, f.ns, index.Name))
		}
	}
}

// runWrites runs every case on documents of its own in each way.
func (g *caseGroup) runWrites(f *fixture) {
	indexes := g.usefulIndexes()
	for _, way := range []string{"without index", "with indexes"} {
		if way == "with indexes" {
			indexes = slices.DeleteFunc(indexes, func(index usefulIndex) bool { return len(index.Fields) > 1 })
			for _, index := range indexes {
				f.createIndex(index.Index)
			}
		}
		for _, c := range g.cases {
			_, err := f.e.Delete(f.ctx, f.ns, driver.Delete{Multi: true}, driver.WriteOptions{})
			require.NoError(f, err)
			if len(c.docs) > 0 {
				require.NoError(f, f.e.Insert(f.ctx, f.ns, c.docs, driver.WriteOptions{}))
			}
			tx := f.begin()
			f.judge(c, way+" in a transaction", f.write(c, tx))
			require.NoError(f, tx.Abort(f.ctx))
			require.Equal(f, canonical(c.docs), canonical(f.rawFound(driver.Find{})), "%s: after the transaction was aborted", c)
			f.judge(c, way, f.write(c, f.e))
			if way == "with indexes" {
				f.checkIndexes(c, indexes)
			}
		}
	}
}

// result is what came of a case.
type result struct {
	docs    []bson.Raw
	ordered bool
	err     error
}

// read runs a case that changes nothing, by the index that hint names, if any.
func (f *fixture) read(c *conformanceCase, o driver.Operations, hint string) result {
	cursor, ordered, err := f.open(c, o, hint)
	if err != nil {
		return result{err: err}
	}
	defer func() { require.NoError(f, cursor.Close()) }()
	r := result{ordered: ordered}
	for cursor.Next(f.ctx) {
		r.docs = append(r.docs, slices.Clone(cursor.Current()))
	}
	r.err = cursor.Err()
	return r
}

func (f *fixture) open(c *conformanceCase, o driver.Operations, hint string) (cursor driver.Cursor, ordered bool, err error) {
	if c.pipeline != nil {
		p, err := pipeline.ParseBy(c.group.by, c.pipeline)
		if err != nil {
			return nil, false, err
		}
		cursor, err = o.Aggregate(f.ctx, f.ns, p, "")
		return cursor, keepsOrder(c.pipeline), err
	}
	find := driver.Find{Skip: c.skip, Limit: c.limit, Hint: hint}
	if find.Filter, err = query.ParseFilterBy(c.group.by, c.filter); err != nil {
		return nil, false, err
	}
	if find.Sort, err = query.ParseSort(c.sort); err != nil {
		return nil, false, err
	}
	find.Sort = find.Sort.By(c.group.by)
	if find.Projection, err = query.ParseProjectionBy(c.group.by, c.projection); err != nil {
		return nil, false, err
	}
	cursor, err = o.Find(f.ctx, f.ns, find)
	return cursor, true, err
}

// keepsOrder reports whether the order of a pipeline's results is defined: not after a stage that groups.
func keepsOrder(stages []bson.Raw) bool {
	ordered := true
	for _, stage := range stages {
		it := values.Elements(stage)
		switch key, _, _ := it.Next(); string(key) {
		case "$group", "$sample", "$graphLookup":
			ordered = false
		case "$sort", "$sortByCount", "$bucket", "$bucketAuto", "$count", "$facet":
			ordered = true
		}
	}
	return ordered
}

// write runs a case that changes documents and returns what is there afterwards.
func (f *fixture) write(c *conformanceCase, o driver.Operations) result {
	update := driver.Update{Multi: c.multi, Upsert: c.group.kind == "upsert", NewID: values.String("new")}
	err := c.parseWrite(&update)
	if err == nil {
		_, err = o.Update(f.ctx, f.ns, update, driver.WriteOptions{})
		if err != nil && f.brittle() {
			o = f.e // what an ended transaction leaves is what was there before
		}
	}
	return result{docs: f.foundIn(o, driver.Find{}), ordered: true, err: err}
}

func (c *conformanceCase) parseWrite(update *driver.Update) (err error) {
	if update.Filter, err = query.ParseFilterBy(c.group.by, c.filter); err != nil {
		return err
	}
	if update.Change, err = c.change(); err != nil {
		return err
	}
	if c.arrayFilters != nil {
		update.Change, err = update.Change.WithArrayFilters(c.arrayFilters)
	}
	return err
}

// change parses what updateOf made: a document, or a pipeline under an empty name.
func (c *conformanceCase) change() (*query.Update, error) {
	if list, err := c.update.LookupErr(""); err == nil && list.Type == bson.TypeArray {
		return pipeline.ParseUpdateBy(c.group.by, stages(list))
	}
	return query.ParseUpdateBy(c.group.by, c.update)
}

// foundIn returns what a find finds, inside a transaction or outside.
func (f *fixture) foundIn(o driver.Operations, find driver.Find) (list []bson.Raw) {
	cursor, err := o.Find(f.ctx, f.ns, find)
	require.NoError(f, err)
	for cursor.Next(f.ctx) {
		list = append(list, slices.Clone(cursor.Current()))
	}
	require.NoError(f, cursor.Err())
	require.NoError(f, cursor.Close())
	return list
}

// canonical returns documents as text that keeps every type.
func canonical(docs []bson.Raw) string {
	var b strings.Builder
	for _, doc := range docs {
		b.Write(ejson.AppendCanonical(nil, doc))
		b.WriteByte('\n')
	}
	return b.String()
}

// judge compares what came of a case with what must come. The first difference of a case counts; the others that
// follow from it are not told.
func (f *fixture) judge(c *conformanceCase, way string, got result) {
	if f.outcomes[c] != "" {
		return
	}
	if c.reason != "" {
		if got.err == nil || string(yunduo.ReasonOf(got.err)) != c.reason || (c.code != 0 && yunduo.AsError(got.err).MongoCode() != c.code) {
			f.outcomes[c] = fmt.Sprintf("%s: got the error %v and\n%s", way, got.err, canonical(got.docs))
		} else if c.docs != nil && canonical(got.docs) != canonical(c.docs) {
			f.outcomes[c] = fmt.Sprintf("%s: a refused update made of the documents\n%s", way, canonical(got.docs))
		}
		return
	}
	if got.err != nil {
		f.outcomes[c] = fmt.Sprintf("%s: %v", way, got.err)
		return
	}
	want, have := slices.Clone(c.want), got.docs
	if !got.ordered {
		for _, list := range [][]bson.Raw{want, have} {
			slices.SortFunc(list, func(a, b bson.Raw) int { return strings.Compare(canonical([]bson.Raw{a}), canonical([]bson.Raw{b})) })
		}
	}
	if canonical(want) != canonical(have) {
		f.outcomes[c] = fmt.Sprintf("%s: got\n%swant\n%s", way, canonical(have), canonical(want))
	}
}
