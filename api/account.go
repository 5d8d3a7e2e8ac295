package api

import (
	"context"

	"yunduo/auth"
	"yunduo/wire"
)

// accountOperations are what people do with their own accounts, and owners with those of others.
func accountOperations() []*Operation {
	return []*Operation{
		row("auth.sendCode", Public, "Send a verification code", sendCode),
		row("auth.verifyCode", Public, "Exchange a verification code for a token", verifyCode),
		row("auth.sendLink", Public, "Mail a link", sendLink),
		row("auth.useLink", Public, "Do what a mailed link is for", useLink),
		row("auth.signUp", Public, "Make an account and sign it in", signUp),
		row("auth.proveIdentity", Public, "Exchange a provider's credential for a token", proveIdentity),
		row("auth.exists", Public, "Ask whether a name is in use", userExists),
		row("auth.resetPassword", Public, "Set a new password with a verified code", resetPassword),
		row("auth.link", SignedIn, "Add a way to sign in to the caller's account", link),
		row("auth.unlink", SignedIn, "Take a way to sign in away", unlink),
		row("auth.updateMe", SignedIn, "Change the caller's account", updateMe),
		row("auth.sudo", SignedIn, "Confirm who is at the caller's session", sudo),
		row("auth.setPassword", SignedIn, "Set the caller's password", setPassword),
		row("auth.deleteMe", SignedIn, "Delete the caller's account", deleteMe),
		row("auth.sessions", SignedIn, "List the caller's sessions", mySessions),
		row("auth.revokeSession", SignedIn, "End one of the caller's sessions", revokeMySession),
		row("auth.revokeOthers", SignedIn, "End the caller's other sessions", revokeOthers),
		row("auth.clientToken", Owner, "Make an access token that acts as the app's owner", clientToken),
		row("users.get", Owner, "Describe an end user", getUser),
		row("users.find", Owner, "Describe the end user who has an identity", findUser),
		row("users.setPassword", Owner, "Give an end user a new password", setUserPassword),
		row("users.sessions", Owner, "List an end user's sessions", userSessions),
		row("users.revokeSession", Owner, "End a session of an end user", revokeUserSession),
		row("ticketKeys.create", Owner, "Make a key pair for custom sign-in", createTicketKey),
		row("ticketKeys.list", Owner, "List key pairs for custom sign-in", listTicketKeys),
		row("ticketKeys.delete", Owner, "Delete a key pair for custom sign-in", deleteTicketKey),
	}
}

func sendCode(ctx context.Context, a *API, call *Call, req *wire.SendCodeRequest) (*wire.SendCodeResponse, error) {
	sent, err := a.rooms.Auth.SendCode(ctx, call.App, call.Caller, auth.CodeRequest(*req), call.client())
	if err != nil {
		return nil, err
	}
	return &wire.SendCodeResponse{VerificationID: sent.VerificationID, ExpiresIn: sent.ExpiresIn, IsUser: sent.IsUser}, nil
}

func verifyCode(ctx context.Context, a *API, call *Call, req *wire.VerifyCodeRequest) (*wire.VerifyCodeResponse, error) {
	sent := auth.SentCode{ID: req.VerificationID, Phone: req.Phone, Email: req.Email}
	token, err := a.rooms.Auth.VerifyCode(ctx, call.App, sent, req.Code, call.client())
	if err != nil {
		return nil, err
	}
	return &wire.VerifyCodeResponse{VerificationToken: token, ExpiresIn: int(auth.CodeLifetime.Seconds())}, nil
}

func sendLink(ctx context.Context, a *API, call *Call, req *wire.SendLinkRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Auth.SendLink(ctx, call.App, call.Caller, auth.MailRequest(*req), call.client())
}

func useLink(ctx context.Context, a *API, call *Call, req *wire.UseLinkRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Auth.UseLink(ctx, call.App, req.Token, req.NewPassword, call.client())
}

func signUp(ctx context.Context, a *API, call *Call, req *wire.SignUpRequest) (*wire.Tokens, error) {
	account := auth.NewAccount{
		VerificationToken: req.VerificationToken, IdentityToken: req.IdentityToken, Username: req.Username, Password: req.Password, Anonymous: req.AnonymousToken,
	}
	if req.Profile != nil {
		account.Profile = auth.Profile(*req.Profile)
	}
	tokens, err := a.rooms.Auth.SignUp(ctx, call.App, account, call.client())
	if err != nil {
		return nil, err
	}
	return wireTokens(tokens), nil
}

func proveIdentity(ctx context.Context, a *API, call *Call, req *wire.ProveIdentityRequest) (*wire.ProveIdentityResponse, error) {
	token, err := a.rooms.Auth.ProveIdentity(ctx, call.App, req.Provider, req.Credential)
	return &wire.ProveIdentityResponse{IdentityToken: token}, err
}

func userExists(ctx context.Context, a *API, call *Call, req *wire.UserExistsRequest) (*wire.UserExistsResponse, error) {
	exists, err := a.rooms.Auth.UserExists(ctx, call.App, req.Name, call.client())
	return &wire.UserExistsResponse{Exists: exists}, err
}

func resetPassword(ctx context.Context, a *API, call *Call, req *wire.ResetPasswordRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Auth.ResetPassword(ctx, call.App, req.VerificationToken, req.NewPassword)
}

