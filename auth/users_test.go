package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/auth"
)

var strangers = []yunduo.Caller{
	{},
	other,
	{App: "shop", Role: yunduo.RoleFunction, Function: "f"},
	{App: "shop", Role: yunduo.RoleTrigger},
	{App: "shop", Role: yunduo.RoleUser, UserID: "u"},
	{App: "shop", Role: yunduo.RoleAnonymous, UserID: "u"},
}

// Who does not manage the app neither sees nor changes its users; who does, does.
func TestUsers_Tenancy(t *testing.T) {
	s := open(t)
	li, err := s.CreateUser(t.Context(), owner, "shop", auth.NewUser{Username: "li", Password: "Pw-12345678"})
	require.NoError(t, err)
	calls := map[string]func(caller yunduo.Caller, app yunduo.AppID) error{
		"CreateUser": func(c yunduo.Caller, app yunduo.AppID) error {
			_, err := s.CreateUser(t.Context(), c, app, auth.NewUser{Username: "n" + yunduo.NewID()[:8], Password: "Pw-12345678"})
			return err
		},
		"Users": func(c yunduo.Caller, app yunduo.AppID) error {
			_, _, err := s.Users(t.Context(), c, app, auth.ListUsers{})
			return err
		},
		"SetPassword": func(c yunduo.Caller, app yunduo.AppID) error {
			return s.SetPassword(t.Context(), c, app, li.ID, "Pw-87654321")
		},
		"DeleteUser": func(c yunduo.Caller, app yunduo.AppID) error {
			return s.DeleteUser(t.Context(), c, app, li.ID)
		},
	}
	for name, call := range calls {
		for _, caller := range strangers {
			require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(call(caller, "shop")), "%s by %+v", name, caller)
		}
		require.Equal(t, yunduo.ReasonAppNotFound, yunduo.ReasonOf(call(operator, "absent")), name)
	}
	// A user is out of reach through another app, even for who manages that.
	requireReason(t, yunduo.ReasonUserNotFound, calls["SetPassword"](other, "other"))
	requireReason(t, yunduo.ReasonUserNotFound, calls["DeleteUser"](other, "other"))
	page, _, err := s.Users(t.Context(), other, "other", auth.ListUsers{})
	require.NoError(t, err)
	require.Empty(t, page)
	_, err = s.Login(t.Context(), "shop", "password", password("li", "Pw-12345678"), home)
	require.NoError(t, err, "nothing has changed")

	for _, name := range []string{"CreateUser", "Users", "SetPassword", "DeleteUser"} {
		require.NoError(t, calls[name](owner, "shop"), name)
	}
	require.NoError(t, calls["Users"](operator, "shop"))
}

func TestCreateUser_Refuses(t *testing.T) {
	s := open(t)
	_, err := s.CreateUser(t.Context(), owner, "shop", auth.NewUser{Username: "Li", Password: "Pw-12345678"})
	require.NoError(t, err)
	_, err = s.CreateUser(t.Context(), owner, "shop", auth.NewUser{Username: "lI", Password: "Pw-12345678"})
	requireReason(t, yunduo.ReasonUserExists, err)
	_, err = s.CreateUser(t.Context(), other, "other", auth.NewUser{Username: "li", Password: "Pw-12345678"})
	require.NoError(t, err)
	for _, bad := range []auth.NewUser{
		{Username: "", Password: "Pw-12345678"},
		{Username: "a b", Password: "Pw-12345678"},
		{Username: "a/b", Password: "Pw-12345678"},
		{Username: strings.Repeat("x", 65), Password: "Pw-12345678"},
		{Username: "a\xff", Password: "Pw-12345678"},
		{Username: "short", Password: "1234567"},
		{Username: "long", Password: strings.Repeat("x", 257)},
	} {
		_, err := s.CreateUser(t.Context(), owner, "shop", bad)
		requireReason(t, yunduo.ReasonInvalidRequest, err)
	}
}

