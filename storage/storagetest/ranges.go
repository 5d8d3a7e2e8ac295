package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/storage/driver"
)

func testRanges(t *testing.T, b driver.Bucket) {
	const content = "0123456789"
	put(t, b, "ranges/ten", content)
	put(t, b, "ranges/empty", "")
	for _, c := range []struct {
		key            string
		offset, length int64
		want           string
	}{
		{"ranges/ten", 0, 0, content},
		{"ranges/ten", 0, 1, "0"},
		{"ranges/ten", 0, 10, content},
		{"ranges/ten", 0, 11, content},
		{"ranges/ten", 3, 4, "3456"},
		{"ranges/ten", 3, 0, "3456789"},
		{"ranges/ten", 9, 0, "9"},
		{"ranges/ten", 9, 1 << 40, "9"},
		{"ranges/empty", 0, 0, ""},
		{"ranges/empty", 0, 5, ""},
	} {
		got, info, err := read(t.Context(), b, c.key, driver.Range{Offset: c.offset, Length: c.length})
		require.NoError(t, err, "%+v", c)
		require.Equal(t, c.want, got, "%+v", c)
		require.Equal(t, c.key, info.Key)
		require.Equal(t, stat(t, b, c.key).Size, info.Size, "%+v: the size is that of the whole object", c)
		require.Equal(t, "text/plain", info.ContentType)
	}
	for _, r := range []driver.Range{{Offset: 10}, {Offset: 10, Length: 1}, {Offset: 1 << 40}, {Offset: -1}, {Length: -1}, {Offset: -5, Length: 3}} {
		_, _, err := b.Get(t.Context(), "ranges/ten", r)
		refused(t, err, yunduo.ReasonRangeInvalid)
	}
	_, _, err := b.Get(t.Context(), "ranges/empty", driver.Range{Offset: 1})
	refused(t, err, yunduo.ReasonRangeInvalid)
	_, _, err = b.Get(t.Context(), "ranges/none", driver.Range{Offset: 1})
	refused(t, err, yunduo.ReasonFileNotFound)
}
