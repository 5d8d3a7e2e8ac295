package auth

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// ChangePassword gives the caller's account a password, confirmed by a sudo token, and ends its other sessions. An
// account that has none yet, and that can be signed in to otherwise, needs the confirmation as well. Reasons:
// login_failed, permission_denied, user_not_found, invalid_request.
func (s *Service) ChangePassword(ctx context.Context, caller yunduo.Caller, sudoToken, password string) error {
	if err := s.confirmedBy(caller, sudoToken); err != nil {
		return err
	}
	return s.setOwnPassword(ctx, caller, password)
}

// ChangePasswordByOld is ChangePassword confirmed by the password so far.
func (s *Service) ChangePasswordByOld(ctx context.Context, caller yunduo.Caller, old, password string) error {
	u, err := s.self(ctx, caller)
	if err != nil {
		return err
	}
	if err := s.checkOwnPassword(ctx, u, old, caller.ClientIP); err != nil {
		return err
	}
	return s.setOwnPassword(ctx, caller, password)
}

func (s *Service) setOwnPassword(ctx context.Context, caller yunduo.Caller, password string) error {
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	if _, err := s.users.Update(ctx, caller.UserID, bson.D{{Key: "$set", Value: bson.D{{Key: "password", Value: hash}}}}); err != nil {
		return err
	}
	return s.RevokeOthers(ctx, caller)
}

// ResetPassword gives the account of a verified number or address a new password and ends all its sessions, for
// whoever had them may not be its owner. Reasons: code_invalid, user_not_found, invalid_request.
func (s *Service) ResetPassword(ctx context.Context, app yunduo.AppID, verificationToken, password string) error {
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	v, err := s.proved(ctx, app, verificationToken)
	if err != nil {
		return err
	}
	return s.replacePassword(ctx, app, v, hash)
}

// replacePassword gives the account whose number or address was verified another password, and ends its sessions.
func (s *Service) replacePassword(ctx context.Context, app yunduo.AppID, v verification, hash string) error {
	u, found, err := s.findUser(ctx, app, v.Channel, v.To)
	if err != nil {
		return err
	}
	if !found {
		return yunduo.Errorf(yunduo.ReasonUserNotFound, "no account has this %s", v.Channel)
	}
	if _, err := s.users.Update(ctx, u.ID, bson.D{{Key: "$set", Value: bson.D{{Key: "password", Value: hash}}}}); err != nil {
		return err
	}
	return s.revokeUser(ctx, app, u.ID)
}

// DeleteMe removes the caller's own account, confirmed by a sudo token, and ends its sessions. Documents stay.
func (s *Service) DeleteMe(ctx context.Context, caller yunduo.Caller, sudoToken string) error {
	u, err := s.self(ctx, caller)
	if err != nil {
		return err
	}
	if err := s.confirmedBy(caller, sudoToken); err != nil {
		return err
	}
	return s.DeleteUser(ctx, yunduo.System(caller.App), caller.App, u.ID)
}

// UserExists reports whether somebody in the app has a name, number or address. Who asks too often gets rate_limited.
func (s *Service) UserExists(ctx context.Context, app yunduo.AppID, name string, client Client) (bool, error) {
	if _, _, err := s.apps.WeChatApp(ctx, app); err != nil {
		return false, err
	}
	if err := s.throttle.take(limit{"exists-ip/" + client.IP, failuresPerIP, throttleWindow}); err != nil {
		return false, err
	}
	_, found, err := s.byName(ctx, app, name)
	return found, err
}

// Session is a login that lasts, as it is shown.
type Session struct {
	ID        string
	Provider  string
	IP        string
	Device    string
	CreatedAt time.Time
	ExpiresAt time.Time
	Current   bool // the caller's own
}

func sessionsOf(app yunduo.AppID, userID string) bson.D {
	return bson.D{{Key: "app", Value: string(app)}, {Key: "userId", Value: userID}}
}

// Sessions lists the sessions of a user, the newest first: the caller's own, or for who manages the app anybody's.
func (s *Service) Sessions(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, userID string) ([]Session, error) {
	if caller.UserID != userID || userID == "" || caller.App != app {
		if err := s.manages(ctx, caller, app); err != nil {
			return nil, err
		}
	}
	filter := append(sessionsOf(app, userID), bson.E{Key: "revoked", Value: false}, bson.E{Key: "expiresAt", Value: bson.D{{Key: "$gt", Value: s.now().UTC()}}})
	found, err := s.sessions.Find(ctx, filter, documents.FindOptions{Sort: bson.D{{Key: "createdAt", Value: -1}, {Key: "_id", Value: 1}}, Limit: maxUsers})
	if err != nil {
		return nil, err
	}
	list := make([]Session, len(found))
	for i, l := range found {
		list[i] = Session{ID: l.ID, Provider: l.Provider, IP: l.IP, Device: l.Device, CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt, Current: l.ID == caller.SessionID}
	}
	return list, nil
}

// RevokeSession ends one session of a user at once, under the same rights as Sessions; user_not_found if it is none of
// the user's. id may be the name of the device that the session is on.
func (s *Service) RevokeSession(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, userID, id string) error {
	if caller.UserID != userID || userID == "" || caller.App != app {
		if err := s.manages(ctx, caller, app); err != nil {
			return err
		}
	}
	if id == "" {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "which session? Its ID is missing")
	}
	filter := append(sessionsOf(app, userID), bson.E{Key: "$or", Value: bson.A{bson.D{{Key: "_id", Value: id}}, bson.D{{Key: "device", Value: id}}}})
	n, err := s.sessions.DeleteMany(ctx, filter)
	if err == nil && n == 0 {
		err = yunduo.Errorf(yunduo.ReasonUserNotFound, "the user has no session %q", clip(id, 64))
	}
	return err
}

// RevokeOthers ends every session of the caller's account but this one.
func (s *Service) RevokeOthers(ctx context.Context, caller yunduo.Caller) error {
	if caller.UserID == "" {
		return yunduo.Errorf(yunduo.ReasonUserNotFound, "no user is signed in")
	}
	_, err := s.sessions.DeleteMany(ctx, append(sessionsOf(caller.App, caller.UserID), bson.E{Key: "_id", Value: bson.D{{Key: "$ne", Value: caller.SessionID}}}))
	return err
}

// ClientToken gives who administers an app an access token that acts as they do, for endpoints that take no keys. It
// cannot be renewed.
func (s *Service) ClientToken(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, client Client) (Tokens, error) {
	if err := s.manages(ctx, caller, app); err != nil {
		return Tokens{}, err
	}
	live := session{App: string(app), UserID: "owner", Role: yunduo.RoleOwner, Provider: ProviderAPIKey}
	tokens, err := s.start(ctx, live, "", client, User{})
	tokens.RefreshToken = ""
	return tokens, err
}
