package mongowire

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/query/value"
)

const (
	firstBatch    = 101      // documents of a first batch whose size nobody chose
	maxBatchBytes = 16 << 20 // of documents in one reply
)

// source is what a cursor reads.
type source interface {
	// fill appends at most limit documents (0 is no limit) of at most maxBatchBytes to a batch, and reports whether there may
	// be more. A source that awaits data waits at most so long for the first one.
	fill(ctx context.Context, b *batch, limit int64, wait time.Duration) (more bool, err error)
	close()
}

// batch is the array of documents in a reply.
type batch struct {
	array []byte
	n     int
	after bson.Raw // where a change stream stands after this batch
}

func newBatch() *batch { return &batch{array: value.BeginDocument(nil)} }

// add appends a document unless the batch is full; an empty batch takes any.
func (b *batch) add(doc bson.Raw) bool {
	if b.n > 0 && len(b.array)+len(doc) > maxBatchBytes {
		return false
	}
	b.array = value.AppendIndexed(b.array, b.n, value.Document(doc))
	b.n++
	return true
}

// rows reads documents.
type rows struct {
	found driver.Cursor
	ahead bson.Raw // read, but not delivered
}

func (r *rows) fill(ctx context.Context, b *batch, limit int64, _ time.Duration) (bool, error) {
	if limit > 0 {
		limit += int64(b.n)
	}
	for {
		if r.ahead == nil {
			if !r.found.Next(ctx) {
				return false, r.found.Err()
			}
			r.ahead = r.found.Current()
		}
		if limit > 0 && int64(b.n) >= limit || !b.add(r.ahead) {
			r.ahead = bytes.Clone(r.ahead)
			return true, nil
		}
		r.ahead = nil
	}
}

func (r *rows) close() { r.found.Close() }

// cursor is a result that is read in parts.
type cursor struct {
	id        int64
	app       yunduo.AppID
	user      string
	session   string // key of the session that made it, empty for none
	namespace string
	source    source
	await     bool // it waits for data

	busy  bool // in use; guarded by cursors.mu
	ended bool
	timer *time.Timer
}

// cursors are the open cursors of all connections: drivers read a cursor from any connection of a pool.
type cursors struct {
	limit   int
	timeout time.Duration

	mu     sync.Mutex
	byID   map[int64]*cursor
	perApp map[yunduo.AppID]int
}

func newCursors(limit int, timeout time.Duration) *cursors {
	return &cursors{limit: limit, timeout: timeout, byID: map[int64]*cursor{}, perApp: map[yunduo.AppID]int{}}
}

// register gives a cursor an identifier by which it is found until it is closed or unused for long.
func (a *cursors) register(c *cursor) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.perApp[c.app] >= a.limit {
		return yunduo.Errorf(yunduo.ReasonRateLimited, "the app has %d open cursors; read them to their ends or close them", a.limit)
	}
	for c.id == 0 || a.byID[c.id] != nil {
		c.id = rand.Int64()
	}
	a.byID[c.id] = c
	a.perApp[c.app]++
	c.timer = time.AfterFunc(a.timeout, func() { a.remove(c.id, func(*cursor) bool { return true }) })
	return nil
}

// take finds a cursor for use by one command.
func (a *cursors) take(id int64, user string, app yunduo.AppID) (*cursor, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.byID[id]
	if c == nil || c.user != user || c.app != app {
		return nil, failf(codeCursorNotFound, "cursor id %d not found", id)
	}
	if c.busy {
		return nil, failf(codeCursorInUse, "cursor id %d is already in use", id)
	}
	c.busy = true
	c.timer.Stop()
	return c, nil
}

// put gives a cursor back; one that has come to its end, or that was killed meanwhile, is closed.
func (a *cursors) put(c *cursor, more bool) {
	a.mu.Lock()
	c.busy = false
	if more && !c.ended {
		c.timer.Reset(a.timeout)
		a.mu.Unlock()
		return
	}
	a.drop(c)
	a.mu.Unlock()
	c.source.close()
}

// drop forgets a cursor. The caller holds mu.
func (a *cursors) drop(c *cursor) {
	if a.byID[c.id] != c {
		return
	}
	delete(a.byID, c.id)
	if a.perApp[c.app]--; a.perApp[c.app] == 0 {
		delete(a.perApp, c.app)
	}
}

// remove closes a cursor if it may, at once or when its command ends, and reports whether there is one.
func (a *cursors) remove(id int64, may func(*cursor) bool) bool {
	a.mu.Lock()
	c := a.byID[id]
	if c == nil || !may(c) {
		a.mu.Unlock()
		return false
	}
	c.timer.Stop()
	c.ended = true
	a.drop(c)
	busy := c.busy
	a.mu.Unlock()
	if !busy {
		c.source.close()
	}
	return true
}

func (a *cursors) removeOf(sessions map[string]bool) {
	a.removeAll(func(c *cursor) bool { return sessions[c.session] })
}

func (a *cursors) removeAll(which func(*cursor) bool) {
	a.mu.Lock()
	var ids []int64
	for id, c := range a.byID {
		if which(c) {
			ids = append(ids, id)
		}
	}
	a.mu.Unlock()
	for _, id := range ids {
		a.remove(id, which)
	}
}

