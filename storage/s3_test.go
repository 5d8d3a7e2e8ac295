package storage_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/internal/s3server"
	"yunduo/storage"
	"yunduo/storage/driver"
	"yunduo/storage/s3"
)

// TestOnS3 follows a file through its life in an S3 bucket.
func TestOnS3(t *testing.T) {
	bucket, err := s3.Open(t.Context(), s3server.Start(t, "store"))
	require.NoError(t, err)
	f := setUpOn(t, bucket, storage.Options{})
	content := strings.Repeat("0123456789", 300_000)
	grant, err := f.GrantUpload(t.Context(), user("one", "alice"), storage.GrantRequest{Path: "图片/云 朵#?.mp4"})
	require.NoError(t, err)
	for _, size := range []int64{-1, int64(len(content))} {
		file, err := f.Upload(t.Context(), grant.Ticket, strings.NewReader(content), "", size)
		require.NoError(t, err)
		require.EqualValues(t, len(content), file.Size)
		require.Equal(t, 1, f.objects(t), "what was replaced is gone")
	}
	got, err := f.read(t.Context(), user("one", "alice"), grant.FileID)
	require.NoError(t, err)
	require.Equal(t, content, got)
	_, err = f.read(t.Context(), user("one", "bob"), grant.FileID)
	reason(t, yunduo.ReasonFileDenied, err)

	signed, err := f.SignDownload(t.Context(), user("one", "alice"), grant.FileID, 0)
	require.NoError(t, err)
	object, err := f.OpenSigned(t.Context(), "one", signed.Address, signed.Sign)
	require.NoError(t, err)
	reader := object.Reader(t.Context())
	at, err := reader.Seek(-5, io.SeekEnd)
	require.NoError(t, err)
	require.EqualValues(t, len(content)-5, at)
	end, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Equal(t, "56789", string(end))
	require.NoError(t, reader.Close())

	oversized := storage.New(f.db, bucket, storage.Options{MaxFileSize: 1 << 20})
	_, err = oversized.Write(t.Context(), owner("one"), "large", strings.NewReader(content), "")
	reason(t, yunduo.ReasonFileTooLarge, err)
	_, err = f.Write(t.Context(), owner("one"), "cut", io.MultiReader(strings.NewReader(content), broken{}), "")
	require.ErrorIs(t, err, errBroken)
	require.Equal(t, 1, f.objects(t))

	results, err := f.Delete(t.Context(), user("one", "alice"), []string{grant.FileID})
	require.NoError(t, err)
	require.NoError(t, results[0].Err)
	_, err = object.Open(t.Context(), driver.Range{})
	reason(t, yunduo.ReasonFileNotFound, err)
	require.Zero(t, f.objects(t))
}
