package embedded

import (
	"context"
	"errors"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"yunduo"
	"yunduo/data/documents/driver"
)

// feedChunk is how many entries a feed that is behind the ring reads at a time.
const feedChunk = 256

// feed is a cursor on a change log.
type feed struct {
	e       *Engine
	log     *changeLog
	epoch   uint64          // of the log when the feed began
	next    uint64          // offset of the next entry to deliver
	pending []driver.Change // read but not delivered
	done    chan struct{}   // closed by Close
	once    sync.Once
}

var (
	_ driver.Feed    = (*feed)(nil)
	_ driver.Settler = (*transaction)(nil)
)

// Position returns the position of the app's last durable commit.
func (e *Engine) Position(ctx context.Context, name yunduo.AppID) (driver.Position, error) {
	if err := e.enter(ctx); err != nil {
		return driver.Position{}, err
	}
	defer e.gate.leave()
	a, err := e.ensureApp(name)
	if err != nil {
		return driver.Position{}, err
	}
	return a.log.position(), nil
}

// Changes follows the app's change log from the first entry after the position.
func (e *Engine) Changes(ctx context.Context, name yunduo.AppID, after driver.Position) (driver.Feed, error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	a, err := e.ensureApp(name)
	if err != nil {
		return nil, err
	}
	l := a.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || after.Epoch != l.epoch || after.Offset+1 < l.first || after.Offset > l.durable {
		return nil, errPositionLost()
	}
	if l.feeds++; l.feeds == 1 {
		l.logs = &e.followedLogs
		l.logs.Add(1)
	}
	f := &feed{e: e, log: l, epoch: l.epoch, next: after.Offset + 1, done: make(chan struct{})}
	e.track(f)
	return f, nil
}

func errPositionLost() error {
	return yunduo.Errorf(yunduo.ReasonPositionLost, "the change log does not reach back to this position")
}

// Settled waits until what the transaction reads is durable, and returns where that is.
func (t *transaction) Settled(ctx context.Context) (driver.Position, error) {
	if err := t.enter(ctx, driver.Namespace{App: t.app}); err != nil {
		return driver.Position{}, err
	}
	log, logged := t.log, t.logged
	t.leave()
	if log == nil { // the app was made later: a transaction sees nothing of it
		return driver.Position{}, errPositionLost()
	}
	if err := log.settle(ctx, logged, t.e.gate.closing); err != nil {
		return driver.Position{}, err
	}
	return logged, nil
}

// Next waits for the next durable change.
func (f *feed) Next(ctx context.Context) (driver.Change, error) {
	for {
		if err := f.e.enter(ctx); err != nil {
			return driver.Change{}, err
		}
		wait, err := f.fill()
		f.e.gate.leave()
		if err != nil {
			return driver.Change{}, err
		}
		if len(f.pending) > 0 {
			c := f.pending[0]
			f.pending = f.pending[1:]
			f.next = c.Position.Offset + 1
			return c, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return driver.Change{}, ctx.Err()
		case <-f.done:
			return driver.Change{}, yunduo.Errorf(yunduo.ReasonCanceled, "the feed was closed")
		case <-f.e.gate.closing:
			return driver.Change{}, errClosed()
		}
	}
}

// fill makes entries pending, or returns a channel that is closed when there may be some.
func (f *feed) fill() (wait <-chan struct{}, err error) {
	if len(f.pending) > 0 {
		return nil, nil
	}
	l := f.log
	l.mu.Lock()
	select {
	case <-f.done:
		l.mu.Unlock()
		return nil, yunduo.Errorf(yunduo.ReasonCanceled, "the feed was closed")
	default:
	}
	if l.ended || f.epoch != l.epoch || f.next < l.first {
		l.mu.Unlock()
		return nil, errPositionLost()
	}
	durable := l.durable
	if f.next > durable {
		wait = l.wait()
		l.mu.Unlock()
		return wait, nil
	}
	if len(l.ring) > 0 && l.ring[0].Position.Offset <= f.next {
		low := f.next - l.ring[0].Position.Offset
		high := min(durable+1-l.ring[0].Position.Offset, low+feedChunk, uint64(len(l.ring)))
		f.pending = append([]driver.Change(nil), l.ring[low:high]...)
		l.mu.Unlock()
		return nil, nil
	}
	l.mu.Unlock()
	f.pending, err = f.e.readLog(l, f.epoch, f.next, min(durable, f.next+feedChunk-1))
	return nil, err
}

// readLog returns the entries first to last; position_lost if the log was cut meanwhile.
func (e *Engine) readLog(l *changeLog, epoch, first, last uint64) (changes []driver.Change, err error) {
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: logKey(l.app, first), UpperBound: logKey(l.app, last+1)})
	if err != nil {
		return nil, storageError(err)
	}
	defer func() { err = storageError(errors.Join(err, it.Close())) }()
	bytes := 0
	for it.First(); it.Valid() && bytes < ringBytes; it.Next() {
		offset := decodeOffset(it.Key())
		if offset != first+uint64(len(changes)) {
			return nil, errPositionLost()
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return nil, err
		}
		c, err := decodeEntry(append([]byte(nil), v...), driver.Position{Epoch: epoch, Offset: offset})
		if err != nil {
			return nil, err
		}
		changes = append(changes, c)
		bytes += len(v)
	}
	if len(changes) == 0 {
		return nil, errPositionLost()
	}
	return changes, it.Error()
}

// Close ends the feed; a waiting Next returns.
func (f *feed) Close() error {
	f.e.untrack(f)
	f.shutdown()
	return nil
}

func (f *feed) shutdown() {
	f.once.Do(func() {
		close(f.done)
		f.log.mu.Lock()
		defer f.log.mu.Unlock()
		if f.log.feeds--; f.log.feeds == 0 {
			f.log.ring, f.log.bytes = nil, 0
			f.log.logs.Add(-1)
		}
	})
}
