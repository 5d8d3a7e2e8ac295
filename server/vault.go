package server

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"yunduo/apps"
	"yunduo/auth"
)

// keyCommandLimit is how long the command that prints the secrets' key may take.
const keyCommandLimit = 30 * time.Second

// openVault returns what encrypts the secrets of apps and of their functions. Its key is in memory only. What was
// encrypted before there was a key of its own is decrypted all the same.
func (s *Server) openVault(ctx context.Context, keys auth.Keys) (*apps.Vault, error) {
	own, err := apps.NewVaultFromSeed(keys.Derive("encryption of functions' secrets"))
	if err != nil {
		return nil, err
	}
	switch {
	case s.config.SecretsKeyFile != "":
		text, err := os.ReadFile(s.config.SecretsKeyFile)
		if err != nil {
			return nil, fmt.Errorf("secrets-key-file: %w", err)
		}
		return apps.NewVault(string(text), own)
	case s.config.SecretsKeyCommand != "":
		ctx, cancel := context.WithTimeout(ctx, keyCommandLimit)
		defer cancel()
		var out, problem bytes.Buffer
		command := exec.CommandContext(ctx, "sh", "-c", s.config.SecretsKeyCommand)
		command.Stdout, command.Stderr, command.WaitDelay = &out, &problem, time.Second
		if err := command.Run(); err != nil {
			return nil, fmt.Errorf("secrets-key-command: %w: %.500s", err, problem.String())
		}
		return apps.NewVault(out.String(), own)
	}
	return own, nil
}
