package mongodb

import (
	"bytes"
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// entry is a document of the change log. A transaction inserts its entries together with what they tell of; the change
// stream on the log then gives them in commit order, each with the time of the commit.
type entry struct {
	ID         bson.ObjectID     `bson:"_id"`
	N          int               `bson:"n"` // place in the transaction
	Kind       driver.ChangeKind `bson:"k"`
	Time       time.Time         `bson:"t"`
	Collection string            `bson:"c,omitempty"`
	To         string            `bson:"r,omitempty"`
	Actor      string            `bson:"a,omitempty"`
	Key        bson.RawValue     `bson:"i,omitempty"`
	Document   bson.Raw          `bson:"d,omitempty"`
	Before     bson.Raw          `bson:"b,omitempty"`
	More       bool              `bson:"m,omitempty"` // the next entry is of the same transaction
	Position   int64             `bson:"p,omitempty"` // written later: see arrangement
}

// change is what the entry tells, at a position.
func (en *entry) change(at driver.Position) driver.Change {
	return driver.Change{
		Position: at, Kind: en.Kind, Collection: en.Collection, To: en.To, ID: clone(en.Key), Document: bytes.Clone(en.Document),
		Before: bytes.Clone(en.Before), Time: en.Time.UTC(), Actor: en.Actor, More: en.More,
	}
}

// Kinds of entries that are no changes.
const (
	kindPart  = driver.ChangeKind("part")  // the earlier state of the next entry's document, where both are too large for one
	kindMark  = driver.ChangeKind("mark")  // see tail
	kindEpoch = driver.ChangeKind("epoch") // the app has a new epoch: who follows the log has to read again
)

// maxEntry is the size from which an entry is written in two parts. Documents have 16 MiB at most.
const maxEntry = 15 << 20

// note remembers changes for the change log, to which they are written with the commit. What a transaction does to a
// document is one change, however often it writes. The kind follows from the states.
func (t *transaction) note(changes []driver.Change, o driver.WriteOptions) error {
	for _, c := range changes {
		if err := t.charge(len(c.Document)); err != nil {
			return err
		}
	}
	if o.Silent {
		return nil
	}
	for _, c := range changes {
		c.Actor = o.Actor
		key := noted{c.Collection, string(c.ID.Value), c.ID.Type}
		if i, known := t.known[key]; known {
			c.Before = t.changes[i].Before
			t.changes[i] = c
			continue
		}
		if t.known == nil {
			t.known = map[noted]int{}
		}
		t.known[key] = len(t.changes)
		t.changes = append(t.changes, c)
	}
	return fits(len(t.changes))
}

// fits checks that so many entries have places in one transaction.
func fits(entries int) error {
	if entries > maxEntries {
		return yunduo.Errorf(yunduo.ReasonTransactionTooLarge, "a transaction changes at most %d documents", maxEntries)
	}
	return nil
}

// noted names a document of a transaction.
type noted struct {
	collection, id string
	kind           bson.Type
}

// kindOf is what a change does to its document; empty if nothing remains of it.
func kindOf(c driver.Change) driver.ChangeKind {
	switch {
	case c.Kind != "":
		return c.Kind
	case bytes.Equal(c.Before, c.Document):
		return ""
	case c.Before == nil:
		return driver.ChangeInsert
	case c.Document == nil:
		return driver.ChangeDelete
	}
	return driver.ChangeUpdate
}

// log writes the entries of the change log as part of the transaction.
func (t *transaction) log(ctx context.Context) error {
	now := time.Now()
	var docs []entry
	add := func(en entry) {
		en.ID, en.N, en.Time, en.More = bson.NewObjectID(), len(docs), now, true
		docs = append(docs, en)
	}
	if t.renews {
		add(entry{Kind: kindEpoch})
	}
	for _, c := range t.changes {
		kind := kindOf(c)
		if kind == "" {
			continue
		}
		en := entry{Kind: kind, Collection: c.Collection, To: c.To, Actor: c.Actor, Key: c.ID, Document: c.Document, Before: c.Before}
		if len(c.Document) > 0 && len(c.Document)+len(c.Before) > maxEntry {
			add(entry{Kind: kindPart, Before: c.Before})
			en.Before = nil
		}
		add(en)
	}
	if len(docs) == 0 {
		return nil
	}
	if err := fits(len(docs)); err != nil {
		return err
	}
	docs[len(docs)-1].More = false
	a, err := t.e.app(ctx, t.app)
	if err != nil {
		return err
	}
	a.unordered.Store(true)
	_, err = t.e.own(t.app, logCollection).InsertMany(t.within(ctx), docs)
	return failure(err)
}

// A position is the commit's time and the place in the commit: 30 bits of seconds, 20 bits for MongoDB's ordinal within
// the second, 14 bits for the place.
const (
	ordinalBits = 20
	placeBits   = 14
	maxEntries  = 1 << placeBits
	firstSecond = 1735689600 // 2025-01-01
)

func offsetOf(at bson.Timestamp, n int) uint64 {
	return (uint64(at.T-firstSecond)<<ordinalBits|uint64(at.I)&(1<<ordinalBits-1))<<placeBits | uint64(n)
}

// timeOf is the commit's time in a position.
func timeOf(offset uint64) bson.Timestamp {
	at := offset >> placeBits
	return bson.Timestamp{T: uint32(at>>ordinalBits) + firstSecond, I: uint32(at & (1<<ordinalBits - 1))}
}
