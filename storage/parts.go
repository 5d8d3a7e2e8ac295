package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"yunduo"
	"yunduo/storage/driver"
)

// Some clients upload a large file in parts, several at once and each again when it fails. Until the last call the parts
// lie in the bucket, out of reach of the app's file calls; what lies there for longer than SweepAge was abandoned.

const (
	// MaxParts is the highest number of a part.
	MaxParts = 10_000
	// MaxPartialUploads is how many uploads in parts an app may have begun and not ended.
	MaxPartialUploads = 100

	partialPrefix = "uploads"
	partPrefix    = "parts"
)

// PartialUpload is an upload in parts that has begun.
type PartialUpload struct {
	ID          string    `json:"-"`
	Path        string    `json:"path"`
	ContentType string    `json:"contentType"`
	BeganAt     time.Time `json:"beganAt"`
}

// Part is one part of an upload.
type Part struct {
	Number     int
	Size       int64  // bytes
	ETag       string // without quotes; of a listed part it may be empty
	ModifiedAt time.Time
}

func partialKey(app yunduo.AppID, id string) string { return path.Join(partialPrefix, string(app), id) }

func partsKey(app yunduo.AppID, id string) string {
	return path.Join(partPrefix, string(app), id) + "/"
}

// BeginParts begins an upload in parts of the file at a path, and returns its ID. Errors: permission_denied,
// invalid_file_id, file_denied, quota_exceeded, bucket_failed.
func (s *Store) BeginParts(ctx context.Context, caller yunduo.Caller, filePath, contentType string) (id string, err error) {
	if err := admit(caller); err != nil {
		return "", err
	}
	if filePath, err = CleanPath(filePath); err != nil {
		return "", err
	}
	old, err := s.present(ctx, caller.App, filePath)
	if err != nil {
		return "", err
	}
	if err := s.mayWrite(ctx, caller, record{Path: filePath, ContentType: contentTypeOf(filePath, contentType)}, old); err != nil {
		return "", err
	}
	begun, _, err := s.bucket.List(ctx, partialKey(caller.App, "")+"/", "", MaxPartialUploads)
	if err != nil {
		return "", err
	}
	if len(begun) >= MaxPartialUploads {
		return "", yunduo.Errorf(yunduo.ReasonQuotaExceeded, "the app has %d uploads in parts that were not ended; end or abort some", MaxPartialUploads)
	}
	text, err := json.Marshal(PartialUpload{Path: filePath, ContentType: contentType, BeganAt: s.options.Now().UTC()})
	if err != nil {
		return "", yunduo.Wrap(err, yunduo.ReasonInternal, "the upload cannot be noted")
	}
	id = yunduo.NewID()
	_, err = s.bucket.Put(ctx, partialKey(caller.App, id), strings.NewReader(string(text)), driver.PutOptions{Size: int64(len(text)), ContentType: "application/json"})
	return id, err
}

// partial returns an upload of the caller's app that has begun, for a path; file_not_found if there is none.
func (s *Store) partial(ctx context.Context, caller yunduo.Caller, filePath, id string) (PartialUpload, error) {
	if err := admit(caller); err != nil {
		return PartialUpload{}, err
	}
	filePath, err := CleanPath(filePath)
	if err != nil {
		return PartialUpload{}, err
	}
	unknown := yunduo.Errorf(yunduo.ReasonFileNotFound, "there is no such upload in parts of the file %q, or it has ended", clip(filePath))
	if id == "" || len(id) > 64 || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return PartialUpload{}, unknown
	}
	u, err := s.readPartial(ctx, partialKey(caller.App, id))
	if yunduo.ReasonOf(err) == yunduo.ReasonFileNotFound || err == nil && u.Path != filePath {
		return PartialUpload{}, unknown
	}
	u.ID = id
	return u, err
}

func (s *Store) readPartial(ctx context.Context, key string) (u PartialUpload, err error) {
	r, _, err := s.bucket.Get(ctx, key, driver.Range{})
	if err != nil {
		return u, err
	}
	err = json.NewDecoder(r).Decode(&u)
	return u, errors.Join(err, r.Close())
}

