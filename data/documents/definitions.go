package documents

import (
	"context"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// What there is to know about the collections of an app changes in several steps: a collection is dropped, then its rules.
// Where several nodes share a database, who does that puts a notice into the system app first and takes it away when
// all is done. From the first to the second no other node keeps what it reads about the collection, and what it had is
// forgotten at both. So one feed per node is enough for all apps, and a node that dies in between leaves nothing stale.
const (
	noticesCollection = "definitions"
	// definitionTime is how long a change may take once it is announced, noticeLife how long others reckon with it if
	// its end is never told.
	definitionTime = 30 * time.Second
	noticeLife     = time.Minute
)

// notice says that a definition is being changed.
type notice struct {
	ID         string    `bson:"_id"`
	App        string    `bson:"app"`
	Collection string    `bson:"collection"` // empty for all of the app
	Gone       bool      `bson:"gone"`       // the app is removed with all that it has
	At         time.Time `bson:"at"`
}

func (n notice) namespace() driver.Namespace {
	return driver.Namespace{App: yunduo.AppID(n.App), Collection: n.Collection}
}

// definitions changes what there is to know about collections, one change at a time on this node.
type definitions struct {
	db      *DB
	changes sync.Mutex
	notices *Records[notice]

	mu      sync.Mutex
	pending map[string]pendingNotice // by ID
}

type pendingNotice struct {
	notice
	until time.Time
}

func newDefinitions(db *DB) *definitions {
	d := &definitions{db: db, pending: map[string]pendingNotice{}}
	d.notices = NewRecords[notice](db, noticesCollection, RecordOptions{Indexes: []driver.Index{
		{Name: "expiry", Fields: []driver.IndexField{{Path: "at"}}, ExpireAfter: time.Hour},
	}})
	return d
}

// follow lets this node know of the changes that others make.
func (d *definitions) follow() {
	d.db.follower.add(noticesCollection, &listener{changed: d.changed, missed: d.db.rules.clear})
}

// define changes the definition of a collection, or of all of an app if the namespace names none.
func (db *DB) define(ctx context.Context, ns driver.Namespace, change func(context.Context) error) error {
	return db.definitions.announced(ctx, notice{App: string(ns.App), Collection: ns.Collection}, change)
}

func (d *definitions) announced(ctx context.Context, n notice, change func(context.Context) error) error {
	d.changes.Lock()
	defer d.changes.Unlock()
	if !d.db.follower.shared {
		return change(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, definitionTime)
	defer cancel()
	n.ID, n.At = yunduo.NewID(), d.db.options.Now()
	if err := d.notices.Insert(ctx, n.ID, n); err != nil {
		return err
	}
	defer func() { // also if the change failed: it may have happened all the same
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), definitionTime)
		defer cancel()
		if _, err := d.notices.Delete(ctx, n.ID); err != nil {
			d.db.options.Logger.WarnContext(ctx, "the end of a change could not be told to the other nodes; they go on without a cache for a minute", "app", n.App, "collection", n.Collection, "error", err)
		}
	}()
	return change(ctx)
}

// refuse says that what is read about a collection must not be kept: it is being changed, or changes are not seen.
func (d *definitions) refuse(ns driver.Namespace) bool {
	if !d.db.follower.following.Load() {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, p := range d.pending {
		if time.Now().After(p.until) {
			delete(d.pending, id)
			continue
		}
		if p.App == string(ns.App) && (p.Collection == "" || p.Collection == ns.Collection) {
			return true
		}
	}
	return false
}

// reload reads what is being changed now.
func (d *definitions) reload(ctx context.Context) error {
	found, err := d.notices.Find(ctx, bson.D{}, FindOptions{})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.pending)
	for _, n := range found {
		d.pending[n.ID] = pendingNotice{n, time.Now().Add(noticeLife)}
	}
	return nil
}

// changed acts on a notice that came or went.
func (d *definitions) changed(c driver.Change) {
	text := c.Document
	if c.Kind == driver.ChangeDelete {
		text = c.Before
	}
	n, err := decode[notice](text)
	if err != nil {
		d.db.rules.clear()
		return
	}
	d.mu.Lock()
	if c.Kind == driver.ChangeDelete {
		delete(d.pending, n.ID)
	} else {
		d.pending[n.ID] = pendingNotice{n, time.Now().Add(noticeLife)}
	}
	d.mu.Unlock()
	d.forget(n)
}

// forget drops what this node knows of something that is being changed.
func (d *definitions) forget(n notice) {
	db := d.db
	if n.Gone {
		db.follower.work.Go(func() { // both wait for what runs
			db.open.abortApp(yunduo.AppID(n.App))
			db.watches.dropApp(yunduo.AppID(n.App))
		})
	}
	if shared, ok := db.engine.(driver.Shared); ok {
		shared.Forget(n.namespace())
	}
	if n.Collection == "" {
		db.rules.clear()
		return
	}
	db.rules.drop(n.namespace())
}
