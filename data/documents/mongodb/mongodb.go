// Package mongodb is the engine on a MongoDB deployment: a replica set or sharded cluster, reached by the official
// driver. Each app is a database; each logged write is a transaction that also writes the app's change log.
package mongodb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"yunduo"
	"yunduo/data/documents/driver"
)

// Collections of the engine in each app's database.
const (
	ownPrefix          = "_engine."
	metaCollection     = ownPrefix + "meta"        // the epoch, and how far the change log is in order
	settingsCollection = ownPrefix + "collections" // settings of collections
	logCollection      = ownPrefix + "log"         // the change log
	movesCollection    = ownPrefix + "moves"       // renamings that have begun
	trashCollection    = ownPrefix + "trash"       // what was dropped
	droppedPrefix      = ownPrefix + "dropped."    // begins the names of the collections in the trash
)

// Options configure an Engine. Zero values take the defaults.
type Options struct {
	Logger *slog.Logger
	// Prefix begins the name of each app's database; empty is the database of the URI, else "yunduo-".
	Prefix string
	// LogAge is how long entries of the change log are kept; 0 is 24 hours. For who follows it, what the deployment's
	// oplog holds is a bound, too.
	LogAge time.Duration
	// TrashAge is how long a dropped collection can be brought back; 0 is 7 days, a negative one removes it at once.
	TrashAge time.Duration
	// ConnectTimeout is how long Open waits for the deployment; 0 is 30 seconds.
	ConnectTimeout time.Duration
}

// Engine stores documents on a MongoDB deployment.
type Engine struct {
	client  *mongo.Client
	options Options
	logger  *slog.Logger

	ahead time.Duration // of the deployment's clock

	stop   context.CancelFunc // ends the upkeep
	upkeep sync.WaitGroup

	mu     sync.Mutex
	apps   map[yunduo.AppID]*app
	feeds  map[*feed]bool
	closed bool
}

var (
	_ driver.Engine  = (*Engine)(nil)
	_ driver.Brittle = (*Engine)(nil)
	_ driver.Shared  = (*Engine)(nil)
	_ driver.Renamer = (*Engine)(nil)
)

// FailureEndsTransaction says that the deployment ends a transaction with the first operation that fails.
func (e *Engine) FailureEndsTransaction() {}

// app is what is known of an app's database.
type app struct {
	doubtful bool // its database may have been removed
	// known are collections that were there a moment ago: MongoDB would make a missing one where we refuse.
	known map[string]time.Time
	tail  *tail
	// schema is held by writers that MongoDB might let make a collection, and exclusively while one is made or dropped.
	schema sync.RWMutex

	unordered atomic.Bool // entries were written since the log was brought into order
	ordering  sync.Mutex  // held by who brings it into order
	order     arrangement // as it was last seen; guarded by ordering
	tended    time.Time   // of the last look at the trash; for the upkeep alone
}

// freshness is how long a collection is taken to be there without asking again, should another node drop it and nobody
// call Forget.
const freshness = 2 * time.Second

// maxConnections is how many connections are opened to a server at the most, unless the URI says otherwise.
const maxConnections = 2000

// Open connects to a deployment. It must offer transactions and change streams: a replica set, a sharded cluster, or a
// server that shows itself as one.
func Open(ctx context.Context, uri string, o Options) (*Engine, error) {
	parsed, err := connstring.ParseAndValidate(uri)
	if err != nil {
		return nil, fmt.Errorf("mongodb: %w", err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Prefix == "" {
		o.Prefix = "yunduo-"
		if parsed.Database != "" {
			o.Prefix = parsed.Database + "-"
		}
	}
	if o.LogAge == 0 {
		o.LogAge = 24 * time.Hour
	}
	if o.TrashAge == 0 {
		o.TrashAge = 7 * 24 * time.Hour
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = 30 * time.Second
	}
	if len(o.Prefix) > 14 || strings.ContainsAny(o.Prefix, "/\\. \"$*<>:|?\x00") {
		return nil, fmt.Errorf("mongodb: %q cannot begin the name of a database: 1 to 14 bytes without /\\. \"$*<>:|?", o.Prefix)
	}
	journal := true
	settings := options.Client().ApplyURI(uri)
	if settings.MaxPoolSize == nil { // every feed holds a connection while it waits
		settings.SetMaxPoolSize(maxConnections)
	}
	client, err := mongo.Connect(settings.
		SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &journal}).
		SetReadConcern(readconcern.Majority()).SetReadPreference(readpref.Primary()).
		SetRetryWrites(true).SetRetryReads(true).SetAppName("yunduo"))
	if err != nil {
		return nil, fmt.Errorf("mongodb: %w", err)
	}
	e := &Engine{client: client, options: o, logger: o.Logger, apps: map[yunduo.AppID]*app{}, feeds: map[*feed]bool{}}
	if err := e.check(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("mongodb: %w", err), client.Disconnect(context.WithoutCancel(ctx)))
	}
	running, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.upkeep.Go(func() { e.tend(running) })
	return e, nil
}

