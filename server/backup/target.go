package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	poolDir     = "pool"
	manifestDir = "backups"
	nameLayout  = "20060102T150405.000Z"
)

// Target is a backup folder.
type Target struct{ dir string }

// Open opens a backup folder. With create it is made if it is missing; an existing folder must be empty or a backup
// folder.
func Open(dir string, create bool) (*Target, error) {
	entries, err := os.ReadDir(dir)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !(missing && create) {
		return nil, err
	}
	known := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == manifestDir })
	if !known && (len(entries) > 0 || !create) {
		return nil, fmt.Errorf("%s is no backup folder", dir)
	}
	for _, name := range []string{poolDir, manifestDir} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, err
		}
	}
	return &Target{dir: dir}, nil
}

// List names the backups, the oldest first.
func (t *Target) List() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(t.dir, manifestDir))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".jsonl"); ok {
			if _, err := TimeOf(name); err == nil {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// TimeOf returns when a backup was made, by its name.
func TimeOf(name string) (time.Time, error) { return time.Parse(nameLayout, name) }

// Load reads the manifest of a backup; the newest one if name is empty. It returns nil if there is none at all.
func (t *Target) Load(name string) (*Manifest, error) {
	if name == "" {
		names, err := t.List()
		if err != nil || len(names) == 0 {
			return nil, err
		}
		name = names[len(names)-1]
	}
	if _, err := TimeOf(name); err != nil {
		return nil, fmt.Errorf("%q is not the name of a backup", name)
	}
	f, err := os.Open(filepath.Join(t.dir, manifestDir, name+".jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := Decode(f)
	if err != nil {
		return nil, fmt.Errorf("backup %s: %w", name, err)
	}
	return m, nil
}

// Name returns the name of a backup in its folder.
func (m *Manifest) Name() string { return m.CreatedAt.UTC().Format(nameLayout) }

func (t *Target) pooled(sum string) string { return filepath.Join(t.dir, poolDir, sum[:2], sum) }

// Receive stores a stream of Send as a backup. A stream that breaks off leaves no backup, only files in the pool that
// the next one may use. received, if not nil, is told the bytes of every part.
func (t *Target) Receive(ctx context.Context, r io.Reader, received func(n int64)) (*Manifest, error) {
	in := tar.NewReader(r)
	for {
		entry, err := in.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("the backup did not arrive whole: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if entry.Name == manifestName {
			m, err := Decode(in)
			if err != nil {
				return nil, err
			}
			return m, t.keep(m)
		}
		if err := t.store(in, received); err != nil {
			return nil, fmt.Errorf("the backup did not arrive whole: %w", err)
		}
	}
}

// store puts a file into the pool.
func (t *Target) store(r io.Reader, received func(int64)) error {
	f, err := os.CreateTemp(filepath.Join(t.dir, poolDir), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone once it was renamed
	digest := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, digest, counter(received)), r)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	name := t.pooled(hex.EncodeToString(digest.Sum(nil)))
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

type counter func(int64)

// Write counts.
func (c counter) Write(p []byte) (int, error) {
	if c != nil {
		c(int64(len(p)))
	}
	return len(p), nil
}

// keep writes the manifest of a backup whose files are all there.
func (t *Target) keep(m *Manifest) (err error) {
	for _, f := range m.Files {
		info, err := os.Stat(t.pooled(f.SHA256))
		if err != nil || info.Size() != f.Size {
			return fmt.Errorf("the pool lacks %s: remove the folder's backups or choose another folder", f.Path)
		}
	}
	dir := filepath.Join(t.dir, manifestDir)
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone once it was renamed
	if err := errors.Join(m.Encode(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, m.Name()+".jsonl")); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Verify reads every file of a backup and compares its checksum.
func (t *Target) Verify(ctx context.Context, m *Manifest) error {
	for _, f := range m.Files {
		if err := t.copyFile(ctx, io.Discard, f); err != nil {
			return err
		}
	}
	return nil
}

// copyFile writes a pooled file to w and compares its checksum.
func (t *Target) copyFile(ctx context.Context, w io.Writer, f File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	in, err := os.Open(t.pooled(f.SHA256))
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	defer in.Close()
	digest := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, digest), in)
	if err == nil && (n != f.Size || hex.EncodeToString(digest.Sum(nil)) != f.SHA256) {
		err = errors.New("the file in the pool is damaged")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return nil
}

// Prune removes all backups but the newest keep ones, and the files that no backup needs any more. It returns how many
// backups were removed.
func (t *Target) Prune(ctx context.Context, keep int) (removed int, err error) {
	names, err := t.List()
	if err != nil {
		return 0, err
	}
	for ; len(names) > keep; names, removed = names[1:], removed+1 {
		if err := os.Remove(filepath.Join(t.dir, manifestDir, names[0]+".jsonl")); err != nil {
			return removed, err
		}
	}
	needed := map[string]bool{}
	for _, name := range names {
		m, err := t.Load(name)
		if err != nil {
			return removed, err // nothing is removed that an unreadable backup may need
		}
		for _, f := range m.Files {
			needed[f.SHA256] = true
		}
	}
	return removed, filepath.WalkDir(filepath.Join(t.dir, poolDir), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || needed[d.Name()] {
			return err
		}
		return errors.Join(ctx.Err(), os.Remove(name))
	})
}
