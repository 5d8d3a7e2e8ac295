package auth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// Bounds on tickets for custom sign-in.
const (
	ticketSeparator = "/@@/"
	ticketKeyBits   = 2048
	maxTicketKeys   = 10
	maxTicket       = 4096           // bytes
	maxTicketAge    = 24 * time.Hour // between the making of a ticket and its end
	ticketSkew      = 5 * time.Minute
)

// TicketKey is a key pair with which an app's own server signs tickets. Only CreateTicketKey gives the private key.
type TicketKey struct {
	ID         string
	PrivateKey string // PEM
	CreatedAt  time.Time
}

// ticketKey is a key pair's public half as stored.
type ticketKey struct {
	ID        string    `bson:"_id"`
	App       string    `bson:"app"`
	Public    []byte    `bson:"public"` // PKCS #1
	CreatedAt time.Time `bson:"createdAt"`
}

// usedTicket keeps a ticket from being used twice.
type usedTicket struct {
	ID        string    `bson:"_id"`
	ExpiresAt time.Time `bson:"expiresAt"`
}

// CreateTicketKey makes a key pair for custom sign-in. Who manages the app may. Reasons: permission_denied,
// app_not_found, quota_exceeded.
func (s *Service) CreateTicketKey(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) (TicketKey, error) {
	list, err := s.TicketKeys(ctx, caller, app)
	if err != nil {
		return TicketKey{}, err
	}
	if len(list) >= maxTicketKeys {
		return TicketKey{}, yunduo.Errorf(yunduo.ReasonQuotaExceeded, "an app has %d ticket keys at most; delete one", maxTicketKeys)
	}
	pair, err := rsa.GenerateKey(rand.Reader, ticketKeyBits)
	if err != nil {
		return TicketKey{}, yunduo.Wrap(err, yunduo.ReasonInternal, "a key pair could not be made")
	}
	kept := ticketKey{ID: yunduo.NewID(), App: string(app), Public: x509.MarshalPKCS1PublicKey(&pair.PublicKey), CreatedAt: s.now().UTC().Truncate(time.Millisecond)}
	if err := s.ticketKeys.Insert(ctx, kept.ID, kept); err != nil {
		return TicketKey{}, err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(pair)})
	return TicketKey{ID: kept.ID, PrivateKey: string(private), CreatedAt: kept.CreatedAt}, nil
}

// TicketKeys lists an app's key pairs, the newest first. Who manages the app may.
func (s *Service) TicketKeys(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) ([]TicketKey, error) {
	if err := s.manages(ctx, caller, app); err != nil {
		return nil, err
	}
	found, err := s.ticketKeys.Find(ctx, bson.D{{Key: "app", Value: string(app)}}, documents.FindOptions{Sort: bson.D{{Key: "createdAt", Value: -1}, {Key: "_id", Value: 1}}})
	list := make([]TicketKey, len(found))
	for i, k := range found {
		list[i] = TicketKey{ID: k.ID, CreatedAt: k.CreatedAt}
	}
	return list, err
}

// DeleteTicketKey makes every ticket of a key pair worthless. Who manages the app may; user_not_found if there is no
// such key.
func (s *Service) DeleteTicketKey(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, id string) error {
	if err := s.manages(ctx, caller, app); err != nil {
		return err
	}
	n, err := s.ticketKeys.DeleteMany(ctx, bson.D{{Key: "_id", Value: id}, {Key: "app", Value: string(app)}})
	if err == nil && n == 0 {
		err = yunduo.Errorf(yunduo.ReasonUserNotFound, "the app has no ticket key %q", clip(id, 64))
	}
	return err
}

// customClaims are what a ticket says. Its times are milliseconds, unlike those of other tokens.
type customClaims struct {
	Env       string  `json:"env"`
	UserID    string  `json:"uid"`
	IssuedAt  float64 `json:"iat"`
	ExpiresAt float64 `json:"exp"`
}

func (customClaims) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }
func (customClaims) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (customClaims) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil }
func (customClaims) GetIssuer() (string, error)                   { return "", nil }
func (customClaims) GetSubject() (string, error)                  { return "", nil }
func (customClaims) GetAudience() (jwt.ClaimStrings, error)       { return nil, nil }

func badTicket(cause error) error {
	return yunduo.Wrap(cause, yunduo.ReasonLoginFailed, "the ticket is not valid, was used before or has expired")
}

// openTicket returns the custom user ID that a ticket of the form KEYID/@@/JWT names, and uses the ticket up.
func (s *Service) openTicket(ctx context.Context, app yunduo.AppID, ticket string) (string, error) {
	id, token, ok := strings.Cut(ticket, ticketSeparator)
	if !ok || len(ticket) > maxTicket {
		return "", badTicket(nil)
	}
	key, err := s.ticketKeys.Get(ctx, id)
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound || err == nil && key.App != string(app) {
		return "", badTicket(nil)
	}
	if err != nil {
		return "", err
	}
	public, err := x509.ParsePKCS1PublicKey(key.Public)
	if err != nil {
		return "", yunduo.Wrap(err, yunduo.ReasonInternal, "a ticket key cannot be read")
	}
	var c customClaims
	if _, err := s.ticketParser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return public, nil }); err != nil {
		return "", badTicket(err)
	}
	now := s.now()
	issued, expires := time.UnixMilli(int64(c.IssuedAt)), time.UnixMilli(int64(c.ExpiresAt))
	if !now.Before(expires) || issued.After(now.Add(ticketSkew)) || expires.Sub(issued) > maxTicketAge || c.Env != "" && c.Env != key.App {
		return "", badTicket(nil)
	}
	if c.UserID == "" || len(c.UserID) > maxSubject || !utf8.ValidString(c.UserID) {
		return "", badTicket(nil)
	}
	used := usedTicket{ID: key.App + "/" + hex.EncodeToString(digest(token)), ExpiresAt: expires.UTC()}
	err = s.usedTickets.Insert(ctx, used.ID, used)
	if yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey {
		return "", badTicket(nil)
	}
	return c.UserID, err
}

func newTicketParser() *jwt.Parser {
	return jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())
}
