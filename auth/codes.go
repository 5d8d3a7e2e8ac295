package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"net/mail"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// Bounds on verification codes.
const (
	CodeLifetime = 10 * time.Minute // of a code, and then of what it proved
	codeAttempts = 5
	tokenPrefix  = "ydv_"

	codesPerTarget = 5    // within codesWindow, and not two in codePause
	codesPerIP     = 30   // within codesWindow
	codesPerApp    = 2000 // within codesWindow
	codesWindow    = time.Hour
	codePause      = 50 * time.Second
)

// Code is a verification code to be sent, or the token of a link to be mailed.
type Code struct {
	App     yunduo.AppID
	Channel string // ProviderPhone or ProviderEmail
	To      string // +8613800000000, or an address
	Code    string // six digits; empty for a link
	Token   string // of a link, for UseLink; empty for a code
	Usage   string // what for, in the client's words; of a link its purpose
}

// Sender brings verification codes and links to people.
type Sender interface {
	// Send returns provider_unavailable if the code cannot be sent.
	Send(ctx context.Context, code Code) error
}

// CodeRequest asks for a verification code. Either Phone or Email is given.
type CodeRequest struct {
	Phone  string
	Email  string
	Usage  string
	Target string // "USER": of an account that there is, "NOT_USER": of none, "CUR_USER": the caller's own, else any

	Captcha string // what the captcha gave, where one is asked for
}

// CodeSent is where a code that was sent is to be verified.
type CodeSent struct {
	VerificationID string
	ExpiresIn      int  // seconds
	IsUser         bool // somebody has this phone number or address
}

// verification is a code on its way and then the token that it gave, or a link, as stored.
type verification struct {
	ID        string    `bson:"_id"`
	App       string    `bson:"app"`
	Channel   string    `bson:"channel"`
	To        string    `bson:"to"`
	UserID    string    `bson:"userId"` // who asked, if anybody was signed in
	Code      []byte    `bson:"code"`   // keyed digest
	Attempts  int       `bson:"attempts"`
	State     string    `bson:"state"`              // sent, verified, used, or link
	Token     []byte    `bson:"token"`              // digest
	Purpose   string    `bson:"purpose,omitempty"`  // of a link
	Password  string    `bson:"password,omitempty"` // hash of that of the account which a link makes
	ExpiresAt time.Time `bson:"expiresAt"`
}

// normalPhone returns a phone number as numbers are told apart: +, country and number. Without a country it is a
// Chinese one.
func normalPhone(phone string) (string, error) {
	plain := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(phone)
	if !strings.HasPrefix(plain, "+") {
		plain = "+86" + plain
	}
	digits := plain[1:]
	if len(digits) < 7 || len(digits) > 15 || strings.ContainsFunc(digits, func(c rune) bool { return c < '0' || c > '9' }) {
		return "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "phone: not a phone number such as +86 13800000000")
	}
	return plain, nil
}

func normalEmail(email string) (string, error) {
	address, err := mail.ParseAddress(email)
	if err != nil || address.Name != "" || len(email) > 254 || address.Address != strings.TrimSpace(email) {
		return "", yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "email: not an address such as li@example.com")
	}
	return strings.ToLower(address.Address), nil
}

// contact returns the channel and normal form of what a request names.
func contact(phone, email string) (channel, to string, err error) {
	switch {
	case phone != "" && email == "":
		to, err = normalPhone(phone)
		return ProviderPhone, to, err
	case email != "" && phone == "":
		to, err = normalEmail(email)
		return ProviderEmail, to, err
	}
	return "", "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "either a phone number or an email address is needed")
}

// SendCode sends a verification code. caller is who asks, a zero one nobody. Reasons: invalid_request, user_not_found
// and identity_taken by Target, rate_limited, captcha_required, provider_unavailable.
func (s *Service) SendCode(ctx context.Context, app yunduo.AppID, caller yunduo.Caller, request CodeRequest, client Client) (CodeSent, error) {
	if _, _, err := s.apps.WeChatApp(ctx, app); err != nil {
		return CodeSent{}, err
	}
	channel, to, err := s.codeTarget(ctx, caller, request)
	if err != nil {
		return CodeSent{}, err
	}
	if err := s.human(ctx, app, request.Captcha, client.IP, limit{key: "code-ip/" + client.IP, most: captchaCodes}); err != nil {
		return CodeSent{}, err
	}
	if err := s.admitCode(app, channel, to, "code", client.IP); err != nil {
		return CodeSent{}, err
	}
	_, isUser, err := s.findUser(ctx, app, channel, to)
	switch {
	case err != nil:
		return CodeSent{}, err
	case request.Target == "USER" && !isUser:
		return CodeSent{}, yunduo.Errorf(yunduo.ReasonUserNotFound, "no account has this %s", channel)
	case request.Target == "NOT_USER" && isUser:
		return CodeSent{}, taken(channel)
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return CodeSent{}, yunduo.Wrap(err, yunduo.ReasonInternal, "a code could not be made")
	}
	code := fmt.Sprintf("%06d", n)
	v := verification{ID: yunduo.NewID(), App: string(app), Channel: channel, To: to, UserID: caller.UserID, State: "sent", ExpiresAt: s.now().UTC().Add(CodeLifetime).Truncate(time.Millisecond)}
	v.Code = s.codeDigest(v.ID, code)
	if err := s.verifications.Insert(ctx, v.ID, v); err != nil {
		return CodeSent{}, err
	}
	if err := s.sender.Send(ctx, Code{App: app, Channel: channel, To: to, Code: code, Usage: clip(request.Usage, 64)}); err != nil {
		return CodeSent{}, err
	}
	return CodeSent{VerificationID: v.ID, ExpiresIn: int(CodeLifetime.Seconds()), IsUser: isUser}, nil
}

