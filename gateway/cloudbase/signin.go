package cloudbase

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/api"
	"yunduo/gateway/exchange"
	"yunduo/wire"
)

// maxCredential is the largest body in bytes of a request that signs in.
const maxCredential = 64 << 10

// mountClient adds what client SDKs need to sign in and to look after the account. Version 2 of some addresses is sent
// by clients that ask for it; the bodies are the same.
func (s *surface) mountClient(e *echo.Echo) {
	type route struct {
		method, path string
		handle       echo.HandlerFunc
	}
	auth := e.Group("/auth", signInErrors)
	for _, r := range []route{
		{"POST", "/v1/signin", s.signIn}, {"POST", "/v2/signin/username", s.signIn},
		{"POST", "/v1/signin/anonymously", s.signInAnonymously},
		{"POST", "/v1/signin/custom", s.signInCustom},
		{"POST", "/v1/signin/with/provider", s.signInWithProvider}, {"POST", "/v2/signin/with/provider", s.signInWithProvider},
		{"POST", "/v1/signup", s.signUp},
		{"POST", "/v1/token", s.token}, {"POST", "/v2/token", s.token},
		{"POST", "/v1/token/clientCredential", s.clientCredential},
		{"POST", "/v1/revoke", s.revoke},
		{"POST", "/v1/verification", s.sendVerification},
		{"POST", "/v1/verification/verify", s.verify}, {"POST", "/v2/signin/verificationcode", s.verifyAndSignIn},
		{"POST", "/v1/provider/token", s.providerToken},
		{"GET", "/v1/checkIfUserExist", s.userExists},
		{"POST", "/v1/captcha/init", s.initCaptcha}, {"POST", "/v1/captcha/data", s.captchaData},
		{"POST", "/v1/reset", s.resetPassword},
	} {
		auth.Add(r.method, r.path, r.handle)
	}
	s.mountAccount(auth)
}

// signInNames are the words in which the SDKs know errors; a string "error" in the body is what makes them reject.
var signInNames = map[yunduo.Reason]string{
	yunduo.ReasonLoginFailed:      "invalid_username_or_password",
	yunduo.ReasonCodeInvalid:      "invalid_verification_code",
	yunduo.ReasonTokenMissing:     "unauthenticated",
	yunduo.ReasonTokenExpired:     "unauthenticated",
	yunduo.ReasonTokenInvalid:     "unauthenticated",
	yunduo.ReasonSessionRevoked:   "unauthenticated",
	yunduo.ReasonSignatureInvalid: "unauthenticated",
	yunduo.ReasonPermissionDenied: "permission_denied",
	yunduo.ReasonUserNotFound:     "user_not_found",
	yunduo.ReasonUserExists:       "already_exists",
	yunduo.ReasonIdentityTaken:    "already_exists",
	yunduo.ReasonRateLimited:      "resource_exhausted",
	yunduo.ReasonCaptchaRequired:  "captcha_required",
	yunduo.ReasonQuotaExceeded:    "resource_exhausted",
	yunduo.ReasonAppNotFound:      "not_found",
	yunduo.ReasonUnknownOperation: "unimplemented",
	yunduo.ReasonUnsupportedCall:  "provider_not_enabled",
}

func signInName(c echo.Context, e *yunduo.Error) string {
	name, ok := signInNames[e.Reason]
	switch {
	case name == "captcha_required" && c.QueryParam("captcha_token") != "":
		return "captcha_invalid" // the client asks for a new one
	case name == "unauthenticated" && (c.Path() == "/auth/v1/token" || c.Path() == "/auth/v2/token"):
		return "invalid_grant"
	case ok:
		return name
	}
	switch e.Code() {
	case yunduo.CodeInternal:
		return "internal"
	case yunduo.CodeUnavailable:
		return "unavailable"
	case yunduo.CodeTimeout:
		return "deadline_exceeded"
	case yunduo.CodeConflict:
		return "aborted"
	}
	return "invalid_argument"
}

// signInErrors answers failures in the words of the SDK.
func signInErrors(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		if err == nil {
			return nil
		}
		exchange.Note(c, err)
		e := yunduo.AsError(err)
		c.Response().Header().Set("Cache-Control", "no-store")
		return c.JSON(wire.Status(e.Code()), map[string]any{
			"error": signInName(c, e), "error_code": -e.Reason.ErrCode(), "error_description": e.Message, "requestId": exchange.RequestID(c),
		})
	}
}

