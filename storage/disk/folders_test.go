package disk_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"yunduo"
	"yunduo/storage/disk"
	"yunduo/storage/driver"
)

func open(t *testing.T, dir string) *disk.Bucket {
	t.Helper()
	b, err := disk.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func put(t *testing.T, b *disk.Bucket, key, content string) {
	t.Helper()
	_, err := b.Put(t.Context(), key, strings.NewReader(content), driver.PutOptions{Size: int64(len(content))})
	require.NoError(t, err, key)
}

func keys(t *testing.T, b *disk.Bucket, limit int) (keys []string) {
	t.Helper()
	after := ""
	for {
		page, more, err := b.List(t.Context(), "", after, limit)
		require.NoError(t, err)
		for _, info := range page {
			keys = append(keys, info.Key)
			after = info.Key
		}
		if !more {
			return keys
		}
	}
}

// files returns the paths of all files and folders below dir.
func files(t *testing.T, dir string) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

func TestNamesOnDisk(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	long := strings.Repeat("图", 341)
	all := []string{
		"a", "a/b", "a/b/c", "A", "a+", "a~", "a%2b", "CON", "con.txt", "x/nul", "aux.", "com1.tar.gz", "console", ".", "..", "end.", "end ", ".hidden",
		strings.Repeat("x", 200), strings.Repeat("x", 200) + "/y", strings.Repeat("x", 200) + "!", strings.Repeat("x", 200) + "con", strings.Repeat("x", 200) + "con/x",
		strings.Repeat("x", 199) + "图", strings.Repeat("x", 198) + "图", strings.Repeat("x", 1024), long, strings.Repeat("A", 1024), strings.Repeat("图/", 255) + "e",
	}
	all = slices.DeleteFunc(all, func(key string) bool { return key == "." || key == ".." })
	for _, key := range all {
		put(t, b, key, "of "+key)
	}
	slices.Sort(all)
	for _, limit := range []int{1, 3, 1000} {
		require.Equal(t, all, keys(t, b, limit))
	}
	lower := map[string]bool{}
	for _, path := range files(t, dir) {
		name := filepath.Base(path)
		require.LessOrEqual(t, len(name), 210)
		require.Regexp(t, `^[a-z0-9%._+~-]+$`, name, "every file system takes these")
		require.NotRegexp(t, `(?i)^(con|aux|nul|com1)(\.|$)`, name)
		require.NotRegexp(t, `[. ]$`, name)
		require.False(t, lower[strings.ToLower(path)], "%s meets another file where case is ignored", path)
		lower[strings.ToLower(path)] = true
	}
	for _, key := range all {
		require.NoError(t, b.Delete(t.Context(), key))
	}
	require.Len(t, files(t, dir), 2, "no empty folders are left, only the two at the top")
}

func TestStrangersInFolders(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	put(t, b, "folder/kept", "content")
	for _, name := range []string{".DS_Store", "%zz", "Thumbs.db", "a%4"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "objects", "folder+", name), nil, 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "objects", "lost-and-found"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "objects", "plus+"), nil, 0o600))
	require.Equal(t, []string{"folder/kept"}, keys(t, b, 10))
}

func TestDamage(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	put(t, b, "damaged", "some content that is long enough")
	path := filepath.Join(dir, "objects", "damaged")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for cut := range len(whole) {
		require.NoError(t, os.WriteFile(path, whole[:cut], 0o600))
		_, _, err := b.Get(t.Context(), "damaged", driver.Range{})
		require.Equal(t, yunduo.ReasonBucketFailed, yunduo.ReasonOf(err), "cut at %d", cut)
		require.NotContains(t, yunduo.AsError(err).Message, dir)
	}
	require.NoError(t, os.WriteFile(path, append([]byte("x"), whole...), 0o600))
	_, err = b.Stat(t.Context(), "damaged")
	require.Equal(t, yunduo.ReasonBucketFailed, yunduo.ReasonOf(err))
	put(t, b, "damaged", "repaired")
	_, err = b.Stat(t.Context(), "damaged")
	require.NoError(t, err)
}

func TestLinksDoNotLeadOut(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // links need a privilege there
	}
	dir, outside := t.TempDir(), t.TempDir()
	b := open(t, dir)
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "objects", "out+")))
	_, err := b.Put(t.Context(), "out/file", strings.NewReader("x"), driver.PutOptions{Size: 1})
	require.Equal(t, yunduo.ReasonBucketFailed, yunduo.ReasonOf(err))
	require.Empty(t, files(t, outside))
	require.Empty(t, files(t, filepath.Join(dir, "tmp")))
}

func TestPutAndDeleteInTheSameFolders(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	var group errgroup.Group
	for i := range 8 {
		group.Go(func() error {
			key := fmt.Sprintf("churn/a/b/%d", i%4)
			for range 50 {
				if _, err := b.Put(t.Context(), key, strings.NewReader("x"), driver.PutOptions{Size: 1}); err != nil {
					return err
				}
				if err := b.Delete(t.Context(), key); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonFileNotFound {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.Empty(t, keys(t, b, 10))
	require.Len(t, files(t, dir), 2)
}
