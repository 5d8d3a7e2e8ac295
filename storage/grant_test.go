package storage_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/storage"
)

var urlSafe = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func TestUpload(t *testing.T) {
	f := setUp(t, storage.Options{})
	grant, err := f.GrantUpload(t.Context(), user("one", "alice"), storage.GrantRequest{Path: "/图片/云 朵.png", Size: 100})
	require.NoError(t, err)
	require.Equal(t, "cloud://one.yunduo/图片/云 朵.png", grant.FileID)
	require.Regexp(t, urlSafe, grant.Ticket)
	require.Equal(t, f.now.Add(storage.GrantLifetime), grant.ExpiresAt)
	id, err := f.GrantedFile(grant.Ticket)
	require.NoError(t, err)
	require.Equal(t, grant.FileID, id)
	for _, content := range []string{"first", "second, after a lost reply"} {
		file, err := f.Upload(t.Context(), grant.Ticket, strings.NewReader(content), "application/json", -1)
		require.NoError(t, err)
		require.Equal(t, grant.FileID, file.ID)
		require.Equal(t, "alice", file.Owner)
		require.Equal(t, "image/png", file.ContentType, "what the name tells is better than what a client sends")
		got, err := f.read(t.Context(), user("one", "alice"), grant.FileID)
		require.NoError(t, err)
		require.Equal(t, content, got)
	}
	_, err = f.read(t.Context(), user("one", "bob"), grant.FileID)
	reason(t, yunduo.ReasonFileDenied, err)
}

func TestUploadTypes(t *testing.T) {
	f := setUp(t, storage.Options{})
	for _, c := range []struct{ path, granted, sent, want string }{
		{"a.png", "image/webp", "text/plain", "image/webp"},
		{"a.png", "", "text/plain", "image/png"},
		{"a", "", "text/css", "text/css"},
		{"a", "", "", "application/octet-stream"},
	} {
		grant, err := f.GrantUpload(t.Context(), owner("one"), storage.GrantRequest{Path: c.path, ContentType: c.granted})
		require.NoError(t, err)
		file, err := f.Upload(t.Context(), grant.Ticket, strings.NewReader("x"), c.sent, 1)
		require.NoError(t, err)
		require.Equal(t, c.want, file.ContentType, "%+v", c)
		require.Empty(t, file.Owner)
	}
}

func TestUploadLimits(t *testing.T) {
	f := setUp(t, storage.Options{MaxFileSize: 100})
	for _, size := range []int64{101, -1} {
		_, err := f.GrantUpload(t.Context(), owner("one"), storage.GrantRequest{Path: "x", Size: size})
		require.Error(t, err)
	}
	grant, err := f.GrantUpload(t.Context(), owner("one"), storage.GrantRequest{Path: "x", Size: 3})
	require.NoError(t, err)
	for _, size := range []int64{-1, 4, 3} {
		_, err = f.Upload(t.Context(), grant.Ticket, strings.NewReader("1234"), "", size)
		require.Contains(t, []yunduo.Reason{yunduo.ReasonFileTooLarge, yunduo.ReasonInvalidRequest}, yunduo.ReasonOf(err))
	}
	_, err = f.Upload(t.Context(), grant.Ticket, strings.NewReader("12"), "", 3)
	reason(t, yunduo.ReasonInvalidRequest, err)
	require.Zero(t, f.objects(t))
	_, err = f.Upload(t.Context(), grant.Ticket, strings.NewReader("123"), "", 3)
	require.NoError(t, err)
}

func TestUploadRefusals(t *testing.T) {
	f := setUp(t, storage.Options{})
	grant, err := f.GrantUpload(t.Context(), user("one", "alice"), storage.GrantRequest{Path: "x"})
	require.NoError(t, err)
	upload := func(ticket string) error {
		_, err := f.Upload(t.Context(), ticket, strings.NewReader("x"), "", 1)
		return err
	}
	text, signature, _ := strings.Cut(grant.Ticket, ".")
	other, err := f.GrantUpload(t.Context(), user("one", "alice"), storage.GrantRequest{Path: "y"})
	require.NoError(t, err)
	otherText, _, _ := strings.Cut(other.Ticket, ".")
	for name, ticket := range map[string]string{
		"empty": "", "no signature": text, "an empty signature": text + ".", "another's text": otherText + "." + signature,
		"a changed signature": grant.Ticket[:len(grant.Ticket)-2] + "AA", "trailing text": grant.Ticket + ".x", "not base64": "%%." + signature,
	} {
		t.Run(name, func(t *testing.T) { reason(t, yunduo.ReasonGrantInvalid, upload(ticket)) })
	}
	t.Run("of a server with another key", func(t *testing.T) {
		foreign := storage.New(f.db, f.bucket, storage.Options{SigningKey: []byte("another key of thirty-two bytes!")})
		_, err := foreign.Upload(t.Context(), grant.Ticket, strings.NewReader("x"), "", 1)
		reason(t, yunduo.ReasonGrantInvalid, err)
	})
	t.Run("a download signature is no upload ticket", func(t *testing.T) {
		file := f.write(t, user("one", "alice"), "z", "z")
		signed, err := f.SignDownload(t.Context(), user("one", "alice"), file.ID, 0)
		require.NoError(t, err)
		reason(t, yunduo.ReasonGrantInvalid, upload(signed.Address+"."+signed.Sign))
	})
	t.Run("somebody else was first", func(t *testing.T) {
		f.write(t, user("one", "bob"), "x", "bob's")
		reason(t, yunduo.ReasonFileDenied, upload(grant.Ticket))
		got, err := f.read(t.Context(), user("one", "bob"), grant.FileID)
		require.NoError(t, err)
		require.Equal(t, "bob's", got)
		require.Equal(t, 2, f.objects(t), "the refused bytes are gone")
	})
	t.Run("the rules have changed", func(t *testing.T) {
		require.NoError(t, upload(other.Ticket))
		require.NoError(t, f.SetRules(t.Context(), owner("one"), "adminwrite"))
		reason(t, yunduo.ReasonFileDenied, upload(other.Ticket))
		require.NoError(t, f.SetRules(t.Context(), owner("one"), "private"))
	})
	t.Run("expired", func(t *testing.T) {
		f.now = f.now.Add(storage.GrantLifetime - time.Second)
		require.NoError(t, upload(other.Ticket))
		f.now = f.now.Add(time.Second)
		reason(t, yunduo.ReasonGrantInvalid, upload(other.Ticket))
	})
}

