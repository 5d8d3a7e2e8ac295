package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// A refresh token is prefix, session ID, "." and two secrets of 43 characters: the first stays the same for the
// session's life, the second is used once. So a token that was used before is told from one that was made up, and only
// who once held the session can end it by reuse.
const (
	refreshPrefix = "ydr_"
	idLength      = 32
	secretLength  = 43

	minAttempt, maxAttempt = 16, 128 // characters of the name of an exchange
)

// session is a login as it is stored.
type session struct {
	ID          string      `bson:"_id"`
	App         string      `bson:"app"` // empty for operators
	UserID      string      `bson:"userId"`
	Role        yunduo.Role `bson:"role"`
	Provider    string      `bson:"provider"`
	OpenID      string      `bson:"openId"`
	UnionID     string      `bson:"unionId"`
	WeChatAppID string      `bson:"wechatAppId"`
	Username    string      `bson:"username"`
	Secret      []byte      `bson:"secret"` // sealed: the WeChat session key
	Family      []byte      `bson:"family"` // digest of the refresh token's lasting part
	Refresh     []byte      `bson:"refresh"`
	IP          string      `bson:"ip"`
	Device      string      `bson:"device"`
	CreatedAt   time.Time   `bson:"createdAt"`
	ExpiresAt   time.Time   `bson:"expiresAt"`
	Revoked     bool        `bson:"revoked"`
	// Lasting sessions keep their refresh token: old clients cannot take a new one.
	Lasting bool `bson:"lasting,omitempty"`
}

func (s session) caller() yunduo.Caller {
	return yunduo.Caller{
		App:         yunduo.AppID(s.App),
		Role:        s.Role,
		UserID:      s.UserID,
		SessionID:   s.ID,
		Provider:    s.Provider,
		OpenID:      s.OpenID,
		UnionID:     s.UnionID,
		WeChatAppID: s.WeChatAppID,
		Username:    s.Username,
	}
}

// start stores a new session and issues its first tokens.
func (s *Service) start(ctx context.Context, live session, secret string, client Client, u User) (Tokens, error) {
	now := s.now().UTC().Truncate(time.Millisecond)
	family, once := yunduo.NewSecret(), yunduo.NewSecret()
	live.ID = yunduo.NewID()
	live.Family, live.Refresh = digest(family), digest(once)
	live.Secret = s.sealer.Seal(secret, sessionPlace(live.ID))
	live.IP, live.Device = clip(client.IP, 64), clip(client.Device, 200)
	live.CreatedAt, live.ExpiresAt = now, now.Add(SessionLifetime)
	access, err := s.sign(live)
	if err != nil {
		return Tokens{}, err
	}
	if err := s.sessions.Insert(ctx, live.ID, live); err != nil {
		return Tokens{}, err
	}
	return tokens(access, refreshPrefix+live.ID+"."+family+once, u), nil
}

func tokens(access, refresh string, u User) Tokens {
	return Tokens{AccessToken: access, RefreshToken: refresh, ExpiresIn: int(AccessTokenLifetime.Seconds()), User: u}
}

// Refresh exchanges a refresh token for new tokens; it is good for one exchange. A token that was exchanged before
// ends the session, for somebody else may have it. app may be empty where the request does not name one. Reasons:
// token_missing, token_invalid, token_expired, session_revoked.
func (s *Service) Refresh(ctx context.Context, app yunduo.AppID, refreshToken string) (Tokens, error) {
	return s.RefreshAttempt(ctx, app, refreshToken, "")
}

