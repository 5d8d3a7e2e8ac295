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

// mountClient adds what client SDKs need to sign in.
func (s *surface) mountClient(e *echo.Echo) {
	auth := e.Group("/auth/v1", signInErrors)
	auth.POST("/signin", s.signIn)
	auth.POST("/signin/anonymously", s.signInAnonymously)
	auth.POST("/token", s.token)
	auth.GET("/user/me", s.userInfo)
	auth.POST("/revoke", s.revoke)
}

// signInErrors answers failures in the words of the SDK: a string "error" is what makes it reject.
func signInErrors(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		if err == nil {
			return nil
		}
		exchange.Note(c, err)
		e := yunduo.AsError(err)
		name := "invalid_argument"
		switch e.Reason {
		case yunduo.ReasonLoginFailed:
			name = "invalid_username_or_password"
		case yunduo.ReasonTokenMissing, yunduo.ReasonTokenExpired, yunduo.ReasonTokenInvalid, yunduo.ReasonSessionRevoked:
			name = "unauthenticated"
			if c.Path() == "/auth/v1/token" {
				name = "invalid_grant"
			}
		case yunduo.ReasonRateLimited:
			name = "resource_exhausted"
		case yunduo.ReasonAppNotFound:
			name = "not_found"
		case yunduo.ReasonInternal:
			name = "internal"
		}
		c.Response().Header().Set("Cache-Control", "no-store")
		return c.JSON(wire.Status(e.Code()), map[string]any{
			"error": name, "error_code": -e.Reason.ErrCode(), "error_description": e.Message, "requestId": exchange.RequestID(c),
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
	_, err := s.Rooms.Apps.Get(c.Request().Context(), app)
	if err != nil && s.DefaultApp != "" && yunduo.AsError(err).Code() != yunduo.CodeInternal {
		return s.DefaultApp, nil
	}
	return app, err
}

func (s *surface) login(c echo.Context, provider string, credential any) error {
	app, err := s.clientApp(c)
	if err != nil {
		return err
	}
	text, err := json.Marshal(credential)
	if err != nil {
		return err
	}
	call := &api.Call{App: app, Request: text}
	call.Caller.ClientIP = c.RealIP()
	tokens, err := s.API.Login(c.Request().Context(), call, provider)
	if err != nil {
		return err
	}
	return reportCredentials(c, tokens)
}

func (s *surface) signIn(c echo.Context) error {
	var body struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := decodeBody(c, maxCredential, &body); err != nil {
		return err
	}
	return s.login(c, "password", body)
}

func (s *surface) signInAnonymously(c echo.Context) error { return s.login(c, "anonymous", struct{}{}) }

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
	text, err := json.Marshal(wire.RefreshRequest{RefreshToken: body.RefreshToken})
	if err != nil {
		return err
	}
	response, err := s.API.Do(c.Request().Context(), "auth.refresh", &api.Call{Request: text}) // the token tells the app
	if err != nil {
		return err
	}
	return reportCredentials(c, response.(*wire.Tokens))
}

// bearer makes the call of a request with an access token; its app is the token's.
func (s *surface) bearer(c echo.Context) (*api.Call, error) {
	token := exchange.Bearer(c.Request())
	if token == "" {
		return nil, yunduo.Errorf(yunduo.ReasonTokenMissing, "sign in first: the request carries no access token")
	}
	caller, err := s.Rooms.Auth.Authenticate(c.Request().Context(), "", token)
	if err != nil {
		return nil, err
	}
	caller.ClientIP = c.RealIP()
	return &api.Call{Caller: caller, App: caller.App, BaseURL: exchange.BaseURL(c.Request(), s.PublicURL)}, nil
}

func (s *surface) userInfo(c echo.Context) error {
	call, err := s.bearer(c)
	if err != nil {
		return err
	}
	response, err := s.API.Do(c.Request().Context(), "auth.me", call)
	if err != nil {
		return err
	}
	user := response.(*wire.User)
	return c.JSON(http.StatusOK, map[string]any{
		"sub": user.ID, "name": user.Username, "username": user.Username, "picture": "", "phone_number": "", "email": "",
		"providers": []any{}, "created_from": user.Provider,
	})
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
	return c.JSON(http.StatusOK, struct{}{})
}
