// Package disk keeps a bucket's objects as files in a directory of the local disk.
//
// Each object is one file: its bytes, then its description (see footer.go), so that one rename makes both visible at
// once. A file is written under tmp, synced, and then renamed to its place under objects. Names there are escaped (see
// name.go), so that no key can leave the directory, meet another on a file system that ignores case, or be too long.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"yunduo"
	"yunduo/storage/driver"
)

var _ driver.Bucket = (*Bucket)(nil)

const (
	objectsDir = "objects"
	tmpDir     = "tmp"
)

// Bucket keeps objects in a directory. Only one Bucket may be open on a directory at a time.
type Bucket struct {
	objects *os.Root
	tmp     *os.Root
	root    *os.Root // holds both, for the rename from one to the other

	// folders is held for reading while a file is put into a folder and for writing while empty folders are removed.
	folders sync.RWMutex
	// removing is held for reading while an object is removed and for writing while a snapshot is made.
	removing sync.RWMutex
}

// Open opens the bucket in directory dir and makes the directory if it is missing. Files that a crash left half
// written are removed.
func Open(dir string) (*Bucket, error) {
	for _, name := range []string{objectsDir, tmpDir} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("make the storage directory: %w", err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the storage directory: %w", err)
	}
	b := &Bucket{root: root}
	if err := b.open(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (b *Bucket) open() (err error) {
	if b.objects, err = b.root.OpenRoot(objectsDir); err != nil {
		return fmt.Errorf("open the storage directory: %w", err)
	}
	if b.tmp, err = b.root.OpenRoot(tmpDir); err != nil {
		return fmt.Errorf("open the storage directory: %w", err)
	}
	leftovers, err := fs.ReadDir(b.tmp.FS(), ".")
	if err != nil {
		return fmt.Errorf("read the storage directory: %w", err)
	}
	for _, entry := range leftovers {
		if err := b.tmp.RemoveAll(entry.Name()); err != nil {
			return fmt.Errorf("remove a half-written file: %w", err)
		}
	}
	return syncDir(b.root, ".")
}

// Close releases the directory.
func (b *Bucket) Close() error {
	var errs []error
	for _, root := range []*os.Root{b.objects, b.tmp, b.root} {
		if root != nil {
			errs = append(errs, root.Close())
		}
	}
	return errors.Join(errs...)
}

// Get opens an object or a part of it.
func (b *Bucket) Get(ctx context.Context, key string, r driver.Range) (io.ReadCloser, driver.ObjectInfo, error) {
	file, info, err := b.openObject(ctx, key)
	if err != nil {
		return nil, driver.ObjectInfo{}, err
	}
	length, err := r.Resolve(info.Size)
	if err != nil {
		return nil, driver.ObjectInfo{}, errors.Join(err, file.Close())
	}
	return &reader{SectionReader: io.NewSectionReader(file, r.Offset, length), ctx: ctx, file: file}, info, nil
}

// Stat describes an object.
func (b *Bucket) Stat(ctx context.Context, key string) (driver.ObjectInfo, error) {
	file, info, err := b.openObject(ctx, key)
	if err != nil {
		return driver.ObjectInfo{}, err
	}
	return info, file.Close()
}

func (b *Bucket) openObject(ctx context.Context, key string) (*os.File, driver.ObjectInfo, error) {
	path, err := b.path(ctx, key)
	if err != nil {
		return nil, driver.ObjectInfo{}, err
	}
	file, err := b.objects.Open(path)
	if err != nil {
		return nil, driver.ObjectInfo{}, failure(err)
	}
	info, err := readFooter(file)
	if err != nil {
		return nil, driver.ObjectInfo{}, errors.Join(failure(err), file.Close())
	}
	info.Key = key
	return file, info, nil
}

// path returns the file of a key, below the objects folder.
func (b *Bucket) path(ctx context.Context, key string) (string, error) {
	if err := driver.ValidateKey(key); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return encodeKey(key), nil
}

// reader is a part of an object's file.
type reader struct {
	*io.SectionReader
	ctx  context.Context
	file *os.File
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.SectionReader.Read(p)
	if err != nil && err != io.EOF {
		return n, failure(err)
	}
	return n, err
}

func (r *reader) Close() error { return r.file.Close() }

// failure turns an error of the file system into one that a caller may see.
func failure(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return yunduo.Errorf(yunduo.ReasonFileNotFound, "there is no such file")
	case isFull(err):
		return yunduo.Wrap(err, yunduo.ReasonStorageFull, "the disk of the server is full")
	}
	return yunduo.Wrap(err, yunduo.ReasonBucketFailed, "the disk of the server failed")
}
