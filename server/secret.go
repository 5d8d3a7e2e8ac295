package server

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"yunduo/auth"
)

const (
	secretFile     = "secret.key"
	secretVariable = "YUNDUO_SECRET"
)

// loadKeys returns the keys that derive from the server's secret: from the environment, where several nodes share one
// database, else from a file beside the data that is made at the first start. It stays out of the database so that a
// copy of the database alone opens nothing.
func loadKeys(dataDir string) (auth.Keys, error) {
	if text := os.Getenv(secretVariable); text != "" {
		root, err := decodeSecret(text)
		if err != nil {
			return auth.Keys{}, fmt.Errorf("%s: %w", secretVariable, err)
		}
		return auth.NewKeys(root)
	}
	path := filepath.Join(dataDir, secretFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return createSecret(path)
	}
	if err != nil {
		return auth.Keys{}, err
	}
	root, err := decodeSecret(string(text))
	if err != nil {
		return auth.Keys{}, fmt.Errorf("%s: %w", path, err)
	}
	return auth.NewKeys(root)
}

func decodeSecret(text string) ([]byte, error) {
	root, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(root) < 32 {
		return nil, errors.New("the secret must be at least 32 random bytes in base64")
	}
	return root, nil
}

// createSecret writes a new secret so that a crash leaves the whole file or none.
func createSecret(path string) (auth.Keys, error) {
	root := make([]byte, 32)
	rand.Read(root)
	f, err := os.CreateTemp(filepath.Dir(path), secretFile+".*")
	if err != nil {
		return auth.Keys{}, err
	}
	defer os.Remove(f.Name()) // no error matters: it is gone once it was renamed
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(root) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return auth.Keys{}, err
	}
	return auth.NewKeys(root)
}
