package yunduo

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	mathrand "math/rand/v2"
)

// NewID returns a random identifier of 32 hexadecimal characters.
func NewID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// NewName returns an identifier like NewID does, for what only has to be told apart from others: it is cheap, and
// whoever has seen many may be able to guess the next ones.
func NewName() string {
	var b [16]byte
	binary.NativeEndian.PutUint64(b[:8], mathrand.Uint64())
	binary.NativeEndian.PutUint64(b[8:], mathrand.Uint64())
	return hex.EncodeToString(b[:])
}

// NewSecret returns a random secret of 43 URL-safe characters (256 bits).
func NewSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
