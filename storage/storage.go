// Package storage keeps an app's files: it decides who may store, read and remove which file, gives out signed grants
// and addresses, and keeps what is known of a file beside its bytes in a bucket.
//
// The record of a file is the truth; the bytes lie in the bucket as an object with a name of its own that is never
// written twice. A file is replaced by storing a new object and then changing the record, so that a reader, a crash or
// another writer meets either the old file or the new one, whole. An object that a crash leaves without a record is
// removed by Sweep.
package storage

import (
	"crypto/rand"
	"log/slog"
	"time"

	"yunduo"
	"yunduo/data/documents"
	documentsdriver "yunduo/data/documents/driver"
	"yunduo/data/rules"
	"yunduo/storage/driver"
)

// DefaultMaxFileSize is the size in bytes of the largest file that is taken unless options say otherwise.
const DefaultMaxFileSize = 1 << 30

// Options configure a Store. Zero values take the defaults.
type Options struct {
	// SigningKey signs upload tickets and temporary addresses: at least 32 random bytes, the same on every node. Empty
	// makes a random key, with which grants end with the process.
	SigningKey  []byte
	MaxFileSize int64 // bytes
	Now         func() time.Time
	Logger      *slog.Logger
}

// Store keeps files. It is safe for concurrent use.
//
// Its methods act in the app of the caller. A caller without an app gets permission_denied: who acts for an operator
// gives a caller whose App is the one that the operator manages.
type Store struct {
	bucket  driver.Bucket
	files   *documents.Records[record]
	rules   *documents.RuleTexts[*rules.Rules]
	db      *documents.DB
	signer  signer
	options Options
}

// New makes the file service on a bucket, which stays the caller's to close.
func New(db *documents.DB, bucket driver.Bucket, options Options) *Store {
	if len(options.SigningKey) == 0 {
		options.SigningKey = make([]byte, 32)
		rand.Read(options.SigningKey)
	}
	if options.MaxFileSize == 0 {
		options.MaxFileSize = DefaultMaxFileSize
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	index := func(paths ...string) documentsdriver.Index {
		var fields []documentsdriver.IndexField
		for _, path := range paths {
			fields = append(fields, documentsdriver.IndexField{Path: path})
		}
		return documentsdriver.Index{Fields: fields}
	}
	return &Store{
		bucket:  bucket,
		files:   documents.NewRecords[record](db, "files", documents.RecordOptions{Indexes: []documentsdriver.Index{index("object"), index("app", "owner", "path")}}),
		rules:   documents.NewRuleTexts(db, "file_settings", defaultRules, parseRules),
		db:      db,
		signer:  signer{key: options.SigningKey},
		options: options,
	}
}

// File describes a stored file.
type File struct {
	ID          string // cloud:// file ID
	App         yunduo.AppID
	Path        string
	Owner       string // openid, or user ID, of the end user it belongs to; empty for a file of the app itself
	Size        int64  // bytes
	ContentType string
	ETag        string // without quotes
	CreatedAt   time.Time
	ModifiedAt  time.Time
}
