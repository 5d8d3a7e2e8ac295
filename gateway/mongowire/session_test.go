package mongowire_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"yunduo/gateway/mongowire"
)

func TestTransaction(t *testing.T) {
	ctx := t.Context()
	p := open(t, nil)
	client := p.client(t, nil)
	accounts, log := client.Database("shop").Collection("accounts"), client.Database("shop").Collection("log")
	_, err := accounts.InsertMany(ctx, []any{d("_id", "a", "money", 10), d("_id", "b", "money", 0)})
	require.NoError(t, err)
	transfer := func(ctx context.Context) (any, error) {
		if _, err := accounts.UpdateByID(ctx, "a", d("$inc", d("money", -4))); err != nil {
			return nil, err
		}
		if _, err := accounts.UpdateByID(ctx, "b", d("$inc", d("money", 4))); err != nil {
			return nil, err
		}
		return log.InsertOne(ctx, d("moved", 4)) // a collection that is not there when the transaction begins
	}
	s, err := client.StartSession()
	require.NoError(t, err)
	defer s.EndSession(ctx)
	_, err = s.WithTransaction(ctx, transfer)
	require.NoError(t, err)
	money := func(id string) int {
		var doc struct{ Money int }
		require.NoError(t, accounts.FindOne(ctx, d("_id", id)).Decode(&doc))
		return doc.Money
	}
	require.Equal(t, []int{6, 4}, []int{money("a"), money("b")})
	n, err := log.CountDocuments(ctx, d())
	require.NoError(t, err)
	require.EqualValues(t, 1, n)

	broken := errors.New("broken")
	_, err = s.WithTransaction(ctx, func(ctx context.Context) (any, error) {
		if _, err := transfer(ctx); err != nil {
			return nil, err
		}
		inside, err := accounts.CountDocuments(ctx, d("money", d("$lt", 6)))
		require.NoError(t, err)
		require.EqualValues(t, 1, inside, "it sees its own writes")
		require.Equal(t, 6, money("a"), "nobody else does")
		return nil, broken
	})
	require.ErrorIs(t, err, broken)
	require.Equal(t, []int{6, 4}, []int{money("a"), money("b")}, "an abort leaves nothing")
}

func TestTransaction_ConflictIsTransient(t *testing.T) {
	ctx := t.Context()
	client := open(t, nil).client(t, nil)
	c := client.Database("shop").Collection("things")
	_, err := c.InsertOne(ctx, d("_id", 1, "n", 0))
	require.NoError(t, err)
	first, err := client.StartSession()
	require.NoError(t, err)
	defer first.EndSession(ctx)
	second, err := client.StartSession()
	require.NoError(t, err)
	defer second.EndSession(ctx)
	require.NoError(t, first.StartTransaction())
	require.NoError(t, second.StartTransaction())
	inFirst, inSecond := mongo.NewSessionContext(ctx, first), mongo.NewSessionContext(ctx, second)
	_, err = c.UpdateByID(inFirst, 1, d("$inc", d("n", 1)))
	require.NoError(t, err)
	_, err = c.UpdateByID(inSecond, 1, d("$inc", d("n", 1)))
	require.Equal(t, 112, code(t, err))
	var server mongo.ServerError
	require.ErrorAs(t, err, &server)
	require.True(t, server.HasErrorLabel("TransientTransactionError"))
	err = c.FindOne(inSecond, d("_id", 1)).Err()
	require.Equal(t, 251, code(t, err), "it ended with its failure")
	require.NoError(t, first.CommitTransaction(ctx))

	// Under contention everybody gets through in the end.
	var wait sync.WaitGroup
	failures := make(chan error, 8)
	for range 8 {
		wait.Go(func() {
			s, err := client.StartSession()
			if err != nil {
				failures <- err
				return
			}
			defer s.EndSession(ctx)
			_, err = s.WithTransaction(ctx, func(ctx context.Context) (any, error) {
				return c.UpdateByID(ctx, 1, d("$inc", d("n", 1)))
			})
			failures <- err
		})
	}
	wait.Wait()
	for range 8 {
		require.NoError(t, <-failures)
	}
	var doc struct{ N int }
	require.NoError(t, c.FindOne(ctx, d("_id", 1)).Decode(&doc))
	require.Equal(t, 9, doc.N)
}

