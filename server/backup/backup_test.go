package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo/server/backup"
)

// childVariable makes the test binary restore a backup, so that it can be killed: "folder|data directory".
const childVariable = "YUNDUO_TEST_RESTORE"

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		folder, dir, _ := strings.Cut(text, "|")
		if err := restoreLoudly(folder, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// restoreLoudly prints a line for every file.
func restoreLoudly(folder, dir string) error {
	t, err := backup.Open(folder, false)
	if err != nil {
		return err
	}
	m, err := t.Load("")
	if err != nil {
		return err
	}
	_, err = t.Restore(context.Background(), m, dir, true, func(int64) { fmt.Println("file") })
	return err
}

// tree writes files and returns their content by path.
func tree(t testing.TB, dir string, n int, text string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for i := range n {
		name := fmt.Sprintf("documents/%06d.sst", i)
		if i%3 == 0 {
			name = fmt.Sprintf("objects/objects/files/app/%d", i)
		}
		files[name] = fmt.Sprint(text, i, strings.Repeat("y", i*37%5000))
	}
	files["documents/CURRENT"] = text
	files["secret.key"] = "secret"
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return files
}

// requireTree compares all files of a directory.
func requireTree(t testing.TB, dir string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		relative, relErr := filepath.Rel(dir, name)
		got[filepath.ToSlash(relative)] = string(content)
		return errors.Join(err, relErr)
	}))
	require.Equal(t, want, got)
}

var moments int

func header(store string) backup.Header {
	moments++
	return backup.Header{Store: store, Version: "test", Objects: "disk", Secret: "file", CreatedAt: time.Date(2030, 1, 1, 0, moments, 0, 0, time.UTC)}
}

func take(t testing.TB, target *backup.Target, dir, store string) (m *backup.Manifest, sent int) {
	t.Helper()
	known, err := target.Load("")
	require.NoError(t, err)
	var stream bytes.Buffer
	require.NoError(t, backup.Send(t.Context(), &stream, dir, header(store), known))
	sent = stream.Len()
	m, err = target.Receive(t.Context(), &stream, nil)
	require.NoError(t, err)
	return m, sent
}

func newTarget(t testing.TB) (*backup.Target, string) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "backups")
	target, err := backup.Open(folder, true)
	require.NoError(t, err)
	return target, folder
}

func TestBackup_ManyInOneFolder(t *testing.T) {
	target, _ := newTarget(t)
	dir := t.TempDir()
	first := tree(t, dir, 40, "a")
	m1, all := take(t, target, dir, "store 1")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "documents", "CURRENT"), []byte("b"), 0o600), "of the same size")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "documents", "new.sst"), []byte("new"), 0o600))
	second := map[string]string{"documents/new.sst": "new"}
	for name, content := range first {
		second[name] = content
	}
	second["documents/CURRENT"] = "b"
	m2, some := take(t, target, dir, "store 1")
	require.Less(t, some, all/2, "what is there is not sent again")

	// Another store may have other files under the same names.
	other := t.TempDir()
	third := tree(t, other, 40, "c")
	m3, _ := take(t, target, other, "store 2")
	for m, want := range map[*backup.Manifest]map[string]string{m1: first, m2: second, m3: third} {
		require.NoError(t, target.Verify(t.Context(), m))
		data := filepath.Join(t.TempDir(), "data")
		aside, err := target.Restore(t.Context(), m, data, false, nil)
		require.NoError(t, err)
		require.Empty(t, aside)
		requireTree(t, data, want)
	}

	removed, err := target.Prune(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, 1, removed)
	require.Error(t, target.Verify(t.Context(), m1))
	require.NoError(t, target.Verify(t.Context(), m2))
	require.NoError(t, target.Verify(t.Context(), m3))
}

