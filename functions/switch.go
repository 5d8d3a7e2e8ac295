package functions

import (
	"context"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/rules"
)

// Switch gives versions of several functions all live calls in one moment: that in which commit commits what it is given
// to write in a transaction. live names a version for each function; 0 takes the function's live version away. All
// versions are loaded before. From before the commit until after it no call of a function that changes begins: such calls wait for
// its few milliseconds, and so nobody is answered by an earlier version after somebody was by a later one. Running
// calls end on the versions they began with. Errors: those of commit, version_not_found, function_load_failed; nothing
// has changed then. The caller has checked that this may be done.
func (s *Service) Switch(ctx context.Context, app yunduo.AppID, live map[string]int64, commit func(write WriteSwitch) error) error {
	names := slices.Sorted(maps.Keys(live))
	for _, name := range names { // in order, so that two switches do not wait for each other
		if err := validName(name); err != nil {
			return err
		}
		unlock, err := s.changes.Lock(ctx, functionID(app, name))
		if err != nil {
			return err
		}
		defer unlock()
	}
	if err := s.live.Prepare(ctx); err != nil {
		return err
	}
	ready, err := s.ready(ctx, app, live)
	if err != nil {
		return err
	}
	changing := map[string]int64{}
	for _, name := range names {
		record, err := s.function(ctx, app, name)
		if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonFunctionNotFound {
			s.giveUp(ready)
			return err
		}
		if record.live() != (destination{Version: live[name]}) {
			changing[name] = live[name]
		}
	}
	s.warm(ctx, ready)
	s.mu.Lock()
	for name := range changing {
		s.remove(functionID(app, name))
		s.remove(functionID(app, name) + ":" + LiveAlias)
	}
	s.mu.Unlock()
	released := int64(0)
	err = commit(func(ctx context.Context, session *documents.Session, release int64) error {
		released = release
		return s.writeSwitch(ctx, session, app, live, release)
	})
	if err != nil {
		s.giveUp(ready)
		return err
	}
	s.released.Store(app, released)
	if done, err := s.put(ready); !done || err != nil {
		s.log.Debug("released versions are loaded when they are called", "app", string(app), "error", err)
	}
	return nil
}

// WriteSwitch writes which versions are live from the commit of a transaction on, as part of a release.
type WriteSwitch func(ctx context.Context, session *documents.Session, release int64) error

// ready loads the versions.
func (s *Service) ready(ctx context.Context, app yunduo.AppID, live map[string]int64) (map[string]*target, error) {
	ready := map[string]*target{}
	for name, number := range live {
		if number == 0 {
			continue
		}
		t, err := s.target(ctx, app, name, destination{Version: number})
		if err == nil && t.main.failure != nil {
			err = yunduo.Errorf(yunduo.ReasonFunctionLoadFailed, "version %d of the function %s cannot be loaded: %s", number, name, firstLine(t.main.failure.Message))
		}
		if err != nil {
			s.giveUp(ready)
			return nil, err
		}
		ready[functionID(app, name)] = t
	}
	return ready, nil
}

// giveUp takes down what was loaded for targets that are not put.
func (s *Service) giveUp(ready map[string]*target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range ready {
		s.unused(t)
	}
}

func (s *Service) writeSwitch(ctx context.Context, session *documents.Session, app yunduo.AppID, live map[string]int64, release int64) error {
	records := s.live.Within(session)
	for name, number := range live {
		id := functionID(app, name)
		record, err := records.Get(ctx, id)
		if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonDocumentNotFound {
			return err
		}
		if number == 0 {
			if err := records.Delete(ctx, id); err != nil {
				return err
			}
			continue
		}
		if record.live() == (destination{Version: number}) {
			continue
		}
		record.goLive(number)
		record.App, record.Name, record.Release = app, name, release
		record.touch(s.options.Now())
		if err := records.Put(ctx, id, record); err != nil {
			return err
		}
	}
	return nil
}

// LiveWithin returns the live versions of an app's functions as a transaction sees them.
func (s *Service) LiveWithin(ctx context.Context, session *documents.Session, app yunduo.AppID) (map[string]int64, error) {
	found, err := s.live.Within(session).Find(ctx, bson.D{{Key: "app", Value: app}})
	live := make(map[string]int64, len(found))
	for _, r := range found {
		live[r.Name] = r.Live
	}
	return live, err
}

// Texts are the rules and routes of apps, for who changes them together with other things.
func (s *Service) Texts() (*documents.RuleTexts[*rules.Functions], *documents.RuleTexts[*Routes]) {
	return s.rules, s.routes
}

// HoldVersions sets what tells which versions of a function must be kept although they are neither new nor live.
func (s *Service) HoldVersions(held func(ctx context.Context, app yunduo.AppID, name string) (map[int64]bool, error)) {
	s.held.Store(&held)
}

// heldVersions returns which versions somebody holds.
func (s *Service) heldVersions(ctx context.Context, app yunduo.AppID, name string) (map[int64]bool, error) {
	held := s.held.Load()
	if held == nil {
		return nil, nil
	}
	return (*held)(ctx, app, name)
}

// catchUp makes a release of another node hold here: what it has changed is dropped in one moment, to be loaded when it
// is called.
func (s *Service) catchUp(ctx context.Context, app yunduo.AppID, release int64) {
	if seen, ok := s.released.Load(app); ok && seen.(int64) >= release {
		return
	}
	s.released.Store(app, release)
	records, err := s.live.Find(ctx, bson.D{{Key: "app", Value: app}}, documents.FindOptions{})
	if err != nil {
		s.forgetAll() // whatever holds now is read again
		return
	}
	byID := make(map[string]*functionRecord, len(records))
	for i := range records {
		byID[functionID(app, records[i].Name)] = &records[i]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, t := range s.targets {
		id, qualifier := splitName(key)
		if !strings.HasPrefix(key, string(app)+"/") {
			continue
		}
		record := byID[id]
		if record != nil {
			if d, err := record.destination(qualifier); err == nil && d == t.destination {
				continue
			}
		}
		s.remove(key)
	}
}
