package mongowire_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func TestCRUD(t *testing.T) {
	ctx := t.Context()
	p := open(t, nil)
	c := p.client(t, nil).Database("shop").Collection("things")

	n, err := c.CountDocuments(ctx, d())
	require.NoError(t, err)
	require.Zero(t, n, "a missing collection is an empty one")
	one, err := c.InsertOne(ctx, d("name", "tea", "price", 3, "tags", bson.A{"green", "hot"}))
	require.NoError(t, err)
	require.IsType(t, bson.ObjectID{}, one.InsertedID)
	var many []any
	for i := range 250 {
		many = append(many, d("_id", i, "n", i%10))
	}
	_, err = c.InsertMany(ctx, many)
	require.NoError(t, err)

	cursor, err := c.Find(ctx, d("n", d("$gte", 0)), options.Find().SetSort(d("_id", -1)).SetProjection(d("n", 1)))
	require.NoError(t, err)
	var found []struct {
		ID int `bson:"_id"`
		N  int
	}
	require.NoError(t, cursor.All(ctx, &found))
	require.Len(t, found, 250, "in several batches")
	require.Equal(t, 249, found[0].ID)
	cursor, err = c.Find(ctx, d("n", 3), options.Find().SetLimit(7).SetSkip(2).SetBatchSize(3))
	require.NoError(t, err)
	require.NoError(t, cursor.All(ctx, &found))
	require.Len(t, found, 7)
	require.Equal(t, 23, found[0].ID)

	var doc bson.M
	require.NoError(t, c.FindOne(ctx, d("name", "tea")).Decode(&doc))
	require.EqualValues(t, 3, doc["price"])
	require.ErrorIs(t, c.FindOne(ctx, d("name", "none")).Err(), mongo.ErrNoDocuments)

	u, err := c.UpdateOne(ctx, d("name", "tea"), d("$inc", d("price", 2)))
	require.NoError(t, err)
	require.EqualValues(t, 1, u.MatchedCount)
	require.EqualValues(t, 1, u.ModifiedCount)
	u, err = c.UpdateMany(ctx, d("n", 1), d("$set", d("hit", true)))
	require.NoError(t, err)
	require.EqualValues(t, 25, u.ModifiedCount)
	u, err = c.UpdateOne(ctx, d("name", "new"), d("$set", d("a", 1)), options.UpdateOne().SetUpsert(true))
	require.NoError(t, err)
	require.Zero(t, u.MatchedCount)
	require.EqualValues(t, 1, u.UpsertedCount)
	require.NotNil(t, u.UpsertedID)
	u, err = c.ReplaceOne(ctx, d("name", "new"), d("name", "newer"))
	require.NoError(t, err)
	require.EqualValues(t, 1, u.ModifiedCount)

	require.NoError(t, c.FindOneAndUpdate(ctx, d("name", "tea"), d("$push", d("tags", "sold")), options.FindOneAndUpdate().SetReturnDocument(options.After).SetProjection(d("tags", 1))).Decode(&doc))
	require.Equal(t, bson.A{"green", "hot", "sold"}, doc["tags"])
	require.NoError(t, c.FindOneAndDelete(ctx, d("n", 2), options.FindOneAndDelete().SetSort(d("_id", -1))).Decode(&doc))
	require.EqualValues(t, 242, doc["_id"])
	require.ErrorIs(t, c.FindOneAndDelete(ctx, d("n", 77)).Err(), mongo.ErrNoDocuments)

	_, err = c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: d("n", 1), Options: options.Index().SetName("by n")})
	require.NoError(t, err)
	for _, hint := range []any{"by n", d("n", 1), d("$natural", 1), "_id_"} {
		n, err = c.CountDocuments(ctx, d("n", d("$gt", 5)), options.Count().SetHint(hint))
		require.NoError(t, err)
		require.EqualValues(t, 100, n, hint)
		require.NoError(t, c.Database().RunCommand(ctx, d("count", "things", "query", d("n", d("$gt", 5)), "hint", hint)).Err())
	}
	for _, command := range []bson.D{
		d("count", "things", "hint", "none"), d("distinct", "things", "key", "n", "hint", "none"), d("find", "things", "hint", d("n", -1)),
		d("aggregate", "things", "pipeline", bson.A{}, "cursor", d(), "hint", "none"),
	} {
		var failed mongo.CommandError
		require.ErrorAs(t, c.Database().RunCommand(ctx, command).Err(), &failed, command)
		require.EqualValues(t, 2, failed.Code, command)
	}

	var tags []string
	require.NoError(t, c.Distinct(ctx, "tags", d()).Decode(&tags))
	require.Equal(t, []string{"green", "hot", "sold"}, tags)
	n, err = c.EstimatedDocumentCount(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 251, n)
	n, err = c.CountDocuments(ctx, d("n", d("$gt", 5)), options.Count().SetSkip(5).SetLimit(50))
	require.NoError(t, err)
	require.EqualValues(t, 50, n)

	cursor, err = c.Aggregate(ctx, mongo.Pipeline{d("$match", d("n", d("$exists", true))), d("$group", d("_id", "$n", "c", d("$sum", 1))), d("$sort", d("_id", 1))})
	require.NoError(t, err)
	var groups []bson.M
	require.NoError(t, cursor.All(ctx, &groups))
	require.Len(t, groups, 10)
	require.EqualValues(t, 24, groups[2]["c"])

	r, err := c.DeleteOne(ctx, d("n", 3))
	require.NoError(t, err)
	require.EqualValues(t, 1, r.DeletedCount)
	r, err = c.DeleteMany(ctx, d("n", 3))
	require.NoError(t, err)
	require.EqualValues(t, 24, r.DeletedCount)
}

