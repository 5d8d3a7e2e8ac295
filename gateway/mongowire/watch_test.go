package mongowire_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

type event struct {
	ID                bson.Raw `bson:"_id"`
	OperationType     string
	FullDocument      bson.M
	Before            bson.M `bson:"fullDocumentBeforeChange"`
	NS, To            struct{ DB, Coll string }
	DocumentKey       bson.M
	ClusterTime       bson.Timestamp
	UpdateDescription struct {
		UpdatedFields   bson.M
		RemovedFields   []string
		TruncatedArrays []bson.M
	}
}

func next(t *testing.T, s *mongo.ChangeStream) event {
	t.Helper()
	require.True(t, s.Next(t.Context()), "%v", s.Err())
	var e event
	require.NoError(t, s.Decode(&e))
	require.EqualValues(t, e.ID, s.ResumeToken())
	return e
}

func TestChangeStream(t *testing.T) {
	ctx := t.Context()
	p := open(t, nil)
	db := p.client(t, nil).Database("shop")
	c := db.Collection("things")
	s, err := c.Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetFullDocumentBeforeChange(options.WhenAvailable))
	require.NoError(t, err)
	defer s.Close(ctx)
	_, err = db.Collection("others").InsertOne(ctx, d("_id", 0))
	require.NoError(t, err)
	_, err = c.InsertOne(ctx, d("_id", 1, "a", 1, "sub", d("x", 1, "y", 2), "list", bson.A{1, 2, 3}))
	require.NoError(t, err)
	_, err = c.UpdateByID(ctx, 1, d("$set", d("sub.x", 5, "list.0", 9), "$unset", d("a", 1), "$pop", d("list", 1)))
	if err != nil { // two changes of one array at a time are refused
		_, err = c.UpdateByID(ctx, 1, d("$set", d("sub.x", 5, "list", bson.A{9, 2}), "$unset", d("a", 1)))
	}
	require.NoError(t, err)
	_, err = c.DeleteOne(ctx, d("_id", 1))
	require.NoError(t, err)

	e := next(t, s)
	require.Equal(t, "insert", e.OperationType)
	require.Equal(t, "shop", e.NS.DB)
	require.Equal(t, "things", e.NS.Coll)
	require.EqualValues(t, 1, e.DocumentKey["_id"])
	require.EqualValues(t, 1, e.FullDocument["a"])
	e = next(t, s)
	require.Equal(t, "update", e.OperationType)
	require.Nil(t, e.FullDocument)
	require.Equal(t, bson.M{"sub.x": int32(5), "list.0": int32(9)}, e.UpdateDescription.UpdatedFields)
	require.Equal(t, []string{"a"}, e.UpdateDescription.RemovedFields)
	require.Equal(t, []bson.M{{"field": "list", "newSize": int32(2)}}, e.UpdateDescription.TruncatedArrays)
	require.EqualValues(t, 1, e.Before["a"])
	afterUpdate, time := e.ID, e.ClusterTime
	e = next(t, s)
	require.Equal(t, "delete", e.OperationType)
	require.NotNil(t, e.Before)

	again, err := c.Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetResumeAfter(afterUpdate))
	require.NoError(t, err)
	defer again.Close(ctx)
	require.Equal(t, "delete", next(t, again).OperationType)
	timed, err := c.Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetStartAtOperationTime(&time).SetFullDocument(options.UpdateLookup))
	require.NoError(t, err)
	defer timed.Close(ctx)
	e = next(t, timed)
	require.Equal(t, "update", e.OperationType)
	require.EqualValues(t, 5, e.FullDocument["sub"].(bson.D)[0].Value)
	from, err := c.Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetStartAtOperationTime(&bson.Timestamp{T: time.T - 60}))
	require.NoError(t, err)
	defer from.Close(ctx)
	require.Equal(t, "insert", next(t, from).OperationType)
}

func TestChangeStream_OfTheDatabase(t *testing.T) {
	ctx := t.Context()
	db := open(t, nil).client(t, nil).Database("shop")
	s, err := db.Watch(ctx, mongo.Pipeline{
		d("$match", d("operationType", "insert", "fullDocument.n", d("$gte", 2))),
		d("$project", d("ns", 1, "n", "$fullDocument.n")),
	})
	require.NoError(t, err)
	defer s.Close(ctx)
	for i := range 4 {
		_, err := db.Collection([]string{"odd", "even"}[i%2]).InsertOne(ctx, d("n", i))
		require.NoError(t, err)
	}
	for i := 2; i < 4; i++ {
		require.True(t, s.Next(ctx), "%v", s.Err())
		require.EqualValues(t, i, s.Current.Lookup("n").AsInt64())
		require.Equal(t, []string{"odd", "even"}[i%2], s.Current.Lookup("ns", "coll").StringValue())
	}
}

