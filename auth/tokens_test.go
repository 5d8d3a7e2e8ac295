package auth_test

import (
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/auth"
)

func TestVerify_AnotherAppRefused(t *testing.T) {
	s := open(t)
	tokens := login(t, s, "shop", "li")
	_, err := s.Verify(t.Context(), "other", tokens.AccessToken)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	_, err = s.Verify(t.Context(), yunduo.SystemApp, tokens.AccessToken)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	for _, app := range []yunduo.AppID{"shop", ""} {
		caller, err := s.Verify(t.Context(), app, tokens.AccessToken)
		require.NoError(t, err)
		require.Equal(t, yunduo.AppID("shop"), caller.App)
	}
	_, err = s.Refresh(t.Context(), "other", tokens.RefreshToken)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	requireReason(t, yunduo.ReasonTokenInvalid, s.Revoke(t.Context(), "other", tokens.RefreshToken))
	_, err = s.Refresh(t.Context(), "shop", tokens.RefreshToken)
	require.NoError(t, err)
}

func TestVerify_Expiry(t *testing.T) {
	s := open(t)
	tokens := login(t, s, "shop", "li")
	s.forward(auth.AccessTokenLifetime - 2*time.Second)
	_, err := s.Verify(t.Context(), "shop", tokens.AccessToken)
	require.NoError(t, err)
	s.forward(3 * time.Second)
	_, err = s.Verify(t.Context(), "shop", tokens.AccessToken)
	requireReason(t, yunduo.ReasonTokenExpired, err)
	renewed, err := s.Refresh(t.Context(), "shop", tokens.RefreshToken)
	require.NoError(t, err)
	_, err = s.Verify(t.Context(), "shop", renewed.AccessToken)
	require.NoError(t, err)
}

// forge signs the claims of a real token anew.
func forge(t testing.TB, text string, method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(text, claims)
	require.NoError(t, err)
	if change != nil {
		change(claims)
	}
	forged, err := jwt.NewWithClaims(method, claims).SignedString(key)
	require.NoError(t, err)
	return forged
}