func TestBackup_FindsDamage(t *testing.T) {
	target, folder := newTarget(t)
	dir := t.TempDir()
	tree(t, dir, 20, "a")
	m, _ := take(t, target, dir, "s")
	victim := filepath.Join(folder, "pool", m.Files[3].SHA256[:2], m.Files[3].SHA256)
	content, err := os.ReadFile(victim)
	require.NoError(t, err)
	content[0] ^= 1
	require.NoError(t, os.WriteFile(victim, content, 0o600))
	require.ErrorContains(t, target.Verify(t.Context(), m), m.Files[3].Path)
	data := filepath.Join(t.TempDir(), "data")
	_, err = target.Restore(t.Context(), m, data, false, nil)
	require.ErrorContains(t, err, "damaged")
	require.NoDirExists(t, data)
	entries, err := os.ReadDir(filepath.Dir(data))
	require.NoError(t, err)
	require.Empty(t, entries)
	require.NoError(t, os.Remove(victim))
	require.Error(t, target.Verify(t.Context(), m))
}

// A stream that breaks off at any byte leaves no backup behind.
func TestReceive_OfHalfAStream(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, 10, "a")
	var stream bytes.Buffer
	require.NoError(t, backup.Send(t.Context(), &stream, dir, header("s"), nil))
	manifest := bytes.Index(stream.Bytes(), []byte("manifest.jsonl"))
	for _, n := range []int{0, 100, 600, manifest - 1, manifest + 512, manifest + 700} {
		target, _ := newTarget(t)
		_, err := target.Receive(t.Context(), bytes.NewReader(stream.Bytes()[:n]), nil)
		require.Error(t, err)
		names, err := target.List()
		require.NoError(t, err)
		require.Empty(t, names)
	}
	// One that says it has what it has not.
	target, _ := newTarget(t)
	m, _ := take(t, target, dir, "s")
	fresh, _ := newTarget(t)
	var thin bytes.Buffer
	require.NoError(t, backup.Send(t.Context(), &thin, dir, header("s"), m))
	_, err := fresh.Receive(t.Context(), &thin, nil)
	require.ErrorContains(t, err, "the pool lacks")
}

// Restores that are killed leave the old directory or the new one, whole; the next one clears up.
func TestRestore_Kill(t *testing.T) {
	target, folder := newTarget(t)
	source := t.TempDir()
	fresh := tree(t, source, 60, "new")
	take(t, target, source, "s")
	executable, err := os.Executable()
	require.NoError(t, err)
	parent := t.TempDir()
	data := filepath.Join(parent, "data")
	old := tree(t, data, 5, "old")
	for round := range 10 {
		child := exec.Command(executable)
		child.Env = append(os.Environ(), childVariable+"="+folder+"|"+data)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		want := int64(rand.IntN(62)) * int64(len("file\n"))
		_, _ = io.CopyN(io.Discard, out, want)
		_ = child.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = child.Wait()
		current, err := os.ReadFile(filepath.Join(data, "documents", "CURRENT"))
		require.NoError(t, err, "round %d: there is always a data directory", round)
		if string(current) == "old" {
			requireTree(t, data, old)
			continue
		}
		requireTree(t, data, fresh)
		require.NoError(t, os.RemoveAll(data))
		tree(t, data, 5, "old")
	}
	require.NoError(t, restoreLoudly(folder, data))
	requireTree(t, data, fresh)
	left, err := filepath.Glob(filepath.Join(parent, ".data.restoring-*"))
	require.NoError(t, err)
	require.LessOrEqual(t, len(left), 0)
}

func TestOpen_Refuses(t *testing.T) {
	_, err := backup.Open(filepath.Join(t.TempDir(), "none"), false)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = backup.Open(t.TempDir(), false)
	require.ErrorContains(t, err, "no backup folder")
	dir := t.TempDir()
	tree(t, dir, 1, "a")
	_, err = backup.Open(dir, true)
	require.ErrorContains(t, err, "no backup folder")
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	m := backup.Manifest{Header: backup.Header{Format: backup.Format}, Files: []backup.File{{Path: "a/b", Size: 1, SHA256: strings.Repeat("0", 64)}}}
	if err := m.Encode(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"format":1}` + "\n" + `{"path":"../x","size":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := backup.Decode(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, file := range m.Files {
			if !filepath.IsLocal(filepath.FromSlash(file.Path)) {
				t.Fatalf("%q leads out of the directory", file.Path)
			}
		}
	})
}