func described(u auth.User, err error) (*wire.User, error) {
	if err != nil {
		return nil, err
	}
	user := wireUser(u)
	return &user, nil
}

func link(ctx context.Context, a *API, call *Call, req *wire.LinkRequest) (*wire.User, error) {
	return described(a.rooms.Auth.Link(ctx, call.Caller, auth.LinkRequest(*req)))
}

func unlink(ctx context.Context, a *API, call *Call, req *wire.UnlinkRequest) (*wire.User, error) {
	return described(a.rooms.Auth.Unlink(ctx, call.Caller, req.Provider))
}

func updateMe(ctx context.Context, a *API, call *Call, req *wire.UpdateMeRequest) (*wire.User, error) {
	changes := auth.Changes{Username: req.Username, Phone: req.Phone, Email: req.Email, VerificationToken: req.VerificationToken}
	if req.Profile != nil {
		profile := auth.Profile(*req.Profile)
		changes.Profile = &profile
	}
	return described(a.rooms.Auth.UpdateMe(ctx, call.Caller, changes))
}

func sudo(ctx context.Context, a *API, call *Call, req *wire.SudoRequest) (*wire.SudoResponse, error) {
	token, err := a.rooms.Auth.Sudo(ctx, call.Caller, req.Password, req.VerificationToken)
	return &wire.SudoResponse{SudoToken: token}, err
}

func setPassword(ctx context.Context, a *API, call *Call, req *wire.SetPasswordRequest) (*wire.Empty, error) {
	if req.OldPassword != "" {
		return &wire.Empty{}, a.rooms.Auth.ChangePasswordByOld(ctx, call.Caller, req.OldPassword, req.NewPassword)
	}
	return &wire.Empty{}, a.rooms.Auth.ChangePassword(ctx, call.Caller, req.SudoToken, req.NewPassword)
}

func deleteMe(ctx context.Context, a *API, call *Call, req *wire.DeleteMeRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Auth.DeleteMe(ctx, call.Caller, req.SudoToken)
}

func (a *API) sessions(ctx context.Context, call *Call, userID string) (*wire.SessionsResponse, error) {
	list, err := a.rooms.Auth.Sessions(ctx, call.Caller, call.App, userID)
	if err != nil {
		return nil, err
	}
	response := &wire.SessionsResponse{Sessions: make([]wire.Session, len(list))}
	for i, s := range list {
		response.Sessions[i] = wire.Session(s)
	}
	return response, nil
}

func mySessions(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.SessionsResponse, error) {
	return a.sessions(ctx, call, call.Caller.UserID)
}

func revokeMySession(ctx context.Context, a *API, call *Call, req *wire.SessionRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Auth.RevokeSession(ctx, call.Caller, call.App, call.Caller.UserID, req.Session)
}

func revokeOthers(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Auth.RevokeOthers(ctx, call.Caller)
}

func clientToken(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.Tokens, error) {
	tokens, err := a.rooms.Auth.ClientToken(ctx, call.Caller, call.App, call.client())
	if err != nil {
		return nil, err
	}
	return wireTokens(tokens), nil
}

func getUser(ctx context.Context, a *API, call *Call, req *wire.UserRequest) (*wire.User, error) {
	return described(a.rooms.Auth.User(ctx, call.Caller, call.App, req.ID))
}

func findUser(ctx context.Context, a *API, call *Call, req *wire.FindUserRequest) (*wire.User, error) {
	return described(a.rooms.Auth.FindUser(ctx, call.Caller, call.App, req.Provider, req.Subject))
}

func setUserPassword(ctx context.Context, a *API, call *Call, req *wire.UserPasswordRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Auth.SetPassword(ctx, call.Caller, call.App, req.ID, req.Password)
}

func userSessions(ctx context.Context, a *API, call *Call, req *wire.UserRequest) (*wire.SessionsResponse, error) {
	return a.sessions(ctx, call, req.ID)
}

func revokeUserSession(ctx context.Context, a *API, call *Call, req *wire.SessionRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Auth.RevokeSession(ctx, call.Caller, call.App, req.UserID, req.Session)
}

func (c *Call) ticketKey(k auth.TicketKey) wire.TicketKey {
	return wire.TicketKey{ID: k.ID, PrivateKey: k.PrivateKey, Env: string(c.App), CreatedAt: k.CreatedAt}
}

func createTicketKey(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.TicketKey, error) {
	key, err := a.rooms.Auth.CreateTicketKey(ctx, call.Caller, call.App)
	if err != nil {
		return nil, err
	}
	made := call.ticketKey(key)
	return &made, nil
}

func listTicketKeys(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.TicketKeysResponse, error) {
	list, err := a.rooms.Auth.TicketKeys(ctx, call.Caller, call.App)
	if err != nil {
		return nil, err
	}
	response := &wire.TicketKeysResponse{Keys: make([]wire.TicketKey, len(list))}
	for i, k := range list {
		response.Keys[i] = call.ticketKey(k)
	}
	return response, nil
}

func deleteTicketKey(ctx context.Context, a *API, call *Call, req *wire.TicketKeyRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Auth.DeleteTicketKey(ctx, call.Caller, call.App, req.Key)
}
