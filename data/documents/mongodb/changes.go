package mongodb

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/data/documents/driver"
)

// logged is an event of the change stream on the log.
type logged struct {
	Type  string         `bson:"operationType"`
	At    bson.Timestamp `bson:"clusterTime"`
	Entry entry          `bson:"fullDocument"`
}

func errPositionLost() error {
	return yunduo.Errorf(yunduo.ReasonPositionLost, "the change log does not reach back to this position")
}

// stream opens a change stream on an app's log, from now or from a time on.
func (e *Engine) stream(ctx context.Context, id yunduo.AppID, from *bson.Timestamp, stages ...bson.D) (*mongo.ChangeStream, error) {
	o := options.ChangeStream().SetMaxAwaitTime(10 * time.Second)
	if from != nil {
		o.SetStartAtOperationTime(from)
	}
	wanted := mongo.Pipeline{{{Key: "$match", Value: bson.D{{Key: "operationType", Value: bson.D{{Key: "$in", Value: bson.A{"insert", "drop", "rename", "dropDatabase", "invalidate"}}}}}}}}
	s, err := e.own(id, logCollection).Watch(ctx, append(wanted, stages...), o)
	return s, failure(err)
}

// next reads an event; position_lost if there is no log any more.
func next(ctx context.Context, s *mongo.ChangeStream) (logged, error) {
	var ev logged
	if !s.Next(ctx) {
		if err := s.Err(); err != nil {
			return ev, failure(err)
		}
		return ev, errPositionLost()
	}
	if err := s.Decode(&ev); err != nil {
		return ev, failure(err)
	}
	if ev.Type != "insert" {
		return ev, errPositionLost()
	}
	return ev, nil
}

// tail follows the log of an app to know where it ends. MongoDB does not tell: a mark is written into the log, and
// what comes before the mark is there.
type tail struct {
	epoch  uint64
	cancel context.CancelFunc
	done   chan struct{} // closed when it has stopped

	mu    sync.Mutex
	head  uint64 // of the last change that was seen
	marks map[bson.ObjectID]chan uint64
	err   error // why it stopped
}

func (e *Engine) tail(ctx context.Context, id yunduo.AppID, a *app) (*tail, error) {
	e.mu.Lock()
	t := a.tail
	e.mu.Unlock()
	if t != nil && !t.stopped() {
		return t, nil
	}
	// A tail goes on where the one before it ended: positions are those of changes, which others compare with what
	// they have seen. Only the first one begins somewhere.
	head, from := t.resumable()
	s, err := e.stream(ctx, id, from)
	if yunduo.ReasonOf(err) == yunduo.ReasonPositionLost {
		head = 0
		s, err = e.stream(ctx, id, nil)
	}
	if err != nil {
		return nil, err
	}
	// The epoch is read behind the beginning of the stream, which tells of later ones.
	epoch, err := e.epochOf(ctx, id)
	if err != nil {
		return nil, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	}
	running, cancel := context.WithCancel(context.Background())
	t = &tail{epoch: epoch, head: head, cancel: cancel, done: make(chan struct{}), marks: map[bson.ObjectID]chan uint64{}}
	e.mu.Lock()
	defer e.mu.Unlock()
	if a.tail != nil && !a.tail.stopped() || e.closed {
		cancel()
		go s.Close(context.Background())
		if e.closed {
			return nil, errClosed()
		}
		return a.tail, nil
	}
	if a.tail != nil && a.tail.epoch != epoch { // who knows what became of the collections
		clear(a.known)
	}
	a.tail = t
	go t.run(running, s)
	return t, nil
}

