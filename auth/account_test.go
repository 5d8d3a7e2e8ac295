package auth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/auth"
)

func anonymous(t testing.TB, s server) auth.Tokens {
	t.Helper()
	tokens, err := s.Login(t.Context(), "shop", "anonymous", json.RawMessage(`{}`), home)
	require.NoError(t, err)
	return tokens
}

// An anonymous user who signs up stays the same user, in a session of its own.
func TestAnonymous_Upgraded(t *testing.T) {
	s := open(t)
	guest := anonymous(t, s)
	require.Equal(t, yunduo.RoleAnonymous, callerOf(t, s, guest).Role)
	made := signUp(t, s, auth.NewAccount{VerificationToken: proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Phone: "13800000000"}), Anonymous: guest.AccessToken, Password: "Pw-12345678"})
	require.Equal(t, guest.User.ID, made.User.ID)
	require.Equal(t, guest.User.OpenID, made.User.OpenID)
	caller := callerOf(t, s, made)
	require.Equal(t, yunduo.RoleUser, caller.Role)
	require.Equal(t, "phone", caller.Provider)
	// Whoever else knows the anonymous user, who may have made it and passed it on, is not inside the account.
	_, err := s.Verify(t.Context(), "shop", guest.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	_, err = s.Refresh(t.Context(), "shop", guest.RefreshToken)
	require.Error(t, err)
	again, err := s.Login(t.Context(), "shop", "password", password("13800000000", "Pw-12345678"), home)
	require.NoError(t, err)
	require.Equal(t, guest.User.ID, again.User.ID)
	// Only an anonymous user can be upgraded.
	_, err = s.SignUp(t.Context(), "shop", auth.NewAccount{VerificationToken: proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Email: "x@example.com"}), Anonymous: made.AccessToken}, home)
	requireReason(t, yunduo.ReasonInvalidRequest, err)
	// And not onto an account that there is.
	second := anonymous(t, s)
	_, err = s.Link(t.Context(), callerOf(t, s, second), auth.LinkRequest{VerificationToken: proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Phone: "13800000000"})})
	requireReason(t, yunduo.ReasonIdentityTaken, err)
	require.Equal(t, yunduo.RoleAnonymous, callerOf(t, s, second).Role)
}

func TestLink_AndUnlink(t *testing.T) {
	s := open(t)
	li := login(t, s, "shop", "li")
	caller := callerOf(t, s, li)
	_, err := s.Unlink(t.Context(), caller, "vouching")
	requireReason(t, yunduo.ReasonPermissionDenied, err)
	user, err := s.Link(t.Context(), caller, auth.LinkRequest{VerificationToken: proveContact(t, s, caller, auth.CodeRequest{Email: "li@example.com"})})
	require.NoError(t, err)
	require.Equal(t, []string{"vouching", "email"}, user.Providers)
	require.Equal(t, "li", user.OpenID)
	byMail, err := s.Login(t.Context(), "shop", "code", byCode(proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Email: "li@example.com"}), false), home)
	require.NoError(t, err)
	require.Equal(t, li.User.ID, byMail.User.ID)
	// Another address takes the place of the first, which is free again then.
	second := "li2@example.com"
	proveContact(t, s, caller, auth.CodeRequest{Email: second})
	user, err = s.UpdateMe(t.Context(), caller, auth.Changes{Email: &second, Profile: &auth.Profile{Name: "Li"}})
	require.NoError(t, err)
	require.Equal(t, second, user.Email)
	require.Equal(t, "Li", user.Profile.Name)
	signUp(t, s, auth.NewAccount{VerificationToken: proveContact(t, s, yunduo.Caller{}, auth.CodeRequest{Email: "li@example.com"})})

	user, err = s.Unlink(t.Context(), caller, "vouching")
	require.NoError(t, err)
	require.Equal(t, []string{"email"}, user.Providers)
	require.NotEqual(t, li.User.ID, login(t, s, "shop", "li").User.ID, "whoever proves the old identity now is somebody else")
	_, err = s.Unlink(t.Context(), caller, "email")
	requireReason(t, yunduo.ReasonPermissionDenied, err)
	_, err = s.Unlink(t.Context(), caller, "phone")
	requireReason(t, yunduo.ReasonUserNotFound, err)
	_, err = s.Link(t.Context(), yunduo.Caller{App: "shop"}, auth.LinkRequest{})
	requireReason(t, yunduo.ReasonUserNotFound, err)
}