func TestChangeStream_DropInvalidates(t *testing.T) {
	ctx := t.Context()
	c := open(t, nil).client(t, nil).Database("shop").Collection("things")
	_, err := c.InsertOne(ctx, d("_id", 1))
	require.NoError(t, err)
	s, err := c.Watch(ctx, mongo.Pipeline{})
	require.NoError(t, err)
	defer s.Close(ctx)
	require.NoError(t, c.Drop(ctx))
	require.Equal(t, "drop", next(t, s).OperationType)
	end := next(t, s)
	require.Equal(t, "invalidate", end.OperationType)
	require.False(t, s.Next(ctx))
	require.NoError(t, s.Err())
	_, err = c.Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetResumeAfter(end.ID))
	require.Equal(t, 260, code(t, err))
	_, err = c.InsertOne(ctx, d("_id", 2))
	require.NoError(t, err)
	s, err = c.Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetStartAfter(end.ID))
	require.NoError(t, err)
	defer s.Close(ctx)
	require.EqualValues(t, 2, next(t, s).DocumentKey["_id"])
}

func TestChangeStream_Waits(t *testing.T) {
	ctx := t.Context()
	c := open(t, nil).client(t, nil).Database("shop").Collection("things")
	s, err := c.Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetMaxAwaitTime(10*time.Millisecond))
	require.NoError(t, err)
	defer s.Close(ctx)
	require.False(t, s.TryNext(ctx), "nothing has happened")
	require.NoError(t, s.Err())
	token := s.ResumeToken()
	require.NotNil(t, token)
	got := make(chan bool)
	go func() { got <- s.Next(context.WithoutCancel(ctx)) }()
	_, err = c.InsertOne(ctx, d("_id", 1))
	require.NoError(t, err)
	require.True(t, <-got)
	again, err := c.Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetResumeAfter(token))
	require.NoError(t, err)
	defer again.Close(ctx)
	require.EqualValues(t, 1, next(t, again).DocumentKey["_id"])
}

func TestChangeStream_BadArguments_Refused(t *testing.T) {
	ctx := t.Context()
	db := open(t, nil).client(t, nil).Database("shop")
	for _, c := range []struct {
		options bson.D
		stages  bson.A
		code    int
	}{
		{d("resumeAfter", d("_data", "00")), nil, 260},
		{d("resumeAfter", d("_data", "0100000000000000000100000000000000016f74686572")), nil, 260}, // of the app "other"
		{d("resumeAfter", d("_data", "01000000000000000001000000000000000173686f70")), nil, 286},
		{d("fullDocument", "nonsense"), nil, 2},
		{d("nonsense", 1), nil, 72},
		{d(), bson.A{d("$group", d("_id", "$ns"))}, 20},
		{d(), bson.A{d("$lookup", d("from", "x", "localField", "a", "foreignField", "a", "as", "x"))}, 20},
	} {
		pipeline := append(bson.A{d("$changeStream", c.options)}, c.stages...)
		err := db.RunCommand(ctx, d("aggregate", "things", "pipeline", pipeline, "cursor", d())).Err()
		require.Equal(t, c.code, code(t, err), "%v", c.options)
	}
}

// A renamed collection ends the streams on both of its names, and goes on for the database.
func TestChangeStream_Rename(t *testing.T) {
	ctx := t.Context()
	p := open(t, nil)
	client := p.client(t, nil)
	db := client.Database("shop")
	_, err := db.Collection("a").InsertOne(ctx, d("_id", 1))
	require.NoError(t, err)
	streams := map[string]*mongo.ChangeStream{}
	for _, name := range []string{"a", "b", "c"} {
		streams[name], err = db.Collection(name).Watch(ctx, mongo.Pipeline{})
		require.NoError(t, err)
		defer streams[name].Close(ctx)
	}
	all, err := db.Watch(ctx, mongo.Pipeline{})
	require.NoError(t, err)
	defer all.Close(ctx)
	require.NoError(t, client.Database("admin").RunCommand(ctx, d("renameCollection", "shop.a", "to", "shop.b")).Err())
	for _, name := range []string{"b", "c"} {
		_, err = db.Collection(name).InsertOne(ctx, d("_id", 2))
		require.NoError(t, err)
	}
	for _, s := range []*mongo.ChangeStream{streams["a"], streams["b"], all} {
		e := next(t, s)
		require.Equal(t, []string{"rename", "a", "b"}, []string{e.OperationType, e.NS.Coll, e.To.Coll})
	}
	for _, name := range []string{"a", "b"} {
		require.Equal(t, "invalidate", next(t, streams[name]).OperationType)
	}
	require.Equal(t, "insert", next(t, streams["c"]).OperationType)
	require.Equal(t, "b", next(t, all).NS.Coll)
}
