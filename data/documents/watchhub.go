package documents

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/rules"
)

// watches are the watches of all apps.
type watches struct {
	db    *DB
	key   []byte        // signs resume tokens
	reads chan struct{} // bounds how many results are read at once

	mu     sync.Mutex
	hubs   map[yunduo.AppID]*watchHub
	closed bool
	work   sync.WaitGroup
}

func newWatches(db *DB) *watches {
	return &watches{db: db, key: db.options.WatchKey, reads: make(chan struct{}, 2*runtime.GOMAXPROCS(0)), hubs: map[yunduo.AppID]*watchHub{}}
}

// watchHub follows the change log of one app for its watches: each change is looked at once, outside of the write
// that made it, and what it means is delivered to whoever watches.
type watchHub struct {
	all    *watches
	db     *DB
	app    yunduo.AppID
	work   *sync.WaitGroup
	ctx    context.Context // of following the log
	cancel context.CancelFunc
	count  int // of watches; guarded by all.mu

	mu          sync.Mutex
	position    driver.Position // of the last change that was looked at
	collections map[string]*watchedCollection
	dependents  map[string]map[*Watch]struct{} // by collection in which their rules look documents up
	unsettled   []*watchRead                   // results that are ahead of position
	round       uint64                         // of looking at a change
	gathering   []*watchGroup                  // those that the commit which is looked at concerns
	ended       error                          // why no watch may begin any more
}

// enter makes a watch part of its app's hub.
func (a *watches) enter(ctx context.Context, s *Session, w *Watch, q WatchQuery) error {
	h, err := a.hub(ctx, s.app)
	if err != nil {
		return err
	}
	w.hub = h
	if err := h.add(ctx, w, q); err != nil {
		a.leave(h)
		if err == errWatchDenied {
			return s.refuse(ctx, driver.Namespace{App: s.app, Collection: w.query.collection}, rules.Read)
		}
		return err
	}
	return nil
}

// hub returns the app's hub and counts a watch.
func (a *watches) hub(ctx context.Context, app yunduo.AppID) (*watchHub, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.hubs[app]
	switch {
	case a.closed:
		return nil, yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping")
	case h != nil && h.count >= a.db.options.MaxWatches:
		return nil, yunduo.Errorf(yunduo.ReasonTooManyWatches, "the app has %d open watches; that is the limit", h.count)
	case h == nil:
		at, err := a.db.engine.Position(ctx, app)
		if err != nil {
			return nil, err
		}
		h = &watchHub{all: a, db: a.db, app: app, work: &a.work, position: at, collections: map[string]*watchedCollection{}}
		h.ctx, h.cancel = context.WithCancel(context.Background())
		a.hubs[app] = h
		a.work.Go(func() { h.follow(h.ctx) })
	}
	h.count++
	return h, nil
}

// leave takes back what hub counted; a hub without watches goes.
func (a *watches) leave(h *watchHub) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if h.count--; h.count == 0 {
		h.cancel()
		if a.hubs[h.app] == h {
			delete(a.hubs, h.app)
		}
	}
}

// dropApp ends the watches of an app.
func (a *watches) dropApp(app yunduo.AppID) {
	a.mu.Lock()
	h := a.hubs[app]
	delete(a.hubs, app)
	a.mu.Unlock()
	if h != nil {
		h.endAll(yunduo.Errorf(yunduo.ReasonAppNotFound, "the app was removed"))
	}
}

