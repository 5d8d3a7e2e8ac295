// Package wechat speaks to WeChat for the apps: server APIs with an access token that is kept and renewed here, open
// data, payments, and the messages that WeChat pushes, which become function calls. Code of the apps sees neither the
// app's secret nor a token nor a merchant key.
package wechat

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"yunduo"
	"yunduo/data/documents"
)

// Addresses of WeChat.
const (
	DefaultEndpoint    = "https://api.weixin.qq.com"
	DefaultPayEndpoint = "https://api.mch.weixin.qq.com"
)

const (
	timeLimit   = 20 * time.Second // of one request to WeChat
	maxResponse = 4 << 20          // bytes: what function code gets at once
)

// Apps is the register of apps.
type Apps interface {
	// WeChatApp returns an app's WeChat app ID and secret, empty if it has none; app_not_found if there is no such app.
	WeChatApp(ctx context.Context, app yunduo.AppID) (appID, secret string, err error)
}

// Sessions knows the keys of logins.
type Sessions interface {
	// WeChatSessionKey returns the key that decrypts what WeChat sealed for the caller's login; empty if there is none.
	WeChatSessionKey(ctx context.Context, caller yunduo.Caller) (string, error)
}

// Invoker runs functions for WeChat's messages.
type Invoker interface {
	// InvokeWeChat runs a function of an app on behalf of the user with an openid, who may be nobody.
	InvokeWeChat(ctx context.Context, app yunduo.AppID, function, openID, wechatAppID string, event json.RawMessage) (json.RawMessage, error)
}

// StandIn plays WeChat for apps that have no secret: for development only.
type StandIn interface {
	// Account makes the app known there, if it is not, and returns what it is known by and where.
	Account(app yunduo.AppID, wechatAppID string) (Account, error)
}

// Account is what an app is to WeChat.
type Account struct {
	AppID, Secret         string
	Endpoint, PayEndpoint string // base addresses
	Merchant              Merchant
	Push                  Push
	// AnyMerchant says that the merchant answers to every number: code names the one that it will have in production.
	AnyMerchant bool
}

// Sealer encrypts what is kept of an app.
type Sealer interface {
	// Seal encrypts a value for one place.
	Seal(value, place string) ([]byte, error)
	// Open decrypts what Seal made for the same place; internal if it cannot.
	Open(sealed []byte, place string) (string, error)
}

// Options configure a Service. Key and Sealer must be there; other zero values take the defaults.
type Options struct {
	Key         []byte // 32 bytes: signs addresses for callbacks
	Sealer      Sealer
	Endpoint    string // base address of the server APIs
	PayEndpoint string // base address of the payment APIs
	Client      *http.Client
	StandIn     StandIn // nil for none
	// ReplyWithin is how long WeChat waits for the answer to a message; 4.5 s.
	ReplyWithin time.Duration
	Logger      *slog.Logger
	Now         func() time.Time
}

// Service is the room. It is safe for concurrent use.
type Service struct {
	apps     Apps
	sessions Sessions
	invoker  Invoker
	options  Options
	client   *http.Client
	records  *documents.Records[record]
	refunds  *documents.Records[refundRecord]

	mu       sync.Mutex
	tokens   map[string]*token
	renewals singleflight.Group
	messages messages
	certs    certificates
	wg       sync.WaitGroup
}

// New returns the room; invalid_config if the key is none of 32 bytes or there is no sealer.
func New(db *documents.DB, apps Apps, sessions Sessions, invoker Invoker, o Options) (*Service, error) {
	if len(o.Key) != 32 || o.Sealer == nil {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "the room for WeChat needs a key of 32 bytes, not %d, and a sealer", len(o.Key))
	}
	if o.Endpoint == "" {
		o.Endpoint = DefaultEndpoint
	}
	if o.PayEndpoint == "" {
		o.PayEndpoint = DefaultPayEndpoint
	}
	if o.ReplyWithin == 0 {
		o.ReplyWithin = 4500 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	client := http.Client{}
	if o.Client != nil {
		client = *o.Client
	}
	if client.Timeout == 0 {
		client.Timeout = timeLimit
	}
	// WeChat redirects nobody. Whoever did would be told the address, and with it the access token, as the referrer.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Service{
		apps: apps, sessions: sessions, invoker: invoker, options: o, client: &client,
		records: documents.NewRecords[record](db, "wechat", documents.RecordOptions{Cache: 10_000}),
		refunds: documents.NewRecords[refundRecord](db, "wechat_refunds", documents.RecordOptions{}),
		tokens:  map[string]*token{},
	}, nil
}

// Close waits for functions that still run for messages which were answered already, until ctx ends.
func (s *Service) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// account returns what an app is to WeChat: to the stand-in, if there is one and the app has no secret.
func (s *Service) account(ctx context.Context, app yunduo.AppID) (Account, error) {
	appID, secret, err := s.apps.WeChatApp(ctx, app)
	if err != nil {
		return Account{}, err
	}
	rec, err := s.record(ctx, app)
	if err != nil {
		return Account{}, err
	}
	settings, err := s.open(app, rec)
	if err != nil {
		return Account{}, err
	}
	if secret == "" && s.options.StandIn != nil {
		a, err := s.options.StandIn.Account(app, appID)
		a.Push.Routes = settings.Push.Routes
		return a, err
	}
	return Account{
		AppID: appID, Secret: secret, Merchant: settings.Merchant, Push: settings.Push,
		Endpoint: strings.TrimSuffix(s.options.Endpoint, "/"), PayEndpoint: strings.TrimSuffix(s.options.PayEndpoint, "/"),
	}, nil
}

// usable refuses an account without an app ID and secret.
func (a Account) usable(app yunduo.AppID) error {
	if a.AppID == "" || a.Secret == "" {
		return yunduo.Errorf(yunduo.ReasonWechatNotConfigured, "the app %q has no WeChat app ID and secret: set them with \"yunduo wechat set\" or in the console", string(app))
	}
	return nil
}

// unavailable says that WeChat could not be asked. The address is left out: it may hold a token.
func unavailable(cause error) error {
	if e, ok := cause.(*url.Error); ok { //nolint:errorlint // the client returns it unwrapped
		cause = e.Err
	}
	return yunduo.Wrap(cause, yunduo.ReasonWechatUnavailable, "WeChat could not be asked; try again")
}

// StandIn returns what an app is to the stand-in that plays WeChat for it; false if none does.
func (s *Service) StandIn(ctx context.Context, app yunduo.AppID) (Account, bool, error) {
	appID, secret, err := s.apps.WeChatApp(ctx, app)
	if err != nil || secret != "" || s.options.StandIn == nil {
		return Account{}, false, err
	}
	a, err := s.options.StandIn.Account(app, appID)
	return a, err == nil, err
}
