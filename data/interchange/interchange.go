// Package interchange reads and writes documents in the file formats of other programs: JSON and CSV as the consoles of
// mini-program clouds and MongoDB's tools know them, and the dumps of mongodump. Both ways stream: no file is ever held
// in memory.
package interchange

import (
	"bufio"
	"compress/gzip"
	"io"
	"path"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// Format is a file format.
type Format string

// The formats. Gzip-compressed files of each are read, too.
const (
	Lines   Format = "jsonl"   // one JSON object per line
	JSON    Format = "json"    // a JSON array of objects, or objects one after another over any number of lines
	CSV     Format = "csv"     // a header of field names, then one document per record
	BSON    Format = "bson"    // documents one after another, as mongodump writes a collection
	Archive Format = "archive" // the output of mongodump --archive: many collections with their indexes
)

// MaxDocument is the greatest length of one document in a file, in bytes of its format.
const MaxDocument = 64 << 20

// FormatOf tells the format from a file's name; empty if the name does not tell.
func FormatOf(name string) Format {
	name = strings.TrimSuffix(strings.ToLower(path.Base(name)), ".gz")
	switch path.Ext(name) {
	case ".json":
		return JSON // a reader of JSON sees for itself whether it has lines or an array
	case ".jsonl", ".ndjson":
		return Lines
	case ".csv":
		return CSV
	case ".bson":
		return BSON
	case ".archive":
		return Archive
	}
	return ""
}

// Record is a document of a file.
type Record struct {
	Collection string // named by archives only
	// Number is the line on which the document begins; in files without lines how manieth document it is. Both begin at 1.
	Number   int64
	Document bson.Raw
}

// Rejection is a document of a file that cannot be read. The reader goes on behind it.
type Rejection struct {
	Collection string
	Number     int64 // as in Record
	Cause      error
}

// Error tells what is wrong.
func (r *Rejection) Error() string { return yunduo.AsError(r.Cause).Message }

// Unwrap returns the cause.
func (r *Rejection) Unwrap() error { return r.Cause }

// Reader reads a file document by document. Next returns io.EOF at the end, a *Rejection for a document that cannot be
// read, after which it may be called again, and any other error when nothing behind can be read.
type Reader interface {
	Next() (Record, error)
}

// Collection is what a dump knows of a collection beside its documents.
type Collection struct {
	Name    string
	Indexes []driver.Index
	Skipped []string // indexes that this server does not have, with the reason
}

// Options are what reading depends on beside the file.
type Options struct {
	Now time.Time // what server dates in EJSON are relative to
}

// NewReader reads a file of the format. Compressed files are unpacked on the way. Errors: invalid_request for a format
// that there is not, or a file that does not begin as the format does.
func NewReader(r io.Reader, format Format, o Options) (Reader, error) {
	in, err := Unpack(r)
	if err != nil {
		return nil, err
	}
	switch format {
	case Lines, JSON:
		return newJSONReader(in, format, o)
	case CSV:
		return newCSVReader(in)
	case BSON:
		return &bsonReader{r: in}, nil
	case Archive:
		return newArchiveReader(in)
	}
	return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "format: %.20q is not one of jsonl, json, csv, bson, archive", string(format))
}

// Unpack returns a reader of what r holds, whether or not that is compressed with gzip.
func Unpack(r io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(2)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b {
		return in, nil
	}
	unzipped, err := gzip.NewReader(in)
	if err != nil {
		return nil, malformed("the file begins like gzip but is not: %s", err.Error())
	}
	return bufio.NewReaderSize(unzipped, 64<<10), nil
}

func malformed(format string, args ...any) error {
	return yunduo.Errorf(yunduo.ReasonInvalidRequest, format, args...)
}
