package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/value"
)

// Explain runs a find and reports how it was done.
func (e *Engine) Explain(ctx context.Context, ns driver.Namespace, find driver.Find, count bool) (driver.Explanation, error) {
	if err := e.enter(ctx); err != nil {
		return driver.Explanation{}, err
	}
	defer e.gate.leave()
	r, release := e.newReader()
	begin := time.Now()
	var x driver.Explanation
	var err error
	if count {
		x, err = r.explainCount(ctx, ns, find)
	} else {
		x, err = r.explain(ctx, ns, find)
	}
	x.Time = time.Since(begin)
	return x, errors.Join(err, storageError(release()))
}

func (r *reader) explain(ctx context.Context, ns driver.Namespace, find driver.Find) (driver.Explanation, error) {
	c, err := r.find(ctx, ns, find)
	if err != nil {
		return driver.Explanation{}, err
	}
	plan := c.rows.plan
	x := driver.Explanation{BlockingSort: c.sorted, Index: plan.indexName()}
	for c.Next(ctx) {
		x.Returned++
	}
	x.KeysExamined, x.DocumentsExamined = c.rows.source.examined(), c.rows.documents
	stage := plan.describe()
	if c.sorted && len(find.Sort.Fields()) > 0 {
		stage = bson.D{{Key: "stage", Value: "SORT"}, {Key: "sortPattern", Value: sortPattern(find.Sort)}, {Key: "inputStage", Value: stage}}
	}
	stage = wrap(stage, "SKIP", find.Skip, "skipAmount")
	stage = wrap(stage, "LIMIT", find.Limit, "limitAmount")
	if find.Projection != nil {
		name := "PROJECTION"
		if plan.covered != nil {
			name = "PROJECTION_COVERED"
		}
		stage = bson.D{{Key: "stage", Value: name}, {Key: "inputStage", Value: stage}}
	}
	err = errors.Join(c.Err(), describe(&x, stage, c.rows.rejected), c.Close())
	return x, err
}

func (r *reader) explainCount(ctx context.Context, ns driver.Namespace, find driver.Find) (driver.Explanation, error) {
	coll, err := r.catalog.collection(ns)
	if err != nil {
		return driver.Explanation{}, err
	}
	if matchesAll(find.Filter) && find.Hint == "" {
		x := driver.Explanation{Returned: 1}
		err := describe(&x, bson.D{{Key: "stage", Value: "RECORD_STORE_FAST_COUNT"}}, nil)
		return x, err
	}
	s := r.search(ctx, coll, find.Filter)
	s.count, s.hint, s.needs = true, find.Hint, needsOf(find.Filter, nil, nil, true)
	p, rejected, err := s.choose(order{})
	if err != nil {
		return driver.Explanation{}, err
	}
	x := driver.Explanation{Index: p.indexName(), Returned: 1}
	if p.exact {
		p.merge = 0 // all its ranges are counted one after another
		if x.KeysExamined, err = s.countKeys(ctx, newKeyWalk(r.view, p.ranges, false)); err != nil {
			return x, err
		}
		scan := p.scanStage()
		scan[0].Value = "COUNT_SCAN"
		err := describe(&x, bson.D{{Key: "stage", Value: "COUNT"}, {Key: "inputStage", Value: scan}}, rejected)
		return x, err
	}
	found, err := newRows(ctx, s)
	if err != nil {
		return x, err
	}
	for {
		ok, err := found.next(ctx)
		if err != nil {
			return x, errors.Join(err, storageError(found.close()))
		}
		if !ok {
			break
		}
	}
	x.KeysExamined, x.DocumentsExamined = found.source.examined(), found.documents
	x.Index = found.plan.indexName()
	stage := bson.D{{Key: "stage", Value: "COUNT"}, {Key: "inputStage", Value: found.plan.describe()}}
	err = errors.Join(describe(&x, stage, found.rejected), storageError(found.close()))
	return x, err
}

// describe puts the plans into the explanation.
func describe(x *driver.Explanation, winning bson.D, rejected []plan) (err error) {
	if x.WinningPlan, err = bson.Marshal(winning); err != nil {
		return err
	}
	for i := range rejected {
		data, err := bson.Marshal(rejected[i].describe())
		if err != nil {
			return err
		}
		x.Rejected = append(x.Rejected, data)
	}
	return nil
}

func wrap(stage bson.D, name string, amount int64, key string) bson.D {
	if amount <= 0 {
		return stage
	}
	return bson.D{{Key: "stage", Value: name}, {Key: key, Value: amount}, {Key: "inputStage", Value: stage}}
}

func sortPattern(sort *query.Sort) bson.D {
	pattern := bson.D{}
	for _, f := range sort.Fields() {
		pattern = append(pattern, bson.E{Key: f.Path, Value: direction(f.Descending)})
	}
	return pattern
}

