package releases

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/rules"
	"yunduo/functions"
	"yunduo/triggers"
)

const maxNote = 1000

// Create makes a release: everything that the request names is live together, or nothing has changed but for indexes,
// which are built before. Errors: permission_denied, invalid_request, invalid_rules, invalid_schedule, invalid_config,
// invalid_index, version_not_found, function_load_failed.
func (s *Service) Create(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, r Request) (Release, error) {
	if err := manage(caller, app); err != nil {
		return Release{}, err
	}
	if len(r.Note) > maxNote {
		return Release{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "note: longer than %d bytes", maxNote)
	}
	for name, version := range r.Functions {
		if version < 1 {
			return Release{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "functions.%s: %d is no version number", name, version)
		}
	}
	if text, ok := r.Texts[FileRules]; ok && !strings.HasPrefix(strings.TrimSpace(text), "{") { // the name of a preset
		r.Texts = maps.Clone(r.Texts)
		r.Texts[FileRules] = strings.ToLower(strings.TrimSpace(text))
	}
	unlock, err := s.locks.Lock(ctx, string(app))
	if err != nil {
		return Release{}, err
	}
	defer unlock()
	return s.apply(ctx, app, caller, r, 0)
}

// apply makes a release. The caller holds the app's lock.
func (s *Service) apply(ctx context.Context, app yunduo.AppID, caller yunduo.Caller, r Request, restores int64) (Release, error) {
	if err := s.prepare(ctx, app, r); err != nil {
		return Release{}, err
	}
	made := record{App: app, Restores: restores, Note: r.Note, CreatedAt: s.options.Now().UTC().Truncate(time.Millisecond), CreatedBy: creator(caller)}
	if err := s.measure(ctx, app, r, &made); err != nil {
		return Release{}, err
	}
	err := s.functions.Switch(ctx, app, r.Functions, func(write functions.WriteSwitch) error {
		return s.db.SwitchRules(ctx, app, r.Rules, func(session *documents.Session) error {
			return s.write(ctx, session, app, r, &made, write)
		})
	})
	if err != nil {
		return Release{}, err
	}
	s.triggers.Committed()
	s.options.Logger.Info("released", "app", string(app), "number", made.Number, "restores", restores, "functions", len(r.Functions))
	if err := s.prune(ctx, app, made.Number); err != nil {
		s.options.Logger.Warn("old releases could not be removed", "app", string(app), "error", err)
	}
	return made.describe(made.Number), nil
}

// prepare checks everything, then makes collections and indexes that are missing.
func (s *Service) prepare(ctx context.Context, app yunduo.AppID, r Request) error {
	for collection, text := range r.Rules {
		if _, err := rules.Parse(text); err != nil {
			e := yunduo.AsError(err)
			return yunduo.Wrap(e.Cause, e.Reason, "rules of the collection %s: %s", collection, e.Message)
		}
	}
	for name, value := range r.Texts {
		t := s.texts[name]
		if t == nil {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "%s: there is no such part of a release", name)
		}
		if err := t.Check(value); err != nil {
			return err
		}
	}
	for function, definitions := range r.Triggers {
		if err := s.triggers.Check(app, function, definitions); err != nil {
			return err
		}
	}
	for _, prepare := range []func(context.Context) error{s.records.Prepare, s.current.Prepare, s.triggers.Prepare} {
		if err := prepare(ctx); err != nil {
			return err
		}
	}
	for _, name := range textNames { // what is not set is read in the transaction
		if err := s.texts[name].Prepare(ctx); err != nil {
			return err
		}
	}
	return s.define(ctx, app, r)
}

