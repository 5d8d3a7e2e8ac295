package mongodb

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query/collation"
)

// CreateIndex builds an index and returns when it is in use.
func (e *Engine) CreateIndex(ctx context.Context, ns driver.Namespace, index driver.Index) error {
	if err := checkIndex(index); err != nil {
		return err
	}
	if err := e.require(ctx, ns); err != nil {
		return err
	}
	o := options.Index().SetName(index.Name)
	if index.Unique {
		o.SetUnique(true)
	}
	if index.Sparse {
		o.SetSparse(true)
	}
	if index.Partial != nil {
		o.SetPartialFilterExpression(index.Partial)
	}
	by, err := collation.Parse(index.Collation)
	if err != nil {
		return yunduo.Wrap(err, yunduo.ReasonInvalidIndex, "index %q: %s", index.Name, yunduo.AsError(err).Message)
	}
	texts, err := collationIn(by, true)
	if err != nil {
		return err
	}
	o.SetCollation(texts)
	if index.ExpireAfter > 0 {
		o.SetExpireAfterSeconds(int32(index.ExpireAfter / time.Second))
	}
	_, err = e.collection(ns).Indexes().CreateOne(ctx, mongo.IndexModel{Keys: index.Key(), Options: o})
	if codeOf(err) == codeIndexOptionsConflict { // an equal one under another name is one more index elsewhere
		existing, listErr := e.Indexes(ctx, ns)
		if listErr == nil && !slices.ContainsFunc(existing, func(i driver.Index) bool { return i.Name == index.Name }) {
			return nil
		}
	}
	if codeOf(err) == codeBadValue { // of a document: the definition was checked
		return failed(err, yunduo.ReasonInvalidDocument)
	}
	return failed(err, yunduo.ReasonInvalidIndex)
}

func checkIndex(index driver.Index) error {
	if index.Name == "" || index.Name == "_id_" || len(index.Fields) == 0 || index.ExpireAfter < 0 {
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "an index needs a name other than _id_, fields, and no negative time to expiry")
	}
	seen := map[string]bool{}
	for _, f := range index.Fields {
		if f.Path == "" || seen[f.Path] || strings.HasPrefix(f.Path, "$") || slices.Contains(strings.Split(f.Path, "."), "") {
			return yunduo.Errorf(yunduo.ReasonInvalidIndex, "index %q: the path %.60q is empty in a part, begins with $ or is given twice", index.Name, f.Path)
		}
		seen[f.Path] = true
	}
	return nil
}

// DropIndex removes an index.
func (e *Engine) DropIndex(ctx context.Context, ns driver.Namespace, name string) error {
	if err := e.require(ctx, ns); err != nil {
		return err
	}
	return failure(e.collection(ns).Indexes().DropOne(ctx, name))
}

// Indexes lists a collection's indexes by name.
func (e *Engine) Indexes(ctx context.Context, ns driver.Namespace) ([]driver.Index, error) {
	if err := e.require(ctx, ns); err != nil {
		return nil, err
	}
	return e.indexesOf(ctx, ns, nil)
}

// indexesOf is Indexes for a collection that may be in the trash, without some of its indexes.
func (e *Engine) indexesOf(ctx context.Context, ns driver.Namespace, removed []bson.Raw) ([]driver.Index, error) {
	cursor, err := e.collection(ns).Indexes().List(ctx)
	if err != nil {
		return nil, failure(err)
	}
	type spec struct {
		Key     bson.D   `bson:"key"`
		Name    string   `bson:"name"`
		Unique  bool     `bson:"unique"`
		Sparse  bool     `bson:"sparse"`
		Expire  int64    `bson:"expireAfterSeconds"`
		Partial bson.Raw `bson:"partialFilterExpression"`
		Texts   bson.Raw `bson:"collation"`
	}
	var specs []spec
	if err := cursor.All(ctx, &specs); err != nil {
		return nil, failure(err)
	}
	for _, raw := range removed {
		var s spec
		if err := bson.Unmarshal(raw, &s); err != nil {
			return nil, failure(err)
		}
		specs = append(specs, s)
	}
	list := []driver.Index{}
	for _, s := range specs {
		if s.Name == "_id_" {
			continue
		}
		index := driver.Index{Name: s.Name, Unique: s.Unique, Sparse: s.Sparse, Partial: s.Partial, Collation: s.Texts, ExpireAfter: time.Duration(s.Expire) * time.Second}
		for _, f := range s.Key {
			field := driver.IndexField{Path: f.Key}
			switch v := f.Value.(type) {
			case string:
				field.Kind = v
			case int32:
				field.Descending = v < 0
			case int64:
				field.Descending = v < 0
			case float64:
				field.Descending = v < 0
			}
			index.Fields = append(index.Fields, field)
		}
		list = append(list, index)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list, nil
}
