package mongodb_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
	"yunduo/data/documents/mongodb"
)

func account(t *testing.T, key string, n int) bson.Raw {
	return marshal(t, bson.D{{Key: "_id", Value: key}, {Key: "n", Value: n}})
}

func stringValue(t *testing.T, s string) bson.RawValue {
	return marshal(t, bson.D{{Key: "v", Value: s}}).Lookup("v")
}

func reason(t *testing.T, want yunduo.Reason, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, yunduo.ReasonOf(err), "%v", err)
}

// A document and a collection go back to a moment, never into the midst of a transaction, and a restore is history like
// any other change. What was dropped comes back with its rules.
func TestRestore(t *testing.T) {
	db := documents.New(open(t), documents.Options{})
	t.Cleanup(db.Close)
	s := db.As(yunduo.Caller{App: "shop", Role: yunduo.RoleOwner})
	require.NoError(t, s.CreateCollection(t.Context(), "accounts"))
	require.NoError(t, s.SetRules(t.Context(), "accounts", "readonly"))
	set := func(s *documents.Session, key string, n int) {
		_, err := s.Update(t.Context(), "accounts", documents.Update{Filter: marshal(t, bson.D{{Key: "_id", Value: key}}), Change: account(t, key, n)})
		require.NoError(t, err)
	}
	content := func(collection string) map[string]int64 {
		cursor, err := s.Find(t.Context(), collection, documents.Query{})
		require.NoError(t, err)
		found, err := documents.All(t.Context(), cursor)
		require.NoError(t, err)
		docs := map[string]int64{}
		for _, doc := range found {
			docs[doc.Lookup("_id").StringValue()] = doc.Lookup("n").AsInt64()
		}
		return docs
	}
	_, err := s.Insert(t.Context(), "accounts", []bson.Raw{account(t, "a", 100), account(t, "b", 0)})
	require.NoError(t, err)
	require.NoError(t, s.Transact(t.Context(), func(s *documents.Session) error {
		set(s, "a", 60)
		set(s, "b", 40)
		return nil
	}))
	set(s, "a", 1)
	_, err = s.Insert(t.Context(), "accounts", []bson.Raw{account(t, "c", 7)})
	require.NoError(t, err)

	page, err := s.History(t.Context(), "accounts", documents.HistoryQuery{})
	require.NoError(t, err)
	require.Len(t, page.Changes, 6)
	require.Equal(t, "owner", page.Changes[0].Actor)
	half := page.Changes[3] // the first change of the transaction
	require.Equal(t, "a", half.ID.StringValue())
	result, err := s.Restore(t.Context(), "accounts", documents.Restore{Offset: half.Position.Offset})
	require.NoError(t, err)
	require.Equal(t, []int64{0, 1, 1}, []int64{result.Inserted, result.Updated, result.Deleted})
	require.Equal(t, map[string]int64{"a": 60, "b": 40}, content("accounts"), "half of a transaction is no state to go back to")
	require.Equal(t, page.Changes[2].Position, result.Position)

	result, err = s.Restore(t.Context(), "accounts", documents.Restore{ID: stringValue(t, "b"), Offset: page.Changes[5].Position.Offset})
	require.NoError(t, err)
	require.EqualValues(t, 1, result.Updated)
	require.Equal(t, map[string]int64{"a": 60, "b": 0}, content("accounts"))
	after, err := s.History(t.Context(), "accounts", documents.HistoryQuery{ID: stringValue(t, "b"), Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "owner (restore)", after.Changes[0].Actor)
	_, err = s.Restore(t.Context(), "accounts", documents.Restore{At: time.Now().Add(-time.Hour)})
	reason(t, yunduo.ReasonPositionLost, err)

	require.NoError(t, s.DropCollection(t.Context(), "accounts"))
	require.NoError(t, s.CreateCollection(t.Context(), "accounts"))
	_, err = s.Restore(t.Context(), "accounts", documents.Restore{Offset: half.Position.Offset})
	reason(t, yunduo.ReasonPositionLost, err)
	_, err = s.Restore(t.Context(), "accounts", documents.Restore{ID: stringValue(t, "nobody"), Offset: half.Position.Offset})
	reason(t, yunduo.ReasonPositionLost, err)
	dropped, err := s.Dropped(t.Context())
	require.NoError(t, err)
	require.Len(t, dropped, 1)
	require.NoError(t, s.Undrop(t.Context(), dropped[0].ID, "back"))
	require.Equal(t, map[string]int64{"a": 60, "b": 0}, content("back"))
	rules, err := s.Rules(t.Context(), "back")
	require.NoError(t, err)
	require.Equal(t, "readonly", rules)
	reader := db.As(yunduo.Caller{App: "shop", Role: yunduo.RoleUser, UserID: "u"})
	n, err := reader.Count(t.Context(), "back", nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	_, err = reader.History(t.Context(), "back", documents.HistoryQuery{})
	reason(t, yunduo.ReasonPermissionDenied, err)
}

// A node dies between the steps of a drop, a return or a renaming: whoever comes next does the rest, once.
func TestMoves_AreFinished(t *testing.T) {
	uri := listener(t)
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Disconnect(t.Context())) })
	other, err := mongodb.Open(t.Context(), uri, mongodb.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	e, err := mongodb.Open(t.Context(), uri, mongodb.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	ns := driver.Namespace{App: "shop", Collection: "notes"}
	for _, name := range []string{"notes", "memos"} {
		at := driver.Namespace{App: ns.App, Collection: name}
		require.NoError(t, e.CreateCollection(t.Context(), at, driver.CollectionOptions{Settings: marshal(t, bson.D{{Key: "of", Value: name}})}))
		require.NoError(t, e.CreateIndex(t.Context(), at, driver.Index{Name: "at", Fields: []driver.IndexField{{Path: "at"}}, ExpireAfter: time.Hour}))
		require.NoError(t, e.Insert(t.Context(), at, []bson.Raw{account(t, name, 1)}, driver.WriteOptions{}))
	}
	database := client.Database("yunduo-shop")
	begin := func(kind, from, to string, id int64, at time.Time) {
		record := bson.D{{Key: "kind", Value: kind}, {Key: "from", Value: from}, {Key: "to", Value: to}, {Key: "trash", Value: id}, {Key: "at", Value: at}}
		_, err := database.Collection("_engine.moves").InsertOne(t.Context(), record)
		require.NoError(t, err)
	}
	rename := func(from, to string) {
		command := bson.D{{Key: "renameCollection", Value: "yunduo-shop." + from}, {Key: "to", Value: "yunduo-shop." + to}}
		require.NoError(t, client.Database("admin").RunCommand(t.Context(), command).Err())
	}
	kinds := func(collection string) (list []driver.ChangeKind) {
		_, err := e.ReadLog(t.Context(), ns.App, driver.LogQuery{Collection: collection}, func(c driver.Change) bool {
			list = append(list, c.Kind)
			return true
		})
		require.NoError(t, err)
		return list
	}

	begin("drop", "notes", "_engine.dropped.42", 42, time.Now())
	dropped, err := e.Dropped(t.Context(), ns.App)
	require.NoError(t, err)
	require.Empty(t, dropped, "it was not renamed yet, and may be at any time")
	rename("notes", "_engine.dropped.42")
	require.NoError(t, other.CreateCollection(t.Context(), ns, driver.CollectionOptions{}))
	require.NoError(t, other.Insert(t.Context(), ns, []bson.Raw{account(t, "new", 1)}, driver.WriteOptions{}))
	require.Equal(t, []driver.ChangeKind{driver.ChangeInsert, driver.ChangeDrop, driver.ChangeInsert}, kinds("notes"), "the drop comes before what the next one of the name gets")
	for _, each := range []*mongodb.Engine{e, other} {
		dropped, err = each.Dropped(t.Context(), ns.App)
		require.NoError(t, err)
		require.Len(t, dropped, 1)
		require.Equal(t, "notes", dropped[0].Name)
		require.EqualValues(t, 42, dropped[0].ID)
		require.Equal(t, marshal(t, bson.D{{Key: "of", Value: "notes"}}), dropped[0].Settings)
		require.Equal(t, time.Hour, dropped[0].Indexes[0].ExpireAfter)
	}
	require.Len(t, kinds("notes"), 3)

	begin("undrop", "_engine.dropped.42", "back", 42, time.Now())
	rename("_engine.dropped.42", "back")
	dropped, err = e.Dropped(t.Context(), ns.App)
	require.NoError(t, err)
	require.Empty(t, dropped)
	require.Equal(t, []driver.ChangeKind{driver.ChangeAppear}, kinds("back"))
	indexes, err := e.Indexes(t.Context(), driver.Namespace{App: ns.App, Collection: "back"})
	require.NoError(t, err)
	require.Equal(t, time.Hour, indexes[0].ExpireAfter)

	begin("rename", "memos", "papers", 0, time.Now())
	rename("memos", "papers")
	require.NoError(t, other.DropCollection(t.Context(), driver.Namespace{App: ns.App, Collection: "papers"}))
	require.Equal(t, []driver.ChangeKind{driver.ChangeInsert, driver.ChangeRename}, kinds("memos"))
	require.Equal(t, []driver.ChangeKind{driver.ChangeRename, driver.ChangeDrop}, kinds("papers"))
	dropped, err = e.Dropped(t.Context(), ns.App)
	require.NoError(t, err)
	require.Equal(t, marshal(t, bson.D{{Key: "of", Value: "memos"}}), dropped[0].Settings, "settings went along")

	begin("drop", "back", "_engine.dropped.43", 43, time.Now().Add(-time.Hour)) // never done, and nobody will
	_, err = e.Dropped(t.Context(), ns.App)
	require.NoError(t, err)
	left, err := database.Collection("_engine.moves").CountDocuments(t.Context(), bson.D{})
	require.NoError(t, err)
	require.Zero(t, left)
	n, err := e.Count(t.Context(), driver.Namespace{App: ns.App, Collection: "back"}, nil, "")
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

// forgotten waits until a log has nothing from before a moment. Its end is a number of looks, for a machine that stands
// still.
func forgotten(t *testing.T, before time.Time, logStart func() (time.Time, error)) {
	t.Helper()
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for range 6000 {
		start, err := logStart()
		require.NoError(t, err)
		if start.IsZero() || !start.Before(before) {
			return
		}
		<-pause.C
	}
	require.Fail(t, "the log is not cut")
}

// Where the deployment's oplog has forgotten the places of entries, the past begins behind them; where there are none,
// nothing is lost.
func TestOrder_ShortOplog(t *testing.T) {
	var ahead atomic.Int64
	uri, store := listenerOn(t, embedded.Options{SweepInterval: 5 * time.Millisecond, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	e, err := mongodb.Open(t.Context(), uri, mongodb.Options{LogAge: 1000 * time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	ns := driver.Namespace{App: "shop", Collection: "notes"}
	require.NoError(t, e.CreateCollection(t.Context(), ns, driver.CollectionOptions{}))
	insert := func(key string) {
		require.NoError(t, e.Insert(t.Context(), ns, []bson.Raw{account(t, key, 1)}, driver.WriteOptions{}))
	}
	read := func() (keys []string) {
		_, err := e.ReadLog(t.Context(), ns.App, driver.LogQuery{}, func(c driver.Change) bool {
			keys = append(keys, c.ID.StringValue())
			return true
		})
		require.NoError(t, err)
		return keys
	}
	// The sweep that forgets also expires the marks of the log, which is told in the store's own log: as of the new time.
	forget := func() {
		jump := time.Now().Add(time.Duration(ahead.Add(int64(48 * time.Hour))))
		forgotten(t, jump.Add(-time.Hour), func() (time.Time, error) { return store.LogStart(t.Context(), "yunduo-shop") })
	}
	insert("a")
	require.Equal(t, []string{"a"}, read())
	moment, err := e.Position(t.Context(), ns.App)
	require.NoError(t, err)
	forget()
	require.Equal(t, []string{"a"}, read(), "everything had its place")
	insert("b")
	require.Equal(t, []string{"a", "b"}, read())
	_, err = e.Border(t.Context(), ns.App, moment.Offset)
	require.NoError(t, err)

	insert("lost")
	forget()
	require.Empty(t, read())
	insert("c")
	require.Equal(t, []string{"c"}, read())
	_, err = e.Border(t.Context(), ns.App, moment.Offset)
	reason(t, yunduo.ReasonPositionLost, err)
	_, err = e.PositionAt(t.Context(), ns.App, time.Now().Add(-time.Minute))
	reason(t, yunduo.ReasonPositionLost, err)
}

// Entries go when they are too old, and nobody takes what is left for all.
func TestOrder_Trimmed(t *testing.T) {
	e, err := mongodb.Open(t.Context(), listener(t), mongodb.Options{LogAge: time.Second, TrashAge: -1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	ns := driver.Namespace{App: "shop", Collection: "notes"}
	require.NoError(t, e.CreateCollection(t.Context(), ns, driver.CollectionOptions{}))
	first, err := e.Position(t.Context(), ns.App)
	require.NoError(t, err)
	require.NoError(t, e.Insert(t.Context(), ns, []bson.Raw{account(t, "a", 1)}, driver.WriteOptions{}))
	at := time.Now()
	_, err = e.Border(t.Context(), ns.App, first.Offset)
	require.NoError(t, err)
	forgotten(t, time.Now().Add(time.Hour), func() (time.Time, error) { return e.LogStart(t.Context(), ns.App) })
	_, err = e.Border(t.Context(), ns.App, first.Offset)
	reason(t, yunduo.ReasonPositionLost, err)
	_, err = e.PositionAt(t.Context(), ns.App, at.Add(-time.Second))
	reason(t, yunduo.ReasonPositionLost, err)
	now, err := e.PositionAt(t.Context(), ns.App, time.Now())
	require.NoError(t, err, "nothing has changed since")
	last, err := e.Position(t.Context(), ns.App)
	require.NoError(t, err)
	require.Equal(t, last, now)

	require.NoError(t, e.DropCollection(t.Context(), ns))
	dropped, err := e.Dropped(t.Context(), ns.App)
	require.NoError(t, err)
	require.Empty(t, dropped, "nothing is kept that was dropped")
}
