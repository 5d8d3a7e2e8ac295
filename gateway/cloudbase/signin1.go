package cloudbase

import (
	"context"
	"encoding/json"
	"strings"

	"yunduo"
	"yunduo/wire"
)

// The sign-in of js-sdk 1, by actions of the web endpoint. This client keeps the refresh token that a sign-in gave for
// as long as the session lasts, so its sessions are lasting ones.

// signInActions are what js-sdk 1 does without an access token.
var signInActions = map[string]action{
	"auth.signInAnonymously":                signInAnonymously1,
	"auth.signInWithTicket":                 signInWithTicket1,
	"auth.signIn":                           signIn1,
	"auth.fetchAccessTokenWithRefreshToken": fetchAccessToken1,
	"auth.linkAndRetrieveDataWithTicket":    upgradeWithTicket1,
	"auth.logout":                           logout1,
	"auth.isUsernameRegistered":             isRegistered1,
	"auth.sendPhoneCode":                    sendPhoneCode1,
	"auth.signUpWithEmailAndPassword":       signUpByLink1,
	"auth.activateEndUserMail":              useLink1,
	"auth.sendPasswordResetEmail":           sendResetLink1,
	"auth.resetPasswordWithToken":           useLink1,
}

// accountActions are what it does with one.
var accountActions = map[string]action{
	"auth.getUserInfo":             userInfo1,
	"auth.updateUserInfo":          updateUserInfo1,
	"auth.updatePassword":          updatePassword1,
	"auth.updateUsername":          updateUsername1,
	"auth.updateEmail":             updateEmail1,
	"auth.linkWithTicket":          linkWithTicket1,
	"auth.linkOrUpdatePhoneNumber": linkPhone1,
	"auth.unlink":                  unlink1,
}

// enter1 signs in with a lasting session.
func (r *request) enter1(ctx context.Context, provider string, credential any) (*wire.Tokens, error) {
	text, err := json.Marshal(credential)
	if err != nil {
		return nil, err
	}
	call := r.call
	call.Request, call.Lasting = text, true
	return r.surface.API.Login(ctx, &call, provider)
}

func tokens1(t *wire.Tokens) *reply {
	return &reply{Top: map[string]any{"refresh_token": t.RefreshToken, "access_token": t.AccessToken, "access_token_expire": t.ExpiresIn * 1000, "uuid": t.User.ID}}
}

// renew1 gives new tokens for the refresh token of a request, in the words by which the SDK knows that it is dead.
func renew1(ctx context.Context, r *request) (*wire.Tokens, error) {
	t, err := do[wire.Tokens](ctx, r, "auth.refresh", &wire.RefreshRequest{RefreshToken: r.params.text("refresh_token")})
	if err == nil {
		return t, nil
	}
	switch yunduo.ReasonOf(err) {
	case yunduo.ReasonTokenExpired:
		return nil, codedError{err, "REFRESH_TOKEN_EXPIRED"}
	case yunduo.ReasonTokenInvalid, yunduo.ReasonTokenMissing, yunduo.ReasonSessionRevoked, yunduo.ReasonUserNotFound:
		return nil, codedError{err, "INVALID_REFRESH_TOKEN"}
	}
	return nil, err
}

// signInAnonymously1 goes on with the anonymous user whose refresh token the client still has. The user's ID, which it
// sends too, proves nothing.
func signInAnonymously1(ctx context.Context, r *request) (*reply, error) {
	if r.params.text("refresh_token") != "" {
		if t, err := renew1(ctx, r); err == nil && t.User.Provider == "anonymous" {
			return tokens1(t), nil
		}
	}
	t, err := r.enter1(ctx, "anonymous", struct{}{})
	if err != nil {
		return nil, err
	}
	return tokens1(t), nil
}

func signInWithTicket1(ctx context.Context, r *request) (*reply, error) {
	t, err := r.enter1(ctx, "custom", map[string]string{"ticket": r.params.text("ticket")})
	if err != nil {
		return nil, err
	}
	return tokens1(t), nil
}

// signIn1 takes a name, address or number with a password, or a number with a code.
func signIn1(ctx context.Context, r *request) (*reply, error) {
	var p struct {
		Username, Email, PhoneNumber, Password, PhoneCode, SignMethod string
	}
	if err := r.into(&p); err != nil {
		return nil, err
	}
	var t *wire.Tokens
	var err error
	if p.PhoneCode == "" {
		t, err = r.enter1(ctx, "password", map[string]string{"username": p.Username + p.Email + p.PhoneNumber, "password": p.Password})
	} else {
		t, err = r.enterByCode1(ctx, p.PhoneNumber, p.PhoneCode, p.Password, strings.EqualFold(p.SignMethod, "SIGNUP"))
	}
	if err != nil {
		return nil, err
	}
	return tokens1(t), nil
}

