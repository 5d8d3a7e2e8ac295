package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/pipeline"
)

// memory is a source whose collections are slices, each in the order of insertion. It notes what it was asked.
type memory struct {
	collections map[string][]bson.Raw
	asked       []request
	fail        error // what a cursor ends with
	open        int   // cursors that were not closed
}

type request struct {
	collection, filter, sort string
	limit                    int64
}

var _ pipeline.Source = (*memory)(nil)

func (m *memory) Find(_ context.Context, collection string, filter *query.Filter, sort *query.Sort, limit int64) (pipeline.Cursor, error) {
	asked := request{collection: collection, limit: limit}
	if filter != nil {
		asked.filter = filter.Raw().String()
	}
	var found []bson.Raw
	for _, doc := range m.collections[collection] {
		if ok, err := filter.Match(doc); err != nil {
			return nil, err
		} else if ok {
			found = append(found, doc)
		}
	}
	if sort != nil {
		for _, f := range sort.Fields() {
			if asked.sort += "+" + f.Path; f.Descending {
				asked.sort = strings.TrimSuffix(asked.sort, "+"+f.Path) + "-" + f.Path
			}
		}
		slices.SortStableFunc(found, sort.Compare)
	}
	if limit > 0 && int64(len(found)) > limit {
		found = found[:limit]
	}
	m.asked = append(m.asked, asked)
	m.open++
	return &memoryCursor{source: m, rest: found, fail: m.fail}, nil
}

// memoryCursor hands out every document in the same memory, as an engine may.
type memoryCursor struct {
	source *memory
	rest   []bson.Raw
	buffer bson.Raw
	fail   error
	closed bool
}

func (c *memoryCursor) Next(ctx context.Context) bool {
	if ctx.Err() != nil || len(c.rest) == 0 || c.closed {
		return false
	}
	for i := range c.buffer {
		c.buffer[i] = 0xff // whoever kept the last document without copying it sees this
	}
	c.buffer = append(c.buffer[:0], c.rest[0]...)
	c.rest = c.rest[1:]
	return true
}

func (c *memoryCursor) Current() bson.Raw { return c.buffer }
func (c *memoryCursor) Err() error        { return c.fail }

func (c *memoryCursor) Close() error {
	if !c.closed {
		c.closed = true
		c.source.open--
	}
	return nil
}

func documents(t testing.TB, text string) []bson.Raw {
	t.Helper()
	var d struct{ V []bson.D }
	require.NoError(t, bson.UnmarshalExtJSON([]byte(`{"v":`+text+`}`), false, &d), text)
	out := make([]bson.Raw, len(d.V))
	for i, v := range d.V {
		raw, err := bson.Marshal(v)
		require.NoError(t, err)
		out[i] = raw
	}
	return out
}

func source(t testing.TB, collections map[string]string) *memory {
	m := &memory{collections: map[string][]bson.Raw{}}
	for name, text := range collections {
		m.collections[name] = documents(t, text)
	}
	return m
}

var now = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// run runs a pipeline on the collection "c" and returns copies of its rows.
func run(t testing.TB, m *memory, stages string, o pipeline.Options) ([]bson.Raw, error) {
	t.Helper()
	p, err := pipeline.Parse(documents(t, stages))
	if err != nil {
		return nil, err
	}
	return drain(t, m, p, o)
}

func drain(t testing.TB, m *memory, p *pipeline.Pipeline, o pipeline.Options) ([]bson.Raw, error) {
	t.Helper()
	ctx := context.Background()
	o.Now = now
	rows, err := p.Run(ctx, "c", m, o)
	if err != nil {
		require.Zero(t, m.open, "cursors left open")
		return nil, err
	}
	var out []bson.Raw
	for rows.Next(ctx) {
		require.NoError(t, rows.Current().Validate())
		out = append(out, bytes.Clone(rows.Current()))
	}
	require.False(t, rows.Next(ctx))
	require.NoError(t, rows.Close())
	require.NoError(t, rows.Close())
	require.Zero(t, m.open, "cursors left open")
	return out, rows.Err()
}

// row is a pipeline on collection "c" and what comes out; fails is the reason of the error expected instead.
type row struct {
	stages, want string
	fails        yunduo.Reason
}

const (
	failed  = yunduo.ReasonExpressionFailed
	invalid = yunduo.ReasonInvalidPipeline
	unknown = yunduo.ReasonUnknownOperator
)

func show(rows []bson.Raw) string {
	texts := make([]string, len(rows))
	for i, r := range rows {
		texts[i] = r.String()
	}
	return strings.Join(texts, "\n")
}

func check(t *testing.T, collections map[string]string, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.stages, func(t *testing.T) {
			got, err := run(t, source(t, collections), r.stages, pipeline.Options{})
			if r.fails != "" {
				require.Error(t, err, show(got))
				require.Equal(t, r.fails, yunduo.ReasonOf(err), err.Error())
				return
			}
			require.NoError(t, err)
			want := documents(t, r.want)
			require.Equal(t, show(want), show(got))
			for i := range want {
				require.True(t, bytes.Equal(want[i], got[i]), "row %d differs in types", i)
			}
		})
	}
}

var errSource = errors.New("the source broke")

func TestRun_SourceFailureEnds(t *testing.T) {
	for _, stages := range []string{
		`[]`, `[{"$group": {"_id": null}}]`, `[{"$sort": {"a": 1}}, {"$unwind": "$a"}]`, `[{"$count": "n"}]`,
		`[{"$lookup": {"from": "d", "localField": "a", "foreignField": "a", "as": "d"}}]`,
		`[{"$facet": {"x": []}}]`, `[{"$unionWith": "d"}]`, `[{"$sample": {"size": 1}}]`,
	} {
		m := source(t, map[string]string{"c": `[{"_id": 1, "a": 1}]`, "d": `[{"_id": 1}]`})
		m.fail = errSource
		_, err := run(t, m, stages, pipeline.Options{})
		require.ErrorIs(t, err, errSource, stages)
	}
}

