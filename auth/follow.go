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

// Ended calls ended with the ID of each session that is ended from now on, by this node or another, until ctx ends. It calls
// missed when sessions may have ended unseen: at the beginning, and whenever the change log had to be followed anew. Both
// return at once.
func (s *Service) Ended(ctx context.Context, ended func(session string), missed func()) {
	stop := s.db.Follow(sessionsCollection, func(c driver.Change) {
		revoked, _ := c.Document.Lookup("revoked").BooleanOK()
		if id, ok := c.ID.StringValueOK(); ok && (c.Kind == driver.ChangeDelete || revoked) {
			ended(id)
		}
	}, missed)
	defer stop()
	<-ctx.Done()
}
