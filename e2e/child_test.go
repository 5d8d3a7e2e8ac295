package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/apps"
	client "yunduo/sdk/go"
)

// serveChild is the test binary as a server: it prints its address and an API key of the app and serves until killed.
func serveChild(dir string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := serveKilled(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serveKilled(ctx context.Context, dir string) error {
	p, err := startPlatform(devConfig(dir))
	if err != nil {
		return err
	}
	key, err := killKey(ctx, p, killApp, filepath.Join(dir, "api-key"))
	if err != nil {
		return err
	}
	bystander, err := killKey(ctx, p, bystanderApp, filepath.Join(dir, "bystander-key"))
	if err != nil {
		return err
	}
	fmt.Println(p.url, key, bystander)
	<-ctx.Done()
	return p.stop()
}

// killKey makes an app and its key at the first start and remembers the key in a file.
func killKey(ctx context.Context, p *platform, app yunduo.AppID, file string) (string, error) {
	if text, err := os.ReadFile(file); err == nil {
		return string(text), nil
	}
	registry := p.server.Rooms().Apps
	if _, err := registry.Create(ctx, yunduo.System(app), apps.App{ID: app}); err != nil {
		return "", err
	}
	key, err := registry.CreateKey(ctx, yunduo.System(app), app)
	if err != nil {
		return "", err
	}
	return key.APIKey, os.WriteFile(file, []byte(key.APIKey), 0o600)
}

// child is a server process.
type child struct {
	command *exec.Cmd
	client  *client.Client
	url     string
	key     string // of the app
	// bystander is a client of another app.
	bystander *client.Client
}

func startChild(t testing.TB, dir string) *child {
	t.Helper()
	executable, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(executable)
	command.Env = append(os.Environ(), childVariable+"="+dir)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill() }) // which it is already, unless the test failed before it came to that
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = command.Wait()
		t.Fatalf("the server did not start: %v, %v", err, command.ProcessState)
	}
	words := strings.Fields(line)
	require.Len(t, words, 3)
	url := words[0]
	return &child{command: command, client: client.New(url, killApp, words[1]), bystander: client.New(url, bystanderApp, words[2]), url: url, key: words[1]}
}

func (c *child) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, c.command.Process.Kill())
	_ = c.command.Wait() // says that it was killed
}
