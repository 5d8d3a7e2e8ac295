package mongowire_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func TestCollections(t *testing.T) {
	ctx := t.Context()
	p := open(t, nil)
	client := p.client(t, nil)
	db := client.Database("shop")
	require.NoError(t, db.CreateCollection(ctx, "things"))
	require.Equal(t, 48, code(t, db.CreateCollection(ctx, "things")))
	_, err := db.Collection("made").InsertOne(ctx, d("_id", 1, "text", "abc"))
	require.NoError(t, err)
	names, err := db.ListCollectionNames(ctx, d())
	require.NoError(t, err)
	require.Equal(t, []string{"made", "things"}, names)
	names, err = db.ListCollectionNames(ctx, d("name", d("$regex", "^t")))
	require.NoError(t, err)
	require.Equal(t, []string{"things"}, names)
	infos, err := client.ListDatabases(ctx, d("name", "shop"))
	require.NoError(t, err)
	require.Len(t, infos.Databases, 1)
	require.False(t, infos.Databases[0].Empty)

	var stats bson.M
	require.NoError(t, db.RunCommand(ctx, d("collStats", "made")).Decode(&stats))
	require.EqualValues(t, 1, stats["count"])
	require.EqualValues(t, 28, stats["size"])
	require.NoError(t, db.RunCommand(ctx, d("dbStats", 1)).Decode(&stats))
	require.EqualValues(t, 2, stats["collections"])
	cursor, err := db.Collection("made").Aggregate(ctx, mongo.Pipeline{d("$collStats", d("storageStats", d(), "count", d())), d("$project", d("count", 1, "size", "$storageStats.size"))})
	require.NoError(t, err)
	var rows []bson.M
	require.NoError(t, cursor.All(ctx, &rows))
	require.EqualValues(t, 28, rows[0]["size"])
	require.NoError(t, db.RunCommand(ctx, d("validate", "made")).Decode(&stats))
	require.Equal(t, true, stats["valid"])

	require.NoError(t, db.Collection("made").Drop(ctx))
	require.NoError(t, db.Collection("made").Drop(ctx), "what is not there")
	require.NoError(t, db.Drop(ctx))
	names, err = db.ListCollectionNames(ctx, d())
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestIndexes(t *testing.T) {
	ctx := t.Context()
	c := open(t, nil).client(t, nil).Database("shop").Collection("things")
	names, err := c.Indexes().CreateMany(ctx, []mongo.IndexModel{
		{Keys: d("a", 1, "b", -1)},
		{Keys: d("mail", 1), Options: options.Index().SetUnique(true).SetSparse(true).SetName("mails")},
		{Keys: d("at", 1), Options: options.Index().SetExpireAfterSeconds(3600)},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"a_1_b_-1", "mails", "at_1"}, names)
	specs, err := c.Indexes().ListSpecifications(ctx)
	require.NoError(t, err)
	require.Len(t, specs, 4)
	byName := map[string]mongo.IndexSpecification{}
	for _, s := range specs {
		byName[s.Name] = s
	}
	require.Contains(t, byName, "_id_")
	require.True(t, *byName["mails"].Unique)
	require.True(t, *byName["mails"].Sparse)
	require.EqualValues(t, 3600, *byName["at_1"].ExpireAfterSeconds)

	_, err = c.InsertMany(ctx, []any{d("mail", "x"), d("mail", "x")})
	require.True(t, mongo.IsDuplicateKeyError(err))
	_, err = c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: d("mail", 1), Options: options.Index().SetName("mails")})
	require.Equal(t, 85, code(t, err))
	_, err = c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: d("other", 1), Options: options.Index().SetName("mails")})
	require.Equal(t, 86, code(t, err))
	_, err = c.InsertMany(ctx, []any{d("u", 1), d("u", 1)})
	require.NoError(t, err)
	_, err = c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: d("u", 1), Options: options.Index().SetUnique(true)})
	require.Equal(t, 11000, code(t, err))
	require.NoError(t, c.Indexes().DropOne(ctx, "a_1_b_-1"))
	require.Equal(t, 27, code(t, c.Indexes().DropOne(ctx, "a_1_b_-1")))
	require.NoError(t, c.Indexes().DropAll(ctx))
	specs, err = c.Indexes().ListSpecifications(ctx)
	require.NoError(t, err)
	require.Len(t, specs, 1)
}

