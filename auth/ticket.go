package auth

import (
	"context"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"yunduo"
)

// TicketLifetime is how long a ticket can be used.
const TicketLifetime = 5 * time.Minute

// ticketAudience keeps tickets and access tokens apart: neither is accepted as the other.
const ticketAudience = "_ticket"

type ticketClaims struct {
	App       string      `json:"app"`
	Role      yunduo.Role `json:"role"`
	SessionID string      `json:"sid,omitempty"`
	jwt.RegisteredClaims
}

// Ticket returns a text that stands for the caller for TicketLifetime, for a connection that cannot carry the
// credentials themselves. The caller is an end user with a session or who manages the app.
func (s *Service) Ticket(caller yunduo.Caller, app yunduo.AppID) (string, error) {
	if caller.SessionID == "" && !caller.MayManage(app) {
		return "", yunduo.Errorf(yunduo.ReasonPermissionDenied, "a ticket needs a login or a key of the app")
	}
	now := s.now()
	claims := &ticketClaims{App: string(app), Role: caller.Role, SessionID: caller.SessionID, RegisteredClaims: jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{ticketAudience}, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(TicketLifetime)),
	}}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(s.signing)
	if err != nil {
		return "", yunduo.Wrap(err, yunduo.ReasonInternal, "the ticket could not be made")
	}
	return text, nil
}

// VerifyTicket returns whose ticket it is and for which app. Reasons: token_invalid, token_expired, session_revoked.
func (s *Service) VerifyTicket(ctx context.Context, ticket string) (yunduo.Caller, error) {
	if len(ticket) > maxAccessToken {
		return yunduo.Caller{}, yunduo.Errorf(yunduo.ReasonTokenInvalid, "the ticket is longer than %d bytes", maxAccessToken)
	}
	var c ticketClaims
	_, err := s.parser.ParseWithClaims(ticket, &c, func(*jwt.Token) (any, error) { return s.signing, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return yunduo.Caller{}, yunduo.Errorf(yunduo.ReasonTokenExpired, "the ticket has expired; ask for a new one")
	case err != nil || len(c.Audience) != 1 || c.Audience[0] != ticketAudience || c.App == "":
		return yunduo.Caller{}, yunduo.Wrap(err, yunduo.ReasonTokenInvalid, "the ticket is not one of this server")
	case c.SessionID == "":
		return yunduo.Caller{App: yunduo.AppID(c.App), Role: yunduo.RoleOwner, Provider: ProviderAPIKey}, nil
	}
	caller, err := s.SessionCaller(ctx, c.SessionID)
	if err == nil && caller.Operator() {
		caller.App = yunduo.AppID(c.App)
	}
	if err == nil && string(caller.App) != c.App {
		err = yunduo.Errorf(yunduo.ReasonTokenInvalid, "the ticket is of another app")
	}
	return caller, err
}

// SessionCaller returns who a session belongs to; session_revoked if it was ended or has expired.
func (s *Service) SessionCaller(ctx context.Context, id string) (yunduo.Caller, error) {
	live, err := s.sessions.Get(ctx, id)
	switch {
	case yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound || err == nil && (live.Revoked || !s.now().Before(live.ExpiresAt)):
		return yunduo.Caller{}, revoked()
	case err != nil:
		return yunduo.Caller{}, err
	}
	return live.caller(), nil
}
