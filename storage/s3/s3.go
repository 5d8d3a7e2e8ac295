// Package s3 keeps a bucket's objects in an S3-compatible object store.
//
// An object has its key as it is, after the bucket's prefix. Stores on top of file systems add limits of their own, for
// instance 255 bytes between two slashes.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"

	"yunduo"
	"yunduo/storage/driver"
)

var _ driver.Bucket = (*Bucket)(nil)

// Bucket keeps objects in one S3 bucket, below a prefix.
type Bucket struct {
	client    minio.Core
	transport *http.Transport
	name      string
	prefix    string // empty, or ends with a slash
}

// Open connects to the bucket that an address names (see ParseURL) and makes the bucket if the store has none of this
// name.
func Open(ctx context.Context, address string) (*Bucket, error) {
	config, err := ParseURL(address)
	if err != nil {
		return nil, err
	}
	transport, err := minio.DefaultTransport(!config.Insecure)
	if err != nil {
		return nil, fmt.Errorf("set up the connection to the object store: %w", err)
	}
	client, err := minio.NewCore(config.Endpoint, &minio.Options{
		Creds:        config.credentials(),
		Secure:       !config.Insecure,
		Region:       config.Region,
		BucketLookup: config.lookup(),
		Transport:    transport,
		MaxRetries:   4,
	})
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the address of the object store is not valid")
	}
	b := &Bucket{client: *client, transport: transport, name: config.Bucket, prefix: config.Prefix}
	if err := b.ensure(ctx, config.Region); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// ensure makes the bucket unless it is there.
func (b *Bucket) ensure(ctx context.Context, region string) error {
	found, err := b.client.BucketExists(ctx, b.name)
	if err == nil && !found {
		err = b.client.MakeBucket(ctx, b.name, minio.MakeBucketOptions{Region: region})
		if code := minio.ToErrorResponse(err).Code; code == "BucketAlreadyOwnedByYou" {
			err = nil // another node was first
		}
	}
	if err != nil {
		return yunduo.Wrap(err, yunduo.ReasonBucketFailed, "the object store at %s does not give access to bucket %q", b.client.EndpointURL().Host, b.name)
	}
	return nil
}

// Close drops idle connections.
func (b *Bucket) Close() error {
	b.transport.CloseIdleConnections()
	return nil
}

// Get opens an object or a part of it.
func (b *Bucket) Get(ctx context.Context, key string, r driver.Range) (io.ReadCloser, driver.ObjectInfo, error) {
	if err := driver.ValidateKey(key); err != nil {
		return nil, driver.ObjectInfo{}, err
	}
	var options minio.GetObjectOptions
	switch {
	case r.Offset < 0 || r.Length < 0:
		_, err := r.Resolve(0)
		return nil, driver.ObjectInfo{}, err
	case r.Length > 0:
		options.Set("Range", fmt.Sprintf("bytes=%d-%d", r.Offset, r.Offset+min(r.Length, maxSize)-1))
	case r.Offset > 0:
		options.Set("Range", fmt.Sprintf("bytes=%d-", r.Offset))
	}
	body, object, header, err := b.client.GetObject(ctx, b.name, b.prefix+key, options)
	if minio.ToErrorResponse(err).Code == minio.InvalidRange && r.Offset == 0 {
		// The object is empty: no range lies in it, but the beginning of it is no error here.
		return b.Get(ctx, key, driver.Range{})
	}
	if err != nil {
		return nil, driver.ObjectInfo{}, failure(ctx, err)
	}
	info := b.info(object)
	info.Key = key
	if _, total, partial := strings.Cut(header.Get("Content-Range"), "/"); partial {
		if info.Size, err = strconv.ParseInt(total, 10, 64); err != nil {
			err = yunduo.Wrap(err, yunduo.ReasonBucketFailed, "the object store answered a range without its size")
			return nil, driver.ObjectInfo{}, errors.Join(err, body.Close())
		}
	}
	return &reader{ctx: ctx, body: body}, info, nil
}

// maxSize keeps the end of a range far from overflow; no store takes objects this large.
const maxSize = 1 << 50

// Stat describes an object.
func (b *Bucket) Stat(ctx context.Context, key string) (driver.ObjectInfo, error) {
	if err := driver.ValidateKey(key); err != nil {
		return driver.ObjectInfo{}, err
	}
	object, err := b.client.StatObject(ctx, b.name, b.prefix+key, minio.StatObjectOptions{})
	if err != nil {
		return driver.ObjectInfo{}, failure(ctx, err)
	}
	return b.info(object), nil
}

// Delete removes an object. S3 itself does not say whether there was one, so it is looked for first.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if _, err := b.Stat(ctx, key); err != nil {
		return err
	}
	return failure(ctx, b.client.RemoveObject(ctx, b.name, b.prefix+key, minio.RemoveObjectOptions{}))
}

// List lists objects in byte order of their keys.
func (b *Bucket) List(ctx context.Context, prefix, after string, limit int) ([]driver.ObjectInfo, bool, error) {
	if limit < 1 || limit > driver.MaxList {
		return nil, false, yunduo.Errorf(yunduo.ReasonInvalidRequest, "limit is %d; allowed are 1 to %d", limit, driver.MaxList)
	}
	options := minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true, MaxKeys: min(limit+1, driver.MaxList)}
	if after != "" {
		options.StartAfter = b.prefix + after
	}
	var objects []driver.ObjectInfo
	for object := range b.client.ListObjectsIter(ctx, b.name, options) {
		if object.Err != nil {
			return nil, false, failure(ctx, object.Err)
		}
		if strings.HasSuffix(object.Key, "/") {
			continue // a folder that another tool has made
		}
		if len(objects) == limit {
			return objects, true, nil
		}
		objects = append(objects, b.info(object))
	}
	return objects, false, ctx.Err()
}

func (b *Bucket) info(object minio.ObjectInfo) driver.ObjectInfo {
	info := driver.ObjectInfo{
		Key:         strings.TrimPrefix(object.Key, b.prefix),
		Size:        object.Size,
		ContentType: object.ContentType,
		ETag:        object.ETag,
		Modified:    object.LastModified.UTC(),
	}
	if info.ContentType == "" {
		info.ContentType = driver.DefaultContentType
	}
	for name, value := range object.UserMetadata {
		if text, err := url.PathUnescape(value); err == nil {
			value = text
		}
		if info.Metadata == nil {
			info.Metadata = map[string]string{}
		}
		info.Metadata[strings.ToLower(name)] = value
	}
	return info
}

// reader is the body of an object.
type reader struct {
	ctx  context.Context
	body io.ReadCloser
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if err != nil && err != io.EOF {
		return n, failure(r.ctx, err)
	}
	return n, err
}

func (r *reader) Close() error { return r.body.Close() }

// failure turns an error of the object store into one that a caller may see.
func failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	response := minio.ToErrorResponse(err)
	switch response.Code {
	case minio.NoSuchKey:
		return yunduo.Errorf(yunduo.ReasonFileNotFound, "there is no such file")
	case minio.InvalidRange:
		return yunduo.Errorf(yunduo.ReasonRangeInvalid, "the range does not lie in the file")
	case "XMinioStorageFull", "InsufficientStorage", "InsufficientCapacity", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "NoSpaceLeftOnDevice":
		return yunduo.Wrap(err, yunduo.ReasonStorageFull, "the object store is full")
	}
	if response.StatusCode == http.StatusInsufficientStorage {
		return yunduo.Wrap(err, yunduo.ReasonStorageFull, "the object store is full")
	}
	return yunduo.Wrap(err, yunduo.ReasonBucketFailed, "the object store failed")
}