func TestVerify_Forgeries(t *testing.T) {
	s := open(t)
	real := login(t, s, "shop", "li")
	signing := s.keys.Derive("signing of access tokens")
	parts := strings.Split(real.AccessToken, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	set := func(name string, value any) func(jwt.MapClaims) {
		return func(c jwt.MapClaims) { c[name] = value }
	}
	drop := func(name string) func(jwt.MapClaims) {
		return func(c jwt.MapClaims) { delete(c, name) }
	}
	for name, token := range map[string]string{
		"text":              "token",
		"dots":              "..",
		"alg none":          none + "." + parts[1] + ".",
		"alg none, signed":  none + "." + parts[1] + "." + parts[2],
		"no signature":      parts[0] + "." + parts[1] + ".",
		"cut signature":     real.AccessToken[:len(real.AccessToken)-4],
		"long":              real.AccessToken + strings.Repeat("x", 5000),
		"refresh token":     real.RefreshToken,
		"unsafe none":       forge(t, real.AccessToken, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"HS512":             forge(t, real.AccessToken, jwt.SigningMethodHS512, signing, nil),
		"another key":       forge(t, real.AccessToken, jwt.SigningMethodHS256, []byte("another key of thirty-two bytes."), nil),
		"empty key":         forge(t, real.AccessToken, jwt.SigningMethodHS256, []byte{}, nil),
		"another issuer":    forge(t, real.AccessToken, jwt.SigningMethodHS256, signing, set("iss", "elsewhere")),
		"no expiry":         forge(t, real.AccessToken, jwt.SigningMethodHS256, signing, drop("exp")),
		"no audience":       forge(t, real.AccessToken, jwt.SigningMethodHS256, signing, drop("aud")),
		"two audiences":     forge(t, real.AccessToken, jwt.SigningMethodHS256, signing, set("aud", []string{"shop", "other"})),
		"another audience":  forge(t, real.AccessToken, jwt.SigningMethodHS256, signing, set("aud", "other")),
		"console audience":  forge(t, real.AccessToken, jwt.SigningMethodHS256, signing, set("aud", "_console")),
		"another subject":   forge(t, real.AccessToken, jwt.SigningMethodHS256, signing, set("sub", "root")),
		"no session":        forge(t, real.AccessToken, jwt.SigningMethodHS256, signing, drop("sid")),
		"no session, typed": forge(t, real.AccessToken, jwt.SigningMethodHS256, signing, set("sid", 5)),
	} {
		_, err := s.Verify(t.Context(), "shop", token)
		require.Equal(t, yunduo.ReasonTokenInvalid, yunduo.ReasonOf(err), "%s: %v", name, err)
	}
	_, err := s.Verify(t.Context(), "shop", "")
	requireReason(t, yunduo.ReasonTokenMissing, err)
	_, err = s.Verify(t.Context(), "shop", forge(t, real.AccessToken, jwt.SigningMethodHS256, signing, set("sid", yunduo.NewID())))
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	// A role that a token claims is of no account.
	caller, err := s.Verify(t.Context(), "shop", forge(t, real.AccessToken, jwt.SigningMethodHS256, signing, set("role", "owner")))
	require.NoError(t, err)
	require.Equal(t, yunduo.RoleUser, caller.Role)
}

func TestRefresh_Rotates(t *testing.T) {
	s := open(t)
	first := login(t, s, "shop", "li")
	second, err := s.Refresh(t.Context(), "shop", first.RefreshToken)
	require.NoError(t, err)
	require.Equal(t, first.User.ID, second.User.ID)
	require.NotEqual(t, first.RefreshToken, second.RefreshToken)
	third, err := s.Refresh(t.Context(), "", second.RefreshToken)
	require.NoError(t, err)
	for _, tokens := range []auth.Tokens{first, second, third} {
		_, err := s.Verify(t.Context(), "shop", tokens.AccessToken)
		require.NoError(t, err)
	}

	// Reuse ends the session, for the thief and for the user.
	_, err = s.Refresh(t.Context(), "shop", first.RefreshToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	_, err = s.Refresh(t.Context(), "shop", third.RefreshToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	_, err = s.Verify(t.Context(), "shop", third.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
}

func TestRefresh_TwiceAtOnceIsReuse(t *testing.T) {
	s := open(t)
	tokens := login(t, s, "shop", "li")
	var wg sync.WaitGroup
	var mu sync.Mutex
	succeeded := 0
	for range 8 {
		wg.Go(func() {
			if _, err := s.Refresh(t.Context(), "shop", tokens.RefreshToken); err == nil {
				mu.Lock()
				defer mu.Unlock()
				succeeded++
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, succeeded, 1)
	_, err := s.Verify(t.Context(), "shop", tokens.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
}

// Who only knows the session's ID, which access tokens show, cannot end it.
func TestRefresh_MadeUpTokensEndNothing(t *testing.T) {
	s := open(t)
	tokens := login(t, s, "shop", "li")
	caller, err := s.Verify(t.Context(), "shop", tokens.AccessToken)
	require.NoError(t, err)
	real := tokens.RefreshToken
	for name, bad := range map[string]string{
		"text":           "made-up",
		"access token":   tokens.AccessToken,
		"made up":        "ydr_" + caller.SessionID + "." + yunduo.NewSecret() + yunduo.NewSecret(),
		"unknown":        "ydr_" + yunduo.NewID() + "." + yunduo.NewSecret() + yunduo.NewSecret(),
		"cut":            real[:len(real)-1],
		"longer":         real + "x",
		"without prefix": strings.TrimPrefix(real, "ydr_"),
		"two prefixes":   "ydr_" + real,
	} {
		_, err := s.Refresh(t.Context(), "shop", bad)
		require.Equal(t, yunduo.ReasonTokenInvalid, yunduo.ReasonOf(err), "%s: %v", name, err)
		require.Equal(t, yunduo.ReasonTokenInvalid, yunduo.ReasonOf(s.Revoke(t.Context(), "shop", bad)), name)
	}
	_, err = s.Refresh(t.Context(), "shop", "")
	requireReason(t, yunduo.ReasonTokenMissing, err)
	_, err = s.Refresh(t.Context(), "shop", real)
	require.NoError(t, err)
}

func TestRefresh_Expiry(t *testing.T) {
	s := open(t)
	tokens := login(t, s, "shop", "li")
	s.forward(auth.SessionLifetime - time.Minute)
	tokens, err := s.Refresh(t.Context(), "shop", tokens.RefreshToken)
	require.NoError(t, err)
	s.forward(auth.SessionLifetime - time.Minute)
	tokens, err = s.Refresh(t.Context(), "shop", tokens.RefreshToken)
	require.NoError(t, err, "each renewal prolongs the session")
	s.forward(auth.SessionLifetime)
	_, err = s.Refresh(t.Context(), "shop", tokens.RefreshToken)
	requireReason(t, yunduo.ReasonTokenExpired, err)
}

func TestLogout_CountsAtOnce(t *testing.T) {
	s := open(t)
	a, b := login(t, s, "shop", "li"), login(t, s, "shop", "li")
	caller, err := s.Verify(t.Context(), "shop", a.AccessToken)
	require.NoError(t, err)
	require.NoError(t, s.Logout(t.Context(), caller))
	_, err = s.Verify(t.Context(), "shop", a.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	_, err = s.Refresh(t.Context(), "shop", a.RefreshToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	_, err = s.Verify(t.Context(), "shop", b.AccessToken)
	require.NoError(t, err, "another device stays signed in")
	require.NoError(t, s.Revoke(t.Context(), "", b.RefreshToken))
	_, err = s.Verify(t.Context(), "shop", b.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	require.NoError(t, s.Logout(t.Context(), owner), "a key has no session")
}

func TestTokens_SurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, false)
	kept, ended := login(t, s, "shop", "li"), login(t, s, "shop", "wang")
	require.NoError(t, s.Revoke(t.Context(), "shop", ended.RefreshToken))
	s.close(t)
	s = start(t, dir, false)
	defer s.close(t)
	_, err := s.Verify(t.Context(), "shop", kept.AccessToken)
	require.NoError(t, err)
	_, err = s.Verify(t.Context(), "shop", ended.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	_, err = s.Refresh(t.Context(), "shop", kept.RefreshToken)
	require.NoError(t, err)
}

func TestTokens_AnotherServersAreRefused(t *testing.T) {
	a, b := open(t), open(t)
	tokens := login(t, a, "shop", "li")
	login(t, b, "shop", "li")
	_, err := b.Verify(t.Context(), "shop", tokens.AccessToken)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	_, err = b.Refresh(t.Context(), "shop", tokens.RefreshToken)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
}

func TestKeys(t *testing.T) {
	s := open(t)
	again, err := auth.LoadOrCreateKeys(t.Context(), s.db)
	require.NoError(t, err)
	require.Equal(t, s.keys, again)
	require.Len(t, again.Derive("a"), 32)
	require.NotEqual(t, again.Derive("a"), again.Derive("b"))
	_, err = auth.NewKeys([]byte("short"))
	requireReason(t, yunduo.ReasonInvalidConfig, err)
	_, err = auth.New(s.db, fixedApps{}, auth.Options{})
	requireReason(t, yunduo.ReasonInvalidConfig, err)
}

func TestVerifyAPIKey(t *testing.T) {
	s := open(t)
	caller, err := s.VerifyAPIKey(t.Context(), "key-shop")
	require.NoError(t, err)
	require.Equal(t, yunduo.Caller{App: "shop", Role: yunduo.RoleOwner, Provider: "apikey"}, caller)
	require.False(t, caller.MayManage("other"))
	_, err = s.VerifyAPIKey(t.Context(), "key-absent")
	requireReason(t, yunduo.ReasonTokenInvalid, err)
}

func FuzzTokens(f *testing.F) {
	s := open(f)
	real := login(f, s, "shop", "li")
	for _, seed := range []string{
		"", "a.b.c", real.AccessToken, real.RefreshToken, strings.Replace(real.AccessToken, ".", "..", 1),
		"eyJhbGciOiJub25lIn0.e30.", "ydr_" + strings.Repeat("a", 32) + "." + strings.Repeat("b", 86), "ydk_x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if caller, err := s.Verify(t.Context(), "", text); err == nil && (text != real.AccessToken || caller.UserID != real.User.ID) {
			t.Fatalf("%q is accepted as %+v", text, caller)
		}
		if text == real.RefreshToken {
			return
		}
		if _, err := s.Refresh(t.Context(), "", text); err == nil {
			t.Fatalf("%q is accepted as a refresh token", text)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s := open(b)
	tokens := login(b, s, "shop", "li")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Verify(b.Context(), "shop", tokens.AccessToken); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLogin(b *testing.B) {
	s := open(b)
	for b.Loop() {
		login(b, s, "shop", "li")
	}
}
