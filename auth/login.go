package auth

import (
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

const maxSubject = 128 // bytes

// Login signs an end user of an app in. The credential is what the provider wants: {} for anonymous, {"username",
// "password"} for password, and so on. Reasons: app_not_found, login_failed, rate_limited, provider_unavailable,
// invalid_request.
func (s *Service) Login(ctx context.Context, app yunduo.AppID, provider string, credential json.RawMessage, client Client) (Tokens, error) {
	if _, _, err := s.apps.WeChatApp(ctx, app); err != nil {
		return Tokens{}, err
	}
	var u user
	var identity Identity
	var err error
	switch provider {
	case ProviderAnonymous:
		u, err = s.newAnonymous(ctx, app)
	case ProviderPassword:
		u, err = s.byPassword(ctx, app, credential, client)
	default:
		p, ok := s.providers[provider]
		if !ok {
			return Tokens{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "there is no login provider %q", clip(provider, 32))
		}
		if identity, err = p.Authenticate(ctx, app, credential); err == nil {
			u, err = s.byIdentity(ctx, app, provider, identity)
		}
	}
	if err != nil {
		return Tokens{}, err
	}
	if u.LastLoginAt, err = s.loggedIn(ctx, u.ID); err != nil {
		return Tokens{}, err
	}
	role := yunduo.RoleUser
	if provider == ProviderAnonymous {
		role = yunduo.RoleAnonymous
	}
	live := session{
		App: string(app), UserID: u.ID, Role: role, Provider: provider,
		OpenID: u.OpenID, UnionID: u.UnionID, WeChatAppID: identity.WeChatAppID, Username: u.Username,
	}
	return s.start(ctx, live, identity.SessionSecret, client, u.public())
}

func (s *Service) loggedIn(ctx context.Context, userID string) (time.Time, error) {
	now := s.now().UTC().Truncate(time.Millisecond)
	found, err := s.users.Update(ctx, userID, bson.D{{Key: "$set", Value: bson.D{{Key: "lastLoginAt", Value: now}}}})
	if err == nil && !found {
		err = yunduo.Errorf(yunduo.ReasonLoginFailed, "the user was deleted meanwhile")
	}
	return now, err
}

func (s *Service) newAnonymous(ctx context.Context, app yunduo.AppID) (user, error) {
	u := s.newUser(app, ProviderAnonymous, "")
	u.Subject = u.ID
	return u, s.users.Insert(ctx, u.ID, u)
}

// byPassword finds the user whose name and password these are. Unknown name and wrong password look the same and take
// as long.
func (s *Service) byPassword(ctx context.Context, app yunduo.AppID, credential json.RawMessage, client Client) (user, error) {
	var given struct{ Username, Password string }
	if err := json.Unmarshal(credential, &given); err != nil || given.Username == "" || given.Password == "" {
		return user{}, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "a login by password needs username and password")
	}
	key := usernameKey(clip(given.Username, 4*maxUsername))
	succeeded, err := s.throttle.attempt(string(app)+"/"+key, client.IP)
	if err != nil {
		return user{}, err
	}
	u, _, err := s.findUser(ctx, app, ProviderPassword, key)
	if err != nil {
		return user{}, err
	}
	fits, err := s.passwords.check(ctx, u.Password, given.Password)
	if err != nil {
		return user{}, err
	}
	if !fits {
		return user{}, wrongPassword()
	}
	succeeded()
	return u, nil
}

func wrongPassword() error {
	return yunduo.Errorf(yunduo.ReasonLoginFailed, "the username or the password is wrong")
}

// byIdentity finds or makes the user that a provider vouches for.
func (s *Service) byIdentity(ctx context.Context, app yunduo.AppID, provider string, id Identity) (user, error) {
	if id.Subject == "" || len(id.Subject) > maxSubject || !utf8.ValidString(id.Subject) {
		return user{}, yunduo.Errorf(yunduo.ReasonLoginFailed, "the provider %s named no usable identity", provider)
	}
	u, found, err := s.findUser(ctx, app, provider, id.Subject)
	if err != nil {
		return user{}, err
	}
	if !found {
		u = s.newUser(app, provider, id.Subject)
		u.OpenID, u.UnionID = id.Subject, id.UnionID
		err := s.users.Insert(ctx, u.ID, u)
		if yunduo.ReasonOf(err) != yunduo.ReasonDuplicateKey {
			return u, err
		}
		// Another login of the same person was faster.
		if u, found, err = s.findUser(ctx, app, provider, id.Subject); err != nil || !found {
			return user{}, yunduo.Wrap(err, yunduo.ReasonInternal, "the user could neither be made nor found")
		}
	}
	if id.UnionID != "" && id.UnionID != u.UnionID {
		u.UnionID = id.UnionID
		if _, err := s.users.Update(ctx, u.ID, bson.D{{Key: "$set", Value: bson.D{{Key: "unionId", Value: id.UnionID}}}}); err != nil {
			return user{}, err
		}
	}
	return u, nil
}

func (s *Service) findUser(ctx context.Context, app yunduo.AppID, provider, subject string) (user, bool, error) {
	found, err := s.users.Find(ctx, bson.D{{Key: "app", Value: string(app)}, {Key: "provider", Value: provider}, {Key: "subject", Value: subject}}, one)
	if err != nil || len(found) == 0 {
		return user{}, false, err
	}
	return found[0], true, nil
}
