package bundle_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions/bundle"
)

func encode(t testing.TB, b *bundle.Bundle) []byte {
	t.Helper()
	var buffer bytes.Buffer
	require.NoError(t, b.Encode(&buffer))
	return buffer.Bytes()
}

func TestBuild_SameContentSameHash(t *testing.T) {
	files := map[string]string{
		"index.js": "exports.main = () => [require('./a'), require('missing-one'), require('missing-two'), require('p')]", "a.js": "module.exports = require('missing-three')",
		"words.txt": "x", "node_modules/p/index.js": "module.exports = 1",
	}
	first := build(t, files)
	for range 5 {
		again := build(t, files)
		require.Equal(t, first.Hash, again.Hash)
		require.Equal(t, encode(t, first), encode(t, again))
	}
	files["words.txt"] = "y"
	require.NotEqual(t, first.Hash, build(t, files).Hash)
	require.NotContains(t, string(first.SourceMap), os.TempDir(), "nothing of this machine gets into a bundle")
}

func TestBuild_LeavesOut(t *testing.T) {
	b := build(t, map[string]string{"index.js": "", ".git/config": "x", "node_modules/unused/index.js": "x", "lib/.DS_Store": "x", ".env": "A=1", "lib/a.js": ""})
	var names []string
	for _, f := range b.Files {
		names = append(names, f.Path)
	}
	require.Equal(t, []string{".env", "index.js", "lib/a.js"}, names)
}

func TestDecode_GivesBackTheSame(t *testing.T) {
	dir := folder(t, map[string]string{"index.js": "exports.main = n => require('./lib/' + n)", "lib/a.js": "", "node_modules/p/index.js": "", "run.sh": "#!/bin/sh"})
	require.NoError(t, os.Chmod(filepath.Join(dir, "run.sh"), 0o755))
	require.NoError(t, os.Symlink("lib/a.js", filepath.Join(dir, "link.js")))
	b, err := builder(t).Build(t.Context(), dir, bundle.Options{})
	require.NoError(t, err)
	again, err := bundle.Decode(bytes.NewReader(encode(t, b)), bundle.Limits{})
	require.NoError(t, err)
	b.Report = bundle.Report{} // archives have none
	require.Equal(t, b, again)

	out := filepath.Join(t.TempDir(), "app")
	require.NoError(t, again.Materialize(out))
	info, err := os.Stat(filepath.Join(out, "run.sh"))
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&0o100)
	target, err := os.Readlink(filepath.Join(out, "link.js"))
	require.NoError(t, err)
	require.Equal(t, filepath.Join("lib", "a.js"), target)
	require.Error(t, again.Materialize(out), "a folder that is there is never mixed with another")
}

func TestBuild_LinkOutsideRefused(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.js")
	require.NoError(t, os.WriteFile(secret, []byte("module.exports = 'secret'"), 0o644))
	for _, name := range []string{"data.txt", "helper.js"} {
		dir := folder(t, map[string]string{"index.js": "require('./helper')"})
		require.NoError(t, os.Symlink(secret, filepath.Join(dir, name)))
		_, err := builder(t).Build(t.Context(), dir, bundle.Options{})
		require.Equal(t, yunduo.ReasonInvalidBundle, yunduo.ReasonOf(err))
		require.Contains(t, yunduo.AsError(err).Message, name)
	}
}

func TestBuild_SharedFolderOfTheProject(t *testing.T) {
	files := map[string]string{"index.js": "exports.main = ({ n }) => require('../common/twice')(n)", "../common/twice.js": "module.exports = n => 2 * n"}
	dir := folder(t, files)
	b, err := builder(t).Build(t.Context(), dir, bundle.Options{Root: filepath.Dir(dir)})
	require.NoError(t, err)
	require.Equal(t, 4.0, run(t, b))
	_, err = builder(t).Build(t.Context(), dir, bundle.Options{})
	require.Equal(t, yunduo.ReasonInvalidBundle, yunduo.ReasonOf(err))
}

func TestBuild_Limits(t *testing.T) {
	b, err := bundle.NewBuilder(bundle.BuilderOptions{CacheDir: t.TempDir(), Limits: bundle.Limits{SourceBytes: 1000, ModuleBytes: 2000, Files: 4}})
	require.NoError(t, err)
	tests := map[string]struct {
		files   map[string]string
		message string
	}{
		"a large file":   {map[string]string{"index.js": "", "big.bin": strings.Repeat("x", 1001)}, "big.bin"},
		"many files":     {map[string]string{"index.js": "", "1": "", "2": "", "3": "", "4": ""}, "more than 4 files"},
		"large packages": {map[string]string{"index.js": "require(process.argv[2])", "node_modules/p/a.js": strings.Repeat("x", 2001)}, "node_modules"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := b.Build(t.Context(), folder(t, test.files), bundle.Options{})
			require.Equal(t, yunduo.ReasonInvalidBundle, yunduo.ReasonOf(err))
			require.Contains(t, yunduo.AsError(err).Message, test.message)
		})
	}
}

