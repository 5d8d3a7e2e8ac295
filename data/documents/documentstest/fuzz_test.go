package documentstest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/ejson"
	"yunduo/data/query/pipeline"
	values "yunduo/data/query/value"
)

// seeds calls add with the Extended JSON of an operation of every case and of a document it works on.
func seeds(f *testing.F, operation func(c *conformanceCase) bson.RawValue) {
	groups, err := allCases()
	require.NoError(f, err)
	for _, g := range groups {
		for i, c := range g.cases {
			v := operation(c)
			if v.Type == 0 {
				continue
			}
			docs := append(c.docs, g.docs...)
			if len(docs) == 0 {
				docs = []bson.Raw{raw(d())}
			}
			f.Add(string(ejson.AppendValueCanonical(nil, v)), string(ejson.AppendCanonical(nil, docs[i%len(docs)])))
		}
	}
}

// read parses the texts of a fuzz run.
func read(operation, document string) (v bson.RawValue, doc bson.Raw, ok bool) {
	v, err := ejson.ParseValue([]byte(operation), ejson.Options{})
	if err != nil {
		return v, nil, false
	}
	doc, err = ejson.Parse([]byte(document), ejson.Options{})
	return v, doc, err == nil && values.Validate(doc) == nil
}

// FuzzCaseFilter: what a filter says of index keys holds for the documents that it matches.
func FuzzCaseFilter(f *testing.F) {
	seeds(f, func(c *conformanceCase) bson.RawValue {
		if c.filter == nil {
			return bson.RawValue{}
		}
		return values.Document(c.filter)
	})
	f.Fuzz(func(t *testing.T, operation, document string) {
		v, doc, ok := read(operation, document)
		if !ok || v.Type != bson.TypeEmbeddedDocument {
			return
		}
		filter, err := query.ParseFilter(v.Value)
		if err != nil {
			knownReason(t, err, yunduo.ReasonInvalidFilter, yunduo.ReasonUnknownOperator)
			return
		}
		matches, err := filter.Match(doc)
		if err != nil {
			knownReason(t, err, yunduo.ReasonExpressionFailed, yunduo.ReasonQueryTooExpensive)
			return
		}
		all, scalar := true, true
		bounds := filter.Bounds()
		for path, r := range bounds.Paths {
			parsed, inside, insideScalar := values.ParsePath(path), false, false
			multikey := parsed.IndexKeys(doc, func(key bson.RawValue) {
				inside = inside || within(key, r.Intervals)
				insideScalar = insideScalar || within(key, r.Scalar)
			})
			if matches && !inside {
				t.Fatalf("%s matches %s, which has no key of %s within its bounds", operation, document, path)
			}
			if matches && !multikey && !insideScalar {
				t.Fatalf("%s matches %s, whose key of %s is not within its scalar bounds", operation, document, path)
			}
			scalar = scalar && !multikey
			all = all && insideScalar && r.Exact
		}
		if bounds.Complete && scalar && all && !matches {
			t.Fatalf("%s does not match %s, which is within all of its exact bounds", operation, document)
		}
		either := false
		for _, branch := range filter.Branches() {
			ok, err := branch.Match(doc)
			if err != nil {
				return // the branches are looked at in another order
			}
			either = either || ok
		}
		if len(filter.Branches()) > 0 && either != matches {
			t.Fatalf("%s and its branches do not agree on %s", operation, document)
		}
	})
}

func within(key bson.RawValue, intervals []query.Interval) bool {
	for _, in := range intervals {
		low, high := values.Compare(key, in.Low), values.Compare(key, in.High)
		if (low > 0 || low == 0 && !in.LowOpen) && (high < 0 || high == 0 && !in.HighOpen) {
			return true
		}
	}
	return false
}

