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

// PositionAt returns the position of the app's last change up to a moment.
func (e *Engine) PositionAt(ctx context.Context, id yunduo.AppID, at time.Time) (driver.Position, error) {
	o, err := e.arrange(ctx, id)
	if err != nil {
		return driver.Position{}, err
	}
	last, _, err := e.lastUpTo(ctx, id, o, at)
	if err != nil {
		return driver.Position{}, err
	}
	if last == o.From && o.Since.After(at) {
		return driver.Position{}, yunduo.Errorf(yunduo.ReasonPositionLost, "%s is too long ago: the change log reaches back to %s", at.UTC().Format(time.RFC3339), o.Since.UTC().Format(time.RFC3339))
	}
	return e.at(ctx, id, last)
}

func (e *Engine) at(ctx context.Context, id yunduo.AppID, position int64) (driver.Position, error) {
	epoch, err := e.epochOf(ctx, id)
	return driver.Position{Epoch: epoch, Offset: uint64(position)}, err
}

// LogStart returns the time of the oldest entry that is kept.
func (e *Engine) LogStart(ctx context.Context, id yunduo.AppID) (time.Time, error) {
	o, err := e.arrange(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	first, err := e.entryAfter(ctx, id, o.From, o.UpTo)
	if err != nil || first == nil {
		return time.Time{}, err
	}
	return first.Time.UTC(), nil
}

// Border returns where the commit ends that the change at an offset was part of.
func (e *Engine) Border(ctx context.Context, id yunduo.AppID, offset uint64) (driver.Position, error) {
	o, err := e.arrange(ctx, id)
	if err != nil {
		return driver.Position{}, err
	}
	if offset < uint64(o.From) || offset > uint64(o.UpTo) {
		return driver.Position{}, errPositionLost()
	}
	from := bson.D{{Key: "p", Value: bson.D{{Key: "$gte", Value: int64(offset)}, {Key: "$lte", Value: o.UpTo}}}}
	heads := options.Find().SetSort(bson.D{{Key: "p", Value: 1}}).SetProjection(bson.D{{Key: "p", Value: 1}, {Key: "m", Value: 1}}).SetBatchSize(2)
	found, err := e.own(id, logCollection).Find(ctx, from, heads)
	if err != nil {
		return driver.Position{}, failure(err)
	}
	defer found.Close(context.WithoutCancel(ctx))
	end := int64(offset)
	for more := false; found.Next(ctx); {
		var en entry
		if err := found.Decode(&en); err != nil {
			return driver.Position{}, failure(err)
		}
		if !more && en.Position != end { // between two commits
			break
		}
		if end, more = en.Position, en.More; !more {
			break
		}
	}
	if err := found.Err(); err != nil {
		return driver.Position{}, failure(err)
	}
	return e.at(ctx, id, end)
}

// ReadLog calls visit with the changes that q selects.
func (e *Engine) ReadLog(ctx context.Context, id yunduo.AppID, q driver.LogQuery, visit func(driver.Change) bool) (stopped uint64, err error) {
	o, err := e.known(ctx, id, q)
	if err != nil {
		return 0, err
	}
	r := logRead{e: e, app: id, low: max(int64(q.After), o.From), high: o.UpTo, newest: q.Newest}
	if q.Before > 0 && q.Before <= uint64(o.UpTo) {
		r.high = int64(q.Before) - 1
	}
	if r.low >= r.high {
		return 0, nil
	}
	if q.Examine > 0 {
		if stopped, err = r.bound(ctx, q.Examine); err != nil {
			return 0, err
		}
	}
	if r.epoch, err = e.epochOf(ctx, id); err != nil {
		return 0, err
	}
	last, err := r.each(ctx, q, visit)
	if last != 0 {
		stopped = last
	}
	return stopped, err
}

// known brings as much of the log into order as a query needs.
func (e *Engine) known(ctx context.Context, id yunduo.AppID, q driver.LogQuery) (arrangement, error) {
	if q.Before > 0 {
		return e.arrangedUpTo(ctx, id, q.Before-1)
	}
	return e.arrange(ctx, id)
}

// logRead reads a part of the log: entries after low and up to high.
type logRead struct {
	e         *Engine
	app       yunduo.AppID
	epoch     uint64
	low, high int64
	newest    bool
}

func (r *logRead) places() bson.E {
	return bson.E{Key: "p", Value: bson.D{{Key: "$gt", Value: r.low}, {Key: "$lte", Value: r.high}}}
}

func (r *logRead) sort() bson.D {
	if r.newest {
		return bson.D{{Key: "p", Value: -1}}
	}
	return bson.D{{Key: "p", Value: 1}}
}

// bound narrows what is read to so many entries and returns where it ends then, 0 if there are not more. It reads an index
// only.
func (r *logRead) bound(ctx context.Context, entries int64) (uint64, error) {
	var found entry
	err := r.e.own(r.app, logCollection).FindOne(ctx, bson.D{r.places()},
		options.FindOne().SetSort(r.sort()).SetSkip(entries-1).SetProjection(bson.D{{Key: "_id", Value: 0}, {Key: "p", Value: 1}})).Decode(&found)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	if err != nil {
		return 0, failure(err)
	}
	if r.newest {
		r.low = found.Position - 1
	} else {
		r.high = found.Position
	}
	return uint64(found.Position), nil
}

// each calls visit with the changes that q selects, and returns at which it ended that; 0 if it did not.
func (r *logRead) each(ctx context.Context, q driver.LogQuery, visit func(driver.Change) bool) (last uint64, err error) {
	wanted := bson.D{r.places(), {Key: "k", Value: bson.D{{Key: "$nin", Value: bson.A{kindPart, kindEpoch}}}}}
	if q.Collection != "" {
		named := bson.D{{Key: "c", Value: q.Collection}}
		if q.ID.Type != 0 {
			named = append(named, bson.E{Key: "i", Value: bson.D{{Key: "$in", Value: bson.A{q.ID, nil}}}}) // nil is the collection's own changes
		}
		wanted = append(wanted, bson.E{Key: "$or", Value: bson.A{named, bson.D{{Key: "r", Value: q.Collection}}}})
	}
	found, err := r.e.own(r.app, logCollection).Find(ctx, wanted, options.Find().SetSort(r.sort()))
	if err != nil {
		return 0, failure(err)
	}
	defer found.Close(context.WithoutCancel(ctx))
	for found.Next(ctx) {
		var en entry
		if err := found.Decode(&en); err != nil {
			return 0, failure(err)
		}
		c := en.change(driver.Position{Epoch: r.epoch, Offset: uint64(en.Position)})
		if c.Kind == driver.ChangeUpdate && c.Before == nil {
			if c.Before, err = r.part(ctx, en); err != nil {
				return 0, err
			}
		}
		if !visit(c) {
			return c.Position.Offset, nil
		}
	}
	return 0, failure(found.Err())
}

// part returns the earlier state of a document that an entry had no room for.
func (r *logRead) part(ctx context.Context, en entry) (bson.Raw, error) {
	var before entry
	earlier := options.FindOne().SetSort(bson.D{{Key: "p", Value: -1}})
	err := r.e.own(r.app, logCollection).FindOne(ctx, bson.D{{Key: "p", Value: bson.D{{Key: "$lt", Value: en.Position}}}}, earlier).Decode(&before)
	if errors.Is(err, mongo.ErrNoDocuments) || err == nil && before.Kind != kindPart {
		return nil, errPositionLost()
	}
	return before.Before, failure(err)
}
