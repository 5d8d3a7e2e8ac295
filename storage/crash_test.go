package storage_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo/data/documents"
	"yunduo/data/documents/embedded"
	"yunduo/storage"
	"yunduo/storage/disk"
	"yunduo/storage/driver"
)

// childDir makes the test binary store files in a directory without end instead of running the tests.
const childDir = "YUNDUO_TEST_STORAGE_WRITE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, writeForever(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// openDir opens the file service on a data directory, as a server does.
func openDir(dir string, now func() time.Time) (store *storage.Store, bucket driver.Bucket, closeAll func() error, err error) {
	engine, err := embedded.Open(filepath.Join(dir, "db"), embedded.Options{})
	if err != nil {
		return nil, nil, nil, err
	}
	if bucket, err = disk.Open(filepath.Join(dir, "objects")); err != nil {
		return nil, nil, nil, err
	}
	db := documents.New(engine, documents.Options{})
	return storage.New(db, bucket, storage.Options{Now: now}), bucket, func() error {
		db.Close()
		if err := bucket.Close(); err != nil {
			return err
		}
		return engine.Close()
	}, nil
}

func crashContent(run string, writer, round int) string {
	return strings.Repeat(fmt.Sprintf("%s %d %d\n", run, writer, round), 1+(round*7919)%3000)
}

func writeForever(dir string) error {
	store, _, _, err := openDir(dir, nil)
	if err != nil {
		return err
	}
	run := filepath.Base(os.Getenv("YUNDUO_TEST_STORAGE_RUN"))
	failed := make(chan error)
	for writer := range 4 {
		go func() {
			for round := 0; ; round++ {
				path := fmt.Sprintf("crash/%d/%d", writer, round%3) // new files at first, then replaced ones
				if _, err := store.Write(context.Background(), owner("one"), path, strings.NewReader(crashContent(run, writer, round)), ""); err != nil {
					failed <- err
					return
				}
				fmt.Printf("%s\t%s\t%d\t%d\n", path, run, writer, round)
			}
		}()
	}
	return <-failed
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	for kill := range 6 {
		acknowledged := runAndKill(t, dir, fmt.Sprint(kill), 8+kill*5)
		later := func() time.Time { return time.Now().Add(2 * storage.SweepAge) }
		store, bucket, closeAll, err := openDir(dir, later)
		require.NoError(t, err)
		_, err = store.Sweep(t.Context())
		require.NoError(t, err)
		for path, want := range acknowledged {
			body, file, err := store.Read(t.Context(), owner("one"), storage.FileID("one", path), driver.Range{})
			require.NoError(t, err, path)
			content, err := io.ReadAll(body)
			require.NoError(t, err)
			require.NoError(t, body.Close())
			require.EqualValues(t, len(content), file.Size)
			var run string
			var writer, round int
			_, err = fmt.Sscan(string(content[:strings.IndexByte(string(content), '\n')]), &run, &writer, &round)
			require.NoError(t, err)
			require.Equal(t, crashContent(run, writer, round), string(content), "the bytes are whole")
			// The write after the last acknowledged one may have been done as well.
			require.Contains(t, []string{want[0], want[1]}, fmt.Sprintf("%s %d %d", run, writer, round))
		}
		page, err := store.List(t.Context(), owner("one"), storage.ListRequest{Limit: 1000})
		require.NoError(t, err)
		objects, _, err := bucket.List(t.Context(), "", "", 1000)
		require.NoError(t, err)
		require.Len(t, objects, len(page.Files), "after a sweep there is one object for each file")
		require.NoError(t, closeAll())
	}
}

// runAndKill lets a child store files, kills it after so many, and returns what each path holds at least: the write that
// was acknowledged last, and the one that may have followed it.
func runAndKill(t *testing.T, dir, run string, after int) map[string][2]string {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir, "YUNDUO_TEST_STORAGE_RUN="+run)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	acknowledged := map[string][2]string{}
	lines := bufio.NewScanner(output)
	for seen := 0; lines.Scan(); seen++ {
		fields := strings.Split(lines.Text(), "\t")
		require.Len(t, fields, 4)
		var writer, round int
		_, err := fmt.Sscan(fields[2]+" "+fields[3], &writer, &round)
		require.NoError(t, err)
		acknowledged[fields[0]] = [2]string{fmt.Sprintf("%s %d %d", run, writer, round), fmt.Sprintf("%s %d %d", run, writer, round+3)}
		if seen == after {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.Error(t, child.Wait(), "it was killed")
	require.NotEmpty(t, acknowledged)
	return acknowledged
}
