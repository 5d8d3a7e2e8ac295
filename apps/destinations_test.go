package apps_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/apps"
)

func TestDestinations(t *testing.T) {
	s := open(t)
	create(t, s, "shop", "other")
	set := func(caller yunduo.Caller, list ...string) error {
		_, err := s.Update(t.Context(), caller, "shop", apps.Change{Destinations: &list})
		return err
	}
	owner := yunduo.Caller{App: "shop", Role: yunduo.RoleOwner}
	list, err := s.Destinations(t.Context(), "shop")
	require.NoError(t, err)
	require.Empty(t, list)
	require.NoError(t, set(owner, "api.example.com:443", "*.qq.com"))
	list, err = s.Destinations(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, []string{"api.example.com:443", "*.qq.com"}, list)
	requireReason(t, yunduo.ReasonInvalidRequest, set(owner, "http://example.com"))
	requireReason(t, yunduo.ReasonPermissionDenied, set(yunduo.Caller{App: "other", Role: yunduo.RoleOwner}, "evil.example.com"))
	requireReason(t, yunduo.ReasonPermissionDenied, set(yunduo.Caller{App: "shop", Role: yunduo.RoleUser, UserID: "u"}))
	list, err = s.Destinations(t.Context(), "shop")
	require.NoError(t, err)
	require.Len(t, list, 2, "what was refused has changed nothing")
	require.NoError(t, set(owner))
	list, err = s.Destinations(t.Context(), "shop")
	require.NoError(t, err)
	require.Empty(t, list)
	_, err = s.Destinations(t.Context(), "none")
	requireReason(t, yunduo.ReasonAppNotFound, err)
}
