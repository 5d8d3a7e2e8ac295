package interchange

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// maxBSON is the greatest length of a document in a dump: somewhat more than MongoDB stores.
const maxBSON = 16<<20 + 16<<10

// bsonReader reads documents one after another.
type bsonReader struct {
	r      *bufio.Reader
	number int64
	ended  bool
}

// Next returns the next document.
func (b *bsonReader) Next() (Record, error) {
	if b.ended {
		return Record{}, io.EOF
	}
	doc, err := readDocument(b.r)
	if err != nil {
		b.ended = true
		return Record{}, at(err, b.number+1)
	}
	b.number++
	return checked("", b.number, doc)
}

// at tells which document of a file is broken.
func at(err error, number int64) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	return malformed("document %d: %s", number, err.Error())
}

func checked(collection string, number int64, doc bson.Raw) (Record, error) {
	if err := value.Validate(doc); err != nil {
		return Record{}, &Rejection{Collection: collection, Number: number, Cause: err}
	}
	return Record{Collection: collection, Number: number, Document: doc}, nil
}

var (
	errTerminator = errors.New("a separator of archives")
	errTruncated  = errors.New("the file ends in the midst of a document")
)

// readDocument reads the bytes of a document. It returns io.EOF at a regular end and errTerminator for the separator of
// archives.
func readDocument(r *bufio.Reader) (bson.Raw, error) {
	head, err := r.Peek(4)
	switch {
	case errors.Is(err, io.EOF) && len(head) == 0:
		return nil, io.EOF
	case errors.Is(err, io.EOF):
		return nil, errTruncated
	case err != nil:
		return nil, err
	}
	length := binary.LittleEndian.Uint32(head)
	if length == terminator {
		_, err := r.Discard(4)
		return nil, errors.Join(errTerminator, err)
	}
	if length < 5 || length > maxBSON {
		return nil, malformed("%d bytes cannot be the length of a document", length)
	}
	doc, err := readBytes(r, int(length))
	if err == nil && doc[length-1] != 0 {
		err = malformed("a document does not end where its length says")
	}
	return doc, err
}

// readBytes reads n bytes in parts, so that a wrong length costs no more memory than the file has bytes.
func readBytes(r io.Reader, n int) ([]byte, error) {
	const part = 1 << 20
	buf := make([]byte, 0, min(n, part))
	for len(buf) < n {
		from := len(buf)
		more := min(n-from, part)
		buf = append(buf, make([]byte, more)...)
		if _, err := io.ReadFull(r, buf[from:]); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
				err = errTruncated
			}
			return nil, err
		}
	}
	return buf, nil
}
