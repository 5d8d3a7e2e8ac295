package embedded

import (
	"bytes"
	"encoding/binary"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query/value"
)

// maxDocumentBytes is the hard limit of a stored document.
const maxDocumentBytes = 16 << 20

// mutation is the change of one document.
type mutation struct {
	collection    *collection
	id            []byte   // encoded _id
	before, after bson.Raw // nil where there is no document
	silent        bool     // no change-log entry
	unlogged      bool     // nor this time only
	actor         string
	indexes       []indexChange
}

// indexChange is what a mutation does to one index.
type indexChange struct {
	index          *index
	removed, added []indexEntry
}

// newMutation prepares a change: everything that needs no lock.
func newMutation(c *collection, id []byte, before, after bson.Raw, options driver.WriteOptions) (mutation, error) {
	m := mutation{collection: c, id: id, before: before, after: after, silent: options.Silent, actor: options.Actor}
	if len(after) > maxDocumentBytes {
		return m, yunduo.Errorf(yunduo.ReasonDocumentTooLarge, "the document is larger than %d bytes", maxDocumentBytes)
	}
	return m, m.prepareIndexes()
}

func (m *mutation) prepareIndexes() (err error) {
	for _, ix := range m.collection.indexes {
		if ix.failed() || m.before != nil && m.after != nil && ix.untouched(m.before, m.after) {
			continue
		}
		var before, after []indexEntry
		var multikey bool
		if m.before != nil {
			if before, _, err = ix.entries(m.collection, m.id, m.before); err != nil {
				return err
			}
		}
		if m.after != nil {
			if after, multikey, err = ix.entries(m.collection, m.id, m.after); err != nil {
				return err
			}
		}
		if multikey {
			// Before the document can be seen: a reader that sees it plans with the flag.
			ix.multikey.Store(true)
		}
		change := indexChange{index: ix}
		if change.removed, change.added = diff(before, after); len(change.removed)+len(change.added) > 0 {
			m.indexes = append(m.indexes, change)
		}
	}
	return nil
}

// untouched reports whether two states of a document are the same in all top-level fields that the index looks at, and
// have them in the same order.
func (ix *index) untouched(before, after bson.Raw) bool {
	if ix.partial != nil {
		return false
	}
	a, b := value.Elements(before), value.Elements(after)
	for {
		keyA, valueA, okA := ix.next(&a)
		keyB, valueB, okB := ix.next(&b)
		if !okA || !okB {
			return okA == okB
		}
		if string(keyA) != string(keyB) || valueA.Type != valueB.Type || !bytes.Equal(valueA.Value, valueB.Value) {
			return false
		}
	}
}

// next returns the next field that the index looks at, or _id.
func (ix *index) next(it *value.Iterator) (key []byte, v bson.RawValue, ok bool) {
	for {
		key, v, ok = it.Next()
		if !ok || ix.at(key) >= 0 || string(key) == "_id" {
			return key, v, ok
		}
	}
}

func (m *mutation) documentKey() []byte {
	return append(key(prefixDocument, m.collection.app, m.collection.id), m.id...)
}

// change returns the change-log entry of the mutation.
func (m *mutation) change() driver.Change {
	c := driver.Change{Collection: m.collection.name, Document: m.after, Before: m.before, Actor: m.actor}
	switch {
	case m.before == nil:
		c.Kind = driver.ChangeInsert
	case m.after == nil:
		c.Kind = driver.ChangeDelete
	default:
		c.Kind = driver.ChangeUpdate
	}
	doc := m.after
	if doc == nil {
		doc = m.before
	}
	c.ID, _ = value.Field(doc, "_id")
	return c
}

// documentID returns the encoding of a document's _id, and refuses malformed documents.
func documentID(doc bson.Raw) ([]byte, error) {
	if len(doc) < 5 || binary.LittleEndian.Uint32(doc) != uint32(len(doc)) { // Validate overlooks what is behind the end
		return nil, yunduo.Errorf(yunduo.ReasonInvalidDocument, "the document is not valid BSON: its length is wrong")
	}
	if err := doc.Validate(); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidDocument, "the document is not valid BSON")
	}
	id, _ := value.Field(doc, "_id")
	return idKey(id)
}

func duplicateKey(c *collection, ix *index) error {
	return yunduo.Errorf(yunduo.ReasonDuplicateKey, "duplicate key: another document in %q has the same value in the unique index %q", c.name, ix.Name)
}

func duplicateID(collection string) error {
	return yunduo.Errorf(yunduo.ReasonDuplicateKey, "duplicate key: another document in %q has the same _id", collection)
}

// uniqueKeys collects the unique keys that a commit gives up and takes, to find clashes within it and with what is
// stored.
type uniqueKeys struct {
	freed map[string]bool
	taken map[string][]byte
}

// checkUnique returns duplicate_key if one of the mutations takes a unique key that belongs to another document.
// get reads the committed state.
func checkUnique(get getter, mutations []mutation) error {
	var keys uniqueKeys
	for i := range mutations {
		for _, change := range mutations[i].indexes {
			if !change.index.Unique {
				continue
			}
			if err := keys.collect(&mutations[i], change); err != nil {
				return err
			}
		}
	}
	for i := range mutations {
		for _, change := range mutations[i].indexes {
			if !change.index.Unique {
				continue
			}
			for _, e := range change.added {
				if keys.freed[string(e.key)] {
					continue
				}
				if err := checkFree(get, mutations[i].collection, change.index, e, mutations[i].id); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (u *uniqueKeys) collect(m *mutation, change indexChange) error {
	if u.taken == nil {
		u.freed, u.taken = map[string]bool{}, map[string][]byte{}
	}
	for _, e := range change.removed {
		u.freed[string(e.key)] = true
	}
	for _, e := range change.added {
		if owner, ok := u.taken[string(e.key)]; ok && !bytes.Equal(owner, m.id) {
			return duplicateKey(m.collection, change.index)
		}
		u.taken[string(e.key)] = m.id
	}
	return nil
}
