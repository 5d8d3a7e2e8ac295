package cloudbase

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// maxSigningKeys bounds how many derived keys are kept.
const maxSigningKeys = 4096

// signingKeys keeps the keys that signatures of the day are made with, which take three rounds of HMAC to derive.
type signingKeys struct {
	mu   sync.RWMutex
	keys map[string]*signingKey // by credential
}

// signingKey is what signatures under one credential are made with.
type signingKey struct {
	secret string // it is derived from
	key    []byte
	macs   sync.Pool // of *signingMAC, which are ready sooner than new ones
}

type signingMAC struct {
	hash.Hash
	sum digest
}

// mac signs a text.
func (k *signingKey) mac(text []byte) digest {
	m, ok := k.macs.Get().(*signingMAC)
	if !ok {
		m = &signingMAC{Hash: hmac.New(sha256.New, k.key)}
	}
	m.Write(text)
	m.Sum(m.sum[:0])
	sum := m.sum
	m.Reset()
	k.macs.Put(m)
	return sum
}

// of returns the key that signs under an authorization with a secret.
func (s *signingKeys) of(a *tc3Authorization, secret string) *signingKey {
	if s != nil {
		s.mu.RLock()
		known := s.keys[a.credential]
		s.mu.RUnlock()
		if known != nil && known.secret == secret {
			return known
		}
	}
	return &signingKey{secret: secret, key: a.key(secret)}
}

// keep remembers the key of a signature that was right, so that nobody fills the memory with wrong ones.
func (s *signingKeys) keep(a *tc3Authorization, key *signingKey) {
	if s == nil {
		return
	}
	s.mu.RLock()
	known := s.keys[a.credential] == key
	s.mu.RUnlock()
	if known {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil || len(s.keys) >= maxSigningKeys {
		s.keys = make(map[string]*signingKey)
	}
	s.keys[a.credential] = key
}