// What one surface writes, the others read.
func TestOneSetOfDocuments(t *testing.T) {
	p := open(t, nil)
	require.NoError(t, p.owner().CreateCollection(t.Context(), "things"))
	raw, err := bson.Marshal(d("_id", "a", "n", 1))
	require.NoError(t, err)
	_, err = p.owner().Insert(t.Context(), "things", []bson.Raw{raw})
	require.NoError(t, err)
	c := p.client(t, nil).Database("shop").Collection("things")
	_, err = c.UpdateByID(t.Context(), "a", d("$inc", d("n", 41)))
	require.NoError(t, err)
	n, err := p.owner().Count(t.Context(), "things", nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	got, err := p.owner().Get(t.Context(), "things", bson.Raw(raw).Lookup("_id"), nil)
	require.NoError(t, err)
	require.EqualValues(t, 42, got.Lookup("n").AsInt64())
}

func TestBulkWrites_OrderedAndNot(t *testing.T) {
	ctx := t.Context()
	c := open(t, nil).client(t, nil).Database("shop").Collection("things")
	docs := []any{d("_id", 1), d("_id", 2), d("_id", 1), d("_id", 3)}
	r, err := c.InsertMany(ctx, docs)
	require.Equal(t, 11000, code(t, err))
	require.True(t, mongo.IsDuplicateKeyError(err))
	var bulk mongo.BulkWriteException
	require.ErrorAs(t, err, &bulk)
	require.Len(t, bulk.WriteErrors, 1)
	require.Equal(t, 2, bulk.WriteErrors[0].Index)
	require.Len(t, r.InsertedIDs, 2)
	n, err := c.CountDocuments(ctx, d())
	require.NoError(t, err)
	require.EqualValues(t, 2, n)

	_, err = c.InsertMany(ctx, docs, options.InsertMany().SetOrdered(false))
	require.ErrorAs(t, err, &bulk)
	require.Len(t, bulk.WriteErrors, 3)
	n, err = c.CountDocuments(ctx, d())
	require.NoError(t, err)
	require.EqualValues(t, 3, n)

	models := []mongo.WriteModel{
		mongo.NewUpdateOneModel().SetFilter(d("_id", 1)).SetUpdate(d("$set", d("a", 1))),
		mongo.NewUpdateOneModel().SetFilter(d("_id", 9)).SetUpdate(d("$set", d("a", 9))).SetUpsert(true),
		mongo.NewDeleteOneModel().SetFilter(d("_id", 2)),
		mongo.NewInsertOneModel().SetDocument(d("_id", 10)),
	}
	b, err := c.BulkWrite(ctx, models)
	require.NoError(t, err)
	require.EqualValues(t, 1, b.ModifiedCount)
	require.EqualValues(t, 9, b.UpsertedIDs[1])
	require.EqualValues(t, 1, b.DeletedCount)
	require.EqualValues(t, 1, b.InsertedCount)
}

// More documents than one insert of the document service takes, and more bytes than one message has.
func TestLargeBatches(t *testing.T) {
	ctx := t.Context()
	c := open(t, nil).client(t, nil).Database("shop").Collection("things")
	var docs []any
	for i := range 2500 {
		docs = append(docs, d("_id", fmt.Sprint(i)))
	}
	text := string(make([]byte, 9<<20))
	for i := range 6 {
		docs = append(docs, d("_id", i, "text", text))
	}
	_, err := c.InsertMany(ctx, docs)
	require.NoError(t, err)
	cursor, err := c.Find(ctx, d())
	require.NoError(t, err)
	n, bytes := 0, 0
	for cursor.Next(ctx) {
		n++
		bytes += len(cursor.Current)
	}
	require.NoError(t, cursor.Err())
	require.Equal(t, 2506, n)
	require.Greater(t, bytes, 54<<20)
}

func TestUnsupported_Refused(t *testing.T) {
	ctx := t.Context()
	db := open(t, nil).client(t, nil).Database("shop")
	for _, c := range []struct {
		command bson.D
		code    int
	}{
		{d("nonsense", 1), 59},
		{d("find", "things", "filter", d("$where", "true")), 2},
		{d("find", "things", "tailable", true), 72},
		{d("find", "things", "filter", 3), 14},
		{d("find", "things", "skip", -1), 51024},
		{d("find", "things", "collation", d("locale", "xx")), 2},
		{d("find", ""), 73},
		{d("find", "system.users"), 73},
		{d("find", "_collections"), 73},
		{d("insert", "things"), 40414},
		{d("delete", "things", "deletes", bson.A{d("limit", 0)}), 40414},
		{d("delete", "things", "deletes", bson.A{d("q", d("_id", "none"), "limit", 1), d("q", d())}), 40414},
		{d("update", "things", "updates", bson.A{d("u", d("$set", d("a", 1)), "multi", true)}), 40414},
		{d("update", "things", "updates", bson.A{d("q", d())}), 40414},
		{d("insert", "things", "documents", bson.A{}), 16},
		{d("update", "things", "updates", bson.A{d("q", d(), "u", d("$nonsense", d("a", 1)))}), 0},
		{d("count", "things", "nonsense", 1), 40415},
		{d("create", "things", "capped", true, "size", 10), 72},
		{d("create", "things", "viewOn", "other"), 72},
		{d("aggregate", "things", "pipeline", bson.A{d("$out", "other")}, "cursor", d()), 0},
		{d("aggregate", "things", "pipeline", bson.A{d("$lookup", d("from", "_collections", "localField", "a", "foreignField", "a", "as", "x"))}, "cursor", d()), 73},
		{d("getMore", int64(12), "collection", "things"), 43},
		{d("createIndexes", "things", "indexes", bson.A{d("key", d("a", "text"), "name", "a")}), 67},
	} {
		err := db.RunCommand(ctx, c.command).Err()
		if c.code != 0 {
			require.Equal(t, c.code, code(t, err), "%v", c.command)
		} else if err == nil { // an error of the statement
			var reply struct{ WriteErrors []bson.M }
			require.NoError(t, db.RunCommand(ctx, c.command).Decode(&reply))
			require.NotEmpty(t, reply.WriteErrors, "%v", c.command)
		}
	}
}
