package disk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"time"

	"yunduo"
	"yunduo/storage/driver"
)

// Put stores an object.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader, options driver.PutOptions) (driver.ObjectInfo, error) {
	target, err := b.path(ctx, key)
	if err != nil {
		return driver.ObjectInfo{}, err
	}
	temporary := yunduo.NewID()
	info, err := b.writeTemporary(temporary, driver.NewSource(ctx, r, options.Size), options)
	if err == nil {
		err = failure(b.place(temporary, target))
	}
	if err != nil {
		if removal := b.tmp.Remove(temporary); removal != nil && !errors.Is(removal, fs.ErrNotExist) {
			err = errors.Join(err, removal)
		}
		return driver.ObjectInfo{}, err
	}
	info.Key = key
	return info, nil
}

// writeTemporary writes and syncs a complete object file in the tmp folder.
func (b *Bucket) writeTemporary(name string, source *driver.Source, options driver.PutOptions) (driver.ObjectInfo, error) {
	file, err := b.tmp.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return driver.ObjectInfo{}, failure(err)
	}
	digest := sha256.New()
	_, err = io.Copy(io.MultiWriter(file, digest), source)
	if source.Err() != nil {
		return driver.ObjectInfo{}, errors.Join(source.Err(), file.Close())
	}
	info := driver.ObjectInfo{
		Size:        source.Count(),
		ContentType: options.ContentType,
		ETag:        hex.EncodeToString(digest.Sum(nil)[:16]),
		Modified:    time.Now().UTC().Truncate(time.Millisecond),
		Metadata:    options.Metadata,
	}
	if info.ContentType == "" {
		info.ContentType = driver.DefaultContentType
	}
	if err == nil {
		err = writeFooter(file, info)
	}
	if err == nil {
		err = file.Sync()
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	return info, failure(err)
}

// place moves a complete file from the tmp folder to its path below the objects folder, for good.
func (b *Bucket) place(temporary, target string) error {
	b.folders.RLock()
	defer b.folders.RUnlock()
	folder := path.Dir(target)
	if err := b.makeFolder(folder); err != nil {
		return err
	}
	if err := b.root.Rename(path.Join(tmpDir, temporary), path.Join(objectsDir, target)); err != nil {
		return err
	}
	return syncDir(b.objects, folder)
}

// makeFolder makes a folder and those above it. What it makes survives a crash: the name of each new folder is synced
// before anything is put into it.
func (b *Bucket) makeFolder(folder string) error {
	err := b.objects.Mkdir(folder, 0o700)
	switch {
	case folder == "." || errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if err := b.makeFolder(path.Dir(folder)); err != nil {
			return err
		}
		if err := b.objects.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case err != nil:
		return err
	}
	return syncDir(b.objects, path.Dir(folder))
}

// Delete removes an object and the folders that it leaves empty.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	target, err := b.path(ctx, key)
	if err != nil {
		return err
	}
	b.removing.RLock()
	err = b.objects.Remove(target)
	b.removing.RUnlock()
	if err != nil {
		return failure(err)
	}
	folder := path.Dir(target)
	if err := syncDir(b.objects, folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failure(err)
	}
	b.removeEmpty(folder)
	return nil
}

// removeEmpty removes a folder if it is empty, then those above it. An empty folder does no harm, so a failure, such
// as the usual one that it is not empty, ends the clean-up quietly.
func (b *Bucket) removeEmpty(folder string) {
	if folder == "." || !b.isEmpty(folder) {
		return
	}
	b.folders.Lock()
	defer b.folders.Unlock()
	for folder != "." && b.objects.Remove(folder) == nil {
		folder = path.Dir(folder)
	}
}

// isEmpty saves removeEmpty from taking the lock when a folder has other files, as it mostly has.
func (b *Bucket) isEmpty(folder string) bool {
	file, err := b.objects.Open(folder)
	if err != nil {
		return false
	}
	defer file.Close()
	_, err = file.Readdirnames(1)
	return err == io.EOF
}

// syncDir makes the names in a folder durable. Windows does this by itself and has no call for it.
func syncDir(root *os.Root, folder string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	file, err := root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