// resumable returns where the next tail begins: at the head of this one, or now.
func (t *tail) resumable() (head uint64, from *bson.Timestamp) {
	if t == nil {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.head == 0 || yunduo.ReasonOf(t.err) == yunduo.ReasonPositionLost {
		return 0, nil
	}
	at := timeOf(t.head)
	return t.head, &at
}

func (t *tail) stopped() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

func (t *tail) stop() {
	t.cancel()
	<-t.done
}

func (t *tail) run(ctx context.Context, s *mongo.ChangeStream) {
	defer close(t.done)
	defer s.Close(context.Background())
	for {
		ev, err := next(ctx, s)
		at := offsetOf(ev.At, ev.Entry.N)
		t.mu.Lock()
		if err == nil && at <= t.head && t.head != 0 {
			t.mu.Unlock()
			continue
		}
		if err == nil && ev.Entry.Kind == kindEpoch {
			err = errPositionLost()
		}
		if err != nil {
			t.err = err
			t.mu.Unlock()
			return
		}
		switch ev.Entry.Kind {
		case kindMark:
			if t.head == 0 { // nothing was seen yet: the mark is where the log ends
				t.head = at
			}
			if waiting := t.marks[ev.Entry.ID]; waiting != nil {
				waiting <- t.head
				delete(t.marks, ev.Entry.ID)
			}
		case kindPart:
		default:
			t.head = at
		}
		t.mu.Unlock()
	}
}

// newMark returns a mark. It expires in a few minutes: nobody looks for it then.
func (e *Engine) newMark() entry {
	return entry{ID: bson.NewObjectID(), Kind: kindMark, Time: time.Now().Add(markLife - e.options.LogAge - expiryMargin)}
}

const markLife = 5 * time.Minute

// end returns where the log ends.
func (t *tail) end(ctx context.Context, log *mongo.Collection, mark entry) (uint64, error) {
	waiting := make(chan uint64, 1)
	t.mu.Lock()
	t.marks[mark.ID] = waiting
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		delete(t.marks, mark.ID)
		t.mu.Unlock()
	}()
	if _, err := log.InsertOne(ctx, mark); err != nil {
		return 0, failure(err)
	}
	select {
	case at := <-waiting:
		return at, nil
	case <-t.done:
		t.mu.Lock()
		defer t.mu.Unlock()
		return 0, t.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Position returns the position of the last durable commit of an app.
func (e *Engine) Position(ctx context.Context, id yunduo.AppID) (at driver.Position, err error) {
	for range 5 { // each new epoch, and removals and other changes of the app by other nodes, end a tail
		if at, err = e.position(ctx, id); yunduo.ReasonOf(err) != yunduo.ReasonPositionLost {
			break
		}
	}
	return at, err
}

func (e *Engine) position(ctx context.Context, id yunduo.AppID) (driver.Position, error) {
	a, err := e.app(ctx, id)
	if err != nil {
		return driver.Position{}, err
	}
	t, err := e.tail(ctx, id, a)
	if err != nil {
		return driver.Position{}, err
	}
	at, err := t.end(ctx, e.own(id, logCollection), e.newMark())
	return driver.Position{Epoch: t.epoch, Offset: at}, err
}

// Changes follows an app's change log.
func (e *Engine) Changes(ctx context.Context, id yunduo.AppID, after driver.Position) (driver.Feed, error) {
	end, err := e.Position(ctx, id)
	if err != nil {
		return nil, err
	}
	if after.Epoch != end.Epoch || after.Offset > end.Offset {
		return nil, errPositionLost()
	}
	from := timeOf(after.Offset)
	running, cancel := context.WithCancel(context.Background())
	s, err := e.stream(ctx, id, &from)
	if err != nil {
		cancel()
		return nil, err
	}
	f := &feed{e: e, epoch: end.Epoch, after: after.Offset, cancel: cancel, done: make(chan struct{}), changes: make(chan found, 16)}
	e.mu.Lock()
	e.feeds[f] = true
	e.mu.Unlock()
	f.running.Go(func() { f.run(running, s) })
	return f, nil
}

// feed delivers the changes of a log.
type feed struct {
	e       *Engine
	epoch   uint64
	after   uint64 // only later ones
	cancel  context.CancelFunc
	running sync.WaitGroup
	once    sync.Once
	done    chan struct{} // closed by Close
	changes chan found

	failed error // what ended it; for Next alone
}

type found struct {
	driver.Change
	err error
}

var _ driver.Feed = (*feed)(nil)

// run reads the stream in the background, so that a caller who stops waiting does not end it.
func (f *feed) run(ctx context.Context, s *mongo.ChangeStream) {
	defer s.Close(context.Background())
	var part bson.Raw
	for {
		ev, err := next(ctx, s)
		if err == nil && ev.Entry.Kind == kindEpoch && offsetOf(ev.At, ev.Entry.N) > f.after {
			err = errPositionLost()
		}
		if err == nil {
			at := offsetOf(ev.At, ev.Entry.N)
			switch {
			case ev.Entry.Kind == kindMark:
				continue
			case at <= f.after:
				part = nil
				continue
			case ev.Entry.Kind == kindPart:
				part = bytes.Clone(ev.Entry.Before)
				continue
			}
			c := ev.Entry.change(driver.Position{Epoch: f.epoch, Offset: at})
			if part != nil {
				c.Before, part = part, nil
			}
			select {
			case f.changes <- found{Change: c}:
				continue
			case <-ctx.Done():
				return
			}
		}
		select {
		case f.changes <- found{err: err}:
		case <-ctx.Done():
		}
		return
	}
}

func clone(v bson.RawValue) bson.RawValue {
	return bson.RawValue{Type: v.Type, Value: bytes.Clone(v.Value)}
}

// Next waits for the next change.
func (f *feed) Next(ctx context.Context) (driver.Change, error) {
	if f.failed != nil {
		return driver.Change{}, f.failed
	}
	select {
	case <-f.done:
		return driver.Change{}, yunduo.Errorf(yunduo.ReasonCanceled, "the feed was closed")
	default:
	}
	select {
	case c := <-f.changes:
		f.failed = c.err
		if errors.Is(c.err, context.Canceled) {
			f.failed = yunduo.Errorf(yunduo.ReasonCanceled, "the feed was closed")
		}
		return c.Change, f.failed
	case <-ctx.Done():
		return driver.Change{}, ctx.Err()
	case <-f.done:
		return driver.Change{}, yunduo.Errorf(yunduo.ReasonCanceled, "the feed was closed")
	}
}

// Close ends the feed.
func (f *feed) Close() error {
	f.shutdown()
	f.e.mu.Lock()
	delete(f.e.feeds, f)
	f.e.mu.Unlock()
	return nil
}

func (f *feed) shutdown() {
	f.once.Do(func() {
		close(f.done)
		f.cancel()
		f.running.Wait()
	})
}