// define makes the collections and indexes that a release needs.
func (s *Service) define(ctx context.Context, app yunduo.AppID, r Request) error {
	session := s.db.AsApp(yunduo.System(app), app)
	needed := map[string]bool{}
	for collection := range r.Rules {
		needed[collection] = true
	}
	for _, i := range r.Indexes {
		needed[i.Collection] = true
	}
	for _, collection := range slices.Sorted(maps.Keys(needed)) {
		if strings.HasPrefix(collection, "_") {
			return yunduo.Errorf(yunduo.ReasonInvalidCollectionName, "collection: names that start with '_' are reserved, %q is one", collection)
		}
		if err := session.CreateCollection(ctx, collection); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonCollectionExists {
			return err
		}
	}
	for _, i := range r.Indexes {
		if err := session.CreateIndex(ctx, i.Collection, i.Index); err != nil {
			e := yunduo.AsError(err)
			return yunduo.Wrap(e.Cause, e.Reason, "index %s of %s: %s", i.Name, i.Collection, e.Message)
		}
	}
	return nil
}

// measure reads what holds in the app itself after the release: rules of collections and indexes.
func (s *Service) measure(ctx context.Context, app yunduo.AppID, r Request, made *record) error {
	session := s.db.AsApp(yunduo.System(app), app)
	collections, err := session.Collections(ctx)
	if err != nil {
		return err
	}
	for _, c := range collections {
		if strings.HasPrefix(c.Name, "_") {
			continue
		}
		text, ok := r.Rules[c.Name]
		if !ok {
			if text, err = session.Rules(ctx, c.Name); err != nil {
				return err
			}
		}
		made.Rules = append(made.Rules, ruleRecord{c.Name, text})
		indexes, err := session.Indexes(ctx, c.Name)
		if err != nil {
			return err
		}
		for _, i := range indexes {
			made.Indexes = append(made.Indexes, newIndexRecord(c.Name, i))
		}
	}
	return nil
}

// write is the transaction: what the release changes, and the release itself.
func (s *Service) write(ctx context.Context, session *documents.Session, app yunduo.AppID, r Request, made *record, write functions.WriteSwitch) error {
	now, err := s.current.Within(session).Get(ctx, string(app))
	if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonDocumentNotFound {
		return err
	}
	made.Number = now.Number + 1
	made.ID = recordID(app, made.Number)
	if err := write(ctx, session, made.Number); err != nil {
		return err
	}
	for _, function := range slices.Sorted(maps.Keys(r.Triggers)) {
		if err := s.triggers.SetWithin(ctx, session, app, function, r.Triggers[function]); err != nil {
			return err
		}
	}
	made.Texts = map[string]string{}
	for _, name := range textNames {
		value, ok := r.Texts[name]
		if ok {
			err = s.texts[name].SetWithin(ctx, session, app, value)
		} else {
			value, err = s.texts[name].TextWithin(ctx, session, app)
		}
		if err != nil {
			return err
		}
		made.Texts[name] = value
	}
	if made.Functions, err = s.functions.LiveWithin(ctx, session, app); err != nil {
		return err
	}
	all, err := s.triggers.DefinitionsWithin(ctx, session, app)
	if err != nil {
		return err
	}
	made.Triggers = triggerRecords(all)
	if err := s.records.Within(session).Put(ctx, made.ID, *made); err != nil {
		return err
	}
	return s.current.Within(session).Put(ctx, string(app), current{ID: string(app), Number: made.Number})
}

// Rollback makes everything as it was after a release, as a release of its own; number 0 is the one before the live one.
// Functions that it did not have lose their live version. Indexes that it had are built again, others stay unless
// dropIndexes says that those made since go, too. Data, and collections without their rules, stay. Errors:
// permission_denied, release_not_found, version_not_found for a function that was deleted since; nothing has changed then.
func (s *Service) Rollback(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, number int64, dropIndexes bool) (Release, error) {
	if err := manage(caller, app); err != nil {
		return Release{}, err
	}
	unlock, err := s.locks.Lock(ctx, string(app))
	if err != nil {
		return Release{}, err
	}
	defer unlock()
	if number == 0 {
		if number, err = s.before(ctx, app); err != nil {
			return Release{}, err
		}
	}
	old, err := s.release(ctx, app, number)
	if err != nil {
		return Release{}, err
	}
	request, warnings, err := s.back(ctx, app, &old)
	if err != nil {
		return Release{}, err
	}
	release, err := s.apply(ctx, app, caller, request, number)
	if err != nil {
		return Release{}, err
	}
	if dropIndexes {
		warnings = append(warnings, s.dropIndexes(ctx, app, &old)...)
	}
	release.Warnings = warnings
	return release, nil
}

