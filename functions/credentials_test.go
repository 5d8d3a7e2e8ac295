package functions_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
)

// The credentials of an invocation end with it: some time after a reply, at once without one.
func TestCredentials_EndWithTheInvocation(t *testing.T) {
	ended := make(chan time.Duration, 1)
	h := open(t, t.TempDir(), functions.Options{Credentials: func(_ context.Context, caller yunduo.Caller, life time.Duration) (functions.Credentials, error) {
		require.Equal(t, yunduo.RoleFunction, caller.Role)
		require.Greater(t, life, time.Minute)
		return functions.Credentials{Env: map[string]string{"KEY": "of " + caller.Function}, End: func(after time.Duration) { ended <- after }}, nil
	}})
	for name, code := range map[string]string{
		"works": "exports.main = async () => process.env.KEY",
		"fails": "exports.main = async () => { throw new Error(process.env.KEY) }",
	} {
		_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: name, Source: source("index.js", code), Settings: functions.Settings{OfficialSDK: true}})
		require.NoError(t, err)
	}
	require.Equal(t, `"of works"`, h.call(t, "works"))
	require.Equal(t, 15*time.Second, <-ended)
	_, err := h.Invoke(t.Context(), user, app, "fails", nil, functions.InvokeOptions{})
	require.ErrorContains(t, err, "of fails")
	require.Zero(t, <-ended)
	h.deploy(t, "plain", returning("no key")) // brings no SDK along
	require.Equal(t, `"no key"`, h.call(t, "plain"))
	require.Empty(t, ended)
}
