package node_test

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"

	"yunduo/functions/node"
	"yunduo/functions/runtime"
	"yunduo/functions/runtimetest"
	"yunduo/internal/eventloop"
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

// What runs in production on Linux: processes on an event loop, called by its coroutines and by goroutines.
func TestSandboxed(t *testing.T) {
	s := suite(node.Options{Sandbox: node.SandboxRequire})
	s.New = func(t testing.TB) runtime.Runtime {
		o := node.Options{Sandbox: node.SandboxRequire}
		loop, err := eventloop.New()
		if err != nil {
			t.Fatal(err)
		}
		o.Loop = loop
		return &onLoop{Runtime: newRuntime(t, o), loop: loop}
	}
	s.Run(t)
}

// onLoop makes every other invocation on a coroutine.
type onLoop struct {
	runtime.Runtime
	loop  *eventloop.Loop
	count atomic.Int64
}

func (r *onLoop) Load(ctx context.Context, bundle runtime.Bundle) (runtime.Program, error) {
	p, err := r.Runtime.Load(ctx, bundle)
	return &programOnLoop{Program: p, on: r}, err
}

func (r *onLoop) Close(ctx context.Context) error {
	defer r.loop.Close()
	return r.Runtime.Close(ctx)
}

type programOnLoop struct {
	runtime.Program
	on *onLoop
}

func (p *programOnLoop) Invoke(ctx context.Context, invocation *runtime.Invocation) (result runtime.Result, err error) {
	if p.on.count.Add(1)%2 == 0 {
		return p.Program.Invoke(ctx, invocation)
	}
	done := make(chan struct{})
	p.on.loop.Go(func(t *eventloop.Task) {
		defer close(done)
		invocation.Task = t
		defer context.AfterFunc(ctx, t.Unpark)()
		result, err = p.Program.Invoke(ctx, invocation)
	})
	<-done
	return result, err
}

func TestPlain(t *testing.T) { suite(node.Options{Sandbox: node.SandboxOff}).Run(t) }

func TestPortable(t *testing.T) {
	if testing.Short() {
		t.Skip("the transport of other systems; TestPlain is close to it")
	}
	s := suite(node.Portable(node.Options{Sandbox: node.SandboxOff}))
	s.Apart = true
	s.Run(t)
}
