package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"yunduo"
)

// installTimeout bounds one run of npm.
const installTimeout = 5 * time.Minute

// lockNames are the lock files that npm understands.
var lockNames = []string{"npm-shrinkwrap.json", "package-lock.json", "yarn.lock"}

// requirements are packages to install together.
type requirements struct {
	packages  map[string]string
	overrides json.RawMessage
	locks     map[string][]byte
	wantedBy  map[string]string // the first file that requires a package
}

// key names the result of an installation: the same requirements give the same folder.
func (r requirements) key() string {
	h := sha256.New()
	fmt.Fprintf(h, "1 %s %s\n", runtime.GOOS, runtime.GOARCH)
	for _, name := range slices.Sorted(maps.Keys(r.packages)) {
		fmt.Fprintf(h, "%q %q\n", name, r.packages[name])
	}
	fmt.Fprintf(h, "%q\n", r.overrides)
	for _, name := range slices.Sorted(maps.Keys(r.locks)) {
		fmt.Fprintf(h, "%q %q\n", name, r.locks[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// install returns a folder that holds node_modules with the packages. It is made once and then shared by every
// function and version with the same requirements; nothing changes it afterwards.
func (b *Builder) install(ctx context.Context, r requirements) (string, error) {
	key := r.key()
	target := filepath.Join(b.modules, key)
	unlock, err := b.installs.Lock(ctx, key)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	select {
	case b.npmRuns <- struct{}{}:
		defer func() { <-b.npmRuns }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	// It becomes visible by one rename: an installation that is cut off leaves nothing behind that looks finished.
	temp, err := os.MkdirTemp(b.modules, tempPrefix)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	failure := b.npm(ctx, temp, r)
	if failure != nil && len(r.locks) > 0 && failure.code != "ENOENT" {
		// A lock file may be older than the registry's memory, or not match package.json.
		failure = b.npm(ctx, temp, requirements{packages: r.packages, overrides: r.overrides})
	}
	if failure != nil {
		return "", failure.explain(ctx, r)
	}
	if err := os.Rename(temp, target); err != nil {
		if _, exists := os.Stat(target); exists == nil {
			return target, nil // another process was first
		}
		return "", err
	}
	return target, nil
}

// npmFailure is what npm says when it gives up.
type npmFailure struct {
	code, summary string
	cause         error
}

func (f *npmFailure) explain(ctx context.Context, r requirements) error {
	if errors.Is(f.cause, exec.ErrNotFound) {
		return yunduo.Wrap(f.cause, yunduo.ReasonInvalidBundle, "the packages of package.json (%s) cannot be installed, because npm was not found; install Node.js with npm or commit node_modules", r)
	}
	if ctx.Err() != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return yunduo.Wrap(f.cause, yunduo.ReasonInvalidBundle, "installing the packages of package.json (%s) took longer than %v", r, installTimeout)
		}
		return ctx.Err()
	}
	named, wanted := r.String(), ""
	for _, name := range slices.Sorted(maps.Keys(r.packages)) {
		spec := name + "@" + r.packages[name]
		if strings.Contains(f.summary, spec) || strings.Contains(f.summary, "/"+strings.ReplaceAll(name, "/", "%2f")) {
			named = spec
			if file := r.wantedBy[name]; file != "" {
				wanted = ", which " + file + " requires,"
			}
			break
		}
	}
	switch f.code {
	case "E404", "ETARGET":
		return yunduo.Wrap(f.cause, yunduo.ReasonInvalidBundle, "package %s of package.json%s cannot be installed: the registry has no such package or version", named, wanted)
	case "ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EAI_AGAIN", "ENETUNREACH":
		return yunduo.Wrap(f.cause, yunduo.ReasonInvalidBundle, "the packages of package.json (%s) cannot be installed: the package registry cannot be reached; check the network or commit node_modules", r)
	}
	summary, _, _ := strings.Cut(strings.TrimSpace(f.summary), "\n")
	return yunduo.Wrap(f.cause, yunduo.ReasonInvalidBundle, "the packages of package.json (%s) cannot be installed: %s", named, summary)
}

// String lists the packages for a message.
func (r requirements) String() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(r.packages)) {
		if len(list) == 5 {
			list = append(list, fmt.Sprintf("and %d more", len(r.packages)-5))
			break
		}
		list = append(list, name+"@"+r.packages[name])
	}
	return strings.Join(list, ", ")
}

func (b *Builder) npm(ctx context.Context, dir string, r requirements) *npmFailure {
	manifest := map[string]any{"name": "function", "version": "1.0.0", "private": true, "dependencies": r.packages}
	if len(r.overrides) > 0 {
		manifest["overrides"] = r.overrides
	}
	data, err := json.Marshal(manifest)
	if err != nil {
		return &npmFailure{summary: "package.json cannot be used", cause: err}
	}
	files := map[string][]byte{"package.json": data}
	maps.Copy(files, r.locks)
	for _, name := range lockNames {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &npmFailure{summary: "the cache folder cannot be written", cause: err}
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return &npmFailure{summary: "the cache folder cannot be written", cause: err}
		}
	}
	failure := b.runNPM(ctx, dir)
	if failure != nil && failure.code == "ERESOLVE" {
		// Older npm versions did not look at peer dependencies, and projects of their time rely on that.
		failure = b.runNPM(ctx, dir, "--legacy-peer-deps")
	}
	if failure == nil {
		if err := os.MkdirAll(filepath.Join(dir, "node_modules"), 0o755); err != nil {
			return &npmFailure{summary: "the cache folder cannot be written", cause: err}
		}
	}
	return failure
}

func (b *Builder) runNPM(ctx context.Context, dir string, extra ...string) *npmFailure {
	args := append([]string{"install", "--json", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", "--prefer-offline", "--loglevel=error",
		"--replace-registry-host=always", "--update-notifier=false"}, extra...)
	cmd := exec.CommandContext(ctx, b.npmPath, args...)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = withoutOwn(os.Environ())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err == nil {
		return nil
	}
	var reply struct {
		Error struct{ Code, Summary string }
	}
	failure := &npmFailure{cause: fmt.Errorf("npm: %w: %s", err, bytes.TrimSpace(tail(stderr.Bytes(), 2000)))}
	if json.Unmarshal(stdout.Bytes(), &reply) == nil && reply.Error.Code+reply.Error.Summary != "" {
		failure.code, failure.summary = reply.Error.Code, reply.Error.Summary
	} else {
		failure.summary = "npm failed"
	}
	return failure
}

func tail(data []byte, n int) []byte { return data[max(0, len(data)-n):] }
