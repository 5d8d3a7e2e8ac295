// Package wechat signs mini-program users in: it exchanges the login code of wx.login for an openid at WeChat.
package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"yunduo"
	"yunduo/auth"
)

// DefaultEndpoint is WeChat's own code2session address.
// https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/code2Session.html
const DefaultEndpoint = "https://api.weixin.qq.com/sns/jscode2session"

const (
	devPrefix  = "dev:"
	maxCode    = 512      // bytes
	maxReply   = 64 << 10 // bytes
	timeLimit  = 10 * time.Second
	devAppID   = "wxdev00000000000000"
	providerID = "wechat"
)

var devOpenID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Options configure a Provider. Zero values take the defaults.
type Options struct {
	Endpoint string       // of code2session
	Client   *http.Client // its time limit is 10 s if it has none
	Dev      bool         // the code "dev:OPENID" signs in as that openid; for development only
}

// Provider is the login provider "wechat".
type Provider struct {
	apps     auth.Apps
	endpoint string
	client   *http.Client
	dev      bool
}

var _ auth.Provider = (*Provider)(nil)

// New returns the provider for apps with a WeChat app ID and secret; invalid_config if the endpoint is no HTTP address.
func New(apps auth.Apps, o Options) (*Provider, error) {
	if o.Endpoint == "" {
		o.Endpoint = DefaultEndpoint
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "the WeChat endpoint %q is no HTTP address", o.Endpoint)
	}
	client := http.Client{}
	if o.Client != nil {
		client = *o.Client
	}
	if client.Timeout == 0 {
		client.Timeout = timeLimit
	}
	return &Provider{apps: apps, endpoint: o.Endpoint, client: &client, dev: o.Dev}, nil
}

// Name returns "wechat".
func (p *Provider) Name() string { return providerID }

// Authenticate exchanges {"code": LOGIN_CODE}. Reasons: invalid_request, login_failed (WeChat refuses the code),
// rate_limited (WeChat says so), provider_unavailable (WeChat cannot be reached, or the app has no WeChat settings).
func (p *Provider) Authenticate(ctx context.Context, app yunduo.AppID, credential json.RawMessage) (auth.Identity, error) {
	var given struct{ Code string }
	if err := json.Unmarshal(credential, &given); err != nil || given.Code == "" || len(given.Code) > maxCode {
		return auth.Identity{}, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "code: the login code of wx.login is missing or too long")
	}
	appID, secret, err := p.apps.WeChatApp(ctx, app)
	if err != nil {
		return auth.Identity{}, err
	}
	if openID, ok := strings.CutPrefix(given.Code, devPrefix); ok {
		return p.devIdentity(appID, openID)
	}
	if appID == "" || secret == "" {
		return auth.Identity{}, yunduo.Errorf(yunduo.ReasonProviderUnavailable, "the app %q has no WeChat app ID and secret", string(app))
	}
	return p.exchange(ctx, appID, secret, given.Code)
}

func (p *Provider) devIdentity(appID, openID string) (auth.Identity, error) {
	if !p.dev || !devOpenID.MatchString(openID) {
		return auth.Identity{}, yunduo.Errorf(yunduo.ReasonLoginFailed, "the login code was not accepted")
	}
	if appID == "" {
		appID = devAppID
	}
	return auth.Identity{Subject: openID, WeChatAppID: appID}, nil
}

// reply is what code2session answers, whatever the HTTP status.
type reply struct {
	OpenID     string `json:"openid"`
	UnionID    string `json:"unionid"`
	SessionKey string `json:"session_key"`
	ErrCode    int    `json:"errcode"`
	ErrMsg     string `json:"errmsg"`
}

func (p *Provider) exchange(ctx context.Context, appID, secret, code string) (auth.Identity, error) {
	u, err := url.Parse(p.endpoint)
	if err != nil {
		return auth.Identity{}, unavailable(err)
	}
	q := u.Query()
	q.Set("appid", appID)
	q.Set("secret", secret)
	q.Set("js_code", code)
	q.Set("grant_type", "authorization_code")
	u.RawQuery = q.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return auth.Identity{}, unavailable(err)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return auth.Identity{}, unavailable(withoutURL(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxReply))
	if err != nil {
		return auth.Identity{}, unavailable(withoutURL(err))
	}
	var r reply
	if err := json.Unmarshal(body, &r); err != nil || response.StatusCode != http.StatusOK {
		return auth.Identity{}, unavailable(err)
	}
	if err := r.failure(); err != nil {
		return auth.Identity{}, err
	}
	return auth.Identity{Subject: r.OpenID, UnionID: r.UnionID, WeChatAppID: appID, SessionSecret: r.SessionKey}, nil
}

// failure maps WeChat's error numbers.
func (r reply) failure() error {
	cause := yunduo.Errorf(yunduo.ReasonInternal, "code2session answered %d %s", r.ErrCode, r.ErrMsg)
	switch r.ErrCode {
	case 0:
		if r.OpenID == "" {
			return unavailable(cause)
		}
		return nil
	case 40029, 40163, 41008: // invalid code, code been used, missing code
		return yunduo.Wrap(cause, yunduo.ReasonLoginFailed, "WeChat did not accept the login code; call wx.login again")
	case 40226: // high-risk user, login blocked
		return yunduo.Wrap(cause, yunduo.ReasonLoginFailed, "WeChat refuses this user's login")
	case 45011: // API minute quota reached
		return yunduo.Wrap(cause, yunduo.ReasonRateLimited, "WeChat accepts no more logins of this user now; wait a minute")
	case 40013, 40125: // invalid appid, invalid appsecret
		return yunduo.Wrap(cause, yunduo.ReasonProviderUnavailable, "WeChat does not accept the app's WeChat app ID and secret")
	}
	return unavailable(cause)
}

func unavailable(cause error) error {
	return yunduo.Wrap(cause, yunduo.ReasonProviderUnavailable, "WeChat could not be asked about the login code")
}

// withoutURL strips the address from an HTTP client's error: it holds the app's secret.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
