package mongodb

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/data/documents/driver"
)

// settings of a collection, as they are kept.
type settings struct {
	Name     string   `bson:"_id"`
	Settings bson.Raw `bson:"settings"`
}

// CreateCollection makes an empty collection.
func (e *Engine) CreateCollection(ctx context.Context, ns driver.Namespace, o driver.CollectionOptions) error {
	if err := checkName(ns.Collection); err != nil {
		return err
	}
	a, err := e.app(ctx, ns.App)
	if err != nil {
		return err
	}
	a.schema.Lock()
	defer a.schema.Unlock()
	if err := e.finishMoves(ctx, ns.App); err != nil { // the drop of an earlier one of this name belongs before
		return err
	}
	// The settings first: a crash between the two leaves settings of nothing, which the next creation overwrites.
	if err := e.keepSettings(ctx, ns, o.Settings); err != nil {
		return err
	}
	if err := e.database(ns.App).CreateCollection(ctx, ns.Collection); err != nil {
		return failure(err)
	}
	e.remember(a, ns.Collection)
	return nil
}

func (e *Engine) keepSettings(ctx context.Context, ns driver.Namespace, raw bson.Raw) error {
	if err := e.free(ctx, ns); err != nil {
		return err
	}
	var err error
	kept, id := e.own(ns.App, settingsCollection), bson.D{{Key: "_id", Value: ns.Collection}}
	if raw == nil {
		_, err = kept.DeleteOne(ctx, id)
	} else {
		_, err = kept.ReplaceOne(ctx, id, settings{ns.Collection, raw}, options.Replace().SetUpsert(true))
	}
	return failure(err)
}

func checkName(name string) error {
	if name == "" || len(name) > 255 || strings.ContainsAny(name, "\x00$") || strings.HasPrefix(name, ownPrefix) || strings.HasPrefix(name, "system.") {
		return yunduo.Errorf(yunduo.ReasonInvalidCollectionName, "%.60q cannot name a collection", name)
	}
	return nil
}

func missing(ns driver.Namespace) error {
	return yunduo.Errorf(yunduo.ReasonCollectionNotFound, "there is no collection %q", ns.Collection)
}

func (e *Engine) remember(a *app, collection string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a.known[collection] = time.Now()
}

// require returns collection_not_found unless the collection is there, or was a moment ago.
func (e *Engine) require(ctx context.Context, ns driver.Namespace) error {
	a, err := e.app(ctx, ns.App)
	if err != nil {
		return err
	}
	e.mu.Lock()
	seen := a.known[ns.Collection]
	e.mu.Unlock()
	if time.Since(seen) < freshness {
		return nil
	}
	exists, err := e.look(ctx, ns)
	if err != nil {
		return err
	}
	if !exists {
		return missing(ns)
	}
	e.remember(a, ns.Collection)
	return nil
}

// look asks whether a collection is there.
func (e *Engine) look(ctx context.Context, ns driver.Namespace) (bool, error) {
	if checkName(ns.Collection) != nil {
		return false, nil
	}
	names, err := e.database(ns.App).ListCollectionNames(ctx, bson.D{{Key: "name", Value: ns.Collection}})
	return len(names) > 0, failure(err)
}

// Collections lists an app's collections by name.
func (e *Engine) Collections(ctx context.Context, id yunduo.AppID) ([]driver.CollectionInfo, error) {
	names, err := e.database(id).ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return nil, failure(err)
	}
	slices.Sort(names)
	kept := map[string]bson.Raw{}
	if len(names) > 0 {
		cursor, err := e.own(id, settingsCollection).Find(ctx, bson.D{})
		if err != nil {
			return nil, failure(err)
		}
		var all []settings
		if err := cursor.All(ctx, &all); err != nil {
			return nil, failure(err)
		}
		for _, s := range all {
			kept[s.Name] = s.Settings
		}
	}
	infos := []driver.CollectionInfo{}
	for _, name := range names {
		if checkName(name) != nil {
			continue
		}
		info, err := e.sizes(ctx, driver.Namespace{App: id, Collection: name})
		if yunduo.ReasonOf(err) == yunduo.ReasonCollectionNotFound {
			continue // dropped meanwhile
		}
		if err != nil {
			return nil, err
		}
		info.Settings = kept[name]
		infos = append(infos, info)
	}
	return infos, nil
}

func (e *Engine) sizes(ctx context.Context, ns driver.Namespace) (driver.CollectionInfo, error) {
	info := driver.CollectionInfo{Name: ns.Collection}
	cursor, err := e.collection(ns).Aggregate(ctx, mongo.Pipeline{{{Key: "$collStats", Value: bson.D{{Key: "storageStats", Value: bson.D{}}}}}})
	if err != nil {
		return info, failure(err)
	}
	var shards []struct {
		Storage struct {
			Count          int64 `bson:"count"`
			Size           int64 `bson:"size"`
			TotalIndexSize int64 `bson:"totalIndexSize"`
			IndexSizes     map[string]int64
		} `bson:"storageStats"`
	}
	if err := cursor.All(ctx, &shards); err != nil {
		return info, failure(err)
	}
	for _, s := range shards {
		info.Documents += s.Storage.Count
		info.Bytes += s.Storage.Size
		info.IndexBytes += s.Storage.TotalIndexSize - s.Storage.IndexSizes["_id_"]
	}
	return info, nil
}

// DropApp removes an app's database. Who follows its changes has to read again.
func (e *Engine) DropApp(ctx context.Context, id yunduo.AppID) error {
	e.Forget(driver.Namespace{App: id})
	return failure(e.database(id).Drop(ctx))
}

// Forget drops what is known of a collection or an app.
func (e *Engine) Forget(ns driver.Namespace) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.apps[ns.App]
	switch {
	case a == nil:
	case ns.Collection != "":
		delete(a.known, ns.Collection)
	default: // who follows the log finds out there if the app is gone
		clear(a.known)
		a.doubtful = true
	}
}
