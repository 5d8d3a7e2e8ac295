package storage

import (
	"context"
	"errors"
	"io"

	"yunduo"
	"yunduo/storage/driver"
)

// Reader returns the file as a seekable stream, for http.ServeContent. It opens the bucket's object at the first read
// after each seek, so asking for the size costs nothing. All reads see one state of the file; if it is replaced
// meanwhile, reading on after a seek may fail with file_not_found. The caller closes it.
func (o *Object) Reader(ctx context.Context) io.ReadSeekCloser {
	return &seeker{ctx: ctx, object: o}
}

type seeker struct {
	ctx    context.Context
	object *Object
	offset int64
	body   io.ReadCloser // nil until it is read from offset
}

func (s *seeker) Read(p []byte) (int, error) {
	size := s.object.record.Size
	if s.offset >= size {
		return 0, io.EOF
	}
	if s.body == nil {
		body, _, err := s.object.store.bucket.Get(s.ctx, s.object.record.Object, driver.Range{Offset: s.offset})
		if err != nil {
			return 0, err
		}
		s.body = body
	}
	n, err := s.body.Read(p)
	s.offset += int64(n)
	if err == io.EOF && s.offset < size {
		err = yunduo.Wrap(io.ErrUnexpectedEOF, yunduo.ReasonBucketFailed, "the bucket gave fewer bytes than the file has")
	}
	return n, err
}

func (s *seeker) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.offset
	case io.SeekEnd:
		offset += s.object.record.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning of a file")
	}
	if offset == s.offset {
		return offset, nil
	}
	s.offset = offset
	return offset, s.Close()
}

func (s *seeker) Close() error {
	if s.body == nil {
		return nil
	}
	body := s.body
	s.body = nil
	return body.Close()
}
