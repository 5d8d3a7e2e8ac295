package mongodb

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/data/documents/driver"
)

// Where an entry of the log stands is known to MongoDB alone, and only as long as its oplog reaches back. So the positions
// are written into the entries afterwards, in batches: by the upkeep of the nodes, and by whoever wants to read the past.
// It does not matter who does it or how often: each entry has but one position.

// arrangement is how far the log is in order, as it is kept.
type arrangement struct {
	From  int64     `bson:"from"`  // nothing is to be read up to this position
	Since time.Time `bson:"since"` // when it was so
	UpTo  int64     `bson:"upTo"`  // every entry up to this position has its position in it
	Time  time.Time `bson:"time"`  // of the last of them
}

// orderBatch is how many entries get their positions at a time.
const orderBatch = 500

var orderID = bson.D{{Key: "_id", Value: "order"}}

// beforeMade is how long before an app was made its log is taken to begin, to be sure.
const beforeMade = time.Minute

// beginOrder makes the record of a log that nobody has brought into order yet, and the index of its order.
func (e *Engine) beginOrder(ctx context.Context, id yunduo.AppID) error {
	order := mongo.IndexModel{Keys: bson.D{{Key: "p", Value: 1}}, Options: options.Index().SetName("order").SetSparse(true)}
	if _, err := e.own(id, logCollection).Indexes().CreateOne(ctx, order); err != nil {
		return failure(err)
	}
	var epoch struct {
		Made time.Time `bson:"made"`
	}
	err := e.own(id, metaCollection).FindOne(ctx, bson.D{{Key: "_id", Value: "epoch"}}).Decode(&epoch)
	if errors.Is(err, mongo.ErrNoDocuments) { // another node has removed the app
		return errPositionLost()
	}
	if err != nil {
		return failure(err)
	}
	here := int64(offsetOf(bson.Timestamp{T: uint32(epoch.Made.Add(-beforeMade).Unix())}, 0))
	begun := bson.D{{Key: "$setOnInsert", Value: arrangement{From: here, Since: epoch.Made, UpTo: here, Time: epoch.Made}}}
	_, err = e.own(id, metaCollection).UpdateOne(ctx, orderID, begun, options.UpdateOne().SetUpsert(true))
	return failure(err)
}

// heads opens a change stream on the log that leaves out documents.
func (e *Engine) heads(ctx context.Context, id yunduo.AppID, from *bson.Timestamp) (*mongo.ChangeStream, error) {
	return e.stream(ctx, id, from, bson.D{{Key: "$project", Value: bson.D{
		{Key: "operationType", Value: 1}, {Key: "clusterTime", Value: 1}, {Key: "fullDocument._id", Value: 1}, {Key: "fullDocument.n", Value: 1},
		{Key: "fullDocument.k", Value: 1}, {Key: "fullDocument.t", Value: 1},
	}}})
}

// mark writes a mark into the log, gives visit what the stream has before it and returns the time of the mark.
func (e *Engine) mark(ctx context.Context, id yunduo.AppID, s *mongo.ChangeStream, visit func(logged) error) (bson.Timestamp, error) {
	mark := e.newMark()
	if _, err := e.own(id, logCollection).InsertOne(ctx, mark); err != nil {
		return bson.Timestamp{}, failure(err)
	}
	for {
		ev, err := next(ctx, s)
		if err != nil {
			return bson.Timestamp{}, err
		}
		if ev.Entry.ID == mark.ID {
			return ev.At, nil
		}
		if visit != nil && ev.Entry.Kind != kindMark {
			if err := visit(ev); err != nil {
				return bson.Timestamp{}, err
			}
		}
	}
}

// arrange brings everything that was committed so far into arrangement, and forgets what is too old.
func (e *Engine) arrange(ctx context.Context, id yunduo.AppID) (arrangement, error) {
	a, err := e.app(ctx, id)
	if err != nil {
		return arrangement{}, err
	}
	a.ordering.Lock()
	defer a.ordering.Unlock()
	a.unordered.Store(false)
	o, err := e.arranged(ctx, id)
	if err == nil {
		var now time.Time
		if now, err = e.arrangeFrom(ctx, id, &o); err == nil {
			err = e.trim(ctx, id, &o, now)
		}
	}
	if err != nil {
		a.unordered.Store(true)
		return arrangement{}, err
	}
	a.order = o
	return o, nil
}

