package apps_test

import (
	"bytes"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/apps"
)

func TestVariables(t *testing.T) {
	s := open(t)
	create(t, s, "shop", "other")
	owner := yunduo.Caller{App: "shop", Role: yunduo.RoleOwner}
	set := func(v apps.Variable) {
		t.Helper()
		require.NoError(t, s.SetVariable(t.Context(), owner, "shop", v))
	}
	set(apps.Variable{Name: "KEY", Value: "app's", Secret: true})
	set(apps.Variable{Name: "PAGE", Value: "20"})
	set(apps.Variable{Function: "f", Name: "KEY", Value: "f's", Secret: true})
	for name, want := range map[string]string{"f": "f's", "g": "app's"} {
		values, secret, err := s.Environment(t.Context(), "shop", name)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"KEY": want, "PAGE": "20"}, values)
		require.Equal(t, map[string]bool{"KEY": true, "PAGE": false}, secret)
	}
	set(apps.Variable{Name: "KEY", Value: "again"})
	list, err := s.Variables(t.Context(), owner, "shop")
	require.NoError(t, err)
	require.Len(t, list, 3)
	for _, v := range list {
		require.Equal(t, v.Name == "KEY", v.Secret, "a secret stays one")
		require.Equal(t, v.Secret, v.Value == "", "%+v", v)
	}
	require.NoError(t, s.DeleteVariable(t.Context(), owner, "shop", "f", "KEY"))
	requireReason(t, yunduo.ReasonDocumentNotFound, s.DeleteVariable(t.Context(), owner, "shop", "f", "KEY"))
	values, _, err := s.Environment(t.Context(), "shop", "f")
	require.NoError(t, err)
	require.Equal(t, "again", values["KEY"])
	values, _, err = s.Environment(t.Context(), "other", "f")
	require.NoError(t, err)
	require.Empty(t, values, "another app's")

	for _, caller := range []yunduo.Caller{user, function, {App: "other", Role: yunduo.RoleOwner}, {}} {
		requireReason(t, yunduo.ReasonPermissionDenied, s.SetVariable(t.Context(), caller, "shop", apps.Variable{Name: "A"}))
		requireReason(t, yunduo.ReasonPermissionDenied, s.DeleteVariable(t.Context(), caller, "shop", "", "KEY"))
		_, err := s.Variables(t.Context(), caller, "shop")
		requireReason(t, yunduo.ReasonPermissionDenied, err)
	}
	for _, v := range []apps.Variable{{Name: ""}, {Name: "1A"}, {Name: "A-B"}, {Name: "A", Function: "a/b"}, {Name: "A", Value: strings.Repeat("x", 65<<10)}} {
		requireReason(t, yunduo.ReasonInvalidRequest, s.SetVariable(t.Context(), owner, "shop", v))
	}
	require.NoError(t, s.Delete(t.Context(), operator, "shop"))
	values, _, err = s.Environment(t.Context(), "shop", "f")
	require.NoError(t, err)
	require.Empty(t, values)
}

// A new key is put before the old one; a server without the old one opens nothing that it encrypted.
func TestVault_Keys(t *testing.T) {
	old, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	fresh, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	s := open(t)
	create(t, s, "shop")
	owner := yunduo.Caller{App: "shop", Role: yunduo.RoleOwner}
	with := func(identities string) *apps.Registry {
		v, err := apps.NewVault(identities, nil)
		require.NoError(t, err)
		r, err := apps.New(s.db, apps.Options{Key: bytes.Repeat([]byte{7}, 32), Vault: v})
		require.NoError(t, err)
		return r
	}
	require.NoError(t, with(old.String()).SetVariable(t.Context(), owner, "shop", apps.Variable{Name: "KEY", Value: "value"}))
	values, _, err := with("# new\n"+fresh.String()+"\n"+old.String()+"\n").Environment(t.Context(), "shop", "f")
	require.NoError(t, err)
	require.Equal(t, "value", values["KEY"])
	_, _, err = with(fresh.String()).Environment(t.Context(), "shop", "f")
	requireReason(t, yunduo.ReasonInternal, err)

	for _, wrong := range []string{"", "AGE-SECRET-KEY-1", "nonsense " + old.String()} {
		_, err := apps.NewVault(wrong, nil)
		requireReason(t, yunduo.ReasonInvalidConfig, err)
		require.NotContains(t, err.Error(), old.String())
	}
}
