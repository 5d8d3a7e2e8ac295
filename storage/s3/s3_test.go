package s3_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/internal/s3server"
	"yunduo/storage/driver"
	"yunduo/storage/s3"
	"yunduo/storage/storagetest"
)

// harness opens each bucket below a prefix of its own in a bucket of its own on one server.
func harness(t testing.TB) storagetest.Harness {
	address := s3server.Start(t, "suite")
	opened := 0
	current := ""
	open := func(t testing.TB) driver.Bucket {
		b, err := s3.Open(t.Context(), current)
		require.NoError(t, err)
		return b
	}
	return storagetest.Harness{
		Open: func(t testing.TB) driver.Bucket {
			opened++
			current = strings.Replace(address, "/suite", fmt.Sprintf("/suite-%d/some/prefix", opened), 1)
			return open(t)
		},
		Reopen: func(t testing.TB, b driver.Bucket) driver.Bucket {
			require.NoError(t, b.Close())
			return open(t)
		},
	}
}

func TestBucket(t *testing.T) { storagetest.Run(t, harness(t)) }

func BenchmarkBucket(b *testing.B) { storagetest.Bench(b, harness(b)) }

func TestOpen(t *testing.T) {
	address := s3server.Start(t, "open")
	t.Run("a bucket that is there is used", func(t *testing.T) {
		for range 2 {
			b, err := s3.Open(t.Context(), address)
			require.NoError(t, err)
			_, err = b.Put(t.Context(), "x", strings.NewReader("x"), driver.PutOptions{Size: 1})
			require.NoError(t, err)
			require.NoError(t, b.Close())
		}
	})
	t.Run("prefixes are apart", func(t *testing.T) {
		one, err := s3.Open(t.Context(), strings.Replace(address, "/open?", "/open/a?", 1))
		require.NoError(t, err)
		_, err = one.Put(t.Context(), "only", strings.NewReader("x"), driver.PutOptions{Size: 1})
		require.NoError(t, err)
		two, err := s3.Open(t.Context(), strings.Replace(address, "/open?", "/open/ab?", 1))
		require.NoError(t, err)
		_, err = two.Stat(t.Context(), "only")
		require.Equal(t, yunduo.ReasonFileNotFound, yunduo.ReasonOf(err))
		objects, _, err := two.List(t.Context(), "", "", 10)
		require.NoError(t, err)
		require.Empty(t, objects)
		objects, _, err = one.List(t.Context(), "", "", 10)
		require.NoError(t, err)
		require.Len(t, objects, 1)
	})
	t.Run("a wrong secret is refused and not repeated", func(t *testing.T) {
		_, err := s3.Open(t.Context(), strings.Replace(address, "-secret@", "-wrong@", 1))
		require.Equal(t, yunduo.ReasonBucketFailed, yunduo.ReasonOf(err))
		require.Contains(t, yunduo.AsError(err).Message, `bucket "open"`)
		require.NotContains(t, err.Error(), "-wrong")
	})
	t.Run("a store that does not answer", func(t *testing.T) {
		_, err := s3.Open(t.Context(), "s3://key:secret@127.0.0.1:1/open?insecure=1&region=us-east-1")
		require.Equal(t, yunduo.ReasonBucketFailed, yunduo.ReasonOf(err))
		require.Contains(t, yunduo.AsError(err).Message, "127.0.0.1:1")
	})
}
