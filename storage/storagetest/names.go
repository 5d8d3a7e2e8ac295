package storagetest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/storage/driver"
)

func testNames(t *testing.T, b driver.Bucket) {
	ctx := t.Context()
	deep := strings.Repeat("d/", 40) + "end"
	full := strings.Repeat(strings.Repeat("长", 42)+"/", 7)
	full += strings.Repeat("x", driver.MaxKey-len(full)-120)
	keys := []string{
		"plain", "图片/云 朵.txt", "a b/c+d (1) [x]=&,~!.txt", "a/100%25 done.txt", "a/what?#now.txt", "a/what%3F%23now.txt",
		"UPPER", "upper", "Upper", "é", "e\u0301", "CON/aux.txt", "nul", "lpt1.log", `back\slash`, `quo"te'<>|:*`, ".hidden", "...", "trailing.", "a/ space ",
		"emoji/🐳", "x.yunduo.1", "plus+/x", "tilde~/x", deep, full, strings.Repeat("z", 250), strings.Repeat("z", 250) + "/y", "select;drop--", "$HOME/`id`",
	}
	keys = keysApart(keys)
	t.Run("any text is a name, and no two are confused", func(t *testing.T) {
		for i, key := range keys {
			put(t, b, key, strings.Repeat("v", i)+key)
		}
		for i, key := range keys {
			require.Equal(t, strings.Repeat("v", i)+key, get(t, b, key), key)
			require.Equal(t, key, stat(t, b, key).Key)
		}
		require.ElementsMatch(t, keys, listAll(t, b, "", 7))
		for i, key := range keys {
			require.NoError(t, b.Delete(ctx, key), key)
			require.Len(t, listAll(t, b, "", 1000), len(keys)-i-1)
		}
	})
	t.Run("no name leaves the bucket", func(t *testing.T) {
		long := strings.Repeat("k", driver.MaxKey+1)
		for _, key := range []string{"", "/", "..", "../x", "a/../../x", "a/..", ".", "./x", "a//b", "/etc/passwd", "a/", "a\x00b", "a\nb", "\xff\xfe", long} {
			_, err := b.Put(ctx, key, strings.NewReader("x"), driver.PutOptions{Size: 1})
			refused(t, err, yunduo.ReasonInvalidFileID)
			_, _, err = b.Get(ctx, key, driver.Range{})
			refused(t, err, yunduo.ReasonInvalidFileID)
			_, err = b.Stat(ctx, key)
			refused(t, err, yunduo.ReasonInvalidFileID)
			refused(t, b.Delete(ctx, key), yunduo.ReasonInvalidFileID)
		}
		require.Empty(t, listAll(t, b, "", 1000))
	})
}

// keysApart drops keys that lie below another one, which the contract does not allow together.
func keysApart(keys []string) []string {
	var apart []string
	for _, key := range keys {
		below := false
		for _, other := range keys {
			below = below || strings.HasPrefix(key, other+"/")
		}
		if !below {
			apart = append(apart, key)
		}
	}
	return apart
}