func (s *Service) codeTarget(ctx context.Context, caller yunduo.Caller, request CodeRequest) (channel, to string, err error) {
	if request.Target != "CUR_USER" {
		return contact(request.Phone, request.Email)
	}
	u, err := s.self(ctx, caller)
	if err != nil {
		return "", "", err
	}
	if u.Phone != "" && request.Email == "" {
		return ProviderPhone, u.Phone, nil
	}
	if u.Email != "" {
		return ProviderEmail, u.Email, nil
	}
	return "", "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "the account has neither a phone number nor an email address")
}

// admitCode bounds how many codes and links are sent to one person, by one address and for one app, and how soon one of a
// kind follows another.
func (s *Service) admitCode(app yunduo.AppID, channel, to, kind, ip string) error {
	person := "code/" + string(app) + "/" + channel + "/" + to
	limits := []limit{
		{person + "/pause/" + kind, 1, codePause}, {person, codesPerTarget, codesWindow}, {"code/" + string(app), codesPerApp, codesWindow},
	}
	if ip != "" {
		limits = append(limits, limit{"code-ip/" + ip, codesPerIP, codesWindow})
	}
	return s.throttle.take(limits...)
}

// codeDigest is keyed, for six digits are soon guessed from a plain one.
func (s *Service) codeDigest(id, code string) []byte {
	mac := hmac.New(sha256.New, s.codeKey)
	mac.Write([]byte(id + "/" + code))
	return mac.Sum(nil)
}

func wrongCode() error {
	return yunduo.Errorf(yunduo.ReasonCodeInvalid, "the verification code is wrong or has expired; ask for a new one")
}

// SentCode names a code that was sent: by its ID, or as the newest one to a number or address.
type SentCode struct{ ID, Phone, Email string }

func (c SentCode) filter() (bson.D, error) {
	if c.ID != "" {
		return bson.D{{Key: "_id", Value: c.ID}}, nil
	}
	channel, to, err := contact(c.Phone, c.Email)
	return bson.D{{Key: "channel", Value: channel}, {Key: "to", Value: to}}, err
}

// VerifyCode exchanges a code for a token that proves once, for CodeLifetime, that the caller reads what is sent to the
// number or address. A code bears five attempts. Reasons: code_invalid, rate_limited, invalid_request.
func (s *Service) VerifyCode(ctx context.Context, app yunduo.AppID, sent SentCode, code string, client Client) (token string, err error) {
	if client.IP != "" {
		if err := s.throttle.take(limit{"verify-ip/" + client.IP, failuresPerIP, throttleWindow}); err != nil {
			return "", err
		}
	}
	which, err := sent.filter()
	if err != nil {
		return "", err
	}
	now := s.now().UTC()
	waiting := append(which,
		bson.E{Key: "app", Value: string(app)}, bson.E{Key: "state", Value: "sent"},
		bson.E{Key: "attempts", Value: bson.D{{Key: "$lt", Value: codeAttempts}}}, bson.E{Key: "expiresAt", Value: bson.D{{Key: "$gt", Value: now}}},
	)
	newest := bson.D{{Key: "expiresAt", Value: -1}}
	v, found, err := s.verifications.Take(ctx, waiting, newest, bson.D{{Key: "$inc", Value: bson.D{{Key: "attempts", Value: 1}}}})
	if err != nil {
		return "", err
	}
	if !found || !hmac.Equal(v.Code, s.codeDigest(v.ID, strings.TrimSpace(code))) {
		return "", wrongCode()
	}
	secret := yunduo.NewSecret()
	set := bson.D{{Key: "state", Value: "verified"}, {Key: "token", Value: digest(secret)}, {Key: "expiresAt", Value: now.Add(CodeLifetime)}}
	done, err := s.verifications.UpdateIf(ctx, bson.D{{Key: "_id", Value: v.ID}, {Key: "state", Value: "sent"}}, bson.D{{Key: "$set", Value: set}})
	if err != nil {
		return "", err
	}
	if !done {
		return "", wrongCode()
	}
	return tokenPrefix + v.ID + "." + secret, nil
}

// proved uses the token of a verified code up.
func (s *Service) proved(ctx context.Context, app yunduo.AppID, token string) (verification, error) {
	id, secret, ok := strings.Cut(strings.TrimPrefix(token, tokenPrefix), ".")
	if !ok || !strings.HasPrefix(token, tokenPrefix) {
		return verification{}, wrongCode()
	}
	return s.useVerification(ctx, bson.D{
		{Key: "_id", Value: id}, {Key: "app", Value: string(app)}, {Key: "state", Value: "verified"}, {Key: "token", Value: digest(secret)},
	})
}

// confirmed uses up a code that the signed-in user verified for a number or address, where the client does not say
// which.
func (s *Service) confirmed(ctx context.Context, u user, channel, to string) error {
	_, err := s.useVerification(ctx, bson.D{
		{Key: "app", Value: u.App}, {Key: "userId", Value: u.ID}, {Key: "channel", Value: channel}, {Key: "to", Value: to}, {Key: "state", Value: "verified"},
	})
	return err
}

func (s *Service) useVerification(ctx context.Context, filter bson.D) (verification, error) {
	filter = append(filter, bson.E{Key: "expiresAt", Value: bson.D{{Key: "$gt", Value: s.now().UTC()}}})
	v, found, err := s.verifications.Take(ctx, filter, nil, bson.D{{Key: "$set", Value: bson.D{{Key: "state", Value: "used"}}}})
	if err == nil && !found {
		err = wrongCode()
	}
	return v, err
}
