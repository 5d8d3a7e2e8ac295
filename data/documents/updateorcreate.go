package documents

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
)

// guardCollection holds, in each app, a record of each collection that was given a document because none matched.
// Whoever does that changes the record in the same transaction, so that of two at once only one commits.
const guardCollection = "_creations"

// creationPatience is how long collisions with other nodes are tried again.
const creationPatience = 5 * time.Second

// UpdateOrCreate changes the first document that matches as Update does, or inserts another one if none does: of any
// number of callers at once, only one inserts. A plain Insert meanwhile is none of them. u has neither Multi, Upsert nor
// Return. In a transaction, whoever else would insert collides with it until its end; so end users cannot have it there.
// Reasons: those of Update and of Insert.
func (s *Session) UpdateOrCreate(ctx context.Context, collection string, u Update, create bson.Raw) (result driver.UpdateResult, err error) {
	if u.Multi || u.Upsert || u.Return != driver.ReturnNone {
		return result, yunduo.Errorf(yunduo.ReasonInvalidRequest, "create: a document to insert goes with the update of one, and not with multi or upsert")
	}
	ns, err := s.namespace(collection)
	if err != nil {
		return result, err
	}
	if s.tx != nil && s.caller.EndUser() {
		return result, yunduo.Errorf(yunduo.ReasonInvalidRequest, "create: not inside a transaction, except in functions")
	}
	result, err = s.Update(ctx, collection, u)
	if collided := s.tx == nil && yunduo.ReasonOf(err) == yunduo.ReasonTransactionConflict; !collided && (err != nil || result.Matched > 0) {
		return result, err
	}
	// Before anybody has to wait for it.
	made, ids, err := s.stamped(ctx, ns, []bson.Raw{create})
	if err != nil {
		return driver.UpdateResult{}, err
	}
	if s.tx != nil {
		return s.updateElseInsert(ctx, ns, u, made, ids[0])
	}
	unlock, err := s.db.creations.Lock(ctx, string(ns.App)+"/"+collection) // those of one node wait, and do not collide
	if err != nil {
		return result, err
	}
	defer unlock()
	for begun := time.Now(); ; {
		err = s.Transact(ctx, func(s *Session) error {
			result, err = s.updateElseInsert(ctx, ns, u, made, ids[0])
			return err
		})
		switch {
		case err == nil:
			return result, nil
		case yunduo.ReasonOf(err) != yunduo.ReasonTransactionConflict || time.Since(begun) > creationPatience:
			return driver.UpdateResult{}, err
		}
	}
}

// updateElseInsert does it inside a transaction, with a document that has been checked and stamped.
func (s *Session) updateElseInsert(ctx context.Context, ns driver.Namespace, u Update, made []bson.Raw, id bson.RawValue) (driver.UpdateResult, error) {
	if err := s.guardCreation(ctx, ns); err != nil {
		return driver.UpdateResult{}, err
	}
	result, err := s.Update(ctx, ns.Collection, u)
	if err != nil || result.Matched > 0 {
		return result, err
	}
	if err := s.insert(ctx, ns, made); err != nil {
		return driver.UpdateResult{}, err
	}
	return driver.UpdateResult{UpsertedID: id}, nil
}

// guardCreation makes the transaction collide with others that may insert into a collection because nothing matches.
func (s *Session) guardCreation(ctx context.Context, ns driver.Namespace) error {
	filter, err := query.ParseFilter(idFilter(stringValue(ns.Collection)))
	if err != nil {
		return err
	}
	one, err := bson.Marshal(bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: int64(1)}}}})
	if err != nil {
		return err
	}
	change, err := query.ParseUpdate(one)
	if err != nil {
		return err
	}
	at := driver.Namespace{App: ns.App, Collection: guardCollection}
	update := driver.Update{Filter: filter, Change: change, Upsert: true, NewID: stringValue(ns.Collection)}
	err = s.exclusively(ctx, func(ctx context.Context, on driver.Operations) error {
		_, err := on.Update(ctx, at, update, driver.WriteOptions{Actor: string(yunduo.RoleSystem), Silent: true})
		return err
	})
	switch yunduo.ReasonOf(err) {
	case yunduo.ReasonCollectionNotFound: // for the first time in this app
		if err := s.db.engine.CreateCollection(ctx, at, driver.CollectionOptions{}); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonCollectionExists {
			return err
		}
	case yunduo.ReasonDuplicateKey: // two make the record
	default:
		return err
	}
	return yunduo.Errorf(yunduo.ReasonTransactionConflict, "another document is being made in the collection %q because none matched; try again", ns.Collection)
}
