package auth

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"

	"yunduo"
	"yunduo/data/documents"
)

// Keys are the server's own secret, from which it derives a key for each purpose.
type Keys struct{ root []byte }

// NewKeys returns the keys that derive from a secret of at least 32 random bytes.
func NewKeys(root []byte) (Keys, error) {
	if len(root) < 32 {
		return Keys{}, yunduo.Errorf(yunduo.ReasonInvalidConfig, "the server's secret has %d bytes, it needs 32", len(root))
	}
	return Keys{root}, nil
}

// LoadOrCreateKeys returns the keys that db keeps, made at the first start. All nodes on one database get the same.
func LoadOrCreateKeys(ctx context.Context, db *documents.DB) (Keys, error) {
	type secret struct {
		Root []byte `bson:"root"`
	}
	const id = "root"
	kept := documents.NewRecords[secret](db, "server_keys", documents.RecordOptions{Silent: true})
	root := make([]byte, 32)
	rand.Read(root)
	if err := kept.Insert(ctx, id, secret{root}); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonDuplicateKey {
		return Keys{}, err
	}
	found, err := kept.Get(ctx, id)
	if err != nil {
		return Keys{}, err
	}
	return NewKeys(found.Root)
}

// Derive returns the key of 32 bytes for a purpose. Zero Keys have none.
func (k Keys) Derive(purpose string) []byte {
	if len(k.root) == 0 {
		return nil
	}
	key, err := hkdf.Key(sha256.New, k.root, nil, "yunduo "+purpose, 32)
	if err != nil {
		return nil // cannot be: 32 bytes are within what HKDF gives
	}
	return key
}