// What shells and tools ask before they do anything.
func TestGreetingsOfTools(t *testing.T) {
	ctx := t.Context()
	client := open(t, nil).client(t, nil)
	admin := client.Database("admin")
	for _, command := range []bson.D{
		d("hello", 1), d("isMaster", 1), d("ismaster", 1), d("ping", 1), d("buildInfo", 1), d("buildinfo", 1), d("whatsmyuri", 1),
		d("connectionStatus", 1, "showPrivileges", true), d("getParameter", "*"), d("getParameter", 1, "featureCompatibilityVersion", 1),
		d("hostInfo", 1), d("getLog", "startupWarnings"), d("getLog", "*"), d("serverStatus", 1), d("getCmdLineOpts", 1),
		d("replSetGetStatus", 1), d("listCommands", 1), d("listDatabases", 1, "nameOnly", true), d("startSession", 1),
	} {
		require.NoError(t, admin.RunCommand(ctx, command).Err(), "%v", command)
	}
	var hello bson.M
	require.NoError(t, admin.RunCommand(ctx, d("hello", 1)).Decode(&hello))
	require.Equal(t, true, hello["isWritablePrimary"])
	require.Equal(t, hello["me"], hello["hosts"].(bson.A)[0])
	require.Equal(t, "yunduo", hello["setName"])
	var status struct {
		AuthInfo struct{ AuthenticatedUsers []bson.M }
	}
	require.NoError(t, admin.RunCommand(ctx, d("connectionStatus", 1)).Decode(&status))
	require.Equal(t, "AKIDshop", status.AuthInfo.AuthenticatedUsers[0]["user"])
}

func TestIndexes_PartialAndPlaces(t *testing.T) {
	ctx := t.Context()
	c := open(t, nil).client(t, nil).Database("shop").Collection("things")
	_, err := c.Indexes().CreateMany(ctx, []mongo.IndexModel{
		{Keys: d("a", 1), Options: options.Index().SetPartialFilterExpression(d("b", d("$gt", 5)))},
		{Keys: d("at", "2dsphere")},
		{Keys: d("h", "hashed")},
	})
	require.NoError(t, err)
	cursor, err := c.Indexes().List(ctx)
	require.NoError(t, err)
	var list []bson.M
	require.NoError(t, cursor.All(ctx, &list))
	require.Len(t, list, 4)
	byName := map[string]bson.M{}
	for _, index := range list {
		byName[index["name"].(string)] = index
	}
	require.Equal(t, d("b", d("$gt", int32(5))), byName["a_1"]["partialFilterExpression"])
	require.Equal(t, d("at", "2dsphere"), byName["at_2dsphere"]["key"])
	require.Equal(t, d("h", "hashed"), byName["h_hashed"]["key"])
}

func TestExplain(t *testing.T) {
	ctx := t.Context()
	db := open(t, nil).client(t, nil).Database("shop")
	var docs []any
	for i := range 100 {
		docs = append(docs, d("_id", i, "a", i%10))
	}
	_, err := db.Collection("things").InsertMany(ctx, docs)
	require.NoError(t, err)
	_, err = db.Collection("things").Indexes().CreateOne(ctx, mongo.IndexModel{Keys: d("a", 1)})
	require.NoError(t, err)
	type explained struct {
		QueryPlanner   struct{ WinningPlan bson.Raw }
		ExecutionStats *struct{ NReturned, TotalDocsExamined int }
	}
	for _, c := range []bson.D{
		d("find", "things", "filter", d("a", 3)),
		d("aggregate", "things", "pipeline", bson.A{d("$match", d("a", 3))}, "cursor", d()),
		d("update", "things", "updates", bson.A{d("q", d("a", 3), "u", d("$set", d("b", 1)), "multi", true)}),
		d("delete", "things", "deletes", bson.A{d("q", d("a", 3), "limit", 0)}),
		d("findAndModify", "things", "query", d("a", 3), "remove", true),
		d("distinct", "things", "key", "a", "query", d("a", 3)),
	} {
		var x explained
		require.NoError(t, db.RunCommand(ctx, d("explain", c)).Decode(&x))
		require.Contains(t, x.QueryPlanner.WinningPlan.String(), "IXSCAN", "%v", c)
		require.Equal(t, 10, x.ExecutionStats.NReturned, "%v", c)
		require.Equal(t, 10, x.ExecutionStats.TotalDocsExamined, "%v", c)
	}
	var x explained
	require.NoError(t, db.RunCommand(ctx, d("explain", d("find", "things", "filter", d("c", 3)), "verbosity", "queryPlanner")).Decode(&x))
	require.Contains(t, x.QueryPlanner.WinningPlan.String(), "COLLSCAN")
	require.Nil(t, x.ExecutionStats)
	require.Error(t, db.RunCommand(ctx, d("explain", d("nonsense", 1))).Err())
	n, err := db.Collection("things").CountDocuments(ctx, d("b", d("$exists", true)))
	require.NoError(t, err)
	require.Zero(t, n, "nothing was written")
	n, err = db.Collection("things").CountDocuments(ctx, d())
	require.NoError(t, err)
	require.EqualValues(t, 100, n)
}

