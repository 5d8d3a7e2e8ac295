package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/storage/driver"
)

// listAll reads all pages of a listing and checks that they fit together.
func listAll(t testing.TB, b driver.Bucket, prefix string, limit int) []string {
	t.Helper()
	return listAfter(t, b, prefix, "", limit)
}

func listAfter(t testing.TB, b driver.Bucket, prefix, after string, limit int) []string {
	t.Helper()
	var keys []string
	for {
		page, more, err := b.List(t.Context(), prefix, after, limit)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), limit)
		for _, info := range page {
			require.Greater(t, info.Key, after, "the order is that of the bytes")
			require.True(t, strings.HasPrefix(info.Key, prefix))
			require.False(t, info.Modified.IsZero())
			after = info.Key
			keys = append(keys, info.Key)
		}
		if !more {
			return keys
		}
		require.NotEmpty(t, page, "a page that more pages follow has objects")
	}
}

func testListing(t *testing.T, b driver.Bucket) {
	require.Empty(t, listAll(t, b, "", 10))
	var keys []string
	for i := range 25 {
		keys = append(keys, fmt.Sprintf("list/%02d", i))
	}
	keys = append(keys, "list/a!x", "list/a/1", "list/a/2/3", "list/a0", "list/a-b", "list/aa/deep/er", "list/A", "list/图/一", "list/图二", "lisu", "other/x", "LIST/x")
	for i, key := range keys {
		put(t, b, key, strings.Repeat("x", i))
	}
	slices.Sort(keys)
	for _, limit := range []int{1, 2, 7, len(keys), 1000} {
		require.Equal(t, keys, listAll(t, b, "", limit), "limit %d", limit)
	}
	under := func(prefix, after string) (found []string) {
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) && key > after {
				found = append(found, key)
			}
		}
		return found
	}
	for _, prefix := range []string{"list/", "list/a", "list/a/", "list/0", "list/1", "lis", "list/图", "list/图/", "none", "list/a/2/3", "list/a/2/3/", "l", "/", ".."} {
		for _, after := range []string{"", "list/", "list/05", "list/055", "list/a", "list/a/", "list/a/1", "list/a/2", "list/aa", "zzz", "A"} {
			require.Equal(t, under(prefix, after), listAfter(t, b, prefix, after, 3), "prefix %q after %q", prefix, after)
		}
	}
	page, more, err := b.List(t.Context(), "list/0", "", 10)
	require.NoError(t, err)
	require.False(t, more, "exactly as many as the limit, and no more")
	require.Len(t, page, 10)
	sizes := slices.Index(keys, page[3].Key)
	require.GreaterOrEqual(t, sizes, 0)
	require.Equal(t, stat(t, b, page[3].Key).Size, page[3].Size)
	for _, limit := range []int{0, -1, driver.MaxList + 1} {
		_, _, err := b.List(t.Context(), "", "", limit)
		refused(t, err, yunduo.ReasonInvalidRequest)
	}
}
