package cloudbase

import (
	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/wire"
)

// sendVerification sends a code to a phone number or an address.
func (s *surface) sendVerification(c echo.Context) error {
	var body struct {
		Phone  string `json:"phone_number"`
		Email  string `json:"email"`
		Target string `json:"target"`
		Usage  string `json:"usage"`
	}
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return err
	}
	r, err := s.asking(c)
	if err != nil {
		return err
	}
	sent, err := do[wire.SendCodeResponse](c.Request().Context(), r, "auth.sendCode", &wire.SendCodeRequest{Phone: body.Phone, Email: body.Email, Target: body.Target, Usage: body.Usage, Captcha: c.QueryParam("captcha_token")})
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"verification_id": sent.VerificationID, "is_user": sent.IsUser, "expires_in": sent.ExpiresIn})
}

// verified exchanges a code for its token.
func (s *surface) verified(c echo.Context) (*request, string, error) {
	var body struct {
		ID   string `json:"verification_id"`
		Code string `json:"verification_code"`
	}
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return nil, "", err
	}
	r, err := s.asking(c)
	if err != nil {
		return nil, "", err
	}
	response, err := do[wire.VerifyCodeResponse](c.Request().Context(), r, "auth.verifyCode", &wire.VerifyCodeRequest{VerificationID: body.ID, Code: body.Code})
	if err != nil {
		return nil, "", err
	}
	return r, response.VerificationToken, nil
}

func (s *surface) verify(c echo.Context) error {
	_, token, err := s.verified(c)
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"verification_token": token, "expires_in": 600})
}

// verifyAndSignIn is version 2 of verify, which signs in at once.
func (s *surface) verifyAndSignIn(c echo.Context) error {
	r, token, err := s.verified(c)
	if err != nil {
		return err
	}
	tokens, err := r.login(c, "code", map[string]any{"verificationToken": token, "create": true})
	if err != nil {
		return err
	}
	return reportCredentials(c, tokens)
}

// signUp makes an account. The SDK sends the code along with its token, which says all.
func (s *surface) signUp(c echo.Context) error {
	var body struct {
		VerificationToken string `json:"verification_token"`
		ProviderToken     string `json:"provider_token"`
		Username          string `json:"username"`
		Password          string `json:"password"`
		Name              string `json:"name"`
		Nickname          string `json:"nickname"`
		Picture           string `json:"picture"`
		AvatarURL         string `json:"avatar_url"`
		Gender            string `json:"gender"`
		AnonymousToken    string `json:"anonymous_token"`
	}
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return err
	}
	app, err := s.clientApp(c)
	if err != nil {
		return err
	}
	profile := &wire.Profile{Name: body.Nickname, Picture: body.AvatarURL, Gender: body.Gender}
	if profile.Name == "" {
		profile.Name = body.Name
	}
	if profile.Picture == "" {
		profile.Picture = body.Picture
	}
	tokens, err := do[wire.Tokens](c.Request().Context(), s.anonymous(c, app), "auth.signUp", &wire.SignUpRequest{
		VerificationToken: body.VerificationToken, IdentityToken: body.ProviderToken, Username: body.Username, Password: body.Password,
		Profile: profile, AnonymousToken: body.AnonymousToken,
	})
	if err != nil {
		return err
	}
	return reportCredentials(c, tokens)
}

func (s *surface) resetPassword(c echo.Context) error {
	var body struct {
		VerificationToken string `json:"verification_token"`
		New               string `json:"new_password"`
	}
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return err
	}
	app, err := s.clientApp(c)
	if err != nil {
		return err
	}
	response, err := do[wire.Empty](c.Request().Context(), s.anonymous(c, app), "auth.resetPassword", &wire.ResetPasswordRequest{VerificationToken: body.VerificationToken, NewPassword: body.New})
	return done(c, response, err)
}

func (s *surface) userExists(c echo.Context) error {
	app, err := s.clientApp(c)
	if err != nil {
		return err
	}
	name := c.QueryParam("username") + c.QueryParam("email") + c.QueryParam("phone_number")
	if name == "" {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "which user? username is missing")
	}
	response, err := do[wire.UserExistsResponse](c.Request().Context(), s.anonymous(c, app), "auth.exists", &wire.UserExistsRequest{Name: name})
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"exist": response.Exists})
}
