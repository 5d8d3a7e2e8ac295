package functions

import (
	"context"
	"time"

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
	}
	for {
		change, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		if change.Collection != "functions" {
			continue
		}
		if id, ok := change.ID.StringValueOK(); ok {
			s.changed(ctx, id, change.Kind)
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
