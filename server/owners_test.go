package server

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/apps"
)

// This test program does not call node.SandboxInit, so here no sandbox works.
func TestKeepApart(t *testing.T) {
	dir := t.TempDir()
	open := func(t *testing.T, change func(*Config)) (*Server, error) {
		c := DefaultConfig()
		c.DataDir, c.Listen = dir, "127.0.0.1:0"
		change(&c)
		s, err := New(t.Context(), c)
		if err == nil {
			t.Cleanup(func() { require.NoError(t, s.Close()) })
		}
		return s, err
	}
	create := func(s *Server, id yunduo.AppID) error {
		_, err := s.Rooms().Apps.Create(context.Background(), yunduo.System(""), apps.App{ID: id})
		return err
	}
	t.Run("one app is well", func(t *testing.T) {
		s, err := open(t, func(*Config) {})
		require.NoError(t, err)
		require.Contains(t, s.Isolation(), "none")
		require.NoError(t, create(s, "first"))
		err = create(s, "second")
		require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err))
		require.ErrorContains(t, err, "yunduo doctor")
	})
	t.Run("unless told otherwise", func(t *testing.T) {
		s, err := open(t, func(c *Config) { c.TrustOwners = true })
		require.NoError(t, err)
		require.NoError(t, create(s, "second"))
	})
	t.Run("two are refused at the start", func(t *testing.T) {
		_, err := open(t, func(*Config) {})
		require.ErrorContains(t, err, "there are 2 apps")
		require.ErrorContains(t, err, "--trust-owners")
	})
	t.Run("switched off is a decision", func(t *testing.T) {
		s, err := open(t, func(c *Config) { c.Sandbox = "off" })
		require.NoError(t, err)
		require.NoError(t, create(s, "third"))
	})
	t.Run("required is required", func(t *testing.T) {
		_, err := open(t, func(c *Config) { c.Sandbox = "require" })
		require.ErrorContains(t, err, "sandbox is required")
	})
}
