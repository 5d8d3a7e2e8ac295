package wechat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/auth"
	"yunduo/auth/wechat"
)

// settings are the WeChat settings of the one app "shop".
type settings struct{ appID, secret string }

func (s settings) WeChatApp(_ context.Context, app yunduo.AppID) (string, string, error) {
	if app != "shop" {
		return "", "", yunduo.Errorf(yunduo.ReasonAppNotFound, "no app %q", string(app))
	}
	return s.appID, s.secret, nil
}

func (settings) VerifyAPIKey(context.Context, string) (yunduo.AppID, error) {
	return "", yunduo.Errorf(yunduo.ReasonTokenInvalid, "no key")
}

func provider(t testing.TB, s settings, o wechat.Options) *wechat.Provider {
	t.Helper()
	p, err := wechat.New(s, o)
	require.NoError(t, err)
	return p
}

func code(c string) json.RawMessage {
	text, err := json.Marshal(map[string]string{"code": c})
	if err != nil {
		panic(err)
	}
	return text
}

func requireReason(t testing.TB, want yunduo.Reason, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, yunduo.ReasonOf(err), "%v", err)
}

// answering is a code2session that gives one answer and keeps the question.
func answering(t testing.TB, status int, body string) (endpoint string, asked *url.Values) {
	t.Helper()
	asked = new(url.Values)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = r.URL.Query()
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/sns/jscode2session?x=1", asked
}

func TestAuthenticate(t *testing.T) {
	endpoint, asked := answering(t, 200, `{"openid":"oABC-1","session_key":"key==","unionid":"U1"}`)
	p := provider(t, settings{"wx1", "s&cret"}, wechat.Options{Endpoint: endpoint})
	require.Equal(t, "wechat", p.Name())
	got, err := p.Authenticate(t.Context(), "shop", code("c0de"))
	require.NoError(t, err)
	require.Equal(t, auth.Identity{Subject: "oABC-1", UnionID: "U1", WeChatAppID: "wx1", SessionSecret: "key=="}, got)
	require.Equal(t, url.Values{"x": {"1"}, "appid": {"wx1"}, "secret": {"s&cret"}, "js_code": {"c0de"}, "grant_type": {"authorization_code"}}, *asked)
	_, err = p.Authenticate(t.Context(), "absent", code("c0de"))
	requireReason(t, yunduo.ReasonAppNotFound, err)
}

func TestAuthenticate_Failures(t *testing.T) {
	for body, reason := range map[string]yunduo.Reason{
		`{"errcode":40029,"errmsg":"invalid code"}`:      yunduo.ReasonLoginFailed,
		`{"errcode":40163,"errmsg":"code been used"}`:    yunduo.ReasonLoginFailed,
		`{"errcode":40226,"errmsg":"code blocked"}`:      yunduo.ReasonLoginFailed,
		`{"errcode":45011,"errmsg":"minute-quota"}`:      yunduo.ReasonRateLimited,
		`{"errcode":40013,"errmsg":"invalid appid"}`:     yunduo.ReasonProviderUnavailable,
		`{"errcode":40125,"errmsg":"invalid secret"}`:    yunduo.ReasonProviderUnavailable,
		`{"errcode":-1,"errmsg":"system busy"}`:          yunduo.ReasonProviderUnavailable,
		`{}`:                                             yunduo.ReasonProviderUnavailable,
		`{"openid":""}`:                                  yunduo.ReasonProviderUnavailable,
		`<html>`:                                         yunduo.ReasonProviderUnavailable,
		`{"openid":"` + strings.Repeat("x", 1<<17) + `"`: yunduo.ReasonProviderUnavailable,
	} {
		endpoint, _ := answering(t, 200, body)
		_, err := provider(t, settings{"wx1", "hidden"}, wechat.Options{Endpoint: endpoint}).Authenticate(t.Context(), "shop", code("c"))
		require.Equal(t, reason, yunduo.ReasonOf(err), "%.60s: %v", body, err)
		require.NotContains(t, err.Error(), "hidden")
	}
	endpoint, _ := answering(t, 502, `{"openid":"o"}`)
	_, err := provider(t, settings{"wx1", "hidden"}, wechat.Options{Endpoint: endpoint}).Authenticate(t.Context(), "shop", code("c"))
	requireReason(t, yunduo.ReasonProviderUnavailable, err)
}

func TestAuthenticate_Unreachable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := provider(t, settings{"wx1", "hidden"}, wechat.Options{Endpoint: server.URL}).Authenticate(t.Context(), "shop", code("c"))
	requireReason(t, yunduo.ReasonProviderUnavailable, err)
	require.NotContains(t, err.Error(), "hidden", "not in the log either")

	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer silent.Close()
	defer close(release)
	_, err = provider(t, settings{"wx1", "hidden"}, wechat.Options{Endpoint: silent.URL, Client: &http.Client{Timeout: 20 * time.Millisecond}}).Authenticate(t.Context(), "shop", code("c"))
	requireReason(t, yunduo.ReasonProviderUnavailable, err)
	require.NotContains(t, err.Error(), "hidden")
}

func TestAuthenticate_NotConfigured(t *testing.T) {
	for _, s := range []settings{{}, {appID: "wx1"}, {secret: "s"}} {
		_, err := provider(t, s, wechat.Options{}).Authenticate(t.Context(), "shop", code("c"))
		requireReason(t, yunduo.ReasonProviderUnavailable, err)
	}
	for _, bad := range []string{``, `{}`, `[]`, `{"code":5}`, `{"code":""}`, `{"code":"` + strings.Repeat("x", 513) + `"}`} {
		_, err := provider(t, settings{"wx1", "s"}, wechat.Options{}).Authenticate(t.Context(), "shop", json.RawMessage(bad))
		requireReason(t, yunduo.ReasonInvalidRequest, err)
	}
	for _, bad := range []string{"api.weixin.qq.com", "ftp://x", "http://", "://"} {
		_, err := wechat.New(settings{}, wechat.Options{Endpoint: bad})
		requireReason(t, yunduo.ReasonInvalidConfig, err)
	}
}

func TestDevCodes(t *testing.T) {
	for _, s := range []settings{{}, {appID: "wx1", secret: "s"}} {
		dev := provider(t, s, wechat.Options{Dev: true, Endpoint: "http://127.0.0.1:1"})
		got, err := dev.Authenticate(t.Context(), "shop", code("dev:o_Li-1"))
		require.NoError(t, err)
		require.Equal(t, "o_Li-1", got.Subject)
		require.NotEmpty(t, got.WeChatAppID)
		for _, bad := range []string{"dev:", "dev:a b", "dev:a/b", "dev:" + strings.Repeat("x", 65), "dev:é", "dev:a\n"} {
			_, err := dev.Authenticate(t.Context(), "shop", code(bad))
			requireReason(t, yunduo.ReasonLoginFailed, err)
		}
		_, err = dev.Authenticate(t.Context(), "absent", code("dev:a"))
		requireReason(t, yunduo.ReasonAppNotFound, err)

		production := provider(t, s, wechat.Options{Endpoint: "http://127.0.0.1:1"})
		_, err = production.Authenticate(t.Context(), "shop", code("dev:o_Li-1"))
		requireReason(t, yunduo.ReasonLoginFailed, err)
	}
}
