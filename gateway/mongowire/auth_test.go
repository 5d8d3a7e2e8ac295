package mongowire_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/gateway/mongowire"
)

func TestLogin(t *testing.T) {
	p := open(t, nil)
	uri := func(text string) func(*options.ClientOptions) {
		return func(o *options.ClientOptions) { o.ApplyURI("mongodb://" + text) }
	}
	for name, text := range map[string]string{
		"default":             "AKIDshop:yds_shop@" + p.address + "/shop",
		"admin as source":     "AKIDshop:yds_shop@" + p.address + "/shop?authSource=admin",
		"no database":         "AKIDshop:yds_shop@" + p.address + "/",
		"mechanism":           "AKIDshop:yds_shop@" + p.address + "/?authMechanism=SCRAM-SHA-256",
		"direct":              "AKIDshop:yds_shop@" + p.address + "/?directConnection=true",
		"by the set's name":   "AKIDshop:yds_shop@" + p.address + "/?replicaSet=yunduo",
		"compression offered": "AKIDshop:yds_shop@" + p.address + "/?compressors=zlib,snappy,zstd",
	} {
		t.Run(name, func(t *testing.T) {
			c := p.client(t, uri(text))
			require.NoError(t, c.Ping(t.Context(), nil))
			_, err := c.Database("shop").Collection("things").InsertOne(t.Context(), d("from", name))
			require.NoError(t, err)
		})
	}
	for name, text := range map[string]string{
		"wrong password": "AKIDshop:yds_other@" + p.address + "/shop",
		"empty password": "AKIDshop:@" + p.address + "/shop",
		"unknown user":   "AKIDnobody:yds_shop@" + p.address + "/shop",
		"app as user":    "shop:yds_shop@" + p.address + "/shop",
		"old mechanism":  "AKIDshop:yds_shop@" + p.address + "/?authMechanism=SCRAM-SHA-1",
		"plain":          "AKIDshop:yds_shop@" + p.address + "/?authMechanism=PLAIN",
	} {
		t.Run(name+"_Refused", func(t *testing.T) {
			c := p.client(t, uri(text))
			require.ErrorContains(t, c.Ping(t.Context(), nil), "auth")
		})
	}
}

func TestWithoutLogin_Refused(t *testing.T) {
	p := open(t, nil)
	c := p.client(t, func(o *options.ClientOptions) { o.Auth = nil })
	db := c.Database("shop")
	require.NoError(t, db.RunCommand(t.Context(), d("ping", 1)).Err(), "a greeting needs none")
	for _, command := range []bson.D{
		d("find", "things"), d("insert", "things", "documents", bson.A{d("a", 1)}), d("listCollections", 1), d("listDatabases", 1),
		d("dropDatabase", 1), d("serverStatus", 1), d("aggregate", 1, "pipeline", bson.A{d("$changeStream", d())}, "cursor", d()),
		d("endSessions", bson.A{}), d("killCursors", "things", "cursors", bson.A{int64(1)}), d("commitTransaction", 1),
	} {
		require.Equal(t, 13, code(t, db.RunCommand(t.Context(), command).Err()), "%v", command)
	}
	_, err := p.owner().Count(t.Context(), "things", nil)
	require.Equal(t, yunduo.ReasonCollectionNotFound, yunduo.ReasonOf(err))
}

