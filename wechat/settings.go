package wechat

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// record is what is kept of an app, by the app's name. Secrets are sealed.
type record struct {
	ID         string    `bson:"_id"`
	Sealed     []byte    `bson:"sealed"` // a sealedPart
	Routes     []Route   `bson:"routes"`
	MerchantID string    `bson:"merchantId"`
	UpdatedAt  time.Time `bson:"updatedAt"`
}

// sealedPart is what nobody but this server reads.
type sealedPart struct {
	Merchant Merchant `json:"merchant"`
	Token    string   `json:"token"`
	AESKey   string   `json:"aesKey"`
}

// Settings are what WeChat gave an app beside its app ID and secret.
type Settings struct {
	Merchant Merchant
	Push     Push
}

// Push is how WeChat's message push is set at WeChat, and which functions get the messages.
type Push struct {
	Token  string
	AESKey string // EncodingAESKey, 43 characters; empty for plain mode only
	Routes []Route
}

// Route sends messages to a function. Empty members match anything; the first route that matches gets the message.
type Route struct {
	Type     string `bson:"type" json:"type,omitempty"`   // MsgType: text, image, miniprogrampage, event
	Event    string `bson:"event" json:"event,omitempty"` // of the type event: user_enter_tempsession, wxa_media_check, ...
	Function string `bson:"function" json:"function"`
}

// Change says what to change; nil members stay as they are.
type Change struct {
	// Merchant: a member that is empty keeps what is set, if the ID is the same; an empty ID removes the merchant. An empty
	// list of sub-merchants without a provider's app ID makes it an ordinary merchant.
	Merchant *Merchant
	Token    *string
	AESKey   *string
	Routes   *[]Route
}

const maxRoutes = 50

// Settings returns an app's settings with their secrets, for the platform itself.
func (s *Service) Settings(ctx context.Context, app yunduo.AppID) (Settings, error) {
	rec, err := s.record(ctx, app)
	if err != nil {
		return Settings{}, err
	}
	return s.open(app, rec)
}

// SetSettings changes an app's settings, live for the next call. Who manages the app may. Errors: permission_denied,
// app_not_found, invalid_request.
func (s *Service) SetSettings(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, c Change) (Settings, error) {
	if !caller.MayManage(app) {
		return Settings{}, yunduo.Errorf(yunduo.ReasonPermissionDenied, "this caller does not manage the app %q", string(app))
	}
	if _, _, err := s.apps.WeChatApp(ctx, app); err != nil {
		return Settings{}, err
	}
	rec, err := s.record(ctx, app)
	if err != nil {
		return Settings{}, err
	}
	settings, err := s.open(app, rec)
	if err != nil {
		return Settings{}, err
	}
	if err := settings.apply(c); err != nil {
		return Settings{}, err
	}
	text, err := json.Marshal(sealedPart{settings.Merchant, settings.Push.Token, settings.Push.AESKey})
	if err != nil {
		return Settings{}, err
	}
	sealed, err := s.options.Sealer.Seal(string(text), place(app))
	if err != nil {
		return Settings{}, err
	}
	rec = record{
		ID: string(app), Sealed: sealed, Routes: settings.Push.Routes,
		MerchantID: settings.Merchant.ID, UpdatedAt: s.options.Now().UTC().Truncate(time.Millisecond),
	}
	return settings, s.records.Put(ctx, rec.ID, rec)
}

// DropApp forgets an app.
func (s *Service) DropApp(ctx context.Context, app yunduo.AppID) error {
	if _, err := s.refunds.DeleteMany(ctx, refundsOf(app)); err != nil {
		return err
	}
	_, err := s.records.DeleteMany(ctx, bson.D{{Key: "_id", Value: string(app)}})
	return err
}

func (s *Service) record(ctx context.Context, app yunduo.AppID) (record, error) {
	rec, err := s.records.Get(ctx, string(app))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		return record{}, nil
	}
	return rec, err
}

func place(app yunduo.AppID) string { return "wechat/" + string(app) }

func (s *Service) open(app yunduo.AppID, rec record) (Settings, error) {
	settings := Settings{Push: Push{Routes: slices.Clone(rec.Routes)}}
	if len(rec.Sealed) == 0 {
		return settings, nil
	}
	text, err := s.options.Sealer.Open(rec.Sealed, place(app))
	if err != nil {
		return settings, err
	}
	var part sealedPart
	if err := json.Unmarshal([]byte(text), &part); err != nil {
		return settings, err
	}
	settings.Merchant, settings.Push.Token, settings.Push.AESKey = part.Merchant, part.Token, part.AESKey
	return settings, nil
}

func (s *Settings) apply(c Change) error {
	if c.Merchant != nil {
		merged, err := c.Merchant.over(s.Merchant)
		if err != nil {
			return err
		}
		s.Merchant = merged
	}
	if c.Token != nil {
		if len(*c.Token) > 64 || strings.ContainsAny(*c.Token, " \t\r\n") {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "token: the Token of WeChat's message push has 3 to 32 letters and digits")
		}
		s.Push.Token = *c.Token
	}
	if c.AESKey != nil {
		if _, err := aesKey(*c.AESKey); *c.AESKey != "" && err != nil {
			return err
		}
		s.Push.AESKey = *c.AESKey
	}
	if c.Routes != nil {
		if len(*c.Routes) > maxRoutes {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "routes: %d are more than %d", len(*c.Routes), maxRoutes)
		}
		for i, r := range *c.Routes {
			if r.Function == "" || len(r.Function) > 64 || len(r.Type) > 64 || len(r.Event) > 64 {
				return yunduo.Errorf(yunduo.ReasonInvalidRequest, "routes[%d]: a route needs a function, and its members have at most 64 bytes", i)
			}
		}
		s.Push.Routes = slices.Clone(*c.Routes)
	}
	return nil
}

// aesKey decodes an EncodingAESKey.
func aesKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text + "=")
	if err != nil || len(key) != 32 {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "aesKey: an EncodingAESKey has 43 letters and digits")
	}
	return key, nil
}

func (m Merchant) privateKey() (*rsa.PrivateKey, error) {
	key, err := parsePrivateKey(m.PrivateKey)
	if err != nil {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "merchant.privateKey: this is no RSA private key in PEM form (apiclient_key.pem)")
	}
	return key, nil
}