// before returns the release before the live one; if that is a rollback, the one before what it went back to.
func (s *Service) before(ctx context.Context, app yunduo.AppID) (int64, error) {
	now, err := s.now(ctx, app)
	if err != nil {
		return 0, err
	}
	at := now.Number
	if at > 0 {
		live, err := s.release(ctx, app, at)
		if err != nil {
			return 0, err
		}
		if live.Restores > 0 {
			at = live.Restores
		}
	}
	found, err := s.newestFirst(ctx, app)
	if err != nil {
		return 0, err
	}
	for _, r := range found {
		if r.Number < at && r.Restores == 0 {
			return r.Number, nil
		}
	}
	return 0, yunduo.Errorf(yunduo.ReasonReleaseNotFound, "the app %s has no earlier release to go back to", app)
}

// back returns what has to change for everything to be as it was after a release.
func (s *Service) back(ctx context.Context, app yunduo.AppID, old *record) (Request, []string, error) {
	r := Request{Functions: maps.Clone(old.Functions), Triggers: old.definitions(), Rules: map[string]string{}, Texts: maps.Clone(old.Texts)}
	if r.Functions == nil {
		r.Functions = map[string]int64{}
	}
	var warnings []string
	live, err := s.functions.List(ctx, yunduo.System(app), app)
	if err != nil {
		return r, nil, err
	}
	for _, f := range live {
		if _, had := r.Functions[f.Name]; !had {
			r.Functions[f.Name] = 0
		}
	}
	present, err := s.triggers.List(ctx, yunduo.System(app), app)
	if err != nil {
		return r, nil, err
	}
	for _, t := range present {
		if _, had := r.Triggers[t.Function]; !had {
			r.Triggers[t.Function] = []triggers.Definition{}
		}
	}
	collections, err := s.db.AsApp(yunduo.System(app), app).Collections(ctx)
	if err != nil {
		return r, nil, err
	}
	there := map[string]bool{}
	for _, c := range collections {
		there[c.Name] = true
	}
	for _, rule := range old.Rules {
		if !there[rule.Collection] {
			warnings = append(warnings, fmt.Sprintf("the collection %s has been dropped since and stays so", rule.Collection))
			continue
		}
		r.Rules[rule.Collection] = rule.Rules
	}
	for i := range old.Indexes {
		if there[old.Indexes[i].Collection] {
			r.Indexes = append(r.Indexes, old.Indexes[i].index())
		}
	}
	return r, warnings, nil
}

// dropIndexes drops the indexes that a release did not have, and tells what could not be dropped.
func (s *Service) dropIndexes(ctx context.Context, app yunduo.AppID, old *record) (warnings []string) {
	session := s.db.AsApp(yunduo.System(app), app)
	had := map[[2]string]bool{}
	for _, i := range old.Indexes {
		had[[2]string{i.Collection, i.Name}] = true
	}
	for _, rule := range old.Rules {
		indexes, err := session.Indexes(ctx, rule.Collection)
		for _, i := range indexes {
			if err == nil && !had[[2]string{rule.Collection, i.Name}] {
				err = session.DropIndex(ctx, rule.Collection, i.Name)
			}
		}
		if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonCollectionNotFound {
			warnings = append(warnings, fmt.Sprintf("indexes of %s: %s", rule.Collection, yunduo.AsError(err).Message))
		}
	}
	return warnings
}

func creator(c yunduo.Caller) string {
	for _, name := range []string{c.Username, c.UserID} {
		if name != "" {
			return name
		}
	}
	return string(c.Role)
}
