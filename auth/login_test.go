package auth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/auth"
)

func TestLogin_Provider(t *testing.T) {
	s := open(t)
	first, err := s.Login(t.Context(), "shop", "vouching", json.RawMessage(`{"name":"li","union":"U"}`), home)
	require.NoError(t, err)
	require.Equal(t, 7200, first.ExpiresIn)
	require.Equal(t, "li", first.User.OpenID)
	caller, err := s.Verify(t.Context(), "shop", first.AccessToken)
	require.NoError(t, err)
	require.NotEmpty(t, caller.SessionID)
	require.Equal(t, yunduo.Caller{
		App: "shop", Role: yunduo.RoleUser, UserID: first.User.ID, SessionID: caller.SessionID,
		Provider: "vouching", OpenID: "li", UnionID: "U", WeChatAppID: "wx-shop",
	}, caller)

	second := login(t, s, "shop", "li")
	require.Equal(t, first.User.ID, second.User.ID, "the same person is the same user")
	require.Equal(t, "U", second.User.UnionID, "a provider that says nothing takes nothing away")
	require.NotEqual(t, first.User.ID, login(t, s, "shop", "wang").User.ID)
	require.NotEqual(t, first.User.ID, login(t, s, "other", "li").User.ID, "another app, another user")

	key, err := s.WeChatSessionKey(t.Context(), caller)
	require.NoError(t, err)
	require.Equal(t, "sk-li", key)
	text, err := json.Marshal(first)
	require.NoError(t, err)
	require.NotContains(t, string(text), "sk-li")
}

func TestLogin_AtOnceIsOneUser(t *testing.T) {
	s := open(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]bool{}
	for range 8 {
		wg.Go(func() {
			tokens, err := s.Login(t.Context(), "shop", "vouching", json.RawMessage(`{"name":"li"}`), home)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[tokens.User.ID] = true
		})
	}
	wg.Wait()
	require.Len(t, ids, 1)
}

func TestLogin_Anonymous(t *testing.T) {
	s := open(t)
	a, err := s.Login(t.Context(), "shop", "anonymous", nil, home)
	require.NoError(t, err)
	b, err := s.Login(t.Context(), "shop", "anonymous", json.RawMessage(`{}`), home)
	require.NoError(t, err)
	require.NotEqual(t, a.User.ID, b.User.ID)
	caller, err := s.Verify(t.Context(), "shop", a.AccessToken)
	require.NoError(t, err)
	require.Equal(t, yunduo.RoleAnonymous, caller.Role)
	require.Equal(t, caller.UserID, caller.OpenID)
	require.True(t, caller.EndUser())
	require.False(t, caller.Privileged())
}

func TestLogin_Password(t *testing.T) {
	s := open(t)
	made, err := s.CreateUser(t.Context(), owner, "shop", auth.NewUser{Username: "Zhang.San", Password: "Pw-12345678"})
	require.NoError(t, err)
	tokens, err := s.Login(t.Context(), "shop", "password", password("zhang.san", "Pw-12345678"), home)
	require.NoError(t, err, "names differ in more than case")
	require.Equal(t, made.ID, tokens.User.ID)
	require.Equal(t, "Zhang.San", tokens.User.Username)
	require.Equal(t, made.ID, tokens.User.OpenID)
	caller, err := s.Verify(t.Context(), "shop", tokens.AccessToken)
	require.NoError(t, err)
	require.Equal(t, "Zhang.San", caller.Username)
	require.Equal(t, yunduo.RoleUser, caller.Role)
	me, err := s.Me(t.Context(), caller)
	require.NoError(t, err)
	require.Equal(t, tokens.User, me)
	require.False(t, me.LastLoginAt.IsZero())

	wrong, err := s.Login(t.Context(), "shop", "password", password("Zhang.San", "Pw-12345679"), home)
	requireReason(t, yunduo.ReasonLoginFailed, err)
	require.Zero(t, wrong)
	_, ghost := s.Login(t.Context(), "shop", "password", password("ghost", "Pw-12345678"), home)
	require.Equal(t, err, ghost, "unknown name and wrong password look the same")
	_, err = s.Login(t.Context(), "other", "password", password("Zhang.San", "Pw-12345678"), home)
	requireReason(t, yunduo.ReasonLoginFailed, err)
	_, err = s.Login(t.Context(), "shop", "password", password("Zhang.San", strings.Repeat("x", 10_000)), home)
	requireReason(t, yunduo.ReasonLoginFailed, err)
	for _, bad := range []string{``, `{}`, `[]`, `{"username":"a"}`, `{"username":"a","password":5}`, `{"username":{"$gt":""},"password":"x"}`} {
		_, err := s.Login(t.Context(), "shop", "password", json.RawMessage(bad), home)
		requireReason(t, yunduo.ReasonInvalidRequest, err)
	}
}

