package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"sort"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query/value"
)

var _ driver.Historian = (*Engine)(nil)

// span is the part of a change log that is durable and kept: offsets first to last, none if last is before first.
type span struct {
	app         uint32
	epoch       uint64
	first, last uint64
}

func (l *changeLog) span() span {
	l.mu.Lock()
	defer l.mu.Unlock()
	return span{app: l.app, epoch: l.epoch, first: l.first, last: l.durable}
}

// PositionAt returns the position of the app's last change up to a moment.
func (e *Engine) PositionAt(ctx context.Context, name yunduo.AppID, at time.Time) (driver.Position, error) {
	if err := e.enter(ctx); err != nil {
		return driver.Position{}, err
	}
	defer e.gate.leave()
	a := e.catalog.Load().apps[name]
	if a == nil {
		return driver.Position{}, errBeforeLog(at, time.Time{})
	}
	s := a.log.span()
	view := e.newSnapshot()
	offset, err := offsetAt(view.Get, &s, at)
	return driver.Position{Epoch: s.epoch, Offset: offset}, errors.Join(err, storageError(view.release()))
}

// offsetAt returns the offset of the last entry up to a moment; position_lost if that may have been removed. Where the
// log begins it reads in the same state as the entries, and puts that into the span: the log itself knows of a cut
// earlier.
func offsetAt(get getter, s *span, at time.Time) (uint64, error) {
	limit := at.UnixMilli()
	first, cut, err := readCut(get, s.app)
	if err != nil {
		return 0, storageError(err)
	}
	s.first = first
	var failure error
	later := func(i int) bool { // entries are in the order of their times
		t, err := timeOf(get, s.app, s.first+uint64(i))
		failure = errors.Join(failure, err)
		return err == nil && t > limit
	}
	n := sort.Search(int(s.last+1-s.first), later)
	if failure != nil {
		return 0, storageError(failure)
	}
	if n == 0 && cut > limit {
		start, err := startOf(get, *s)
		if err != nil {
			return 0, err
		}
		return 0, errBeforeLog(at, start)
	}
	return s.first - 1 + uint64(n), nil
}

// readCut returns the offset of the first entry of a log that is kept, and the time of the last that was removed, in
// milliseconds since 1970: 0 if there is none.
func readCut(get getter, app uint32) (first uint64, at int64, err error) {
	v, closer, err := get(firstOffsetKey(app))
	if errors.Is(err, pebble.ErrNotFound) {
		return 1, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	defer closer.Close()
	if len(v) < 8 {
		return 0, 0, errors.New("a record of a change log is damaged")
	}
	first = binary.BigEndian.Uint64(v)
	if len(v) < 16 { // as it was stored before times were
		return first, math.MaxInt64, nil
	}
	return first, int64(binary.BigEndian.Uint64(v[8:])), nil
}

func errBeforeLog(at, start time.Time) error {
	since := "has no entries"
	if !start.IsZero() {
		since = "reaches back to " + start.Format(time.RFC3339)
	}
	return yunduo.Errorf(yunduo.ReasonPositionLost, "%s is too long ago: the change log %s", at.UTC().Format(time.RFC3339), since)
}

// timeOf returns the time of a log entry, in milliseconds since 1970.
func timeOf(get getter, app uint32, offset uint64) (int64, error) {
	v, closer, err := get(logKey(app, offset))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, errPositionLost() // removed meanwhile
	}
	if err != nil {
		return 0, err
	}
	defer closer.Close()
	t, _ := value.Field(v, "t")
	ms, _ := value.Int64(t)
	return ms, nil
}

func startOf(get getter, s span) (time.Time, error) {
	if s.last < s.first {
		return time.Time{}, nil
	}
	ms, err := timeOf(get, s.app, s.first)
	return time.UnixMilli(ms).UTC(), storageError(err)
}

// LogStart returns the time of the oldest entry that is kept.
func (e *Engine) LogStart(ctx context.Context, name yunduo.AppID) (start time.Time, err error) {
	if err := e.enter(ctx); err != nil {
		return time.Time{}, err
	}
	defer e.gate.leave()
	a := e.catalog.Load().apps[name]
	if a == nil {
		return time.Time{}, nil
	}
	s := a.log.span()
	view := e.newSnapshot()
	defer func() { err = errors.Join(err, storageError(view.release())) }()
	if s.first, _, err = readCut(view.Get, s.app); err != nil {
		return time.Time{}, storageError(err)
	}
	return startOf(view.Get, s)
}