// arrangedUpTo is arrange for who needs the entries up to a position only.
func (e *Engine) arrangedUpTo(ctx context.Context, id yunduo.AppID, offset uint64) (arrangement, error) {
	a, err := e.app(ctx, id)
	if err != nil {
		return arrangement{}, err
	}
	a.ordering.Lock()
	known := a.order
	a.ordering.Unlock()
	if known.UpTo != 0 && offset <= uint64(known.UpTo) {
		return known, nil
	}
	return e.arrange(ctx, id)
}

func (e *Engine) arranged(ctx context.Context, id yunduo.AppID) (o arrangement, err error) {
	err = e.own(id, metaCollection).FindOne(ctx, orderID).Decode(&o)
	if errors.Is(err, mongo.ErrNoDocuments) {
		if err := e.beginOrder(ctx, id); err != nil {
			return o, err
		}
		err = e.own(id, metaCollection).FindOne(ctx, orderID).Decode(&o)
	}
	return o, failure(err)
}

// arrangeFrom goes on behind o, and returns the server's time.
func (e *Engine) arrangeFrom(ctx context.Context, id yunduo.AppID, o *arrangement) (now time.Time, err error) {
	from := timeOf(uint64(o.UpTo))
	s, err := e.heads(ctx, id, &from)
	if yunduo.ReasonOf(err) == yunduo.ReasonPositionLost {
		return e.bridge(ctx, id, o)
	}
	if err != nil {
		return now, err
	}
	defer s.Close(context.WithoutCancel(ctx))
	w := &arranger{e: e, app: id, order: *o}
	at, err := e.mark(ctx, id, s, func(ev logged) error { return w.take(ctx, ev) })
	if err != nil {
		return now, err
	}
	*o, err = w.finish(ctx, at)
	return time.Unix(int64(at.T), 0), err
}

// arranger writes positions into entries that it is given in the order of the log.
type arranger struct {
	e       *Engine
	app     yunduo.AppID
	order   arrangement
	pending []mongo.WriteModel
}

func (w *arranger) take(ctx context.Context, ev logged) error {
	at := int64(offsetOf(ev.At, ev.Entry.N))
	if at <= w.order.UpTo {
		return nil
	}
	set := bson.D{{Key: "p", Value: at}}
	if ev.Entry.Time.Before(w.order.Time) { // the clock of that node is behind: the order of times is that of the log
		set = append(set, bson.E{Key: "t", Value: w.order.Time})
	} else {
		w.order.Time = ev.Entry.Time
	}
	w.order.UpTo = at
	w.pending = append(w.pending, mongo.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: ev.Entry.ID}}).SetUpdate(bson.D{{Key: "$set", Value: set}}))
	if len(w.pending) < orderBatch {
		return nil
	}
	return w.flush(ctx)
}

// flush writes the positions and up to where they are written, at once.
func (w *arranger) flush(ctx context.Context) error {
	err := w.e.transact(ctx, w.app, func(t *transaction) error {
		if len(w.pending) > 0 {
			if _, err := w.e.own(w.app, logCollection).BulkWrite(t.within(ctx), w.pending, options.BulkWrite().SetOrdered(false)); err != nil {
				return failure(err)
			}
		}
		behind := bson.D{{Key: "_id", Value: "order"}, {Key: "upTo", Value: bson.D{{Key: "$lt", Value: w.order.UpTo}}}}
		set := bson.D{{Key: "$set", Value: bson.D{{Key: "upTo", Value: w.order.UpTo}, {Key: "time", Value: w.order.Time}}}}
		_, err := w.e.own(w.app, metaCollection).UpdateOne(t.within(ctx), behind, set)
		return failure(err)
	})
	w.pending = w.pending[:0]
	return err
}

// finish writes what is left, and that everything up to a mark has its position.
func (w *arranger) finish(ctx context.Context, mark bson.Timestamp) (arrangement, error) {
	w.order.UpTo = max(w.order.UpTo, int64(offsetOf(mark, 0)))
	return w.order, w.flush(ctx)
}

