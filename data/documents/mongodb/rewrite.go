package mongodb

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
)

// Some updates cannot be said in MongoDB's language. They are computed here, on documents that the transaction has
// read, and stored as replacements: a conflict is noticed as with any other write.

// rewriteOne changes the first document that matches and returns it as it was; mongo.ErrNoDocuments if there is none.
func (t *transaction) rewriteOne(ctx context.Context, ns driver.Namespace, u driver.Update, by *options.Collation) (bson.Raw, error) {
	o := options.FindOne().SetCollation(by)
	if s := order(u.Sort, u.Filter); s != nil {
		o.SetSort(s)
	}
	before, err := t.e.collection(ns).FindOne(t.within(ctx), u.Filter.Raw(), o).Raw()
	if err != nil {
		return nil, err
	}
	_, err = t.rewrite(ctx, ns, u, before)
	return before, err
}

// rewrite stores what the update makes of a document.
func (t *transaction) rewrite(ctx context.Context, ns driver.Namespace, u driver.Update, before bson.Raw) (bson.Raw, error) {
	after, differs, err := u.Change.Apply(before, query.ApplyContext{Now: time.Now(), Filter: u.Filter})
	if err != nil || !differs {
		return before, err
	}
	_, err = t.e.collection(ns).ReplaceOne(t.within(ctx), bson.D{{Key: "_id", Value: idOf(before)}}, after)
	return after, failed(err, yunduo.ReasonUpdateNotApplicable)
}

func (t *transaction) rewriteSome(ctx context.Context, ns driver.Namespace, u driver.Update, docs []bson.Raw, o driver.WriteOptions) (r driver.UpdateResult, err error) {
	var changes []driver.Change
	for _, before := range docs {
		after, err := t.rewrite(ctx, ns, u, before)
		if err != nil {
			return r, err
		}
		r.Matched++
		if string(after) != string(before) {
			r.Modified++
			changes = append(changes, driver.Change{Kind: driver.ChangeUpdate, Collection: ns.Collection, ID: idOf(before), Document: after, Before: before})
		}
	}
	return r, t.log(ctx, changes, o)
}
