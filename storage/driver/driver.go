// Package driver states what a bucket must do: keep objects, bytes under a key, and give them back whole or in part.
package driver

import (
	"context"
	"io"
	"time"
)

// Bucket keeps objects. All methods are safe for concurrent use.
//
// Every method returns invalid_file_id for a key that ValidateKey refuses, bucket_failed when the store does not
// answer as it should, and the context's error once the context has ended.
type Bucket interface {
	// Put stores what r yields until io.EOF under key and replaces an object that was there, atomically: whoever
	// reads at the same time gets the old bytes or the new bytes, whole. The object is durable when Put returns.
	// On any error nothing has changed; an error of r is returned as it is. Put streams: its memory does not grow
	// with the object. It returns storage_full when there is no room, and invalid_request when r yields another
	// number of bytes than options.Size promises.
	Put(ctx context.Context, key string, r io.Reader, options PutOptions) (ObjectInfo, error)

	// Get opens an object, or the part of it that r names. The reader belongs to the state of the object that the
	// returned ObjectInfo describes, even when the object is replaced or deleted while it is read; the caller
	// closes it. ObjectInfo.Size is the size of the whole object. It returns file_not_found, and range_invalid for
	// a range that begins outside the object.
	Get(ctx context.Context, key string, r Range) (io.ReadCloser, ObjectInfo, error)

	// Stat describes an object; file_not_found if there is none.
	Stat(ctx context.Context, key string) (ObjectInfo, error)

	// Delete removes an object for good; file_not_found if there is none.
	Delete(ctx context.Context, key string) error

	// List returns objects whose key begins with prefix and is greater than after, in byte order of the keys, at
	// most limit of them (1 to MaxList; another limit is an invalid_request), and whether more follow. It fills
	// Key, Size and Modified and may fill the rest. Prefix and after are any text, also half a key.
	List(ctx context.Context, prefix, after string, limit int) (objects []ObjectInfo, more bool, err error)

	// Close releases what the bucket holds. Readers that are still open stay usable.
	Close() error
}

// MaxList is the largest number of objects that one List returns.
const MaxList = 1000

// PutOptions describe an object that is stored.
type PutOptions struct {
	ContentType string // media type; empty is application/octet-stream
	// Size is the number of bytes that the reader will yield, -1 when it is unknown. A known size saves memory and
	// round trips on some buckets.
	Size int64
	// Metadata is kept with the object. Names are lower-case letters, digits and hyphens, values any UTF-8 text;
	// together they stay under 1 KiB.
	Metadata map[string]string
}

// DefaultContentType is the media type of an object that was stored without one.
const DefaultContentType = "application/octet-stream"

// ObjectInfo describes an object.
type ObjectInfo struct {
	Key         string
	Size        int64 // bytes
	ContentType string
	ETag        string // changes whenever the bytes change; without quotes
	Modified    time.Time
	Metadata    map[string]string
}

// Range names a part of an object. The zero Range is the whole object.
type Range struct {
	Offset int64 // first byte
	Length int64 // bytes; 0 is up to the end, and a length that reaches beyond the end stops there
}
