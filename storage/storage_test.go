package storage_test

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/embedded"
	"yunduo/storage"
	"yunduo/storage/disk"
	"yunduo/storage/driver"
)

// fixture is a file service on a fresh engine and disk bucket, with a clock of its own.
type fixture struct {
	*storage.Store
	db     *documents.DB
	bucket driver.Bucket
	now    time.Time
}

func setUp(t testing.TB, options storage.Options) *fixture {
	t.Helper()
	bucket, err := disk.Open(filepath.Join(t.TempDir(), "files"))
	require.NoError(t, err)
	return setUpOn(t, bucket, options)
}

func setUpOn(t testing.TB, bucket driver.Bucket, options storage.Options) *fixture {
	t.Helper()
	engine, err := embedded.Open("db", embedded.Options{FS: vfs.NewMem()})
	require.NoError(t, err)
	db := documents.New(engine, documents.Options{})
	f := &fixture{db: db, bucket: bucket, now: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)}
	options.Now = func() time.Time { return f.now }
	f.Store = storage.New(db, bucket, options)
	t.Cleanup(func() {
		db.Close()
		require.NoError(t, engine.Close())
		require.NoError(t, bucket.Close())
	})
	return f
}

func owner(app yunduo.AppID) yunduo.Caller { return yunduo.Caller{App: app, Role: yunduo.RoleOwner} }

func user(app yunduo.AppID, openID string) yunduo.Caller {
	return yunduo.Caller{App: app, Role: yunduo.RoleUser, UserID: "id-" + openID, OpenID: openID}
}

func function(app yunduo.AppID, openID string) yunduo.Caller {
	return yunduo.Caller{App: app, Role: yunduo.RoleFunction, Function: "f", OpenID: openID}
}

func (f *fixture) write(t testing.TB, caller yunduo.Caller, path, content string) storage.File {
	t.Helper()
	file, err := f.Write(t.Context(), caller, path, strings.NewReader(content), "")
	require.NoError(t, err)
	return file
}

func (f *fixture) read(ctx context.Context, caller yunduo.Caller, fileID string) (string, error) {
	body, _, err := f.Read(ctx, caller, fileID, driver.Range{})
	if err != nil {
		return "", err
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	return string(content), err
}

// objects returns how many objects lie in the bucket.
func (f *fixture) objects(t testing.TB) int {
	t.Helper()
	objects, more, err := f.bucket.List(t.Context(), "", "", driver.MaxList)
	require.NoError(t, err)
	require.False(t, more)
	return len(objects)
}

func reason(t testing.TB, want yunduo.Reason, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, yunduo.ReasonOf(err), "%v", err)
}

func TestWriteAndRead(t *testing.T) {
	f := setUp(t, storage.Options{})
	for path, contentType := range map[string]string{
		"a/note.txt": "text/plain; charset=utf-8", "图片/云 朵.png": "image/png", "a b/c+d (1) [x]=&,~!.MP4": "video/mp4", "a/100%25 done.json": "application/json",
		"a/what?#now.docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "none": "application/octet-stream", "./x//y.unknown-type": "application/octet-stream",
		strings.Repeat("d/", 20) + "end.txt": "text/plain; charset=utf-8", strings.Repeat("长", 283): "application/octet-stream",
	} {
		content := "content of " + path
		file := f.write(t, owner("one"), "/"+path, content)
		require.Equal(t, "cloud://one.yunduo/"+path, file.ID)
		require.Equal(t, path, file.Path)
		require.Equal(t, contentType, file.ContentType)
		require.EqualValues(t, len(content), file.Size)
		require.Equal(t, f.now, file.ModifiedAt)
		for _, id := range []string{file.ID, "cloud://one/" + path, "cloud://one.6f6e-one-1250000000/" + path} {
			got, err := f.read(t.Context(), owner("one"), id)
			require.NoError(t, err)
			require.Equal(t, content, got)
			stat, err := f.Stat(t.Context(), owner("one"), id)
			require.NoError(t, err)
			require.Equal(t, file, stat)
		}
	}
	t.Run("a given type counts, nonsense does not", func(t *testing.T) {
		for given, want := range map[string]string{"image/webp": "image/webp", "Text/HTML; charset=GBK": "text/html; charset=GBK", "png": "image/png", "a/b\r\nX: y": "image/png"} {
			file, err := f.Write(t.Context(), owner("one"), "typed.png", strings.NewReader("x"), given)
			require.NoError(t, err)
			require.Equal(t, want, file.ContentType)
		}
	})
	t.Run("ranges", func(t *testing.T) {
		file := f.write(t, owner("one"), "ten", "0123456789")
		body, described, err := f.Read(t.Context(), owner("one"), file.ID, driver.Range{Offset: 2, Length: 3})
		require.NoError(t, err)
		got, err := io.ReadAll(body)
		require.NoError(t, err)
		require.NoError(t, body.Close())
		require.Equal(t, "234", string(got))
		require.EqualValues(t, 10, described.Size)
		_, _, err = f.Read(t.Context(), owner("one"), file.ID, driver.Range{Offset: 10})
		reason(t, yunduo.ReasonRangeInvalid, err)
	})
}