func TestSignedDownload(t *testing.T) {
	f := setUp(t, storage.Options{})
	file := f.write(t, user("one", "alice"), "a/图 片#?%41.PNG", "picture")
	signed, err := f.SignDownload(t.Context(), user("one", "alice"), file.ID, time.Minute)
	require.NoError(t, err)
	require.Regexp(t, urlSafe, signed.Address)
	require.Regexp(t, urlSafe, signed.Sign)
	require.True(t, strings.HasSuffix(signed.Address, ".PNG"))
	require.Equal(t, f.now.Add(time.Minute), signed.ExpiresAt)
	require.Equal(t, file, signed.File)

	open := func(app yunduo.AppID, address, sign string) error {
		_, err := f.OpenSigned(t.Context(), app, address, sign)
		return err
	}
	object, err := f.OpenSigned(t.Context(), "one", signed.Address, signed.Sign)
	require.NoError(t, err)
	require.Equal(t, file, object.File())
	other := f.write(t, user("one", "alice"), "b.png", "other")
	otherSigned, err := f.SignDownload(t.Context(), user("one", "alice"), other.ID, time.Hour)
	require.NoError(t, err)
	seconds, signature, _ := strings.Cut(signed.Sign, ".")
	for name, err := range map[string]error{
		"without a signature": open("one", signed.Address, ""),
		"another app":         open("two", signed.Address, signed.Sign),
		"another file":        open("one", otherSigned.Address, signed.Sign),
		"another extension":   open("one", strings.TrimSuffix(signed.Address, ".PNG")+".html", signed.Sign),
		"a later end":         open("one", signed.Address, "9"+seconds+"."+signature),
		"a changed signature": open("one", signed.Address, signed.Sign[:len(signed.Sign)-2]+"AA"),
		"no address":          open("one", "", signed.Sign),
	} {
		require.Equal(t, yunduo.ReasonGrantInvalid, yunduo.ReasonOf(err), name)
	}
	f.now = f.now.Add(time.Minute)
	reason(t, yunduo.ReasonGrantInvalid, open("one", signed.Address, signed.Sign))
	require.NoError(t, open("one", otherSigned.Address, otherSigned.Sign))
	_, err = f.Delete(t.Context(), owner("one"), []string{other.ID})
	require.NoError(t, err)
	reason(t, yunduo.ReasonFileNotFound, open("one", otherSigned.Address, otherSigned.Sign))

	t.Run("lifetimes", func(t *testing.T) {
		for asked, given := range map[time.Duration]time.Duration{0: storage.DefaultMaxAge, 1000 * time.Hour: storage.MaxMaxAge, 30 * time.Second: 30 * time.Second} {
			signed, err := f.SignDownload(t.Context(), user("one", "alice"), file.ID, asked)
			require.NoError(t, err)
			require.Equal(t, given, signed.ExpiresAt.Sub(f.now))
		}
		_, err := f.SignDownload(t.Context(), user("one", "alice"), file.ID, -1)
		reason(t, yunduo.ReasonInvalidRequest, err)
		_, err = f.SignDownload(t.Context(), user("one", "alice"), file.ID+".missing", 0)
		reason(t, yunduo.ReasonFileNotFound, err)
	})
}

// TestServeContent serves a file over HTTP, as the gateway does.
func TestServeContent(t *testing.T) {
	f := setUp(t, storage.Options{})
	content := strings.Repeat("0123456789", 10_000)
	file := f.write(t, owner("one"), "video.mp4", content)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		object, err := f.OpenSigned(r.Context(), "one", strings.Trim(r.URL.Path, "/"), r.URL.Query().Get("sign"))
		if err != nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		reader := object.Reader(r.Context())
		defer reader.Close()
		w.Header().Set("ETag", `"`+object.File().ETag+`"`)
		http.ServeContent(w, r, "", object.File().ModifiedAt, reader)
	}))
	defer server.Close()
	signed, err := f.SignDownload(t.Context(), owner("one"), file.ID, 0)
	require.NoError(t, err)
	get := func(ranges string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/"+signed.Address+"?sign="+url.QueryEscape(signed.Sign), nil)
		require.NoError(t, err)
		if ranges != "" {
			request.Header.Set("Range", ranges)
		}
		reply, err := server.Client().Do(request)
		require.NoError(t, err)
		defer reply.Body.Close()
		body, err := io.ReadAll(reply.Body)
		require.NoError(t, err)
		return reply.StatusCode, string(body)
	}
	status, body := get("")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, content, body)
	for ranges, want := range map[string]string{"bytes=0-9": content[:10], "bytes=5-": content[5:], "bytes=-7": content[len(content)-7:], "bytes=99990-200000": content[99990:]} {
		status, body := get(ranges)
		require.Equal(t, http.StatusPartialContent, status)
		require.Equal(t, want, body)
	}
	status, body = get("bytes=1-2,5-6")
	require.Equal(t, http.StatusPartialContent, status)
	require.Contains(t, body, "12")
	require.Contains(t, body, "56")
	status, _ = get("bytes=100000-")
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, status)
}
