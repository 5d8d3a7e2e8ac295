package documents

import (
	"context"
	"strconv"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/rules"
)

// Bounds on what rules look up.
const (
	lookupTime = 5 * time.Second
	// lookupAge is how long an answer counts: within one request it does not change, and a session that lives longer, as
	// that of a watch, sees changes soon.
	lookupAge = 500 * time.Millisecond
)

// lookups reads documents for the rules of one session and remembers them for a moment.
type lookups struct {
	db  *DB
	app yunduo.AppID

	mu    sync.Mutex
	found map[lookupKey]lookedUp
}

type lookupKey struct{ collection, id string }

type lookedUp struct {
	doc bson.Raw // nil if there is none
	at  time.Time
}

var _ rules.Lookup = (*lookups)(nil)

// Get returns the document with an _id, past all rules; nil if there is none. The text may stand for a number or an
// ObjectID as well.
func (l *lookups) Get(collection, id string) (bson.Raw, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, now := lookupKey{collection, id}, l.db.options.Now()
	if known, ok := l.found[key]; ok && now.Sub(known.at) < lookupAge {
		return known.doc, nil
	}
	doc, err := l.read(collection, id)
	if err != nil {
		return nil, err
	}
	if l.found == nil {
		l.found = make(map[lookupKey]lookedUp)
	}
	l.found[key] = lookedUp{doc, now}
	return doc, nil
}

func (l *lookups) read(collection, id string) (bson.Raw, error) {
	ids := bson.A{id}
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && strconv.FormatInt(n, 10) == id {
		ids = append(ids, n)
	}
	if oid, err := bson.ObjectIDFromHex(id); err == nil {
		ids = append(ids, oid)
	}
	raw, err := bson.Marshal(bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}})
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInternal, "a rule could not look a document up")
	}
	filter, err := query.ParseFilter(raw)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	defer cancel()
	cursor, err := l.db.engine.Find(ctx, driver.Namespace{App: l.app, Collection: collection}, driver.Find{Filter: filter, Limit: 1})
	if yunduo.ReasonOf(err) == yunduo.ReasonCollectionNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found, err := All(ctx, cursor)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// Lookup returns what answers get() in rules that are not those of documents: of an app's files and functions. It is
// good for one request.
func (db *DB) Lookup(app yunduo.AppID) rules.Lookup { return &lookups{db: db, app: app} }