// PutPart stores a part, from 1 to MaxParts, in the place of one of this number that is there. size is in bytes, -1 when
// unknown. Errors: permission_denied, file_not_found when there is no such upload, invalid_request, file_too_large when
// the parts are more than a file may have, storage_full, bucket_failed.
func (s *Store) PutPart(ctx context.Context, caller yunduo.Caller, filePath, id string, number int, body io.Reader, size int64) (Part, error) {
	if number < 1 || number > MaxParts {
		return Part{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the number of a part must be from 1 to %d", MaxParts)
	}
	parts, err := s.Parts(ctx, caller, filePath, id)
	if err != nil {
		return Part{}, err
	}
	left := s.options.MaxFileSize
	for _, p := range parts {
		if p.Number != number {
			left -= p.Size
		}
	}
	if left < 0 || size > left {
		return Part{}, tooLarge(s.options.MaxFileSize)
	}
	key := partsKey(caller.App, id) + fmt.Sprintf("%05d", number)
	info, err := s.bucket.Put(ctx, key, &limited{r: body, left: left, limit: s.options.MaxFileSize}, driver.PutOptions{Size: size})
	if err != nil {
		return Part{}, err
	}
	if _, err := s.partial(ctx, caller, filePath, id); err != nil { // it has ended meanwhile
		return Part{}, errors.Join(err, s.dropObject(ctx, key))
	}
	return Part{Number: number, Size: info.Size, ETag: info.ETag, ModifiedAt: info.Modified}, nil
}

// Parts lists the parts that an upload has, by number. Errors: permission_denied, file_not_found, bucket_failed.
func (s *Store) Parts(ctx context.Context, caller yunduo.Caller, filePath, id string) ([]Part, error) {
	if _, err := s.partial(ctx, caller, filePath, id); err != nil {
		return nil, err
	}
	parts := []Part{}
	prefix := partsKey(caller.App, id)
	err := s.eachPage(ctx, prefix, func(objects []driver.ObjectInfo) error {
		for _, o := range objects {
			number, err := strconv.Atoi(strings.TrimPrefix(o.Key, prefix))
			if err != nil {
				return yunduo.Wrap(err, yunduo.ReasonBucketFailed, "the object %q is no part", o.Key)
			}
			parts = append(parts, Part{Number: number, Size: o.Size, ETag: o.ETag, ModifiedAt: o.Modified})
		}
		return nil
	})
	return parts, err
}

// JoinParts makes a file of the named parts of an upload, whose numbers rise, and ends the upload. A part's ETag must be
// that of its bytes, unless it is empty. Errors: permission_denied, file_not_found, file_denied, invalid_request when a
// part is not there or has been replaced, file_too_large, storage_full, bucket_failed; the upload goes on then.
func (s *Store) JoinParts(ctx context.Context, caller yunduo.Caller, filePath, id string, named []Part) (File, error) {
	u, err := s.partial(ctx, caller, filePath, id)
	if err != nil {
		return File{}, err
	}
	there, err := s.Parts(ctx, caller, filePath, id)
	if err != nil {
		return File{}, err
	}
	sizes := make(map[int]int64, len(there))
	for _, p := range there {
		sizes[p.Number] = p.Size
	}
	joined := &joined{store: s, ctx: ctx, prefix: partsKey(caller.App, id), parts: named}
	var size int64
	last := 0
	for _, p := range named {
		bytes, ok := sizes[p.Number]
		if !ok || p.Number <= last {
			return File{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "part %d was not uploaded, or is not in its place: the numbers must rise", p.Number)
		}
		size, last = size+bytes, p.Number
	}
	if len(named) == 0 {
		return File{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "name the parts that the file consists of")
	}
	defer joined.close()
	file, err := s.store(ctx, caller, upload{path: u.Path, body: joined, size: size, limit: s.options.MaxFileSize, contentType: u.ContentType})
	if err != nil {
		return File{}, err
	}
	if err := s.dropParts(ctx, caller.App, id); err != nil { // the file is as it should be, and Sweep comes back
		s.options.Logger.WarnContext(ctx, "the parts of a file were not removed", "upload", id, "request_id", yunduo.RequestID(ctx), "error", err)
	}
	return file, nil
}

// joined reads parts one after the other.
type joined struct {
	store  *Store
	ctx    context.Context
	prefix string
	parts  []Part // that are still to be opened
	part   io.ReadCloser
}

func (j *joined) Read(p []byte) (int, error) {
	for {
		if j.part == nil {
			if len(j.parts) == 0 {
				return 0, io.EOF
			}
			next := j.parts[0]
			part, info, err := j.store.bucket.Get(j.ctx, j.prefix+fmt.Sprintf("%05d", next.Number), driver.Range{})
			if err != nil {
				return 0, err
			}
			j.part, j.parts = part, j.parts[1:]
			if next.ETag != "" && next.ETag != info.ETag {
				return 0, yunduo.Errorf(yunduo.ReasonInvalidRequest, "part %d is not the one that was meant: its ETag is another", next.Number)
			}
		}
		n, err := j.part.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		err = j.part.Close()
		if j.part = nil; n > 0 || err != nil {
			return n, err
		}
	}
}

func (j *joined) close() {
	if j.part != nil {
		_ = j.part.Close() // it was only read
	}
}

// AbandonParts ends an upload without a file. Errors: permission_denied, file_not_found, bucket_failed.
func (s *Store) AbandonParts(ctx context.Context, caller yunduo.Caller, filePath, id string) error {
	if _, err := s.partial(ctx, caller, filePath, id); err != nil {
		return err
	}
	return s.dropParts(ctx, caller.App, id)
}

// PartialUploads lists the uploads in parts of the caller's app that have not ended, of paths with a prefix. Errors:
// permission_denied, bucket_failed.
func (s *Store) PartialUploads(ctx context.Context, caller yunduo.Caller, prefix string) ([]PartialUpload, error) {
	if err := admit(caller); err != nil {
		return nil, err
	}
	objects, _, err := s.bucket.List(ctx, partialKey(caller.App, "")+"/", "", driver.MaxList)
	if err != nil {
		return nil, err
	}
	uploads := []PartialUpload{}
	for _, o := range objects {
		u, err := s.readPartial(ctx, o.Key)
		if yunduo.ReasonOf(err) == yunduo.ReasonFileNotFound {
			continue // it has just ended
		}
		if err != nil {
			return nil, err
		}
		if u.ID = path.Base(o.Key); strings.HasPrefix(u.Path, prefix) {
			uploads = append(uploads, u)
		}
	}
	return uploads, nil
}

// dropParts ends an upload: first nobody can add to it, then its parts go.
func (s *Store) dropParts(ctx context.Context, app yunduo.AppID, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := s.bucket.Delete(ctx, partialKey(app, id)); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonFileNotFound {
		return err
	}
	return s.dropObjects(ctx, partsKey(app, id), time.Time{})
}

// dropObjects removes what lies below a prefix since before a moment; all of it for the zero time.
func (s *Store) dropObjects(ctx context.Context, prefix string, before time.Time) error {
	return s.eachPage(ctx, prefix, func(objects []driver.ObjectInfo) error {
		for _, o := range objects {
			if !before.IsZero() && !o.Modified.Before(before) {
				continue
			}
			if err := s.bucket.Delete(ctx, o.Key); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonFileNotFound {
				return err
			}
		}
		return nil
	})
}
