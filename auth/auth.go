// Package auth turns credentials into sessions and sessions into callers: it signs end users and operators in, issues
// and renews their tokens, and says who a request comes from.
package auth

import (
	"context"
	"encoding/json"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

// Names of the built-in providers.
const (
	ProviderAnonymous = "anonymous"
	ProviderPassword  = "password"
	ProviderOperator  = "operator"
	ProviderAPIKey    = "apikey"
)

// Lifetimes of what the server issues.
const (
	AccessTokenLifetime = 2 * time.Hour
	SessionLifetime     = 30 * 24 * time.Hour // since the last renewal
)

// Apps is what this room needs to know about apps. apps.Registry is one.
type Apps interface {
	// WeChatApp returns an app's WeChat app ID and secret, empty if it has none; app_not_found.
	WeChatApp(ctx context.Context, app yunduo.AppID) (appID, secret string, err error)
	// VerifyAPIKey returns the app that an API key acts for; token_invalid.
	VerifyAPIKey(ctx context.Context, key string) (yunduo.AppID, error)
}

// Provider is a way to prove an identity. Authenticate returns login_failed if the credential is not accepted,
// provider_unavailable if that cannot be told, invalid_request if its form is wrong.
type Provider interface {
	Name() string // 1 to 32 lower-case letters
	Authenticate(ctx context.Context, app yunduo.AppID, credential json.RawMessage) (Identity, error)
}

// Identity is who a provider says somebody is.
type Identity struct {
	Subject       string // the same for the same person in the same app; becomes the user's OpenID
	UnionID       string
	WeChatAppID   string
	SessionSecret string // kept sealed with the session, such as the WeChat session key
}

// Client is where a login comes from.
type Client struct {
	IP     string
	Device string
	// Lasting asks for a session whose refresh token stays the same, for clients that cannot take a new one.
	Lasting bool
}

// Tokens are what a login or a renewal gives.
type Tokens struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	ExpiresIn    int    `json:"expiresIn"` // seconds that the access token lives
	User         User   `json:"user"`
}

// Options configure a Service.
type Options struct {
	Keys   Keys
	Now    func() time.Time
	Logger *slog.Logger
	Dev    bool // accept the link token of DevToken
	// Sender brings verification codes to people; nil sends none.
	Sender Sender
	// Captcha is asked after repeated failures; nil asks for none.
	Captcha Captcha
}

// Service is the authority on identities. It is safe for concurrent use.
type Service struct {
	db        *documents.DB
	apps      Apps
	now       func() time.Time
	logger    *slog.Logger
	signing   []byte
	parser    *jwt.Parser
	sealer    *documents.Sealer
	providers map[string]Provider
	passwords *passwords
	throttle  *throttle
	verified  verifiedTokens
	devToken  string // empty unless in dev
	sender    Sender
	captcha   Captcha // nil without one
	codeKey   []byte
	proofKey  []byte
	// refreshKey makes refresh tokens of named exchanges.
	refreshKey []byte
	temporary  []byte // of which the secrets of temporary keys are made

	ticketParser *jwt.Parser

	users     *documents.Records[user]
	sessions  *documents.Records[session]
	operators *documents.Records[operator]
	setup     *documents.Records[setup]

	verifications *documents.Records[verification]
	liveKeys      liveKeys
	ticketKeys    *documents.Records[ticketKey]
	usedTickets   *documents.Records[usedTicket]
}

