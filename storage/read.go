package storage

import (
	"context"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/rules"
	"yunduo/storage/driver"
)

// Stat describes a file; invalid_file_id, file_not_found or file_denied.
func (s *Store) Stat(ctx context.Context, caller yunduo.Caller, fileID string) (File, error) {
	r, err := s.readable(ctx, caller, fileID)
	return r.file(), err
}

func (s *Store) readable(ctx context.Context, caller yunduo.Caller, fileID string) (record, error) {
	r, err := s.find(ctx, caller, fileID)
	if err == nil {
		err = s.mayRead(ctx, caller, r)
	}
	if err != nil {
		return record{}, err
	}
	return r, nil
}

// Read opens a file or a part of it; the caller closes the reader, which yields the state of the file that is
// described. It returns invalid_file_id, file_not_found, file_denied, range_invalid or bucket_failed.
func (s *Store) Read(ctx context.Context, caller yunduo.Caller, fileID string, r driver.Range) (io.ReadCloser, File, error) {
	object, err := s.Open(ctx, caller, fileID)
	if err != nil {
		return nil, File{}, err
	}
	body, err := object.Open(ctx, r)
	return body, object.File(), err
}

// Open finds a file for reading, possibly several parts of it; errors as for Read.
func (s *Store) Open(ctx context.Context, caller yunduo.Caller, fileID string) (*Object, error) {
	r, err := s.readable(ctx, caller, fileID)
	if err != nil {
		return nil, err
	}
	return &Object{store: s, record: r}, nil
}

// Object is a file that may be read. It follows the file when that is replaced between two reads. It is not safe for
// concurrent use.
type Object struct {
	store  *Store
	record record
}

// File describes the state of the file that was opened last.
func (o *Object) File() File { return o.record.file() }

// Open opens the file or a part of it; file_not_found if it was removed, range_invalid, bucket_failed.
func (o *Object) Open(ctx context.Context, r driver.Range) (io.ReadCloser, error) {
	for {
		body, _, err := o.store.bucket.Get(ctx, o.record.Object, r)
		if yunduo.ReasonOf(err) != yunduo.ReasonFileNotFound {
			return body, err
		}
		// The object is gone: the file was replaced or removed since its record was read.
		now, err := o.store.lookup(ctx, yunduo.AppID(o.record.App), o.record.Path)
		if err != nil {
			return nil, err
		}
		if now.Object == o.record.Object {
			return nil, yunduo.Errorf(yunduo.ReasonBucketFailed, "the bytes of the file %q are missing in the bucket", clip(o.record.Path))
		}
		o.record = now
	}
}

// ListRequest asks for a page of files in the order of their paths.
type ListRequest struct {
	Prefix string // of the path; empty for all
	After  string // path after which the page begins; empty for the first page
	Limit  int    // files; 0 is 100, at most 1000
}

// ListResult is a page of files.
type ListResult struct {
	Files []File
	Next  string // After of the next page; empty at the end
}

// List returns a page of the app's files; an end user sees those that are the caller's own and may be read. It returns invalid_request
// for a limit out of range.
func (s *Store) List(ctx context.Context, caller yunduo.Caller, request ListRequest) (ListResult, error) {
	if err := admit(caller); err != nil {
		return ListResult{}, err
	}
	if request.Limit == 0 {
		request.Limit = 100
	}
	if request.Limit < 1 || request.Limit > driver.MaxList {
		return ListResult{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "limit is %d; allowed are 1 to %d", request.Limit, driver.MaxList)
	}
	base := recordID(caller.App, "")
	interval := bson.D{{Key: "$gte", Value: base + request.Prefix}, {Key: "$lt", Value: base + request.Prefix + "\U0010ffff"}}
	if request.After != "" {
		interval = append(interval, bson.E{Key: "$gt", Value: base + request.After})
	}
	var may rules.Decision
	filter, order := bson.D{{Key: "_id", Value: interval}}, bson.D{{Key: "_id", Value: 1}}
	if !caller.Privileged() {
		me := owner(caller)
		var err error
		if may, err = s.decide(ctx, caller, rules.Read); err != nil || me == "" || may.Denied {
			return ListResult{}, err
		}
		filter = append(bson.D{{Key: "app", Value: string(caller.App)}, {Key: "owner", Value: me}}, filter...)
		order = bson.D{{Key: "path", Value: 1}} // the order of the index on app, owner and path; that of _id as well
	}
	found, err := s.files.Find(ctx, filter, documents.FindOptions{Sort: order, Limit: int64(request.Limit) + 1})
	if err != nil {
		return ListResult{}, err
	}
	var result ListResult
	for i, r := range found {
		if i == request.Limit {
			result.Next = found[i-1].Path
			break
		}
		if seen, err := resource(r); err != nil || !may.Allows(seen) {
			continue
		}
		result.Files = append(result.Files, r.file())
	}
	return result, nil
}
