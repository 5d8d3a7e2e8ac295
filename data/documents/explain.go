package documents

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/language"
	"yunduo/data/query/pipeline"
)

// ExplainFind runs a find to its end and reports how the engine did that. Privileged callers only. Reasons: those of
// Find; unsupported_call if the engine cannot tell.
func (s *Session) ExplainFind(ctx context.Context, collection string, q Query) (driver.Explanation, error) {
	ns, err := s.explained(collection)
	if err != nil {
		return driver.Explanation{}, err
	}
	find, err := s.parseQuery(ctx, ns, q)
	if err != nil {
		return driver.Explanation{}, err
	}
	return s.explain(ctx, ns, find, false)
}

// ExplainCount is ExplainFind for a count.
func (s *Session) ExplainCount(ctx context.Context, collection string, q CountQuery) (driver.Explanation, error) {
	ns, err := s.explained(collection)
	if err != nil {
		return driver.Explanation{}, err
	}
	parsed, hint, err := s.parseCount(ctx, ns, q)
	if err != nil {
		return driver.Explanation{}, err
	}
	return s.explain(ctx, ns, driver.Find{Filter: parsed, Hint: hint}, true)
}

// ExplainAggregate is ExplainFind for what a pipeline's first stages leave to the engine: the documents of the
// collection that it reads, in which order and how many at most.
func (s *Session) ExplainAggregate(ctx context.Context, collection string, q AggregateQuery) (driver.Explanation, error) {
	ns, err := s.explained(collection)
	if err != nil {
		return driver.Explanation{}, err
	}
	p, hint, err := s.parsePipeline(ctx, ns, q)
	if err != nil {
		return driver.Explanation{}, err
	}
	first := &firstFind{collection: collection}
	rows, err := p.Run(ctx, collection, first, pipeline.Options{Now: s.db.options.Now()})
	if err != nil {
		return driver.Explanation{}, err
	}
	rows.Next(ctx) // a stage that needs all rows asks for them now
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return driver.Explanation{}, err
	}
	first.find.Hint = hint
	return s.explain(ctx, ns, first.find, false)
}

func (s *Session) explained(collection string) (driver.Namespace, error) {
	ns, err := s.namespace(collection)
	if err != nil {
		return ns, err
	}
	return ns, s.privileged("see how queries are run")
}

func (s *Session) explain(ctx context.Context, ns driver.Namespace, find driver.Find, count bool) (driver.Explanation, error) {
	explainer, ok := s.db.engine.(driver.Explainer)
	if !ok {
		return driver.Explanation{}, yunduo.Errorf(yunduo.ReasonUnsupportedCall, "this server's database does not explain its plans")
	}
	return explainer.Explain(s.budgeted(ctx), ns, find, count)
}

// firstFind is a source without documents that notes what a pipeline first asks of its collection.
type firstFind struct {
	collection string
	asked      bool
	find       driver.Find
}

var _ pipeline.Source = (*firstFind)(nil)

// Find notes the question.
func (f *firstFind) Find(_ context.Context, collection string, filter *query.Filter, sort *query.Sort, limit int64) (pipeline.Cursor, error) {
	if collection == f.collection && !f.asked {
		f.asked, f.find = true, driver.Find{Filter: filter, Sort: sort, Limit: limit}
	}
	return &sliceCursor{}, nil
}

// hint returns the name of the index that a caller asks for, by its name or its fields.
func (s *Session) hint(ctx context.Context, ns driver.Namespace, hint bson.RawValue) (string, error) {
	if name, ok := hint.StringValueOK(); ok || hint.Type == 0 || hint.Type == bson.TypeNull {
		return name, nil
	}
	doc, ok := hint.DocumentOK()
	if !ok {
		return "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "hint: name an index, or give its fields as an object")
	}
	elements, err := doc.Elements()
	if err != nil {
		return "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "hint: the object is malformed")
	}
	if len(elements) == 1 && elements[0].Key() == "_id" {
		return driver.HintID, nil
	}
	if len(elements) == 1 && elements[0].Key() == driver.HintNatural {
		return driver.HintNatural, nil
	}
	indexes, err := s.db.engine.Indexes(ctx, ns)
	if err != nil {
		return "", err
	}
	for _, index := range indexes {
		if hasFields(index, elements) {
			return index.Name, nil
		}
	}
	return "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "hint: %q has no index with these fields", ns.Collection).WithMongoCode(language.BadValue)
}

func hasFields(index driver.Index, fields []bson.RawElement) bool {
	if len(index.Fields) != len(fields) {
		return false
	}
	for i, f := range index.Fields {
		v := fields[i].Value()
		kind, _ := v.StringValueOK()
		number, isNumber := v.AsInt64OK()
		if d, ok := v.DoubleOK(); ok {
			number, isNumber = int64(d), true
		}
		if fields[i].Key() != f.Path || kind != f.Kind || kind == "" && (!isNumber || number < 0 != f.Descending) {
			return false
		}
	}
	return true
}