func direction(descending bool) int32 {
	if descending {
		return -1
	}
	return 1
}

// indexName returns the index that a plan uses first, "_id" for bounds on _id, empty for a scan of the collection.
func (p *plan) indexName() string {
	switch {
	case len(p.branches) > 0:
		return p.branches[0].indexName()
	case p.index != nil:
		return p.index.Name
	case p.isID:
		return "_id"
	}
	return ""
}

// describe returns the plan in MongoDB's form.
func (p *plan) describe() bson.D {
	scan := p.scanStage()
	switch {
	case p.index == nil && p.branches == nil:
		return scan
	case p.near != nil, p.covered != nil:
		return scan
	}
	return bson.D{{Key: "stage", Value: "FETCH"}, {Key: "inputStage", Value: scan}}
}

func (p *plan) scanStage() bson.D {
	way := "forward"
	if p.reverse {
		way = "backward"
	}
	switch {
	case len(p.branches) > 0:
		inputs := bson.A{}
		for i := range p.branches {
			inputs = append(inputs, p.branches[i].scanStage())
		}
		return bson.D{{Key: "stage", Value: "OR"}, {Key: "inputStages", Value: inputs}}
	case p.points != nil:
		return bson.D{{Key: "stage", Value: "IDHACK"}, {Key: "ids", Value: int64(len(p.points))}}
	case p.index == nil && p.isID:
		return bson.D{{Key: "stage", Value: "CLUSTERED_IXSCAN"}, {Key: "indexName", Value: driver.HintID}, {Key: "direction", Value: way}}
	case p.index == nil:
		return bson.D{{Key: "stage", Value: "COLLSCAN"}, {Key: "direction", Value: way}}
	}
	ix := p.index
	pattern, bounds := bson.D{}, bson.D{}
	for i, f := range ix.Fields {
		var kind any = direction(f.Descending)
		if f.Kind != driver.KindOrdered {
			kind = f.Kind
		}
		pattern = append(pattern, bson.E{Key: f.Path, Value: kind})
		shown := bson.A{"[MinKey, MaxKey]"}
		if i < len(p.bounds) {
			shown = p.bounds[i].describe()
		}
		bounds = append(bounds, bson.E{Key: f.Path, Value: shown})
	}
	name := "IXSCAN"
	if p.near != nil {
		name = "GEO_NEAR_2DSPHERE"
	}
	scan := bson.D{
		{Key: "stage", Value: name}, {Key: "keyPattern", Value: pattern}, {Key: "indexName", Value: ix.Name},
		{Key: "isMultiKey", Value: ix.multikey.Load()}, {Key: "isUnique", Value: ix.Unique}, {Key: "isSparse", Value: ix.Sparse},
		{Key: "isPartial", Value: ix.partial != nil}, {Key: "direction", Value: way}, {Key: "indexBounds", Value: bounds},
	}
	if p.merge > 0 {
		return bson.D{{Key: "stage", Value: "SORT_MERGE"}, {Key: "ranges", Value: int64(len(p.ranges))}, {Key: "inputStage", Value: scan}}
	}
	return scan
}

// shownBounds is how many intervals of a component are listed.
const shownBounds = 20

func (b *componentBounds) describe() bson.A {
	list := bson.A{}
	if b.cells > 0 {
		return append(list, bson.D{{Key: "s2CellRanges", Value: int64(b.cells)}})
	}
	for _, in := range b.intervals[:min(len(b.intervals), shownBounds)] {
		open, closed := "[", "]"
		if in.LowOpen {
			open = "("
		}
		if in.HighOpen {
			closed = ")"
		}
		list = append(list, open+b.text(in.Low)+", "+b.text(in.High)+closed)
	}
	return list
}

// text shows a bound. The key of a text says nothing to readers but whether it is the same as another.
func (b *componentBounds) text(v bson.RawValue) string {
	if text, ok := value.Text(v); ok && b.keyed {
		return fmt.Sprintf("CollationKey(0x%x)", text[:min(len(text), 40)])
	}
	return boundText(v)
}

// boundText shows a bound in Extended JSON, cut to a length that can be read.
func boundText(v bson.RawValue) string {
	if v.Type == 0 {
		return "undefined"
	}
	doc := value.EndDocument(value.Append(value.BeginDocument(nil), "v", v), 0)
	data, err := bson.MarshalExtJSON(bson.Raw(doc), false, false)
	if err != nil {
		return v.Type.String()
	}
	text := []rune(string(data[len(`{"v":`) : len(data)-1]))
	if len(text) > 80 {
		text = append(slices.Clip(text[:80]), '…')
	}
	return string(text)
}
