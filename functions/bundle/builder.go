package bundle

import (
	"os"
	"path/filepath"
	"time"

	"yunduo/internal/keylock"
)

// tempPrefix marks folders under construction.
const tempPrefix = ".tmp-"

// staleAfter is the age at which a folder under construction must be left over from a process that died.
const staleAfter = time.Hour

// BuilderOptions are settings of a Builder. Zero values mean the defaults.
type BuilderOptions struct {
	// CacheDir keeps installed packages between builds; it may be deleted while nothing runs.
	CacheDir string
	Limits   Limits
	NPM      string // path of npm, looked up in PATH by default
	// TrustSources also installs packages from URLs and Git repositories, which makes npm connect to addresses the
	// author chooses. Right on the author's own machine, wrong on a shared server.
	TrustSources bool
}

// Builder makes bundles. It is safe for concurrent use, and several processes may share its cache.
type Builder struct {
	options      BuilderOptions
	modules      string
	limits       Limits
	npmPath      string
	trustSources bool
	installs     keylock.Locks
	npmRuns      chan struct{} // bounds how many run at once
	apart        chan struct{} // so do these
	audits       audits
}

// NewBuilder makes a Builder and its cache folder, and clears away what an earlier process left unfinished there.
func NewBuilder(o BuilderOptions) (*Builder, error) {
	dir, err := filepath.Abs(filepath.Join(o.CacheDir, "modules"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	if err := removeStale(dir); err != nil {
		return nil, err
	}
	o.CacheDir = filepath.Dir(dir)
	b := &Builder{options: o, apart: make(chan struct{}, apartBuilds), modules: dir, limits: o.Limits.withDefaults(), npmPath: o.NPM, trustSources: o.TrustSources, npmRuns: make(chan struct{}, 2)}
	if b.npmPath == "" {
		b.npmPath = "npm"
	}
	return b, nil
}

func removeStale(dir string) error {
	for _, pattern := range []string{tempPrefix + "*", filepath.Join("*", tempPrefix+"*")} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > staleAfter {
				if err := os.RemoveAll(name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
