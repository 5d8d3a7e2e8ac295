package cloudbase

import (
	"context"
	"iter"
	"net"
	"net/http"

	"yunduo"
	"yunduo/auth"
)

// signer is who a secret ID belongs to.
type signer struct {
	secret  string
	caller  yunduo.Caller
	baseURL string // how the client of a temporary key's invocation reaches the server; empty for other keys
}

// signer looks a secret ID up: a key of an app acts as its owner, the temporary one of an invocation as that, which
// needs its session token too.
func (s *surface) signer(ctx context.Context, secretID, token string) (signer, error) {
	if !auth.IsTemporaryKey(secretID) {
		app, secret, err := s.Rooms.Apps.SecretKey(ctx, secretID)
		return signer{secret: secret, caller: yunduo.Caller{App: app, Role: yunduo.RoleOwner}}, err
	}
	found, err := s.Rooms.Auth.VerifyTemporaryKey(secretID, token)
	if err != nil {
		return signer{}, err
	}
	if err := s.Rooms.Apps.Exists(ctx, found.Caller.App); err != nil {
		return signer{}, err
	}
	return signer{secret: found.SecretKey, caller: found.Caller, baseURL: found.BaseURL}, nil
}

// originalHost is the header in which the preload for the vendor's tools names the host that a request was made, and
// signed, for.
const originalHost = "X-Original-Host"

// signedHosts are the hosts that a signature may be for: the one before the preload redirected the request, else the
// server's own, which some signers name without its port.
func signedHosts(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		if original := header(r, originalHost); original != "" {
			yield(original)
			return
		}
		if !yield(r.Host) {
			return
		}
		if name, _, err := net.SplitHostPort(r.Host); err == nil {
			yield(name)
		}
	}
}
