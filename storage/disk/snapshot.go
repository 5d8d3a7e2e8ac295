package disk

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Snapshot makes dir, which must not exist, a copy of all objects. first is called before, at a moment from which on
// no object is removed until the copy is done: what the caller notes then of the objects that there are holds for the
// copy, which may have more. Where the file system can link files no bytes are copied.
func (b *Bucket) Snapshot(ctx context.Context, dir string, first func() error) error {
	b.removing.Lock()
	defer b.removing.Unlock()
	if err := first(); err != nil {
		return err
	}
	from := filepath.Join(b.root.Name(), objectsDir)
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name != from {
			return nil // an empty folder that was removed
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		relative, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, objectsDir, relative)
		if d.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		if os.Link(name, to) == nil {
			return nil
		}
		return copyFile(name, to)
	})
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
