package apps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// Starts of the texts that keys consist of, so that a leaked one is recognised.
const (
	apiKeyPrefix    = "ydk_"
	secretIDPrefix  = "AKID"
	secretKeyPrefix = "yds_"
)

const maxKeys = 20 // of one app

// Key is a pair of ways to act as the owner of an app: an API key as bearer token, and a secret ID with its secret key
// for signed requests (TC3). Secrets are shown once, when the key is made.
type Key struct {
	SecretID  string       `json:"secretId"` // also the key's name
	App       yunduo.AppID `json:"app"`
	APIKey    string       `json:"apiKey,omitempty"`
	SecretKey string       `json:"secretKey,omitempty"`
	CreatedAt time.Time    `json:"createdAt"`
}

// key is a key as it is stored, under two IDs: "id/" with its secret ID and "api/" with the API key's digest.
type key struct {
	ID        string    `bson:"_id"`
	App       string    `bson:"app"`
	SecretID  string    `bson:"secretId"`
	SecretKey []byte    `bson:"secretKey"` // sealed; TC3 signatures need the key itself
	CreatedAt time.Time `bson:"createdAt"`
}

// CreateKey makes a key of an app. Who manages the app may. Reasons: permission_denied, app_not_found, quota_exceeded.
func (r *Registry) CreateKey(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) (Key, error) {
	if err := manages(caller, app); err != nil {
		return Key{}, err
	}
	if _, err := r.load(ctx, app); err != nil {
		return Key{}, err
	}
	n, err := r.keys.Count(ctx, keysOf(app))
	if err != nil {
		return Key{}, err
	}
	if n >= maxKeys {
		return Key{}, yunduo.Errorf(yunduo.ReasonQuotaExceeded, "the app has %d keys already; delete one first", n)
	}
	made := Key{
		App:       app,
		SecretID:  secretIDPrefix + yunduo.NewID(),
		APIKey:    apiKeyPrefix + yunduo.NewSecret(),
		SecretKey: secretKeyPrefix + yunduo.NewSecret(),
		CreatedAt: r.now().UTC().Truncate(time.Millisecond),
	}
	stored := key{App: string(app), SecretID: made.SecretID, CreatedAt: made.CreatedAt}
	if err := r.keys.Insert(ctx, apiRecord(made.APIKey), stored); err != nil {
		return Key{}, err
	}
	stored.SecretKey = r.sealer.Seal(made.SecretKey, keyPlace(app, made.SecretID))
	return made, r.keys.Insert(ctx, idRecord(made.SecretID), stored)
}

// Keys lists an app's keys without their secrets. Who manages the app may.
func (r *Registry) Keys(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) ([]Key, error) {
	if err := manages(caller, app); err != nil {
		return nil, err
	}
	if _, err := r.load(ctx, app); err != nil {
		return nil, err
	}
	stored, err := r.keys.Find(ctx, keysOf(app), documents.FindOptions{Sort: bson.D{{Key: "createdAt", Value: 1}}})
	if err != nil {
		return nil, err
	}
	list := make([]Key, len(stored))
	for i, k := range stored {
		list[i] = Key{SecretID: k.SecretID, App: yunduo.AppID(k.App), CreatedAt: k.CreatedAt}
	}
	return list, nil
}

// DeleteKey takes a key away, at once. Who manages the app may; document_not_found if the app has no such key.
func (r *Registry) DeleteKey(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, secretID string) error {
	if err := manages(caller, app); err != nil {
		return err
	}
	n, err := r.keys.DeleteMany(ctx, bson.D{{Key: "app", Value: string(app)}, {Key: "secretId", Value: secretID}})
	if err == nil && n == 0 {
		err = yunduo.Errorf(yunduo.ReasonDocumentNotFound, "the app %q has no key %q", string(app), secretID)
	}
	return err
}

// VerifyAPIKey returns the app that an API key acts for; token_invalid if it is none.
func (r *Registry) VerifyAPIKey(ctx context.Context, apiKey string) (yunduo.AppID, error) {
	if !strings.HasPrefix(apiKey, apiKeyPrefix) || len(apiKey) > 128 {
		return "", yunduo.Errorf(yunduo.ReasonTokenInvalid, "this is no API key")
	}
	// The digest of 256 random bits needs no slow hash, and looking it up tells nothing about other digests.
	k, err := r.liveKey(ctx, apiRecord(apiKey))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		return "", yunduo.Errorf(yunduo.ReasonTokenInvalid, "the API key is unknown or was deleted")
	}
	return yunduo.AppID(k.App), err
}

// SecretKey returns the app and the secret key of a secret ID, to check a signature with; signature_invalid if the ID
// is unknown.
func (r *Registry) SecretKey(ctx context.Context, secretID string) (yunduo.AppID, string, error) {
	if !strings.HasPrefix(secretID, secretIDPrefix) || len(secretID) > 128 {
		return "", "", unknownSecretID()
	}
	k, err := r.liveKey(ctx, idRecord(secretID))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		return "", "", unknownSecretID()
	}
	if err != nil {
		return "", "", err
	}
	app := yunduo.AppID(k.App)
	secret, err := r.sealer.Open(k.SecretKey, keyPlace(app, secretID))
	return app, secret, err
}

func unknownSecretID() error {
	return yunduo.Errorf(yunduo.ReasonSignatureInvalid, "the secret ID is unknown or was deleted")
}

// liveKey returns a stored key whose app is there.
func (r *Registry) liveKey(ctx context.Context, id string) (key, error) {
	k, err := r.keys.Get(ctx, id)
	if err != nil {
		return k, err
	}
	if _, err := r.load(ctx, yunduo.AppID(k.App)); err != nil {
		if yunduo.ReasonOf(err) == yunduo.ReasonAppNotFound {
			err = yunduo.Errorf(yunduo.ReasonDocumentNotFound, "the key's app is gone")
		}
		return k, err
	}
	return k, nil
}

func keysOf(app yunduo.AppID) bson.D {
	return bson.D{{Key: "app", Value: string(app)}, {Key: "_id", Value: bson.D{{Key: "$gte", Value: "id/"}, {Key: "$lt", Value: "id0"}}}}
}

func idRecord(secretID string) string { return "id/" + secretID }

func apiRecord(apiKey string) string {
	digest := sha256.Sum256([]byte(apiKey))
	return "api/" + hex.EncodeToString(digest[:])
}

func keyPlace(app yunduo.AppID, secretID string) string {
	return "keys/" + string(app) + "/" + secretID
}
