package functions

import (
	"context"
	"strings"
	"time"

	"yunduo"
	"yunduo/data/documents/driver"
)

// follow makes the names of functions lead where other nodes have pointed them.
func (s *Service) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.followFeed(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("changes of functions cannot be followed; trying again", "error", err)
			s.forgetAll()
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}
}

func (s *Service) followFeed(ctx context.Context) error {
	session := s.db.System()
	position, err := session.Position(ctx)
	if err != nil {
		return err
	}
	feed, err := session.Changes(ctx, position)
	if err != nil {
		return err
	}
	defer feed.Close()
	for _, id := range s.loadedIDs() { // what changed before the feed began
		s.changed(ctx, id, driver.ChangeUpdate)
		s.changedEnvironment(ctx, id)
	}
	for {
		change, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		id, ok := change.ID.StringValueOK()
		switch {
		case !ok:
		case change.Collection == "functions":
			s.changed(ctx, id, change.Kind)
		case change.Collection == s.options.EnvironmentCollection:
			app, rest, _ := strings.Cut(id, "/")
			function, _, _ := strings.Cut(rest, "/")
			s.reload(yunduo.AppID(app), function, func(id string) { s.changedEnvironment(ctx, id) })
		}
	}
}

// changed compares a change with what is loaded. Changes of this node are in place already, so nothing happens. A function
// that was deleted may be back under the same number with other code.
func (s *Service) changed(ctx context.Context, id string, kind driver.ChangeKind) {
	unlock, err := s.changes.Lock(ctx, id)
	if err != nil {
		return
	}
	defer unlock()
	if len(s.loadedOf(id)) == 0 {
		return
	}
	record, err := s.live.Get(ctx, id) // the latest, not the one of this change
	if err != nil || kind == driver.ChangeDelete {
		s.forget(id)
		return
	}
	if record.Release > 0 {
		s.catchUp(ctx, record.App, record.Release)
	}
	s.refresh(ctx, record)
}

// changedEnvironment compares the variables that are set for a function with those that it was loaded with. Changes of
// this node are in place already, so nothing happens.
func (s *Service) changedEnvironment(ctx context.Context, id string) {
	unlock, err := s.changes.Lock(ctx, id)
	if err != nil {
		return
	}
	defer unlock()
	app, name, _ := strings.Cut(id, "/")
	for _, t := range s.loadedOf(id) {
		for _, p := range t.programs() {
			if !s.outfitted(ctx, p, yunduo.AppID(app), name) {
				s.forget(id)
				return
			}
		}
	}
}