// A key opens its own app and no other.
func TestOtherApps_Refused(t *testing.T) {
	p := open(t, nil)
	other := p.db.As(yunduo.Caller{App: "other", Role: yunduo.RoleOwner})
	require.NoError(t, other.CreateCollection(t.Context(), "things"))
	c := p.client(t, nil)
	for _, name := range []string{"other", "admin", "local", "config", "_system", "nowhere", "Shop"} {
		for _, command := range []bson.D{
			d("find", "things"), d("insert", "things", "documents", bson.A{d("a", 1)}), d("update", "things", "updates", bson.A{d("q", d(), "u", d("$set", d("a", 1)))}),
			d("delete", "things", "deletes", bson.A{d("q", d(), "limit", 0)}), d("findAndModify", "things", "remove", true), d("count", "things"),
			d("distinct", "things", "key", "a"), d("aggregate", "things", "pipeline", bson.A{}, "cursor", d()),
			d("aggregate", 1, "pipeline", bson.A{d("$changeStream", d())}, "cursor", d()),
			d("listCollections", 1), d("listIndexes", "things"), d("create", "new"), d("drop", "things"), d("dropDatabase", 1),
			d("createIndexes", "things", "indexes", bson.A{d("key", d("a", 1), "name", "a")}), d("dropIndexes", "things", "index", "*"),
			d("collStats", "things"), d("dbStats", 1), d("validate", "things"), d("explain", d("find", "things")),
		} {
			require.Equal(t, 13, code(t, c.Database(name).RunCommand(t.Context(), command).Err()), "%s: %v", name, command)
		}
	}
	require.Equal(t, 13, code(t, c.Database("admin").RunCommand(t.Context(), d("aggregate", 1, "pipeline", bson.A{d("$changeStream", d("allChangesForCluster", true))}, "cursor", d())).Err()))
	names, err := c.ListDatabaseNames(t.Context(), d())
	require.NoError(t, err)
	require.Equal(t, []string{"shop"}, names)
	infos, err := other.Collections(t.Context())
	require.NoError(t, err)
	require.Len(t, infos, 1)
	require.Zero(t, infos[0].Documents)
}

// A cursor, a session or a transaction is its maker's alone.
func TestOthersCursorsAndSessions_Refused(t *testing.T) {
	ctx := t.Context()
	p := open(t, nil)
	mine := p.client(t, nil)
	theirs := p.client(t, func(o *options.ClientOptions) { o.ApplyURI("mongodb://AKIDother:yds_other@" + p.address + "/other") })
	c := mine.Database("shop").Collection("things")
	_, err := c.InsertMany(ctx, []any{d("a", 1), d("a", 2), d("a", 3)})
	require.NoError(t, err)
	cursor, err := c.Find(ctx, d(), options.Find().SetBatchSize(1))
	require.NoError(t, err)
	for _, db := range []string{"shop", "other"} {
		err := theirs.Database(db).RunCommand(ctx, d("getMore", cursor.ID(), "collection", "things")).Err()
		require.Contains(t, []int{13, 43}, code(t, err))
	}
	var killed struct{ CursorsKilled, CursorsNotFound []int64 }
	require.NoError(t, theirs.Database("other").RunCommand(ctx, d("killCursors", "things", "cursors", bson.A{cursor.ID()})).Decode(&killed))
	require.Empty(t, killed.CursorsKilled)
	var rest []bson.M
	require.NoError(t, cursor.All(ctx, &rest))
	require.Len(t, rest, 3)

	s, err := mine.StartSession()
	require.NoError(t, err)
	defer s.EndSession(ctx)
	require.NoError(t, s.StartTransaction())
	inside := mongo.NewSessionContext(ctx, s)
	_, err = c.InsertOne(inside, d("a", 4))
	require.NoError(t, err)
	id := s.ID()
	stolen := d("commitTransaction", 1, "lsid", id, "txnNumber", int64(1), "autocommit", false)
	require.Equal(t, 251, code(t, theirs.Database("admin").RunCommand(ctx, stolen).Err()))
	require.NoError(t, s.AbortTransaction(ctx))
}

func TestKeyTakenAway_EndsAtOnce(t *testing.T) {
	keys := &users{byName: map[string]user{"AKIDshop": {yunduo.Caller{App: "shop", Role: yunduo.RoleOwner}, "yds_shop"}}}
	p := open(t, func(o *mongowire.Options) { o.Credentials = keys })
	c := p.client(t, nil)
	_, err := c.Database("shop").Collection("things").InsertOne(t.Context(), d("a", 1))
	require.NoError(t, err)
	keys.remove("AKIDshop")
	_, err = c.Database("shop").Collection("things").InsertOne(t.Context(), d("a", 2))
	require.Error(t, err)
}
