package documents

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/collation"
)

// Limits of watches.
const (
	MaxWatched     = 5000      // documents in a watched result at most
	watchQueue     = 1024      // events that wait for one watch at most
	watchQueueSize = 4 << 20   // bytes of documents that wait for one watch at most, a snapshot aside
	defaultReplay  = 100_000   // changes that are read again for one watch at most
	defaultWatches = 1_000_000 // of one app at most
)

// WatchQuery says which documents to watch.
type WatchQuery struct {
	Filter bson.Raw
	Sort   bson.Raw // decides which documents a limited result holds; MaxLimit and Sort say nothing about the order of changes
	// Collation says how texts compare in Filter and Sort; nil is by bytes.
	Collation bson.Raw
	Limit     int64  // 0 watches all that match, MaxWatched at first; more than MaxLimit is MaxLimit
	After     string // a token of WatchEvent.Resume: go on from there instead of beginning with a snapshot
	// MaxReplay is how many changes of the app may be read again to go on; beyond it a snapshot is delivered. 0 is the
	// DB's own limit.
	MaxReplay uint64
}

// Watch delivers the result of a query and then what changes in it. Take and Close are safe for concurrent use.
type Watch struct {
	hub     *watchHub
	session *Session
	query   *parsedWatch // that of the group, once there is one
	notify  func()

	group  *watchGroup // guarded by hub.mu
	looked []lookupKey // documents that decide what it may see; guarded by hub.mu

	mu      sync.Mutex
	state   watchState
	queue   []*WatchEvent
	bytes   int
	from    uint64          // events up to this offset are part of what was delivered
	last    driver.Position // of the last event that was queued
	reset   Reset           // of the snapshot that it waits for
	fresh   bool            // it waits for its very first snapshot
	spoilt  bool            // events were dropped while it waited for a snapshot
	turn    uint64          // rises when somebody else becomes responsible for what is queued
	room    chan struct{}   // closed when the queue has room again; nil if nobody waits
	reading *reading        // of the log; nil if nobody reads it for this watch alone
	err     error
}

type watchState int

const (
	watchJoining  watchState = iota // waits for a snapshot
	watchLive                       // gets every event of its group
	watchCatching                   // reads the log by itself
	watchLagging                    // catches up as soon as its queue is taken
	watchEnded
)

// parsedWatch is a query without the caller's rule.
type parsedWatch struct {
	collection string
	filter     *query.Filter
	sort       *query.Sort
	sortText   bson.Raw
	texts      bson.Raw // the collation
	limit      int64
}

// Watch begins to watch. notify is called when there is something to Take; it must neither block nor call the watch.
// The rules of the collection hold for every event: a document that the caller may no longer read leaves. The caller
// closes the watch. It ends if an $expr of the filter cannot be computed for a document that the other conditions, rules
// first, match.
//
// Reasons: permission_denied, invalid_filter, unknown_operator, invalid_request, unsupported_call, too_many_watches, shutting_down. What
// is found out later, such as collection_not_found, is returned by Take.
func (s *Session) Watch(ctx context.Context, collection string, q WatchQuery, notify func()) (*Watch, error) {
	if _, err := s.namespace(collection); err != nil {
		return nil, err
	}
	if s.tx != nil {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "a transaction cannot watch: its documents do not change")
	}
	parsed, err := s.parseWatch(collection, q)
	if err != nil {
		return nil, err
	}
	w := &Watch{session: s, query: parsed, notify: notify, fresh: true}
	if err := s.db.watches.enter(ctx, s, w, q); err != nil {
		return nil, err
	}
	return w, nil
}

func (s *Session) parseWatch(collection string, q WatchQuery) (*parsedWatch, error) {
	p := &parsedWatch{collection: collection, limit: min(q.Limit, MaxLimit)}
	if q.Limit < 0 {
		return p, yunduo.Errorf(yunduo.ReasonInvalidRequest, "limit: %d is negative", q.Limit)
	}
	by, err := collation.Parse(q.Collation)
	if err != nil {
		return p, err
	}
	if p.filter, err = s.parseFilter(by, q.Filter); err != nil {
		return p, err
	}
	if p.filter.Near() != nil {
		return p, yunduo.Errorf(yunduo.ReasonInvalidFilter, "filter: an order by distance cannot be watched; use $geoWithin")
	}
	if p.sort, err = parseSort(by, q.Sort); err != nil {
		return p, err
	}
	p.sortText = q.Sort
	if by != nil {
		p.texts = by.Raw()
	}
	return p, nil
}

// key names the group of a query under a rule.
func (p *parsedWatch) key(rule *query.Filter) string {
	size := len(p.collection) + len(p.filter.Raw()) + len(rule.Raw()) + len(p.sortText) + len(p.texts) + 16
	b := append(make([]byte, 0, size), p.collection...)
	b = append(append(append(b, 0), p.filter.Raw()...), rule.Raw()...)
	b = append(append(b, p.sortText...), p.texts...)
	return string(binary.BigEndian.AppendUint64(b, uint64(p.limit)))
}

