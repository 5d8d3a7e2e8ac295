package storage

import (
	"strings"
	"unicode/utf8"

	"yunduo"
)

const (
	scheme = "cloud://"
	// bucketLabel stands where a file ID of the vendor names its bucket.
	bucketLabel = "yunduo"
	// MaxPath is the greatest length of a file's path in bytes.
	MaxPath = 850
)

// FileID returns the ID of the file at a path: cloud://APP.BUCKET/PATH, with the path as it is.
func FileID(app yunduo.AppID, path string) string {
	return scheme + string(app) + "." + bucketLabel + "/" + path
}

// ParseFileID returns the app and the path that a file ID names. The bucket in it may be missing or another one. It
// returns invalid_file_id for any other text.
func ParseFileID(id string) (app yunduo.AppID, path string, err error) {
	rest, ok := strings.CutPrefix(id, scheme)
	place, path, slash := strings.Cut(rest, "/")
	label, _, _ := strings.Cut(place, ".")
	app = yunduo.AppID(label)
	if !ok || !slash || app.Validate() != nil {
		return "", "", yunduo.Errorf(yunduo.ReasonInvalidFileID, "the file ID %q does not have the form cloud://APP.BUCKET/PATH", clip(id))
	}
	if err := validatePath(path); err != nil {
		return "", "", err
	}
	return app, path, nil
}

// CleanPath returns the path that a caller chose for a file, without slashes in front. It returns invalid_file_id for
// a path that is empty, ends with a slash, has a segment "..", control characters or more than MaxPath bytes.
func CleanPath(path string) (string, error) {
	path = strings.TrimLeft(path, "/")
	return path, validatePath(path)
}

func validatePath(path string) error {
	refuse := func(why string) error {
		return yunduo.Errorf(yunduo.ReasonInvalidFileID, "the file path %q %s", clip(path), why)
	}
	switch {
	case path == "":
		return refuse("is empty")
	case len(path) > MaxPath:
		return yunduo.Errorf(yunduo.ReasonInvalidFileID, "the file path has %d bytes; at most %d are allowed", len(path), MaxPath)
	case path[0] == '/':
		return refuse("begins with a slash")
	case strings.HasSuffix(path, "/"):
		return refuse("ends with a slash, so it names a folder")
	case !utf8.ValidString(path):
		return refuse("is not valid UTF-8")
	case strings.ContainsFunc(path, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return refuse("contains a control character")
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == ".." {
			return refuse(`has the segment ".."`)
		}
	}
	return nil
}

// clip keeps a message short.
func clip(text string) string {
	if len(text) <= 100 {
		return text
	}
	return strings.ToValidUTF8(text[:100], "") + "…"
}
