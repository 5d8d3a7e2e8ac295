package documents_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

const (
	settingsName = "_collections"
	noticesName  = "definitions"
)

// sharedEngine is a store that several nodes use. What a node does with it can be watched and disturbed.
type sharedEngine struct {
	*embedded.Engine

	mu        sync.Mutex
	reads     map[string]int // finds by collection
	forgotten map[driver.Namespace]bool
	feeds     []*breakable
	deaf      bool          // no feed can be had
	pause     chan struct{} // writes of rules wait for it
	paused    chan struct{} // gets one for each that waits
	refuse    string        // deletes in this collection fail
}

var _ driver.Shared = (*sharedEngine)(nil)

func (e *sharedEngine) Forget(ns driver.Namespace) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forgotten[ns] = true
}

func (e *sharedEngine) Find(ctx context.Context, ns driver.Namespace, find driver.Find) (driver.Cursor, error) {
	e.mu.Lock()
	e.reads[ns.Collection]++
	e.mu.Unlock()
	return e.Engine.Find(ctx, ns, find)
}

func (e *sharedEngine) readsOf(collection string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.reads[collection]
}

func (e *sharedEngine) Update(ctx context.Context, ns driver.Namespace, update driver.Update, o driver.WriteOptions) (driver.UpdateResult, error) {
	e.mu.Lock()
	pause := e.pause
	e.mu.Unlock()
	if pause != nil && ns.Collection == settingsName {
		e.paused <- struct{}{}
		<-pause
	}
	return e.Engine.Update(ctx, ns, update, o)
}

func (e *sharedEngine) Delete(ctx context.Context, ns driver.Namespace, remove driver.Delete, o driver.WriteOptions) (driver.DeleteResult, error) {
	e.mu.Lock()
	refuse := e.refuse
	e.mu.Unlock()
	if ns.Collection == refuse {
		return driver.DeleteResult{}, errors.New("the connection is gone")
	}
	return e.Engine.Delete(ctx, ns, remove, o)
}

// breakable is a feed that can be made to fail.
type breakable struct {
	driver.Feed
	broken context.Context
	snap   context.CancelFunc
}

func (b *breakable) Next(ctx context.Context) (driver.Change, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.broken, cancel)()
	return b.Feed.Next(ctx)
}

func (e *sharedEngine) Changes(ctx context.Context, app yunduo.AppID, after driver.Position) (driver.Feed, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.deaf {
		return nil, errors.New("the connection is gone")
	}
	feed, err := e.Engine.Changes(ctx, app, after)
	if err != nil {
		return nil, err
	}
	b := &breakable{Feed: feed}
	b.broken, b.snap = context.WithCancel(context.Background())
	e.feeds = append(e.feeds, b)
	return b, nil
}

// deafen ends all feeds and gives none until hear is called.
func (e *sharedEngine) deafen() (hear func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deaf = true
	for _, f := range e.feeds {
		f.snap()
	}
	e.feeds = nil
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.deaf = false
	}
}

type node struct {
	*documents.DB
	engine *sharedEngine
}

// nodes are two on one store, with the app "shop", its open collection "notes" and a document of wang in it.
func nodes(t *testing.T) (a, b node) {
	engine := openEngine(t, t.TempDir())
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	join := func() node {
		e := &sharedEngine{Engine: engine, reads: map[string]int{}, forgotten: map[driver.Namespace]bool{}, paused: make(chan struct{}, 1)}
		db := documents.New(e, documents.Options{})
		t.Cleanup(db.Close)
		return node{db, e}
	}
	a, b = join(), join()
	require.NoError(t, a.As(owner).CreateCollection(t.Context(), "notes"))
	require.NoError(t, a.As(owner).SetRules(t.Context(), "notes", `{"read":true}`))
	insert(t, a.As(owner), "notes", d("_id", "w", "_openid", "wang"))
	return a, b
}

// soon waits for the effect of what another node does.
func soon(t *testing.T, what string, reached func() bool) {
	t.Helper()
	require.Eventually(t, reached, 20*time.Second, time.Millisecond, what)
}

