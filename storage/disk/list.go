package disk

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"yunduo"
	"yunduo/storage/driver"
)

// List lists objects in byte order of their keys. It reads only the folders that the page touches.
func (b *Bucket) List(ctx context.Context, prefix, after string, limit int) ([]driver.ObjectInfo, bool, error) {
	if limit < 1 || limit > driver.MaxList {
		return nil, false, yunduo.Errorf(yunduo.ReasonInvalidRequest, "limit is %d; allowed are 1 to %d", limit, driver.MaxList)
	}
	l := &listing{bucket: b, ctx: ctx, prefix: prefix, after: after, limit: limit}
	err := l.walk(".", "")
	if err != nil && err != errPageFull {
		return nil, false, err
	}
	return l.objects, err == errPageFull, nil
}

var errPageFull = errors.New("the page is full")

type listing struct {
	bucket        *Bucket
	ctx           context.Context
	prefix, after string
	limit         int
	objects       []driver.ObjectInfo
}

// entry is a file or folder. Its key is that of the object, or the common beginning of the keys in the folder.
type entry struct {
	key    string
	path   string
	folder bool
}

// walk adds the objects in a folder whose keys begin with key.
func (l *listing) walk(folder, key string) error {
	entries, err := l.entries(folder, key)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	for _, e := range entries {
		if !l.wanted(e) {
			continue
		}
		if e.folder {
			err = l.walk(e.path, e.key)
		} else {
			err = l.add(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wanted reports whether an object is in the listing, or a folder may hold one that is.
func (l *listing) wanted(e entry) bool {
	if e.folder {
		return (strings.HasPrefix(e.key, l.prefix) || strings.HasPrefix(l.prefix, e.key)) &&
			(e.key > l.after || strings.HasPrefix(l.after, e.key))
	}
	return strings.HasPrefix(e.key, l.prefix) && e.key > l.after
}

func (l *listing) add(e entry) error {
	if len(l.objects) == l.limit {
		return errPageFull
	}
	info, err := l.bucket.Stat(l.ctx, e.key)
	if yunduo.ReasonOf(err) == yunduo.ReasonFileNotFound {
		return nil // deleted since the folder was read
	}
	if err != nil {
		return err
	}
	l.objects = append(l.objects, info)
	return nil
}

// entries returns what a folder holds. Folders that only continue a long name are replaced by what they hold, because
// their keys may lie before and after those of a neighbour.
func (l *listing) entries(folder, key string) ([]entry, error) {
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	names, err := fs.ReadDir(l.bucket.objects.FS(), folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failure(err)
	}
	var entries []entry
	for _, file := range names {
		name, isFolder := strings.CutSuffix(file.Name(), folderMark)
		name, isContinuation := strings.CutSuffix(name, continuationMark)
		segment, ok := decodeName(name)
		if !ok || file.IsDir() != (isFolder || isContinuation) {
			continue // not ours, such as a file that a desktop leaves in every folder it shows
		}
		e := entry{key: key + segment, path: path.Join(folder, file.Name()), folder: isFolder}
		if isFolder {
			e.key += "/"
		}
		if !isContinuation {
			entries = append(entries, e)
			continue
		}
		inner, err := l.entries(e.path, e.key)
		if err != nil {
			return nil, err
		}
		entries = append(entries, inner...)
	}
	return entries, nil
}
