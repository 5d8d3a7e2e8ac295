package documents

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/rules"
)

// settingsCollection holds, in each app, what is set for its collections. Its name is open to the platform only.
const settingsCollection = "_collections"

type settings struct {
	Name  string `bson:"_id"`
	Rules string `bson:"rules"` // as rules.Parse reads them
}

// Rules returns the rules of a collection as they were set; the preset private if none were. Privileged callers only;
// collection_not_found if there is no such collection.
func (s *Session) Rules(ctx context.Context, collection string) (string, error) {
	ns, err := s.existing(ctx, collection)
	if err != nil {
		return "", err
	}
	found, err := s.db.rulesOf(ctx, ns)
	if err != nil {
		return "", err
	}
	return found.String(), nil
}

// SetRules gives a collection its rules, at once for every session: the name of a preset or a JSON object of
// expressions, see rules.Parse. Only who manages the app may. Reasons: collection_not_found, invalid_rules.
func (s *Session) SetRules(ctx context.Context, collection, text string) error {
	parsed, err := rules.Parse(text)
	if err != nil {
		return err
	}
	if _, err := s.existing(ctx, collection); err != nil {
		return err
	}
	if !s.caller.MayManage(s.app) {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "only the owner of the app sets rules")
	}
	return s.db.define(ctx, driver.Namespace{App: s.app, Collection: collection}, func(ctx context.Context) error {
		ns, err := s.existing(ctx, collection) // it may be gone by now
		if err != nil {
			return err
		}
		return s.db.storeRules(ctx, ns, parsed)
	})
}

// existing checks that the session may define the collection and that there is one.
func (s *Session) existing(ctx context.Context, collection string) (driver.Namespace, error) {
	ns, err := s.definition(collection)
	if err != nil {
		return ns, err
	}
	exists, err := s.exists(ctx, collection)
	if err == nil && !exists {
		err = yunduo.Errorf(yunduo.ReasonCollectionNotFound, "there is no collection %q", collection)
	}
	return ns, err
}

// rulesOf returns the rules of a collection, the default ones if none were set.
func (db *DB) rulesOf(ctx context.Context, ns driver.Namespace) (*rules.Rules, error) {
	return db.rules.get(ns, func() (*rules.Rules, error) { return db.loadRules(ctx, ns) })
}

// loadRules reads the rules of a collection.
func (db *DB) loadRules(ctx context.Context, ns driver.Namespace) (*rules.Rules, error) {
	pending, err := db.switched(ctx, ns.App)
	if err != nil {
		return nil, err
	}
	for _, r := range pending {
		if r.Collection == ns.Collection {
			return rules.Parse(r.Rules)
		}
	}
	filter, err := query.ParseFilter(idFilter(stringValue(ns.Collection)))
	if err != nil {
		return nil, err
	}
	cursor, err := db.engine.Find(ctx, settingsOf(ns), driver.Find{Filter: filter, Limit: 1})
	if yunduo.ReasonOf(err) == yunduo.ReasonCollectionNotFound {
		return rules.Default(), nil
	}
	if err != nil {
		return nil, err
	}
	found, err := All(ctx, cursor)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return rules.Default(), nil
	}
	return parseSettings(ns.Collection, found[0])
}

// parseSettings returns the rules in the settings of a collection, the default ones if there are no settings.
func parseSettings(collection string, raw bson.Raw) (*rules.Rules, error) {
	if raw == nil {
		return rules.Default(), nil
	}
	var stored settings
	if err := bson.Unmarshal(raw, &stored); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInternal, "the rules of the collection %q cannot be read", collection)
	}
	parsed, err := rules.Parse(stored.Rules)
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInternal, "the rules of the collection %q cannot be read", collection)
	}
	return parsed, nil
}

func settingsOf(ns driver.Namespace) driver.Namespace {
	return driver.Namespace{App: ns.App, Collection: settingsCollection}
}

// storeRules replaces the rules of a collection; nil takes them away. It is part of a define.
func (db *DB) storeRules(ctx context.Context, ns driver.Namespace, set *rules.Rules) error {
	defer db.rules.drop(ns)
	if err := db.putRules(ctx, ns, set); err != nil {
		return err
	}
	return db.unswitch(ctx, ns)
}

func (db *DB) putRules(ctx context.Context, ns driver.Namespace, set *rules.Rules) error {
	filter, err := query.ParseFilter(idFilter(stringValue(ns.Collection)))
	if err != nil {
		return err
	}
	options := driver.WriteOptions{Actor: string(yunduo.RoleSystem)}
	if set == nil {
		_, err := db.engine.Delete(ctx, settingsOf(ns), driver.Delete{Filter: filter}, options)
		if yunduo.ReasonOf(err) == yunduo.ReasonCollectionNotFound {
			return nil
		}
		return err
	}
	err = db.engine.CreateCollection(ctx, settingsOf(ns), driver.CollectionOptions{})
	if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonCollectionExists {
		return err
	}
	raw, err := bson.Marshal(settings{Name: ns.Collection, Rules: set.String()})
	if err != nil {
		return yunduo.Wrap(err, yunduo.ReasonInvalidRules, "the rules cannot be stored")
	}
	change, err := query.ParseUpdate(raw)
	if err != nil {
		return err
	}
	_, err = db.engine.Update(ctx, settingsOf(ns), driver.Update{Filter: filter, Change: change, Upsert: true, NewID: stringValue(ns.Collection)}, options)
	return err
}