// close ends all watches, lets none begin and waits for what works for them.
func (a *watches) close() {
	a.mu.Lock()
	a.closed = true
	var hubs []*watchHub
	for _, h := range a.hubs {
		hubs = append(hubs, h)
	}
	a.mu.Unlock()
	for _, h := range hubs {
		h.cancel()
		h.endAll(yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping"))
	}
	a.work.Wait()
}

// follow looks at every change until ctx ends.
func (h *watchHub) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := h.followFeed(ctx)
		if ctx.Err() != nil {
			return
		}
		if yunduo.ReasonOf(err) == yunduo.ReasonPositionLost {
			err = h.restart(ctx)
		}
		if err == nil {
			continue
		}
		h.db.options.Logger.Warn("changes cannot be followed for watches; trying again", "app", h.app, "error", err)
		pause := time.NewTimer(time.Second)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

func (h *watchHub) followFeed(ctx context.Context) error {
	h.mu.Lock()
	after := h.position
	h.mu.Unlock()
	feed, err := h.db.engine.Changes(ctx, h.app, after)
	if err != nil {
		return err
	}
	defer feed.Close()
	var together []driver.Change // of one commit
	for {
		c, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		if together = append(together, c); c.More {
			continue
		}
		h.mu.Lock()
		h.look(together)
		h.mu.Unlock()
		clear(together)
		together = together[:0]
	}
}

// restart goes on at the end of a log that lost its place: after a restore, or when the log was cut before the hub had
// read it. Everybody gets a new snapshot.
func (h *watchHub) restart(ctx context.Context) error {
	at, err := h.db.engine.Position(ctx, h.app)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.position, h.unsettled = at, nil
	for _, c := range h.collections {
		c.rules = nil
		for _, g := range c.list() {
			g.read = nil
			for w := range g.users {
				if w.session.caller.Privileged() || !h.reconsider(w) {
					h.rejoin(w, ResetPosition)
				}
			}
		}
	}
	return nil
}

// look delivers what the changes of one commit mean: first for who may see what, then for the results, each of which
// gets one event. The caller holds mu.
func (h *watchHub) look(together []driver.Change) {
	h.position = together[len(together)-1].Position
	for i := range together {
		h.lookAtRules(&together[i])
	}
	for i := range together {
		c := &together[i]
		for _, name := range []string{c.Collection, c.To} {
			if wc := h.collections[name]; wc != nil {
				h.round++
				wc.concerned(c, h.round, func(g *watchGroup) { g.look(c) })
			}
		}
	}
	for i, g := range h.gathering {
		g.deliver(newChangesEvent(g, h.position, g.gathered))
		g.gathered, h.gathering[i] = nil, nil
	}
	h.gathering = h.gathering[:0]
	if len(h.unsettled) > 0 {
		h.settle()
	}
}

// lookAtRules decides anew what watches may see if a change concerns that. The caller holds mu.
func (h *watchHub) lookAtRules(c *driver.Change) {
	if c.Collection == settingsCollection {
		if name, ok := c.ID.StringValueOK(); ok && h.collections[name] != nil {
			h.changeRules(name, c.Document)
		}
	}
	for _, w := range h.concernedByRules(c) {
		h.reconsider(w)
	}
}

// settle uses the results that were read at a position which has been reached. The caller holds mu.
func (h *watchHub) settle() {
	waiting := h.unsettled
	h.unsettled = nil
	for _, r := range waiting {
		if r.at.Offset > h.position.Offset {
			h.unsettled = append(h.unsettled, r)
			continue
		}
		r.group.finish(r)
	}
}

// survive turns a panic into an error of the watches that it concerns.
func (h *watchHub) survive(err *error) {
	if p := recover(); p != nil {
		h.db.options.Logger.Error("a watched query panicked", "app", h.app, "panic", p, "stack", string(debug.Stack()))
		*err = yunduo.Errorf(yunduo.ReasonInternal, "the query cannot be watched; the server's log has the cause")
	}
}

var errWatchDenied = yunduo.Errorf(yunduo.ReasonPermissionDenied, "the rules of the collection do not let this caller read its documents")

// add decides what the watch may see and lets it begin.
func (h *watchHub) add(ctx context.Context, w *Watch, q WatchQuery) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended != nil {
		return h.ended
	}
	rule, err := h.decide(ctx, w)
	if err != nil {
		return err
	}
	g := h.group(w, rule)
	switch after, why, err := h.resumeAt(w, g, q); {
	case err != nil:
		h.depend(w, nil)
		h.release(w)
		w.group = nil
		return err
	case after != driver.Position{}:
		w.state, w.fresh, w.last = watchCatching, false, after
		h.work.Go(func() { h.catchUp(w, 0, after) })
	default:
		w.reset = why
		w.fresh = why == ResetNone
		g.join(w, 0)
	}
	return nil
}