func (r *request) enterByCode1(ctx context.Context, phone, code, password string, signUp bool) (*wire.Tokens, error) {
	token, err := r.verify1(ctx, phone, code)
	if err != nil {
		return nil, err
	}
	if !signUp {
		return r.enter1(ctx, "code", map[string]string{"verificationToken": token})
	}
	call := *r
	call.call.Lasting = true
	return do[wire.Tokens](ctx, &call, "auth.signUp", &wire.SignUpRequest{VerificationToken: token, Password: password})
}

// verify1 verifies a code by the number it was sent to: this client knows no other name for it.
func (r *request) verify1(ctx context.Context, phone, code string) (token string, err error) {
	response, err := do[wire.VerifyCodeResponse](ctx, r, "auth.verifyCode", &wire.VerifyCodeRequest{Phone: phone, Code: code})
	if err != nil {
		return "", err
	}
	return response.VerificationToken, nil
}

func fetchAccessToken1(ctx context.Context, r *request) (*reply, error) {
	t, err := renew1(ctx, r)
	if err != nil {
		return nil, err
	}
	return &reply{Top: map[string]any{"access_token": t.AccessToken, "access_token_expire": t.ExpiresIn * 1000}}, nil
}

// upgradeWithTicket1 makes the anonymous user whose refresh token it is a lasting one.
func upgradeWithTicket1(ctx context.Context, r *request) (*reply, error) {
	t, err := renew1(ctx, r)
	if err != nil {
		return nil, err
	}
	caller, err := r.surface.Rooms.Auth.Verify(ctx, r.call.App, t.AccessToken)
	if err != nil {
		return nil, err
	}
	mine := *r
	mine.call.Caller = caller
	if _, err := linkWithTicket1(ctx, &mine); err != nil {
		return nil, err
	}
	return tokens1(t), nil
}

func logout1(ctx context.Context, r *request) (*reply, error) {
	_, err := do[wire.Empty](ctx, r, "auth.revoke", &wire.RevokeRequest{Token: r.params.text("refresh_token")})
	if yunduo.AsError(err) != nil && yunduo.AsError(err).Code() == yunduo.CodeUnauthenticated {
		err = nil // it is ended already
	}
	return &reply{Data: struct{}{}}, err
}

func isRegistered1(ctx context.Context, r *request) (*reply, error) {
	response, err := do[wire.UserExistsResponse](ctx, r, "auth.exists", &wire.UserExistsRequest{Name: r.params.text("username")})
	if err != nil {
		return nil, err
	}
	return &reply{Data: map[string]any{"isRegistered": response.Exists}}, nil
}

func sendPhoneCode1(ctx context.Context, r *request) (*reply, error) {
	_, err := do[wire.SendCodeResponse](ctx, r, "auth.sendCode", &wire.SendCodeRequest{Phone: r.params.text("phoneNumber")})
	return &reply{Data: map[string]any{"SendStatus": "Ok"}}, err
}

func (r *request) sendLink1(ctx context.Context, link *wire.SendLinkRequest) (*reply, error) {
	_, err := do[wire.Empty](ctx, r, "auth.sendLink", link)
	return &reply{Data: struct{}{}}, err
}

func signUpByLink1(ctx context.Context, r *request) (*reply, error) {
	return r.sendLink1(ctx, &wire.SendLinkRequest{Purpose: "signUp", Email: r.params.text("email"), Password: r.params.text("password")})
}

func sendResetLink1(ctx context.Context, r *request) (*reply, error) {
	return r.sendLink1(ctx, &wire.SendLinkRequest{Purpose: "resetPassword", Email: r.params.text("email")})
}

// updateEmail1 mails a link to the new address, which the account has once that was used.
func updateEmail1(ctx context.Context, r *request) (*reply, error) {
	return r.sendLink1(ctx, &wire.SendLinkRequest{Purpose: "email", Email: r.params.text("newEmail"), Password: r.params.text("password")})
}

// useLink1 uses a link that makes an account or gives one an address, or with a password one that sets that.
func useLink1(ctx context.Context, r *request) (*reply, error) {
	_, err := do[wire.Empty](ctx, r, "auth.useLink", &wire.UseLinkRequest{Token: r.params.text("token"), NewPassword: r.params.text("newPassword")})
	return &reply{Data: struct{}{}}, err
}

