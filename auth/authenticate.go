package auth

import (
	"context"
	"strings"

	"yunduo"
)

// apiKeyPrefix tells API keys from access tokens; apps gives every key this beginning.
const apiKeyPrefix = "ydk_"

// Authenticate returns whose bearer credential it is, be it an access token or an API key. One of another app is
// refused; app may be empty where the request does not name one. Reasons: those of Verify.
func (s *Service) Authenticate(ctx context.Context, app yunduo.AppID, credential string) (yunduo.Caller, error) {
	if !strings.HasPrefix(credential, apiKeyPrefix) {
		return s.Verify(ctx, app, credential)
	}
	caller, err := s.VerifyAPIKey(ctx, credential)
	if err != nil {
		return yunduo.Caller{}, err
	}
	if app != "" && caller.App != app {
		return yunduo.Caller{}, yunduo.Errorf(yunduo.ReasonTokenInvalid, "the API key belongs to another app")
	}
	return caller, nil
}

// IsSetupToken reports whether a token has the form of those that SetupToken gives.
func IsSetupToken(token string) bool { return strings.HasPrefix(token, setupTokenPrefix) }
