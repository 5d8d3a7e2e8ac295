package wechat

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"time"
)

// Names are encrypted for WeChat Pay alone, by its own key, whose serial number goes along in Wechatpay-Serial.

// payKey is the key that a request's names are encrypted with; the zero value finds it when it is needed.
type payKey struct {
	serial string
	public *rsa.PublicKey
}

// sealed is the body of a request that has something encrypted in it.
type sealed struct {
	serial string
	body   any
}

// body is the body to send.
func (k *payKey) body(request map[string]any) any {
	if k.public == nil {
		return request
	}
	return sealed{k.serial, request}
}

// encrypt encrypts a text: RSAES-OAEP with SHA-1, in base64.
func (k *payKey) encrypt(ctx context.Context, c *payCall, text string) (string, error) {
	if k.public == nil {
		var err error
		if k.serial, k.public, err = c.service.encryptionKey(ctx, c.account); err != nil {
			return "", err
		}
	}
	if len(text) > k.public.Size()-2*sha1.Size-2 {
		return "", &payRefusal{"PARAM_ERROR", "name: it is too long"}
	}
	secret, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, k.public, []byte(text), nil)
	return base64.StdEncoding.EncodeToString(secret), err
}

// encryptionKey returns WeChat Pay's key for a merchant: its public key or, of older merchants, that of the platform
// certificate which began to count last.
func (s *Service) encryptionKey(ctx context.Context, a Account) (serial string, key *rsa.PublicKey, err error) {
	if id := a.Merchant.PublicKeyID; id != "" {
		key, err = publicKey(a.Merchant.PublicKey)
		return id, key, err
	}
	owner := a.PayEndpoint + "\x00" + a.Merchant.ID + "\x00"
	s.certs.mu.Lock()
	newest, known := s.certs.newest[owner]
	s.certs.mu.Unlock()
	if known && s.options.Now().Sub(newest.asked) < certificatesLast {
		return newest.serial, newest.key, nil
	}
	fresh, err := s.fetchCertificates(ctx, a)
	if err != nil {
		return "", nil, unavailable(err)
	}
	now := s.options.Now()
	for number, certificate := range fresh {
		if certificate.since.After(now) {
			continue
		}
		if key == nil || certificate.since.After(newest.since) {
			newest, key = newestCertificate{number, certificate.key, certificate.since, now}, certificate.key
		}
	}
	if key == nil {
		return "", nil, unavailable(errors.New("none of WeChat Pay's certificates counts yet"))
	}
	s.certs.mu.Lock()
	defer s.certs.mu.Unlock()
	if s.certs.newest == nil {
		s.certs.newest = map[string]newestCertificate{}
	}
	s.certs.newest[owner] = newest
	return newest.serial, newest.key, nil
}

// certificatesLast is how long the newest certificate is taken for that.
const certificatesLast = 6 * time.Hour

// newestCertificate is the certificate that began to count last.
type newestCertificate struct {
	serial string
	key    *rsa.PublicKey
	since  time.Time
	asked  time.Time
}
