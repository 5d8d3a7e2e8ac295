package functions

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"yunduo"
	"yunduo/storage/driver"
)

// Some clients upload the archive of a function's folder first and name it in the deployment that follows, which may
// reach another node: until then it lies in the bucket, out of reach of the app's file calls.

const (
	stagedPrefix = "staged"
	// stagedAge is how long an archive waits for its deployment.
	stagedAge = time.Hour
	// MaxStaged is the size in bytes of a staged archive, all its parts together.
	MaxStaged = 128 << 20
	// MaxStagedParts is how many parts there may be.
	MaxStagedParts = 1000
)

func stagedKey(app yunduo.AppID, name string) string {
	sum := sha256.Sum256([]byte(name)) // whatever the client calls it
	return stagedPrefix + "/" + string(app) + "/" + hex.EncodeToString(sum[:]) + "/"
}

// Stage puts a part of an archive aside under a name that the client chose, in the place of a part of this number that
// is there. size is in bytes, -1 if it is not known. What is older than an hour is thrown away.
// Errors: permission_denied, invalid_request, body_too_large.
func (s *Service) Stage(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, part int, r io.Reader, size int64) error {
	if err := manage(caller, app); err != nil {
		return err
	}
	if name == "" || len(name) > 1024 || part < 0 || part > MaxStagedParts {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "the archive's name must have 1 to 1024 bytes, and its parts numbers up to %d", MaxStagedParts)
	}
	if err := s.store.sweepStaged(ctx, stagedPrefix+"/"+string(app)+"/", s.options.Now().Add(-stagedAge)); err != nil {
		return err
	}
	limited := &io.LimitedReader{R: r, N: MaxStaged + 1}
	key := stagedKey(app, name) + fmt.Sprintf("%04d", part)
	_, err := s.store.bucket.Put(ctx, key, limited, driver.PutOptions{ContentType: "application/zip", Size: size})
	if limited.N <= 0 {
		return errors.Join(yunduo.Errorf(yunduo.ReasonBodyTooLarge, "the archive is larger than %d MiB", MaxStaged>>20), s.store.bucket.Delete(ctx, key))
	}
	return err
}

// Staged returns an archive that was put aside, its parts in the order of their numbers. Errors: permission_denied,
// invalid_bundle if there is none, body_too_large.
func (s *Service) Staged(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string) ([]byte, error) {
	if err := manage(caller, app); err != nil {
		return nil, err
	}
	parts, _, err := s.store.bucket.List(ctx, stagedKey(app, name), "", driver.MaxList)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	for _, part := range parts {
		if int64(archive.Len())+part.Size > MaxStaged {
			return nil, yunduo.Errorf(yunduo.ReasonBodyTooLarge, "the archive is larger than %d MiB", MaxStaged>>20)
		}
		r, _, err := s.store.bucket.Get(ctx, part.Key, driver.Range{})
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(&archive, r)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
	}
	if archive.Len() == 0 {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidBundle, "the archive %q was not uploaded, or more than an hour ago", name)
	}
	return archive.Bytes(), nil
}

// Unstage throws an archive away; one that is not there is no error.
func (s *Service) Unstage(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string) error {
	if err := manage(caller, app); err != nil {
		return err
	}
	return s.store.sweepStaged(ctx, stagedKey(app, name), time.Time{})
}

// sweepStaged deletes what lies under a prefix since before a moment; all of it for the zero time.
func (s *store) sweepStaged(ctx context.Context, prefix string, before time.Time) error {
	for after := ""; ; {
		objects, more, err := s.bucket.List(ctx, prefix, after, driver.MaxList)
		if err != nil {
			return err
		}
		for _, o := range objects {
			after = o.Key
			if !before.IsZero() && o.Modified.After(before) {
				continue
			}
			if err := s.bucket.Delete(ctx, o.Key); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonFileNotFound {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}