func TestReplace(t *testing.T) {
	f := setUp(t, storage.Options{})
	first := f.write(t, owner("one"), "again.txt", "first, and longer")
	f.now = f.now.Add(time.Minute)
	second := f.write(t, owner("one"), "again.txt", "second")
	require.Equal(t, first.ID, second.ID)
	require.Equal(t, first.CreatedAt, second.CreatedAt)
	require.Equal(t, f.now, second.ModifiedAt)
	require.NotEqual(t, first.ETag, second.ETag)
	got, err := f.read(t.Context(), owner("one"), first.ID)
	require.NoError(t, err)
	require.Equal(t, "second", got)
	require.Equal(t, 1, f.objects(t), "the old bytes are gone")
}

func TestFailedWrite(t *testing.T) {
	f := setUp(t, storage.Options{MaxFileSize: 10})
	file := f.write(t, owner("one"), "kept", "old")
	_, err := f.Write(t.Context(), owner("one"), "kept", strings.NewReader("12345678901"), "")
	reason(t, yunduo.ReasonFileTooLarge, err)
	_, err = f.Write(t.Context(), owner("one"), "kept", io.MultiReader(strings.NewReader("1"), broken{}), "")
	require.ErrorIs(t, err, errBroken)
	got, err := f.read(t.Context(), owner("one"), file.ID)
	require.NoError(t, err)
	require.Equal(t, "old", got)
	require.Equal(t, 1, f.objects(t), "nothing of the failed writes is left")
	f.write(t, owner("one"), "kept", "1234567890")
}

func TestDelete(t *testing.T) {
	f := setUp(t, storage.Options{})
	ids := []string{}
	for _, path := range []string{"x", "图 y", "z"} {
		ids = append(ids, f.write(t, owner("one"), path, path).ID)
	}
	results, err := f.Delete(t.Context(), owner("one"), []string{ids[0], "cloud://one.yunduo/none", "nonsense", ids[1], ids[0]})
	require.NoError(t, err)
	var reasons []yunduo.Reason
	for _, result := range results {
		reasons = append(reasons, yunduo.ReasonOf(result.Err))
	}
	require.Equal(t, []yunduo.Reason{"", yunduo.ReasonFileNotFound, yunduo.ReasonInvalidFileID, "", yunduo.ReasonFileNotFound}, reasons)
	require.Equal(t, "nonsense", results[2].FileID)
	_, err = f.read(t.Context(), owner("one"), ids[0])
	reason(t, yunduo.ReasonFileNotFound, err)
	require.Equal(t, 1, f.objects(t))
}

func TestFileIDs(t *testing.T) {
	for id, want := range map[string][2]string{
		"cloud://one.yunduo/a/b":  {"one", "a/b"},
		"cloud://one/a":           {"one", "a"},
		"cloud://a-1.b.c/x y#?%":  {"a-1", "x y#?%"},
		"cloud://one.yunduo/a//b": {"one", "a//b"},
	} {
		app, path, err := storage.ParseFileID(id)
		require.NoError(t, err, id)
		require.Equal(t, want, [2]string{string(app), path})
	}
	for _, id := range []string{
		"", "cloud://", "cloud:///x", "cloud://one", "cloud://one.yunduo/", "cloud://one.yunduo//x", "cloud://_system.yunduo/x", "cloud://ONE/x", "cloud://../x",
		"cloud://one.yunduo/../two", "cloud://one.yunduo/a/..", "cloud://one.yunduo/a/", "https://one.yunduo/a", "one.yunduo/a", "cloud://one.yunduo/a\x00", "cloud://one.yunduo/\xff",
		"cloud://one.yunduo/" + strings.Repeat("x", storage.MaxPath+1),
	} {
		_, _, err := storage.ParseFileID(id)
		reason(t, yunduo.ReasonInvalidFileID, err)
		require.Less(t, len(err.Error()), 300)
	}
	f := setUp(t, storage.Options{})
	for _, path := range []string{"", "/", "//", "../x", "a/../x", "a/..", "a/", "a\nb", "a\x7f", "\xff", strings.Repeat("x", storage.MaxPath+1)} {
		_, err := f.Write(t.Context(), owner("one"), path, strings.NewReader("x"), "")
		reason(t, yunduo.ReasonInvalidFileID, err)
		_, err = f.GrantUpload(t.Context(), owner("one"), storage.GrantRequest{Path: path})
		reason(t, yunduo.ReasonInvalidFileID, err)
	}
}

func FuzzParseFileID(f *testing.F) {
	for _, seed := range []string{"cloud://one.yunduo/a/b", "cloud://one/x", "cloud://one.yunduo/图 片", "cloud://a/../b", "cloud://", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		app, path, err := storage.ParseFileID(id)
		if err != nil {
			reason(t, yunduo.ReasonInvalidFileID, err)
			return
		}
		again, same, err := storage.ParseFileID(storage.FileID(app, path))
		require.NoError(t, err)
		require.Equal(t, app, again)
		require.Equal(t, path, same)
		clean, err := storage.CleanPath(path)
		require.NoError(t, err)
		require.Equal(t, path, clean)
	})
}

func BenchmarkWrite(b *testing.B) {
	f := setUp(b, storage.Options{})
	content := bytes.Repeat([]byte("x"), 100<<10)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		if _, err := f.Write(b.Context(), owner("one"), "bench.png", bytes.NewReader(content), ""); err != nil {
			b.Fatal(err)
		}
	}
}
