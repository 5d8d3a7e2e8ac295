package auth

import (
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// proofLifetime is how long an identity token and a sudo token are good.
const proofLifetime = 10 * time.Minute

// proof is an identity that was just proved.
type proof struct {
	provider string
	identity Identity
}

// fill writes what is known by the proof into a new user.
func (p proof) fill(u *user) {
	switch p.provider {
	case ProviderPhone:
		u.Phone = p.identity.Subject
	case ProviderEmail:
		u.Email = p.identity.Subject
	case ProviderCustom:
	default:
		u.OpenID, u.UnionID = p.identity.Subject, p.identity.UnionID
	}
}

// set is fill for a user that there is, who keeps the openid.
func (p proof) set() bson.D {
	switch {
	case p.provider == ProviderPhone || p.provider == ProviderEmail:
		return bson.D{{Key: p.provider, Value: p.identity.Subject}}
	case p.identity.UnionID != "":
		return bson.D{{Key: "unionId", Value: p.identity.UnionID}}
	}
	return bson.D{}
}

// prove asks a provider whose credential it is. Reasons: those of the provider, login_failed.
func (s *Service) prove(ctx context.Context, app yunduo.AppID, provider string, credential json.RawMessage) (proof, error) {
	switch provider {
	case ProviderCustom:
		var given struct{ Ticket string }
		if err := json.Unmarshal(credential, &given); err != nil {
			return proof{}, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "a custom login needs a ticket")
		}
		uid, err := s.openTicket(ctx, app, given.Ticket)
		return proof{ProviderCustom, Identity{Subject: uid}}, err
	}
	p, ok := s.providers[provider]
	if !ok {
		return proof{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "there is no login provider %q", clip(provider, 32))
	}
	id, err := p.Authenticate(ctx, app, credential)
	if err != nil {
		return proof{}, err
	}
	if id.Subject == "" || len(id.Subject) > maxSubject || !utf8.ValidString(id.Subject) {
		return proof{}, yunduo.Errorf(yunduo.ReasonLoginFailed, "the provider %s named no usable identity", provider)
	}
	return proof{provider, id}, nil
}

// proofOf opens one of the tokens that prove an identity.
func (s *Service) proofOf(ctx context.Context, app yunduo.AppID, verificationToken, identityToken string) (proof, error) {
	switch {
	case verificationToken != "" && identityToken == "":
		v, err := s.proved(ctx, app, verificationToken)
		return proof{v.Channel, Identity{Subject: v.To}}, err
	case identityToken != "" && verificationToken == "":
		return s.openIdentity(app, identityToken)
	}
	return proof{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the token of a verified code or of a provider is needed")
}

// proofClaims are what identity and sudo tokens say. They are signed with a key of their own, so that none passes for
// an access token.
type proofClaims struct {
	Provider    string `json:"provider,omitempty"`
	UnionID     string `json:"unionId,omitempty"`
	WeChatAppID string `json:"wechatAppId,omitempty"`
	Secret      []byte `json:"secret,omitempty"` // sealed
	SessionID   string `json:"sid,omitempty"`
	jwt.RegisteredClaims
}

func (s *Service) signProof(purpose string, app yunduo.AppID, c proofClaims) (string, error) {
	now := s.now()
	c.Issuer, c.Audience = issuer+" "+purpose, jwt.ClaimStrings{string(app)}
	c.IssuedAt, c.ExpiresAt = jwt.NewNumericDate(now), jwt.NewNumericDate(now.Add(proofLifetime))
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, &c).SignedString(s.proofKey)
	if err != nil {
		return "", yunduo.Wrap(err, yunduo.ReasonInternal, "a token could not be made")
	}
	return text, nil
}

func (s *Service) openProof(purpose string, app yunduo.AppID, token string) (proofClaims, error) {
	var c proofClaims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(issuer+" "+purpose),
		jwt.WithAudience(string(app)), jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.now), jwt.WithStrictDecoding())
	if len(token) > maxAccessToken {
		return c, yunduo.Errorf(yunduo.ReasonLoginFailed, "the token is longer than %d bytes", maxAccessToken)
	}
	if _, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return s.proofKey, nil }); err != nil {
		return c, yunduo.Wrap(err, yunduo.ReasonLoginFailed, "the token is not valid or has expired; begin again")
	}
	return c, nil
}

const (
	purposeIdentity = "identity"
	purposeSudo     = "sudo"
)

// ProveIdentity exchanges the credential of a provider for a token that SignUp, Link and Login take, so that a client
// can decide which of them it is to be. Reasons: those of the provider.
func (s *Service) ProveIdentity(ctx context.Context, app yunduo.AppID, provider string, credential json.RawMessage) (string, error) {
	if _, _, err := s.apps.WeChatApp(ctx, app); err != nil {
		return "", err
	}
	p, err := s.prove(ctx, app, provider, credential)
	if err != nil {
		return "", err
	}
	return s.signProof(purposeIdentity, app, proofClaims{
		Provider: p.provider, UnionID: p.identity.UnionID, WeChatAppID: p.identity.WeChatAppID,
		Secret: s.sealer.Seal(p.identity.SessionSecret, purposeIdentity), RegisteredClaims: jwt.RegisteredClaims{Subject: p.identity.Subject},
	})
}

func (s *Service) openIdentity(app yunduo.AppID, token string) (proof, error) {
	c, err := s.openProof(purposeIdentity, app, token)
	if err != nil {
		return proof{}, err
	}
	secret, err := s.sealer.Open(c.Secret, purposeIdentity)
	return proof{c.Provider, Identity{Subject: c.Subject, UnionID: c.UnionID, WeChatAppID: c.WeChatAppID, SessionSecret: secret}}, err
}

// Sudo confirms that the person at the caller's session is the account's, by its password or by a verified code to its
// number or address, and gives a token for what needs that. Reasons: user_not_found, login_failed, rate_limited,
// code_invalid, invalid_request.
func (s *Service) Sudo(ctx context.Context, caller yunduo.Caller, password, verificationToken string) (string, error) {
	u, err := s.self(ctx, caller)
	if err != nil {
		return "", err
	}
	switch {
	case password != "":
		err = s.checkOwnPassword(ctx, u, password, caller.ClientIP)
	case verificationToken != "":
		var v verification
		if v, err = s.proved(ctx, caller.App, verificationToken); err == nil && u.subjectOf(v.Channel) != v.To {
			err = wrongCode()
		}
	default:
		err = yunduo.Errorf(yunduo.ReasonInvalidRequest, "the password or the token of a verified code is needed")
	}
	if err != nil {
		return "", err
	}
	return s.signProof(purposeSudo, caller.App, proofClaims{SessionID: caller.SessionID, RegisteredClaims: jwt.RegisteredClaims{Subject: u.ID}})
}

func (s *Service) checkOwnPassword(ctx context.Context, u user, password, ip string) error {
	succeeded, err := s.throttle.attempt(u.App, u.App+"/id/"+u.ID, ip)
	if err != nil {
		return err
	}
	fits, err := s.passwords.check(ctx, u.Password, password)
	if err != nil {
		return err
	}
	if !fits {
		return wrongPassword()
	}
	succeeded()
	return nil
}

// confirmedBy checks that a sudo token is the caller's.
func (s *Service) confirmedBy(caller yunduo.Caller, sudoToken string) error {
	c, err := s.openProof(purposeSudo, caller.App, sudoToken)
	if err != nil {
		return err
	}
	if c.Subject != caller.UserID || c.SessionID != caller.SessionID {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "the sudo token belongs to another session")
	}
	return nil
}
