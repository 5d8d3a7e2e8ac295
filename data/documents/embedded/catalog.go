package embedded

import (
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

// catalog says which apps, collections and indexes exist. A catalog and what it points to never change, except for
// the state types; a new one replaces it under the engine's schema lock.
type catalog struct {
	apps map[yunduo.AppID]*app
}

type app struct {
	id          uint32
	name        yunduo.AppID
	log         *changeLog
	collections map[string]*collection
	trash       map[uint32]*trashed // dropped collections by ID
}

type collection struct {
	app      uint32
	log      *changeLog
	id       uint32
	name     string
	settings bson.Raw
	indexes  []*index // by name
	created  int64    // milliseconds since 1970; 0 if it was not recorded
	*collectionState
}

// collectionState is what all versions of a collection's catalog entry share.
type collectionState struct {
	// latch is held for reading by who writes documents, for writing by who changes the catalog entry.
	latch sync.RWMutex
	// Changed in the commit section only.
	documents, bytes atomic.Int64
}

type index struct {
	driver.Index
	id      uint32
	paths   []value.Path // of Fields
	by      *collation.Collation
	partial *query.Filter // of Partial; nil is all
	typed   bool          // entries hold types
	*indexState
}

// indexState is what outlives a version of the catalog.
type indexState struct {
	// multikey is set before the first document with an array along one of the paths is stored, and never unset.
	multikey atomic.Bool
	// multikeyStored says that the flag is on disk; used in the commit section only.
	multikeyStored bool
	build          *indexBuild // nil if the index was ready from the start
	// Changed in the commit section only.
	entryCount, entryBytes atomic.Int64
}

// counterKey is where the entries of an index are counted.
func (ix *index) counterKey(c *collection) []byte { return key(prefixCounters, c.app, c.id, ix.id) }

// newIndex returns invalid_index if the collation or partial filter is none.
func newIndex(id uint32, definition driver.Index) (*index, error) {
	ix := &index{Index: definition, id: id, indexState: &indexState{}}
	for _, f := range definition.Fields {
		ix.paths = append(ix.paths, value.ParsePath(f.Path))
	}
	var err error
	if ix.by, err = collation.Parse(definition.Collation); err != nil {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidIndex, "%s", yunduo.AsError(err).Message)
	}
	if ix.by == nil {
		ix.Collation = nil
	}
	if ix.partial, err = query.ParseFilterBy(ix.by, definition.Partial); err != nil {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidIndex, "partialFilter: %s", yunduo.AsError(err).Message)
	}
	ix.typed = ix.canCover()
	return ix, nil
}

func (c *catalog) collection(ns driver.Namespace) (*collection, error) {
	if a := c.apps[ns.App]; a != nil {
		if coll := a.collections[ns.Collection]; coll != nil {
			return coll, nil
		}
	}
	return nil, yunduo.Errorf(yunduo.ReasonCollectionNotFound, "there is no collection %q", ns.Collection)
}

// byID returns the collection with an ID, whatever its name is; nil if it is not there.
func (c *catalog) byID(name yunduo.AppID, id uint32) *collection {
	if a := c.apps[name]; a != nil {
		for _, coll := range a.collections {
			if coll.id == id {
				return coll
			}
		}
	}
	return nil
}

func (c *collection) index(name string) *index {
	for _, ix := range c.indexes {
		if ix.Name == name {
			return ix
		}
	}
	return nil
}

// withApp returns a catalog with the app added or replaced.
func (c *catalog) withApp(a *app) *catalog {
	apps := maps.Clone(c.apps)
	apps[a.name] = a
	return &catalog{apps: apps}
}

func (c *catalog) withoutApp(name yunduo.AppID) *catalog {
	apps := maps.Clone(c.apps)
	delete(apps, name)
	return &catalog{apps: apps}
}

// withCollection returns a catalog with the collection added to its app or replaced.
func (c *catalog) withCollection(name yunduo.AppID, coll *collection) *catalog {
	a := *c.apps[name]
	a.collections = maps.Clone(a.collections)
	a.collections[coll.name] = coll
	return c.withApp(&a)
}

func (c *catalog) withoutCollection(ns driver.Namespace) *catalog {
	a := *c.apps[ns.App]
	a.collections = maps.Clone(a.collections)
	delete(a.collections, ns.Collection)
	return c.withApp(&a)
}

// withIndexes returns the collection's entry with other indexes.
func (c *collection) withIndexes(indexes []*index) *collection {
	changed := *c
	changed.indexes = slices.SortedFunc(slices.Values(indexes), func(a, b *index) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
	return &changed
}

// all yields every collection, dropped ones included.
func (c *catalog) all() iter.Seq[*collection] {
	return func(yield func(*collection) bool) {
		for _, a := range c.apps {
			for _, coll := range a.collections {
				if !yield(coll) {
					return
				}
			}
			for _, t := range a.trash {
				if !yield(t.collection) {
					return
				}
			}
		}
	}
}

// indexBytes returns the size of all index entries.
func (c *collection) indexBytes() (n int64) {
	for _, ix := range c.indexes {
		n += ix.entryBytes.Load()
	}
	return n
}
