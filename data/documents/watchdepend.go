package documents

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
)

// A rule with get() depends on documents elsewhere. When one of them changes, what a watch may see is decided anew.

// watchLookups reads for one decision and notes what was asked.
type watchLookups struct {
	lookups
	keys []lookupKey
}

// Get returns a document.
func (l *watchLookups) Get(collection, id string) (bson.Raw, error) {
	l.keys = append(l.keys, lookupKey{collection, id})
	return l.lookups.Get(collection, id)
}

// depend notes which documents decide what a watch may see, instead of those before. The caller holds mu.
func (h *watchHub) depend(w *Watch, keys []lookupKey) {
	for _, key := range w.looked {
		delete(h.dependents[key.collection], w)
		if len(h.dependents[key.collection]) == 0 {
			delete(h.dependents, key.collection)
		}
	}
	w.looked = keys
	for _, key := range keys {
		if h.dependents == nil {
			h.dependents = map[string]map[*Watch]struct{}{}
		}
		if h.dependents[key.collection] == nil {
			h.dependents[key.collection] = map[*Watch]struct{}{}
		}
		h.dependents[key.collection][w] = struct{}{}
	}
}

// concernedByRules returns the watches whose rules look the changed document up. The caller holds mu.
func (h *watchHub) concernedByRules(c *driver.Change) []*Watch {
	var list []*Watch
	for _, name := range []string{c.Collection, c.To} {
		for w := range h.dependents[name] {
			if w.dependsOn(c) {
				list = append(list, w)
			}
		}
	}
	return list
}

// decides reports whether a change is to a document that decides what the watch may see.
func (h *watchHub) decides(w *Watch, c *driver.Change) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return w.dependsOn(c)
}

// dependsOn is decides for who holds the hub's mu.
func (w *Watch) dependsOn(c *driver.Change) bool {
	for _, key := range w.looked {
		if key.collection != c.Collection && !c.Replaces(key.collection) {
			continue
		}
		// The text of a get() may stand for a number or an ObjectID: in doubt the decision is made anew.
		if id, ok := c.ID.StringValueOK(); !ok || id == key.id {
			return true
		}
	}
	return false
}