// fingerprint shortens a key for resume tokens.
func fingerprint(key string) uint64 {
	sum := sha256.Sum256([]byte(key))
	return binary.BigEndian.Uint64(sum[:])
}

// Take returns the events that wait, in order, and makes room for others; none if nothing waits. The error says why
// the watch has ended; it comes after the last event.
func (w *Watch) Take() ([]*WatchEvent, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state == watchJoining {
		return nil, nil // what waits comes after a snapshot that is not there yet
	}
	events := w.queue
	w.queue, w.bytes = nil, 0
	if w.room != nil {
		close(w.room)
		w.room = nil
	}
	if w.state == watchLagging {
		w.state = watchCatching
		w.turn++
		after, turn := w.last, w.turn
		w.hub.work.Go(func() { w.hub.catchUp(w, turn, after) })
	}
	if len(events) > 0 {
		return events, nil
	}
	return nil, w.err
}

// Position returns a resume token for a watch that has delivered everything up to now, so that long quiet ones need
// not fall behind what the log keeps. ok is false while events wait or are looked for.
func (w *Watch) Position() (token string, ok bool) {
	h := w.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state != watchLive || len(w.queue) > 0 || w.group.window != nil {
		return "", false
	}
	at := h.position
	at.Offset = max(at.Offset, w.from)
	return w.group.token(at), true
}

// Caller returns who watches.
func (w *Watch) Caller() yunduo.Caller { return w.session.caller }

// Close ends the watch; nothing is delivered afterwards. It may be called more than once.
func (w *Watch) Close() {
	w.mu.Lock()
	w.queue, w.bytes = nil, 0
	w.mu.Unlock()
	w.hub.remove(w, yunduo.Errorf(yunduo.ReasonCanceled, "the watch was closed"))
}

// push queues an event that the group delivers to all its members. It reports whether the watch keeps up; if not, it
// is no member any more. The caller holds hub.mu.
func (w *Watch) push(e *WatchEvent) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.state != watchLive && w.state != watchJoining:
		return false
	case e.Position.Offset <= w.from || w.spoilt:
		return true
	case !w.roomFor(e):
		if w.state == watchJoining {
			w.queue, w.bytes, w.spoilt = nil, 0, true
			return true
		}
		w.state = watchLagging
		return false
	}
	w.append(e)
	return true
}

// roomFor reports whether an event may be queued. The caller holds mu.
func (w *Watch) roomFor(e *WatchEvent) bool {
	return len(w.queue) == 0 || len(w.queue) < watchQueue && w.bytes+e.bytes <= watchQueueSize
}

// append queues an event and says so. The caller holds mu.
func (w *Watch) append(e *WatchEvent) {
	w.queue = append(w.queue, e)
	w.bytes += e.bytes
	w.last = e.Position
	if len(w.queue) == 1 && w.state != watchJoining {
		w.notify()
	}
}

// waits reports whether the watch still waits for the snapshot that it joined for. The caller holds hub.mu.
func (w *Watch) waits(turn uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state == watchJoining && w.turn == turn
}

// begin delivers the snapshot that a joining watch waits for, then what came after it. It reports whether the watch
// stays a member. The caller holds hub.mu.
func (w *Watch) begin(e *WatchEvent) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	later := w.queue
	w.queue, w.bytes = nil, 0
	w.state, w.from, w.fresh = watchLive, e.Position.Offset, false
	w.append(e)
	if w.spoilt {
		w.spoilt, w.state = false, watchLagging
		return false
	}
	for _, l := range later {
		if l.Position.Offset > w.from {
			w.append(l)
		}
	}
	return true
}

// put queues an event of a watch that reads the log by itself, when there is room.
func (w *Watch) put(ctx context.Context, turn uint64, e *WatchEvent) error {
	for {
		w.mu.Lock()
		if w.state != watchCatching || w.turn != turn {
			w.mu.Unlock()
			return yunduo.Errorf(yunduo.ReasonCanceled, "the watch was closed")
		}
		if w.roomFor(e) {
			w.append(e)
			w.mu.Unlock()
			return nil
		}
		if w.room == nil {
			w.room = make(chan struct{})
		}
		room := w.room
		w.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// attach makes a watch that has read the log up to a position one that gets its group's events; false if it is somebody
// else's turn. The caller holds hub.mu.
func (w *Watch) attach(turn uint64, at driver.Position) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state != watchCatching || w.turn != turn {
		return false
	}
	w.state, w.from = watchLive, at.Offset
	w.notify() // Position has something to tell
	return true
}

// end makes err what Take returns after the last event.
func (w *Watch) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state == watchEnded {
		return
	}
	if w.state == watchJoining { // what waits hangs in the air without its snapshot
		w.queue, w.bytes = nil, 0
	}
	w.state, w.err = watchEnded, err
	if w.reading != nil {
		w.reading.cancel()
	}
	w.notify()
}