// loginTypes are providers in the words of js-sdk 1.
var loginTypes = map[string]string{"anonymous": "ANONYMOUS", "password": "USERNAME", "phone": "PHONE", "email": "EMAIL", "custom": "CUSTOM", "wechat": "WECHAT"}

// providerNamed is the provider that js-sdk 1 and the server SDKs name by a word. Of WeChat's they have several.
func providerNamed(word string) string {
	word = strings.ToUpper(word)
	for name, known := range loginTypes {
		if known == word || known+"_UID" == word {
			return name
		}
	}
	if strings.HasPrefix(word, "WECHAT") || strings.HasPrefix(word, "WX") {
		return "wechat"
	}
	return strings.ToLower(word)
}

func user1(r *request, user *wire.User) map[string]any {
	profile := wire.Profile{}
	if user.Profile != nil {
		profile = *user.Profile
	}
	info := map[string]any{
		"uid": user.ID, "loginType": loginTypes[r.call.Caller.Provider], "username": user.Username, "email": user.Email, "phone": user.Phone,
		"hasPassword": user.HasPassword, "nickName": profile.Name, "gender": profile.Gender, "avatarUrl": profile.Picture,
		"country": profile.Country, "province": profile.Province, "city": profile.City, "customUserId": user.Subjects["custom"],
	}
	if openID := user.Subjects["wechat"]; openID != "" {
		info["wxOpenId"], info["wxUnionId"] = openID, user.UnionID
	}
	return info
}

func userInfo1(ctx context.Context, r *request) (*reply, error) {
	user, err := do[wire.User](ctx, r, "auth.me", &wire.Empty{})
	if err != nil {
		return nil, err
	}
	return &reply{Data: user1(r, user)}, nil
}

func updateUserInfo1(ctx context.Context, r *request) (*reply, error) {
	var p struct{ NickName, Gender, AvatarURL, Province, Country, City *string }
	if err := r.into(&p); err != nil {
		return nil, err
	}
	user, err := do[wire.User](ctx, r, "auth.me", &wire.Empty{})
	if err != nil {
		return nil, err
	}
	profile := wire.Profile{}
	if user.Profile != nil {
		profile = *user.Profile
	}
	for _, set := range []struct{ field, given *string }{
		{&profile.Name, p.NickName}, {&profile.Gender, p.Gender}, {&profile.Picture, p.AvatarURL},
		{&profile.Province, p.Province}, {&profile.Country, p.Country}, {&profile.City, p.City},
	} {
		if set.given != nil {
			*set.field = *set.given
		}
	}
	if user, err = do[wire.User](ctx, r, "auth.updateMe", &wire.UpdateMeRequest{Profile: &profile}); err != nil {
		return nil, err
	}
	return &reply{Data: user1(r, user)}, nil
}

func updatePassword1(ctx context.Context, r *request) (*reply, error) {
	_, err := do[wire.Empty](ctx, r, "auth.setPassword", &wire.SetPasswordRequest{OldPassword: r.params.text("oldPassword"), NewPassword: r.params.text("newPassword")})
	return &reply{Data: struct{}{}}, err
}

func updateUsername1(ctx context.Context, r *request) (*reply, error) {
	name := r.params.text("username")
	_, err := do[wire.User](ctx, r, "auth.updateMe", &wire.UpdateMeRequest{Username: &name})
	return &reply{Data: struct{}{}}, err
}

func linkWithTicket1(ctx context.Context, r *request) (*reply, error) {
	credential, err := json.Marshal(map[string]string{"ticket": r.params.text("ticket")})
	if err != nil {
		return nil, err
	}
	_, err = do[wire.User](ctx, r, "auth.link", &wire.LinkRequest{Provider: "custom", Credential: credential})
	return &reply{Data: struct{}{}}, err
}

func linkPhone1(ctx context.Context, r *request) (*reply, error) {
	phone := r.params.text("phoneNumber")
	token, err := r.verify1(ctx, phone, r.params.text("phoneCode"))
	if err != nil {
		return nil, err
	}
	_, err = do[wire.User](ctx, r, "auth.updateMe", &wire.UpdateMeRequest{Phone: &phone, VerificationToken: token})
	return &reply{Data: struct{}{}}, err
}

func unlink1(ctx context.Context, r *request) (*reply, error) {
	provider := providerNamed(r.params.text("platform"))
	_, err := do[wire.User](ctx, r, "auth.unlink", &wire.UnlinkRequest{Provider: provider})
	return &reply{Data: struct{}{}}, err
}
