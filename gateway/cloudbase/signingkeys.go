package cloudbase

import "sync"

// maxSigningKeys bounds how many derived keys are kept.
const maxSigningKeys = 4096

// signingKeys keeps the keys that signatures of the day are made with, which take three rounds of HMAC to derive.
type signingKeys struct {
	mu   sync.Mutex
	keys map[string]signingKey // by secret ID and scope
}

type signingKey struct {
	secret string // it is derived from
	key    []byte
}

// of returns the key that signs under an authorization with a secret.
func (s *signingKeys) of(a *tc3Authorization, secret string) []byte {
	if s == nil {
		return a.key(secret)
	}
	name := a.secretID + "/" + a.scope
	s.mu.Lock()
	known, ok := s.keys[name]
	s.mu.Unlock()
	if ok && known.secret == secret {
		return known.key
	}
	return a.key(secret)
}

// keep remembers the key of a signature that was right, so that nobody fills the memory with wrong ones.
func (s *signingKeys) keep(a *tc3Authorization, secret string, key []byte) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil || len(s.keys) >= maxSigningKeys {
		s.keys = make(map[string]signingKey)
	}
	s.keys[a.secretID+"/"+a.scope] = signingKey{secret, key}
}
