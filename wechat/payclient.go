package wechat

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"yunduo"
)

// scheme is the signature scheme of API v3: SHA-256 with RSA.
// https://pay.weixin.qq.com/doc/v3/merchant/4012365342
const scheme = "WECHATPAY2-SHA256-RSA2048"

// maxSkew is how old a signature of WeChat Pay may be.
const maxSkew = 5 * time.Minute

func parsePrivateKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	if rsaKey, ok := key.(*rsa.PrivateKey); ok {
		return rsaKey, nil
	}
	return nil, errors.New("not an RSA key")
}

// publicKey reads a public key or the certificate that holds one.
func publicKey(text string) (*rsa.PublicKey, error) {
	wrong := yunduo.Errorf(yunduo.ReasonInvalidRequest, "merchant.publicKey: this is no RSA public key in PEM form (pub_key.pem)")
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, wrong
	}
	var key any
	if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
		key = certificate.PublicKey
	} else if key, err = x509.ParsePKIXPublicKey(block.Bytes); err != nil {
		return nil, wrong
	}
	if rsaKey, ok := key.(*rsa.PublicKey); ok {
		return rsaKey, nil
	}
	return nil, wrong
}

// signText signs with a merchant's key, in base64.
func (m Merchant) signText(text string) (string, error) {
	key, err := m.privateKey()
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	return base64.StdEncoding.EncodeToString(signature), err
}

// nonce returns 32 letters and digits.
func nonce() string { return (yunduo.NewID() + yunduo.NewID() + yunduo.NewID())[:32] }

// payReply is an answer of the payment API.
type payReply struct {
	status int
	body   []byte
}

// pay sends a signed request to the payment API and verifies the signature of the answer.
func (s *Service) pay(ctx context.Context, a Account, method, path string, body any) (payReply, error) {
	var text []byte
	serial := a.Merchant.PublicKeyID
	if s, ok := body.(sealed); ok {
		serial, body = s.serial, s.body
	}
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return payReply{}, err
		}
	}
	reply, header, err := s.payRaw(ctx, a, method, a.PayEndpoint+path, path, serial, text, maxResponse)
	if err != nil {
		return payReply{}, err
	}
	if reply.status >= 500 || reply.status == http.StatusTooManyRequests {
		return payReply{}, yunduo.Wrap(fmt.Errorf("HTTP status %d: %.300s", reply.status, reply.body), yunduo.ReasonWechatUnavailable, "WeChat Pay answered with HTTP status %d; try again", reply.status)
	}
	if reply.status == http.StatusUnauthorized && header.Get("Wechatpay-Signature") == "" {
		return reply, nil // it does not know the merchant, so it signs nothing
	}
	if err := s.verify(ctx, a, header, reply.body); err != nil {
		return payReply{}, yunduo.Wrap(err, yunduo.ReasonWechatUnavailable, "the answer does not bear WeChat Pay's signature; is the merchant's public key of WeChat Pay right?")
	}
	return reply, nil
}

// errTooLarge says that an answer has more bytes than payRaw was to take.
var errTooLarge = errors.New("the answer is too large")

// payRaw signs and sends a request; signed is its path with query, serial which of WeChat Pay's keys it is meant for, limit
// how many bytes its answer may have.
func (s *Service) payRaw(ctx context.Context, a Account, method, address, signed, serial string, text []byte, limit int64) (payReply, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return payReply{}, nil, unavailable(err)
	}
	stamp, once := strconv.FormatInt(s.options.Now().Unix(), 10), nonce()
	signature, err := a.Merchant.signText(method + "\n" + signed + "\n" + stamp + "\n" + once + "\n" + string(text) + "\n")
	if err != nil {
		return payReply{}, nil, err
	}
	request.Header.Set("Authorization", fmt.Sprintf(`%s mchid="%s",nonce_str="%s",timestamp="%s",serial_no="%s",signature="%s"`, scheme, a.Merchant.ID, once, stamp, a.Merchant.Serial, signature))
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "yunduo")
	if serial != "" {
		request.Header.Set("Wechatpay-Serial", serial)
	}
	response, err := s.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return payReply{}, nil, ctx.Err()
		}
		return payReply{}, nil, unavailable(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = errTooLarge
	}
	if err != nil {
		return payReply{}, nil, unavailable(err)
	}
	return payReply{response.StatusCode, body}, response.Header, nil
}

// verify checks WeChat Pay's signature over an answer or a notification.
func (s *Service) verify(ctx context.Context, a Account, header http.Header, body []byte) error {
	stamp, once, serial := header.Get("Wechatpay-Timestamp"), header.Get("Wechatpay-Nonce"), header.Get("Wechatpay-Serial")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return errors.New("no timestamp")
	}
	if age := s.options.Now().Sub(time.Unix(at, 0)); age > maxSkew || age < -maxSkew {
		return fmt.Errorf("the signature was made at %s", time.Unix(at, 0).UTC().Format(time.RFC3339))
	}
	key, err := s.payKey(ctx, a, serial)
	if err != nil {
		return err
	}
	return verifyText(key, stamp+"\n"+once+"\n"+string(body)+"\n", header.Get("Wechatpay-Signature"))
}

