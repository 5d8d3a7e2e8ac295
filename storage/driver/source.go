package driver

import (
	"context"
	"errors"
	"io"

	"yunduo"
)

// Source is a reader for Put implementations: it holds what the caller gave to the promised size and the context, and
// remembers the failure, so that Put can return it as it was and not as a client library has wrapped it.
type Source struct {
	ctx  context.Context
	r    io.Reader
	size int64
	read int64
	err  error
}

// NewSource returns a Source that reads r, which must yield exactly size bytes unless size is negative.
func NewSource(ctx context.Context, r io.Reader, size int64) *Source {
	return &Source{ctx: ctx, r: r, size: size}
}

// Read fails with the context's error once the context has ended, and with invalid_request when the number of bytes
// differs from the promised one. Whether more bytes follow the promised ones is known before the last of these is
// handed out, so that nobody takes the promised size for a reason to stop reading too early.
func (s *Source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if err := s.ctx.Err(); err != nil {
		return 0, s.fail(err)
	}
	n, err := s.r.Read(p)
	s.read += int64(n)
	if err == nil && s.read == s.size && len(p) > 0 {
		var more [1]byte
		var extra int
		extra, err = io.ReadFull(s.r, more[:])
		s.read += int64(extra)
	}
	if s.size >= 0 && (s.read > s.size || err == io.EOF && s.read < s.size) {
		return 0, s.fail(yunduo.Errorf(yunduo.ReasonInvalidRequest, "the body has another length than the %d bytes that were announced", s.size))
	}
	if err == io.EOF && s.ctx.Err() != nil {
		err = s.ctx.Err()
	}
	if err != nil && err != io.EOF {
		return n, s.fail(err)
	}
	return n, err
}

func (s *Source) fail(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the body ended before it was complete")
	}
	s.err = err
	return err
}

// Err returns why reading failed; nil if it has not.
func (s *Source) Err() error { return s.err }

// Count returns how many bytes were read.
func (s *Source) Count() int64 { return s.read }
