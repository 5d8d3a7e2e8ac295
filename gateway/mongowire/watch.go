package mongowire

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/query/pipeline"
	"yunduo/data/query/value"
)

// watch answers an aggregate that begins with $changeStream.
func (c *command) watch(ctx context.Context, docs *documents.Session, stages []bson.Raw, b batching) ([]byte, error) {
	if c.inTx {
		return nil, failf(codeOperationNotInTxn, "a change stream cannot be opened in a transaction")
	}
	s := &stream{app: docs.App(), shape: shaping{database: c.database}}
	namespace := c.database + ".$cmd.aggregate"
	if value.IsNumber(c.argument) {
		if n, _ := value.Int64(c.argument); n != 1 {
			return nil, failf(codeInvalidNamespace, "aggregate: 1 or the name of a collection")
		}
	} else {
		collection, err := c.collection()
		if err != nil {
			return nil, err
		}
		s.shape.collection, namespace = collection, c.namespace(collection)
	}
	_, argument, _ := stageOf(stages[0])
	after, err := c.watchArguments(ctx, docs, argument, &s.shape)
	if err != nil {
		return nil, err
	}
	if s.pipeline, err = eventPipeline(stages[1:]); err != nil {
		return nil, err
	}
	feed, err := docs.Changes(ctx, after)
	if err != nil {
		return nil, err
	}
	s.last = after
	s.follow(feed)
	first := newBatch()
	more := true
	if b.size > 0 { // what is there already, without waiting
		if more, err = s.fill(ctx, first, b.size, 0); err != nil {
			s.close()
			return nil, err
		}
	} else {
		first.after = token{app: s.app, at: s.last}.document()
	}
	made := &cursor{app: docs.App(), user: c.conn.user, namespace: namespace, source: s, await: true}
	if c.session != nil {
		made.session = c.session.key
	}
	if !more {
		s.close()
		return cursorReply("firstBatch", 0, namespace, first)
	}
	if err := c.conn.server.cursors.register(made); err != nil {
		s.close()
		return nil, err
	}
	return cursorReply("firstBatch", made.id, namespace, first)
}

// watchArguments reads the argument of $changeStream and returns the position after which the stream begins.
func (c *command) watchArguments(ctx context.Context, docs *documents.Session, argument bson.RawValue, shape *shaping) (driver.Position, error) {
	options, err := asDocument("$changeStream", argument)
	if err != nil {
		return driver.Position{}, err
	}
	var after *driver.Position
	starts := 0
	for key, v := range statement(options) {
		switch key {
		case "resumeAfter", "startAfter":
			t, err := parseToken(key, v, docs.App())
			if err != nil {
				return driver.Position{}, err
			}
			if t.invalidate && key == "resumeAfter" {
				return driver.Position{}, failf(codeInvalidResumeToken, "resumeAfter: the stream ended there; use startAfter")
			}
			after, starts = &t.at, starts+1
		case "startAtOperationTime":
			if v.Type != bson.TypeTimestamp {
				return driver.Position{}, wrongType(key, v, "timestamp")
			}
			if c.conn.server.options.Remote {
				return driver.Position{}, failf(codeCommandNotSupported, "startAtOperationTime is not supported where documents are stored in MongoDB; connect there")
			}
			at, err := positionAt(ctx, docs, v)
			if err != nil {
				return driver.Position{}, err
			}
			after, starts = &at, starts+1
		case "fullDocument":
			text, err := asText(key, v)
			if err != nil {
				return driver.Position{}, err
			}
			switch text {
			case "default":
			case "updateLookup", "whenAvailable", "required":
				shape.full = true
			default:
				return driver.Position{}, failf(codeBadValue, "fullDocument: %q is not known", text)
			}
		case "fullDocumentBeforeChange":
			text, err := asText(key, v)
			if err != nil {
				return driver.Position{}, err
			}
			switch text {
			case "off":
			case "whenAvailable", "required":
				shape.before = true
			default:
				return driver.Position{}, failf(codeBadValue, "fullDocumentBeforeChange: %q is not known", text)
			}
		case "showExpandedEvents":
		default: // allChangesForCluster
			if err := refuseTrue("$changeStream."+key, v); err != nil {
				return driver.Position{}, err
			}
		}
	}
	if starts > 1 {
		return driver.Position{}, failf(codeBadValue, "$changeStream: give only one of resumeAfter, startAfter and startAtOperationTime")
	}
	if after != nil {
		return *after, nil
	}
	return docs.Position(ctx)
}

// positionAt returns the position before the first change at or after a time, by bisecting the log.
func positionAt(ctx context.Context, docs *documents.Session, at bson.RawValue) (driver.Position, error) {
	seconds, ordinal := at.Timestamp()
	end, err := docs.Position(ctx)
	if err != nil {
		return end, err
	}
	earlier := func(ch driver.Change) bool {
		t, i := clusterTime(ch.Time, ch.Position.Offset).Timestamp()
		return t < seconds || t == seconds && i < ordinal
	}
	low, high := uint64(0), end.Offset // the answer is in [low, high]
	cut := false                       // the log does not reach back to its beginning
	for low < high {
		middle := low + (high-low)/2
		ch, err := changeAfter(ctx, docs, driver.Position{Epoch: end.Epoch, Offset: middle})
		switch {
		case yunduo.ReasonOf(err) == yunduo.ReasonPositionLost:
			cut = true
			low = middle + 1
		case err != nil:
			return end, err
		case earlier(ch):
			cut = false
			low = ch.Position.Offset
		default:
			high = middle
		}
	}
	if cut && low < end.Offset { // unless the first that is kept is the one of that time
		first, err := changeAfter(ctx, docs, driver.Position{Epoch: end.Epoch, Offset: low})
		if err != nil {
			return end, err
		}
		t, i := clusterTime(first.Time, first.Position.Offset).Timestamp()
		cut = t != seconds || i != ordinal
	}
	if cut {
		return end, failf(codeHistoryLost, "startAtOperationTime: the change log does not reach back that far")
	}
	return driver.Position{Epoch: end.Epoch, Offset: low}, nil
}

