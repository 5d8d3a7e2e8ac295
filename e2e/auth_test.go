package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/apps"
	client "yunduo/sdk/go"
	"yunduo/server"
	"yunduo/wire"
)

const (
	me    = "/v1/apps/{app}/auth/me"
	renew = "/v1/apps/{app}/auth/refresh"
)

func TestAuth_Anonymous(t *testing.T) {
	w := shared.open(t)
	first, err := w.as(t, "owner").WithToken("").Login(t.Context(), "anonymous", struct{}{})
	require.NoError(t, err)
	second, err := w.owner().WithToken("").Login(t.Context(), "anonymous", struct{}{})
	require.NoError(t, err)
	require.NotEqual(t, first.User.ID, second.User.ID)
	require.Equal(t, 7200, first.ExpiresIn)
	w.tokens["someone"], w.fill["id"] = first.AccessToken, first.User.ID
	w.run(t, []exchange{
		{name: "me", method: "GET", path: me, as: "someone", want: []string{"{id}", `"provider":"anonymous"`}},
		{name: "empty body is a credential", path: "/v1/apps/{app}/auth/anonymous", want: []string{"accessToken"}},
		{name: "logout", path: "/v1/apps/{app}/auth/logout", as: "someone"},
		{name: "token after logout", method: "GET", path: me, as: "someone", status: 401, reason: yunduo.ReasonSessionRevoked},
	})
}

func TestAuth_Password(t *testing.T) {
	w := shared.open(t)
	login := "/v1/apps/{app}/auth/password"
	w.run(t, []exchange{
		{name: "create", path: "/v1/manage/apps/{app}/users", as: "owner", body: `{"username":"Li.Lei","password":"correct horse"}`, want: []string{`"username":"Li.Lei"`}, forbid: []string{"correct horse"}},
		{name: "the name is taken in any case", path: "/v1/manage/apps/{app}/users", as: "owner", body: `{"username":"li.lei","password":"correct horse"}`, status: 409, reason: yunduo.ReasonUserExists},
		{name: "weak password", path: "/v1/manage/apps/{app}/users", as: "owner", body: `{"username":"han","password":"1"}`, status: 400, reason: yunduo.ReasonInvalidRequest, want: []string{"password"}},
		{name: "right", path: login, body: `{"username":"li.lei","password":"correct horse"}`, want: []string{"accessToken", "refreshToken", `"expiresIn":7200`}, forbid: []string{"correct horse"}},
		{name: "wrong password", path: login, body: `{"username":"li.lei","password":"wrong"}`, status: 401, reason: yunduo.ReasonLoginFailed},
		{name: "unknown user looks the same", path: login, body: `{"username":"nobody","password":"wrong"}`, status: 401, reason: yunduo.ReasonLoginFailed, want: []string{"the username or the password is wrong"}},
		{name: "nothing given", path: login, body: `{}`, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "operator name injected", path: login, body: `{"username":{"$gt":""},"password":{"$gt":""}}`, status: 400, reason: yunduo.ReasonInvalidRequest},
	})
}

func TestAuth_DevCodesInDevOnly(t *testing.T) {
	w := shared.open(t)
	login := exchange{path: "/v1/apps/{app}/auth/wechat", body: `{"code":"dev:li"}`, want: []string{`"openId":"li"`, `"provider":"wechat"`}}
	w.run(t, []exchange{
		named(login, "dev code"),
		{name: "any other code needs WeChat", path: login.path, body: `{"code":"081abc"}`, status: 503, reason: yunduo.ReasonProviderUnavailable},
		{name: "dev code without an openid", path: login.path, body: `{"code":"dev:"}`, status: 401, reason: yunduo.ReasonLoginFailed},
		{name: "no code", path: login.path, body: `{}`, status: 400, reason: yunduo.ReasonInvalidRequest, want: []string{"code"}},
	})
	production := start(t, func(c *server.Config) { c.Dev = nil })
	_, err := production.server.Rooms().Apps.Create(t.Context(), yunduo.System("shop"), apps.App{ID: "shop"})
	require.NoError(t, err)
	p := &world{platform: production, fill: map[string]string{"app": "shop"}}
	p.run(t, []exchange{
		{name: "refused in production", path: login.path, body: login.body, status: 401, reason: yunduo.ReasonLoginFailed},
		{name: "no dev token in production", path: "/v1/manage/session", body: `{"token":"ydd_"}`, status: 401, reason: yunduo.ReasonLoginFailed},
		{name: "nor the empty one", path: "/v1/manage/session", body: `{}`, status: 400, reason: yunduo.ReasonInvalidRequest},
	})
}