func TestRenameCollection(t *testing.T) {
	ctx := t.Context()
	p := open(t, nil)
	client := p.client(t, nil)
	db, admin := client.Database("shop"), client.Database("admin")
	_, err := db.Collection("a").InsertOne(ctx, d("_id", 1))
	require.NoError(t, err)
	_, err = db.Collection("b").InsertOne(ctx, d("_id", 2))
	require.NoError(t, err)
	require.Equal(t, 48, code(t, admin.RunCommand(ctx, d("renameCollection", "shop.a", "to", "shop.b")).Err()))
	require.Equal(t, 26, code(t, admin.RunCommand(ctx, d("renameCollection", "shop.none", "to", "shop.b", "dropTarget", true)).Err()))
	require.Equal(t, 73, code(t, admin.RunCommand(ctx, d("renameCollection", "shop.a", "to", "other.a")).Err()))
	require.Equal(t, 13, code(t, admin.RunCommand(ctx, d("renameCollection", "other.a", "to", "other.b")).Err()))
	require.NoError(t, admin.RunCommand(ctx, d("renameCollection", "shop.a", "to", "shop.b", "dropTarget", true)).Err())
	var doc struct {
		ID int `bson:"_id"`
	}
	require.NoError(t, db.Collection("b").FindOne(ctx, d()).Decode(&doc))
	require.Equal(t, 1, doc.ID)
	names, err := db.ListCollectionNames(ctx, d())
	require.NoError(t, err)
	require.Equal(t, []string{"b"}, names)
}

// Texts compare as a collation says in every command that has one, and updates may be stages.
func TestCollationsAndStages(t *testing.T) {
	ctx := t.Context()
	c := open(t, nil).client(t, nil).Database("shop").Collection("things")
	_, err := c.InsertMany(ctx, []any{d("_id", 1, "s", "a"), d("_id", 2, "s", "A"), d("_id", 3, "s", "b")})
	require.NoError(t, err)
	blind := &options.Collation{Locale: "en", Strength: 2}
	n, err := c.CountDocuments(ctx, d("s", "A"), options.Count().SetCollation(blind))
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	cursor, err := c.Find(ctx, d("s", "A"), options.Find().SetCollation(blind))
	require.NoError(t, err)
	var found []bson.M
	require.NoError(t, cursor.All(ctx, &found))
	require.Len(t, found, 2)
	u, err := c.UpdateMany(ctx, d("s", "A"), mongo.Pipeline{d("$set", d("t", d("$concat", bson.A{"$s", "!"})))}, options.UpdateMany().SetCollation(blind))
	require.NoError(t, err)
	require.EqualValues(t, 2, u.ModifiedCount)
	var values []string
	require.NoError(t, c.Distinct(ctx, "s", d(), options.Distinct().SetCollation(blind)).Decode(&values))
	require.Equal(t, []string{"a", "b"}, values)

	_, err = c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: d("s", 1), Options: options.Index().SetName("blind").SetCollation(blind)})
	require.NoError(t, err)
	_, err = c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: d("s", 1), Options: options.Index().SetName("bytes")})
	require.NoError(t, err, "the same keys in another order are another index")
	_, err = c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: d("s", 1), Options: options.Index().SetName("again").SetCollation(blind)})
	require.Equal(t, 85, code(t, err))
	cursor, err = c.Indexes().List(ctx)
	require.NoError(t, err)
	var indexes []struct {
		Name      string
		Collation struct {
			Locale   string
			Strength int
		}
	}
	require.NoError(t, cursor.All(ctx, &indexes))
	require.Equal(t, "blind", indexes[1].Name)
	require.Equal(t, "en", indexes[1].Collation.Locale)
	require.Equal(t, 2, indexes[1].Collation.Strength)
	require.Empty(t, indexes[2].Collation.Locale)
	for _, command := range []bson.D{
		d("find", "things", "filter", d("s", "A"), "collation", d("locale", "en", "strength", 2)),
		d("count", "things", "query", d("s", "A"), "collation", d("locale", "en", "strength", 2)),
		d("aggregate", "things", "pipeline", bson.A{d("$match", d("s", "A"))}, "cursor", d(), "collation", d("locale", "en", "strength", 2)),
	} {
		var x bson.Raw
		require.NoError(t, c.Database().RunCommand(ctx, d("explain", command)).Decode(&x))
		require.Contains(t, x.Lookup("queryPlanner", "winningPlan").String(), `"indexName": "blind"`)
	}

	r, err := c.DeleteMany(ctx, d("t", "A!"))
	require.NoError(t, err)
	require.EqualValues(t, 1, r.DeletedCount, "by bytes where nothing else is said")
}