func TestTransaction_Misuse_Refused(t *testing.T) {
	ctx := t.Context()
	p := open(t, nil)
	db := p.client(t, nil).Database("shop")
	admin := p.client(t, nil).Database("admin")
	run := func(on *mongo.Database, command bson.D, number int64, more ...any) error {
		command = append(command, d("lsid", d("id", bson.Binary{Subtype: 4, Data: make([]byte, 16)}), "txnNumber", number, "autocommit", false)...)
		return on.RunCommand(ctx, append(command, d(more...)...)).Err()
	}
	require.Equal(t, 251, code(t, run(db, d("find", "things"), 1)), "not begun")
	require.NoError(t, run(db, d("find", "things"), 1, "startTransaction", true))
	require.Equal(t, 117, code(t, run(db, d("find", "things"), 1, "startTransaction", true)), "begun twice")
	require.Equal(t, 251, code(t, run(db, d("find", "things"), 2)), "another number")
	require.NoError(t, run(admin, d("commitTransaction", 1), 1))
	require.NoError(t, run(admin, d("commitTransaction", 1), 1), "asked again")
	require.Equal(t, 256, code(t, run(admin, d("abortTransaction", 1), 1)), "committed")
	require.Equal(t, 251, code(t, run(db, d("find", "things"), 1)), "ended")
	require.Equal(t, 225, code(t, run(db, d("find", "things"), 0, "startTransaction", true)), "too old")
	require.NoError(t, run(db, d("find", "things"), 3, "startTransaction", true))
	require.Equal(t, 263, code(t, run(db, d("createIndexes", "things", "indexes", bson.A{d("key", d("a", 1), "name", "a")}), 3)))
	require.Equal(t, 263, code(t, run(db, d("dropDatabase", 1), 3)))
	require.NoError(t, run(admin, d("abortTransaction", 1), 3))
	require.Equal(t, 251, code(t, run(admin, d("commitTransaction", 1), 3)), "aborted")
	require.Equal(t, 72, code(t, db.RunCommand(ctx, d("find", "things", "autocommit", false, "startTransaction", true)).Err()), "no session")
}

// A write that is sent again is done once.
func TestRetryableWrites(t *testing.T) {
	ctx := t.Context()
	db := open(t, nil).client(t, nil).Database("shop")
	lsid := d("id", bson.Binary{Subtype: 4, Data: make([]byte, 16)})
	run := func(number int64, command bson.D) bson.M {
		var reply bson.M
		require.NoError(t, db.RunCommand(ctx, append(command, d("lsid", lsid, "txnNumber", number)...)).Decode(&reply))
		return reply
	}
	inc := func(number int64) bson.M {
		return run(number, d("update", "things", "updates", bson.A{d("q", d("_id", 1), "u", d("$inc", d("n", 1)), "upsert", true)}))
	}
	first := inc(1)
	require.Equal(t, first, inc(1))
	require.Equal(t, first, inc(1))
	inc(2)
	require.Equal(t, 225, code(t, db.RunCommand(ctx, d("insert", "things", "documents", bson.A{d("a", 1)}, "lsid", lsid, "txnNumber", int64(1))).Err()))
	doc := run(3, d("findAndModify", "things", "query", d("_id", 1), "update", d("$inc", d("n", 1)), "new", true))
	require.EqualValues(t, 3, doc["value"].(bson.D)[1].Value)
	require.Equal(t, doc, run(3, d("findAndModify", "things", "query", d("_id", 1), "update", d("$inc", d("n", 1)), "new", true)))
	insert := d("insert", "things", "documents", bson.A{d("b", 1)}) // no _id: done twice it would be two
	run(4, insert)
	run(4, insert)
	n, err := db.Collection("things").CountDocuments(ctx, d("b", 1))
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

func TestIdleCursors_End(t *testing.T) {
	ctx := t.Context()
	p := open(t, func(o *mongowire.Options) { o.CursorTimeout = time.Millisecond })
	db := p.client(t, nil).Database("shop")
	_, err := db.Collection("things").InsertMany(ctx, []any{d("a", 1), d("a", 2)})
	require.NoError(t, err)
	var reply struct{ Cursor struct{ ID int64 } }
	for { // until the timer was faster than the next command
		require.NoError(t, db.RunCommand(ctx, d("find", "things", "batchSize", 1)).Decode(&reply))
		err := db.RunCommand(ctx, d("getMore", reply.Cursor.ID, "collection", "things")).Err()
		if err != nil {
			require.Equal(t, 43, code(t, err))
			break
		}
	}
}

func TestCursors_AreLimited(t *testing.T) {
	ctx := t.Context()
	p := open(t, func(o *mongowire.Options) { o.MaxCursors = 3 })
	db := p.client(t, nil).Database("shop")
	_, err := db.Collection("things").InsertMany(ctx, []any{d("a", 1), d("a", 2)})
	require.NoError(t, err)
	var reply struct{ Cursor struct{ ID int64 } }
	for range 3 {
		require.NoError(t, db.RunCommand(ctx, d("find", "things", "batchSize", 1)).Decode(&reply))
	}
	require.Error(t, db.RunCommand(ctx, d("find", "things", "batchSize", 1)).Err())
	require.NoError(t, db.RunCommand(ctx, d("killCursors", "things", "cursors", bson.A{reply.Cursor.ID})).Err())
	require.NoError(t, db.RunCommand(ctx, d("find", "things", "batchSize", 1)).Err())
	require.NoError(t, db.RunCommand(ctx, d("find", "things")).Err(), "what fits into one batch needs none")
}
