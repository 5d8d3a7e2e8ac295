package apps_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/apps"
)

func TestKeys(t *testing.T) {
	s := open(t)
	create(t, s, "shop", "other")
	key, err := s.CreateKey(t.Context(), owner, "shop")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(key.APIKey, "ydk_"))
	require.True(t, strings.HasPrefix(key.SecretID, "AKID"))
	app, err := s.VerifyAPIKey(t.Context(), key.APIKey)
	require.NoError(t, err)
	require.Equal(t, yunduo.AppID("shop"), app)
	app, secret, err := s.SecretKey(t.Context(), key.SecretID)
	require.NoError(t, err)
	require.Equal(t, yunduo.AppID("shop"), app)
	require.Equal(t, key.SecretKey, secret)

	for _, bad := range []string{"", "ydk_", "ydk_x", key.APIKey + "x", key.APIKey[:len(key.APIKey)-1], key.SecretKey, key.SecretID, "ydk_" + strings.Repeat("x", 1<<20)} {
		_, err := s.VerifyAPIKey(t.Context(), bad)
		requireReason(t, yunduo.ReasonTokenInvalid, err)
	}
	for _, bad := range []string{"", "AKID", key.SecretID + "x", key.APIKey} {
		_, _, err := s.SecretKey(t.Context(), bad)
		requireReason(t, yunduo.ReasonSignatureInvalid, err)
	}

	list, err := s.Keys(t.Context(), owner, "shop")
	require.NoError(t, err)
	require.Equal(t, []apps.Key{{SecretID: key.SecretID, App: "shop", CreatedAt: key.CreatedAt}}, list, "secrets are shown once")
	requireReason(t, yunduo.ReasonDocumentNotFound, s.DeleteKey(t.Context(), operator, "other", key.SecretID))
	require.NoError(t, s.DeleteKey(t.Context(), owner, "shop", key.SecretID))
	_, err = s.VerifyAPIKey(t.Context(), key.APIKey)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	_, _, err = s.SecretKey(t.Context(), key.SecretID)
	requireReason(t, yunduo.ReasonSignatureInvalid, err)

	for range 20 {
		_, err := s.CreateKey(t.Context(), owner, "shop")
		require.NoError(t, err)
	}
	_, err = s.CreateKey(t.Context(), owner, "shop")
	requireReason(t, yunduo.ReasonQuotaExceeded, err)
}

// No secret lies in the data directory as it is, and a wrong server key opens none.
func TestSecretsAtRest(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, bytes.Repeat([]byte{1}, 32))
	_, err := s.Create(t.Context(), operator, apps.App{ID: "shop", WeChat: apps.WeChat{AppID: "wx1", Secret: "wechat-secret-text"}})
	require.NoError(t, err)
	key, err := s.CreateKey(t.Context(), owner, "shop")
	require.NoError(t, err)
	s.close()
	for _, secret := range []string{"wechat-secret-text", key.APIKey, key.SecretKey} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			require.NotContains(t, string(content), secret)
			return err
		}))
	}

	s = start(t, dir, bytes.Repeat([]byte{2}, 32))
	_, _, err = s.SecretKey(t.Context(), key.SecretID)
	requireReason(t, yunduo.ReasonInternal, err)
	s.close()
	s = start(t, dir, bytes.Repeat([]byte{1}, 32))
	defer s.close()
	_, secret, err := s.SecretKey(t.Context(), key.SecretID)
	require.NoError(t, err)
	require.Equal(t, key.SecretKey, secret)
	_, err = apps.New(s.db, apps.Options{Key: []byte("short")})
	requireReason(t, yunduo.ReasonInvalidConfig, err)
}
