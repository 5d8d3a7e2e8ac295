package documents

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/value"
	"yunduo/data/rules"
)

// watchedCollection are the watches of one collection. Everything in here is guarded by the hub's mu.
type watchedCollection struct {
	name   string
	rules  *rules.Rules           // nil until somebody needs them
	groups map[string]*watchGroup // by key
	open   map[*watchGroup]struct{}
	// filed are the groups whose documents must have a certain value at a path: that of most end users' watches is
	// their own name in _openid, so that a change concerns few of very many groups.
	filed map[string]*groupFile
}

type groupFile struct {
	path   value.Path
	groups map[string]map[*watchGroup]struct{} // by key of the value
}

// watchGroup are the watches of equal queries under equal rules: a change is matched and written down once for all.
type watchGroup struct {
	hub         *watchHub
	collection  *watchedCollection
	key         string
	fingerprint uint64
	filter      *query.Filter // with the rule
	query       *parsedWatch
	path, value string // where it is filed; empty if it is not

	users   map[*Watch]struct{} // all
	members map[*Watch]struct{} // those that get its events
	joining []joiner            // those that wait for a snapshot
	read    *watchRead          // under way
	window  *watchWindow        // of a limited result
	seen    uint64              // round in which it looked at a change last
	// gathered are the moves that the commit which is looked at makes in an unlimited result.
	gathered []WatchChange
}

func (h *watchHub) collection(name string) *watchedCollection {
	wc := h.collections[name]
	if wc == nil {
		wc = &watchedCollection{name: name, groups: map[string]*watchGroup{}, open: map[*watchGroup]struct{}{}, filed: map[string]*groupFile{}}
		h.collections[name] = wc
	}
	return wc
}

// group makes the watch a user of the group for its query under a rule. The caller holds mu.
func (h *watchHub) group(w *Watch, rule *query.Filter) *watchGroup {
	wc, key := h.collection(w.query.collection), w.query.key(rule)
	g := wc.groups[key]
	if g == nil {
		g = &watchGroup{
			hub: h, collection: wc, key: key, fingerprint: fingerprint(key), filter: narrow(w.query.filter, rule), query: w.query,
			users: map[*Watch]struct{}{}, members: map[*Watch]struct{}{},
		}
		if w.query.limit > 0 {
			g.window = newWatchWindow()
		}
		wc.groups[key] = g
		wc.file(g)
	}
	g.users[w] = struct{}{}
	w.group, w.query = g, g.query
	return g
}

// release takes a watch out of its group. The caller holds mu.
func (h *watchHub) release(w *Watch) {
	g := w.group
	delete(g.users, w)
	delete(g.members, w)
	if len(g.users) > 0 {
		return
	}
	wc := g.collection
	delete(wc.groups, g.key)
	wc.unfile(g)
	if len(wc.groups) == 0 {
		delete(h.collections, wc.name)
	}
}

func (wc *watchedCollection) list() []*watchGroup {
	list := make([]*watchGroup, 0, len(wc.groups))
	for _, g := range wc.groups {
		list = append(list, g)
	}
	return list
}

// file decides which changes a group looks at.
func (wc *watchedCollection) file(g *watchGroup) {
	for _, e := range g.filter.Equalities() {
		if value.Nullish(e.Value) || e.Value.Type == bson.TypeArray || e.Value.Type == bson.TypeRegex || e.By != nil {
			continue // such a value is found under other keys too
		}
		key, err := value.AppendKey(nil, e.Value)
		if err != nil || g.path != "" && e.Path != "_id" && e.Path != ownerField {
			continue
		}
		g.path, g.value = e.Path, string(key)
		if e.Path == "_id" {
			break
		}
	}
	if g.path == "" {
		wc.open[g] = struct{}{}
		return
	}
	f := wc.filed[g.path]
	if f == nil {
		f = &groupFile{path: value.ParsePath(g.path), groups: map[string]map[*watchGroup]struct{}{}}
		wc.filed[g.path] = f
	}
	if f.groups[g.value] == nil {
		f.groups[g.value] = map[*watchGroup]struct{}{}
	}
	f.groups[g.value][g] = struct{}{}
}

