package functions_test

import (
	"context"
	"encoding/json"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/functions"
	"yunduo/functions/runtime"
)

// kitchen is a runtime whose programs answer their version, and get their first process when it is served to them.
type kitchen struct {
	runtime.Runtime
	asked  chan string // the version that is to be warmed
	served chan struct{}
}

func (k *kitchen) Load(_ context.Context, b runtime.Bundle) (runtime.Program, error) {
	return &dish{kitchen: k, version: b.Version}, nil
}

type dish struct {
	stillProgram
	*kitchen
	version string
	running atomic.Bool
}

func (d *dish) Running() bool { return d.running.Load() }

func (d *dish) Warm(ctx context.Context) {
	select {
	case d.asked <- d.version:
	case <-ctx.Done():
		return
	}
	select {
	case <-d.served:
		d.running.Store(true)
	case <-ctx.Done():
	}
}

func (d *dish) Invoke(context.Context, *runtime.Invocation) (runtime.Result, error) {
	d.running.Store(true)
	return runtime.Result{JSON: json.RawMessage(d.version)}, nil
}

// A version that runs answers until the process of the next one is there.
func TestDeploy_WarmWhereCallsAre(t *testing.T) {
	k := &kitchen{asked: make(chan string), served: make(chan struct{})}
	h := openWith(t, t.TempDir(), functions.Options{}, k)
	deploy := func(n int) <-chan error {
		done := make(chan error, 1)
		request := functions.DeployRequest{Name: "f", Source: source("index.js", returning(strconv.Itoa(n))), KeepBroken: true}
		go func() {
			_, err := h.Deploy(t.Context(), owner, app, request)
			done <- err
		}()
		return done
	}
	require.NoError(t, <-deploy(1), "nobody calls it yet, and so nobody is to be served")
	require.NoError(t, <-deploy(2))
	require.Equal(t, "2", h.call(t, "f"))
	done := deploy(3)
	require.Equal(t, "3", <-k.asked)
	require.Equal(t, "2", h.call(t, "f"))
	k.served <- struct{}{}
	require.NoError(t, <-done)
	require.Equal(t, "3", h.call(t, "f"))
}
