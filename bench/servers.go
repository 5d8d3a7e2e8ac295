package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

//go:embed project
var projectFiles embed.FS

// platform is a running Yunduo with the benchmark's project deployed.
type platform struct {
	URL       string `json:"url"`
	App       string `json:"app"`
	APIKey    string `json:"apiKey"`
	SecretID  string `json:"secretId"`
	SecretKey string `json:"secretKey"`
	PID       int    `json:"pid"`

	host  string
	token string // of an end user
	stop  func()
}

// writeProject writes the project with a number of functions that nobody has called.
func writeProject(dir string, cold int) error {
	root, err := fs.Sub(projectFiles, "project")
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, root); err != nil {
		return err
	}
	code, err := fs.ReadFile(root, "cold.js")
	if err != nil {
		return err
	}
	for i := range cold {
		folder := filepath.Join(dir, "cloudfunctions", coldName(i))
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, "index.js"), code, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func coldName(i int) string { return fmt.Sprintf("cold-%03d", i) }

// startPlatform runs `yunduo dev` on the project in dir and signs an end user in.
func startPlatform(ctx context.Context, binary, dir string, extra []string) (*platform, error) {
	p := &platform{}
	if err := p.launch(ctx, binary, dir, extra); err != nil {
		return nil, err
	}
	if err := p.signIn(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// launch starts the server, also one that ran in dir before, and returns when it says that it is ready.
func (p *platform) launch(ctx context.Context, binary, dir string, extra []string) error {
	log, err := os.OpenFile(filepath.Join(dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	ready := filepath.Join(dir, ".yunduo", "dev.json")
	if err := os.Remove(ready); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	arguments := append([]string{"dev", dir, "--port", "0", "--app", "bench"}, extra...)
	var ended <-chan struct{}
	if p.stop, ended, err = startProcess(exec.Command(binary, arguments...), log); err != nil {
		return err
	}
	if err := p.ready(ctx, ready, ended); err != nil {
		p.stop()
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w; its log: %.2000s", err, text)
	}
	return nil
}

func (p *platform) ready(ctx context.Context, file string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, p) == nil {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server wrote no %s", file)
		case <-ended:
			return errors.New("the server ended before it was ready")
		case <-time.After(2 * time.Millisecond):
		}
	}
	u, err := url.Parse(p.URL)
	if err != nil {
		return err
	}
	p.host = u.Host
	return nil
}

// reader is the end user of the measurements.
var reader = map[string]string{"username": "reader", "password": "a-long-password-of-the-benchmark"}

// signIn makes the end user and takes its token.
func (p *platform) signIn(ctx context.Context) error {
	if err := p.post(ctx, "/v1/manage/apps/"+p.App+"/users", p.APIKey, reader, nil); err != nil {
		return err
	}
	return p.renew(ctx)
}

// renew takes a new token of the end user.
func (p *platform) renew(ctx context.Context) error {
	var tokens struct {
		AccessToken string `json:"accessToken"`
	}
	err := p.post(ctx, "/v1/apps/"+p.App+"/auth/password", "", reader, &tokens)
	p.token = tokens.AccessToken
	return err
}

// kill ends the server as a failure of the machine would.
func (p *platform) kill() error {
	process, err := os.FindProcess(p.PID)
	if err != nil {
		return err
	}
	if err := process.Kill(); err != nil {
		return err
	}
	p.stop()
	return nil
}

// post calls the platform outside the measured time.
func (p *platform) post(ctx context.Context, path, token string, body, into any) error {
	return call(ctx, http.MethodPost, p.URL+path, token, body, into)
}

// call sends JSON to a server and decodes its reply.
func call(ctx context.Context, method, address, token string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s: %.2000s", address, response.Status, reply)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(reply, into)
}

// startPeer runs the bare Node server and returns its address.
func startPeer(node, dir string) (string, func(), error) {
	command := exec.Command(node, filepath.Join(dir, "peer.js"))
	reader, writer, err := os.Pipe()
	if err != nil {
		return "", nil, err
	}
	defer reader.Close()
	stop, _, err := startProcess(command, writer)
	writer.Close()
	if err != nil {
		return "", nil, err
	}
	line := make([]byte, 16)
	n, err := reader.Read(line)
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("the peer did not start: %w", err)
	}
	return "127.0.0.1:" + strings.TrimSpace(string(line[:n])), stop, nil
}

// startProcess starts a child; the returned function stops it and waits for its end, and ended is closed when it has
// come to it.
func startProcess(command *exec.Cmd, out *os.File) (stop func(), ended <-chan struct{}, err error) {
	command.Stdout, command.Stderr = out, os.Stderr
	if err := command.Start(); err != nil {
		return nil, nil, err
	}
	over := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(over)
	}()
	return func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		<-over
	}, over, nil
}
