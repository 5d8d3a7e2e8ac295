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
	return before, t.rewrite(ctx, ns, u, before)
}

// rewrite stores what the update makes of a document.
func (t *transaction) rewrite(ctx context.Context, ns driver.Namespace, u driver.Update, before bson.Raw) error {
	after, differs, err := u.Change.Apply(before, query.ApplyContext{Now: time.Now(), Filter: u.Filter})
	if err != nil || !differs {
		return err
	}
	_, err = t.e.collection(ns).ReplaceOne(t.within(ctx), bson.D{{Key: "_id", Value: idOf(before)}}, after)
	return failed(err, yunduo.ReasonUpdateNotApplicable)
}
