package storage

import (
	"context"
	"encoding/base64"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"yunduo"
)

// How long a temporary address works.
const (
	DefaultMaxAge = 24 * time.Hour
	MaxMaxAge     = 7 * 24 * time.Hour
)

// Signed allows whoever has it to read one file for a while.
type Signed struct {
	File File
	// Address names the file in a URL path: ASCII letters, digits, "-", "_" and the file's extension, if that is plain.
	Address   string
	Sign      string // for a URL query
	ExpiresAt time.Time
}

// SignDownload makes a temporary address of a file that the caller may read. maxAge is how long it shall work: 0 is
// DefaultMaxAge, more than MaxMaxAge is cut. It returns invalid_file_id, file_not_found, file_denied.
func (s *Store) SignDownload(ctx context.Context, caller yunduo.Caller, fileID string, maxAge time.Duration) (Signed, error) {
	r, err := s.readable(ctx, caller, fileID)
	if err != nil {
		return Signed{}, err
	}
	if maxAge < 0 {
		return Signed{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "maxAge is negative")
	}
	if maxAge == 0 {
		maxAge = DefaultMaxAge
	}
	expires := s.options.Now().Add(min(maxAge, MaxMaxAge)).Truncate(time.Second)
	seconds := strconv.FormatInt(expires.Unix(), 10)
	return Signed{
		File:      r.file(),
		Address:   encodeAddress(r.Path),
		Sign:      seconds + "." + s.signer.sign(purposeDownload, r.ID+"\x00"+seconds),
		ExpiresAt: expires.UTC(),
	}, nil
}

// OpenSigned finds the file of a temporary address for reading; grant_invalid for a wrong or expired signature,
// file_not_found if the file has gone since.
func (s *Store) OpenSigned(ctx context.Context, app yunduo.AppID, address, sign string) (*Object, error) {
	filePath, ok := decodeAddress(address)
	seconds, signature, dot := strings.Cut(sign, ".")
	if !ok || !dot {
		return nil, invalidGrant("is not valid")
	}
	if err := s.signer.verify(purposeDownload, recordID(app, filePath)+"\x00"+seconds, signature); err != nil {
		return nil, err
	}
	expires, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || s.options.Now().Unix() >= expires {
		return nil, invalidGrant("has expired")
	}
	r, err := s.lookup(ctx, app, filePath)
	if err != nil {
		return nil, err
	}
	return &Object{store: s, record: r}, nil
}

var plainExtension = regexp.MustCompile(`^\.[A-Za-z0-9]{1,10}$`)

// encodeAddress names a path in ASCII. The extension stays, because players and viewers of mini-programs go by it.
func encodeAddress(filePath string) string {
	address := base64.RawURLEncoding.EncodeToString([]byte(filePath))
	if extension := path.Ext(filePath); plainExtension.MatchString(extension) {
		address += extension
	}
	return address
}

func decodeAddress(address string) (filePath string, ok bool) {
	encoded, _, _ := strings.Cut(address, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	return string(text), err == nil && encodeAddress(string(text)) == address
}
