package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/storage/driver"
)

// failing yields some bytes, then an error.
func failing(size int, err error) io.Reader {
	return io.MultiReader(bytes.NewReader(pattern(size, 1)), errorReader{err})
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func testFailures(t *testing.T, b driver.Bucket) {
	ctx := t.Context()
	put(t, b, "failures/kept", "old")
	broken := errors.New("the line broke")
	for _, key := range []string{"failures/kept", "failures/new"} {
		for _, size := range []int{0, 10, 20 << 20} {
			for _, promised := range []int64{-1, int64(size) + 100} {
				_, err := b.Put(ctx, key, failing(size, broken), driver.PutOptions{Size: promised})
				require.ErrorIs(t, err, broken)
				_, err = b.Put(ctx, key, failing(size, yunduo.Errorf(yunduo.ReasonFileTooLarge, "too large")), driver.PutOptions{Size: promised})
				refused(t, err, yunduo.ReasonFileTooLarge)
			}
		}
		for _, promised := range []int64{0, 2, 4, 1 << 30} {
			_, err := b.Put(ctx, key, strings.NewReader("abc"), driver.PutOptions{Size: promised})
			refused(t, err, yunduo.ReasonInvalidRequest)
		}
		_, err := b.Put(ctx, key, failing(5, io.ErrUnexpectedEOF), driver.PutOptions{Size: 9})
		refused(t, err, yunduo.ReasonInvalidRequest)

		canceled, cancel := context.WithCancel(ctx)
		_, err = b.Put(canceled, key, io.MultiReader(strings.NewReader("abc"), cancelReader(cancel), strings.NewReader("def")), driver.PutOptions{Size: 6})
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Equal(t, "old", get(t, b, "failures/kept"))
	require.Equal(t, []string{"failures/kept"}, listAll(t, b, "", 1000))

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, _, err := b.Get(canceled, "failures/kept", driver.Range{})
	require.ErrorIs(t, err, context.Canceled)
	_, err = b.Stat(canceled, "failures/kept")
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = b.List(canceled, "", "", 10)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, b.Delete(canceled, "failures/kept"), context.Canceled)
	require.Equal(t, "old", get(t, b, "failures/kept"))
}

// cancelReader yields nothing and cancels a context.
type cancelReader context.CancelFunc

func (r cancelReader) Read([]byte) (int, error) {
	r()
	return 0, io.EOF
}
