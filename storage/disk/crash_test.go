package disk_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/storage/disk"
	"yunduo/storage/driver"
)

// childDir makes the test binary run writeForever on a directory instead of the tests.
const childDir = "YUNDUO_TEST_DISK_WRITE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := writeForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForever replaces objects without end, from several goroutines, and prints a line for each that is done.
func writeForever(dir string) error {
	b, err := disk.Open(dir)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for writer := range 4 {
		go func() {
			for round := 0; ; round++ {
				content := crashContent(writer, round)
				if _, err := b.Put(context.Background(), crashKey(writer), bytes.NewReader(content), driver.PutOptions{Size: -1}); err != nil {
					failed <- err
					return
				}
				fmt.Printf("%d %d\n", writer, round)
			}
		}()
	}
	return <-failed
}

func crashKey(writer int) string { return fmt.Sprintf("crash/%d", writer) }

func crashContent(writer, round int) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("%d %d\n", writer, round)), 1+(round*7919)%50_000)
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	for kill := range 12 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childDir+"="+dir)
		output, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		acknowledged := map[int]int{}
		lines := bufio.NewScanner(output)
		for seen := 0; lines.Scan(); seen++ {
			note(t, acknowledged, lines.Text())
			if seen == 5+kill*3 {
				require.NoError(t, child.Process.Kill())
			}
		}
		require.Error(t, child.Wait(), "it was killed")

		b, err := disk.Open(dir)
		require.NoError(t, err)
		leftovers, err := os.ReadDir(filepath.Join(dir, "tmp"))
		require.NoError(t, err)
		require.Empty(t, leftovers, "half-written files are swept")
		for writer, round := range acknowledged {
			reader, _, err := b.Get(t.Context(), crashKey(writer), driver.Range{})
			require.NoError(t, err)
			content, err := io.ReadAll(reader)
			require.NoError(t, err)
			require.NoError(t, reader.Close())
			// The next round may have been stored without being acknowledged.
			require.True(t, bytes.Equal(content, crashContent(writer, round)) || bytes.Equal(content, crashContent(writer, round+1)),
				"writer %d: what was acknowledged last is there, whole", writer)
		}
		require.NoError(t, b.Close())
	}
}

func note(t *testing.T, acknowledged map[int]int, line string) {
	writer, round, ok := strings.Cut(line, " ")
	require.True(t, ok, line)
	w, err := strconv.Atoi(writer)
	require.NoError(t, err)
	acknowledged[w], err = strconv.Atoi(round)
	require.NoError(t, err)
}