// ReadLog calls visit with the changes that q selects.
func (e *Engine) ReadLog(ctx context.Context, name yunduo.AppID, q driver.LogQuery, visit func(driver.Change) bool) (stopped uint64, err error) {
	if err := e.enter(ctx); err != nil {
		return 0, err
	}
	defer e.gate.leave()
	a := e.catalog.Load().apps[name]
	if a == nil {
		return 0, nil
	}
	s := a.log.span()
	return readSpan(ctx, liveView{e.db}, s, q, func(k, v []byte) (bool, error) {
		c, err := decodeEntry(append([]byte(nil), v...), driver.Position{Epoch: s.epoch, Offset: decodeOffset(k)})
		return err == nil && visit(c), err
	})
}

// readSpan calls visit with the keys and values of the entries that q selects.
func readSpan(ctx context.Context, v view, s span, q driver.LogQuery, visit func(k, v []byte) (bool, error)) (stopped uint64, err error) {
	low, high := max(s.first, q.After+1), s.last+1
	if q.Before > 0 {
		high = min(high, q.Before)
	}
	if low >= high {
		return 0, nil
	}
	it, err := v.iterate(logKey(s.app, low), logKey(s.app, high))
	if err != nil {
		return 0, storageError(err)
	}
	defer func() { err = storageError(errors.Join(err, it.Close())) }()
	start, step := it.First, it.Next
	if q.Newest {
		start, step = it.Last, it.Prev
	}
	for n, ok := int64(1), start(); ok; n, ok = n+1, step() {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		entry, err := it.ValueAndErr()
		if err != nil {
			return 0, err
		}
		offset := decodeOffset(it.Key())
		if selects(q, entry) {
			if more, err := visit(it.Key(), entry); err != nil || !more {
				return offset, err
			}
		}
		if n == q.Examine {
			return offset, nil
		}
	}
	return 0, it.Error()
}

// selects reports whether the query wants an entry, without decoding it.
func selects(q driver.LogQuery, entry []byte) bool {
	if q.Collection == "" {
		return true
	}
	v, _ := value.Field(entry, "c")
	name, _ := value.Text(v)
	named := string(name) == q.Collection
	id, _ := value.Field(entry, "i")
	if value.Missing(id) { // of the collection
		return named || renamedTo(entry, q.Collection)
	}
	return named && (value.Missing(q.ID) || value.Equal(id, q.ID))
}

// renamedTo reports whether an entry tells that a collection was given a name.
func renamedTo(entry []byte, name string) bool {
	to, _ := value.Field(entry, "r")
	text, ok := value.Text(to)
	return ok && string(text) == name
}

// Border returns where the commit ends that the change at an offset was part of.
func (e *Engine) Border(ctx context.Context, name yunduo.AppID, offset uint64) (driver.Position, error) {
	if err := e.enter(ctx); err != nil {
		return driver.Position{}, err
	}
	defer e.gate.leave()
	a := e.catalog.Load().apps[name]
	if a == nil {
		return driver.Position{}, errPositionLost()
	}
	s := a.log.span()
	if offset+1 < s.first || offset > s.last {
		return driver.Position{}, errPositionLost()
	}
	if offset < s.first { // nothing is kept of the commit: logs are cut between commits
		return driver.Position{Epoch: s.epoch, Offset: offset}, nil
	}
	_, err := readSpan(ctx, liveView{e.db}, s, driver.LogQuery{After: offset - 1}, func(k, v []byte) (bool, error) {
		offset = decodeOffset(k)
		more, _ := value.Field(v, "m")
		return more.Type == bson.TypeBoolean && more.Boolean(), nil
	})
	return driver.Position{Epoch: s.epoch, Offset: offset}, err
}

// entryHead returns what a rewind needs of an entry without decoding its documents.
func entryHead(entry []byte) (kind driver.ChangeKind, collection string, id bson.RawValue) {
	k, _ := value.Field(entry, "k")
	text, _ := value.Text(k)
	c, _ := value.Field(entry, "c")
	name, _ := value.Text(c)
	id, _ = value.Field(entry, "i")
	return driver.ChangeKind(text), string(name), id
}
