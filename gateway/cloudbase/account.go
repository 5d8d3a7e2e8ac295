package cloudbase

import (
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"yunduo/wire"
)

// mountAccount adds what people do with their accounts.
func (s *surface) mountAccount(auth *echo.Group) {
	for _, version := range []string{"/v1", "/v2"} {
		auth.GET(version+"/user/me", s.userInfo)
		auth.DELETE(version+"/user/me", s.deleteMe)
	}
	auth.POST("/v1/user/signout", s.signOut)
	auth.DELETE("/v1/user/revoke/all", s.revokeAll)
	auth.DELETE("/v1/user/authorized/devices/:device", s.revokeDevice)
	auth.PATCH("/v1/user/profile", s.editProfile)
	auth.POST("/v1/user/basic/edit", s.editProfile)
	auth.PATCH("/v1/user/contact", s.editContact)
	auth.POST("/v1/user/sudo", s.sudo)
	auth.PATCH("/v1/user/password", s.setPassword)
	auth.GET("/v1/user/provider", s.providers)
	auth.POST("/v1/user/provider/bind", s.bindProvider)
	auth.DELETE("/v1/user/provider/:provider", s.unbindProvider)
}

// signed runs an operation for the session of a request, whose body is decoded into body first.
func signed[Response any](s *surface, c echo.Context, operation string, body any, input func() any) (*Response, error) {
	r, err := s.bearer(c)
	if err != nil {
		return nil, err
	}
	if body != nil {
		if err := decodeBody(c, maxCredential, body); err != nil {
			return nil, err
		}
	}
	return do[Response](c.Request().Context(), r, operation, input())
}

// done answers with an empty object unless something failed.
func done[Response any](c echo.Context, _ *Response, err error) error {
	if err != nil {
		return err
	}
	return answer(c, struct{}{})
}

// spoken is a phone number as the SDKs write it, with a blank behind China's country code.
func spoken(phone string) string {
	if rest, ok := strings.CutPrefix(phone, "+86"); ok {
		return "+86 " + rest
	}
	return phone
}

// shownProvider is one way to sign in, as the SDKs list them.
type shownProvider struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	UserID string `json:"provider_user_id"`
	Bound  bool   `json:"bind"`
}

func shownProviders(user *wire.User) []shownProvider {
	list := []shownProvider{}
	for _, provider := range user.Providers {
		list = append(list, shownProvider{ID: provider, Name: provider, UserID: user.Subjects[provider], Bound: true})
	}
	return list
}

func shownUser(user *wire.User) map[string]any {
	profile := wire.Profile{}
	if user.Profile != nil {
		profile = *user.Profile
	}
	name := profile.Name
	if name == "" {
		name = user.Username
	}
	return map[string]any{
		"sub": user.ID, "name": name, "nickname": profile.Name, "username": user.Username, "picture": profile.Picture, "gender": profile.Gender,
		"phone_number": spoken(user.Phone), "email": user.Email, "email_verified": user.Email != "", "has_password": user.HasPassword,
		"providers": shownProviders(user), "created_from": user.Provider, "created_at": user.CreatedAt.Format(time.RFC3339), "user_id": user.ID,
	}
}

func (s *surface) userInfo(c echo.Context) error {
	user, err := signed[wire.User](s, c, "auth.me", nil, func() any { return &wire.Empty{} })
	if err != nil {
		return err
	}
	return answer(c, shownUser(user))
}

func (s *surface) signOut(c echo.Context) error {
	response, err := signed[wire.Empty](s, c, "auth.logout", nil, func() any { return &wire.Empty{} })
	return done(c, response, err)
}

func (s *surface) revokeAll(c echo.Context) error {
	response, err := signed[wire.Empty](s, c, "auth.revokeOthers", nil, func() any { return &wire.Empty{} })
	return done(c, response, err)
}

func (s *surface) revokeDevice(c echo.Context) error {
	response, err := signed[wire.Empty](s, c, "auth.revokeSession", nil, func() any { return &wire.SessionRequest{Session: c.Param("device")} })
	return done(c, response, err)
}

