package auth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/auth"
)

var code = yunduo.Caller{
	App: "shop", Role: yunduo.RoleFunction, Function: "pay", InvocationID: "i1.2", UserID: "u", SessionID: "s", Provider: "wechat",
	OpenID: "o", UnionID: "un", WeChatAppID: "wx", Username: "li", ClientIP: "10.0.0.9",
}

func TestTemporaryKey(t *testing.T) {
	s := open(t)
	key, err := s.TemporaryKey(code, "https://a.example", time.Minute)
	require.NoError(t, err)
	require.True(t, auth.IsTemporaryKey(key.SecretID))
	signer, err := s.VerifyTemporaryKey(key.SecretID, key.Token)
	require.NoError(t, err)
	require.Equal(t, auth.TemporarySigner{SecretKey: key.SecretKey, BaseURL: "https://a.example", Caller: code}, signer)

	other, err := s.TemporaryKey(code, "", time.Minute)
	require.NoError(t, err)
	require.NotEqual(t, key.SecretKey, other.SecretKey)
	refused := func(reason yunduo.Reason, id, token string) {
		t.Helper()
		_, err := s.VerifyTemporaryKey(id, token)
		requireReason(t, reason, err)
	}
	refused(yunduo.ReasonTokenMissing, key.SecretID, "")
	refused(yunduo.ReasonTokenInvalid, other.SecretID, key.Token)
	refused(yunduo.ReasonTokenInvalid, "AKID1", key.Token)
	refused(yunduo.ReasonTokenInvalid, key.SecretID, key.Token[:len(key.Token)-2])
	refused(yunduo.ReasonTokenInvalid, key.SecretID, strings.Repeat("a", 9<<10))
	s.forward(time.Minute + time.Second)
	refused(yunduo.ReasonTokenExpired, key.SecretID, key.Token)
}

// A key ends with its invocation, and with the node that made it.
func TestTemporaryKey_Ends(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, false)
	key, err := s.TemporaryKey(code, "", time.Minute)
	require.NoError(t, err)
	s.EndTemporaryKey("TMPKunknown", time.Hour)
	s.EndTemporaryKey(key.SecretID, time.Hour) // no longer than its life
	s.EndTemporaryKey(key.SecretID, 15*time.Second)
	s.forward(14 * time.Second)
	_, err = s.VerifyTemporaryKey(key.SecretID, key.Token)
	require.NoError(t, err)
	s.forward(2 * time.Second)
	_, err = s.VerifyTemporaryKey(key.SecretID, key.Token)
	requireReason(t, yunduo.ReasonTokenExpired, err)
	for range 3000 { // the ended ones are forgotten
		other, err := s.TemporaryKey(code, "", time.Minute)
		require.NoError(t, err)
		s.EndTemporaryKey(other.SecretID, 0)
		_, err = s.VerifyTemporaryKey(other.SecretID, other.Token)
		requireReason(t, yunduo.ReasonTokenExpired, err)
	}
	running, err := s.TemporaryKey(code, "", time.Minute)
	require.NoError(t, err)
	s.close(t)
	again := start(t, dir, false)
	defer again.close(t)
	_, err = again.VerifyTemporaryKey(running.SecretID, running.Token)
	requireReason(t, yunduo.ReasonTokenExpired, err)
}

func TestTemporaryKey_IsNoOtherCredential(t *testing.T) {
	s := open(t)
	key, err := s.TemporaryKey(code, "", time.Minute)
	require.NoError(t, err)
	_, err = s.Verify(t.Context(), "shop", key.Token)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	_, err = s.VerifyTicket(t.Context(), key.Token)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	ticket, err := s.Ticket(owner, "shop")
	require.NoError(t, err)
	for _, token := range []string{ticket, login(t, s, "shop", "li").AccessToken} {
		_, err = s.VerifyTemporaryKey(key.SecretID, token)
		requireReason(t, yunduo.ReasonTokenInvalid, err)
	}
	for _, caller := range []yunduo.Caller{owner, operator, {App: "shop", Role: yunduo.RoleUser}, {App: "shop", Role: yunduo.RoleFunction, Function: "pay"}} {
		_, err := s.TemporaryKey(caller, "", time.Minute)
		requireReason(t, yunduo.ReasonPermissionDenied, err)
	}
}
