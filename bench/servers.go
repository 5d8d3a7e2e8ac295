package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
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
	arguments := append([]string{"dev", dir, "--port", "0", "--app", "bench"}, extra...)
	log, err := os.Create(filepath.Join(dir, "server.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	stop, err := startProcess(exec.Command(binary, arguments...), log)
	if err != nil {
		return nil, err
	}
	p := &platform{stop: stop}
	if err := p.ready(ctx, filepath.Join(dir, ".yunduo", "dev.json")); err != nil {
		stop()
		return nil, err
	}
	return p, nil
}

func (p *platform) ready(ctx context.Context, file string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, p) == nil {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server wrote no %s", file)
		case <-time.After(50 * time.Millisecond):
		}
	}
	u, err := url.Parse(p.URL)
	if err != nil {
		return err
	}
	p.host = u.Host
	user := map[string]string{"username": "reader", "password": "a-long-password-of-the-benchmark"}
	if err := p.post(ctx, "/v1/manage/apps/"+p.App+"/users", p.APIKey, user, nil); err != nil {
		return err
	}
	var tokens struct {
		AccessToken string `json:"accessToken"`
	}
	if err := p.post(ctx, "/v1/apps/"+p.App+"/auth/password", "", user, &tokens); err != nil {
		return err
	}
	p.token = tokens.AccessToken
	return nil
}

// post calls the platform outside the measured time.
func (p *platform) post(ctx context.Context, path, token string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL+path, bytes.NewReader(text))
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
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, response.Status, reply)
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
	stop, err := startProcess(command, writer)
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

// startProcess starts a child; the returned function stops it and waits for its end.
func startProcess(command *exec.Cmd, out *os.File) (func(), error) {
	command.Stdout, command.Stderr = out, os.Stderr
	if err := command.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	}, nil
}
