// Package storagetest checks that a bucket keeps the contract of storage/driver, by topic, and measures it.
package storagetest

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/storage/driver"
)

// Harness opens the bucket under test.
type Harness struct {
	// Open returns an empty bucket; the suite closes it.
	Open func(t testing.TB) driver.Bucket
	// Reopen closes the bucket and opens one on the same data. It is nil where that means nothing.
	Reopen func(t testing.TB, b driver.Bucket) driver.Bucket
}

// Run runs the whole suite.
func Run(t *testing.T, h Harness) {
	topics := []struct {
		name string
		test func(*testing.T, driver.Bucket)
	}{
		{"objects", testObjects},
		{"names", testNames},
		{"ranges", testRanges},
		{"streams", testStreams},
		{"failures", testFailures},
		{"listing", testListing},
		{"concurrency", testConcurrency},
	}
	for _, topic := range topics {
		t.Run(topic.name, func(t *testing.T) {
			b := h.Open(t)
			defer func() { require.NoError(t, b.Close()) }()
			topic.test(t, b)
		})
	}
	if h.Reopen != nil {
		t.Run("reopen", func(t *testing.T) { testReopen(t, h) })
	}
}

func put(t testing.TB, b driver.Bucket, key, content string) driver.ObjectInfo {
	t.Helper()
	info, err := b.Put(t.Context(), key, strings.NewReader(content), driver.PutOptions{Size: int64(len(content)), ContentType: "text/plain"})
	require.NoError(t, err)
	return info
}

func get(t testing.TB, b driver.Bucket, key string) string {
	t.Helper()
	content, _, err := read(t.Context(), b, key, driver.Range{})
	require.NoError(t, err)
	return content
}

func read(ctx context.Context, b driver.Bucket, key string, r driver.Range) (string, driver.ObjectInfo, error) {
	reader, info, err := b.Get(ctx, key, r)
	if err != nil {
		return "", info, err
	}
	content, err := io.ReadAll(reader)
	if closing := reader.Close(); err == nil {
		err = closing
	}
	return string(content), info, err
}

// refused checks the reason of an error.
func refused(t testing.TB, err error, reason yunduo.Reason) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, reason, yunduo.ReasonOf(err), "%v", err)
}

// unsized hides the length of a reader.
type unsized struct{ io.Reader }

func pattern(size int, seed byte) []byte {
	content := bytes.Repeat([]byte{seed}, size)
	for i := range content {
		content[i] += byte(i>>3) ^ byte(i>>11)
	}
	return content
}
