package auth

import (
	"errors"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"yunduo"
)

const (
	issuer          = "yunduo"
	consoleAudience = "_console" // tokens of operators; no app can have this name
	maxAccessToken  = 4096       // bytes
)

// claims are what an access token says. What matters is read from the session; the rest is for clients to look at.
type claims struct {
	Role      yunduo.Role `json:"role"`
	OpenID    string      `json:"openid,omitempty"`
	SessionID string      `json:"sid"`
	Provider  string      `json:"provider,omitempty"`
	jwt.RegisteredClaims
}

func (c *claims) app() string {
	if c.Audience[0] == consoleAudience {
		return ""
	}
	return c.Audience[0]
}

func newParser(now func() time.Time) *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), // neither "none" nor a public-key method
		jwt.WithIssuer(issuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(now), jwt.WithStrictDecoding())
}

// sign issues the access token of a session.
func (s *Service) sign(live session) (string, error) {
	now := s.now()
	audience := live.App
	if audience == "" {
		audience = consoleAudience
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, &claims{
		Role:      live.Role,
		OpenID:    live.OpenID,
		SessionID: live.ID,
		Provider:  live.Provider,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			Subject:   live.UserID,
			Audience:  jwt.ClaimStrings{audience},
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(AccessTokenLifetime)),
		},
	})
	text, err := token.SignedString(s.signing)
	if err != nil {
		return "", yunduo.Wrap(err, yunduo.ReasonInternal, "the access token could not be made")
	}
	return text, nil
}

// parse checks the signature, issuer and time of an access token. Reasons: token_missing, token_invalid,
// token_expired.
func (s *Service) parse(text string) (*claims, error) {
	if text == "" {
		return nil, yunduo.Errorf(yunduo.ReasonTokenMissing, "the access token is missing")
	}
	if len(text) > maxAccessToken {
		return nil, yunduo.Errorf(yunduo.ReasonTokenInvalid, "the access token is longer than %d bytes", maxAccessToken)
	}
	if c := s.verified.get(text, s.now()); c != nil {
		return c, nil
	}
	var c claims
	_, err := s.parser.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return s.signing, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, yunduo.Errorf(yunduo.ReasonTokenExpired, "the access token has expired; renew it with the refresh token")
	case err != nil || len(c.Audience) != 1 || c.SessionID == "" || c.Subject == "":
		return nil, yunduo.Wrap(err, yunduo.ReasonTokenInvalid, "the access token is not one of this server")
	}
	s.verified.put(text, &c)
	return &c, nil
}

// maxVerified is how many access tokens are remembered as genuine.
const maxVerified = 20_000

// verifiedTokens remembers tokens whose signature was checked: the same one comes with every request of a session.
// Whether the session still lives is asked each time all the same.
type verifiedTokens struct {
	mu     sync.RWMutex
	tokens map[string]*claims
}

// get returns the claims of a token that was checked before and has not expired since; nil otherwise. They are shared
// and must not be changed.
func (v *verifiedTokens) get(token string, now time.Time) *claims {
	v.mu.RLock()
	c := v.tokens[token]
	v.mu.RUnlock()
	if c == nil || !now.Before(c.ExpiresAt.Time) {
		return nil
	}
	return c
}

func (v *verifiedTokens) put(token string, c *claims) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tokens == nil || len(v.tokens) >= maxVerified {
		v.tokens = map[string]*claims{}
	}
	v.tokens[token] = c
}
