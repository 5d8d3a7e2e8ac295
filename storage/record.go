package storage

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// record is what is known of a file.
type record struct {
	ID          string    `bson:"_id"` // app/path
	App         string    `bson:"app"`
	Path        string    `bson:"path"`
	Object      string    `bson:"object"` // key in the bucket
	Owner       string    `bson:"owner"`
	Size        int64     `bson:"size"`
	ContentType string    `bson:"contentType"`
	ETag        string    `bson:"etag"`
	CreatedAt   time.Time `bson:"createdAt"`
	ModifiedAt  time.Time `bson:"modifiedAt"`
}

func recordID(app yunduo.AppID, path string) string { return string(app) + "/" + path }

func (r record) file() File {
	return File{
		ID: FileID(yunduo.AppID(r.App), r.Path), App: yunduo.AppID(r.App), Path: r.Path, Owner: r.Owner, Size: r.Size,
		ContentType: r.ContentType, ETag: r.ETag, CreatedAt: r.CreatedAt.UTC(), ModifiedAt: r.ModifiedAt.UTC(),
	}
}

// state selects the record as long as the file has not been replaced.
func (r record) state() bson.D {
	return bson.D{{Key: "_id", Value: r.ID}, {Key: "object", Value: r.Object}}
}

// lookup returns the record of a file; file_not_found if there is none.
func (s *Store) lookup(ctx context.Context, app yunduo.AppID, path string) (record, error) {
	r, err := s.files.Get(ctx, recordID(app, path))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		return record{}, notFound(path)
	}
	return r, err
}

// present returns the record of a file, nil if there is none.
func (s *Store) present(ctx context.Context, app yunduo.AppID, path string) (*record, error) {
	r, err := s.lookup(ctx, app, path)
	if yunduo.ReasonOf(err) == yunduo.ReasonFileNotFound {
		return nil, nil
	}
	return &r, err
}

// find returns the record of the file that an ID names; file_not_found if there is none in the caller's app.
func (s *Store) find(ctx context.Context, caller yunduo.Caller, fileID string) (record, error) {
	if err := admit(caller); err != nil {
		return record{}, err
	}
	app, path, err := ParseFileID(fileID)
	if err != nil {
		return record{}, err
	}
	if app != caller.App {
		return record{}, yunduo.Errorf(yunduo.ReasonFileNotFound, "there is no file %q in the app %q", clip(fileID), string(caller.App))
	}
	return s.lookup(ctx, app, path)
}

func notFound(path string) error {
	return yunduo.Errorf(yunduo.ReasonFileNotFound, "there is no file %q", clip(path))
}

// register makes a stored object the content of its file, unless the caller may not replace what is there by now. It
// returns the record as it is then.
func (s *Store) register(ctx context.Context, caller yunduo.Caller, next record) (record, error) {
	for {
		old, err := s.present(ctx, yunduo.AppID(next.App), next.Path)
		if err != nil {
			return record{}, err
		}
		if err := s.mayWrite(ctx, caller, next, old); err != nil {
			return record{}, err
		}
		if old == nil {
			err := s.files.Insert(ctx, next.ID, next)
			if yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey {
				continue // another writer was first
			}
			return next, err
		}
		replaced := next
		replaced.CreatedAt = old.CreatedAt
		if old.Owner != "" {
			replaced.Owner = old.Owner
		}
		done, err := s.files.UpdateIf(ctx, old.state(), bson.D{{Key: "$set", Value: bson.D{
			{Key: "object", Value: replaced.Object},
			{Key: "owner", Value: replaced.Owner},
			{Key: "size", Value: replaced.Size},
			{Key: "contentType", Value: replaced.ContentType},
			{Key: "etag", Value: replaced.ETag},
			{Key: "modifiedAt", Value: replaced.ModifiedAt},
		}}})
		if err != nil {
			return record{}, err
		}
		if done {
			return replaced, s.dropObject(ctx, old.Object)
		}
	}
}

// dropObject removes an object that no record names any more, also when the caller has gone away meanwhile.
func (s *Store) dropObject(ctx context.Context, object string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	err := s.bucket.Delete(ctx, object)
	if err == nil || yunduo.ReasonOf(err) == yunduo.ReasonFileNotFound {
		return nil
	}
	// The file itself is as it should be, and Sweep comes back for the object.
	s.options.Logger.WarnContext(ctx, "an object without a file was not removed", "object", object, "request_id", yunduo.RequestID(ctx), "error", err)
	return nil
}

const cleanupTimeout = 30 * time.Second