// profileBody is what a user edits, in the words of either call for it.
type profileBody struct {
	Name      *string `json:"name"`
	Nickname  *string `json:"nickname"`
	Username  *string `json:"username"`
	Picture   *string `json:"picture"`
	AvatarURL *string `json:"avatar_url"`
	Gender    *string `json:"gender"`
	Phone     *string `json:"phone_number"`
	OtherNo   *string `json:"phone"`
	Email     *string `json:"email"`
}

func first(texts ...*string) *string {
	for _, t := range texts {
		if t != nil {
			return t
		}
	}
	return nil
}

func (s *surface) editProfile(c echo.Context) error {
	r, err := s.bearer(c)
	if err != nil {
		return err
	}
	var body profileBody
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return err
	}
	ctx := c.Request().Context()
	now, err := do[wire.User](ctx, r, "auth.me", &wire.Empty{})
	if err != nil {
		return err
	}
	profile := wire.Profile{}
	if now.Profile != nil {
		profile = *now.Profile
	}
	for _, set := range []struct{ field, given *string }{
		{&profile.Name, first(body.Nickname, body.Name)}, {&profile.Picture, first(body.AvatarURL, body.Picture)}, {&profile.Gender, body.Gender},
	} {
		if set.given != nil {
			*set.field = *set.given
		}
	}
	user, err := do[wire.User](ctx, r, "auth.updateMe", &wire.UpdateMeRequest{
		Profile: &profile, Username: body.Username, Phone: first(body.Phone, body.OtherNo), Email: body.Email,
	})
	if err != nil {
		return err
	}
	return answer(c, shownUser(user))
}

func (s *surface) editContact(c echo.Context) error {
	var body struct {
		Phone             *string `json:"phone_number"`
		Email             *string `json:"email"`
		VerificationToken string  `json:"verification_token"`
	}
	response, err := signed[wire.User](s, c, "auth.updateMe", &body, func() any {
		return &wire.UpdateMeRequest{Phone: body.Phone, Email: body.Email, VerificationToken: body.VerificationToken}
	})
	return done(c, response, err)
}

func (s *surface) sudo(c echo.Context) error {
	var body struct {
		Password          string `json:"password"`
		VerificationToken string `json:"verification_token"`
	}
	response, err := signed[wire.SudoResponse](s, c, "auth.sudo", &body, func() any {
		return &wire.SudoRequest{Password: body.Password, VerificationToken: body.VerificationToken}
	})
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"sudo_token": response.SudoToken})
}

func (s *surface) setPassword(c echo.Context) error {
	var body struct {
		SudoToken string `json:"sudo_token"`
		Old       string `json:"old_password"`
		New       string `json:"new_password"`
	}
	response, err := signed[wire.Empty](s, c, "auth.setPassword", &body, func() any {
		return &wire.SetPasswordRequest{SudoToken: body.SudoToken, OldPassword: body.Old, NewPassword: body.New}
	})
	return done(c, response, err)
}

func (s *surface) deleteMe(c echo.Context) error {
	response, err := signed[wire.Empty](s, c, "auth.deleteMe", nil, func() any { return &wire.DeleteMeRequest{SudoToken: c.QueryParam("sudo_token")} })
	return done(c, response, err)
}

func (s *surface) providers(c echo.Context) error {
	user, err := signed[wire.User](s, c, "auth.me", nil, func() any { return &wire.Empty{} })
	if err != nil {
		return err
	}
	list := shownProviders(user)
	return answer(c, map[string]any{"total": len(list), "data": list})
}

func (s *surface) bindProvider(c echo.Context) error {
	var body struct {
		ProviderToken     string `json:"provider_token"`
		VerificationToken string `json:"verification_token"`
	}
	response, err := signed[wire.User](s, c, "auth.link", &body, func() any {
		return &wire.LinkRequest{IdentityToken: body.ProviderToken, VerificationToken: body.VerificationToken}
	})
	return done(c, response, err)
}

func (s *surface) unbindProvider(c echo.Context) error {
	response, err := signed[wire.User](s, c, "auth.unlink", nil, func() any { return &wire.UnlinkRequest{Provider: c.Param("provider")} })
	return done(c, response, err)
}