func changeAfter(ctx context.Context, docs *documents.Session, at driver.Position) (driver.Change, error) {
	feed, err := docs.Changes(ctx, at)
	if err != nil {
		return driver.Change{}, err
	}
	defer feed.Close()
	return feed.Next(ctx)
}

// eventPipeline parses the stages after $changeStream, of which only those are allowed that look at one event.
func eventPipeline(stages []bson.Raw) (*pipeline.Pipeline, error) {
	if len(stages) == 0 {
		return nil, nil
	}
	for _, stage := range stages {
		switch name, _, _ := stageOf(stage); name {
		case "$match", "$project", "$addFields", "$set", "$unset", "$replaceRoot", "$replaceWith", "$redact":
		case "$changeStreamSplitLargeEvent":
			return nil, failf(codeUnknownStage, "$changeStreamSplitLargeEvent is not supported here")
		default:
			return nil, failf(codeIllegalOperation, "%s is not permitted in a $changeStream pipeline", name)
		}
	}
	return pipeline.Parse(stages)
}

// stream is a source of change events.
type stream struct {
	app      yunduo.AppID
	shape    shaping
	pipeline *pipeline.Pipeline

	changes chan change
	stop    context.CancelFunc
	stopped sync.WaitGroup

	last    driver.Position // of the last change that was looked at
	waiting []bson.Raw      // events that did not fit into the last batch
	ended   bool
}

type change struct {
	driver.Change
	err error
}

// readAhead is how many changes wait for their reader.
const readAhead = 16

// follow reads the feed in the background, so that waiting for it can end.
func (s *stream) follow(feed driver.Feed) {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.changes = cancel, make(chan change, readAhead)
	s.stopped.Go(func() {
		defer feed.Close()
		for {
			ch, err := feed.Next(ctx)
			select {
			case s.changes <- change{ch, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
}

func (s *stream) close() {
	s.stop()
	s.stopped.Wait()
}

// fill waits for the first event and takes along the others that are there.
func (s *stream) fill(ctx context.Context, b *batch, limit int64, wait time.Duration) (bool, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for limit == 0 || int64(b.n) < limit {
		if len(s.waiting) > 0 {
			if !b.add(s.waiting[0]) {
				break
			}
			s.waiting = s.waiting[1:]
			continue
		}
		if s.ended {
			break
		}
		ch, there, err := s.next(ctx, timer, b.n == 0 && wait > 0)
		if err != nil {
			return false, err
		}
		if !there {
			break
		}
		if err := s.take(ctx, ch); err != nil {
			return false, err
		}
	}
	b.after = token{app: s.app, at: s.last, invalidate: s.ended && len(s.waiting) == 0}.document()
	if len(s.waiting) > 0 { // where the reader stands is before what it has not got
		b.after = lastID(b, b.after)
	}
	return !s.ended || len(s.waiting) > 0, nil
}

// lastID is the token of the last event in a batch.
func lastID(b *batch, otherwise bson.Raw) bson.Raw {
	if b.n == 0 {
		return otherwise
	}
	last, _ := value.Element(value.EndDocument(append([]byte(nil), b.array...), 0), b.n-1)
	if id, found := value.Field(last.Value, "_id"); found {
		return id.Value
	}
	return otherwise
}

// next returns the next change, if there is one or if one comes while there is time.
func (s *stream) next(ctx context.Context, timer *time.Timer, wait bool) (ch driver.Change, there bool, err error) {
	var got change
	if wait {
		select {
		case got = <-s.changes:
		case <-timer.C:
			return ch, false, nil
		case <-ctx.Done():
			return ch, false, nil
		}
	} else {
		select {
		case got = <-s.changes:
		default:
			return ch, false, nil
		}
	}
	return got.Change, got.err == nil, got.err
}

// take makes events of a change, if the stream shows it.
func (s *stream) take(ctx context.Context, ch driver.Change) error {
	s.last = ch.Position
	replaced := ch.Replaces(s.shape.collection)
	if s.shape.collection != "" && ch.Collection != s.shape.collection && !replaced || s.shape.collection == "" && strings.HasPrefix(ch.Collection, "_") {
		return nil
	}
	var events []bson.Raw
	if ch.Kind != driver.ChangeAppear { // which MongoDB knows nothing of
		events = append(events, s.shape.event(s.app, ch))
	}
	if replaced {
		events = append(events, s.shape.invalidation(s.app, ch))
		s.ended = true
	}
	for _, event := range events {
		shown := []bson.Raw{event}
		if s.pipeline != nil {
			var err error
			if shown, err = pipeOne(ctx, s.pipeline, "events", event); err != nil {
				return err
			}
		}
		for _, e := range shown {
			if _, found := value.Field(e, "_id"); !found {
				return failf(codeChangeStreamFatalError, "the pipeline removed the _id of an event, which is its resume token")
			}
			s.waiting = append(s.waiting, e)
		}
	}
	return nil
}
