package storage

import (
	"context"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/storage/driver"
)

// SweepAge is how old an object without a file must be before Sweep removes it: longer than any upload takes between
// its last byte and its registration.
const SweepAge = 24 * time.Hour

// Sweep removes objects that belong to no file, which a crash between storing and registering leaves, and returns how
// many, and uploads in parts that began as long ago. Running it once a day is enough; it may run on several nodes at once.
func (s *Store) Sweep(ctx context.Context) (removed int, err error) {
	before := s.options.Now().Add(-SweepAge)
	err = s.eachPage(ctx, objectPrefix+"/", func(objects []driver.ObjectInfo) error {
		var keys []string
		for _, object := range objects {
			if object.Modified.Before(before) {
				keys = append(keys, object.Key)
			}
		}
		if len(keys) == 0 {
			return nil
		}
		known, err := s.files.Find(ctx, bson.D{{Key: "object", Value: bson.D{{Key: "$in", Value: keys}}}}, documents.FindOptions{})
		if err != nil {
			return err
		}
		has := map[string]bool{}
		for _, r := range known {
			has[r.Object] = true
		}
		for _, key := range keys {
			if has[key] {
				continue
			}
			if err := s.bucket.Delete(ctx, key); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonFileNotFound {
				return err
			}
			removed++
		}
		return nil
	})
	for _, prefix := range []string{partialPrefix + "/", partPrefix + "/"} {
		if err == nil {
			err = s.dropObjects(ctx, prefix, before)
		}
	}
	return removed, err
}

// DropApp removes all files of the caller's app, for good; permission_denied unless the caller administers the app.
func (s *Store) DropApp(ctx context.Context, caller yunduo.Caller) error {
	if err := admit(caller); err != nil {
		return err
	}
	if !caller.MayManage(caller.App) {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "only the owner of the app may remove all its files")
	}
	if _, err := s.files.DeleteMany(ctx, bson.D{{Key: "app", Value: string(caller.App)}}); err != nil {
		return err
	}
	if err := s.rules.Delete(ctx, caller.App); err != nil {
		return err
	}
	for _, prefix := range []string{objectPrefix, partialPrefix, partPrefix} {
		if err := s.dropObjects(ctx, strings.Join([]string{prefix, string(caller.App), ""}, "/"), time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// eachPage calls do with the objects below a prefix, page by page.
func (s *Store) eachPage(ctx context.Context, prefix string, do func([]driver.ObjectInfo) error) error {
	for after := ""; ; {
		objects, more, err := s.bucket.List(ctx, prefix, after, driver.MaxList)
		if err != nil || len(objects) == 0 {
			return err
		}
		if err := do(objects); err != nil || !more {
			return err
		}
		after = objects[len(objects)-1].Key
	}
}