func TestSetPassword_EndsSessions(t *testing.T) {
	s := open(t)
	li, err := s.CreateUser(t.Context(), owner, "shop", auth.NewUser{Username: "li", Password: "Pw-12345678"})
	require.NoError(t, err)
	tokens, err := s.Login(t.Context(), "shop", "password", password("li", "Pw-12345678"), home)
	require.NoError(t, err)
	require.NoError(t, s.SetPassword(t.Context(), owner, "shop", li.ID, "Pw-87654321"))
	_, err = s.Verify(t.Context(), "shop", tokens.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	_, err = s.Login(t.Context(), "shop", "password", password("li", "Pw-12345678"), home)
	requireReason(t, yunduo.ReasonLoginFailed, err)
	_, err = s.Login(t.Context(), "shop", "password", password("li", "Pw-87654321"), home)
	require.NoError(t, err)
	wechat := login(t, s, "shop", "wang")
	requireReason(t, yunduo.ReasonUserNotFound, s.SetPassword(t.Context(), owner, "shop", wechat.User.ID, "Pw-87654321"))
}

func TestDeleteUser_EndsSessions(t *testing.T) {
	s := open(t)
	tokens, stays := login(t, s, "shop", "li"), login(t, s, "shop", "wang")
	require.NoError(t, s.DeleteUser(t.Context(), owner, "shop", tokens.User.ID))
	_, err := s.Verify(t.Context(), "shop", tokens.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	_, err = s.Refresh(t.Context(), "shop", tokens.RefreshToken)
	requireReason(t, yunduo.ReasonTokenInvalid, err)
	_, err = s.Verify(t.Context(), "shop", stays.AccessToken)
	require.NoError(t, err)
	requireReason(t, yunduo.ReasonUserNotFound, s.DeleteUser(t.Context(), owner, "shop", tokens.User.ID))
	require.NotEqual(t, tokens.User.ID, login(t, s, "shop", "li").User.ID, "who comes back is a new user")
}

func TestUsers_PagesAndSearch(t *testing.T) {
	s := open(t)
	for i := range 7 {
		login(t, s, "shop", fmt.Sprintf("person-%d", i))
		if i%2 == 0 {
			s.forward(time.Second) // some users have the same time
		}
	}
	login(t, s, "other", "person-9")
	var seen []string
	after := ""
	for {
		page, next, err := s.Users(t.Context(), owner, "shop", auth.ListUsers{After: after, Limit: 2})
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), 2)
		for _, u := range page {
			seen = append(seen, u.OpenID)
		}
		if after = next; next == "" {
			break
		}
	}
	require.ElementsMatch(t, []string{"person-0", "person-1", "person-2", "person-3", "person-4", "person-5", "person-6"}, seen)
	require.Contains(t, []string{"person-5", "person-6"}, seen[0], "the newest first")
	require.Equal(t, "person-0", seen[6])

	for search, want := range map[string]int{"PERSON": 7, "person-3": 1, ".*": 0, "$": 0, "person-9": 0} {
		page, _, err := s.Users(t.Context(), owner, "shop", auth.ListUsers{Search: search})
		require.NoError(t, err)
		require.Len(t, page, want, search)
	}
	for _, bad := range []auth.ListUsers{{After: "x!"}, {After: "eA"}, {Limit: -1}} {
		_, _, err := s.Users(t.Context(), owner, "shop", bad)
		requireReason(t, yunduo.ReasonInvalidRequest, err)
	}
}

func TestDropApp(t *testing.T) {
	s := open(t)
	gone, stays := login(t, s, "shop", "li"), login(t, s, "other", "li")
	require.NoError(t, s.DropApp(t.Context(), "shop"))
	_, err := s.Verify(t.Context(), "shop", gone.AccessToken)
	requireReason(t, yunduo.ReasonSessionRevoked, err)
	page, _, err := s.Users(t.Context(), owner, "shop", auth.ListUsers{})
	require.NoError(t, err)
	require.Empty(t, page)
	_, err = s.Verify(t.Context(), "other", stays.AccessToken)
	require.NoError(t, err)
	requireReason(t, yunduo.ReasonInvalidAppID, s.DropApp(t.Context(), ""))
}
