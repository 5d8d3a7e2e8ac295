package auth_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/auth"
)

// proveContact sends a code and verifies it, and returns the token.
func proveContact(t testing.TB, s server, caller yunduo.Caller, request auth.CodeRequest) string {
	t.Helper()
	s.forward(time.Minute) // two codes to one person need a pause
	sent, err := s.SendCode(t.Context(), "shop", caller, request, home)
	require.NoError(t, err)
	token, err := s.VerifyCode(t.Context(), "shop", auth.SentCode{ID: sent.VerificationID}, s.outbox.last().Code, home)
	require.NoError(t, err)
	return token
}

func byCode(token string, create bool) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"verificationToken":%q,"create":%t}`, token, create))
}

func signUp(t testing.TB, s server, n auth.NewAccount) auth.Tokens {
	t.Helper()
	tokens, err := s.SignUp(t.Context(), "shop", n, home)
	require.NoError(t, err)
	return tokens
}

func callerOf(t testing.TB, s server, tokens auth.Tokens) yunduo.Caller {
	t.Helper()
	caller, err := s.Verify(t.Context(), "shop", tokens.AccessToken)
	require.NoError(t, err)
	return caller
}

func TestCode_SignsUpAndIn(t *testing.T) {
	s := open(t)
	sent, err := s.SendCode(t.Context(), "shop", yunduo.Caller{}, auth.CodeRequest{Phone: "138 0000-0000", Usage: "SIGN_IN"}, home)
	require.NoError(t, err)
	require.False(t, sent.IsUser)
	code := s.outbox.last()
	require.Equal(t, auth.Code{App: "shop", Channel: "phone", To: "+8613800000000", Code: code.Code, Usage: "SIGN_IN"}, code)
	require.Len(t, code.Code, 6)
	token, err := s.VerifyCode(t.Context(), "shop", auth.SentCode{ID: sent.VerificationID}, code.Code, home)
	require.NoError(t, err)
	made := signUp(t, s, auth.NewAccount{VerificationToken: token, Password: "Pw-12345678", Username: "li", Profile: auth.Profile{Name: "Li"}})
	require.Equal(t, "+8613800000000", made.User.Phone)
	require.Equal(t, "Li", made.User.Profile.Name)
	require.Equal(t, []string{"phone", "password"}, made.User.Providers)
	for _, name := range []string{"li", "LI", "13800000000", "+86 13800000000", "+8613800000000"} {
		again, err := s.Login(t.Context(), "shop", "password", password(name, "Pw-12345678"), home)
		require.NoError(t, err, name)
		require.Equal(t, made.User.ID, again.User.ID)
	}
	s.forward(time.Minute)
	sent, err = s.SendCode(t.Context(), "shop", yunduo.Caller{}, auth.CodeRequest{Phone: "+86 13800000000", Target: "USER"}, home)
	require.NoError(t, err)
	require.True(t, sent.IsUser)
	token, err = s.VerifyCode(t.Context(), "shop", auth.SentCode{ID: sent.VerificationID}, s.outbox.last().Code, home)
	require.NoError(t, err)
	again, err := s.Login(t.Context(), "shop", "code", byCode(token, false), home)
	require.NoError(t, err)
	require.Equal(t, made.User.ID, again.User.ID)
	require.Equal(t, yunduo.RoleUser, callerOf(t, s, again).Role)
}

func TestCode_Refused(t *testing.T) {
	s := open(t)
	ask := func(app yunduo.AppID, request auth.CodeRequest) error {
		_, err := s.SendCode(t.Context(), app, yunduo.Caller{}, request, home)
		return err
	}
	for _, wrong := range []auth.CodeRequest{{}, {Phone: "1"}, {Phone: "+86abc0000000"}, {Email: "li"}, {Email: "Li <li@example.com>"}, {Phone: "13800000000", Email: "li@example.com"}} {
		requireReason(t, yunduo.ReasonInvalidRequest, ask("shop", wrong))
	}
	requireReason(t, yunduo.ReasonAppNotFound, ask("none", auth.CodeRequest{Email: "li@example.com"}))
	requireReason(t, yunduo.ReasonUserNotFound, ask("shop", auth.CodeRequest{Email: "li@example.com", Target: "USER"}))
	requireReason(t, yunduo.ReasonUserNotFound, ask("shop", auth.CodeRequest{Target: "CUR_USER"}))
	require.Empty(t, s.outbox.codes)

	s.forward(time.Minute)
	sent, err := s.SendCode(t.Context(), "shop", yunduo.Caller{}, auth.CodeRequest{Email: "Li@Example.com"}, home)
	require.NoError(t, err)
	requireReason(t, yunduo.ReasonRateLimited, ask("shop", auth.CodeRequest{Email: "li@example.com"}))
	code := s.outbox.last().Code
	verify := func(app yunduo.AppID, id, code string) (string, error) {
		return s.VerifyCode(t.Context(), app, auth.SentCode{ID: id}, code, home)
	}
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	for range 3 {
		_, err = verify("shop", sent.VerificationID, wrong)
		requireReason(t, yunduo.ReasonCodeInvalid, err)
	}
	_, err = verify("other", sent.VerificationID, code)
	requireReason(t, yunduo.ReasonCodeInvalid, err)
	token, err := verify("shop", sent.VerificationID, " "+code+" ")
	require.NoError(t, err)
	_, err = verify("shop", sent.VerificationID, code)
	requireReason(t, yunduo.ReasonCodeInvalid, err)
	for _, forged := range []string{"", "x", "ydv_" + sent.VerificationID + ".x", "ydv_none." + token} {
		_, err = s.Login(t.Context(), "shop", "code", byCode(forged, true), home)
		require.Error(t, err)
	}
	_, err = s.Login(t.Context(), "other", "code", byCode(token, true), home)
	requireReason(t, yunduo.ReasonCodeInvalid, err)
	_, err = s.Login(t.Context(), "shop", "code", byCode(token, false), home)
	requireReason(t, yunduo.ReasonUserNotFound, err)
	_, err = s.Login(t.Context(), "shop", "code", byCode(token, true), home)
	requireReason(t, yunduo.ReasonCodeInvalid, err) // it was used above

	// Five attempts, then the code is dead even if it is right.
	s.forward(time.Minute)
	sent, err = s.SendCode(t.Context(), "shop", yunduo.Caller{}, auth.CodeRequest{Email: "li@example.com"}, home)
	require.NoError(t, err)
	code = s.outbox.last().Code
	for range 5 {
		_, err = verify("shop", sent.VerificationID, "x")
		requireReason(t, yunduo.ReasonCodeInvalid, err)
	}
	_, err = verify("shop", sent.VerificationID, code)
	requireReason(t, yunduo.ReasonCodeInvalid, err)

	// A code, and then its token, end with time.
	s.forward(time.Minute)
	sent, err = s.SendCode(t.Context(), "shop", yunduo.Caller{}, auth.CodeRequest{Email: "li@example.com"}, home)
	require.NoError(t, err)
	s.forward(auth.CodeLifetime)
	_, err = verify("shop", sent.VerificationID, s.outbox.last().Code)
	requireReason(t, yunduo.ReasonCodeInvalid, err)
	token = proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Email: "li@example.com"})
	s.forward(auth.CodeLifetime)
	_, err = s.Login(t.Context(), "shop", "code", byCode(token, true), home)
	requireReason(t, yunduo.ReasonCodeInvalid, err)
}

func TestCode_ThrottledByPersonAndAddress(t *testing.T) {
	s := open(t)
	for range 5 {
		s.forward(time.Minute)
		_, err := s.SendCode(t.Context(), "shop", yunduo.Caller{}, auth.CodeRequest{Email: "li@example.com"}, home)
		require.NoError(t, err)
	}
	s.forward(time.Minute)
	_, err := s.SendCode(t.Context(), "shop", yunduo.Caller{}, auth.CodeRequest{Email: "li@example.com"}, auth.Client{IP: "10.0.0.9"})
	requireReason(t, yunduo.ReasonRateLimited, err)
	for i := range 25 {
		_, err := s.SendCode(t.Context(), "shop", yunduo.Caller{}, auth.CodeRequest{Email: fmt.Sprintf("%d@example.com", i)}, home)
		require.NoError(t, err)
	}
	_, err = s.SendCode(t.Context(), "shop", yunduo.Caller{}, auth.CodeRequest{Email: "more@example.com"}, home)
	requireReason(t, yunduo.ReasonRateLimited, err)
	_, err = s.SendCode(t.Context(), "shop", yunduo.Caller{}, auth.CodeRequest{Email: "more@example.com"}, auth.Client{IP: "10.0.0.9"})
	require.NoError(t, err)
}

// Whoever signs up first in another's name gains nothing: every name is proved, and accounts are never merged.
func TestSignUp_SafeAgainstPreHijacking(t *testing.T) {
	s := open(t)
	for _, name := range []string{"victim@example.com", "13800000000", "+8613800000000"} {
		token := proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Email: "attacker@example.com"})
		_, err := s.SignUp(t.Context(), "shop", auth.NewAccount{VerificationToken: token, Username: name, Password: "Pw-12345678"}, home)
		requireReason(t, yunduo.ReasonInvalidRequest, err)
	}
	_, err := s.SignUp(t.Context(), "shop", auth.NewAccount{Username: "attacker", Password: "Pw-12345678"}, home)
	requireReason(t, yunduo.ReasonInvalidRequest, err)
	s.forward(time.Hour)
	attacker := signUp(t, s, auth.NewAccount{VerificationToken: proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Email: "attacker@example.com"}), Password: "Pw-12345678"})
	mail := "victim@example.com"
	_, err = s.UpdateMe(t.Context(), callerOf(t, s, attacker), auth.Changes{Email: &mail})
	requireReason(t, yunduo.ReasonCodeInvalid, err)
	// A code that somebody else verified for the address does not count for the attacker.
	unused := proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Email: mail})
	_, err = s.UpdateMe(t.Context(), callerOf(t, s, attacker), auth.Changes{Email: &mail})
	requireReason(t, yunduo.ReasonCodeInvalid, err)
	victim := signUp(t, s, auth.NewAccount{VerificationToken: unused})
	require.NotEqual(t, attacker.User.ID, victim.User.ID)
	// Nor is the victim's account taken over later by linking.
	_, err = s.Link(t.Context(), callerOf(t, s, attacker), auth.LinkRequest{VerificationToken: proveContact(t, s, callerOf(t, s, attacker), auth.CodeRequest{Email: mail})})
	requireReason(t, yunduo.ReasonIdentityTaken, err)
	_, err = s.SignUp(t.Context(), "shop", auth.NewAccount{VerificationToken: proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Email: mail})}, home)
	requireReason(t, yunduo.ReasonIdentityTaken, err)
}

func TestResetPassword_EndsEverySession(t *testing.T) {
	s := open(t)
	request := auth.CodeRequest{Email: "li@example.com"}
	made := signUp(t, s, auth.NewAccount{VerificationToken: proveContact(t, s, yunduo.Caller{}, request), Password: "Pw-12345678"})
	requireReason(t, yunduo.ReasonCodeInvalid, s.ResetPassword(t.Context(), "shop", "ydv_x.y", "Pw-87654321"))
	requireReason(t, yunduo.ReasonUserNotFound, s.ResetPassword(t.Context(), "shop", proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Email: "other@example.com"}), "Pw-87654321"))
	require.NoError(t, s.ResetPassword(t.Context(), "shop", proveContact(t, s, yunduo.Caller{}, request), "Pw-87654321"))
	_, err := s.Verify(t.Context(), "shop", made.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	_, err = s.Login(t.Context(), "shop", "password", password("li@example.com", "Pw-12345678"), home)
	requireReason(t, yunduo.ReasonLoginFailed, err)
	_, err = s.Login(t.Context(), "shop", "password", password("LI@example.com", "Pw-87654321"), home)
	require.NoError(t, err)
}
