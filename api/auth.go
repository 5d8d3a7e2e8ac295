package api

import (
	"context"
	"encoding/json"

	"yunduo"
	"yunduo/auth"
	"yunduo/wire"
)

func authOperations() []*Operation {
	return []*Operation{
		row("auth.login", Public, "Sign an end user in with a provider's credential", loginUnnamed),
		row("auth.refresh", Public, "Exchange a refresh token for new tokens", refresh),
		row("auth.revoke", Public, "End the session that a token belongs to", revoke),
		row("auth.logout", SignedIn, "End the caller's session", logout),
		row("auth.me", SignedIn, "Describe the caller", me),
		row("operators.login", Public, "Sign in to the console", operatorLogin),
		row("users.create", Owner, "Make a password user", createUser),
		row("users.list", Owner, "List end users", listUsers),
		row("users.delete", Owner, "Delete an end user", deleteUser),
	}
}

func wireUser(u auth.User) wire.User {
	user := wire.User{
		ID: u.ID, OpenID: u.OpenID, UnionID: u.UnionID, Username: u.Username, Provider: u.Provider, Phone: u.Phone, Email: u.Email,
		Providers: u.Providers, HasPassword: u.HasPassword, CreatedAt: u.CreatedAt, Subjects: u.Subjects,
	}
	if u.Profile != (auth.Profile{}) {
		profile := wire.Profile(u.Profile)
		user.Profile = &profile
	}
	if !u.LastLoginAt.IsZero() {
		user.LastLoginAt = &u.LastLoginAt
	}
	return user
}

func wireTokens(t auth.Tokens) *wire.Tokens {
	return &wire.Tokens{AccessToken: t.AccessToken, RefreshToken: t.RefreshToken, ExpiresIn: t.ExpiresIn, User: wireUser(t.User)}
}

// client is where a login comes from.
func (c *Call) client() auth.Client {
	return auth.Client{IP: c.Caller.ClientIP, Device: c.Device, Lasting: c.Lasting}
}

// Login signs an end user in with the named provider; the request is its credential.
func (a *API) Login(ctx context.Context, call *Call, provider string) (*wire.Tokens, error) {
	if err := a.rooms.Apps.Exists(ctx, call.App); err != nil {
		return nil, err
	}
	tokens, err := a.rooms.Auth.Login(ctx, call.App, provider, call.Request, call.client())
	if err != nil {
		return nil, err
	}
	return wireTokens(tokens), nil
}

// loginUnnamed is Login with the provider's name as a member of the credential.
func loginUnnamed(ctx context.Context, a *API, call *Call, req *map[string]json.RawMessage) (*wire.Tokens, error) {
	var provider string
	if err := json.Unmarshal((*req)["provider"], &provider); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "field \"provider\" must name how to sign in")
	}
	return a.Login(ctx, call, provider)
}

func refresh(ctx context.Context, a *API, call *Call, req *wire.RefreshRequest) (*wire.Tokens, error) {
	tokens, err := a.rooms.Auth.RefreshAttempt(ctx, call.App, req.RefreshToken, req.Attempt)
	if err != nil {
		return nil, err
	}
	return wireTokens(tokens), nil
}

func revoke(ctx context.Context, a *API, call *Call, req *wire.RevokeRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Auth.RevokeToken(ctx, call.App, req.Token)
}

func logout(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Auth.Logout(ctx, call.Caller)
}

func me(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.User, error) {
	u, err := a.rooms.Auth.Me(ctx, call.Caller)
	if err != nil {
		return nil, err
	}
	user := wireUser(u)
	return &user, nil
}

func operatorLogin(ctx context.Context, a *API, call *Call, req *wire.OperatorLoginRequest) (*wire.OperatorTokens, error) {
	client := auth.Client{IP: call.Caller.ClientIP}
	if auth.IsSetupToken(req.Token) {
		if !req.SetUp {
			return &wire.OperatorTokens{SetUp: true}, nil // the console asks for a name and password next
		}
		return operatorTokens(a.rooms.Auth.SetUp(ctx, req.Token, req.Username, req.Password, client))
	}
	return operatorTokens(a.rooms.Auth.OperatorLogin(ctx, auth.OperatorCredential{Token: req.Token, Username: req.Username, Password: req.Password}, client))
}

func operatorTokens(t auth.Tokens, err error) (*wire.OperatorTokens, error) {
	if err != nil {
		return nil, err
	}
	return &wire.OperatorTokens{AccessToken: t.AccessToken, ExpiresIn: t.ExpiresIn}, nil
}

func createUser(ctx context.Context, a *API, call *Call, req *wire.CreateUserRequest) (*wire.User, error) {
	u, err := a.rooms.Auth.CreateUser(ctx, call.Caller, call.App, auth.NewUser{Username: req.Username, Password: req.Password})
	if err != nil {
		return nil, err
	}
	user := wireUser(u)
	return &user, nil
}

func listUsers(ctx context.Context, a *API, call *Call, req *wire.ListUsersRequest) (*wire.ListUsersResponse, error) {
	page, next, err := a.rooms.Auth.Users(ctx, call.Caller, call.App, auth.ListUsers{Search: req.Search, After: req.After, Limit: req.Limit})
	if err != nil {
		return nil, err
	}
	response := &wire.ListUsersResponse{Users: make([]wire.User, len(page)), Next: next}
	for i, u := range page {
		response.Users[i] = wireUser(u)
	}
	return response, nil
}

func deleteUser(ctx context.Context, a *API, call *Call, req *wire.UserRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Auth.DeleteUser(ctx, call.Caller, call.App, req.ID)
}