// New returns the service whose users and sessions are kept in db.
func New(db *documents.DB, apps Apps, o Options) (*Service, error) {
	sealer, err := documents.NewSealer(o.Keys.Derive("sealing of sessions"))
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		db:        db,
		apps:      apps,
		now:       o.Now,
		logger:    o.Logger,
		signing:   o.Keys.Derive("signing of access tokens"),
		parser:    newParser(o.Now),
		sealer:    sealer,
		providers: make(map[string]Provider),
		passwords: newPasswords(runtime.GOMAXPROCS(0)),
		throttle:  newThrottle(o.Now),
		sender:    o.Sender,
		captcha:   o.Captcha,
		codeKey:   o.Keys.Derive("digests of verification codes"),
		proofKey:  o.Keys.Derive("signing of proofs"),
		temporary: o.Keys.Derive("secrets of temporary keys"),

		refreshKey: o.Keys.Derive("refresh tokens of named exchanges"),

		ticketParser: newTicketParser(),
		users: documents.NewRecords[user](db, "users", documents.RecordOptions{Indexes: []driver.Index{
			{Name: "identity", Unique: true, Fields: []driver.IndexField{{Path: "app"}, {Path: "provider"}, {Path: "subject"}}},
			{Name: "identities", Unique: true, Sparse: true, Fields: []driver.IndexField{{Path: "identities"}}},
			{Name: "newest", Fields: []driver.IndexField{{Path: "app"}, {Path: "createdAt", Descending: true}}},
		}}),
		sessions: documents.NewRecords[session](db, sessionsCollection, documents.RecordOptions{Cache: 50_000, Indexes: []driver.Index{
			{Name: "user", Fields: []driver.IndexField{{Path: "app"}, {Path: "userId"}}},
			{Name: "expiry", Fields: []driver.IndexField{{Path: "expiresAt"}}, ExpireAfter: 24 * time.Hour},
		}}),
		operators: documents.NewRecords[operator](db, "operators", documents.RecordOptions{Indexes: []driver.Index{
			{Name: "name", Unique: true, Fields: []driver.IndexField{{Path: "name"}}},
		}}),
		setup: documents.NewRecords[setup](db, "setup", documents.RecordOptions{}),
		verifications: documents.NewRecords[verification](db, "verifications", documents.RecordOptions{Silent: true, Indexes: []driver.Index{
			{Name: "expiry", Fields: []driver.IndexField{{Path: "expiresAt"}}, ExpireAfter: time.Hour},
			{Name: "to", Fields: []driver.IndexField{{Path: "app"}, {Path: "to"}}},
		}}),
		ticketKeys: documents.NewRecords[ticketKey](db, "ticket_keys", documents.RecordOptions{Indexes: []driver.Index{
			{Name: "app", Fields: []driver.IndexField{{Path: "app"}}},
		}}),
		usedTickets: documents.NewRecords[usedTicket](db, "used_tickets", documents.RecordOptions{Silent: true, Indexes: []driver.Index{
			{Name: "expiry", Fields: []driver.IndexField{{Path: "expiresAt"}}, ExpireAfter: time.Hour},
		}}),
	}
	if s.sender == nil {
		s.sender = noSender{}
	}
	if o.Dev {
		s.devToken = devTokenPrefix + yunduo.NewSecret()
	}
	return s, nil
}

// Register adds a provider. It is called before the first login; invalid_config if the name is taken or malformed.
func (s *Service) Register(p Provider) error {
	name := p.Name()
	if len(name) < 1 || len(name) > 32 || strings.ContainsFunc(name, func(c rune) bool { return c < 'a' || c > 'z' }) {
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "the provider name %q is not made of 1 to 32 lower-case letters", name)
	}
	switch name {
	case ProviderAnonymous, ProviderPassword, ProviderOperator, ProviderAPIKey, ProviderPhone, ProviderEmail, ProviderCustom, ProviderCode, ProviderIdentity:
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "the provider name %q is built in", name)
	}
	if _, ok := s.providers[name]; ok {
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "the provider name %q is taken", name)
	}
	s.providers[name] = p
	return nil
}

// Verify returns whose access token it is. A token of another app is refused; app may be empty where the request does
// not name one, then it is the token's own. Tokens of operators hold for every app. Reasons: token_missing,
// token_invalid, token_expired, session_revoked.
func (s *Service) Verify(ctx context.Context, app yunduo.AppID, accessToken string) (yunduo.Caller, error) {
	c, err := s.parse(accessToken)
	if err != nil {
		return yunduo.Caller{}, err
	}
	live, err := s.sessions.Get(ctx, c.SessionID)
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound || err == nil && live.Revoked {
		return yunduo.Caller{}, revoked()
	}
	if err != nil {
		return yunduo.Caller{}, err
	}
	if live.App != c.app() || live.UserID != c.Subject {
		return yunduo.Caller{}, yunduo.Errorf(yunduo.ReasonTokenInvalid, "the access token does not belong to its session")
	}
	caller := live.caller()
	if app != "" && caller.App != app && !caller.Operator() {
		return yunduo.Caller{}, yunduo.Errorf(yunduo.ReasonTokenInvalid, "the access token belongs to another app")
	}
	return caller, nil
}

// VerifyAPIKey returns the caller that an API key stands for: an owner of its app. Reasons: token_invalid.
func (s *Service) VerifyAPIKey(ctx context.Context, key string) (yunduo.Caller, error) {
	app, err := s.apps.VerifyAPIKey(ctx, key)
	if err != nil {
		return yunduo.Caller{}, err
	}
	return yunduo.Caller{App: app, Role: yunduo.RoleOwner, Provider: ProviderAPIKey}, nil
}

func revoked() error {
	return yunduo.Errorf(yunduo.ReasonSessionRevoked, "the login was ended; sign in again")
}
