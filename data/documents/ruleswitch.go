package documents

import (
	"context"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/rules"
)

// The rules of a collection lie in its app, and a transaction is about one app; what else a release changes lies in the
// system app. So a switch puts the new rules of all collections into one record of the system app, as part of the
// transaction that changes the rest: from its commit on they hold, because whoever loads rules looks there first. Then
// they are brought to where they belong one by one, and the record goes. A crash in between leaves it to be read.

const switchesCollection = "rule_switches"

// ruleSwitch are rules that hold for collections of an app and are on their way into it.
type ruleSwitch struct {
	ID    string         `bson:"_id"` // of the app
	Rules []switchedRule `bson:"rules"`
}

type switchedRule struct {
	Collection string `bson:"collection"`
	Rules      string `bson:"rules"`
}

func newSwitches(db *DB) *Records[ruleSwitch] {
	return NewRecords[ruleSwitch](db, switchesCollection, RecordOptions{})
}

// SwitchRules runs work in a transaction of the system app and gives collections of an app other rules in the moment
// in which that commits: before, nobody sees anything of both, afterwards everybody sees all. Until then no rules of any
// kind are served from caches, so that the moment is the same for all who ask this node. work may run several times and
// has no effects but those on its session. Errors: invalid_rules, transaction_conflict, those of work; nothing has changed
// then.
func (db *DB) SwitchRules(ctx context.Context, app yunduo.AppID, texts map[string]string, work func(*Session) error) error {
	pending := ruleSwitch{ID: string(app)}
	for _, collection := range slices.Sorted(maps.Keys(texts)) {
		parsed, err := rules.Parse(texts[collection])
		if err != nil {
			e := yunduo.AsError(err)
			return yunduo.Wrap(e.Cause, e.Reason, "rules of the collection %s: %s", collection, e.Message)
		}
		pending.Rules = append(pending.Rules, switchedRule{collection, parsed.String()})
	}
	if err := db.FinishSwitch(ctx, app); err != nil {
		return err
	}
	if err := db.switches.Prepare(ctx); err != nil {
		return err
	}
	err := db.define(ctx, driver.Namespace{App: app}, func(ctx context.Context) error {
		db.uncached.Add(1)
		defer db.uncached.Add(-1)
		db.uncacheRules(app)
		return db.System().Transact(ctx, func(s *Session) error {
			if err := work(s); err != nil {
				return err
			}
			if len(pending.Rules) == 0 {
				return nil
			}
			return db.switches.Within(s).Put(ctx, pending.ID, pending)
		})
	})
	if err != nil {
		return err
	}
	if err := db.FinishSwitch(context.WithoutCancel(ctx), app); err != nil {
		db.options.Logger.WarnContext(ctx, "rules hold that are not in their place yet; trying again later", "app", string(app), "error", err)
	}
	return nil
}

// uncacheRules drops what is cached of an app's rules of all kinds.
func (db *DB) uncacheRules(app yunduo.AppID) {
	db.rules.clear()
	db.textsMu.Lock()
	defer db.textsMu.Unlock()
	for _, drop := range db.texts {
		drop(app)
	}
}

// FinishSwitch brings rules to their places that a switch has left on the way.
func (db *DB) FinishSwitch(ctx context.Context, app yunduo.AppID) error {
	pending, err := db.switched(ctx, app)
	if err != nil {
		return err
	}
	for _, one := range pending {
		ns := driver.Namespace{App: app, Collection: one.Collection}
		parsed, err := rules.Parse(one.Rules)
		if err != nil {
			return err
		}
		if err := db.define(ctx, ns, func(ctx context.Context) error {
			now, err := db.switched(ctx, app) // somebody may have set others
			if err != nil || !slices.Contains(now, one) {
				return err
			}
			return db.storeRules(ctx, ns, parsed)
		}); err != nil {
			return err
		}
	}
	if len(pending) > 0 {
		_, err = db.switches.Delete(ctx, string(app))
	}
	return err
}

// FinishSwitches is FinishSwitch for every app.
func (db *DB) FinishSwitches(ctx context.Context) error {
	all, err := db.switches.Find(ctx, nil, FindOptions{})
	for _, one := range all {
		if err := db.FinishSwitch(ctx, yunduo.AppID(one.ID)); err != nil {
			return err
		}
	}
	return err
}

// ForgetSwitch drops what a switch has left on the way, with an app that is removed.
func (db *DB) ForgetSwitch(ctx context.Context, app yunduo.AppID) error {
	_, err := db.switches.Delete(ctx, string(app))
	return err
}

// switched returns the rules of an app that are on their way.
func (db *DB) switched(ctx context.Context, app yunduo.AppID) ([]switchedRule, error) {
	if app == yunduo.SystemApp {
		return nil, nil
	}
	filter, err := query.ParseFilter(idFilter(stringValue(string(app))))
	if err != nil {
		return nil, err
	}
	cursor, err := db.engine.Find(ctx, db.switches.ns, driver.Find{Filter: filter, Limit: 1})
	if yunduo.ReasonOf(err) == yunduo.ReasonCollectionNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found, err := All(ctx, cursor)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	pending, err := decode[ruleSwitch](found[0])
	return pending.Rules, err
}

// unswitch forgets the rules of a collection that are on their way, because others have been stored.
func (db *DB) unswitch(ctx context.Context, ns driver.Namespace) error {
	pending, err := db.switched(ctx, ns.App)
	if err != nil || !slices.ContainsFunc(pending, func(r switchedRule) bool { return r.Collection == ns.Collection }) {
		return err
	}
	_, err = db.switches.Update(ctx, string(ns.App), bson.D{{Key: "$pull", Value: bson.D{{Key: "rules", Value: bson.D{{Key: "collection", Value: ns.Collection}}}}}})
	return err
}
