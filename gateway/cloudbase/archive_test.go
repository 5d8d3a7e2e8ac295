package cloudbase

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
)

func zipped(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		require.NoError(t, err)
		_, err = w.Write([]byte(files[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

func TestUnpack(t *testing.T) {
	files, err := unpack(zipped(t, "index.js", "one", "lib/", "", "./lib/a.js", "two", `win\b.js`, "three"))
	require.NoError(t, err)
	got := map[string]string{}
	for _, f := range files {
		got[f.Path] = string(f.Content)
	}
	require.Equal(t, map[string]string{"index.js": "one", "lib/a.js": "two", "win/b.js": "three"}, got)
	for name, archive := range map[string][]byte{
		"no archive": []byte("PK"), "nothing": zipped(t), "folders": zipped(t, "a/", ""),
		"above": zipped(t, "../index.js", "x"), "inside and out": zipped(t, "a/../../b", "x"), "absolute": zipped(t, "/etc/passwd", "x"), "windows": zipped(t, `..\b`, "x"),
	} {
		_, err := unpack(archive)
		require.Equal(t, yunduo.ReasonInvalidBundle, yunduo.ReasonOf(err), name)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(zipped(f, "index.js", "one", "lib/a.js", "two"))
	f.Add(zipped(f, "../x", "one"))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, archive []byte) {
		files, err := unpack(archive)
		if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonInvalidBundle {
			t.Fatal(err)
		}
		for _, file := range files {
			if !fs.ValidPath(file.Path) {
				t.Fatal(file.Path)
			}
		}
	})
}
