package mongodb

import (
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
	Actor      string            `bson:"a,omitempty"`
	Key        bson.RawValue     `bson:"i,omitempty"`
	Document   bson.Raw          `bson:"d,omitempty"`
	Before     bson.Raw          `bson:"b,omitempty"`
}

// Kinds of entries that are no changes.
const (
	kindPart = driver.ChangeKind("part") // the earlier state of the next entry's document, where both are too large for one
	kindMark = driver.ChangeKind("mark") // see tail
)

// maxEntry is the size from which an entry is written in two parts. Documents have 16 MiB at most.
const maxEntry = 15 << 20

// log writes entries of the change log as part of the transaction.
func (t *transaction) log(ctx context.Context, changes []driver.Change, o driver.WriteOptions) error {
	for _, c := range changes {
		if err := t.charge(len(c.Document)); err != nil {
			return err
		}
	}
	if o.Silent || len(changes) == 0 {
		return nil
	}
	now := time.Now()
	var docs []entry
	add := func(en entry) {
		en.ID, en.N, en.Time = bson.NewObjectID(), t.entries, now
		t.entries++
		docs = append(docs, en)
	}
	for _, c := range changes {
		en := entry{Kind: c.Kind, Collection: c.Collection, Actor: o.Actor, Key: c.ID, Document: c.Document, Before: c.Before}
		if len(c.Document) > 0 && len(c.Document)+len(c.Before) > maxEntry {
			add(entry{Kind: kindPart, Before: c.Before})
			en.Before = nil
		}
		add(en)
	}
	if t.entries > maxEntries {
		return yunduo.Errorf(yunduo.ReasonTransactionTooLarge, "a transaction changes at most %d documents", maxEntries)
	}
	_, err := t.e.own(t.app, logCollection).InsertMany(t.within(ctx), docs)
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
