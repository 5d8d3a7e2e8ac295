package s3

import (
	"bytes"
	"context"
	"io"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"

	"yunduo/storage/driver"
)

const (
	// wholeSize is up to which size in bytes an object is sent in one request, from memory, and again after a failure.
	wholeSize = 1 << 20
	// partSize is the size in bytes of a part of an upload of unknown size. With the 10,000 parts that S3 allows, an
	// object may have 160 GB.
	partSize = 16 << 20
)

// Put stores an object: a small one in one request, a large one in parts.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader, options driver.PutOptions) (driver.ObjectInfo, error) {
	if err := driver.ValidateKey(key); err != nil {
		return driver.ObjectInfo{}, err
	}
	source := driver.NewSource(ctx, r, options.Size)
	var start bytes.Buffer
	if _, err := io.CopyN(&start, source, wholeSize); err != nil && err != io.EOF {
		return driver.ObjectInfo{}, err
	}
	// What is left is unknown only to S3: the source counts.
	body, size := io.Reader(bytes.NewReader(start.Bytes())), int64(start.Len())
	if start.Len() == wholeSize {
		body, size = io.MultiReader(body, source), options.Size
	}
	upload := minio.PutObjectOptions{
		ContentType:    options.ContentType,
		UserMetadata:   map[string]string{},
		SendContentMd5: true,
	}
	if upload.ContentType == "" {
		upload.ContentType = driver.DefaultContentType
	}
	if size < 0 {
		upload.PartSize = partSize
	}
	for name, value := range options.Metadata {
		upload.UserMetadata[name] = url.PathEscape(value)
	}
	object, err := b.client.Client.PutObject(ctx, b.name, b.prefix+key, body, size, upload)
	if source.Err() != nil {
		return driver.ObjectInfo{}, source.Err()
	}
	if err != nil {
		return driver.ObjectInfo{}, failure(ctx, err)
	}
	info := driver.ObjectInfo{
		Key:         key,
		Size:        object.Size,
		ContentType: upload.ContentType,
		ETag:        object.ETag,
		Modified:    object.LastModified.UTC(),
		Metadata:    options.Metadata,
	}
	if object.LastModified.IsZero() {
		info.Modified = time.Now().UTC().Truncate(time.Second)
	}
	return info, nil
}