func (a *cursors) closeAll() { a.removeAll(func(*cursor) bool { return true }) }

// batching is how a command wants its first batch.
type batching struct {
	size   int64 // documents; 0 gives none
	single bool  // there is no second one
}

func defaultBatching() batching { return batching{size: firstBatch} }

// parse reads the cursor argument of a command.
func (b *batching) parse(v bson.RawValue) error {
	doc, err := asDocument("cursor", v)
	if err != nil {
		return err
	}
	size, given := value.Field(doc, "batchSize")
	if !given {
		return nil
	}
	b.size, err = asCount("cursor.batchSize", size)
	return err
}

// reply answers a command with the first batch of a source, which stays open under the reply's cursor if there is more.
func (c *command) reply(ctx context.Context, docs *documents.Session, from source, namespace string, b batching, await bool) (_ []byte, err error) {
	first, more := newBatch(), true
	if b.size > 0 {
		more, err = from.fill(ctx, first, b.size, 0)
	}
	if err != nil || !more || b.single {
		from.close()
		if err != nil {
			return nil, err
		}
		return cursorReply("firstBatch", 0, namespace, first)
	}
	made := &cursor{app: docs.App(), user: c.conn.user, namespace: namespace, source: from, await: await}
	if c.session != nil {
		made.session = c.session.key
	}
	if err := c.conn.server.cursors.register(made); err != nil {
		from.close()
		return nil, err
	}
	return cursorReply("firstBatch", made.id, namespace, first)
}

// list answers a command with documents that are in memory.
func (c *command) listReply(ctx context.Context, docs *documents.Session, list []bson.Raw, namespace string, b batching) ([]byte, error) {
	return c.reply(ctx, docs, &rows{found: &memory{rows: list}}, namespace, b, false)
}

// memory is a cursor on documents that are in memory.
type memory struct {
	rows    []bson.Raw
	current bson.Raw
}

var _ driver.Cursor = (*memory)(nil)

func (m *memory) Next(context.Context) bool {
	if len(m.rows) == 0 {
		return false
	}
	m.current, m.rows = m.rows[0], m.rows[1:]
	return true
}

func (m *memory) Current() bson.Raw { return m.current }
func (m *memory) Err() error        { return nil }
func (m *memory) Close() error      { return nil }

func cursorReply(name string, id int64, namespace string, b *batch) ([]byte, error) {
	doc := value.BeginDocument(make([]byte, 0, len(b.array)+len(namespace)+128))
	doc = value.AppendHeader(doc, bson.TypeEmbeddedDocument, "cursor")
	start := len(doc)
	doc = value.BeginDocument(doc)
	doc = value.Append(doc, name, value.Array(value.EndDocument(b.array, 0)))
	if b.after != nil {
		doc = value.Append(doc, "postBatchResumeToken", value.Document(b.after))
	}
	doc = value.Append(doc, "id", value.Int64Value(id))
	doc = value.Append(doc, "ns", value.String(namespace))
	doc = value.EndDocument(doc, start)
	doc = value.Append(doc, "ok", value.Double(1))
	return value.EndDocument(doc, 0), nil
}

func getMore(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	id, err := asInteger("getMore", c.argument)
	if err != nil {
		return nil, err
	}
	size := int64(0)
	for key, v := range c.arguments() {
		switch key {
		case "collection", "term", "lastKnownCommittedOpTime":
		case "batchSize":
			size, err = asCount(key, v)
		default:
			err = c.unknown(key)
		}
		if err != nil {
			return nil, err
		}
	}
	limit, err := c.timeLimit()
	if err != nil {
		return nil, err
	}
	cur, err := c.conn.server.cursors.take(id, c.conn.user, docs.App())
	if err != nil {
		return nil, err
	}
	if !cur.await {
		limit = c.conn.server.bounded(limit)
	}
	if !cur.await && limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	} else if limit == 0 {
		limit = time.Second
	}
	next := newBatch()
	more, err := cur.source.fill(ctx, next, size, limit)
	c.conn.server.cursors.put(cur, more && err == nil)
	if err != nil {
		return nil, err
	}
	if !more {
		id = 0
	}
	return cursorReply("nextBatch", id, cur.namespace, next)
}

func killCursors(_ context.Context, c *command, docs *documents.Session) ([]byte, error) {
	v := c.field("cursors")
	if v.Type != bson.TypeArray {
		return nil, wrongType("cursors", v, "array")
	}
	killed, missing := bson.A{}, bson.A{}
	for it := value.Elements(v.Value); ; {
		_, e, more := it.Next()
		if !more {
			break
		}
		id, err := asInteger("cursors", e)
		if err != nil {
			return nil, err
		}
		mine := func(cur *cursor) bool { return cur.user == c.conn.user && cur.app == docs.App() }
		if c.conn.server.cursors.remove(id, mine) {
			killed = append(killed, id)
		} else {
			missing = append(missing, id)
		}
	}
	return ok(
		bson.E{Key: "cursorsKilled", Value: killed}, bson.E{Key: "cursorsNotFound", Value: missing},
		bson.E{Key: "cursorsAlive", Value: bson.A{}}, bson.E{Key: "cursorsUnknown", Value: bson.A{}},
	)
}
