package documents

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/rules"
)

// droppedPrefix begins the name under which the rules of a dropped collection are kept. No collection has such a name.
const droppedPrefix = "dropped:"

// Dropped lists the dropped collections that can still be brought back, the last dropped first. Only who manages the app
// may. Reasons: permission_denied, unsupported_call.
func (s *Session) Dropped(ctx context.Context) ([]driver.Dropped, error) {
	trash, err := s.trash()
	if err != nil {
		return nil, err
	}
	list, err := trash.Dropped(ctx, s.app)
	if s.caller.Role != yunduo.RoleSystem {
		list = slices.DeleteFunc(list, func(d driver.Dropped) bool { return strings.HasPrefix(d.Name, "_") })
	}
	return list, err
}

// Undrop brings a dropped collection back with its documents, indexes and rules: under its name, unless another one is
// given. Only who manages the app may. Reasons: permission_denied, collection_not_found, collection_exists,
// invalid_collection_name, unsupported_call.
func (s *Session) Undrop(ctx context.Context, id uint64, name string) error {
	trash, dropped, err := s.fromTrash(ctx, id)
	if err != nil {
		return err
	}
	if name == "" {
		name = dropped.Name
	}
	ns, err := s.namespace(name)
	if err != nil {
		return err
	}
	return s.db.define(ctx, ns, func(ctx context.Context) error { return s.undrop(ctx, trash, id, ns) })
}

func (s *Session) undrop(ctx context.Context, trash driver.Trash, id uint64, ns driver.Namespace) error {
	name := ns.Collection
	exists, err := s.exists(ctx, name)
	if err == nil && exists {
		err = yunduo.Errorf(yunduo.ReasonCollectionExists, "there is another collection %q by now; bring this one back under another name", name)
	}
	if err != nil {
		return err
	}
	kept := s.keptRules(id)
	set, err := s.db.rulesOf(ctx, kept)
	if err != nil {
		return err
	}
	if set.String() == rules.Default().String() {
		set = nil
	}
	// Rules first: the documents must not be open for a moment.
	if err := s.db.storeRules(ctx, ns, set); err != nil {
		return err
	}
	if err := trash.Undrop(ctx, s.app, id, name); err != nil {
		return err
	}
	return s.db.storeRules(ctx, kept, nil)
}

// Purge removes a dropped collection for good. Only who manages the app may. Reasons: permission_denied,
// collection_not_found, unsupported_call.
func (s *Session) Purge(ctx context.Context, id uint64) error {
	trash, _, err := s.fromTrash(ctx, id)
	if err != nil {
		return err
	}
	return s.db.define(ctx, s.keptRules(id), func(ctx context.Context) error {
		if err := trash.Purge(ctx, s.app, id); err != nil {
			return err
		}
		return s.db.storeRules(ctx, s.keptRules(id), nil)
	})
}

func (s *Session) trash() (driver.Trash, error) {
	if err := s.manages("use the trash"); err != nil {
		return nil, err
	}
	trash, ok := s.db.engine.(driver.Trash)
	if !ok {
		return nil, yunduo.Errorf(yunduo.ReasonUnsupportedCall, "the document engine of this server keeps nothing that was dropped")
	}
	return trash, nil
}

// fromTrash returns what the session may see of the trash under an ID.
func (s *Session) fromTrash(ctx context.Context, id uint64) (driver.Trash, driver.Dropped, error) {
	trash, err := s.trash()
	if err != nil {
		return nil, driver.Dropped{}, err
	}
	list, err := s.Dropped(ctx)
	if err != nil {
		return nil, driver.Dropped{}, err
	}
	for _, d := range list {
		if d.ID == id {
			return trash, d, nil
		}
	}
	return nil, driver.Dropped{}, yunduo.Errorf(yunduo.ReasonCollectionNotFound, "there is no dropped collection %d", id)
}

func (s *Session) keptRules(id uint64) driver.Namespace {
	return driver.Namespace{App: s.app, Collection: droppedPrefix + strconv.FormatUint(id, 10)}
}

// keepRules remembers the rules of a collection that was dropped a moment ago, and forgets those of collections that
// are gone for good. It is part of a define.
func (db *DB) keepRules(ctx context.Context, ns driver.Namespace, set *rules.Rules) error {
	trash, ok := db.engine.(driver.Trash)
	if !ok {
		return nil
	}
	list, err := trash.Dropped(ctx, ns.App)
	if err != nil {
		return err
	}
	names := bson.A{}
	for _, d := range list {
		names = append(names, droppedPrefix+strconv.FormatUint(d.ID, 10))
	}
	if err := db.forgetRules(ctx, ns, names); err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(d driver.Dropped) bool { return d.Name == ns.Collection })
	if at < 0 || set.String() == rules.Default().String() {
		return nil
	}
	return db.storeRules(ctx, driver.Namespace{App: ns.App, Collection: names[at].(string)}, set)
}

// forgetRules removes the kept rules of all dropped collections but some.
func (db *DB) forgetRules(ctx context.Context, ns driver.Namespace, but bson.A) error {
	filter, err := parseD(bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: droppedPrefix}, {Key: "$lt", Value: droppedPrefix + ":"}, {Key: "$nin", Value: but}}}}, query.ParseFilter)
	if err != nil {
		return err
	}
	_, err = db.engine.Delete(ctx, settingsOf(ns), driver.Delete{Filter: filter, Multi: true}, driver.WriteOptions{Actor: string(yunduo.RoleSystem)})
	if yunduo.ReasonOf(err) == yunduo.ReasonCollectionNotFound {
		return nil
	}
	return err
}
