package storage

import (
	"context"
	"strings"

	"yunduo"
	"yunduo/storage/driver"
)

// CopyRequest copies one file of the caller's app. From and To are paths or file IDs.
type CopyRequest struct {
	From, To  string
	Overwrite bool // replace a file that is at To
	Move      bool // remove the original afterwards
}

// Copy stores a copy of a file that the caller may read at a path where the caller may write. It returns
// invalid_file_id, file_not_found, file_denied, file_exists unless Overwrite is set, and the failures of Write.
func (s *Store) Copy(ctx context.Context, caller yunduo.Caller, request CopyRequest) (File, error) {
	if err := admit(caller); err != nil {
		return File{}, err
	}
	from, err := s.named(caller, request.From)
	if err != nil {
		return File{}, err
	}
	to, err := s.named(caller, request.To)
	if err != nil {
		return File{}, err
	}
	object, err := s.Open(ctx, caller, FileID(caller.App, from))
	if err != nil {
		return File{}, err
	}
	if from == to {
		return object.File(), nil
	}
	if request.Move { // before anything is stored: a copy whose original stays is no move
		if err := s.mayRemove(ctx, caller, object.record); err != nil {
			return File{}, err
		}
	}
	old, err := s.present(ctx, caller.App, to)
	if err != nil {
		return File{}, err
	}
	if old != nil && !request.Overwrite {
		return File{}, yunduo.Errorf(yunduo.ReasonFileExists, "there is a file %q already", clip(to))
	}
	body, err := object.Open(ctx, driver.Range{})
	if err != nil {
		return File{}, err
	}
	defer body.Close()
	copied, err := s.Write(ctx, caller, to, body, object.File().ContentType)
	if err != nil || !request.Move {
		return copied, err
	}
	return copied, s.remove(ctx, caller, FileID(caller.App, from))
}

// named returns the path that a caller names, as a path or as the ID of a file of its app.
func (s *Store) named(caller yunduo.Caller, name string) (string, error) {
	if !strings.HasPrefix(name, scheme) {
		return CleanPath(name)
	}
	app, path, err := ParseFileID(name)
	if err == nil && app != caller.App {
		err = notFound(path)
	}
	return path, err
}
