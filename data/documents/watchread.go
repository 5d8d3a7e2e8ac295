package documents

import (
	"context"
	"hash/maphash"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query/value"
)

// watchReadTime bounds the reading of one result.
const watchReadTime = 30 * time.Second

// watchRead is one reading of a group's result. Whoever joins while it is under way waits for the next one.
type watchRead struct {
	group   *watchGroup
	joiners []joiner
	at      driver.Position
	rows    []bson.Raw
	hashes  []uint64 // of rows, for limited results
	err     error
}

// joiner is a watch that waits for a snapshot, unless something else became of it since.
type joiner struct {
	*Watch
	turn uint64
}

// join makes a watch wait for a snapshot. The caller holds the hub's mu.
func (g *watchGroup) join(w *Watch, turn uint64) {
	g.joining = append(g.joining, joiner{w, turn})
	if g.window == nil {
		g.members[w] = struct{}{} // what happens meanwhile waits behind the snapshot
	}
	if g.read == nil {
		g.start()
	}
}

// start reads the result. The caller holds the hub's mu.
func (g *watchGroup) start() {
	r := &watchRead{group: g, joiners: g.joining}
	g.joining, g.read = nil, r
	g.hub.work.Go(r.run)
}

func (r *watchRead) run() {
	g, h := r.group, r.group.hub
	h.all.reads <- struct{}{}
	ctx, cancel := context.WithTimeout(context.Background(), watchReadTime)
	for range 3 { // a state that is exchanged while it is read is read again
		if r.at, r.err = r.read(ctx); yunduo.ReasonOf(r.err) != yunduo.ReasonPositionLost {
			break
		}
	}
	cancel()
	<-h.all.reads
	if g.window != nil {
		r.hashes = make([]uint64, len(r.rows))
		for i, row := range r.rows {
			r.hashes[i] = maphash.Bytes(watchSeed, row)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case g.read != r: // the hub began anew meanwhile, and so did the joiners
	case r.err == nil && r.at.Epoch != h.position.Epoch: // it is about to: what it has not looked at yet is older
	case r.at.Offset > h.position.Offset:
		h.unsettled = append(h.unsettled, r)
	default:
		g.finish(r)
	}
}

// read fills rows with the result and returns the position at which it was so.
func (r *watchRead) read(ctx context.Context) (at driver.Position, err error) {
	g, h := r.group, r.group.hub
	defer h.survive(&err)
	ns := driver.Namespace{App: h.app, Collection: g.query.collection}
	find := driver.Find{Filter: g.filter, Sort: g.query.sort, Limit: g.query.limit}
	if g.window == nil {
		find.Limit = MaxWatched + 1
	}
	tx, err := h.db.engine.Begin(ctx, h.app)
	if err != nil {
		return driver.Position{}, err
	}
	settler, ok := tx.(driver.Settler)
	if !ok {
		_ = tx.Abort(context.WithoutCancel(ctx))
		return r.readBetween(ctx, ns, find)
	}
	defer func() { _ = tx.Abort(context.WithoutCancel(ctx)) }()
	rowsErr := r.find(ctx, tx, ns, find)
	at, err = settler.Settled(ctx)
	if rowsErr != nil {
		err = rowsErr
	}
	return at, err
}

func (r *watchRead) find(ctx context.Context, on driver.Operations, ns driver.Namespace, find driver.Find) error {
	cursor, err := on.Find(ctx, ns, find)
	if err != nil {
		return err
	}
	if r.rows, err = All(ctx, cursor); err != nil {
		return err
	}
	if len(r.rows) > MaxWatched {
		r.rows = nil
		return yunduo.Errorf(yunduo.ReasonQueryTooExpensive, "more than %d documents match: narrow the filter or give a limit", MaxWatched)
	}
	return nil
}

// readBetween reads a result on an engine that does not tell at which position it reads: it tries to meet a moment
// without writes, and else applies those that came in between.
func (r *watchRead) readBetween(ctx context.Context, ns driver.Namespace, find driver.Find) (driver.Position, error) {
	engine := r.group.hub.db.engine
	var before, after driver.Position
	for range 3 {
		var err error
		if before, err = engine.Position(ctx, ns.App); err != nil {
			return before, err
		}
		rowsErr := r.findAtOnce(ctx, ns, find)
		if after, err = engine.Position(ctx, ns.App); err != nil || rowsErr != nil {
			if rowsErr != nil {
				err = rowsErr
			}
			return after, err
		}
		if before == after {
			return after, nil
		}
	}
	if r.group.window != nil {
		// Newer than it says: the changes since before make the group read again.
		return before, nil
	}
	return after, r.apply(ctx, before, after)
}

// errReplaced says that a collection was exchanged while it was read.
var errReplaced = yunduo.Errorf(yunduo.ReasonTransactionConflict, "the collection was replaced while it was read; try again")

// findAtOnce reads a result as it was at one moment, so that nobody sees half of what was committed together.
func (r *watchRead) findAtOnce(ctx context.Context, ns driver.Namespace, find driver.Find) error {
	tx, err := r.group.hub.db.engine.Begin(ctx, ns.App)
	if err != nil {
		return err
	}
	if err := r.find(ctx, tx, ns, find); err != nil {
		_ = tx.Abort(context.WithoutCancel(ctx))
		return err
	}
	return tx.Commit(ctx)
}

// apply brings rows that were read somewhere between two positions to the later one.
func (r *watchRead) apply(ctx context.Context, before, after driver.Position) error {
	h, g := r.group.hub, r.group
	feed, err := h.db.engine.Changes(ctx, h.app, before)
	if err != nil {
		return err
	}
	defer feed.Close()
	for at := before; at.Offset < after.Offset; {
		c, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		at = c.Position
		switch {
		case c.Kind == driver.ChangeDrop && c.Collection == g.query.collection:
			r.rows = nil
			continue
		case c.Replaces(g.query.collection):
			return errReplaced
		case c.Collection != g.query.collection:
			continue
		}
		keep, err := g.matches(c.Document)
		if err != nil {
			return err
		}
		r.rows = replaceRow(r.rows, c.ID, c.Document, keep)
	}
	return nil
}

// replaceRow puts a document in the place of the one with its _id, or takes that away.
func replaceRow(rows []bson.Raw, id bson.RawValue, doc bson.Raw, keep bool) []bson.Raw {
	for i, row := range rows {
		if !value.Equal(row.Lookup("_id"), id) {
			continue
		}
		if keep {
			rows[i] = doc
			return rows
		}
		return append(rows[:i], rows[i+1:]...)
	}
	if keep {
		rows = append(rows, doc)
	}
	return rows
}

// finish delivers a result that was read. The hub has looked at every change up to it, and not at all at later ones if
// it is ahead. The caller holds the hub's mu.
func (g *watchGroup) finish(r *watchRead) {
	g.read = nil
	missing := yunduo.ReasonOf(r.err) == yunduo.ReasonCollectionNotFound
	if g.window != nil && (r.err == nil || missing) {
		if changes := g.window.replace(g, r); len(changes) > 0 {
			g.deliver(newChangesEvent(g, r.at, changes))
		}
	} else if r.err != nil && !missing {
		for w := range g.members {
			if g.window != nil {
				g.hub.drop(w, r.err)
			}
		}
	}
	snapshots := map[Reset]*WatchEvent{}
	for _, j := range r.joiners {
		w := j.Watch
		if w.group != g || !w.waits(j.turn) {
			continue
		}
		if r.err != nil && (w.fresh || !missing) {
			g.hub.drop(w, r.err)
			continue
		}
		e := snapshots[w.reset]
		if e == nil {
			e = newSnapshotEvent(g, r.at, r.rows, w.reset)
			snapshots[w.reset] = e
		}
		if w.begin(e) {
			g.members[w] = struct{}{}
		} else {
			delete(g.members, w)
		}
	}
	if len(g.joining) > 0 || g.window != nil && len(g.members) > 0 && g.window.dirty > r.at.Offset {
		g.start()
	}
}

// reading is that somebody reads the log for one watch alone.
type reading struct{ cancel context.CancelFunc }

// read calls f, whose context ends with the watch and when somebody else begins to read.
func (w *Watch) read(f func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := &reading{cancel}
	w.mu.Lock()
	if w.reading != nil {
		w.reading.cancel()
	}
	w.reading = r
	if w.state == watchEnded {
		cancel()
	}
	w.mu.Unlock()
	f(ctx)
	w.mu.Lock()
	if w.reading == r {
		w.reading = nil
	}
	w.mu.Unlock()
}

// catchUp reads the log for a watch that is not where its group is, until it is.
func (h *watchHub) catchUp(w *Watch, turn uint64, after driver.Position) {
	why, err := ResetLagging, error(nil)
	h.mu.Lock()
	limited := w.query.limit > 0
	h.mu.Unlock()
	if !limited {
		w.read(func(ctx context.Context) { why, err = h.readLog(ctx, w, turn, after) })
	}
	if yunduo.ReasonOf(err) == yunduo.ReasonPositionLost {
		why, err = ResetPosition, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	w.mu.Lock()
	mine := w.state == watchCatching && w.turn == turn
	w.mu.Unlock()
	switch {
	case !mine:
	case err != nil:
		h.drop(w, err)
	case why != ResetNone:
		h.rejoin(w, why)
	}
}

// readLog delivers what changed after a position and makes the watch a member of its group. If it cannot, it returns
// why a snapshot is needed.
func (h *watchHub) readLog(ctx context.Context, w *Watch, turn uint64, after driver.Position) (Reset, error) {
	var feed driver.Feed
	for {
		h.mu.Lock()
		g, reached := w.group, h.position
		if g != nil && after.Epoch == reached.Epoch && after.Offset >= reached.Offset {
			if w.attach(turn, after) {
				g.members[w] = struct{}{}
			}
			h.mu.Unlock()
			return ResetNone, nil
		}
		h.mu.Unlock()
		switch {
		case g == nil:
			return ResetNone, nil
		case after.Epoch != reached.Epoch:
			return ResetPosition, nil
		case feed == nil:
			var err error
			if feed, err = h.db.engine.Changes(ctx, h.app, after); err != nil {
				return ResetNone, err
			}
			defer feed.Close()
		}
		var together []driver.Change        // of one commit
		for after.Offset < reached.Offset { // where a commit ends
			c, err := feed.Next(ctx)
			if err != nil {
				return ResetNone, err
			}
			after = c.Position
			if together = append(together, c); c.More {
				continue
			}
			why, err := w.pass(ctx, turn, g, together)
			if err != nil || why != ResetNone {
				return why, err
			}
			together = together[:0]
		}
	}
}

// pass delivers what the changes of a commit that was read from the log mean for the watch.
func (w *Watch) pass(ctx context.Context, turn uint64, g *watchGroup, together []driver.Change) (Reset, error) {
	var moves []WatchChange
	for i := range together {
		c := &together[i]
		if c.Collection == settingsCollection && !w.session.caller.Privileged() {
			if name, ok := c.ID.StringValueOK(); ok && name == g.query.collection {
				return ResetRules, nil
			}
		}
		if w.hub.decides(w, c) {
			return ResetRules, nil
		}
		switch {
		case c.Replaces(g.query.collection):
			return ResetDropped, nil
		case c.Collection != g.query.collection:
			continue
		}
		var err error
		if moves, err = g.appendMove(moves, c); err != nil {
			return ResetNone, err
		}
	}
	if len(moves) == 0 {
		return ResetNone, nil
	}
	return ResetNone, w.put(ctx, turn, newChangesEvent(g, together[len(together)-1].Position, moves))
}
