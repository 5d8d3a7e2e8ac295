package storage

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"yunduo"
)

// signer makes and checks signatures of our own.
type signer struct{ key []byte }

// Purposes keep a signature from being taken for one of another kind.
const (
	purposeUpload   = "upload"
	purposeDownload = "download"
)

// sign returns the signature of text for a purpose: 43 characters that need no escaping in a URL.
func (s signer) sign(purpose, text string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(purpose + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// verify checks a signature in constant time; grant_invalid.
func (s signer) verify(purpose, text, signature string) error {
	if !hmac.Equal([]byte(signature), []byte(s.sign(purpose, text))) {
		return invalidGrant("is not valid")
	}
	return nil
}

func invalidGrant(why string) error {
	return yunduo.Errorf(yunduo.ReasonGrantInvalid, "the signed address %s; ask for a new one", why)
}