func (n node) sees(t *testing.T) int {
	t.Helper()
	cursor, err := n.As(li).Find(t.Context(), "notes", documents.Query{})
	if err != nil {
		requireReason(t, yunduo.ReasonPermissionDenied, err)
		return 0
	}
	found, err := documents.All(t.Context(), cursor)
	require.NoError(t, err)
	return len(found)
}

// settled waits until the node answers from its cache.
func (n node) settled(t *testing.T) {
	t.Helper()
	soon(t, "a node never keeps rules", func() bool {
		before := n.engine.readsOf(settingsName)
		n.sees(t)
		return n.engine.readsOf(settingsName) == before
	})
}

func TestNodes_Rules(t *testing.T) {
	a, b := nodes(t)
	b.settled(t)
	require.Equal(t, 1, b.sees(t))
	for range 3 {
		require.NoError(t, a.As(owner).SetRules(t.Context(), "notes", `{"read":false}`))
		require.Zero(t, a.sees(t), "not at once where it was changed")
		soon(t, "rules tightened elsewhere do not hold", func() bool { return b.sees(t) == 0 })
		b.settled(t)
		require.NoError(t, b.As(owner).SetRules(t.Context(), "notes", `{"read":true}`))
		require.Equal(t, 1, b.sees(t))
		soon(t, "rules loosened elsewhere do not hold", func() bool { return a.sees(t) == 1 })
	}
}

func TestNodes_DroppedCollection(t *testing.T) {
	a, b := nodes(t)
	b.settled(t)
	require.NoError(t, a.As(owner).DropCollection(t.Context(), "notes"))
	require.NoError(t, a.As(owner).CreateCollection(t.Context(), "notes")) // private again
	insert(t, a.As(owner), "notes", d("_id", "w", "_openid", "wang"))
	soon(t, "the rules of a dropped collection are alive", func() bool { return b.sees(t) == 0 })
	b.engine.mu.Lock()
	defer b.engine.mu.Unlock()
	require.True(t, b.engine.forgotten[driver.Namespace{App: "shop", Collection: "notes"}])
}

// A node that dies after it has changed rules and before it has said so leaves nobody with the old ones.
func TestNodes_RulesOfANodeThatDies(t *testing.T) {
	a, b := nodes(t)
	b.settled(t)
	a.engine.mu.Lock()
	a.engine.pause, a.engine.refuse = make(chan struct{}), noticesName
	a.engine.mu.Unlock()
	set := make(chan error, 1)
	go func() { set <- a.As(owner).SetRules(context.Background(), "notes", `{"read":false}`) }()
	<-a.engine.paused
	soon(t, "the announcement does not arrive", func() bool {
		before := b.engine.readsOf(settingsName)
		b.sees(t)
		return b.engine.readsOf(settingsName) > before
	})
	require.Equal(t, 1, b.sees(t))
	// A node that comes meanwhile knows, too.
	late := &sharedEngine{Engine: a.engine.Engine, reads: map[string]int{}, forgotten: map[driver.Namespace]bool{}}
	c := node{documents.New(late, documents.Options{}), late}
	defer c.Close()
	soon(t, "a late node does not read what is announced", func() bool { return late.readsOf(noticesName) > 0 })
	require.Equal(t, 1, c.sees(t))
	close(a.engine.pause)
	require.NoError(t, <-set)
	require.Zero(t, b.sees(t))
	require.Zero(t, c.sees(t))
}

// While a node cannot follow the others it keeps nothing, and afterwards it knows what it missed.
func TestNodes_WithoutFeed(t *testing.T) {
	a, b := nodes(t)
	type record struct {
		ID string `bson:"_id"`
		N  int    `bson:"n"`
	}
	at := documents.NewRecords[record](a.DB, "things", documents.RecordOptions{Cache: 10})
	there := documents.NewRecords[record](b.DB, "things", documents.RecordOptions{Cache: 10})
	n := func() int {
		r, err := there.Get(t.Context(), "x")
		require.NoError(t, err)
		return r.N
	}
	kept := func() bool {
		before := b.engine.readsOf("things")
		n()
		return b.engine.readsOf("things") == before
	}
	require.NoError(t, at.Insert(t.Context(), "x", record{N: 1}))
	b.settled(t)
	soon(t, "a record is never kept", kept)
	hear := b.engine.deafen()
	soon(t, "the loss of the feed is not noticed", func() bool { return !kept() })
	require.NoError(t, a.As(owner).SetRules(t.Context(), "notes", `{"read":false}`))
	require.Zero(t, b.sees(t))
	_, err := at.Update(t.Context(), "x", bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: 2}}}})
	require.NoError(t, err)
	require.Equal(t, 2, n())
	hear()
	soon(t, "nothing is kept after the feed is back", kept)
	_, err = at.Update(t.Context(), "x", bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: 3}}}})
	require.NoError(t, err)
	soon(t, "a record that was changed elsewhere is kept", func() bool { return n() == 3 })
	_, err = at.Delete(t.Context(), "x")
	require.NoError(t, err)
	soon(t, "a record that was deleted elsewhere is kept", func() bool {
		_, err := there.Get(t.Context(), "x")
		return yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound
	})
}

