package storage

import (
	"context"
	"errors"
	"io"
	"path"
	"time"

	"yunduo"
	"yunduo/storage/driver"
)

// Write stores the bytes that r yields as the file at a path and replaces one that is there. An empty contentType is
// told from the name. The file belongs to the end user that the caller acts for; replacing keeps the owner.
//
// It returns invalid_file_id, file_denied, file_too_large, storage_full or bucket_failed; an error of r comes back as
// it is. On any error the file is as it was.
func (s *Store) Write(ctx context.Context, caller yunduo.Caller, filePath string, r io.Reader, contentType string) (File, error) {
	if err := admit(caller); err != nil {
		return File{}, err
	}
	filePath, err := CleanPath(filePath)
	if err != nil {
		return File{}, err
	}
	// Who may not write is told before the bytes are sent; register checks again what counts.
	old, err := s.present(ctx, caller.App, filePath)
	if err != nil {
		return File{}, err
	}
	if err := s.mayWrite(ctx, caller, record{Path: filePath, ContentType: contentTypeOf(filePath, contentType)}, old); err != nil {
		return File{}, err
	}
	return s.store(ctx, caller, upload{path: filePath, body: r, size: -1, limit: s.options.MaxFileSize, contentType: contentType})
}

// upload is a file on its way in.
type upload struct {
	path        string
	body        io.Reader
	size        int64 // bytes, -1 when unknown
	limit       int64 // bytes
	contentType string
}

// store puts the bytes into the bucket, then registers them.
func (s *Store) store(ctx context.Context, caller yunduo.Caller, u upload) (File, error) {
	if u.size > u.limit {
		return File{}, tooLarge(u.limit)
	}
	now := s.options.Now().UTC().Truncate(time.Millisecond)
	next := record{
		ID: recordID(caller.App, u.path), App: string(caller.App), Path: u.path, Owner: owner(caller),
		// By month, so that no folder grows without end and few are ever emptied.
		Object:    path.Join(objectPrefix, string(caller.App), now.Format("200601"), yunduo.NewID()),
		CreatedAt: now, ModifiedAt: now, ContentType: contentTypeOf(u.path, u.contentType),
	}
	info, err := s.bucket.Put(ctx, next.Object, &limited{r: u.body, left: u.limit, limit: u.limit}, driver.PutOptions{
		Size:        u.size,
		ContentType: next.ContentType,
		Metadata:    map[string]string{"app": next.App},
	})
	if err != nil {
		return File{}, err
	}
	next.Size, next.ETag = info.Size, info.ETag
	stored, err := s.register(ctx, caller, next)
	if err != nil {
		return File{}, errors.Join(err, s.abandon(ctx, next))
	}
	return stored.file(), nil
}

// abandon removes an object whose registration failed, unless it has happened after all: a write that ran into its
// deadline may still have been done.
func (s *Store) abandon(ctx context.Context, next record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	now, err := s.present(ctx, yunduo.AppID(next.App), next.Path)
	if err != nil || now != nil && now.Object == next.Object {
		return err
	}
	return s.dropObject(ctx, next.Object)
}

// objectPrefix begins the key of every file's object.
const objectPrefix = "files"

// limited fails with file_too_large as soon as a reader yields more than a number of bytes.
type limited struct {
	r           io.Reader
	left, limit int64
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	if l.left < 0 {
		return 0, tooLarge(l.limit)
	}
	return n, err
}

func tooLarge(limit int64) error {
	return yunduo.Errorf(yunduo.ReasonFileTooLarge, "the file is larger than the %d bytes that are allowed", limit)
}

// DeleteResult says what became of one file of a Delete.
type DeleteResult struct {
	FileID string // as it was given
	Err    error  // nil if the file was removed
}

// Delete removes files and answers for each in the order of the request: nil, invalid_file_id, file_not_found or
// file_denied. It fails as a whole only when the caller acts in no app.
func (s *Store) Delete(ctx context.Context, caller yunduo.Caller, fileIDs []string) ([]DeleteResult, error) {
	if err := admit(caller); err != nil {
		return nil, err
	}
	results := make([]DeleteResult, len(fileIDs))
	for i, id := range fileIDs {
		results[i] = DeleteResult{FileID: id, Err: s.remove(ctx, caller, id)}
	}
	return results, nil
}

func (s *Store) remove(ctx context.Context, caller yunduo.Caller, fileID string) error {
	for {
		r, err := s.find(ctx, caller, fileID)
		if err != nil {
			return err
		}
		if err := s.mayRemove(ctx, caller, r); err != nil {
			return err
		}
		// Only this state of the file is removed: a new one that comes in meanwhile is looked at again.
		n, err := s.files.DeleteMany(ctx, r.state())
		if err != nil {
			return err
		}
		if n > 0 {
			return s.dropObject(ctx, r.Object)
		}
	}
}
