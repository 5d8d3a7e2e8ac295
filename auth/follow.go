package auth

import (
	"context"
	"time"

	"yunduo/data/documents/driver"
)

const sessionsCollection = "sessions"

// Expires returns when an access token expires; ok is false for any other credential.
func (s *Service) Expires(accessToken string) (at time.Time, ok bool) {
	c, err := s.parse(accessToken)
	if err != nil {
		return time.Time{}, false
	}
	return c.ExpiresAt.Time, true
}

// Ended calls ended with the ID of each session that is ended from now on, by this node or another, until ctx ends or
// the change log cannot be followed any more.
func (s *Service) Ended(ctx context.Context, ended func(session string)) error {
	system := s.db.System()
	at, err := system.Position(ctx)
	if err != nil {
		return err
	}
	feed, err := system.Changes(ctx, at)
	if err != nil {
		return err
	}
	defer feed.Close()
	for {
		c, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		if c.Collection != sessionsCollection {
			continue
		}
		revoked, _ := c.Document.Lookup("revoked").BooleanOK()
		if id, ok := c.ID.StringValueOK(); ok && (c.Kind == driver.ChangeDelete || revoked) {
			ended(id)
		}
	}
}
