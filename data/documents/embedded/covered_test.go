package embedded_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
	"yunduo/data/query"
)

// Indexes that were made before entries held types go on without.
func TestCovered_OlderIndexes(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	e := openIn(t, dir, embedded.Options{})
	e.Untyped()
	require.NoError(t, e.CreateCollection(ctx, things, driver.CollectionOptions{}))
	insert := func(e *embedded.Engine, id int) error {
		doc, err := bson.Marshal(bson.D{{Key: "_id", Value: id}, {Key: "n", Value: id}, {Key: "u", Value: id}})
		require.NoError(t, err)
		return e.Insert(ctx, things, []bson.Raw{doc}, driver.WriteOptions{})
	}
	require.NoError(t, insert(e, 1))
	require.NoError(t, e.CreateIndex(ctx, things, driver.Index{Name: "n", Fields: []driver.IndexField{{Path: "n"}}}))
	require.NoError(t, e.CreateIndex(ctx, things, driver.Index{Name: "u", Fields: []driver.IndexField{{Path: "u"}}, Unique: true}))
	require.NoError(t, insert(e, 2))
	require.NoError(t, e.Close())

	e = openIn(t, dir, embedded.Options{})
	defer func() { require.NoError(t, e.Close()) }()
	require.NoError(t, insert(e, 3))
	require.Error(t, insert(e, 3))
	projection, err := query.ParseProjection(mustRaw(bson.D{{Key: "_id", Value: 0}, {Key: "n", Value: 1}}))
	require.NoError(t, err)
	find := driver.Find{Filter: mustFilter(bson.D{{Key: "n", Value: bson.D{{Key: "$gte", Value: 2}}}}), Projection: projection}
	for _, documents := range []int64{2, 0} {
		x, err := e.Explain(ctx, things, find, false)
		require.NoError(t, err)
		require.Equal(t, "n", x.Index)
		require.Equal(t, documents, x.DocumentsExamined)
		problems, err := e.Check(ctx)
		require.NoError(t, err)
		require.Empty(t, problems)
		// Made anew, it is covered.
		require.NoError(t, e.DropIndex(ctx, things, "n"))
		require.NoError(t, e.CreateIndex(ctx, things, driver.Index{Name: "n", Fields: []driver.IndexField{{Path: "n"}}}))
	}
	n, err := e.Count(ctx, things, mustFilter(bson.D{{Key: "u", Value: 2}}), "u")
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}
