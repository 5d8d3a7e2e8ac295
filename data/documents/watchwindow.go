package documents

import (
	"hash/maphash"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
	"yunduo/data/query/value"
)

var watchSeed = maphash.MakeSeed()

// maxTouched is how many changed documents a window remembers between two readings.
const maxTouched = 10_000

// watchWindow is what a group knows of its limited result. Which documents are in it depends on others, so it is read
// again when a change may concern it, and what differs is delivered. Changes that come while it is read are looked at
// together afterwards.
type watchWindow struct {
	loaded  bool
	items   map[string]windowItem // by key of the _id
	last    bson.Raw              // the last document in order
	full    bool                  // as many as the limit
	touched map[string]windowTouch
	dirty   uint64 // offset of the last change that may concern it
}

type windowItem struct {
	id   bson.RawValue
	hash uint64
}

// windowTouch is what happened to a document since the last reading.
type windowTouch struct {
	offset  uint64
	cause   Cause
	matches bool
}

func newWatchWindow() *watchWindow {
	return &watchWindow{items: map[string]windowItem{}, touched: map[string]windowTouch{}}
}

func idKey(id bson.RawValue) string {
	key, err := value.AppendKey(nil, id)
	if err != nil { // no stored _id is malformed; its bytes tell it apart all the same
		return string(append([]byte{byte(id.Type)}, id.Value...))
	}
	return string(key)
}

// lookAtWindow reads the window again if a change may concern it. The caller holds the hub's mu.
func (g *watchGroup) lookAtWindow(c *driver.Change) error {
	before, after, err := g.moved(c)
	if !before && !after || err != nil {
		return err
	}
	w, key := g.window, idKey(c.ID)
	w.touch(key, c, after)
	if g.read == nil && !w.concerns(g, key, c.Document, after) {
		return nil
	}
	w.dirty = c.Position.Offset
	if g.read == nil && len(g.members) > 0 {
		g.start()
	}
	return nil
}

func (w *watchWindow) touch(key string, c *driver.Change, matches bool) {
	t, known := w.touched[key]
	if !known && len(w.touched) >= maxTouched {
		return // it will look as if it had moved because of others
	}
	if cause := causeOf(c.Kind); !known || t.cause != CauseInsert || cause == CauseDelete {
		t.cause = cause
	}
	t.offset, t.matches = c.Position.Offset, matches
	w.touched[key] = t
}

// concerns reports whether the change of a document, which may match after it, may change the window.
func (w *watchWindow) concerns(g *watchGroup, key string, doc bson.Raw, matches bool) bool {
	if _, in := w.items[key]; in || !w.loaded {
		return true
	}
	if !matches {
		return false
	}
	if !w.full {
		return true
	}
	order := g.query.sort.Compare(doc, w.last)
	if order == 0 {
		order = value.Compare(doc.Lookup("_id"), w.last.Lookup("_id"))
	}
	return order < 0
}

// replace makes a reading the window's state and returns what differs: first what leaves, then what enters or is
// updated, in order.
func (w *watchWindow) replace(g *watchGroup, r *watchRead) []WatchChange {
	items := make(map[string]windowItem, len(r.rows))
	var changes, entering []WatchChange
	for i, row := range r.rows {
		id := row.Lookup("_id")
		key := idKey(id)
		items[key] = windowItem{id, r.hashes[i]}
		old, in := w.items[key]
		switch {
		case !in:
			entering = append(entering, WatchChange{Move: MoveEnter, Cause: w.causeOfEnter(key), ID: id, Document: row})
		case old.hash != r.hashes[i]:
			entering = append(entering, WatchChange{Move: MoveUpdate, Cause: CauseUpdate, ID: id, Document: row})
		}
	}
	for key, old := range w.items {
		if _, in := items[key]; !in {
			changes = append(changes, WatchChange{Move: MoveLeave, Cause: w.causeOfLeave(key), ID: old.id})
		}
	}
	w.loaded, w.items, w.last = true, items, nil
	if w.full = int64(len(r.rows)) >= g.query.limit; w.full {
		w.last = r.rows[len(r.rows)-1]
	}
	for key, t := range w.touched {
		if t.offset <= r.at.Offset {
			delete(w.touched, key)
		}
	}
	return append(changes, entering...)
}

func (w *watchWindow) causeOfEnter(key string) Cause {
	if t, ok := w.touched[key]; ok && t.cause != CauseDelete {
		return t.cause
	}
	return CauseLimit
}

func (w *watchWindow) causeOfLeave(key string) Cause {
	t, ok := w.touched[key]
	switch {
	case ok && t.cause == CauseDelete:
		return CauseDelete
	case ok && !t.matches:
		return CauseUpdate
	}
	return CauseLimit
}