func archive(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var buffer bytes.Buffer
	z, err := zstd.NewWriter(&buffer)
	require.NoError(t, err)
	w := tar.NewWriter(z)
	for _, e := range entries {
		data := e.PAXRecords["YUNDUO.data"]
		e.PAXRecords = nil
		e.Size = int64(len(data))
		require.NoError(t, w.WriteHeader(&e))
		_, err := w.Write([]byte(data))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	return buffer.Bytes()
}

func entry(name, data string) tar.Header {
	return tar.Header{Name: name, Mode: 0o644, Typeflag: tar.TypeReg, PAXRecords: map[string]string{"YUNDUO.data": data}}
}

const goodManifest = `{"format":1,"mode":"bundled","entry":"index.js"}`

func TestDecode_HostileRefused(t *testing.T) {
	link := func(name, target string) tar.Header {
		return tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeSymlink}
	}
	tests := map[string][]byte{
		"nothing":               nil,
		"not an archive":        []byte("PK\x03\x04 hello"),
		"no manifest":           archive(t, entry("code.js", "")),
		"another format":        archive(t, entry("bundle.json", `{"format":2,"mode":"bundled","entry":"index.js"}`)),
		"an unknown mode":       archive(t, entry("bundle.json", `{"format":1,"mode":"x","entry":"index.js"}`)),
		"an entry outside":      archive(t, entry("bundle.json", `{"format":1,"mode":"unbundled","entry":"../x.js"}`)),
		"a file outside":        archive(t, entry("bundle.json", goodManifest), entry("files/../../x", "")),
		"an absolute file":      archive(t, entry("bundle.json", goodManifest), entry("/etc/passwd", "")),
		"a backslash":           archive(t, entry("bundle.json", goodManifest), entry(`files/..\x`, "")),
		"a link outside":        archive(t, entry("bundle.json", goodManifest), link("files/a", "../../x")),
		"an absolute link":      archive(t, entry("bundle.json", goodManifest), link("files/a", "/etc/passwd")),
		"a device":              archive(t, entry("bundle.json", goodManifest), tar.Header{Name: "files/null", Typeflag: tar.TypeChar}),
		"a cut archive":         archive(t, entry("bundle.json", goodManifest), entry("files/a", strings.Repeat("abc", 1000)))[:60],
		"more than fits":        archive(t, entry("bundle.json", goodManifest), entry("files/a", strings.Repeat("x", 1001))),
		"more in several files": archive(t, entry("bundle.json", goodManifest), entry("files/a", strings.Repeat("x", 600)), entry("files/b", strings.Repeat("x", 600))),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := bundle.Decode(bytes.NewReader(data), bundle.Limits{SourceBytes: 1000, ModuleBytes: 1000})
			require.Equal(t, yunduo.ReasonInvalidBundle, yunduo.ReasonOf(err), "%v", err)
		})
	}
}

// A chain of links, each harmless by itself, must not lead a file out of the folder.
func TestMaterialize_LinksDoNotLeadOut(t *testing.T) {
	outside := t.TempDir()
	b := &bundle.Bundle{Mode: bundle.ModeBundled, Entry: "index.js", Files: []bundle.File{
		{Path: "a", Link: outside, Mode: 0o644}, {Path: "a/x.js", Data: []byte("1"), Mode: 0o644},
	}}
	require.Error(t, b.Materialize(filepath.Join(t.TempDir(), "app")))
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func FuzzDecode(f *testing.F) {
	f.Add(archive(f, entry("bundle.json", goodManifest), entry("code.js", "1"), entry("files/index.js", "1")))
	f.Add(archive(f, entry("bundle.json", goodManifest), entry("files/../x", "")))
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	f.Fuzz(func(t *testing.T, data []byte) {
		limits := bundle.Limits{SourceBytes: 1 << 16, ModuleBytes: 1 << 16, Files: 100}
		b, err := bundle.Decode(bytes.NewReader(data), limits)
		if err != nil {
			return
		}
		again, err := bundle.Decode(bytes.NewReader(encode(t, b)), limits)
		require.NoError(t, err)
		require.Equal(t, b.Hash, again.Hash)
	})
}

func BenchmarkBuild(b *testing.B) {
	var lines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, "async function step%d(event) { const { data } = await db.collection('c').where({ a: event.x }).get(); return data.map(d => d.n + %d) }\n", i, i)
	}
	dir := folder(b, map[string]string{"index.js": "const cloud = require('wx-server-sdk')\ncloud.init()\nconst db = cloud.database()\n" + lines.String() + "exports.main = async event => step1(event)"})
	builder := builder(b)
	for b.Loop() {
		if _, err := builder.Build(b.Context(), dir, bundle.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
