package auth

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// Profile is what a user says about themselves. Nothing is decided by it.
type Profile struct {
	Name     string `json:"name,omitempty" bson:"name,omitempty"`
	Picture  string `json:"picture,omitempty" bson:"picture,omitempty"`
	Gender   string `json:"gender,omitempty" bson:"gender,omitempty"`
	Country  string `json:"country,omitempty" bson:"country,omitempty"`
	Province string `json:"province,omitempty" bson:"province,omitempty"`
	City     string `json:"city,omitempty" bson:"city,omitempty"`
}

const maxProfileField = 1024 // bytes

func (p Profile) check() error {
	for name, value := range map[string]string{"name": p.Name, "picture": p.Picture, "gender": p.Gender, "country": p.Country, "province": p.Province, "city": p.City} {
		if len(value) > maxProfileField || !utf8.ValidString(value) {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "%s: at most %d bytes of text are allowed", name, maxProfileField)
		}
	}
	return nil
}

// self returns the caller's own account; user_not_found if the caller has none.
func (s *Service) self(ctx context.Context, caller yunduo.Caller) (user, error) {
	if caller.UserID == "" || !caller.EndUser() {
		return user{}, yunduo.Errorf(yunduo.ReasonUserNotFound, "no user is signed in")
	}
	u, err := s.users.Get(ctx, caller.UserID)
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound || err == nil && u.App != string(caller.App) {
		return user{}, yunduo.Errorf(yunduo.ReasonUserNotFound, "there is no such user")
	}
	return u, err
}

// NewAccount is an account that a person makes: with the token of a verified code, or with an identity token.
type NewAccount struct {
	VerificationToken string
	IdentityToken     string
	Username          string // optional
	Password          string // optional
	Profile           Profile
	// Anonymous is the access token of an anonymous user who becomes the account's, and keeps documents.
	Anonymous string
}

// SignUp makes an account and signs it in. What the account is known by is always proved first, so that nobody can
// make one in another's name and wait. Reasons: code_invalid, identity_taken, user_exists, invalid_request,
// token_invalid.
func (s *Service) SignUp(ctx context.Context, app yunduo.AppID, n NewAccount, client Client) (Tokens, error) {
	if _, _, err := s.apps.WeChatApp(ctx, app); err != nil {
		return Tokens{}, err
	}
	if err := n.Profile.check(); err != nil {
		return Tokens{}, err
	}
	hash, err := s.optionalHash(ctx, n.Password)
	if err != nil {
		return Tokens{}, err
	}
	if n.Username != "" {
		if err := checkChosenName(n.Username); err != nil {
			return Tokens{}, err
		}
	}
	p, err := s.proofOf(ctx, app, n.VerificationToken, n.IdentityToken)
	if err != nil {
		return Tokens{}, err
	}
	var u user
	if n.Anonymous == "" {
		u, err = s.makeAccount(ctx, app, p, n, hash)
	} else {
		u, err = s.upgrade(ctx, app, p, n, hash)
	}
	if err != nil {
		return Tokens{}, err
	}
	return s.begin(ctx, u, p.provider, p.identity, client)
}

func (s *Service) optionalHash(ctx context.Context, password string) (string, error) {
	if password == "" {
		return "", nil
	}
	return s.passwords.hash(ctx, password)
}

func (s *Service) makeAccount(ctx context.Context, app yunduo.AppID, p proof, n NewAccount, hash string) (user, error) {
	_, found, err := s.findUser(ctx, app, p.provider, p.identity.Subject)
	if err != nil {
		return user{}, err
	}
	if found {
		return user{}, taken(p.provider)
	}
	u := s.newUser(app, p.provider, p.identity.Subject)
	p.fill(&u)
	u.Password, u.Profile = hash, n.Profile
	if n.Username != "" {
		if _, found, err := s.findUser(ctx, app, ProviderPassword, usernameKey(n.Username)); err != nil || found {
			return user{}, nameTaken(n.Username, err)
		}
		u.Username = n.Username
		u.Identities = append(u.Identities, identityKey(u.App, ProviderPassword, usernameKey(n.Username)))
	}
	return u, s.insertUser(ctx, u)
}

// nameTaken is err, or that somebody else has the name.
func nameTaken(username string, err error) error {
	if err != nil {
		return err
	}
	return yunduo.Errorf(yunduo.ReasonUserExists, "username: there is a user %q already", username)
}

