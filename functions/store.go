package functions

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"yunduo"
	"yunduo/functions/bundle"
	"yunduo/internal/keylock"
	"yunduo/storage/driver"
)

const (
	bundlePrefix = "bundles"
	tempPrefix   = ".tmp-"
	// unusedAfter is how long an unpacked folder that no process used stays in the cache.
	unusedAfter = 7 * 24 * time.Hour
)

// store keeps bundles: objects in the bucket, and unpacked folders in a cache on this machine.
type store struct {
	bucket driver.Bucket
	dir    string
	limits bundle.Limits
	locks  keylock.Locks
}

// openStore makes the cache folder and clears away what is unfinished or unused in it. Nothing runs from it yet.
func openStore(bucket driver.Bucket, dir string, limits bundle.Limits) (*store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // gone meanwhile
		}
		if age := time.Since(info.ModTime()); age > unusedAfter || (strings.HasPrefix(e.Name(), tempPrefix) && age > time.Hour) {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return nil, err
			}
		}
	}
	return &store{bucket: bucket, dir: dir, limits: limits}, nil
}

func bundleKey(app yunduo.AppID, function, hash string) string {
	return strings.Join([]string{bundlePrefix, string(app), function, hash}, "/")
}

// put stores a bundle, unless it is there already.
func (s *store) put(ctx context.Context, app yunduo.AppID, function string, b *bundle.Bundle) error {
	key := bundleKey(app, function, b.Hash)
	_, err := s.bucket.Stat(ctx, key)
	if err == nil || yunduo.ReasonOf(err) != yunduo.ReasonFileNotFound {
		return err
	}
	var archive bytes.Buffer
	if err := b.Encode(&archive); err != nil {
		return err
	}
	_, err = s.bucket.Put(ctx, key, bytes.NewReader(archive.Bytes()), driver.PutOptions{ContentType: "application/zstd", Size: int64(archive.Len())})
	return err
}

// get reads a bundle back. The hash is checked: what runs is what was deployed.
func (s *store) get(ctx context.Context, app yunduo.AppID, function, hash string) (*bundle.Bundle, error) {
	r, _, err := s.bucket.Get(ctx, bundleKey(app, function, hash), driver.Range{})
	if err != nil {
		return nil, err
	}
	b, err := bundle.Decode(r, s.limits)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if b.Hash != hash {
		return nil, yunduo.Errorf(yunduo.ReasonInternal, "the stored bundle of function %s is damaged; deploy it again", function)
	}
	return b, nil
}

// remove deletes the bundles of a function other than the ones to keep.
func (s *store) remove(ctx context.Context, app yunduo.AppID, function string, keep map[string]bool) error {
	prefix := bundleKey(app, function, "")
	for after := ""; ; {
		objects, more, err := s.bucket.List(ctx, prefix, after, driver.MaxList)
		if err != nil {
			return err
		}
		for _, o := range objects {
			after = o.Key
			if keep[strings.TrimPrefix(o.Key, prefix)] {
				continue
			}
			if err := s.bucket.Delete(ctx, o.Key); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonFileNotFound {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// folder returns the unpacked folder of a bundle. It appears by one rename and never changes afterwards; a folder
// that a crash of the machine left incomplete is unpacked anew.
func (s *store) folder(ctx context.Context, b *bundle.Bundle) (string, error) {
	unlock, err := s.locks.Lock(ctx, b.Hash)
	if err != nil {
		return "", err
	}
	defer unlock()
	dir := filepath.Join(s.dir, b.Hash)
	if _, err := os.Stat(dir); err == nil {
		if complete(dir, b) {
			now := time.Now()
			return dir, os.Chtimes(dir, now, now)
		}
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	parent, err := os.MkdirTemp(s.dir, tempPrefix)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(parent)
	temp := filepath.Join(parent, "app")
	if err := b.Materialize(temp); err != nil {
		return "", err
	}
	if err := os.Rename(temp, dir); err != nil && !complete(dir, b) { // another process may have been first
		return "", err
	}
	return dir, nil
}

// complete reports whether every file of the bundle is there in its full size.
func complete(dir string, b *bundle.Bundle) bool {
	for _, f := range b.Files {
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err != nil || (info.Mode()&fs.ModeSymlink != 0) != (f.Link != "") || (f.Link == "" && info.Size() != int64(len(f.Data))) {
			return false
		}
	}
	if b.Mode == bundle.ModeUnbundled && b.Code != nil {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(b.Entry)))
		return err == nil && info.Size() == int64(len(b.Code))
	}
	return true
}

// scratch returns a new folder for a build, which the caller removes.
func (s *store) scratch() (string, error) { return os.MkdirTemp(s.dir, tempPrefix) }
