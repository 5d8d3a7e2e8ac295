package storage_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/storage"
)

func put(t *testing.T, f *fixture, caller yunduo.Caller, path, id string, number int, text string) storage.Part {
	t.Helper()
	p, err := f.Store.PutPart(t.Context(), caller, path, id, number, strings.NewReader(text), int64(len(text)))
	require.NoError(t, err)
	return p
}

func TestParts(t *testing.T) {
	f := setUp(t, storage.Options{})
	me, ctx := user("shop", "me"), t.Context()
	id, err := f.Store.BeginParts(ctx, me, "photos/a.png", "")
	require.NoError(t, err)
	put(t, f, me, "photos/a.png", id, 2, "replaced")
	second := put(t, f, me, "photos/a.png", id, 2, " and two")
	third := put(t, f, me, "photos/a.png", id, 10, ", ten")
	first := put(t, f, me, "/photos/a.png", id, 1, "one") // as some clients write it
	parts, err := f.Store.Parts(ctx, me, "photos/a.png", id)
	require.NoError(t, err)
	require.Len(t, parts, 3)
	require.Equal(t, []int{1, 2, 10}, []int{parts[0].Number, parts[1].Number, parts[2].Number})
	uploads, err := f.Store.PartialUploads(ctx, me, "photos/")
	require.NoError(t, err)
	require.Len(t, uploads, 1)
	require.Equal(t, id, uploads[0].ID)
	uploads, err = f.Store.PartialUploads(ctx, me, "videos/")
	require.NoError(t, err)
	require.Empty(t, uploads)
	_, err = f.Store.Stat(ctx, me, storage.FileID("shop", "photos/a.png"))
	reason(t, yunduo.ReasonFileNotFound, err) // not before it is whole

	for name, wrong := range map[string][]storage.Part{
		"none":              {},
		"out of order":      {second, first},
		"twice":             {first, first},
		"one that is not":   {first, {Number: 3}},
		"one that was once": {first, {Number: 2, ETag: "0123"}},
	} {
		_, err := f.Store.JoinParts(ctx, me, "photos/a.png", id, wrong)
		require.Equal(t, yunduo.ReasonInvalidRequest, yunduo.ReasonOf(err), name)
	}
	second.ETag = "" // not every client remembers it
	file, err := f.Store.JoinParts(ctx, me, "photos/a.png", id, []storage.Part{first, second, third})
	require.NoError(t, err)
	require.Equal(t, "image/png", file.ContentType)
	require.Equal(t, "me", file.Owner)
	text, err := f.read(ctx, me, file.ID)
	require.NoError(t, err)
	require.Equal(t, "one and two, ten", text)

	require.Equal(t, 1, f.objects(t), "the parts are gone")
	_, err = f.Store.PutPart(ctx, me, "photos/a.png", id, 1, strings.NewReader("x"), 1)
	reason(t, yunduo.ReasonFileNotFound, err)
	_, err = f.Store.JoinParts(ctx, me, "photos/a.png", id, []storage.Part{first})
	reason(t, yunduo.ReasonFileNotFound, err)
}

func TestParts_Refusals(t *testing.T) {
	f := setUp(t, storage.Options{MaxFileSize: 10})
	me, ctx := user("shop", "me"), t.Context()
	f.write(t, me, "mine.txt", "mine")
	_, err := f.Store.BeginParts(ctx, user("shop", "other"), "mine.txt", "")
	reason(t, yunduo.ReasonFileDenied, err)
	_, err = f.Store.BeginParts(ctx, me, "../up", "")
	reason(t, yunduo.ReasonInvalidFileID, err)
	_, err = f.Store.BeginParts(ctx, yunduo.Caller{}, "a", "")
	reason(t, yunduo.ReasonPermissionDenied, err)

	id, err := f.Store.BeginParts(ctx, me, "a.txt", "")
	require.NoError(t, err)
	put(t, f, me, "a.txt", id, 1, "12345678")
	for name, attempt := range map[string]func() error{
		"another app": func() error {
			_, err := f.Store.PutPart(ctx, user("other", "me"), "a.txt", id, 2, strings.NewReader("x"), 1)
			return err
		},
		"another file": func() error {
			_, err := f.Store.PutPart(ctx, me, "b.txt", id, 2, strings.NewReader("x"), 1)
			return err
		},
		"no ID": func() error { return f.Store.AbandonParts(ctx, me, "a.txt", "") },
		"a path for an ID": func() error {
			_, err := f.Store.Parts(ctx, me, "a.txt", "../other/"+id)
			return err
		},
		"another's list": func() error {
			_, err := f.Store.Parts(ctx, user("other", "me"), "a.txt", id)
			return err
		},
	} {
		require.Equal(t, yunduo.ReasonFileNotFound, yunduo.ReasonOf(attempt()), name)
	}
	for _, number := range []int{0, -1, storage.MaxParts + 1} {
		_, err := f.Store.PutPart(ctx, me, "a.txt", id, number, strings.NewReader("x"), 1)
		reason(t, yunduo.ReasonInvalidRequest, err)
	}
	for _, size := range []int64{3, -1} { // told, and found out
		_, err := f.Store.PutPart(ctx, me, "a.txt", id, 2, strings.NewReader("123"), size)
		reason(t, yunduo.ReasonFileTooLarge, err)
	}
	put(t, f, me, "a.txt", id, 1, "123456789")
	_, err = f.Store.PutPart(ctx, me, "a.txt", id, 2, brokenReader{}, -1)
	require.ErrorIs(t, err, errCut)
	parts, err := f.Store.Parts(ctx, me, "a.txt", id)
	require.NoError(t, err)
	require.Len(t, parts, 1)

	// Who may no longer write is refused at the end.
	f.write(t, user("shop", "other"), "a.txt", "taken")
	_, err = f.Store.JoinParts(ctx, me, "a.txt", id, parts)
	reason(t, yunduo.ReasonFileDenied, err)
	require.NoError(t, f.Store.AbandonParts(ctx, me, "a.txt", id))
	require.Equal(t, 2, f.objects(t))

	for range storage.MaxPartialUploads {
		_, err := f.Store.BeginParts(ctx, me, "b.txt", "")
		require.NoError(t, err)
	}
	_, err = f.Store.BeginParts(ctx, me, "b.txt", "")
	reason(t, yunduo.ReasonQuotaExceeded, err)
	_, err = f.Store.BeginParts(ctx, user("other", "me"), "b.txt", "")
	require.NoError(t, err)
}

var errCut = errors.New("the line was cut")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errCut }

func TestParts_AbandonedAreSwept(t *testing.T) {
	f := setUp(t, storage.Options{})
	f.now = time.Now()
	me, ctx := user("shop", "me"), t.Context()
	id, err := f.Store.BeginParts(ctx, me, "a.txt", "")
	require.NoError(t, err)
	put(t, f, me, "a.txt", id, 1, "one")
	_, err = f.Store.Sweep(ctx)
	require.NoError(t, err)
	require.Equal(t, 2, f.objects(t))
	f.now = f.now.Add(storage.SweepAge + time.Minute)
	_, err = f.Store.Sweep(ctx)
	require.NoError(t, err)
	require.Zero(t, f.objects(t))

	id, err = f.Store.BeginParts(ctx, me, "a.txt", "")
	require.NoError(t, err)
	put(t, f, me, "a.txt", id, 1, "one")
	require.NoError(t, f.Store.DropApp(ctx, owner("shop")))
	require.Zero(t, f.objects(t))
}
