package auth_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/auth"
)

// mail asks for a link and returns the token that was sent.
func mail(t testing.TB, s server, caller yunduo.Caller, request auth.MailRequest) string {
	t.Helper()
	s.forward(time.Minute)
	require.NoError(t, s.SendLink(t.Context(), "shop", caller, request, home))
	sent := s.outbox.last()
	require.Equal(t, auth.Code{App: "shop", Channel: "email", To: sent.To, Token: sent.Token, Usage: request.Purpose}, sent)
	require.NotEmpty(t, sent.Token)
	return sent.Token
}

func enter(s server, t testing.TB, name, secret string) (auth.Tokens, error) {
	return s.Login(t.Context(), "shop", "password", password(name, secret), home)
}

func TestLink_MakesAnAccount(t *testing.T) {
	s := open(t)
	token := mail(t, s, yunduo.Caller{}, auth.MailRequest{Email: "Li@Example.com", Purpose: auth.LinkSignUp, Password: "Pw-12345678"})
	_, err := enter(s, t, "li@example.com", "Pw-12345678")
	requireReason(t, yunduo.ReasonLoginFailed, err) // nobody has proved to read the address
	requireReason(t, yunduo.ReasonCodeInvalid, s.UseLink(t.Context(), "other", token, "", home))
	requireReason(t, yunduo.ReasonCodeInvalid, s.UseLink(t.Context(), "shop", token+"x", "", home))
	requireReason(t, yunduo.ReasonCodeInvalid, s.UseLink(t.Context(), "shop", token, "Pw-87654321", home)) // it sets no password
	require.NoError(t, s.UseLink(t.Context(), "shop", token, "", home))
	tokens, err := enter(s, t, "li@example.com", "Pw-12345678")
	require.NoError(t, err)
	require.Equal(t, "li@example.com", tokens.User.Email)
	requireReason(t, yunduo.ReasonCodeInvalid, s.UseLink(t.Context(), "shop", token, "", home))
	s.forward(time.Minute)
	requireReason(t, yunduo.ReasonIdentityTaken, s.SendLink(t.Context(), "shop", yunduo.Caller{}, auth.MailRequest{Email: "li@example.com", Purpose: auth.LinkSignUp, Password: "Pw-12345678"}, home))
}

// Who signs up with another's address gets no account whose password they know, whichever mail is read.
func TestLink_SignUpsThatCompete(t *testing.T) {
	s := open(t)
	request := auth.MailRequest{Email: "li@example.com", Purpose: auth.LinkSignUp, Password: "Pw-12345678"}
	first := mail(t, s, yunduo.Caller{}, request)
	again := mail(t, s, yunduo.Caller{}, request)
	requireReason(t, yunduo.ReasonCodeInvalid, s.UseLink(t.Context(), "shop", first, "", home)) // the same person asked once more
	request.Password = "of-somebody-else"
	theirs := mail(t, s, yunduo.Caller{}, request)
	require.NoError(t, s.UseLink(t.Context(), "shop", theirs, "", home))
	for _, secret := range []string{"Pw-12345678", "of-somebody-else"} {
		_, err := enter(s, t, "li@example.com", secret)
		requireReason(t, yunduo.ReasonLoginFailed, err)
	}
	requireReason(t, yunduo.ReasonCodeInvalid, s.UseLink(t.Context(), "shop", again, "", home))
	reset := mail(t, s, yunduo.Caller{}, auth.MailRequest{Email: "li@example.com", Purpose: auth.LinkResetPassword})
	require.NoError(t, s.UseLink(t.Context(), "shop", reset, "Pw-12345678", home))
	_, err := enter(s, t, "li@example.com", "Pw-12345678")
	require.NoError(t, err)
}

// An account that was made by other means meanwhile is nobody else's.
func TestLink_AddressThatWasTakenMeanwhile(t *testing.T) {
	s := open(t)
	waiting := mail(t, s, yunduo.Caller{}, auth.MailRequest{Email: "li@example.com", Purpose: auth.LinkSignUp, Password: "of-somebody-else"})
	proof := proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Email: "li@example.com"})
	signUp(t, s, auth.NewAccount{VerificationToken: proof, Password: "Pw-12345678"})
	requireReason(t, yunduo.ReasonIdentityTaken, s.UseLink(t.Context(), "shop", waiting, "", home))
	_, err := enter(s, t, "li@example.com", "of-somebody-else")
	requireReason(t, yunduo.ReasonLoginFailed, err)
}

