package mongowire_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"yunduo/gateway/mongowire"
)

// crossed pairs every document with every other, n times over: far more than can be done in a millisecond.
func crossed(n int) bson.A {
	stages := bson.A{}
	for range n {
		stages = append(stages, d("$lookup", d("from", "things", "pipeline", bson.A{}, "as", "x")), d("$unwind", "$x"))
	}
	return append(stages, d("$count", "n"))
}

func fill(t *testing.T, c *mongo.Collection, n int) {
	t.Helper()
	docs := []any{}
	for i := range n {
		docs = append(docs, d("_id", i, "n", i))
	}
	_, err := c.InsertMany(t.Context(), docs)
	require.NoError(t, err)
}

// A command ends after maxTimeMS, whether it reads or writes.
func TestMaxTimeMS(t *testing.T) {
	db := open(t, nil).client(t, nil).Database("shop")
	fill(t, db.Collection("things"), 500)
	run := func(command bson.D) error { return db.RunCommand(t.Context(), command).Err() }
	require.Equal(t, 50, code(t, run(d("aggregate", "things", "pipeline", crossed(3), "cursor", d(), "maxTimeMS", 1))))
	slow := d("$expr", d("$gt", bson.A{d("$reduce", d("input", d("$range", bson.A{0, 100_000}), "initialValue", 0, "in", d("$add", bson.A{"$$value", "$n"}))), -1}))
	require.Equal(t, 50, code(t, run(d("delete", "things", "deletes", bson.A{d("q", slow, "limit", 0)}, "maxTimeMS", 1))))
	require.Equal(t, 50, code(t, run(d("update", "things", "updates", bson.A{d("q", slow, "u", d("$set", d("a", 1)), "multi", true)}, "maxTimeMS", 1))))
	require.NoError(t, run(d("find", "things", "maxTimeMS", 60_000)))
	require.Equal(t, 2, code(t, run(d("find", "things", "maxTimeMS", int64(1)<<40))))
}

// What reads has a time limit even if the client gives none, or a longer one; what writes has none of its own.
func TestQueryTime(t *testing.T) {
	p := open(t, func(o *mongowire.Options) { o.QueryTime = time.Nanosecond })
	db := p.client(t, nil).Database("shop")
	fill(t, db.Collection("things"), 200)
	run := func(command bson.D) error { return db.RunCommand(t.Context(), command).Err() }
	for _, command := range []bson.D{
		d("find", "things"), d("find", "things", "maxTimeMS", 60_000), d("count", "things", "query", d("n", 1)), d("distinct", "things", "key", "n"),
		d("aggregate", "things", "pipeline", bson.A{}, "cursor", d()), d("explain", d("find", "things")),
	} {
		require.Equal(t, 50, code(t, run(command)), command)
	}
	require.NoError(t, run(d("update", "things", "updates", bson.A{d("q", d(), "u", d("$set", d("a", 1)), "multi", true)})))
	require.NoError(t, run(d("createIndexes", "things", "indexes", bson.A{d("key", d("n", 1), "name", "n")})))
}
