package documents

import (
	"crypto/aes"
	"crypto/cipher"

	"yunduo"
)

// Sealer encrypts secrets that records have to keep in a form that can be read back (AES-256-GCM, random nonce).
type Sealer struct{ aead cipher.AEAD }

// NewSealer returns the sealer for a key of 32 bytes.
func NewSealer(key []byte) (*Sealer, error) {
	if len(key) != 32 {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "the sealing key has %d bytes, not 32", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "the sealing key cannot be used")
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "the sealing key cannot be used")
	}
	return &Sealer{aead}, nil
}

// Seal encrypts a secret for one place, such as a record's ID: it cannot be opened as if it stood elsewhere.
// An empty secret stays empty.
func (s *Sealer) Seal(secret, place string) []byte {
	if secret == "" {
		return nil
	}
	return s.aead.Seal(nil, nil, []byte(secret), []byte(place))
}

// Open decrypts what Seal made for the same place; internal if the key or the place is another.
func (s *Sealer) Open(sealed []byte, place string) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	secret, err := s.aead.Open(nil, nil, sealed, []byte(place))
	if err != nil {
		return "", yunduo.Wrap(err, yunduo.ReasonInternal, "a stored secret cannot be opened with the server's key")
	}
	return string(secret), nil
}
