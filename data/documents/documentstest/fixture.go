package documentstest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/pipeline"
	"yunduo/internal/soak"
)

// testTimeout ends a test that waits for something which never comes.
const testTimeout = 5 * time.Minute // far more than any takes, for busy machines and the race detector

// fixture is an app of its own with one collection, and short forms of what tests do with it.
type fixture struct {
	*testing.T
	ctx context.Context
	e   driver.Engine
	ns  driver.Namespace

	outcomes map[*conformanceCase]string // what was wrong, for cases that fail
}

func newFixture(t *testing.T, e driver.Engine) *fixture {
	limit := testTimeout
	if soak.Start(t, 0).More() {
		limit = 1000 * time.Hour
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	f := &fixture{T: t, ctx: ctx, e: e, ns: driver.Namespace{App: yunduo.AppID("t" + yunduo.NewID()), Collection: "things"}}
	require.NoError(t, e.CreateCollection(ctx, f.ns, driver.CollectionOptions{}))
	t.Cleanup(func() { require.NoError(t, e.DropApp(context.Background(), f.ns.App)) })
	return f
}

// other returns another collection of the app, which it makes.
func (f *fixture) other(name string) driver.Namespace {
	ns := driver.Namespace{App: f.ns.App, Collection: name}
	require.NoError(f, f.e.CreateCollection(f.ctx, ns, driver.CollectionOptions{}))
	return ns
}

func raw(v any) bson.Raw {
	if v == nil {
		return nil
	}
	data, err := bson.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

func raws(docs []bson.D) []bson.Raw {
	list := make([]bson.Raw, len(docs))
	for i, d := range docs {
		list[i] = raw(d)
	}
	return list
}

func value(v any) bson.RawValue { return raw(bson.D{{Key: "v", Value: v}}).Lookup("v") }

func (f *fixture) filter(v any) *query.Filter {
	parsed, err := query.ParseFilter(raw(v))
	require.NoError(f, err)
	return parsed
}

func (f *fixture) sort(v any) *query.Sort {
	parsed, err := query.ParseSort(raw(v))
	require.NoError(f, err)
	return parsed
}

func (f *fixture) change(v any) *query.Update {
	parsed, err := query.ParseUpdate(raw(v))
	require.NoError(f, err)
	return parsed
}

func (f *fixture) projection(v any) *query.Projection {
	parsed, err := query.ParseProjection(raw(v))
	require.NoError(f, err)
	return parsed
}

func (f *fixture) pipeline(stages ...bson.D) *pipeline.Pipeline {
	parsed, err := pipeline.Parse(raws(stages))
	require.NoError(f, err)
	return parsed
}

func (f *fixture) insert(docs ...bson.D) {
	f.Helper()
	require.NoError(f, f.e.Insert(f.ctx, f.ns, raws(docs), driver.WriteOptions{}))
}

func (f *fixture) update(filter, change any, multi bool) driver.UpdateResult {
	f.Helper()
	r, err := f.e.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(filter), Change: f.change(change), Multi: multi}, driver.WriteOptions{})
	require.NoError(f, err)
	return r
}

// brittle reports whether a failed operation ends its transaction on this engine.
func (f *fixture) brittle() bool {
	_, yes := f.e.(driver.Brittle)
	return yes
}

// ended requires that a failure has ended a transaction and that nothing is left of it.
func (f *fixture) ended(tx driver.Transaction) {
	f.Helper()
	_, err := tx.Count(f.ctx, f.ns, nil, "")
	f.reason(yunduo.ReasonTransactionNotFound, err)
	f.reason(yunduo.ReasonTransactionNotFound, tx.Commit(f.ctx))
}

// find returns the documents in the collection that match as relaxed Extended JSON.
func (f *fixture) find(filter, sort any) []string {
	f.Helper()
	return f.found(f.e, driver.Find{Filter: f.filter(filter), Sort: f.sort(sort)})
}

// all returns all documents of the collection.
func (f *fixture) all() []string {
	f.Helper()
	return f.found(f.e, driver.Find{})
}

func (f *fixture) found(o driver.Operations, find driver.Find) []string {
	f.Helper()
	c, err := o.Find(f.ctx, f.ns, find)
	require.NoError(f, err)
	return f.drain(c)
}

func (f *fixture) drain(c driver.Cursor) []string {
	f.Helper()
	list := []string{}
	for c.Next(f.ctx) {
		list = append(list, text(f, c.Current()))
	}
	require.NoError(f, c.Err())
	require.NoError(f, c.Close())
	return list
}

func text(t require.TestingT, doc bson.Raw) string {
	data, err := bson.MarshalExtJSON(doc, false, false)
	require.NoError(t, err)
	return string(data)
}

// texts returns documents in the form that find returns.
func texts(t require.TestingT, docs ...bson.D) []string {
	list := []string{}
	for _, d := range docs {
		list = append(list, text(t, raw(d)))
	}
	return list
}

func (f *fixture) createIndex(index driver.Index) {
	f.Helper()
	require.NoError(f, f.e.CreateIndex(f.ctx, f.ns, index))
}

// fields makes index fields of paths; a leading minus means descending.
func fields(paths ...string) []driver.IndexField {
	list := make([]driver.IndexField, len(paths))
	for i, p := range paths {
		list[i].Path = p
		if p[0] == '-' {
			list[i] = driver.IndexField{Path: p[1:], Descending: true}
		}
	}
	return list
}

func (f *fixture) begin() driver.Transaction {
	f.Helper()
	tx, err := f.e.Begin(f.ctx, f.ns.App)
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, tx.Abort(context.Background())) })
	return tx
}

// places are the engine and a transaction that has just begun.
func (f *fixture) places() []driver.Operations { return []driver.Operations{f.e, f.begin()} }

// reason requires that err has the reason.
func (f *fixture) reason(want yunduo.Reason, err error) {
	f.Helper()
	require.Error(f, err)
	require.Equal(f, want, yunduo.ReasonOf(err), "%v", err)
}

// d is a document of alternating keys and values.
func d(pairs ...any) bson.D {
	doc := bson.D{}
	for i := 0; i < len(pairs); i += 2 {
		doc = append(doc, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return doc
}
