package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"yunduo"
)

// Parameters of new hashes (OWASP's recommendation for argon2id). Each hash names its own, so that these may change.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16

	minPassword = 8   // bytes
	maxPassword = 256 // bytes
)

// passwords hashes and checks passwords, a few at a time: each takes much memory.
type passwords struct {
	turn  chan struct{}
	decoy string // compared with where there is no user, so that the answer takes as long
}

func newPasswords(parallel int) *passwords {
	p := &passwords{turn: make(chan struct{}, parallel)}
	p.decoy = encodeHash(make([]byte, argonSalt), make([]byte, argonKey), argonMemory, argonTime, argonThreads)
	return p
}

// hash returns the text that check accepts the password for.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	if err := p.wait(ctx); err != nil {
		return "", err
	}
	defer func() { <-p.turn }()
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	return encodeHash(salt, argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey), argonMemory, argonTime, argonThreads), nil
}

func checkPassword(password string) error {
	if len(password) < minPassword || len(password) > maxPassword || !utf8.ValidString(password) {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "password: %d to %d bytes of text are needed", minPassword, maxPassword)
	}
	return nil
}

// check reports whether the password fits the hash; an empty hash fits none and takes as long.
func (p *passwords) check(ctx context.Context, hash, password string) (bool, error) {
	if err := p.wait(ctx); err != nil {
		return false, err
	}
	defer func() { <-p.turn }()
	known := hash != ""
	if !known {
		hash = p.decoy
	}
	if len(password) > maxPassword {
		password, known = password[:maxPassword], false
	}
	salt, key, memory, time, threads, err := decodeHash(hash)
	if err != nil {
		return false, err
	}
	same := subtle.ConstantTimeCompare(key, argon2.IDKey([]byte(password), salt, time, memory, threads, uint32(len(key)))) == 1
	return same && known, nil
}

func (p *passwords) wait(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// encodeHash writes the PHC string format: $argon2id$v=19$m=19456,t=2,p=1$salt$key.
func encodeHash(salt, key []byte, memory, time uint32, threads uint8) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, time, threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

func decodeHash(hash string) (salt, key []byte, memory, time uint32, threads uint8, err error) {
	bad := func(cause error) error {
		return yunduo.Wrap(cause, yunduo.ReasonInternal, "a stored password cannot be read")
	}
	parts := strings.Split(hash, "$")
	var version int
	if len(parts) != 6 || parts[1] != "argon2id" {
		return nil, nil, 0, 0, 0, bad(nil)
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &time, &threads); err != nil {
		return nil, nil, 0, 0, 0, bad(err)
	}
	if version != argon2.Version || time < 1 || threads < 1 || memory < 8 || memory > 1<<20 || time > 64 {
		return nil, nil, 0, 0, 0, bad(nil)
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return nil, nil, 0, 0, 0, bad(err)
	}
	if key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(key) < 16 || len(key) > 128 {
		return nil, nil, 0, 0, 0, bad(err)
	}
	return salt, key, memory, time, threads, nil
}
