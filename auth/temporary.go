package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"yunduo"
)

// temporaryPrefix tells the secret IDs of temporary keys from those that apps gives out.
const temporaryPrefix = "TMPK"

// temporaryAudience keeps their tokens apart from access tokens and tickets: none is accepted as another.
const temporaryAudience = "_temporary"

// maxTemporaryToken bounds what is parsed: a user's name may be long.
const maxTemporaryToken = 8 << 10

// TemporaryKey is a pair of secret ID and key for signed requests, which counts only together with its token.
type TemporaryKey struct {
	SecretID  string
	SecretKey string
	Token     string
}

type temporaryClaims struct {
	Key        string      `json:"key"` // the secret ID
	Role       yunduo.Role `json:"role"`
	App        string      `json:"app"`
	Function   string      `json:"fn"`
	Invocation string      `json:"inv"`
	UserID     string      `json:"uid,omitempty"`
	Session    string      `json:"login,omitempty"`
	Provider   string      `json:"prv,omitempty"`
	OpenID     string      `json:"oid,omitempty"`
	UnionID    string      `json:"union,omitempty"`
	WeChatApp  string      `json:"wx,omitempty"`
	Username   string      `json:"name,omitempty"`
	ClientIP   string      `json:"ip,omitempty"`
	BaseURL    string      `json:"url,omitempty"`
	jwt.RegisteredClaims
}

// TemporaryKey makes a key with which the code of one invocation signs requests as its caller, for a life. baseURL is
// how the client of the invocation reaches the server. Nothing is stored: every node can verify it.
func (s *Service) TemporaryKey(caller yunduo.Caller, baseURL string, life time.Duration) (TemporaryKey, error) {
	if caller.Role != yunduo.RoleFunction || caller.App == "" || caller.Function == "" || caller.InvocationID == "" {
		return TemporaryKey{}, yunduo.Errorf(yunduo.ReasonPermissionDenied, "temporary keys are for running code of an app")
	}
	id := temporaryPrefix + yunduo.NewID()
	now := s.now()
	claims := &temporaryClaims{
		Key: id, Role: caller.Role, App: string(caller.App), Function: caller.Function, Invocation: caller.InvocationID, UserID: caller.UserID, Session: caller.SessionID, Provider: caller.Provider,
		OpenID: caller.OpenID, UnionID: caller.UnionID, WeChatApp: caller.WeChatAppID, Username: caller.Username, ClientIP: caller.ClientIP, BaseURL: baseURL,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{temporaryAudience}, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(life)),
		},
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(s.signing)
	if err != nil {
		return TemporaryKey{}, yunduo.Wrap(err, yunduo.ReasonInternal, "the temporary key could not be made")
	}
	return TemporaryKey{SecretID: id, SecretKey: s.temporarySecret(id), Token: token}, nil
}

// temporarySecret derives the secret key of a secret ID.
func (s *Service) temporarySecret(id string) string {
	h := hmac.New(sha256.New, s.temporary)
	h.Write([]byte(id))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// IsTemporaryKey reports whether a secret ID has the form of those that TemporaryKey gives.
func IsTemporaryKey(secretID string) bool { return strings.HasPrefix(secretID, temporaryPrefix) }

// TemporarySigner is who signs with a temporary key.
type TemporarySigner struct {
	SecretKey string
	BaseURL   string // as TemporaryKey got it
	Caller    yunduo.Caller
}

// VerifyTemporaryKey returns whose temporary secret ID it is, with the secret key to check the signature with. Reasons:
// token_missing, token_invalid, token_expired.
func (s *Service) VerifyTemporaryKey(secretID, token string) (TemporarySigner, error) {
	if token == "" {
		return TemporarySigner{}, yunduo.Errorf(yunduo.ReasonTokenMissing, "a temporary key needs its session token")
	}
	var c temporaryClaims
	var err error
	if len(token) <= maxTemporaryToken && IsTemporaryKey(secretID) {
		_, err = s.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return s.signing, nil })
	}
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return TemporarySigner{}, yunduo.Errorf(yunduo.ReasonTokenExpired, "the temporary key has expired: its invocation is over")
	case err != nil || len(c.Audience) != 1 || c.Audience[0] != temporaryAudience || c.Key != secretID || c.Role != yunduo.RoleFunction || c.App == "":
		return TemporarySigner{}, yunduo.Wrap(err, yunduo.ReasonTokenInvalid, "the session token does not belong to this key")
	}
	return TemporarySigner{SecretKey: s.temporarySecret(secretID), BaseURL: c.BaseURL, Caller: yunduo.Caller{
		App: yunduo.AppID(c.App), Role: c.Role, UserID: c.UserID, SessionID: c.Session, Provider: c.Provider, OpenID: c.OpenID, UnionID: c.UnionID,
		WeChatAppID: c.WeChatApp, Username: c.Username, Function: c.Function, InvocationID: c.Invocation, ClientIP: c.ClientIP,
	}}, nil
}
