package auth_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/auth"
)

func TestSetUp(t *testing.T) {
	s := open(t)
	old, err := s.SetupToken(t.Context())
	require.NoError(t, err)
	token, err := s.SetupToken(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, old, token)
	for _, bad := range []string{"", "x", old} {
		_, err := s.SetUp(t.Context(), bad, "root", "Pw-12345678", home)
		requireReason(t, yunduo.ReasonTokenInvalid, err)
	}
	_, err = s.SetUp(t.Context(), token, "root", "short", home)
	requireReason(t, yunduo.ReasonInvalidRequest, err)

	tokens, err := s.SetUp(t.Context(), token, "root", "Pw-12345678", home)
	require.NoError(t, err, "a refused password does not use the link up")
	require.Equal(t, "root", tokens.User.Username)
	_, err = s.SetUp(t.Context(), token, "second", "Pw-12345678", home)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	again, err := s.SetupToken(t.Context())
	require.NoError(t, err)
	require.Empty(t, again, "there is an operator")

	for _, app := range []yunduo.AppID{"", "shop", "other"} {
		caller, err := s.Verify(t.Context(), app, tokens.AccessToken)
		require.NoError(t, err)
		require.True(t, caller.Operator())
		require.Equal(t, yunduo.AppID(""), caller.App)
		me, err := s.Me(t.Context(), caller)
		require.NoError(t, err)
		require.Equal(t, "root", me.Username)
	}
	renewed, err := s.Refresh(t.Context(), "", tokens.RefreshToken)
	require.NoError(t, err)
	_, err = s.Refresh(t.Context(), "shop", renewed.RefreshToken)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	caller, err := s.Verify(t.Context(), "", renewed.AccessToken)
	require.NoError(t, err)
	require.NoError(t, s.Logout(t.Context(), caller))
	_, err = s.Verify(t.Context(), "", renewed.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
}

func TestOperatorLogin(t *testing.T) {
	s := open(t)
	token, err := s.SetupToken(t.Context())
	require.NoError(t, err)
	tokens, err := s.SetUp(t.Context(), token, "root", "Pw-12345678", home)
	require.NoError(t, err)
	root, err := s.Verify(t.Context(), "", tokens.AccessToken)
	require.NoError(t, err)

	_, err = s.OperatorLogin(t.Context(), auth.OperatorCredential{Username: "ROOT", Password: "Pw-12345678"}, home)
	require.NoError(t, err)
	for _, bad := range []auth.OperatorCredential{{Username: "root", Password: "Pw-1234567"}, {Username: "ghost", Password: "Pw-12345678"}, {Token: token}, {Token: "ydd_x"}} {
		_, err := s.OperatorLogin(t.Context(), bad, home)
		requireReason(t, yunduo.ReasonLoginFailed, err)
	}
	_, err = s.OperatorLogin(t.Context(), auth.OperatorCredential{Username: "root"}, home)
	requireReason(t, yunduo.ReasonInvalidRequest, err)

	// Users of apps are no operators, and operators no users.
	_, err = s.CreateUser(t.Context(), owner, "shop", auth.NewUser{Username: "li", Password: "Pw-12345678"})
	require.NoError(t, err)
	_, err = s.OperatorLogin(t.Context(), auth.OperatorCredential{Username: "li", Password: "Pw-12345678"}, home)
	requireReason(t, yunduo.ReasonLoginFailed, err)
	_, err = s.Login(t.Context(), "shop", "password", password("root", "Pw-12345678"), home)
	requireReason(t, yunduo.ReasonLoginFailed, err)

	for _, caller := range append(strangers, owner) {
		_, err := s.CreateOperator(t.Context(), caller, "second", "Pw-12345678")
		requireReason(t, yunduo.ReasonPermissionDenied, err)
	}
	_, err = s.CreateOperator(t.Context(), root, "second", "Pw-12345678")
	require.NoError(t, err)
	_, err = s.CreateOperator(t.Context(), root, "Second", "Pw-12345678")
	requireReason(t, yunduo.ReasonUserExists, err)
	_, err = s.OperatorLogin(t.Context(), auth.OperatorCredential{Username: "second", Password: "Pw-12345678"}, home)
	require.NoError(t, err)

	for range 10 {
		_, err := s.OperatorLogin(t.Context(), auth.OperatorCredential{Username: "root", Password: "wrong-word"}, home)
		require.Error(t, err)
	}
	_, err = s.OperatorLogin(t.Context(), auth.OperatorCredential{Username: "root", Password: "Pw-12345678"}, home)
	requireReason(t, yunduo.ReasonRateLimited, err)
}

func TestDevToken(t *testing.T) {
	require.Empty(t, open(t).DevToken())
	s := start(t, t.TempDir(), true)
	defer s.close(t)
	for range 2 { // the link may be followed again
		tokens, err := s.OperatorLogin(t.Context(), auth.OperatorCredential{Token: s.DevToken()}, home)
		require.NoError(t, err)
		caller, err := s.Verify(t.Context(), "shop", tokens.AccessToken)
		require.NoError(t, err)
		require.True(t, caller.Operator())
		_, err = s.Me(t.Context(), caller)
		require.NoError(t, err)
		_, err = s.Refresh(t.Context(), "", tokens.RefreshToken)
		require.NoError(t, err)
	}
	_, err := s.OperatorLogin(t.Context(), auth.OperatorCredential{Token: s.DevToken() + "x"}, home)
	requireReason(t, yunduo.ReasonLoginFailed, err)
}
