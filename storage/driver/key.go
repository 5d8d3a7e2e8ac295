package driver

import (
	"strings"
	"unicode/utf8"

	"yunduo"
)

// MaxKey is the greatest length of a key in bytes.
const MaxKey = 1024

// ValidateKey reports whether a key may name an object: 1 to MaxKey bytes of UTF-8 without control characters, made of
// segments between slashes that are not empty, "." or "..". It returns an invalid_file_id error otherwise.
//
// A key K and another one below K + "/" should not be used together: object stores on top of file systems refuse it.
func ValidateKey(key string) error {
	switch {
	case key == "" || len(key) > MaxKey:
		return yunduo.Errorf(yunduo.ReasonInvalidFileID, "the object key has %d bytes; allowed are 1 to %d", len(key), MaxKey)
	case !utf8.ValidString(key):
		return yunduo.Errorf(yunduo.ReasonInvalidFileID, "the object key is not valid UTF-8")
	case strings.ContainsFunc(key, isControl):
		return yunduo.Errorf(yunduo.ReasonInvalidFileID, "the object key contains a control character")
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return yunduo.Errorf(yunduo.ReasonInvalidFileID, "the object key has the segment %q, which cannot be part of a name", segment)
		}
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
