package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// collectPaths takes batches until they hold all the paths.
func collectPaths(t *testing.T, batches <-chan []string, want ...string) {
	t.Helper()
	seen := []string{}
	missing := func(path string) bool { return !slices.Contains(seen, path) }
	for slices.ContainsFunc(want, missing) {
		batch, ok := <-batches
		require.True(t, ok, "the watch ended early: %v", seen)
		seen = append(seen, batch...)
	}
}

func TestWatchTree_TellsChangesInBatches(t *testing.T) {
	root := t.TempDir()
	path := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	write(t, path("a/index.js"), "1")
	write(t, path("node_modules/x/index.js"), "1")
	batches, err := watchTree(t.Context(), []string{root})
	require.NoError(t, err)

	write(t, path("node_modules/x/index.js"), "2")
	write(t, path(".git/index"), "2")
	write(t, path("a/.index.js.swp"), "2")
	write(t, path("a/index.js~"), "2")
	for range 20 {
		write(t, path("a/index.js"), "2")
	}
	batch := <-batches
	require.Equal(t, []string{path("a/index.js")}, batch, "one batch, one path, nothing hidden")

	write(t, path("b/c/index.js"), "1") // a folder that did not exist
	collectPaths(t, batches, path("b"))
	write(t, path("b/c/index.js"), "2")
	collectPaths(t, batches, path("b/c/index.js"))

	require.NoError(t, os.Rename(path("b/c/index.js"), path("b/c/main.js")))
	collectPaths(t, batches, path("b/c/index.js"), path("b/c/main.js"))
	require.NoError(t, os.RemoveAll(path("a")))
	collectPaths(t, batches, path("a"))
}

func TestWatchTree_AcceptsAFolderThatIsNotThereYet(t *testing.T) {
	batches, err := watchTree(t.Context(), []string{filepath.Join(t.TempDir(), "none")})
	require.NoError(t, err, "a project may have no functions yet")
	require.NotNil(t, batches)
}
