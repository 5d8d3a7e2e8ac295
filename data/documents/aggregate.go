package documents

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/pipeline"
	"yunduo/data/rules"
)

// Aggregate runs a pipeline over the documents that the caller may read, in this and in every collection that the
// pipeline names. The caller closes the cursor. Reasons: collection_not_found, permission_denied, invalid_pipeline,
// unknown_operator, expression_failed, query_too_expensive.
func (s *Session) Aggregate(ctx context.Context, collection string, stages []bson.Raw) (driver.Cursor, error) {
	return s.AggregateBy(ctx, collection, AggregateQuery{Pipeline: stages})
}

// AggregateBy is Aggregate by a collation, or with a hint.
func (s *Session) AggregateBy(ctx context.Context, collection string, q AggregateQuery) (driver.Cursor, error) {
	ns, err := s.namespace(collection)
	if err != nil {
		return nil, err
	}
	p, hint, err := s.parsePipeline(ctx, ns, q)
	if err != nil {
		return nil, err
	}
	run := func(ctx context.Context, on driver.Operations) (driver.Cursor, error) {
		return on.Aggregate(ctx, ns, p, hint)
	}
	if !s.caller.Privileged() {
		if run, err = s.ruledAggregate(ctx, ns, p, hint, leading(q.Pipeline)); err != nil {
			return nil, err
		}
	}
	var cursor driver.Cursor
	err = s.exclusively(ctx, func(ctx context.Context, on driver.Operations) error {
		cursor, err = run(ctx, on)
		return s.detach(ctx, &cursor, err)
	})
	return cursor, err
}

func (s *Session) parsePipeline(ctx context.Context, ns driver.Namespace, q AggregateQuery) (p *pipeline.Pipeline, hint string, err error) {
	form := shape{operators: true, limit: s.db.options.MaxDocumentBytes}
	for _, stage := range q.Pipeline {
		if err := form.check(stage, yunduo.ReasonInvalidPipeline, "pipeline"); err != nil {
			return nil, "", err
		}
	}
	by, err := collation.Parse(q.Collation)
	if err != nil {
		return nil, "", err
	}
	if p, err = pipeline.ParseBy(by, q.Pipeline); err != nil {
		return nil, "", err
	}
	for _, foreign := range p.Collections() {
		if err := s.validName(foreign); err != nil {
			return nil, "", err
		}
	}
	if hint, err = s.hint(ctx, ns, q.Hint); err != nil {
		return nil, "", err
	}
	if hint != "" && len(q.Pipeline) > 0 && q.Pipeline[0].Lookup("$geoNear").Type != 0 {
		return nil, "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "hint: $geoNear finds its index by itself; name the field with key")
	}
	return p, hint, nil
}

// leading returns the condition that a pipeline begins with, nil if it begins with none.
func leading(stages []bson.Raw) *query.Filter {
	if len(stages) == 0 {
		return nil
	}
	match, ok := stages[0].Lookup("$match").DocumentOK()
	if !ok {
		return nil
	}
	filter, err := query.ParseFilter(match)
	if err != nil {
		return nil // the pipeline was parsed: some stages allow more than filters do
	}
	return filter
}

// ruledAggregate lets the engine run the pipeline where the rules speak of the first collection only. Where they
// narrow a foreign one too, the pipeline runs here, over a source that narrows each read.
func (s *Session) ruledAggregate(ctx context.Context, ns driver.Namespace, p *pipeline.Pipeline, hint string, leading *query.Filter) (func(context.Context, driver.Operations) (driver.Cursor, error), error) {
	own, err := s.decide(ctx, ns, rules.Read)
	if err != nil {
		return nil, err
	}
	if err := s.covered(ns, rules.Read, own, leading); err != nil {
		return nil, err
	}
	narrowed := map[string]*query.Filter{ns.Collection: own.Filter}
	foreign := false
	for _, name := range p.Collections() {
		decision, err := s.decide(ctx, driver.Namespace{App: s.app, Collection: name}, rules.Read)
		if err != nil {
			return nil, err
		}
		if err := s.covered(driver.Namespace{App: s.app, Collection: name}, rules.Read, decision, nil); err != nil {
			return nil, err
		}
		narrowed[name] = decision.Filter
		foreign = foreign || decision.Filter != nil
	}
	if !foreign {
		if own.Filter != nil {
			p = p.Prepend(own.Filter)
		}
		return func(ctx context.Context, on driver.Operations) (driver.Cursor, error) {
			return on.Aggregate(ctx, ns, p, hint)
		}, nil
	}
	return func(ctx context.Context, on driver.Operations) (driver.Cursor, error) {
		source := &ruledSource{app: s.app, main: ns.Collection, hint: hint, on: on, narrowed: narrowed, budget: driver.BudgetOf(ctx)}
		return p.Run(ctx, ns.Collection, source, pipeline.Options{Now: s.db.options.Now()})
	}, nil
}

// ruledSource reads the collections of an app as far as the rules allow.
type ruledSource struct {
	app      yunduo.AppID
	main     string
	hint     string // for the first find of main; empty from then on
	on       driver.Operations
	narrowed map[string]*query.Filter // nil filter: everything
	budget   *driver.Budget           // of the whole pipeline
}

var _ pipeline.Source = (*ruledSource)(nil)

func (r *ruledSource) Find(ctx context.Context, collection string, filter *query.Filter, sort *query.Sort, limit int64) (pipeline.Cursor, error) {
	allowed, known := r.narrowed[collection]
	if !known {
		return nil, yunduo.Errorf(yunduo.ReasonPermissionDenied, "the pipeline reads %q, which it did not name before", collection)
	}
	ns := driver.Namespace{App: r.app, Collection: collection}
	find := driver.Find{Filter: narrow(filter, allowed), Sort: sort, Limit: limit}
	if collection == r.main {
		find.Hint, r.hint = r.hint, ""
	}
	cursor, err := r.on.Find(driver.WithBudget(ctx, r.budget), ns, find)
	if yunduo.ReasonOf(err) == yunduo.ReasonCollectionNotFound && collection != r.main {
		return &sliceCursor{}, nil
	}
	return cursor, err
}
