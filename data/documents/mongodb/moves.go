package mongodb

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/data/documents/driver"
)

// To drop a collection, to bring it back and to rename it is the same: MongoDB gives it another name, at once but in no
// transaction. So a record says beforehand what is about to be done, and what belongs to it - settings, trash, the entry in
// the change log - is one transaction afterwards, which takes the record away. Whoever finds a record whose collection has
// the new name does the rest.

type moveKind string

const (
	moveDrop   moveKind = "drop"
	moveUndrop moveKind = "undrop"
	moveRename moveKind = "rename"
)

type move struct {
	ID    bson.ObjectID `bson:"_id"`
	Kind  moveKind      `bson:"kind"`
	From  string        `bson:"from"`
	To    string        `bson:"to"`
	Trash int64         `bson:"trash,omitempty"` // the ID of the collection in the trash
	At    time.Time     `bson:"at"`
	// Expiring are the indexes by which documents expire. A collection in the trash has none.
	Expiring []bson.Raw `bson:"expiring,omitempty"`
}

// moveLife is how long a renaming may take that was announced; longer than anybody waits for it.
const moveLife = 5 * time.Minute

// move gives a collection another name. The caller holds the app's schema lock.
func (e *Engine) move(ctx context.Context, id yunduo.AppID, m move) error {
	m.ID, m.At = bson.NewObjectID(), time.Now()
	if _, err := e.own(id, movesCollection).InsertOne(ctx, m); err != nil {
		return failure(err)
	}
	e.Forget(driver.Namespace{App: id, Collection: m.From})
	database := e.database(id).Name()
	rename := bson.D{{Key: "renameCollection", Value: database + "." + m.From}, {Key: "to", Value: database + "." + m.To}}
	if err := e.client.Database("admin").RunCommand(ctx, rename).Err(); err != nil {
		if codeOf(err) != 0 { // it was refused; otherwise it may have happened
			_, gone := e.own(id, movesCollection).DeleteOne(context.WithoutCancel(ctx), bson.D{{Key: "_id", Value: m.ID}})
			return errors.Join(failure(err), failure(gone))
		}
		return failure(err)
	}
	return e.settle(ctx, id, m)
}

// settle does the rest when a collection has its new name.
func (e *Engine) settle(ctx context.Context, id yunduo.AppID, announced move) error {
	var err error
	switch announced.Kind {
	case moveDrop:
		err = e.stopExpiry(ctx, id, announced)
	case moveUndrop:
		err = e.resumeExpiry(ctx, id, announced)
	}
	if err != nil {
		return err
	}
	return e.transact(ctx, id, func(t *transaction) error {
		var m move
		err := e.own(id, movesCollection).FindOneAndDelete(t.within(ctx), bson.D{{Key: "_id", Value: announced.ID}}).Decode(&m)
		if errors.Is(err, mongo.ErrNoDocuments) { // another node was quicker
			return nil
		}
		if err != nil {
			return failure(err)
		}
		switch m.Kind {
		case moveDrop:
			return t.intoTrash(ctx, m)
		case moveUndrop:
			return t.outOfTrash(ctx, m)
		}
		return t.renamed(ctx, m)
	})
}

func (t *transaction) intoTrash(ctx context.Context, m move) error {
	kept, err := t.takeSettings(ctx, m.From)
	if err != nil {
		return err
	}
	record := trashed{ID: m.Trash, Name: m.From, Settings: kept, Dropped: m.At, Expiring: m.Expiring}
	if _, err := t.e.own(t.app, trashCollection).InsertOne(t.within(ctx), record); err != nil {
		return failure(err)
	}
	return t.note([]driver.Change{{Kind: driver.ChangeDrop, Collection: m.From}}, driver.WriteOptions{})
}

func (t *transaction) outOfTrash(ctx context.Context, m move) error {
	var record trashed
	err := t.e.own(t.app, trashCollection).FindOneAndDelete(t.within(ctx), bson.D{{Key: "_id", Value: m.Trash}}).Decode(&record)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) { // without it, it was about to be removed and came back before
		return failure(err)
	}
	if err := t.putSettings(ctx, m.To, record.Settings); err != nil {
		return err
	}
	epoch := bson.D{{Key: "$set", Value: bson.D{{Key: "value", Value: rand.Int64()}}}}
	if _, err := t.e.own(t.app, metaCollection).UpdateOne(t.within(ctx), bson.D{{Key: "_id", Value: "epoch"}}, epoch); err != nil {
		return failure(err)
	}
	t.renews = true
	return t.note([]driver.Change{{Kind: driver.ChangeAppear, Collection: m.To}}, driver.WriteOptions{})
}

func (t *transaction) renamed(ctx context.Context, m move) error {
	kept, err := t.takeSettings(ctx, m.From)
	if err != nil {
		return err
	}
	if err := t.putSettings(ctx, m.To, kept); err != nil {
		return err
	}
	return t.note([]driver.Change{{Kind: driver.ChangeRename, Collection: m.From, To: m.To}}, driver.WriteOptions{})
}

func (t *transaction) takeSettings(ctx context.Context, name string) (bson.Raw, error) {
	var kept settings
	err := t.e.own(t.app, settingsCollection).FindOneAndDelete(t.within(ctx), bson.D{{Key: "_id", Value: name}}).Decode(&kept)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	return kept.Settings, failure(err)
}