func TestRun_CancelledContextEnds(t *testing.T) {
	for _, stages := range []string{`[]`, `[{"$unwind": "$a"}]`, `[{"$match": {"a": 9}}, {"$skip": 1}, {"$match": {"a": 1}}]`} {
		p, err := pipeline.Parse(documents(t, stages))
		require.NoError(t, err)
		m := source(t, map[string]string{"c": `[{"_id": 1, "a": [1, 2, 3]}]`})
		ctx, cancel := context.WithCancel(context.Background())
		rows, err := p.Run(ctx, "c", m, pipeline.Options{})
		require.NoError(t, err)
		cancel()
		require.False(t, rows.Next(ctx))
		require.ErrorIs(t, rows.Err(), context.Canceled)
		require.NoError(t, rows.Close())
		require.Zero(t, m.open)
	}
}

func TestRun_CancelDuringAnExpression(t *testing.T) {
	p, err := pipeline.Parse(documents(t, `[{"$project": {"x": {"$reduce": {"input": {"$range": [0, 1000000]}, "initialValue": 0, "in": {"$add": ["$$value", 1]}}}}}]`))
	require.NoError(t, err)
	m := source(t, map[string]string{"c": `[{"_id": 1}, {"_id": 2}]`})
	ctx, cancel := context.WithCancel(context.Background())
	rows, err := p.Run(ctx, "c", m, pipeline.Options{})
	require.NoError(t, err)
	require.True(t, rows.Next(ctx))
	cancel()
	require.False(t, rows.Next(ctx))
	require.ErrorIs(t, rows.Err(), context.Canceled)
	require.NoError(t, rows.Close())
}

func TestRun_MemoryLimitNamesTheStage(t *testing.T) {
	many := make([]bson.Raw, 2000)
	for i := range many {
		raw, err := bson.Marshal(bson.D{{Key: "_id", Value: i}, {Key: "s", Value: strings.Repeat("x", 100)}})
		require.NoError(t, err)
		many[i] = raw
	}
	for stage, stages := range map[string]string{
		"$group":       `[{"$group": {"_id": "$_id"}}]`,
		"$sort":        `[{"$unwind": "$_id"}, {"$sort": {"s": 1}}]`,
		"$facet":       `[{"$facet": {"x": [{"$count": "n"}]}}]`,
		"$sample":      `[{"$sample": {"size": 5000}}]`,
		"$bucketAuto":  `[{"$bucketAuto": {"groupBy": "$s", "buckets": 3}}]`,
		"$lookup":      `[{"$lookup": {"from": "c", "localField": "s", "foreignField": "s", "as": "x"}}]`,
		"$graphLookup": `[{"$graphLookup": {"from": "c", "startWith": "$s", "connectFromField": "_id", "connectToField": "s", "as": "x"}}]`,
	} {
		m := &memory{collections: map[string][]bson.Raw{"c": many}}
		_, err := run(t, m, stages, pipeline.Options{MemoryLimit: 100_000})
		require.Equal(t, yunduo.ReasonQueryTooExpensive, yunduo.ReasonOf(err), stage)
		require.Contains(t, err.Error(), stage)
	}
	for _, stages := range []string{
		`[{"$unwind": "$_id"}, {"$sort": {"s": 1}}, {"$limit": 10}]`,
		`[{"$group": {"_id": "$s", "n": {"$sum": 1}}}]`,
	} {
		m := &memory{collections: map[string][]bson.Raw{"c": many}}
		_, err := run(t, m, stages, pipeline.Options{MemoryLimit: 100_000})
		require.NoError(t, err, stages)
	}
	// $push grows one group beyond the limit.
	_, err := run(t, &memory{collections: map[string][]bson.Raw{"c": many}}, `[{"$group": {"_id": null, "all": {"$push": "$s"}}}]`, pipeline.Options{MemoryLimit: 100_000})
	require.Equal(t, yunduo.ReasonQueryTooExpensive, yunduo.ReasonOf(err))
}

// A $limit that cuts nothing off stays between what a rule allows and a $match that can fail, wherever that stands.
func TestPrepend_Wall(t *testing.T) {
	rule, err := query.ParseFilter(parsed(t, `{"o":"li"}`))
	require.NoError(t, err)
	for text, want := range map[string]string{
		`[{"$match":{"n":1}}]`:                                                                             "$match $match",
		`[{"$match":{"$expr":{"$gt":["$n","$m"]}}}]`:                                                       "$match $match",
		`[{"$match":{"$expr":{"$toInt":"$n"}}}]`:                                                           "$match $limit $match",
		`[{"$unset":"x"},{"$match":{"$nor":[{"$expr":{"$toInt":"$n"}}]}}]`:                                 "$match $limit $unset $match",
		`[{"$geoNear":{"near":[0,0],"distanceField":"d"}},{"$match":{"$or":[{"$expr":{"$toInt":"$n"}}]}}]`: "$geoNear $limit $match",
	} {
		p, err := pipeline.Parse(documents(t, text))
		require.NoError(t, err)
		var names []string
		for _, s := range p.Prepend(rule).Raw() {
			names = append(names, s.Index(0).Key())
		}
		require.Equal(t, want, strings.Join(names, " "), text)
		require.False(t, p.Prepend(rule).Unordered())
	}
}
