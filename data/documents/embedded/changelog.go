package embedded

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
	"yunduo/data/query/value"
)

// The newest entries are kept in memory while somebody follows the log.
const (
	ringEntries = 4096
	ringBytes   = 8 << 20
	ringsBytes  = 64 << 20 // of all apps that are followed together
)

// changeLog is the state of one app's change log. Offsets begin at 1 and have no gaps.
type changeLog struct {
	app uint32

	next uint64 // offset of the next entry; guarded by the commit section

	mu      sync.Mutex
	epoch   uint64          // changed in the commit section only
	durable uint64          // offset of the last entry that is on disk
	first   uint64          // offset of the first entry that is kept
	feeds   int             // how many follow
	logs    *atomic.Int64   // how many logs of the engine are followed; set before the first feed
	ring    []driver.Change // the newest entries without gaps; the last ones may not be durable yet
	bytes   int             // of the documents in ring
	changed chan struct{}   // closed when durable grows or the log ends; nil if nobody waits
	ended   bool            // the app was dropped
}

// firstOffsetKey holds the offset of the first entry that is kept and the time of the last that is not.
func firstOffsetKey(app uint32) []byte { return append(key(prefixMeta, app), "first"...) }

// openChangeLog finds where an app's log begins and ends.
func openChangeLog(db *pebble.DB, app uint32, epoch uint64) (*changeLog, error) {
	first, _, err := readCut(db.Get, app)
	if err != nil {
		return nil, err
	}
	l := &changeLog{app: app, epoch: epoch, first: first}
	prefix := key(prefixLog, app)
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: keyEnd(prefix)})
	if err != nil {
		return nil, err
	}
	l.next = l.first
	if it.Last() {
		l.next = decodeOffset(it.Key()) + 1
	}
	l.durable = l.next - 1
	return l, it.Close()
}

// remember keeps entries for those who follow. Called in the commit section, in order of offsets.
func (l *changeLog) remember(changes []driver.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.feeds == 0 {
		return
	}
	for _, c := range changes {
		l.ring = append(l.ring, c)
		l.bytes += len(c.Document) + len(c.Before)
	}
	limit := int(min(ringBytes, ringsBytes/max(l.logs.Load(), 1)))
	drop := 0
	for drop < len(l.ring) && (len(l.ring)-drop > ringEntries || l.bytes > limit) {
		l.bytes -= len(l.ring[drop].Document) + len(l.ring[drop].Before)
		drop++
	}
	if drop > 0 {
		clear(l.ring[:drop])
		l.ring = l.ring[drop:]
	}
}

// advance notes that the log is on disk up to offset, and wakes those who wait.
func (l *changeLog) advance(offset uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if offset > l.durable {
		l.durable = offset
		l.wake()
	}
}

// end tells those who follow that there is no such log any more.
func (l *changeLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.wake()
}

// renew gives the log a new epoch: who follows it has to read again. Called in the commit section.
func (l *changeLog) renew(epoch uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch = epoch
	l.ring, l.bytes = nil, 0
	l.wake()
}

// settle waits until the log is on disk up to a position.
func (l *changeLog) settle(ctx context.Context, at driver.Position, closing <-chan struct{}) error {
	for {
		l.mu.Lock()
		if l.ended || l.epoch != at.Epoch {
			l.mu.Unlock()
			return errPositionLost()
		}
		if l.durable >= at.Offset {
			l.mu.Unlock()
			return nil
		}
		wait := l.wait()
		l.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		case <-closing:
			return errClosed()
		}
	}
}

// wait returns a channel that is closed when durable grows or the log ends. The caller holds mu.
func (l *changeLog) wait() <-chan struct{} {
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

func (l *changeLog) wake() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

func (l *changeLog) position() driver.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return driver.Position{Epoch: l.epoch, Offset: l.durable}
}

// entry is how a change is stored under its offset.
type entry struct {
	Kind       driver.ChangeKind `bson:"k"`
	Collection string            `bson:"c"`
	To         string            `bson:"r,omitempty"`
	Time       int64             `bson:"t"` // milliseconds since 1970
	Actor      string            `bson:"a,omitempty"`
	ID         bson.RawValue     `bson:"i,omitempty"`
	Document   bson.Raw          `bson:"d,omitempty"`
	Before     bson.Raw          `bson:"b,omitempty"`
	More       bool              `bson:"m,omitempty"`
}

func decodeEntry(data []byte, position driver.Position) (driver.Change, error) {
	var e entry
	if err := bson.Unmarshal(data, &e); err != nil {
		return driver.Change{}, err
	}
	return driver.Change{
		Position: position, Kind: e.Kind, Collection: e.Collection, To: e.To, ID: e.ID, Document: e.Document, Before: e.Before,
		Time: time.UnixMilli(e.Time).UTC(), Actor: e.Actor, More: e.More,
	}, nil
}

// appendEntry encodes a change without reflection: it is on the path of every write.
func appendEntry(dst []byte, c driver.Change) []byte {
	start := len(dst)
	dst = value.BeginDocument(dst)
	dst = value.Append(dst, "k", value.String(string(c.Kind)))
	dst = value.Append(dst, "c", value.String(c.Collection))
	if c.To != "" {
		dst = value.Append(dst, "r", value.String(c.To))
	}
	dst = value.Append(dst, "t", value.Int64Value(c.Time.UnixMilli()))
	if c.Actor != "" {
		dst = value.Append(dst, "a", value.String(c.Actor))
	}
	dst = value.Append(dst, "i", c.ID)
	if c.Document != nil {
		dst = value.Append(dst, "d", value.Document(c.Document))
	}
	if c.Before != nil {
		dst = value.Append(dst, "b", value.Document(c.Before))
	}
	if c.More {
		dst = value.Append(dst, "m", value.Bool(true))
	}
	return value.EndDocument(dst, start)
}