// credentials is the reply of every sign-in and renewal.
type credentials struct {
	TokenType    string   `json:"token_type"`
	AccessToken  string   `json:"access_token"`
	RefreshToken string   `json:"refresh_token"`
	ExpiresIn    int      `json:"expires_in"`
	Scope        string   `json:"scope"`
	Subject      string   `json:"sub"`
	Groups       []string `json:"groups"`
}

func reportCredentials(c echo.Context, t *wire.Tokens) error {
	reply := credentials{
		TokenType: "Bearer", AccessToken: t.AccessToken, RefreshToken: t.RefreshToken, ExpiresIn: t.ExpiresIn, Subject: t.User.ID, Groups: []string{},
	}
	if t.User.Provider == "anonymous" {
		reply.Scope = "anonymous"
	}
	return answer(c, reply)
}

// answer writes a reply that nobody may keep.
func answer(c echo.Context, reply any) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, reply)
}

// clientApp is the app that a request without a session is about: the SDK sends its environment ID as client_id.
func (s *surface) clientApp(c echo.Context) (yunduo.AppID, error) {
	return s.appOr(c, c.QueryParam("client_id"))
}

// appOr returns the app of that name; in dev an unknown one, or none, is the server's own.
func (s *surface) appOr(c echo.Context, name string) (yunduo.AppID, error) {
	app := yunduo.AppID(name)
	err := s.Rooms.Apps.Exists(c.Request().Context(), app)
	if err != nil && s.DefaultApp != "" && yunduo.AsError(err).Code() != yunduo.CodeInternal {
		return s.DefaultApp, nil
	}
	return app, err
}

// asking is the call of who may or may not be signed in: with a session it is about the session's app.
func (s *surface) asking(c echo.Context) (*request, error) {
	if exchange.Bearer(c.Request()) != "" {
		return s.bearer(c)
	}
	app, err := s.clientApp(c)
	if err != nil {
		return nil, err
	}
	return s.anonymous(c, app), nil
}

// anonymous is the call of who is not signed in.
func (s *surface) anonymous(c echo.Context, app yunduo.AppID) *request {
	r := s.requestOf(c.Request().Context(), c, yunduo.Caller{ClientIP: c.RealIP()}, app)
	r.call.Device = exchange.Device(c.Request())
	return r
}

// bearer makes the call of a request with an access token; its app is the token's.
func (s *surface) bearer(c echo.Context) (*request, error) {
	token := exchange.Bearer(c.Request())
	if token == "" {
		return nil, yunduo.Errorf(yunduo.ReasonTokenMissing, "sign in first: the request carries no access token")
	}
	caller, err := s.Rooms.Auth.Authenticate(c.Request().Context(), "", token)
	if err != nil {
		return nil, err
	}
	caller.ClientIP = c.RealIP()
	r := s.requestOf(c.Request().Context(), c, caller, caller.App)
	r.call.Device = exchange.Device(c.Request())
	return r, nil
}

// login signs in with a provider.
func (r *request) login(c echo.Context, provider string, credential any) (*wire.Tokens, error) {
	text, err := json.Marshal(credential)
	if err != nil {
		return nil, err
	}
	call := r.call
	call.Request = text
	return r.surface.API.Login(c.Request().Context(), &call, provider)
}

func (s *surface) enter(c echo.Context, provider string, credential any) error {
	app, err := s.clientApp(c)
	if err != nil {
		return err
	}
	tokens, err := s.anonymous(c, app).login(c, provider, credential)
	if err != nil {
		return err
	}
	return reportCredentials(c, tokens)
}

// signIn takes a name, number or address with a password, or with the token of a verified code.
func (s *surface) signIn(c echo.Context) error {
	var body struct {
		Username          string `json:"username"`
		Email             string `json:"email"`
		Phone             string `json:"phone_number"`
		Password          string `json:"password"`
		VerificationToken string `json:"verification_token"`
		Params            string `json:"params"`
	}
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return err
	}
	name := body.Username + body.Email + body.Phone
	switch {
	case body.Params != "":
		return yunduo.Errorf(yunduo.ReasonUnsupportedCall, "encrypted sign-in is not offered; the connection is encrypted by TLS")
	case body.VerificationToken != "":
		return s.enter(c, "code", map[string]any{"verificationToken": body.VerificationToken, "username": name})
	}
	return s.enter(c, "password", map[string]string{"username": name, "password": body.Password, "captcha": c.QueryParam("captcha_token")})
}