// upgrade makes an anonymous user a lasting one.
func (s *Service) upgrade(ctx context.Context, app yunduo.AppID, p proof, n NewAccount, hash string) (user, error) {
	caller, err := s.Verify(ctx, app, n.Anonymous)
	if err != nil {
		return user{}, err
	}
	if caller.Role != yunduo.RoleAnonymous {
		return user{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the access token is not that of an anonymous user")
	}
	u, err := s.self(ctx, caller)
	if err != nil {
		return user{}, err
	}
	set := append(p.set(), bson.E{Key: "profile", Value: n.Profile})
	if hash != "" {
		set = append(set, bson.E{Key: "password", Value: hash})
	}
	// The account gets a session of its own.
	if u, err = s.link(ctx, u, p.provider, p.identity.Subject, "", set); err != nil || n.Username == "" {
		return u, err
	}
	return s.rename(ctx, u, n.Username, "")
}

// rename gives a user another name to sign in with.
func (s *Service) rename(ctx context.Context, u user, username, session string) (user, error) {
	if err := checkChosenName(username); err != nil {
		return user{}, err
	}
	changed, err := s.link(ctx, u, ProviderPassword, usernameKey(username), session, bson.D{{Key: "username", Value: username}})
	if yunduo.ReasonOf(err) == yunduo.ReasonIdentityTaken {
		return user{}, nameTaken(username, nil)
	}
	return changed, err
}

// checkChosenName refuses names that a user must not choose: one that looks like an address or a phone number would
// wait for whoever has that.
func checkChosenName(username string) error {
	if err := checkUsername(username); err != nil {
		return err
	}
	if strings.Contains(username, "@") || !strings.ContainsFunc(username, func(c rune) bool { return c != '+' && c != '-' && (c < '0' || c > '9') }) {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "username: a name must not look like an email address or a phone number")
	}
	return nil
}

// Changes are what a user changes of the own account; nil leaves a thing as it is. Another phone number or address
// counts only after a code to it was verified: by VerificationToken, or by the caller just before.
type Changes struct {
	Username          *string
	Profile           *Profile
	Phone             *string
	Email             *string
	VerificationToken string
}

// UpdateMe changes the caller's own account. Reasons: user_not_found, user_exists, identity_taken, code_invalid,
// invalid_request.
func (s *Service) UpdateMe(ctx context.Context, caller yunduo.Caller, c Changes) (User, error) {
	u, err := s.self(ctx, caller)
	if err != nil {
		return User{}, err
	}
	for channel, given := range map[string]*string{ProviderPhone: c.Phone, ProviderEmail: c.Email} {
		if given == nil {
			continue
		}
		if u, err = s.setContact(ctx, u, channel, *given, c.VerificationToken, caller.SessionID); err != nil {
			return User{}, err
		}
	}
	if c.Username != nil && *c.Username != u.Username {
		if u, err = s.rename(ctx, u, *c.Username, caller.SessionID); err != nil {
			return User{}, err
		}
	}
	if c.Profile == nil {
		return u.public(), nil
	}
	if err := c.Profile.check(); err != nil {
		return User{}, err
	}
	u, _, err = s.users.Take(ctx, bson.D{{Key: "_id", Value: u.ID}}, nil, bson.D{{Key: "$set", Value: bson.D{{Key: "profile", Value: *c.Profile}}}})
	return u.public(), err
}

func (s *Service) setContact(ctx context.Context, u user, channel, given, token, session string) (user, error) {
	phone, email := given, ""
	if channel == ProviderEmail {
		phone, email = "", given
	}
	_, to, err := contact(phone, email)
	if err != nil || u.subjectOf(channel) == to {
		return u, err
	}
	if token == "" {
		err = s.confirmed(ctx, u, channel, to)
	} else {
		var v verification
		if v, err = s.proved(ctx, yunduo.AppID(u.App), token); err == nil && (v.Channel != channel || v.To != to) {
			err = wrongCode()
		}
	}
	if err != nil {
		return user{}, err
	}
	return s.link(ctx, u, channel, to, session, bson.D{{Key: channel, Value: to}})
}

// LinkRequest proves one more way to sign in: by one of the tokens, or by the credential of a provider.
type LinkRequest struct {
	VerificationToken string
	IdentityToken     string
	Provider          string
	Credential        json.RawMessage
}

// Link adds a way to sign in to the caller's account. Reasons: user_not_found, identity_taken, code_invalid,
// login_failed, and those of the provider.
func (s *Service) Link(ctx context.Context, caller yunduo.Caller, request LinkRequest) (User, error) {
	u, err := s.self(ctx, caller)
	if err != nil {
		return User{}, err
	}
	var p proof
	if request.Provider != "" {
		p, err = s.prove(ctx, caller.App, request.Provider, request.Credential)
	} else {
		p, err = s.proofOf(ctx, caller.App, request.VerificationToken, request.IdentityToken)
	}
	if err != nil {
		return User{}, err
	}
	u, err = s.link(ctx, u, p.provider, p.identity.Subject, caller.SessionID, p.set())
	return u.public(), err
}
