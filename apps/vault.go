package apps

import (
	"bytes"
	"io"
	"strings"

	"filippo.io/age"

	"yunduo"
)

// maxSealed bounds what is encrypted, with its place, in bytes.
const maxSealed = 128 << 10

// Vault encrypts what apps keep secret, in the age format (https://age-encryption.org/v1).
type Vault struct {
	recipient  age.Recipient
	identities []age.Identity
}

// NewVault returns the vault of an age identity file, as age-keygen writes it. The first key encrypts, all decrypt, so
// that a new key is put before the old one. What former encrypted is decrypted too; nil for none. invalid_config if
// there is no key.
func NewVault(identities string, former *Vault) (*Vault, error) {
	list, err := age.ParseIdentities(strings.NewReader(identities))
	if err != nil { // whose text may quote a key
		return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "the key of the secrets is no age identity: make one with age-keygen")
	}
	v := &Vault{identities: list}
	switch own := list[0].(type) {
	case *age.X25519Identity:
		v.recipient = own.Recipient()
	case *age.HybridIdentity:
		v.recipient = own.Recipient()
	default:
		return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "the key of the secrets is none that can encrypt: make one with age-keygen")
	}
	if former != nil {
		v.identities = append(v.identities, former.identities...)
	}
	return v, nil
}

// NewVaultFromSeed returns the vault whose key is made of 32 random bytes.
func NewVaultFromSeed(seed []byte) (*Vault, error) {
	if len(seed) != 32 {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "the seed of the secrets' key has %d bytes, not 32", len(seed))
	}
	return NewVault(strings.ToUpper(bech32("age-secret-key-", seed)), nil)
}

// Seal encrypts a value for one place: it cannot be opened as if it stood elsewhere. invalid_request if it is too long.
func (v *Vault) Seal(value, place string) ([]byte, error) {
	text := place + "\x00" + value
	if len(text) > maxSealed {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "a secret is longer than %d KiB", maxSealed>>10)
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, v.recipient)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return nil, err
	}
	err = w.Close() // writes the last piece
	return b.Bytes(), err
}

// encrypted reports whether a vault has encrypted something.
func encrypted(sealed []byte) bool { return bytes.HasPrefix(sealed, []byte("age-encryption.org/")) }

// Open decrypts what Seal made for the same place; internal if the key or the place is another.
func (v *Vault) Open(sealed []byte, place string) (string, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), v.identities...)
	if err == nil {
		var text []byte
		if text, err = io.ReadAll(io.LimitReader(r, maxSealed+1)); err == nil && len(text) <= maxSealed {
			if value, ok := strings.CutPrefix(string(text), place+"\x00"); ok {
				return value, nil
			}
		}
	}
	return "", yunduo.Wrap(err, yunduo.ReasonInternal, "a stored secret cannot be opened with the server's key")
}

// bech32 is how age writes keys. https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki
func bech32(prefix string, data []byte) string {
	const letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	var groups []byte // of five bits
	acc, bits := 0, 0
	for _, b := range data {
		acc, bits = acc<<8|int(b), bits+8
		for bits >= 5 {
			bits -= 5
			groups = append(groups, byte(acc>>bits&31))
		}
	}
	if bits > 0 {
		groups = append(groups, byte(acc<<(5-bits)&31))
	}
	sum := uint32(1)
	mix := func(v byte) {
		top := sum >> 25
		sum = (sum&0x1ffffff)<<5 ^ uint32(v)
		for i, g := range []uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	for _, c := range []byte(prefix) {
		mix(c >> 5)
	}
	mix(0)
	for _, c := range []byte(prefix) {
		mix(c & 31)
	}
	for _, g := range groups {
		mix(g)
	}
	for range 6 {
		mix(0)
	}
	sum ^= 1
	text := []byte(prefix + "1")
	for _, g := range groups {
		text = append(text, letters[g])
	}
	for i := range 6 {
		text = append(text, letters[sum>>(5*(5-i))&31])
	}
	return string(text)
}