func TestNodes_RuleTexts(t *testing.T) {
	a, b := nodes(t)
	parse := func(text string) (string, error) { return text, nil }
	at, there := documents.NewRuleTexts(a.DB, "texts", "none", parse), documents.NewRuleTexts(b.DB, "texts", "none", parse)
	is := func(want string) func() bool {
		return func() bool {
			_, got, err := there.Get(t.Context(), "shop")
			require.NoError(t, err)
			return got == want
		}
	}
	soon(t, "the texts are never kept", func() bool {
		before := b.engine.readsOf("texts")
		require.True(t, is("none")())
		return b.engine.readsOf("texts") == before
	})
	require.NoError(t, at.Set(t.Context(), "shop", "strict"))
	soon(t, "a text set elsewhere does not hold", is("strict"))
	require.NoError(t, at.Delete(t.Context(), "shop"))
	soon(t, "a text deleted elsewhere holds", is("none"))
}

func TestNodes_RemovedApp(t *testing.T) {
	a, b := nodes(t)
	b.settled(t)
	w := watch(t, b.As(owner), "notes", documents.WatchQuery{})
	w.snapshot(documents.ResetNone, d("_id", "w", "_openid", "wang"))
	tx, err := b.As(owner).Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, a.DropApp(t.Context(), owner, "shop"))
	w.ends(yunduo.ReasonAppNotFound)
	soon(t, "a transaction outlives its app", func() bool {
		_, err := b.As(owner).InTransaction(tx)
		return err != nil
	})
	require.NoError(t, a.As(owner).CreateCollection(t.Context(), "notes")) // made again, private
	insert(t, a.As(owner), "notes", d("_id", "w", "_openid", "wang"))
	soon(t, "the rules of a removed app are alive", func() bool { return b.sees(t) == 0 })
}

// Whoever follows a collection is told of every change after he was told that he may have missed some, until he stops.
func TestFollow(t *testing.T) {
	a, b := nodes(t)
	type record struct {
		ID string `bson:"_id"`
	}
	records := documents.NewRecords[record](a.DB, "things", documents.RecordOptions{})
	missed, changed := make(chan struct{}, 10), make(chan string, 10)
	stop := b.Follow("things", func(c driver.Change) { changed <- string(c.Kind) + " " + c.ID.StringValue() }, func() { missed <- struct{}{} })
	<-missed
	b.settled(t)
	require.NoError(t, records.Insert(t.Context(), "x", record{}))
	require.Equal(t, "insert x", <-changed)
	_, err := records.Delete(t.Context(), "x")
	require.NoError(t, err)
	require.Equal(t, "delete x", <-changed)
	for len(missed) > 0 {
		<-missed
	}
	hear := b.engine.deafen()
	<-missed
	hear()
	<-missed
	b.settled(t)
	require.NoError(t, records.Insert(t.Context(), "y", record{}))
	require.Equal(t, "insert y", <-changed)
	stop()
	require.NoError(t, records.Insert(t.Context(), "z", record{}))
	last := make(chan struct{})
	defer b.Follow("ends", func(driver.Change) { close(last) }, func() {})()
	require.NoError(t, documents.NewRecords[record](a.DB, "ends", documents.RecordOptions{}).Insert(t.Context(), "e", record{}))
	<-last
	require.Empty(t, changed)
}