func TestIdentityToken(t *testing.T) {
	s := open(t)
	token, err := s.ProveIdentity(t.Context(), "shop", "vouching", json.RawMessage(`{"name":"li"}`))
	require.NoError(t, err)
	credential, err := json.Marshal(map[string]string{"identityToken": token})
	require.NoError(t, err)
	tokens, err := s.Login(t.Context(), "shop", "identity", credential, home)
	require.NoError(t, err)
	require.Equal(t, "li", tokens.User.OpenID)
	key, err := s.WeChatSessionKey(t.Context(), callerOf(t, s, tokens))
	require.NoError(t, err)
	require.Equal(t, "sk-li", key)
	_, err = s.Login(t.Context(), "other", "identity", credential, home)
	requireReason(t, yunduo.ReasonLoginFailed, err)
	_, err = s.Verify(t.Context(), "shop", token)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	_, err = s.Login(t.Context(), "shop", "identity", json.RawMessage(`{"identityToken":"`+tokens.AccessToken+`"}`), home)
	requireReason(t, yunduo.ReasonLoginFailed, err)
	s.forward(11 * time.Minute)
	_, err = s.Login(t.Context(), "shop", "identity", credential, home)
	requireReason(t, yunduo.ReasonLoginFailed, err)
}

func TestSudo(t *testing.T) {
	s := open(t)
	_, err := s.CreateUser(t.Context(), owner, "shop", auth.NewUser{Username: "li", Password: "Pw-12345678"})
	require.NoError(t, err)
	enter := func(pw string) auth.Tokens {
		tokens, err := s.Login(t.Context(), "shop", "password", password("li", pw), home)
		require.NoError(t, err)
		return tokens
	}
	first, second := enter("Pw-12345678"), enter("Pw-12345678")
	caller, elsewhere := callerOf(t, s, first), callerOf(t, s, second)
	for _, wrong := range []string{"Pw-00000000", ""} {
		_, err := s.Sudo(t.Context(), caller, wrong, "")
		require.Error(t, err)
	}
	sudo, err := s.Sudo(t.Context(), caller, "Pw-12345678", "")
	require.NoError(t, err)
	requireReason(t, yunduo.ReasonPermissionDenied, s.ChangePassword(t.Context(), elsewhere, sudo, "Pw-87654321"))
	requireReason(t, yunduo.ReasonLoginFailed, s.ChangePassword(t.Context(), caller, "", "Pw-87654321"))
	requireReason(t, yunduo.ReasonLoginFailed, s.ChangePassword(t.Context(), caller, first.AccessToken, "Pw-87654321"))
	_, err = s.Verify(t.Context(), "shop", sudo)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	require.NoError(t, s.ChangePassword(t.Context(), caller, sudo, "Pw-87654321"))
	callerOf(t, s, first)
	_, err = s.Verify(t.Context(), "shop", second.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	requireReason(t, yunduo.ReasonLoginFailed, s.ChangePasswordByOld(t.Context(), caller, "Pw-12345678", "Pw-11111111"))
	require.NoError(t, s.ChangePasswordByOld(t.Context(), caller, "Pw-87654321", "Pw-11111111"))
	requireReason(t, yunduo.ReasonLoginFailed, s.DeleteMe(t.Context(), caller, "no"))
	sudo, err = s.Sudo(t.Context(), caller, "Pw-11111111", "")
	require.NoError(t, err)
	require.NoError(t, s.DeleteMe(t.Context(), caller, sudo))
	_, err = s.Verify(t.Context(), "shop", first.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
}

func TestSessions_ListedAndRevoked(t *testing.T) {
	s := open(t)
	one := login(t, s, "shop", "li")
	two, err := s.Login(t.Context(), "shop", "vouching", json.RawMessage(`{"name":"li"}`), auth.Client{IP: "10.0.0.2", Device: "tablet"})
	require.NoError(t, err)
	wang := login(t, s, "shop", "wang")
	caller := callerOf(t, s, one)
	list, err := s.Sessions(t.Context(), caller, "shop", caller.UserID)
	require.NoError(t, err)
	require.Len(t, list, 2)
	devices := map[string]bool{list[0].Device: list[0].Current, list[1].Device: list[1].Current}
	require.Equal(t, map[string]bool{"phone": true, "tablet": false}, devices)
	for _, stranger := range []yunduo.Caller{callerOf(t, s, wang), {}, other} {
		_, err := s.Sessions(t.Context(), stranger, "shop", caller.UserID)
		requireReason(t, yunduo.ReasonPermissionDenied, err)
		requireReason(t, yunduo.ReasonPermissionDenied, s.RevokeSession(t.Context(), stranger, "shop", caller.UserID, list[0].ID))
	}
	requireReason(t, yunduo.ReasonUserNotFound, s.RevokeSession(t.Context(), caller, "shop", caller.UserID, callerOf(t, s, wang).SessionID))
	require.NoError(t, s.RevokeSession(t.Context(), caller, "shop", caller.UserID, "tablet"))
	_, err = s.Verify(t.Context(), "shop", two.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	_, err = s.Refresh(t.Context(), "shop", two.RefreshToken)
	require.Error(t, err)
	list, err = s.Sessions(t.Context(), owner, "shop", caller.UserID)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.NoError(t, s.RevokeSession(t.Context(), owner, "shop", caller.UserID, list[0].ID))
	_, err = s.Verify(t.Context(), "shop", one.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
}

func TestLastingSession_KeepsItsRefreshToken(t *testing.T) {
	s := open(t)
	tokens, err := s.Login(t.Context(), "shop", "anonymous", json.RawMessage(`{}`), auth.Client{Lasting: true})
	require.NoError(t, err)
	for range 3 {
		again, err := s.Refresh(t.Context(), "shop", tokens.RefreshToken)
		require.NoError(t, err)
		require.Equal(t, tokens.RefreshToken, again.RefreshToken)
		callerOf(t, s, again)
	}
	forged := tokens.RefreshToken[:len(tokens.RefreshToken)-4] + "AAAA"
	_, err = s.Refresh(t.Context(), "shop", forged)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	callerOf(t, s, tokens)
	require.NoError(t, s.Revoke(t.Context(), "shop", tokens.RefreshToken))
	_, err = s.Refresh(t.Context(), "shop", tokens.RefreshToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
}

// ticket signs as the official server SDKs do.
func ticket(t testing.TB, key auth.TicketKey, method jwt.SigningMethod, signer any, claims jwt.MapClaims) string {
	t.Helper()
	text, err := jwt.NewWithClaims(method, claims).SignedString(signer)
	require.NoError(t, err)
	return key.ID + "/@@/" + text
}

func TestTicket(t *testing.T) {
	s := open(t)
	key, err := s.CreateTicketKey(t.Context(), owner, "shop")
	require.NoError(t, err)
	block, _ := pem.Decode([]byte(key.PrivateKey))
	private, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	require.NoError(t, err)
	now := time.Unix(0, s.clock.Load()).UnixMilli()
	claims := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{"alg": "RS256", "env": "shop", "uid": "user-7", "iat": now, "exp": now + 600_000, "refresh": 3600_000, "expire": now + 604800_000}
		if change != nil {
			change(c)
		}
		return c
	}
	enter := func(app yunduo.AppID, text string) (auth.Tokens, error) {
		credential, err := json.Marshal(map[string]string{"ticket": text})
		require.NoError(t, err)
		return s.Login(t.Context(), app, "custom", credential, home)
	}
	good := ticket(t, key, jwt.SigningMethodRS256, private, claims(nil))
	first, err := enter("shop", good)
	require.NoError(t, err)
	require.Equal(t, "user-7", first.User.Subjects["custom"])
	_, err = enter("shop", good)
	requireReason(t, yunduo.ReasonLoginFailed, err) // replayed
	second, err := enter("shop", ticket(t, key, jwt.SigningMethodRS256, private, claims(func(c jwt.MapClaims) { c["iat"] = now + 1 })))
	require.NoError(t, err)
	require.Equal(t, first.User.ID, second.User.ID)

	strange, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	public := x509.MarshalPKCS1PublicKey(&private.PublicKey)
	for name, forged := range map[string]string{
		"another's key":        ticket(t, key, jwt.SigningMethodRS256, strange, claims(nil)),
		"no algorithm":         ticket(t, key, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil)),
		"public key as secret": ticket(t, key, jwt.SigningMethodHS256, public, claims(nil)),
		"another algorithm":    ticket(t, key, jwt.SigningMethodRS512, private, claims(nil)),
		"expired":              ticket(t, key, jwt.SigningMethodRS256, private, claims(func(c jwt.MapClaims) { c["exp"] = now })),
		"seconds":              ticket(t, key, jwt.SigningMethodRS256, private, claims(func(c jwt.MapClaims) { c["exp"] = now/1000 + 600 })),
		"from the future":      ticket(t, key, jwt.SigningMethodRS256, private, claims(func(c jwt.MapClaims) { c["iat"] = now + 3600_000; c["exp"] = now + 3700_000 })),
		"for ever":             ticket(t, key, jwt.SigningMethodRS256, private, claims(func(c jwt.MapClaims) { c["exp"] = now + 30*86400_000 })),
		"another environment":  ticket(t, key, jwt.SigningMethodRS256, private, claims(func(c jwt.MapClaims) { c["env"] = "other" })),
		"nobody":               ticket(t, key, jwt.SigningMethodRS256, private, claims(func(c jwt.MapClaims) { delete(c, "uid") })),
		"an endless name":      ticket(t, key, jwt.SigningMethodRS256, private, claims(func(c jwt.MapClaims) { c["uid"] = strings.Repeat("x", 129) })),
		"no key":               "none" + ticket(t, auth.TicketKey{}, jwt.SigningMethodRS256, private, claims(nil)),
		"no ticket":            "x",
		"tampered":             good[:len(good)-3] + "AAA",
	} {
		_, err := enter("shop", forged)
		requireReason(t, yunduo.ReasonLoginFailed, err)
		_ = name
	}
	_, err = enter("other", ticket(t, key, jwt.SigningMethodRS256, private, claims(func(c jwt.MapClaims) { c["iat"] = now + 2 })))
	requireReason(t, yunduo.ReasonLoginFailed, err)

	list, err := s.TicketKeys(t.Context(), owner, "shop")
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Empty(t, list[0].PrivateKey)
	_, err = s.CreateTicketKey(t.Context(), other, "shop")
	requireReason(t, yunduo.ReasonPermissionDenied, err)
	requireReason(t, yunduo.ReasonPermissionDenied, s.DeleteTicketKey(t.Context(), callerOf(t, s, first), "shop", key.ID))
	requireReason(t, yunduo.ReasonUserNotFound, s.DeleteTicketKey(t.Context(), other, "other", key.ID))
	require.NoError(t, s.DeleteTicketKey(t.Context(), owner, "shop", key.ID))
	_, err = enter("shop", ticket(t, key, jwt.SigningMethodRS256, private, claims(func(c jwt.MapClaims) { c["iat"] = now + 3 })))
	requireReason(t, yunduo.ReasonLoginFailed, err)
}

func TestClientToken(t *testing.T) {
	s := open(t)
	_, err := s.ClientToken(t.Context(), callerOf(t, s, login(t, s, "shop", "li")), "shop", home)
	requireReason(t, yunduo.ReasonPermissionDenied, err)
	tokens, err := s.ClientToken(t.Context(), owner, "shop", home)
	require.NoError(t, err)
	require.Empty(t, tokens.RefreshToken)
	caller := callerOf(t, s, tokens)
	require.Equal(t, yunduo.RoleOwner, caller.Role)
	require.True(t, caller.MayManage("shop"))
	require.False(t, caller.MayManage("other"))
	require.False(t, caller.Operator())
}