func TestLink_ResetsAPassword(t *testing.T) {
	s := open(t)
	proof := proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Email: "li@example.com"})
	made := signUp(t, s, auth.NewAccount{VerificationToken: proof, Password: "Pw-12345678"})
	token := mail(t, s, yunduo.Caller{}, auth.MailRequest{Email: "li@example.com", Purpose: auth.LinkResetPassword})
	requireReason(t, yunduo.ReasonInvalidRequest, s.UseLink(t.Context(), "shop", token, "short", home)) // and the link is still good
	requireReason(t, yunduo.ReasonCodeInvalid, s.UseLink(t.Context(), "shop", token, "", home))
	require.NoError(t, s.UseLink(t.Context(), "shop", token, "Pw-87654321", home))
	_, err := s.Verify(t.Context(), "shop", made.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	_, err = enter(s, t, "li@example.com", "Pw-12345678")
	requireReason(t, yunduo.ReasonLoginFailed, err)
	_, err = enter(s, t, "li@example.com", "Pw-87654321")
	require.NoError(t, err)
	// Nobody learns whether an address has an account.
	sent := len(s.outbox.codes)
	s.forward(time.Minute)
	require.NoError(t, s.SendLink(t.Context(), "shop", yunduo.Caller{}, auth.MailRequest{Email: "nobody@example.com", Purpose: auth.LinkResetPassword}, home))
	require.Len(t, s.outbox.codes, sent)
}

func TestLink_ChangesAnAddress(t *testing.T) {
	s := open(t)
	proof := proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Email: "li@example.com"})
	li := callerOf(t, s, signUp(t, s, auth.NewAccount{VerificationToken: proof, Password: "Pw-12345678"}))
	request := auth.MailRequest{Email: "li@work.example.com", Purpose: auth.LinkEmail}
	for _, wrong := range []string{"", "of-somebody-else"} {
		s.forward(time.Minute)
		request.Password = wrong
		requireReason(t, yunduo.ReasonLoginFailed, s.SendLink(t.Context(), "shop", li, request, home))
	}
	s.forward(time.Minute)
	requireReason(t, yunduo.ReasonUserNotFound, s.SendLink(t.Context(), "shop", yunduo.Caller{App: "shop"}, request, home))
	request.Password = "Pw-12345678"
	token := mail(t, s, li, request)
	_, err := enter(s, t, "li@work.example.com", "Pw-12345678")
	requireReason(t, yunduo.ReasonLoginFailed, err)
	require.NoError(t, s.UseLink(t.Context(), "shop", token, "", home))
	_, err = enter(s, t, "li@work.example.com", "Pw-12345678")
	require.NoError(t, err)
	_, err = enter(s, t, "li@example.com", "Pw-12345678")
	requireReason(t, yunduo.ReasonLoginFailed, err)
	other := proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Email: "han@example.com"})
	signUp(t, s, auth.NewAccount{VerificationToken: other})
	s.forward(time.Minute)
	requireReason(t, yunduo.ReasonIdentityTaken, s.SendLink(t.Context(), "shop", li, auth.MailRequest{Email: "han@example.com", Purpose: auth.LinkEmail, Password: "Pw-12345678"}, home))
}

func TestLink_Bounds(t *testing.T) {
	s := open(t)
	request := auth.MailRequest{Email: "li@example.com", Purpose: auth.LinkSignUp, Password: "Pw-12345678"}
	for _, wrong := range []auth.MailRequest{
		{Purpose: auth.LinkSignUp, Password: "Pw-12345678"}, {Email: "a@example.com", Purpose: auth.LinkSignUp, Password: "short"}, {Email: "b@example.com"},
	} {
		requireReason(t, yunduo.ReasonInvalidRequest, s.SendLink(t.Context(), "shop", yunduo.Caller{}, wrong, home))
	}
	require.Empty(t, s.outbox.codes)
	requireReason(t, yunduo.ReasonAppNotFound, s.SendLink(t.Context(), "none", yunduo.Caller{}, request, home))
	token := mail(t, s, yunduo.Caller{}, request)
	requireReason(t, yunduo.ReasonRateLimited, s.SendLink(t.Context(), "shop", yunduo.Caller{}, request, home)) // at once
	for range 4 {
		token = mail(t, s, yunduo.Caller{}, request)
	}
	s.forward(time.Minute)
	requireReason(t, yunduo.ReasonRateLimited, s.SendLink(t.Context(), "shop", yunduo.Caller{}, request, home)) // five in an hour
	s.forward(auth.LinkLifetime)
	requireReason(t, yunduo.ReasonCodeInvalid, s.UseLink(t.Context(), "shop", token, "", home))
	for range 100 {
		_ = s.UseLink(t.Context(), "shop", "ydl_x.y", "", home)
	}
	requireReason(t, yunduo.ReasonRateLimited, s.UseLink(t.Context(), "shop", "ydl_x.y", "", home))
}
