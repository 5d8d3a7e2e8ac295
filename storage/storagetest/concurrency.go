package storagetest

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"yunduo/storage/driver"
)

func testConcurrency(t *testing.T, b driver.Bucket) {
	t.Run("20 parallel writers do not mix", func(t *testing.T) {
		var group errgroup.Group
		for i := range 20 {
			group.Go(func() error {
				content := pattern(1000+i*5000, byte(i))
				_, err := b.Put(t.Context(), fmt.Sprintf("parallel/%d/file", i), bytes.NewReader(content), driver.PutOptions{Size: -1})
				return err
			})
		}
		require.NoError(t, group.Wait())
		for i := range 20 {
			require.Equal(t, string(pattern(1000+i*5000, byte(i))), get(t, b, fmt.Sprintf("parallel/%d/file", i)))
		}
	})
	t.Run("writers of one object: the last one wins, whole", func(t *testing.T) {
		var group errgroup.Group
		for i := range 20 {
			group.Go(func() error {
				content := pattern(10_000+i*1000, byte(i))
				_, err := b.Put(t.Context(), "parallel/one", bytes.NewReader(content), driver.PutOptions{Size: int64(len(content))})
				return err
			})
		}
		require.NoError(t, group.Wait())
		require.NoError(t, isOneOf(get(t, b, "parallel/one"), 20))
	})
	t.Run("a reader sees the old or the new bytes, whole", func(t *testing.T) {
		_, err := b.Put(t.Context(), "parallel/read", bytes.NewReader(pattern(10_000, 0)), driver.PutOptions{Size: -1})
		require.NoError(t, err)
		var group errgroup.Group
		done := make(chan struct{})
		group.Go(func() error {
			defer close(done)
			for i := range 30 {
				if _, err := b.Put(t.Context(), "parallel/read", bytes.NewReader(pattern(10_000+i*1000, byte(i))), driver.PutOptions{Size: -1}); err != nil {
					return err
				}
			}
			return nil
		})
		for range 4 {
			group.Go(func() error {
				for {
					content, info, err := read(t.Context(), b, "parallel/read", driver.Range{})
					if err != nil {
						return err
					}
					if int(info.Size) != len(content) {
						return fmt.Errorf("%d bytes described as %d", len(content), info.Size)
					}
					if err := isOneOf(content, 30); err != nil {
						return err
					}
					select {
					case <-done:
						return nil
					default:
					}
				}
			})
		}
		require.NoError(t, group.Wait())
	})
	t.Run("an open reader outlives replacement and deletion", func(t *testing.T) {
		content := pattern(300_000, 3)
		_, err := b.Put(t.Context(), "parallel/held", bytes.NewReader(content), driver.PutOptions{Size: int64(len(content))})
		require.NoError(t, err)
		reader, _, err := b.Get(t.Context(), "parallel/held", driver.Range{})
		require.NoError(t, err)
		put(t, b, "parallel/held", "new")
		require.NoError(t, b.Delete(t.Context(), "parallel/held"))
		got, err := io.ReadAll(reader)
		require.NoError(t, err)
		require.NoError(t, reader.Close())
		require.True(t, bytes.Equal(content, got), "the bytes differ")
	})
}

// isOneOf checks that content is one of the patterns that the writers of a test put.
func isOneOf(content string, writers int) error {
	i := (len(content) - 10_000) / 1000
	if i < 0 || i >= writers || content != string(pattern(10_000+i*1000, byte(i))) {
		return fmt.Errorf("%d bytes that nobody wrote as a whole", len(content))
	}
	return nil
}
