package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// Kinds of catalog records, the second byte of their keys.
const (
	kindApp        = 'a'
	kindCollection = 'c'
	kindMultikey   = 'm'
	kindTrash      = 't'
)

type appRecord struct {
	Name  string `bson:"name"`
	Epoch int64  `bson:"epoch"`
}

type collectionRecord struct {
	App      int64         `bson:"app"`
	Name     string        `bson:"name"`
	Settings bson.Raw      `bson:"settings,omitempty"`
	Indexes  []indexRecord `bson:"indexes"`
	Created  int64         `bson:"created,omitempty"`
}

type indexRecord struct {
	ID          int64         `bson:"id"`
	Name        string        `bson:"name"`
	Fields      []fieldRecord `bson:"fields"`
	Unique      bool          `bson:"unique"`
	Sparse      bool          `bson:"sparse"`
	ExpireAfter int64         `bson:"expireAfter"` // milliseconds
	Partial     bson.Raw      `bson:"partial,omitempty"`
	Collation   bson.Raw      `bson:"collation,omitempty"`
	Typed       bool          `bson:"typed,omitempty"`   // entries hold types; those of indexes that were made before do not
	State       string        `bson:"state,omitempty"`   // empty: in use
	Failure     string        `bson:"failure,omitempty"` // why the build was given up
}

type fieldRecord struct {
	Path       string `bson:"path"`
	Descending bool   `bson:"descending"`
	Kind       string `bson:"kind,omitempty"`
}

func catalogKey(kind byte, id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefixCatalog, kind}, id)
}

func (c *collection) marshal() ([]byte, error) { return bson.Marshal(c.record()) }

func (c *collection) record() collectionRecord {
	r := collectionRecord{App: int64(c.app), Name: c.name, Settings: c.settings, Indexes: []indexRecord{}, Created: c.created}
	for _, ix := range c.indexes {
		ir := indexRecord{ID: int64(ix.id), Name: ix.Name, Unique: ix.Unique, Sparse: ix.Sparse, ExpireAfter: ix.ExpireAfter.Milliseconds(), Partial: ix.Partial, Collation: ix.Collation, Typed: ix.typed}
		ir.State, ir.Failure = ix.state()
		for _, f := range ix.Fields {
			ir.Fields = append(ir.Fields, fieldRecord(f))
		}
		r.Indexes = append(r.Indexes, ir)
	}
	return r
}

// collection returns the collection of an app that the record describes, without its counters.
func (r collectionRecord) collection(owner *app, id uint32) (*collection, error) {
	coll := &collection{
		app: owner.id, log: owner.log, id: id, name: r.Name, settings: r.Settings, created: r.Created,
		collectionState: &collectionState{},
	}
	for _, ir := range r.Indexes {
		ix, err := ir.index()
		if err != nil {
			return nil, err
		}
		coll.indexes = append(coll.indexes, ix)
	}
	return coll, nil
}

// loadCatalog reads the whole catalog with the counters and logs of its members.
func loadCatalog(db *pebble.DB) (*catalog, error) {
	c := &catalog{apps: map[yunduo.AppID]*app{}}
	apps := map[uint32]*app{}
	indexes := map[uint32]*index{}
	multikey := map[uint32]bool{}
	mark := func(ix *index) {
		ix.multikey.Store(true)
		ix.multikeyStored = true
	}
	err := eachKey(db, []byte{prefixCatalog}, func(k, v []byte) error {
		id := binary.BigEndian.Uint32(k[2:])
		switch k[1] {
		case kindApp:
			var r appRecord
			if err := bson.Unmarshal(v, &r); err != nil {
				return err
			}
			log, err := openChangeLog(db, id, uint64(r.Epoch))
			if err != nil {
				return err
			}
			apps[id] = &app{id: id, name: yunduo.AppID(r.Name), log: log, collections: map[string]*collection{}}
			c.apps[yunduo.AppID(r.Name)] = apps[id]
		case kindCollection: // sorts after the apps
			var r collectionRecord
			if err := bson.Unmarshal(v, &r); err != nil {
				return err
			}
			owner := apps[uint32(r.App)]
			if owner == nil {
				return fmt.Errorf("collection %d belongs to no app", id)
			}
			coll, err := r.collection(owner, id)
			if err != nil {
				return err
			}
			for _, ix := range coll.indexes {
				indexes[ix.id] = ix
			}
			owner.collections[coll.name] = coll
			return loadCounters(db, coll)
		case kindMultikey: // sorts after the collections
			multikey[id] = true
			if ix := indexes[id]; ix != nil {
				mark(ix)
			}
		case kindTrash: // sorts last
			t, err := loadTrash(v, id, apps)
			if err != nil {
				return err
			}
			for _, ix := range t.indexes {
				if multikey[ix.id] {
					mark(ix)
				}
			}
			return loadCounters(db, t.collection)
		}
		return nil
	})
	return c, err
}

func (r indexRecord) index() (*index, error) {
	definition := driver.Index{
		Name: r.Name, Unique: r.Unique, Sparse: r.Sparse, ExpireAfter: time.Duration(r.ExpireAfter) * time.Millisecond, Partial: r.Partial, Collation: r.Collation,
	}
	for _, f := range r.Fields {
		definition.Fields = append(definition.Fields, driver.IndexField(f))
	}
	switch r.State {
	case stateBuilding:
		definition.Build = &driver.IndexBuild{}
	case stateFailed:
		definition.Build = &driver.IndexBuild{Failed: r.Failure}
	}
	ix, err := newIndex(uint32(r.ID), definition)
	if err == nil {
		ix.typed = r.Typed
	}
	return ix, err
}

func loadCounters(r pebble.Reader, c *collection) error {
	documents, bytes, err := readCounters(r.Get, c)
	c.documents.Store(documents)
	c.bytes.Store(bytes)
	for _, ix := range c.indexes {
		entries, size, _, indexErr := readCounter(r.Get, ix.counterKey(c))
		ix.entryCount.Store(entries)
		ix.entryBytes.Store(size)
		err = firstError(err, indexErr)
	}
	return err
}

// eachKey calls fn with every key that begins with prefix. Key and value are valid during the call.
func eachKey(r pebble.Reader, prefix []byte, fn func(k, v []byte) error) (err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: keyEnd(prefix)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if err := fn(it.Key(), v); err != nil {
			return err
		}
	}
	return it.Error()
}
