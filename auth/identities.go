package auth

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// Further providers of this room: what a verified code proves, and tickets that an app's own server signs.
const (
	ProviderPhone  = "phone"
	ProviderEmail  = "email"
	ProviderCustom = "custom"
)

// identityKey is one way to sign in as it is kept with its user: no two users have the same one.
func identityKey(app, provider, subject string) string { return app + "/" + provider + "/" + subject }

// subjectOf returns the subject of a user's identity with a provider, empty if there is none.
func (u user) subjectOf(provider string) string {
	if u.Provider == provider {
		return u.Subject
	}
	prefix := identityKey(u.App, provider, "")
	for _, key := range u.Identities {
		if subject, ok := strings.CutPrefix(key, prefix); ok {
			return subject
		}
	}
	return ""
}

// providers lists how a user may sign in.
func (u user) providers() []string {
	var list []string
	if u.Provider != ProviderAnonymous {
		list = append(list, u.Provider)
	}
	for _, key := range u.Identities {
		if _, rest, ok := strings.Cut(key, "/"); ok {
			if provider, _, _ := strings.Cut(rest, "/"); !slices.Contains(list, provider) {
				list = append(list, provider)
			}
		}
	}
	return list
}

// findUser returns the user who has an identity, be it the first one or a linked one.
func (s *Service) findUser(ctx context.Context, app yunduo.AppID, provider, subject string) (user, bool, error) {
	for _, filter := range []bson.D{
		{{Key: "app", Value: string(app)}, {Key: "provider", Value: provider}, {Key: "subject", Value: subject}},
		{{Key: "identities", Value: identityKey(string(app), provider, subject)}},
	} {
		found, err := s.users.Find(ctx, filter, one)
		if err != nil {
			return user{}, false, err
		}
		if len(found) > 0 {
			return found[0], true, nil
		}
	}
	return user{}, false, nil
}

func taken(provider string) error {
	return yunduo.Errorf(yunduo.ReasonIdentityTaken, "this %s already belongs to an account; accounts are never merged", provider)
}

// insertUser stores a new user; identity_taken if somebody has one of its identities.
func (s *Service) insertUser(ctx context.Context, u user) error {
	err := s.users.Insert(ctx, u.ID, u)
	if yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey {
		return taken(u.Provider)
	}
	return err
}

// link gives a user one more identity, or another one with the same provider in place of the old. An anonymous user
// becomes a lasting one by it and keeps ID, openid and documents. An identity that somebody else has is never taken
// over: identity_taken.
//
// Of the sessions of an anonymous user only the one that asks, if any, goes on: whoever else holds one, perhaps because
// they made the user and passed it on, must not find themselves inside the account that it becomes.
func (s *Service) link(ctx context.Context, u user, provider, subject, session string, set bson.D) (user, error) {
	owner, found, err := s.findUser(ctx, yunduo.AppID(u.App), provider, subject)
	switch {
	case err != nil:
		return user{}, err
	case found && owner.ID != u.ID:
		return user{}, taken(provider)
	}
	identities := []string{}
	for _, key := range u.Identities {
		if !strings.HasPrefix(key, identityKey(u.App, provider, "")) {
			identities = append(identities, key)
		}
	}
	identities = append(identities, identityKey(u.App, provider, subject))
	set = append(set, bson.E{Key: "identities", Value: identities})
	if u.Provider == ProviderAnonymous || u.Provider == provider {
		set = append(set, bson.E{Key: "provider", Value: provider}, bson.E{Key: "subject", Value: subject})
	}
	changed, done, err := s.users.Take(ctx, unchanged(u), nil, bson.D{{Key: "$set", Value: set}})
	switch {
	case yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey:
		return user{}, taken(provider)
	case err != nil:
		return user{}, err
	case !done:
		return user{}, yunduo.Errorf(yunduo.ReasonTransactionConflict, "the account was changed at the same time; try again")
	}
	if u.Provider == ProviderAnonymous {
		return changed, s.promote(ctx, changed, session)
	}
	return changed, nil
}

// unchanged selects a user as long as the identities are the same.
func unchanged(u user) bson.D {
	filter := bson.D{{Key: "_id", Value: u.ID}, {Key: "provider", Value: u.Provider}, {Key: "subject", Value: u.Subject}}
	if len(u.Identities) == 0 {
		return append(filter, bson.E{Key: "identities.0", Value: bson.D{{Key: "$exists", Value: false}}})
	}
	return append(filter, bson.E{Key: "identities", Value: u.Identities})
}

// promote makes the session of a user who was anonymous that of a lasting one, and ends the others.
func (s *Service) promote(ctx context.Context, u user, session string) error {
	others := append(sessionsOf(yunduo.AppID(u.App), u.ID), bson.E{Key: "_id", Value: bson.D{{Key: "$ne", Value: session}}})
	if _, err := s.sessions.DeleteMany(ctx, others); err != nil || session == "" {
		return err
	}
	set := bson.D{{Key: "role", Value: yunduo.RoleUser}, {Key: "provider", Value: u.Provider}, {Key: "unionId", Value: u.UnionID}, {Key: "username", Value: u.Username}}
	_, err := s.sessions.Update(ctx, session, bson.D{{Key: "$set", Value: set}})
	return err
}

// Unlink takes a way to sign in away from the caller's account and ends the sessions that began with it. The last one
// stays: permission_denied.
func (s *Service) Unlink(ctx context.Context, caller yunduo.Caller, provider string) (User, error) {
	u, err := s.self(ctx, caller)
	if err != nil {
		return User{}, err
	}
	left := slices.DeleteFunc(u.providers(), func(p string) bool { return p == provider })
	switch {
	case len(left) == len(u.providers()):
		return User{}, yunduo.Errorf(yunduo.ReasonUserNotFound, "the account has no sign-in by %s", clip(provider, 32))
	case len(left) == 0:
		return User{}, yunduo.Errorf(yunduo.ReasonPermissionDenied, "this is the account's only way to sign in")
	}
	kept := []string{}
	for _, key := range u.Identities {
		if !strings.HasPrefix(key, identityKey(u.App, provider, "")) {
			kept = append(kept, key)
		}
	}
	set := bson.D{{Key: "identities", Value: kept}}
	switch provider {
	case ProviderPhone:
		set = append(set, bson.E{Key: "phone", Value: ""})
	case ProviderEmail:
		set = append(set, bson.E{Key: "email", Value: ""})
	}
	if u.Provider == provider {
		set = append(set, bson.E{Key: "provider", Value: left[0]}, bson.E{Key: "subject", Value: u.subjectOf(left[0])})
	}
	changed, done, err := s.users.Take(ctx, unchanged(u), nil, bson.D{{Key: "$set", Value: set}})
	if err == nil && !done {
		err = yunduo.Errorf(yunduo.ReasonTransactionConflict, "the account was changed at the same time; try again")
	}
	if err != nil {
		return User{}, err
	}
	filter := append(sessionsOf(caller.App, u.ID), bson.E{Key: "provider", Value: provider}, bson.E{Key: "_id", Value: bson.D{{Key: "$ne", Value: caller.SessionID}}})
	_, err = s.sessions.DeleteMany(ctx, filter)
	return changed.public(), err
}
