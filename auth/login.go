package auth

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

const (
	maxSubject     = 128  // bytes
	anonymousPerIP = 1000 // new anonymous users within throttleWindow
)

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
		u, err = s.newAnonymous(ctx, app, client)
	case ProviderPassword:
		u, err = s.byPassword(ctx, app, credential, client)
	case ProviderCode:
		u, provider, err = s.byCode(ctx, app, credential)
	default:
		var p proof
		if p, err = s.proofByLogin(ctx, app, provider, credential); err == nil {
			provider, identity = p.provider, p.identity
			u, err = s.byIdentity(ctx, app, p)
		}
	}
	if err != nil {
		return Tokens{}, err
	}
	return s.begin(ctx, u, provider, identity, client)
}

// ProviderCode signs in with the token of a verified code, ProviderIdentity with that of ProveIdentity.
const (
	ProviderCode     = "code"
	ProviderIdentity = "identity"
)

func (s *Service) proofByLogin(ctx context.Context, app yunduo.AppID, provider string, credential json.RawMessage) (proof, error) {
	if provider != ProviderIdentity {
		return s.prove(ctx, app, provider, credential)
	}
	var given struct{ IdentityToken string }
	if err := json.Unmarshal(credential, &given); err != nil {
		return proof{}, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "a login by identity needs identityToken")
	}
	return s.openIdentity(app, given.IdentityToken)
}

// begin starts a session of a user who has just proved to be one.
func (s *Service) begin(ctx context.Context, u user, provider string, identity Identity, client Client) (Tokens, error) {
	var err error
	if u.LastLoginAt, err = s.loggedIn(ctx, u.ID); err != nil {
		return Tokens{}, err
	}
	role := yunduo.RoleUser
	if provider == ProviderAnonymous {
		role = yunduo.RoleAnonymous
	}
	live := session{
		App: u.App, UserID: u.ID, Role: role, Provider: provider,
		OpenID: u.OpenID, UnionID: u.UnionID, WeChatAppID: identity.WeChatAppID, Username: u.Username, Lasting: client.Lasting,
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

func (s *Service) newAnonymous(ctx context.Context, app yunduo.AppID, client Client) (user, error) {
	if client.IP != "" {
		if err := s.throttle.take(limit{"anonymous-ip/" + client.IP, anonymousPerIP, throttleWindow}); err != nil {
			return user{}, err
		}
	}
	u := s.newUser(app, ProviderAnonymous, "")
	u.Subject = u.ID
	return u, s.users.Insert(ctx, u.ID, u)
}

// byCode finds the user of a verified number or address; user_not_found if there is none, unless the credential asks
// to make one.
func (s *Service) byCode(ctx context.Context, app yunduo.AppID, credential json.RawMessage) (user, string, error) {
	var given struct {
		VerificationToken string
		Username          string // the number or address, if the client names it
		Create            bool
	}
	if err := json.Unmarshal(credential, &given); err != nil || given.VerificationToken == "" {
		return user{}, "", yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "a login by code needs verificationToken")
	}
	v, err := s.proved(ctx, app, given.VerificationToken)
	if err != nil {
		return user{}, "", err
	}
	if given.Username != "" && !slices.Contains(contactsOf(given.Username), v.Channel+"/"+v.To) {
		return user{}, "", wrongCode()
	}
	p := proof{v.Channel, Identity{Subject: v.To}}
	if given.Create {
		u, err := s.byIdentity(ctx, app, p)
		return u, v.Channel, err
	}
	u, found, err := s.findUser(ctx, app, v.Channel, v.To)
	if err == nil && !found {
		err = yunduo.Errorf(yunduo.ReasonUserNotFound, "no account has this %s", v.Channel)
	}
	return u, v.Channel, err
}

// contactsOf lists what a name may mean as a number or an address, as CHANNEL/SUBJECT.
func contactsOf(name string) []string {
	var list []string
	if email, err := normalEmail(name); err == nil {
		list = append(list, ProviderEmail+"/"+email)
	}
	if phone, err := normalPhone(name); err == nil {
		list = append(list, ProviderPhone+"/"+phone)
	}
	return list
}

// byName finds the user who has a username, or else an address or number, that is written like this.
func (s *Service) byName(ctx context.Context, app yunduo.AppID, name string) (user, bool, error) {
	for _, identity := range append(contactsOf(name), ProviderPassword+"/"+usernameKey(clip(name, 4*maxUsername))) {
		provider, subject, _ := strings.Cut(identity, "/")
		u, found, err := s.findUser(ctx, app, provider, subject)
		if err != nil || found {
			return u, found, err
		}
	}
	return user{}, false, nil
}

// byPassword finds the user whose name and password these are. Unknown name and wrong password look the same and take
// as long.
func (s *Service) byPassword(ctx context.Context, app yunduo.AppID, credential json.RawMessage, client Client) (user, error) {
	var given struct{ Username, Password, Captcha string }
	if err := json.Unmarshal(credential, &given); err != nil || given.Username == "" || given.Password == "" {
		return user{}, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "a login by password needs username and password")
	}
	u, found, err := s.byName(ctx, app, given.Username)
	if err != nil {
		return user{}, err
	}
	key := string(app) + "/" + usernameKey(clip(given.Username, 4*maxUsername))
	if found { // however the name was written
		key = string(app) + "/id/" + u.ID
	}
	counters := []limit{{key: "name/" + key, most: captchaPerName}}
	if client.IP != "" {
		counters = append(counters, limit{key: "ip/" + client.IP, most: captchaPerIP})
	}
	if err := s.human(ctx, app, given.Captcha, client.IP, counters...); err != nil {
		return user{}, err
	}
	succeeded, err := s.throttle.attempt(string(app), key, client.IP)
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

// byIdentity finds or makes the user that a proof vouches for.
func (s *Service) byIdentity(ctx context.Context, app yunduo.AppID, p proof) (user, error) {
	id := p.identity
	u, found, err := s.findUser(ctx, app, p.provider, id.Subject)
	if err != nil {
		return user{}, err
	}
	if !found {
		u = s.newUser(app, p.provider, id.Subject)
		p.fill(&u)
		err := s.insertUser(ctx, u)
		if yunduo.ReasonOf(err) != yunduo.ReasonIdentityTaken {
			return u, err
		}
		// Another login of the same person was faster.
		if u, found, err = s.findUser(ctx, app, p.provider, id.Subject); err != nil || !found {
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
