package node_test

import (
	"log/slog"
	"os"
	"testing"

	"yunduo/functions/node"
	"yunduo/functions/runtime"
	"yunduo/functions/runtimetest"
)

func TestMain(m *testing.M) {
	node.SandboxInit()
	os.Exit(m.Run())
}

func newRuntime(t testing.TB, opts node.Options) *node.Runtime {
	t.Helper()
	opts.ServerSDK = []byte(runtimetest.ServerSDK)
	if opts.NodePath == "" {
		opts.NodePath = os.Getenv(runtimetest.NodeVariable)
	}
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	r, err := node.New(opts)
	if err != nil {
		t.Fatalf("new runtime: %v", err)
	}
	return r
}

func suite(opts node.Options) runtimetest.Suite {
	return runtimetest.Suite{
		New:       func(t testing.TB) runtime.Runtime { return newRuntime(t, opts) },
		Sandboxed: opts.Sandbox == node.SandboxRequire,
	}
}

func TestSandboxed(t *testing.T) { suite(node.Options{Sandbox: node.SandboxRequire}).Run(t) }

func TestPlain(t *testing.T) { suite(node.Options{Sandbox: node.SandboxOff}).Run(t) }

func TestPortable(t *testing.T) {
	if testing.Short() {
		t.Skip("the transport of other systems; TestPlain is close to it")
	}
	s := suite(node.Portable(node.Options{Sandbox: node.SandboxOff}))
	s.Apart = true
	s.Run(t)
}