func TestLogin_Refuses(t *testing.T) {
	s := open(t)
	_, err := s.Login(t.Context(), "absent", "anonymous", nil, home)
	requireReason(t, yunduo.ReasonAppNotFound, err)
	_, err = s.Login(t.Context(), "", "anonymous", nil, home)
	requireReason(t, yunduo.ReasonAppNotFound, err)
	_, err = s.Login(t.Context(), yunduo.SystemApp, "anonymous", nil, home)
	requireReason(t, yunduo.ReasonAppNotFound, err)
	for _, provider := range []string{"", "operator", "apikey", "wechat", strings.Repeat("x", 1000)} {
		_, err := s.Login(t.Context(), "shop", provider, nil, home)
		requireReason(t, yunduo.ReasonInvalidRequest, err)
	}
	for _, bad := range []string{`{"name":""}`, `{"name":"` + strings.Repeat("x", 129) + `"}`} {
		_, err := s.Login(t.Context(), "shop", "vouching", json.RawMessage(bad), home)
		requireReason(t, yunduo.ReasonLoginFailed, err)
	}
}

func TestRegister_Refuses(t *testing.T) {
	s := open(t)
	requireReason(t, yunduo.ReasonInvalidConfig, s.Register(vouching{}))
	for _, name := range []string{"", "anonymous", "password", "operator", "apikey", "phone", "email", "custom", "code", "identity", "We", "a-b", strings.Repeat("a", 33)} {
		requireReason(t, yunduo.ReasonInvalidConfig, s.Register(named(name)))
	}
	require.NoError(t, s.Register(named("other")))
}

type named string

func (n named) Name() string { return string(n) }

func (n named) Authenticate(context.Context, yunduo.AppID, json.RawMessage) (auth.Identity, error) {
	return auth.Identity{Subject: string(n)}, nil
}

func TestThrottle_PerName(t *testing.T) {
	s := open(t)
	_, err := s.CreateUser(t.Context(), owner, "shop", auth.NewUser{Username: "li", Password: "Pw-12345678"})
	require.NoError(t, err)
	attempt := func(app yunduo.AppID, name, pw, ip string) error {
		_, err := s.Login(t.Context(), app, "password", password(name, pw), auth.Client{IP: ip})
		return err
	}
	for i := range 9 {
		requireReason(t, yunduo.ReasonLoginFailed, attempt("shop", "li", "wrong-word", fmt.Sprintf("10.1.0.%d", i)))
	}
	require.NoError(t, attempt("shop", "li", "Pw-12345678", "10.1.0.1"), "a success clears the account")
	for i := range 10 {
		requireReason(t, yunduo.ReasonLoginFailed, attempt("shop", "LI", "wrong-word", fmt.Sprintf("10.1.1.%d", i)))
	}
	requireReason(t, yunduo.ReasonRateLimited, attempt("shop", "li", "Pw-12345678", "10.1.0.1"))
	requireReason(t, yunduo.ReasonLoginFailed, attempt("other", "li", "Pw-12345678", "10.1.0.1"))
	s.forward(5 * time.Minute)
	require.NoError(t, attempt("shop", "li", "Pw-12345678", "10.1.0.1"))
}

func TestThrottle_PerAddress(t *testing.T) {
	s := open(t)
	for i := range 100 {
		_, err := s.Login(t.Context(), "shop", "password", password(fmt.Sprint("ghost", i), "wrong-word"), home)
		requireReason(t, yunduo.ReasonLoginFailed, err)
	}
	_, err := s.Login(t.Context(), "shop", "password", password("ghost", "wrong-word"), home)
	requireReason(t, yunduo.ReasonRateLimited, err)
	_, err = s.Login(t.Context(), "shop", "password", password("ghost", "wrong-word"), auth.Client{IP: "10.0.0.2"})
	requireReason(t, yunduo.ReasonLoginFailed, err)
}