func (t *transaction) putSettings(ctx context.Context, name string, kept bson.Raw) error {
	if kept == nil {
		return nil
	}
	_, err := t.e.own(t.app, settingsCollection).ReplaceOne(t.within(ctx), bson.D{{Key: "_id", Value: name}}, settings{name, kept}, options.Replace().SetUpsert(true))
	return failure(err)
}

// stopExpiry takes the indexes away by which documents of a dropped collection would expire, and remembers them.
func (e *Engine) stopExpiry(ctx context.Context, id yunduo.AppID, m move) error {
	view := e.own(id, m.To).Indexes()
	cursor, err := view.List(ctx)
	if err != nil {
		return failure(err)
	}
	var specs []bson.Raw
	if err := cursor.All(ctx, &specs); err != nil {
		return failure(err)
	}
	specs = slices.DeleteFunc(specs, func(spec bson.Raw) bool { return spec.Lookup("expireAfterSeconds").Type == 0 })
	if len(specs) == 0 {
		return nil
	}
	remember := bson.D{{Key: "$addToSet", Value: bson.D{{Key: "expiring", Value: bson.D{{Key: "$each", Value: specs}}}}}}
	if _, err := e.own(id, movesCollection).UpdateOne(ctx, bson.D{{Key: "_id", Value: m.ID}}, remember); err != nil {
		return failure(err)
	}
	for _, spec := range specs {
		if err := view.DropOne(ctx, spec.Lookup("name").StringValue()); err != nil && codeOf(err) != codeIndexNotFound {
			return failure(err)
		}
	}
	return nil
}

// resumeExpiry makes these indexes again.
func (e *Engine) resumeExpiry(ctx context.Context, id yunduo.AppID, m move) error {
	var record trashed
	err := e.own(id, trashCollection).FindOne(ctx, bson.D{{Key: "_id", Value: m.Trash}}).Decode(&record)
	if errors.Is(err, mongo.ErrNoDocuments) { // another node was quicker
		return nil
	}
	if err != nil || len(record.Expiring) == 0 {
		return failure(err)
	}
	specs := bson.A{}
	for _, spec := range record.Expiring {
		definition := bson.D{}
		elements, err := spec.Elements()
		if err != nil {
			return failure(err)
		}
		for _, el := range elements {
			if el.Key() != "ns" && el.Key() != "v" {
				definition = append(definition, bson.E{Key: el.Key(), Value: el.Value()})
			}
		}
		specs = append(specs, definition)
	}
	return failure(e.database(id).RunCommand(ctx, bson.D{{Key: "createIndexes", Value: m.To}, {Key: "indexes", Value: specs}}).Err())
}

// finishMoves does the rest of what crashed nodes have begun.
func (e *Engine) finishMoves(ctx context.Context, id yunduo.AppID) error {
	cursor, err := e.own(id, movesCollection).Find(ctx, bson.D{})
	if err != nil {
		return failure(err)
	}
	var begun []move
	if err := cursor.All(ctx, &begun); err != nil {
		return failure(err)
	}
	for _, m := range begun {
		names, err := e.database(id).ListCollectionNames(ctx, bson.D{{Key: "name", Value: bson.D{{Key: "$in", Value: bson.A{m.From, m.To}}}}})
		if err != nil {
			return failure(err)
		}
		// Only a drop leaves a name that somebody else may use already.
		moved := slices.Contains(names, m.To) && (m.Kind == moveDrop || !slices.Contains(names, m.From))
		switch {
		case moved:
			err = e.settle(ctx, id, m)
		case time.Since(m.At) > moveLife:
			_, err = e.own(id, movesCollection).DeleteOne(ctx, bson.D{{Key: "_id", Value: m.ID}})
			err = failure(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// RenameCollection gives a collection another name.
func (e *Engine) RenameCollection(ctx context.Context, ns driver.Namespace, to string) error {
	if err := checkName(to); err != nil {
		return err
	}
	a, err := e.app(ctx, ns.App)
	if err != nil {
		return err
	}
	a.schema.Lock()
	defer a.schema.Unlock()
	if err := e.settled(ctx, ns); err != nil {
		return err
	}
	target := driver.Namespace{App: ns.App, Collection: to}
	if err := e.free(ctx, target); err != nil {
		return err
	}
	return e.move(ctx, ns.App, move{Kind: moveRename, From: ns.Collection, To: to})
}

// settled finishes what was begun and makes sure that a collection is there.
func (e *Engine) settled(ctx context.Context, ns driver.Namespace) error {
	if err := e.finishMoves(ctx, ns.App); err != nil {
		return err
	}
	exists, err := e.look(ctx, ns)
	if err == nil && !exists {
		err = missing(ns)
	}
	return err
}

// free makes sure that a collection is not there.
func (e *Engine) free(ctx context.Context, ns driver.Namespace) error {
	exists, err := e.look(ctx, ns)
	if err == nil && exists {
		err = yunduo.Errorf(yunduo.ReasonCollectionExists, "the collection %q exists already", ns.Collection)
	}
	return err
}
