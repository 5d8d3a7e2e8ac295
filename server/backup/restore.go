package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Part copies the files of a backup whose path begins with prefix into dir, which must not exist; their paths there lack
// the prefix. copied, if not nil, is told the bytes of every file.
func (t *Target) Part(ctx context.Context, m *Manifest, prefix, dir string, copied func(n int64)) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	folders := map[string]bool{".": true}
	for _, f := range m.Files {
		name, ok := strings.CutPrefix(f.Path, prefix)
		if !ok {
			continue
		}
		if folder := path.Dir(name); !folders[folder] {
			if err := root.MkdirAll(folder, 0o700); err != nil {
				return err
			}
			folders[folder] = true
		}
		if err := t.restoreFile(ctx, root, name, f); err != nil {
			return err
		}
		if copied != nil {
			copied(f.Size)
		}
	}
	for folder := range folders {
		if err := syncDir(filepath.Join(dir, filepath.FromSlash(folder))); err != nil {
			return err
		}
	}
	return nil
}

func (t *Target) restoreFile(ctx context.Context, root *os.Root, name string, f File) error {
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = t.copyFile(ctx, out, f)
	return errors.Join(err, out.Sync(), out.Close())
}

// Restore makes the data directory dir out of a backup: whole or not at all, however it ends. A directory that is there
// must be empty, or replace must be set: then it is moved aside, to the path that is returned.
func (t *Target) Restore(ctx context.Context, m *Manifest, dir string, replace bool, copied func(n int64)) (aside string, err error) {
	dir = filepath.Clean(dir)
	entries, err := os.ReadDir(dir)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	case len(entries) > 0 && !replace:
		return "", fmt.Errorf("%s is not empty; give --replace to move it aside", dir)
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", err
	}
	// What an earlier attempt left that was killed.
	left, err := filepath.Glob(filepath.Join(parent, "."+filepath.Base(dir)+".restoring-*"))
	if err != nil {
		return "", err
	}
	for _, name := range left {
		if err := os.RemoveAll(name); err != nil {
			return "", err
		}
	}
	fresh := filepath.Join(parent, "."+filepath.Base(dir)+".restoring-"+time.Now().UTC().Format("20060102T150405"))
	if err := t.Part(ctx, m, "", fresh, copied); err != nil {
		return "", errors.Join(err, os.RemoveAll(fresh))
	}
	if len(entries) > 0 {
		aside = dir + ".before-" + time.Now().UTC().Format("20060102T150405")
		return aside, errors.Join(exchange(fresh, dir, aside), syncDir(parent))
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // empty
		return "", err
	}
	return "", errors.Join(os.Rename(fresh, dir), syncDir(parent))
}