func (wc *watchedCollection) unfile(g *watchGroup) {
	delete(wc.open, g)
	f := wc.filed[g.path]
	if f == nil {
		return
	}
	delete(f.groups[g.value], g)
	if len(f.groups[g.value]) == 0 {
		delete(f.groups, g.value)
	}
	if len(f.groups) == 0 {
		delete(wc.filed, g.path)
	}
}

// concerned calls look for each group that a change may concern, once.
func (wc *watchedCollection) concerned(c *driver.Change, round uint64, look func(*watchGroup)) {
	if c.Replaces(wc.name) {
		for _, g := range wc.list() {
			look(g)
		}
		return
	}
	for g := range wc.open {
		look(g)
	}
	var key []byte
	for _, f := range wc.filed {
		visit := func(v bson.RawValue) {
			var err error
			if key, err = value.AppendKey(key[:0], v); err != nil {
				return
			}
			for g := range f.groups[string(key)] {
				if g.seen != round {
					g.seen = round
					look(g)
				}
			}
		}
		for _, doc := range []bson.Raw{c.Before, c.Document} {
			if doc != nil {
				f.path.IndexKeys(doc, visit)
			}
		}
	}
}

// look gathers what a change means for the group, and ends its watches if that cannot be told. The caller holds the
// hub's mu.
func (g *watchGroup) look(c *driver.Change) {
	if c.Replaces(g.query.collection) {
		for w := range g.users {
			g.hub.rejoin(w, ResetDropped)
		}
		return
	}
	var err error
	if g.window != nil {
		err = g.lookAtWindow(c)
	} else {
		err = g.gather(c)
	}
	if err != nil {
		for w := range g.users {
			g.hub.drop(w, err)
		}
	}
}

// matches reports whether a document, if there is one, is part of the group's result.
func (g *watchGroup) matches(doc bson.Raw) (ok bool, err error) {
	if doc == nil {
		return false, nil
	}
	defer g.hub.survive(&err) // the filter is a stranger's, and this is nobody's request
	return g.filter.Match(doc)
}

// moved reports whether the document of a change was part of the group's result and whether it is now. A state for
// which that cannot be told ends watches when it comes, not when it goes: there was no result that it was part of.
func (g *watchGroup) moved(c *driver.Change) (before, after bool, err error) {
	was, err := g.matches(c.Before)
	before = was && err == nil
	after, err = g.matches(c.Document)
	return before, after, err
}

// gather notes what a change means for an unlimited result. The caller holds the hub's mu.
func (g *watchGroup) gather(c *driver.Change) error {
	moves := len(g.gathered)
	var err error
	if g.gathered, err = g.appendMove(g.gathered, c); moves == 0 && len(g.gathered) > 0 {
		g.hub.gathering = append(g.hub.gathering, g)
	}
	return err
}

// appendMove appends what a change means for an unlimited result, if anything.
func (g *watchGroup) appendMove(moves []WatchChange, c *driver.Change) ([]WatchChange, error) {
	before, after, err := g.moved(c)
	if err != nil {
		return moves, err
	}
	move := WatchChange{Cause: causeOf(c.Kind), ID: c.ID, Document: c.Document}
	switch {
	case after && before:
		move.Move = MoveUpdate
	case after:
		move.Move = MoveEnter
	case before:
		move.Move, move.Document = MoveLeave, nil
	default:
		return moves, nil
	}
	return append(moves, move), nil
}

func causeOf(k driver.ChangeKind) Cause {
	switch k {
	case driver.ChangeInsert:
		return CauseInsert
	case driver.ChangeDelete:
		return CauseDelete
	}
	return CauseUpdate
}

func (g *watchGroup) deliver(e *WatchEvent) {
	for w := range g.members {
		if !w.push(e) {
			delete(g.members, w)
		}
	}
}

func (g *watchGroup) token(at driver.Position) string {
	return resumeToken{position: at, query: g.fingerprint, app: g.hub.app}.encode(g.hub.all.key)
}
