package storagetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/storage/driver"
)

func testObjects(t *testing.T, b driver.Bucket) {
	ctx := t.Context()
	t.Run("what is stored comes back", func(t *testing.T) {
		start := time.Now().Add(-2 * time.Second)
		metadata := map[string]string{"path": "图片/云 朵.txt", "owner": "o-1 & 100%"}
		info, err := b.Put(ctx, "objects/a", strings.NewReader("hello"), driver.PutOptions{Size: 5, ContentType: "text/plain; charset=utf-8", Metadata: metadata})
		require.NoError(t, err)
		require.Equal(t, "objects/a", info.Key)
		require.EqualValues(t, 5, info.Size)
		require.NotEmpty(t, info.ETag)
		content, got, err := read(ctx, b, "objects/a", driver.Range{})
		require.NoError(t, err)
		require.Equal(t, "hello", content)
		for _, each := range []driver.ObjectInfo{got, stat(t, b, "objects/a")} {
			require.Equal(t, "objects/a", each.Key)
			require.EqualValues(t, 5, each.Size)
			require.Equal(t, "text/plain; charset=utf-8", each.ContentType)
			require.Equal(t, info.ETag, each.ETag)
			require.Equal(t, metadata, each.Metadata)
			require.WithinRange(t, each.Modified, start, time.Now().Add(2*time.Second))
		}
	})
	t.Run("a content type is always there", func(t *testing.T) {
		_, err := b.Put(ctx, "objects/untyped", strings.NewReader("x"), driver.PutOptions{Size: 1})
		require.NoError(t, err)
		require.Equal(t, driver.DefaultContentType, stat(t, b, "objects/untyped").ContentType)
	})
	t.Run("an object may be empty", func(t *testing.T) {
		put(t, b, "objects/empty", "")
		require.Equal(t, "", get(t, b, "objects/empty"))
		require.Zero(t, stat(t, b, "objects/empty").Size)
		_, err := b.Put(ctx, "objects/empty", unsized{strings.NewReader("")}, driver.PutOptions{Size: -1})
		require.NoError(t, err)
		require.Equal(t, "", get(t, b, "objects/empty"))
	})
	t.Run("a second put replaces all of the first", func(t *testing.T) {
		_, err := b.Put(ctx, "objects/again", strings.NewReader("first, and longer"), driver.PutOptions{Size: 17, ContentType: "text/plain", Metadata: map[string]string{"old": "1"}})
		require.NoError(t, err)
		first := stat(t, b, "objects/again")
		_, err = b.Put(ctx, "objects/again", strings.NewReader("second"), driver.PutOptions{Size: 6, ContentType: "image/png"})
		require.NoError(t, err)
		require.Equal(t, "second", get(t, b, "objects/again"))
		second := stat(t, b, "objects/again")
		require.EqualValues(t, 6, second.Size)
		require.Equal(t, "image/png", second.ContentType)
		require.Empty(t, second.Metadata)
		require.NotEqual(t, first.ETag, second.ETag)
	})
	t.Run("a missing object is not found", func(t *testing.T) {
		for _, key := range []string{"objects/none", "none/at/all", "objects"} {
			_, _, err := b.Get(ctx, key, driver.Range{})
			refused(t, err, yunduo.ReasonFileNotFound)
			_, err = b.Stat(ctx, key)
			refused(t, err, yunduo.ReasonFileNotFound)
			refused(t, b.Delete(ctx, key), yunduo.ReasonFileNotFound)
		}
	})
	t.Run("a deleted object is gone, its neighbours stay", func(t *testing.T) {
		put(t, b, "objects/gone/x", "x")
		put(t, b, "objects/gone/y", "y")
		require.NoError(t, b.Delete(ctx, "objects/gone/x"))
		_, err := b.Stat(ctx, "objects/gone/x")
		refused(t, err, yunduo.ReasonFileNotFound)
		refused(t, b.Delete(ctx, "objects/gone/x"), yunduo.ReasonFileNotFound)
		require.Equal(t, "y", get(t, b, "objects/gone/y"))
		require.NoError(t, b.Delete(ctx, "objects/gone/y"))
		put(t, b, "objects/gone/x", "back")
		require.Equal(t, "back", get(t, b, "objects/gone/x"))
	})
}

func stat(t testing.TB, b driver.Bucket, key string) driver.ObjectInfo {
	t.Helper()
	info, err := b.Stat(t.Context(), key)
	require.NoError(t, err)
	return info
}

func testReopen(t *testing.T, h Harness) {
	b := h.Open(t)
	put(t, b, "kept/图 1", "one")
	put(t, b, "kept/gone", "two")
	require.NoError(t, b.Delete(t.Context(), "kept/gone"))
	before := stat(t, b, "kept/图 1")
	b = h.Reopen(t, b)
	defer func() { require.NoError(t, b.Close()) }()
	require.Equal(t, "one", get(t, b, "kept/图 1"))
	require.Equal(t, before, stat(t, b, "kept/图 1"))
	_, err := b.Stat(t.Context(), "kept/gone")
	refused(t, err, yunduo.ReasonFileNotFound)
}