func verifyText(key *rsa.PublicKey, text, signature64 string) error {
	signature, err := base64.StdEncoding.DecodeString(signature64)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(text))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature)
}

// payKey returns the key of WeChat Pay's that has a serial number.
func (s *Service) payKey(ctx context.Context, a Account, serial string) (*rsa.PublicKey, error) {
	if a.Merchant.PublicKeyID != "" && serial == a.Merchant.PublicKeyID {
		return publicKey(a.Merchant.PublicKey)
	}
	if a.Merchant.PublicKeyID != "" && serial == "" {
		return nil, errors.New("the serial number of the key is missing")
	}
	return s.certs.find(ctx, s, a, serial)
}

// certificates are WeChat Pay's platform certificates, by merchant and serial number.
type certificates struct {
	mu    sync.Mutex
	known map[string]*rsa.PublicKey
	asked map[string]time.Time

	newest map[string]newestCertificate // by merchant
}

// certificate is a platform certificate.
type certificate struct {
	key   *rsa.PublicKey
	since time.Time // when it begins to count
}

// askAgain is how long an unknown serial number is not asked for again: strangers may send any.
const askAgain = time.Minute

func (c *certificates) find(ctx context.Context, s *Service, a Account, serial string) (*rsa.PublicKey, error) {
	owner := a.PayEndpoint + "\x00" + a.Merchant.ID + "\x00"
	c.mu.Lock()
	key, asked := c.known[owner+serial], c.asked[owner]
	c.mu.Unlock()
	if key != nil {
		return key, nil
	}
	if s.options.Now().Sub(asked) < askAgain {
		return nil, fmt.Errorf("WeChat Pay has no certificate %q for this merchant", clip(serial))
	}
	fresh, err := s.fetchCertificates(ctx, a)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known, c.asked = map[string]*rsa.PublicKey{}, map[string]time.Time{}
	}
	c.asked[owner] = s.options.Now()
	if err != nil {
		return nil, err
	}
	for number, found := range fresh {
		c.known[owner+number] = found.key
	}
	if key = c.known[owner+serial]; key == nil {
		return nil, fmt.Errorf("WeChat Pay has no certificate %q for this merchant", clip(serial))
	}
	return key, nil
}

// fetchCertificates asks for the platform certificates. Only who has the merchant's API v3 key could have encrypted
// them, and one of them must have signed the answer.
func (s *Service) fetchCertificates(ctx context.Context, a Account) (map[string]certificate, error) {
	const path = "/v3/certificates"
	reply, header, err := s.payRaw(ctx, a, http.MethodGet, a.PayEndpoint+path, path, a.Merchant.PublicKeyID, nil, maxResponse)
	if err != nil {
		return nil, err
	}
	if reply.status != http.StatusOK {
		return nil, fmt.Errorf("certificates: HTTP status %d: %.300s", reply.status, reply.body)
	}
	var list struct {
		Data []struct {
			Serial    string    `json:"serial_no"`
			Since     time.Time `json:"effective_time"`
			Encrypted Resource  `json:"encrypt_certificate"`
		} `json:"data"`
	}
	if err := json.Unmarshal(reply.body, &list); err != nil {
		return nil, err
	}
	fresh := map[string]certificate{}
	for _, element := range list.Data {
		text, err := element.Encrypted.open(a.Merchant.APIv3Key)
		if err != nil {
			return nil, fmt.Errorf("certificates: %w", err)
		}
		key, err := publicKey(string(text))
		if err != nil {
			return nil, err
		}
		fresh[element.Serial] = certificate{key, element.Since}
	}
	signer := fresh[header.Get("Wechatpay-Serial")].key
	if signer == nil {
		return nil, errors.New("certificates: signed by none of them")
	}
	return fresh, verifyText(signer, header.Get("Wechatpay-Timestamp")+"\n"+header.Get("Wechatpay-Nonce")+"\n"+string(reply.body)+"\n", header.Get("Wechatpay-Signature"))
}

// Resource is data that WeChat Pay encrypts with the merchant's API v3 key.
type Resource struct {
	Algorithm      string `json:"algorithm"`
	Ciphertext     string `json:"ciphertext"`
	AssociatedData string `json:"associated_data"`
	OriginalType   string `json:"original_type,omitempty"`
	Nonce          string `json:"nonce"`
}

func (r Resource) open(key string) ([]byte, error) {
	if r.Algorithm != "AEAD_AES_256_GCM" {
		return nil, fmt.Errorf("unknown algorithm %q", clip(r.Algorithm))
	}
	sealed, err := base64.StdEncoding.DecodeString(r.Ciphertext)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	if len(r.Nonce) != aead.NonceSize() {
		return nil, fmt.Errorf("the nonce has %d bytes", len(r.Nonce))
	}
	return aead.Open(nil, []byte(r.Nonce), sealed, []byte(r.AssociatedData))
}