// signInAnonymously makes a new user; with the token of a provider it is a sign-in by that.
func (s *surface) signInAnonymously(c echo.Context) error {
	var body struct {
		ProviderToken string `json:"provider_token"`
	}
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return err
	}
	if body.ProviderToken != "" {
		return s.enter(c, "identity", map[string]string{"identityToken": body.ProviderToken})
	}
	return s.enter(c, "anonymous", struct{}{})
}

func (s *surface) signInCustom(c echo.Context) error {
	var body struct {
		Ticket string `json:"ticket"`
	}
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return err
	}
	return s.enter(c, "custom", body)
}

func (s *surface) signInWithProvider(c echo.Context) error {
	var body struct {
		ProviderToken string `json:"provider_token"`
		ProviderID    string `json:"provider_id"`
	}
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return err
	}
	if body.ProviderID == "custom" { // an older way to send a ticket
		return s.enter(c, "custom", map[string]string{"ticket": body.ProviderToken})
	}
	return s.enter(c, "identity", map[string]string{"identityToken": body.ProviderToken})
}

// wechatCode reports whether a provider of the SDK's words is WeChat in a mini-program, whose ID is its app ID.
func wechatCode(providerID string, params map[string]json.RawMessage) bool {
	_, typed := params["provider_code_type"]
	return typed || providerID == "wechat" || len(providerID) > 2 && providerID[:2] == "wx"
}

// providerToken exchanges the code of a provider for a token that signs in, signs up or links.
func (s *surface) providerToken(c echo.Context) error {
	var body struct {
		ProviderID string                     `json:"provider_id"`
		Code       string                     `json:"provider_code"`
		Params     map[string]json.RawMessage `json:"provider_params"`
	}
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return err
	}
	provider := body.ProviderID
	if wechatCode(provider, body.Params) {
		provider = "wechat"
	}
	app, err := s.clientApp(c)
	if err != nil {
		return err
	}
	credential, err := json.Marshal(map[string]string{"code": body.Code})
	if err != nil {
		return err
	}
	response, err := do[wire.ProveIdentityResponse](c.Request().Context(), s.anonymous(c, app), "auth.proveIdentity", &wire.ProveIdentityRequest{Provider: provider, Credential: credential})
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"provider_token": response.IdentityToken, "expires_in": 600, "provider_profile": struct{}{}})
}

func (s *surface) token(c echo.Context) error {
	var body struct {
		GrantType    string `json:"grant_type"`
		RefreshToken string `json:"refresh_token"`
	}
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return err
	}
	if body.GrantType != "refresh_token" {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "grant_type must be refresh_token")
	}
	// The token tells the app.
	tokens, err := do[wire.Tokens](c.Request().Context(), s.anonymous(c, ""), "auth.refresh", &wire.RefreshRequest{RefreshToken: body.RefreshToken})
	if err != nil {
		return err
	}
	return reportCredentials(c, tokens)
}

// clientCredential gives who signs with keys an access token of the app's owner.
func (s *surface) clientCredential(c echo.Context) error {
	r, err := s.identified(c)
	if err != nil {
		return err
	}
	tokens, err := do[wire.Tokens](c.Request().Context(), r, "auth.clientToken", &wire.Empty{})
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"token_type": "Bearer", "access_token": tokens.AccessToken, "expires_in": tokens.ExpiresIn})
}

// revoke ends a session. The SDK sends its token in the body, others as usual.
func (s *surface) revoke(c echo.Context) error {
	var body wire.RevokeRequest
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return err
	}
	if body.Token == "" {
		body.Token = exchange.Bearer(c.Request())
	}
	if _, err := s.API.Do(c.Request().Context(), "auth.revoke", &api.Call{Input: &body}); err != nil {
		return err
	}
	return answer(c, struct{}{})
}
