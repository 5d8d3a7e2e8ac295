package functions

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/functions/bundle"
)

// Function describes a deployed function by its live version.
type Function struct {
	Name      string
	Version   Version
	Live      Destination            // of calls without an alias
	Aliases   map[string]Destination // beside that
	Canary    *Canary                // the running one, or the last; nil if there was none
	UpdatedAt time.Time
	LastError *LastError // of an invocation on this machine since it started; nil if none failed
}

// describe returns what others may know of a version.
func (v *versionRecord) describe(live int64) Version {
	return Version{
		Function: v.Function, Number: v.Number, Hash: v.Bundle, Mode: v.Mode, Reason: v.Reason, Size: v.Size, Settings: v.Settings, Timeout: v.Settings.timeout(),
		CreatedAt: v.CreatedAt, CreatedBy: v.CreatedBy, Warnings: v.Warnings, Failure: v.Failure.error(), Live: v.Number == live,
	}
}

// List returns the app's functions by name.
func (s *Service) List(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) ([]Function, error) {
	if err := manage(caller, app); err != nil {
		return nil, err
	}
	records, err := s.live.Find(ctx, bson.D{{Key: "app", Value: app}}, documents.FindOptions{Sort: bson.D{{Key: "name", Value: 1}}})
	if err != nil || len(records) == 0 {
		return []Function{}, err
	}
	ids := make(bson.A, len(records))
	for i, r := range records {
		ids[i] = versionID(app, r.Name, r.Live)
	}
	versions, err := s.versions.Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, documents.FindOptions{})
	if err != nil {
		return nil, err
	}
	byName := make(map[string]*versionRecord, len(versions))
	for i := range versions {
		byName[versions[i].Function] = &versions[i]
	}
	list := make([]Function, 0, len(records))
	for _, r := range records {
		if v := byName[r.Name]; v != nil { // absent only while the function is being deleted
			list = append(list, s.describe(r, v))
		}
	}
	return list, nil
}

// Get returns one function; function_not_found if there is none.
func (s *Service) Get(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string) (Function, error) {
	if err := manage(caller, app); err != nil {
		return Function{}, err
	}
	record, err := s.function(ctx, app, name)
	if err != nil {
		return Function{}, err
	}
	version, err := s.version(ctx, app, name, record.Live)
	if err != nil {
		return Function{}, err
	}
	if err := s.withFigures(ctx, &record); err != nil {
		return Function{}, err
	}
	return s.describe(record, &version), nil
}

func (s *Service) describe(r functionRecord, v *versionRecord) Function {
	f := Function{Name: r.Name, Version: v.describe(r.Live), Live: r.live().public(), Canary: r.Canary.public(), Aliases: map[string]Destination{}, UpdatedAt: r.UpdatedAt, LastError: s.figures.lastError(r.App, r.Name)}
	for alias, d := range r.Aliases {
		f.Aliases[alias] = d.public()
	}
	return f
}

// Versions returns a function's versions, newest first; function_not_found if there is no such function.
func (s *Service) Versions(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string) ([]Version, error) {
	if err := manage(caller, app); err != nil {
		return nil, err
	}
	record, err := s.function(ctx, app, name)
	if err != nil {
		return nil, err
	}
	records, err := s.newestFirst(ctx, app, name)
	if err != nil {
		return nil, err
	}
	list := make([]Version, len(records))
	for i := range records {
		list[i] = records[i].describe(record.Live)
		list[i].Percent, list[i].Aliases = record.shareOf(records[i].Number)
	}
	return list, nil
}

func (s *Service) newestFirst(ctx context.Context, app yunduo.AppID, name string) ([]versionRecord, error) {
	return s.versions.Find(ctx, ofFunction(app, name), documents.FindOptions{Sort: bson.D{{Key: "number", Value: -1}}})
}

// Source returns the author's files of a version, the live one if number is 0. Errors: permission_denied,
// function_not_found, version_not_found.
func (s *Service) Source(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, number int64) ([]bundle.File, error) {
	if err := manage(caller, app); err != nil {
		return nil, err
	}
	record, err := s.function(ctx, app, name)
	if err != nil {
		return nil, err
	}
	if number == 0 {
		number = record.Live
	}
	version, err := s.version(ctx, app, name, number)
	if err != nil || version.Bundle == "" {
		return []bundle.File{}, err
	}
	b, err := s.store.get(ctx, app, name, version.Bundle)
	if err != nil {
		return nil, err
	}
	return b.Source(), nil
}

// Delete removes a function with its versions. Running invocations end; function_not_found if there is none.
func (s *Service) Delete(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string) error {
	if err := manage(caller, app); err != nil {
		return err
	}
	id := functionID(app, name)
	unlockDeploys, err := s.deploys.Lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlockDeploys()
	unlock, err := s.changes.Lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	// The record goes last: a deletion that is cut off can be repeated.
	_, missing := s.function(ctx, app, name)
	if missing != nil && yunduo.ReasonOf(missing) != yunduo.ReasonFunctionNotFound {
		return missing
	}
	if _, err := s.versions.DeleteMany(ctx, ofFunction(app, name)); err != nil {
		return err
	}
	if _, err := s.reports.DeleteMany(ctx, ofFunction(app, name)); err != nil {
		return err
	}
	if err := s.store.remove(ctx, app, name, nil); err != nil {
		return err
	}
	if _, err := s.live.Delete(ctx, id); err != nil {
		return err
	}
	s.forget(id)
	s.figures.forget(app, name)
	if err := s.rollups.drop(ctx, app, name); err != nil {
		return err
	}
	if missing == nil {
		s.log.Info("function deleted", "app", string(app), "function", name)
	}
	return missing
}

// DropApp removes every function of an app, and its invocation records.
func (s *Service) DropApp(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) error {
	if err := manage(caller, app); err != nil {
		return err
	}
	records, err := s.live.Find(ctx, bson.D{{Key: "app", Value: app}}, documents.FindOptions{})
	if err != nil {
		return err
	}
	var failed []error
	for _, r := range records {
		failed = append(failed, s.Delete(ctx, caller, app, r.Name))
	}
	return errors.Join(append(failed, s.rules.Delete(ctx, app), s.routes.Delete(ctx, app), s.dropStarts(ctx, app), s.logs.dropApp(ctx, app), s.rollups.drop(ctx, app, ""), s.tapes.drop(ctx, app), s.store.sweepStaged(ctx, stagedPrefix+"/"+string(app)+"/", time.Time{}))...)
}

// prune removes the oldest versions beyond the number to keep, and bundles that no version has.
func (s *Service) prune(ctx context.Context, app yunduo.AppID, name string) error {
	unlock, err := s.changes.Lock(ctx, functionID(app, name))
	if err != nil {
		return err
	}
	defer unlock()
	record, err := s.function(ctx, app, name)
	if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonFunctionNotFound { // there may be only prepared versions
		return err
	}
	versions, err := s.newestFirst(ctx, app, name)
	if err != nil {
		return err
	}
	held, err := s.heldVersions(ctx, app, name)
	if err != nil {
		return err
	}
	keep := make(map[string]bool)
	for i, v := range versions {
		if i < s.limits.KeepVersions || record.holds(v.Number) || held[v.Number] {
			keep[v.Bundle] = true
			continue
		}
		id := versionID(app, name, v.Number)
		if _, err := s.versions.Delete(ctx, id); err != nil {
			return err
		}
		if _, err := s.reports.Delete(ctx, id); err != nil {
			return err
		}
	}
	return s.store.remove(ctx, app, name, keep)
}
