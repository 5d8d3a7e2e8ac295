package mongodb

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/data/documents/driver"
)

var _ driver.Trash = (*Engine)(nil)

// trashed is a dropped collection, as it is kept. Its documents and indexes are in a collection named hiddenName.
type trashed struct {
	ID       int64      `bson:"_id"`
	Name     string     `bson:"name"`
	Settings bson.Raw   `bson:"settings,omitempty"`
	Dropped  time.Time  `bson:"dropped"`
	Expiring []bson.Raw `bson:"expiring,omitempty"`
}

func hiddenName(id int64) string { return droppedPrefix + strconv.FormatInt(id, 10) }

// newTrashID returns an ID that no dropped collection has. JSON knows it exactly.
func newTrashID() int64 { return time.Now().UnixMilli()*1000 + rand.Int64N(1000) }

// DropCollection puts a collection with its documents and indexes into the trash.
func (e *Engine) DropCollection(ctx context.Context, ns driver.Namespace) error {
	a, err := e.app(ctx, ns.App)
	if err != nil {
		return err
	}
	a.schema.Lock()
	defer a.schema.Unlock()
	if err := e.settled(ctx, ns); err != nil {
		return err
	}
	id := newTrashID()
	if err := e.move(ctx, ns.App, move{Kind: moveDrop, From: ns.Collection, To: hiddenName(id), Trash: id}); err != nil {
		return err
	}
	if e.options.TrashAge > 0 {
		return nil
	}
	return e.Purge(ctx, ns.App, uint64(id))
}

// Dropped lists what can be brought back, the last dropped first.
func (e *Engine) Dropped(ctx context.Context, id yunduo.AppID) ([]driver.Dropped, error) {
	if _, err := e.app(ctx, id); err != nil {
		return nil, err
	}
	if err := e.finishMoves(ctx, id); err != nil {
		return nil, err
	}
	cursor, err := e.own(id, trashCollection).Find(ctx, bson.D{}, options.Find().SetSort(bson.D{{Key: "dropped", Value: -1}, {Key: "_id", Value: -1}}))
	if err != nil {
		return nil, failure(err)
	}
	var records []trashed
	if err := cursor.All(ctx, &records); err != nil {
		return nil, failure(err)
	}
	list := []driver.Dropped{}
	for _, t := range records {
		hidden := driver.Namespace{App: id, Collection: hiddenName(t.ID)}
		d := driver.Dropped{ID: uint64(t.ID), DroppedAt: t.Dropped.UTC(), Until: t.Dropped.UTC().Add(e.options.TrashAge)}
		if d.CollectionInfo, err = e.sizes(ctx, hidden); err == nil {
			d.Indexes, err = e.indexesOf(ctx, hidden, t.Expiring)
		}
		if yunduo.ReasonOf(err) == yunduo.ReasonCollectionNotFound {
			continue // it is being removed for good
		}
		if err != nil {
			return nil, err
		}
		d.Name, d.Settings = t.Name, t.Settings
		list = append(list, d)
	}
	return list, nil
}

func (e *Engine) dropped(ctx context.Context, id yunduo.AppID, number uint64) (t trashed, err error) {
	if _, err := e.app(ctx, id); err != nil {
		return t, err
	}
	err = e.own(id, trashCollection).FindOne(ctx, bson.D{{Key: "_id", Value: int64(number)}}).Decode(&t)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return t, yunduo.Errorf(yunduo.ReasonCollectionNotFound, "there is no dropped collection %d", number)
	}
	return t, failure(err)
}

// Undrop brings a dropped collection back.
func (e *Engine) Undrop(ctx context.Context, id yunduo.AppID, number uint64, name string) error {
	t, err := e.dropped(ctx, id, number)
	if err != nil {
		return err
	}
	if err := checkName(name); err != nil {
		return err
	}
	a, err := e.app(ctx, id)
	if err != nil {
		return err
	}
	a.schema.Lock()
	defer a.schema.Unlock()
	ns := driver.Namespace{App: id, Collection: name}
	if err := errors.Join(e.finishMoves(ctx, id), e.free(ctx, ns)); err != nil {
		return err
	}
	if err := e.move(ctx, id, move{Kind: moveUndrop, From: hiddenName(t.ID), To: name, Trash: t.ID}); err != nil {
		return err
	}
	e.remember(a, name)
	return nil
}

// Purge removes a dropped collection for good.
func (e *Engine) Purge(ctx context.Context, id yunduo.AppID, number uint64) error {
	t, err := e.dropped(ctx, id, number)
	if err != nil {
		return err
	}
	// The documents first: a record without them is removed with the next look at the trash.
	if err := e.own(id, hiddenName(t.ID)).Drop(ctx); err != nil {
		return failure(err)
	}
	_, err = e.own(id, trashCollection).DeleteOne(ctx, bson.D{{Key: "_id", Value: t.ID}})
	return failure(err)
}

// emptyTrash removes what was dropped too long ago.
func (e *Engine) emptyTrash(ctx context.Context, id yunduo.AppID) error {
	if _, err := e.app(ctx, id); err != nil {
		return err
	}
	oldest := time.Now().Add(-max(e.options.TrashAge, 0))
	cursor, err := e.own(id, trashCollection).Find(ctx, bson.D{})
	if err != nil {
		return failure(err)
	}
	var records []trashed
	if err := cursor.All(ctx, &records); err != nil {
		return failure(err)
	}
	names, err := e.database(id).ListCollectionNames(ctx, bson.D{{Key: "name", Value: bson.D{{Key: "$regex", Value: "^" + strings.ReplaceAll(droppedPrefix, ".", `\.`)}}}})
	if err != nil {
		return failure(err)
	}
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
	}
	for _, t := range records {
		if t.Dropped.After(oldest) && there[hiddenName(t.ID)] {
			continue
		}
		if err := e.Purge(ctx, id, uint64(t.ID)); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonCollectionNotFound {
			return err
		}
	}
	return nil
}