func TestAuth_WeChatCodeIsExchanged(t *testing.T) {
	var asked atomic.Int64
	wechat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		q := r.URL.Query()
		if r.URL.Path != "/sns/jscode2session" || q.Get("appid") != "wx1" || q.Get("secret") != "s3cret" || q.Get("js_code") != "081abc" {
			_, _ = w.Write([]byte(`{"errcode":40029,"errmsg":"invalid code"}`))
			return
		}
		_, _ = w.Write([]byte(`{"openid":"o-li","unionid":"u-li","session_key":"k3y"}`))
	}))
	defer wechat.Close()
	w := start(t, func(c *server.Config) { c.WeChatEndpoint = wechat.URL }).open(t)
	w.run(t, []exchange{
		{name: "settings", method: "PATCH", path: "/v1/manage/apps/{app}", as: "owner", body: `{"wechatAppId":"wx1","wechatSecret":"s3cret"}`, want: []string{`"hasWechatSecret":true`}, forbid: []string{"s3cret"}},
		{name: "good code", path: "/v1/apps/{app}/auth/wechat", body: `{"code":"081abc"}`, want: []string{`"openId":"o-li"`}, forbid: []string{"k3y"}},
		{name: "bad code", path: "/v1/apps/{app}/auth/wechat", body: `{"code":"other"}`, status: 401, reason: yunduo.ReasonLoginFailed, forbid: []string{"s3cret"}},
	})
	require.EqualValues(t, 2, asked.Load())
	wechat.Close()
	w.check(t, exchange{path: "/v1/apps/{app}/auth/wechat", body: `{"code":"081abc"}`, status: 503, reason: yunduo.ReasonProviderUnavailable, forbid: []string{"s3cret"}})
}

func TestAuth_RefreshRotatesAndReuseEndsTheSession(t *testing.T) {
	w := shared.open(t)
	first := w.user(t, "li")
	w.fill["first"] = first.RefreshToken
	var second wire.Tokens
	r := w.check(t, exchange{path: renew, body: `{"refreshToken":"{first}"}`})
	require.NoError(t, json.Unmarshal([]byte(r.body), &second))
	require.NotEqual(t, first.RefreshToken, second.RefreshToken)
	w.fill["second"], w.tokens["second"] = second.RefreshToken, second.AccessToken
	w.run(t, []exchange{
		{name: "the new token works", method: "GET", path: me, as: "second", want: []string{`"openId":"li"`}},
		{name: "an old one ends the session", path: renew, body: `{"refreshToken":"{first}"}`, status: 401, reason: yunduo.ReasonSessionRevoked},
		{name: "for the new one too", path: renew, body: `{"refreshToken":"{second}"}`, status: 401, reason: yunduo.ReasonSessionRevoked},
		{name: "and for its access token", method: "GET", path: me, as: "second", status: 401, reason: yunduo.ReasonSessionRevoked},
		{name: "made up", path: renew, body: `{"refreshToken":"ydr_x"}`, status: 401, reason: yunduo.ReasonTokenInvalid},
		{name: "none", path: renew, body: `{}`, status: 401, reason: yunduo.ReasonTokenMissing},
	})
}

func TestAuth_TokensOfTheWrongKindAreRefused(t *testing.T) {
	w := shared.open(t)
	tokens := w.user(t, "li")
	w.tokens["refresh"], w.fill["access"] = tokens.RefreshToken, tokens.AccessToken
	w.run(t, []exchange{
		{name: "refresh token as access token", method: "GET", path: me, as: "refresh", status: 401, reason: yunduo.ReasonTokenInvalid},
		{name: "access token as refresh token", path: renew, body: `{"refreshToken":"{access}"}`, status: 401, reason: yunduo.ReasonTokenInvalid},
		{name: "token in the query", method: "GET", path: me + "?access_token={access}", status: 401, reason: yunduo.ReasonTokenMissing},
	})
}

// clock is a server's clock that a test moves.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

func TestAuth_TokensAndAddressesExpire(t *testing.T) {
	var c clock
	w := start(t, func(config *server.Config) { config.Now = c.now }).open(t)
	tokens := w.user(t, "li")
	w.fill["refresh"] = tokens.RefreshToken
	file := w.upload(t, "li", "a.txt", "text/plain", "hello")
	short, long := w.fileURL(t, "li", file, 60), w.fileURL(t, "li", file, 36000)
	var grant wire.GrantUploadResponse
	require.NoError(t, w.as(t, "li").Do(t.Context(), "POST", "/v1/apps/"+string(w.app)+"/files/grantUpload", wire.GrantUploadRequest{Path: "b.txt"}, &grant))
	get := func(url string) exchange {
		return exchange{method: "GET", path: url[len(w.url):], want: []string{"hello"}}
	}
	w.check(t, get(short))

	c.advance(time.Minute)
	expired := get(short)
	expired.status, expired.reason, expired.want = 403, yunduo.ReasonGrantInvalid, []string{"expired"}
	w.check(t, expired)
	w.check(t, get(long))

	c.advance(2 * time.Hour)
	w.run(t, []exchange{
		{name: "access token", method: "GET", path: me, as: "li", status: 401, reason: yunduo.ReasonTokenExpired},
		{name: "upload grant", method: "PUT", path: grant.URL[len(w.url):], body: "late", status: 403, reason: yunduo.ReasonGrantInvalid},
		{name: "the refresh token lives on", path: renew, body: `{"refreshToken":"{refresh}"}`, want: []string{"accessToken"}},
	})
	c.advance(31 * 24 * time.Hour)
	again := w.send(t, exchange{path: renew, body: `{"refreshToken":"{refresh}"}`})
	require.Equal(t, http.StatusUnauthorized, again.status)
}

func TestAuth_ConcurrentRenewalsGiveOneWinner(t *testing.T) {
	w := shared.open(t)
	tokens := w.user(t, "li")
	var winners atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			err := client.New(w.url, w.app, "").Do(t.Context(), "POST", "/v1/apps/"+string(w.app)+"/auth/refresh", wire.RefreshRequest{RefreshToken: tokens.RefreshToken}, nil)
			if err == nil {
				winners.Add(1)
			}
		})
	}
	group.Wait()
	require.LessOrEqual(t, winners.Load(), int64(1))
}
