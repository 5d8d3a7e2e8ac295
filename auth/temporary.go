package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"sync"
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

// liveKeys are the temporary keys of invocations on this node, by secret ID, with the time at which each ends. Code
// reaches the node that runs it, so that no other one need know them.
type liveKeys struct {
	mu    sync.Mutex
	ends  map[string]time.Time
	sweep int // at this many the ended ones are removed
}

// set says when a key ends; of a known key only to end it earlier.
func (l *liveKeys) set(id string, at, now time.Time, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known {
		if end, ok := l.ends[id]; ok && at.Before(end) {
			l.ends[id] = at
		}
		return
	}
	if l.ends == nil {
		l.ends = make(map[string]time.Time)
	}
	if len(l.ends) >= l.sweep {
		maps.DeleteFunc(l.ends, func(_ string, end time.Time) bool { return !end.After(now) })
		l.sweep = max(1024, 2*len(l.ends))
	}
	l.ends[id] = at
}

func (l *liveKeys) has(id string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ends[id].After(now)
}

// TemporaryKey makes a key with which the code of one invocation signs requests as its caller, for a life or until
// EndTemporaryKey, to this node. baseURL is how the client of the invocation reaches the server.
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
	s.liveKeys.set(id, now.Add(life), now, false)
	return TemporaryKey{SecretID: id, SecretKey: s.temporarySecret(id), Token: token}, nil
}

// EndTemporaryKey lets a key count for no longer than a while from now.
func (s *Service) EndTemporaryKey(secretID string, after time.Duration) {
	now := s.now()
	s.liveKeys.set(secretID, now.Add(after), now, true)
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
	case !s.liveKeys.has(secretID, s.now()):
		return TemporarySigner{}, yunduo.Errorf(yunduo.ReasonTokenExpired, "the temporary key has ended with its invocation")
	}
	return TemporarySigner{SecretKey: s.temporarySecret(secretID), BaseURL: c.BaseURL, Caller: yunduo.Caller{
		App: yunduo.AppID(c.App), Role: c.Role, UserID: c.UserID, SessionID: c.Session, Provider: c.Provider, OpenID: c.OpenID, UnionID: c.UnionID,
		WeChatAppID: c.WeChatApp, Username: c.Username, Function: c.Function, InvocationID: c.Invocation, ClientIP: c.ClientIP,
	}}, nil
}