// FuzzCaseUpdate: an update makes a well-formed document with the same _id, whatever it is applied to.
func FuzzCaseUpdate(f *testing.F) {
	seeds(f, func(c *conformanceCase) bson.RawValue {
		if c.update == nil {
			return bson.RawValue{}
		}
		if list, err := c.update.LookupErr(""); err == nil {
			return list
		}
		return values.Document(c.update)
	})
	f.Fuzz(func(t *testing.T, operation, document string) {
		v, doc, ok := read(operation, document)
		if !ok {
			return
		}
		var update *query.Update
		var err error
		switch v.Type {
		case bson.TypeEmbeddedDocument:
			update, err = query.ParseUpdate(v.Value)
		case bson.TypeArray:
			update, err = pipeline.ParseUpdate(stages(v))
		default:
			return
		}
		if err != nil {
			knownReason(t, err, yunduo.ReasonInvalidUpdate, yunduo.ReasonUnknownOperator, yunduo.ReasonInvalidPipeline)
			return
		}
		ctx := query.ApplyContext{Now: time.UnixMilli(1)}
		after, differs, err := update.Apply(doc, ctx)
		if err != nil {
			knownReason(t, err, yunduo.ReasonUpdateNotApplicable, yunduo.ReasonInvalidUpdate, yunduo.ReasonExpressionFailed,
				yunduo.ReasonQueryTooExpensive, yunduo.ReasonDocumentTooLarge)
			return
		}
		if err := values.Validate(after); err != nil && !strings.Contains(err.Error(), "deeper") {
			t.Fatalf("%s makes of %s: %v", operation, document, err)
		}
		if differs == (string(after) == string(doc)) {
			t.Fatalf("%s on %s: differs is %v", operation, document, differs)
		}
		before, had := values.Field(doc, "_id")
		if id, has := values.Field(after, "_id"); had && (!has || !values.Equal(before, id)) {
			t.Fatalf("%s changes the _id of %s", operation, document)
		}
	})
}

// FuzzCasePipeline: a pipeline ends in well-formed rows or a proper error.
func FuzzCasePipeline(f *testing.F) {
	seeds(f, func(c *conformanceCase) bson.RawValue {
		if c.pipeline == nil {
			return bson.RawValue{}
		}
		var list []bson.RawValue
		for _, stage := range c.pipeline {
			list = append(list, values.Document(stage))
		}
		return values.ArrayOf(list...)
	})
	f.Fuzz(func(t *testing.T, operation, document string) {
		v, doc, ok := read(operation, document)
		if !ok || v.Type != bson.TypeArray || len(operation) > 2000 {
			return
		}
		q := question{docs: []bson.Raw{withID(doc, values.Int32(1))}, other: map[string][]bson.Raw{"more": {withID(doc, values.Int32(2))}}}
		q.pipeline = stages(v)
		for _, stage := range q.pipeline {
			if values.Validate(stage) != nil {
				return
			}
		}
		p, err := pipeline.Parse(q.pipeline)
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		rows, err := p.Run(ctx, "things", q, pipeline.Options{})
		if err != nil {
			return
		}
		for rows.Next(ctx) {
			if err := rows.Current().Validate(); err != nil {
				t.Fatalf("%s makes of %s a malformed row: %v", operation, document, err)
			}
		}
		if err := rows.Err(); err != nil && ctx.Err() == nil {
			knownReason(t, err, yunduo.ReasonExpressionFailed, yunduo.ReasonQueryTooExpensive, yunduo.ReasonDocumentTooLarge, yunduo.ReasonInvalidPipeline, yunduo.ReasonInvalidFilter)
		}
		require.NoError(t, rows.Close())
	})
}

// FuzzCaseJSON: Extended JSON that is read and written is read as the same bytes again.
func FuzzCaseJSON(f *testing.F) {
	seeds(f, func(c *conformanceCase) bson.RawValue {
		if len(c.want) == 0 {
			return bson.RawValue{}
		}
		return values.Document(c.want[0])
	})
	f.Fuzz(func(t *testing.T, one, other string) {
		for _, text := range []string{one, other} {
			v, err := ejson.ParseValue([]byte(text), ejson.Options{})
			if err != nil {
				knownReason(t, err, yunduo.ReasonMalformedJSON, yunduo.ReasonInvalidRequest)
				continue
			}
			written := ejson.AppendValueCanonical(nil, v)
			again, err := ejson.ParseValue(written, ejson.Options{})
			if err != nil || again.Type != v.Type || string(again.Value) != string(v.Value) {
				t.Fatalf("%q is written as %q and read as %v %v", text, written, again, err)
			}
		}
	})
}

func knownReason(t *testing.T, err error, known ...yunduo.Reason) {
	t.Helper()
	for _, reason := range known {
		if yunduo.ReasonOf(err) == reason {
			return
		}
	}
	t.Fatalf("%v has the reason %s", err, yunduo.ReasonOf(err))
}