// resumeAt returns the position after which a watch goes on, or why it has to begin with a snapshot.
func (h *watchHub) resumeAt(w *Watch, g *watchGroup, q WatchQuery) (after driver.Position, why Reset, err error) {
	if q.After == "" {
		return after, ResetNone, nil
	}
	token, err := decodeToken(q.After, h.all.key)
	limit := q.MaxReplay
	if limit == 0 {
		limit = h.db.options.MaxReplay
	}
	switch {
	case err != nil:
		return after, why, err
	case token.app != h.app:
		return after, why, yunduo.Errorf(yunduo.ReasonInvalidRequest, "resume: the token is of another app")
	case g.window != nil:
		return after, ResetWindow, nil
	case token.query != g.fingerprint, token.position.Epoch != h.position.Epoch:
		return after, ResetPosition, nil
	case token.position.Offset+limit < h.position.Offset:
		return after, ResetPosition, nil
	}
	return token.position, ResetNone, nil
}

// decide returns the filter for what the watch may see; errWatchDenied if that is nothing. The caller holds mu: the
// rules that are read are those after every change that was looked at, and later ones will be looked at.
func (h *watchHub) decide(ctx context.Context, w *Watch) (*query.Filter, error) {
	if w.session.caller.Privileged() {
		return nil, nil
	}
	wc := h.collection(w.query.collection)
	if wc.rules == nil {
		found, err := h.db.loadRules(ctx, driver.Namespace{App: h.app, Collection: w.query.collection})
		if err != nil {
			return nil, err
		}
		wc.rules = found
	}
	h.depend(w, nil)
	looked := &watchLookups{lookups: lookups{db: h.db, app: h.app}}
	auth := w.session.auth()
	auth.Lookup = looked
	decision, err := wc.rules.Decide(rules.Read, auth)
	if err != nil {
		return nil, err
	}
	if decision.Denied {
		return nil, errWatchDenied
	}
	ns := driver.Namespace{App: h.app, Collection: w.query.collection}
	if err := w.session.covered(ns, rules.Read, decision, w.query.filter); err != nil {
		return nil, err
	}
	h.depend(w, looked.keys)
	return decision.Filter, nil
}

// changeRules lets every watch of a collection see what it may see from now on. The caller holds mu.
func (h *watchHub) changeRules(name string, settings bson.Raw) {
	wc := h.collections[name]
	wc.rules = nil // read again if they cannot be understood here
	if found, err := parseSettings(name, settings); err == nil {
		wc.rules = found
	}
	for _, g := range wc.list() {
		for w := range g.users {
			if !w.session.caller.Privileged() {
				h.reconsider(w)
			}
		}
	}
}

// reconsider moves a watch to the group of what it may see now, or ends it if that is nothing. It reports whether either
// was needed. The caller holds mu.
func (h *watchHub) reconsider(w *Watch) bool {
	rule, err := h.decide(h.ctx, w)
	if err != nil {
		if err == errWatchDenied {
			err = ruleDenied(w.query.collection, rules.Read.String()+" its documents")
		}
		h.drop(w, err)
		return true
	}
	if w.group.key == w.query.key(rule) {
		return false
	}
	h.release(w)
	h.group(w, rule)
	h.rejoin(w, ResetRules)
	return true
}

// rejoin gives a watch a new snapshot instead of what it waits for. The caller holds mu.
func (h *watchHub) rejoin(w *Watch, why Reset) {
	delete(w.group.members, w)
	w.mu.Lock()
	if w.state == watchEnded {
		w.mu.Unlock()
		return
	}
	w.state, w.reset = watchJoining, why
	w.turn++
	turn := w.turn
	if w.fresh {
		w.reset = ResetNone
	}
	w.queue, w.bytes, w.spoilt, w.from = nil, 0, false, 0
	if w.room != nil { // who reads the log for it finds that it need not
		close(w.room)
		w.room = nil
	}
	w.mu.Unlock()
	w.group.join(w, turn)
}

// remove ends a watch.
func (h *watchHub) remove(w *Watch, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(w, err)
}

// drop ends a watch. The caller holds mu.
func (h *watchHub) drop(w *Watch, err error) {
	if w.group == nil {
		return
	}
	h.depend(w, nil)
	h.release(w)
	w.group = nil
	w.end(err)
	h.all.leave(h)
}

func (h *watchHub) endAll(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = err
	for _, wc := range h.collections {
		for _, g := range wc.list() {
			for w := range g.users {
				h.drop(w, err)
			}
		}
	}
}