// check makes sure that the deployment can do what is needed of it.
func (e *Engine) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, e.options.ConnectTimeout)
	defer cancel()
	var hello struct {
		SetName        string    `bson:"setName"`
		Msg            string    `bson:"msg"`
		MaxWireVersion int       `bson:"maxWireVersion"`
		LocalTime      time.Time `bson:"localTime"`
	}
	if err := e.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return err
	}
	if hello.SetName == "" && hello.Msg != "isdbgrid" {
		return errors.New("the deployment is a standalone server; transactions and change streams need a replica set")
	}
	if !hello.LocalTime.IsZero() {
		e.ahead = time.Until(hello.LocalTime)
	}
	if hello.MaxWireVersion < 13 {
		return errors.New("the deployment is older than MongoDB 5.0")
	}
	return nil
}

func (e *Engine) database(id yunduo.AppID) *mongo.Database {
	return e.client.Database(e.options.Prefix + string(id))
}

func (e *Engine) collection(ns driver.Namespace) *mongo.Collection {
	return e.database(ns.App).Collection(ns.Collection)
}

func (e *Engine) own(id yunduo.AppID, name string) *mongo.Collection {
	return e.database(id).Collection(name)
}

// app returns what is known of an app, and sets its database up at the first use.
func (e *Engine) app(ctx context.Context, id yunduo.AppID) (*app, error) {
	e.mu.Lock()
	a, closed := e.apps[id], e.closed
	doubtful := a != nil && a.doubtful
	e.mu.Unlock()
	if closed {
		return nil, errClosed()
	}
	if a != nil && !doubtful {
		return a, nil
	}
	if err := e.setUp(ctx, id); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.apps[id] == nil {
		e.apps[id] = &app{known: map[string]time.Time{}}
	}
	e.apps[id].doubtful = false
	return e.apps[id], nil
}

// setUp makes the engine's own collections in an app's database.
func (e *Engine) setUp(ctx context.Context, id yunduo.AppID) error {
	for _, name := range []string{metaCollection, settingsCollection, logCollection} { // others are made when they are needed
		if err := e.database(id).CreateCollection(ctx, name); err != nil && codeOf(err) != codeNamespaceExists {
			return failure(err)
		}
	}
	if err := e.indexLog(ctx, id); err != nil {
		return err
	}
	made := bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "value", Value: rand.Int64()}, {Key: "made", Value: time.Now().Add(e.ahead)}}}}
	_, err := e.own(id, metaCollection).UpdateOne(ctx, bson.D{{Key: "_id", Value: "epoch"}}, made, options.UpdateOne().SetUpsert(true))
	return failure(err)
}

// epochOf reads the epoch of an app, and sets its database up if another node has removed it.
func (e *Engine) epochOf(ctx context.Context, id yunduo.AppID) (uint64, error) {
	for again := false; ; again = true {
		var meta struct {
			Value int64 `bson:"value"`
		}
		err := e.own(id, metaCollection).FindOne(ctx, bson.D{{Key: "_id", Value: "epoch"}}).Decode(&meta)
		if err == nil || again || !errors.Is(err, mongo.ErrNoDocuments) {
			return uint64(meta.Value), failure(err)
		}
		if err := e.setUp(ctx, id); err != nil {
			return 0, err
		}
	}
}

// expiryMargin is how much longer MongoDB keeps entries than we read them: whoever reads has to notice first.
const expiryMargin = time.Hour

// indexLog makes the index of the log by age, for what never came into order.
func (e *Engine) indexLog(ctx context.Context, id yunduo.AppID) error {
	log := e.own(id, logCollection).Indexes()
	expiry := mongo.IndexModel{Keys: bson.D{{Key: "t", Value: 1}}, Options: options.Index().SetName("expiry").SetExpireAfterSeconds(int32((e.options.LogAge + expiryMargin) / time.Second))}
	_, err := log.CreateOne(ctx, expiry)
	if codeOf(err) == codeIndexOptionsConflict { // the server was told another age before
		if err := log.DropOne(ctx, "expiry"); err != nil && codeOf(err) != codeIndexNotFound {
			return failure(err)
		}
		_, err = log.CreateOne(ctx, expiry)
	}
	return failure(err)
}

func errClosed() error {
	return yunduo.Errorf(yunduo.ReasonShuttingDown, "the database is being closed")
}

// Close ends feeds and disconnects.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.stop()
	var tails []*tail
	for _, a := range e.apps {
		if a.tail != nil {
			tails = append(tails, a.tail)
		}
	}
	var feeds []*feed
	for f := range e.feeds {
		feeds = append(feeds, f)
	}
	e.mu.Unlock()
	e.upkeep.Wait()
	for _, t := range tails {
		t.stop()
	}
	for _, f := range feeds {
		f.shutdown()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return e.client.Disconnect(ctx)
}