// bridge goes on where the oplog does not reach back to where the order ends. If entries were written since, nobody can tell
// their places: the past that can be read begins behind them.
func (e *Engine) bridge(ctx context.Context, id yunduo.AppID, o *arrangement) (now time.Time, err error) {
	s, err := e.heads(ctx, id, nil)
	if err != nil {
		return now, err
	}
	defer s.Close(context.WithoutCancel(ctx))
	var seen []logged
	known := bson.A{}
	at, err := e.mark(ctx, id, s, func(ev logged) error {
		seen, known = append(seen, ev), append(known, ev.Entry.ID)
		return nil
	})
	if err != nil {
		return now, err
	}
	lost := bson.D{
		{Key: "p", Value: bson.D{{Key: "$exists", Value: false}}}, {Key: "k", Value: bson.D{{Key: "$ne", Value: kindMark}}}, {Key: "_id", Value: bson.D{{Key: "$nin", Value: known}}},
	}
	var newest entry
	err = e.own(id, logCollection).FindOne(ctx, lost, options.FindOne().SetSort(bson.D{{Key: "t", Value: -1}}).SetProjection(bson.D{{Key: "t", Value: 1}})).Decode(&newest)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return now, failure(err)
	}
	w := &arranger{e: e, app: id, order: *o}
	if err == nil {
		e.logger.WarnContext(ctx, "the deployment's oplog is too short for the order of the change log; the history of the app begins anew", "app", id)
		w.order.UpTo = int64(offsetOf(at, 0))
		if len(seen) > 0 {
			w.order.UpTo = int64(offsetOf(seen[0].At, seen[0].Entry.N)) - 1
		}
		w.order.Time = maxTime(w.order.Time, newest.Time)
		if w.order.From, w.order.Since, err = e.forgetUpTo(ctx, id, w.order.UpTo, w.order.Time); err != nil {
			return now, err
		}
	}
	for _, ev := range seen {
		if err := w.take(ctx, ev); err != nil {
			return now, err
		}
	}
	*o, err = w.finish(ctx, at)
	return time.Unix(int64(at.T), 0), err
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// forgetUpTo writes down that nothing is to be read up to a position.
func (e *Engine) forgetUpTo(ctx context.Context, id yunduo.AppID, from int64, since time.Time) (int64, time.Time, error) {
	before := bson.D{{Key: "_id", Value: "order"}, {Key: "from", Value: bson.D{{Key: "$lt", Value: from}}}}
	_, err := e.own(id, metaCollection).UpdateOne(ctx, before, bson.D{{Key: "$set", Value: bson.D{{Key: "from", Value: from}, {Key: "since", Value: since}}}})
	return from, since, failure(err)
}

// trim removes the entries that are too old. Who reads them finds out by from, which is written first.
func (e *Engine) trim(ctx context.Context, id yunduo.AppID, o *arrangement, now time.Time) error {
	limit := now.Add(-e.options.LogAge)
	oldest, err := e.entryAfter(ctx, id, o.From, o.UpTo)
	if err != nil || oldest == nil || oldest.Time.After(limit) {
		return err
	}
	last, at, err := e.lastUpTo(ctx, id, *o, limit)
	if err != nil {
		return err
	}
	if o.From, o.Since, err = e.forgetUpTo(ctx, id, last, at); err != nil {
		return err
	}
	_, err = e.own(id, logCollection).DeleteMany(ctx, bson.D{{Key: "p", Value: bson.D{{Key: "$lte", Value: last}}}})
	return failure(err)
}

// entryAfter returns the position and time of the first entry after one position and up to another; nil if there is none.
func (e *Engine) entryAfter(ctx context.Context, id yunduo.AppID, after, upTo int64) (*entry, error) {
	var found entry
	places := bson.D{{Key: "p", Value: bson.D{{Key: "$gt", Value: after}, {Key: "$lte", Value: upTo}}}}
	err := e.own(id, logCollection).FindOne(ctx, places, options.FindOne().SetSort(bson.D{{Key: "p", Value: 1}}).SetProjection(bson.D{{Key: "p", Value: 1}, {Key: "t", Value: 1}})).Decode(&found)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	return &found, failure(err)
}

// lastUpTo returns the position and time of the last entry up to a moment, by bisection; where the log begins if there is
// none.
func (e *Engine) lastUpTo(ctx context.Context, id yunduo.AppID, o arrangement, moment time.Time) (position int64, at time.Time, err error) {
	low, high := o.From, o.UpTo
	at = o.Since
	for low < high {
		middle := low + (high-low)/2
		found, err := e.entryAfter(ctx, id, middle, high)
		switch {
		case err != nil:
			return 0, at, err
		case found == nil || found.Time.After(moment):
			high = middle
		default:
			low, at = found.Position, found.Time
		}
	}
	return low, at, nil
}

var _ driver.Historian = (*Engine)(nil)