// RefreshAttempt is Refresh for a client that may not hear the reply: until the new refresh token is used, an exchange
// under the same attempt, a random text of the client's, gives the same one again. A second exchange under another
// attempt ends the session as ever. Further reasons: invalid_request.
func (s *Service) RefreshAttempt(ctx context.Context, app yunduo.AppID, refreshToken, attempt string) (Tokens, error) {
	if attempt != "" && (len(attempt) < minAttempt || len(attempt) > maxAttempt) {
		return Tokens{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "attempt: %d to %d random characters are needed", minAttempt, maxAttempt)
	}
	live, once, err := s.sessionOf(ctx, app, refreshToken)
	if err != nil {
		return Tokens{}, err
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	if !now.Before(live.ExpiresAt) {
		return Tokens{}, yunduo.Errorf(yunduo.ReasonTokenExpired, "the refresh token has expired; sign in again")
	}
	u, err := s.userOf(ctx, live)
	if err != nil {
		return Tokens{}, err
	}
	if live.Lasting {
		return s.renewLasting(ctx, live, once, refreshToken, u)
	}
	next := s.nextSecret(live.ID, once, attempt)
	current := bson.D{{Key: "_id", Value: live.ID}, {Key: "refresh", Value: digest(once)}, {Key: "revoked", Value: false}}
	set := bson.D{{Key: "refresh", Value: digest(next)}, {Key: "expiresAt", Value: now.Add(SessionLifetime)}}
	exchanged, err := s.sessions.UpdateIf(ctx, current, bson.D{{Key: "$set", Value: set}})
	if err != nil {
		return Tokens{}, err
	}
	if !exchanged && attempt != "" {
		// The very same exchange once more, whose reply was lost?
		if live, err = s.sessions.Get(ctx, live.ID); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonDocumentNotFound {
			return Tokens{}, err
		}
		exchanged = err == nil && !live.Revoked && subtle.ConstantTimeCompare(live.Refresh, digest(next)) == 1
	}
	if !exchanged { // used before, or by two at once
		s.logger.WarnContext(ctx, "refresh token used twice, session revoked", "session_id", live.ID, "app", live.App)
		if err := s.revoke(ctx, live.ID); err != nil {
			return Tokens{}, err
		}
		return Tokens{}, revoked()
	}
	access, err := s.sign(live)
	if err != nil {
		return Tokens{}, err
	}
	return tokens(access, strings.TrimSuffix(refreshToken, once)+next, u), nil
}

// nextSecret is the second secret of the refresh token that follows. Without an attempt it is a new one each time.
func (s *Service) nextSecret(sessionID, once, attempt string) string {
	if attempt == "" {
		return yunduo.NewSecret()
	}
	mac := hmac.New(sha256.New, s.refreshKey)
	mac.Write([]byte(sessionID + "/" + once + "/" + attempt))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// sessionOf returns the session that a refresh token belongs to, which is not revoked, and the token's second secret.
func (s *Service) sessionOf(ctx context.Context, app yunduo.AppID, refreshToken string) (session, string, error) {
	if refreshToken == "" {
		return session{}, "", yunduo.Errorf(yunduo.ReasonTokenMissing, "the refresh token is missing")
	}
	wrong := yunduo.Errorf(yunduo.ReasonTokenInvalid, "the refresh token is not valid")
	id, secrets, ok := strings.Cut(strings.TrimPrefix(refreshToken, refreshPrefix), ".")
	if !ok || !strings.HasPrefix(refreshToken, refreshPrefix) || len(id) != idLength || len(secrets) != 2*secretLength {
		return session{}, "", wrong
	}
	live, err := s.sessions.Get(ctx, id)
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		return session{}, "", wrong
	}
	if err != nil {
		return session{}, "", err
	}
	family, once := secrets[:secretLength], secrets[secretLength:]
	if subtle.ConstantTimeCompare(live.Family, digest(family)) != 1 || app != "" && live.App != string(app) {
		return session{}, "", wrong
	}
	if live.Revoked {
		return session{}, "", revoked()
	}
	return live, once, nil
}

// Logout ends the caller's session at once. A caller without one, such as an API key, has nothing to end.
func (s *Service) Logout(ctx context.Context, caller yunduo.Caller) error {
	if caller.SessionID == "" {
		return nil
	}
	return s.revoke(ctx, caller.SessionID)
}

// Revoke ends the session that a refresh token belongs to. Reasons: token_missing, token_invalid, session_revoked.
func (s *Service) Revoke(ctx context.Context, app yunduo.AppID, refreshToken string) error {
	live, _, err := s.sessionOf(ctx, app, refreshToken)
	if err != nil {
		return err
	}
	return s.revoke(ctx, live.ID)
}

// renewLasting gives a new access token for a refresh token that stays.
func (s *Service) renewLasting(ctx context.Context, live session, once, refreshToken string, u User) (Tokens, error) {
	if subtle.ConstantTimeCompare(live.Refresh, digest(once)) != 1 {
		return Tokens{}, yunduo.Errorf(yunduo.ReasonTokenInvalid, "the refresh token is not one of this server")
	}
	set := bson.D{{Key: "expiresAt", Value: s.now().UTC().Truncate(time.Millisecond).Add(SessionLifetime)}}
	if _, err := s.sessions.Update(ctx, live.ID, bson.D{{Key: "$set", Value: set}}); err != nil {
		return Tokens{}, err
	}
	access, err := s.sign(live)
	return tokens(access, refreshToken, u), err
}

// RevokeToken ends the session that an access or refresh token belongs to. Reasons: those of Verify and Revoke.
func (s *Service) RevokeToken(ctx context.Context, app yunduo.AppID, token string) error {
	if strings.HasPrefix(token, refreshPrefix) {
		return s.Revoke(ctx, app, token)
	}
	caller, err := s.Verify(ctx, app, token)
	if err != nil {
		return err
	}
	return s.Logout(ctx, caller)
}

func (s *Service) revoke(ctx context.Context, id string) error {
	_, err := s.sessions.Update(ctx, id, bson.D{{Key: "$set", Value: bson.D{{Key: "revoked", Value: true}}}})
	return err
}

// revokeUser ends all sessions of a user of an app.
func (s *Service) revokeUser(ctx context.Context, app yunduo.AppID, userID string) error {
	_, err := s.sessions.DeleteMany(ctx, bson.D{{Key: "app", Value: string(app)}, {Key: "userId", Value: userID}})
	return err
}

// WeChatSessionKey returns the key that decrypts what WeChat sealed for the caller's login, for the server's own use:
// it is never sent to clients. It is empty if the login is none by WeChat.
func (s *Service) WeChatSessionKey(ctx context.Context, caller yunduo.Caller) (string, error) {
	live, err := s.sessions.Get(ctx, caller.SessionID)
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		return "", revoked()
	}
	if err != nil {
		return "", err
	}
	return s.sealer.Open(live.Secret, sessionPlace(live.ID))
}

// DropApp forgets an app's users and sessions.
func (s *Service) DropApp(ctx context.Context, app yunduo.AppID) error {
	if app == "" { // would be the operators' sessions
		return yunduo.Errorf(yunduo.ReasonInvalidAppID, "an app without a name cannot be dropped")
	}
	for _, remove := range []func(context.Context, bson.D) (int64, error){s.sessions.DeleteMany, s.users.DeleteMany, s.verifications.DeleteMany, s.ticketKeys.DeleteMany} {
		if _, err := remove(ctx, bson.D{{Key: "app", Value: string(app)}}); err != nil {
			return err
		}
	}
	return nil
}

func sessionPlace(id string) string { return "sessions/" + id }

// digest is enough for secrets of 256 random bits; passwords get more, see passwords.
func digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// clip cuts what a client says about itself to what is worth keeping.
func clip(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.ToValidUTF8(s, "")
}
