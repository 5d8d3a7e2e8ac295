package documents

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"yunduo"
	"yunduo/data/documents/driver"
)

// followAgain is how long a node waits before it follows the change log again that it has lost.
const followAgain = time.Second

// follower reads the change log of the system app, once for all of this node that needs to know what other nodes do:
// caches of records, rules of collections, sockets of sessions. It starts with the first of them.
type follower struct {
	db     *DB
	shared bool // other nodes write to the same database
	begin  func()
	cancel context.CancelFunc
	work   sync.WaitGroup

	following atomic.Bool // every change is seen

	mu        sync.Mutex
	closed    bool
	listeners map[string][]*listener // by collection, those of this package first
}

// listener is told of the changes to one collection of the system app. Its functions return at once.
type listener struct {
	changed func(driver.Change)
	missed  func()
}

func newFollower(db *DB) *follower {
	_, shared := db.engine.(driver.Shared)
	f := &follower{db: db, shared: shared, listeners: map[string][]*listener{}}
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	f.begin = sync.OnceFunc(func() { f.work.Go(func() { f.run(ctx) }) })
	return f
}

// Follow calls changed for every change that any node makes to the records in a collection of the system app, in the
// order of the commits, once this node's caches know of it. missed is called when changes may have been made unseen: at
// the beginning, and whenever following had to begin anew. Both are called one at a time and return at once. Nothing is
// called after stop has returned, unless it runs already.
func (db *DB) Follow(collection string, changed func(driver.Change), missed func()) (stop func()) {
	f, l := db.follower, &listener{changed, missed}
	f.add(collection, l)
	if f.following.Load() {
		missed()
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.listeners[collection] = slices.DeleteFunc(slices.Clone(f.listeners[collection]), func(other *listener) bool { return other == l })
	}
}

func (f *follower) add(collection string, l *listener) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.listeners[collection] = append(slices.Clip(f.listeners[collection]), l)
	f.begin()
}

func (f *follower) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.work.Wait()
}

// run follows until ctx ends. While the log cannot be followed, no cache keeps anything.
func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.follow(ctx)
		f.following.Store(false)
		if ctx.Err() != nil {
			return
		}
		f.missed()
		f.db.options.Logger.Warn("changes that other nodes make cannot be followed; nothing is cached until they can", "error", err)
		pause := time.NewTimer(followAgain)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

func (f *follower) follow(ctx context.Context) error {
	at, err := f.db.engine.Position(ctx, yunduo.SystemApp)
	if err != nil {
		return err
	}
	feed, err := f.db.engine.Changes(ctx, yunduo.SystemApp, at)
	if err != nil {
		return err
	}
	defer feed.Close()
	if f.shared {
		if err := f.db.definitions.reload(ctx); err != nil {
			return err
		}
	}
	f.missed() // what was read before the feed is not kept, what is read from here on is
	f.following.Store(true)
	f.missed() // and who came in between is told
	for {
		c, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		for _, l := range f.of(c.Collection) {
			l.changed(c)
		}
	}
}

func (f *follower) of(collection string) []*listener {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.listeners[collection]
}

func (f *follower) missed() {
	f.mu.Lock()
	var all []*listener
	for _, list := range f.listeners {
		all = append(all, list...)
	}
	f.mu.Unlock()
	for _, l := range all {
		l.missed()
	}
}

// cached makes a cache of what is read from records of the system app, by the records' IDs, follow what other nodes do.
func cached[K ~string, V any](db *DB, collection string, limit int) *cache[K, V] {
	f := db.follower
	if !f.shared {
		return newCache[K, V](limit, func(K) bool { return db.uncached.Load() > 0 })
	}
	c := newCache[K, V](limit, func(K) bool { return !f.following.Load() || db.uncached.Load() > 0 })
	f.add(collection, &listener{missed: c.clear, changed: func(change driver.Change) {
		if id, ok := change.ID.StringValueOK(); ok {
			c.drop(K(id))
			return
		}
		c.clear() // the collection was dropped
	}})
	return c
}
