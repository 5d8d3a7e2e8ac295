package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo/functions/node"
)

// How long a test waits for what must come, and how often it looks.
const patience, pause = 30 * time.Second, 5 * time.Millisecond

func TestMain(m *testing.M) {
	node.SandboxInit() // does not return in a process that is about to become a sandbox
	for _, name := range []string{"YUNDUO_URL", "YUNDUO_APP", "YUNDUO_API_KEY", "YUNDUO_CONFIG", "YUNDUO_SECRET"} {
		_ = os.Unsetenv(name)
	}
	os.Exit(m.Run())
}

// output is what a program prints; it may be read while the program runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// waitFor waits until the output has the text n times.
func (o *output) waitFor(t *testing.T, text string, n int) {
	t.Helper()
	if !eventually(t, func() bool { return strings.Count(o.String(), text) >= n }) {
		t.Fatalf("%q did not come: %s", text, o.String())
	}
}

func eventually(t *testing.T, holds func() bool) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
	return true
}

// program is a running command.
type program struct {
	out  *output
	stop func() error // ends it as Ctrl+C does, and waits
}

// begin runs a command line until stop or the end of the test.
func begin(t *testing.T, l language, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{out: &output{}}
	done := make(chan error, 1)
	root := rootCommand(l)
	root.SetArgs(args)
	root.SetOut(p.out)
	root.SetErr(p.out)
	go func() { done <- root.ExecuteContext(ctx) }()
	p.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { require.NoError(t, p.stop(), p.out) })
	return p
}

// run runs a command line to its end.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out := &output{}
	root := rootCommand("en")
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}
