//go:build unix

package bundle_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions/bundle"
)

func TestBuildApart_KilledOnce(t *testing.T) {
	for kills, works := range map[int]bool{1: true, 2: false} {
		left := t.TempDir()
		for n := range kills {
			require.NoError(t, os.WriteFile(filepath.Join(left, strconv.Itoa(n)), nil, 0o600))
		}
		t.Setenv(killsLeft, left)
		_, err := builder(t).BuildApart(t.Context(), folder(t, map[string]string{"index.js": "exports.main = 1"}), bundle.Options{})
		if works {
			require.NoError(t, err, "the kernel ended it for memory that others took")
		} else {
			require.Equal(t, yunduo.ReasonInvalidBundle, yunduo.ReasonOf(err))
		}
		rest, err := os.ReadDir(left)
		require.NoError(t, err)
		require.Empty(t, rest)
	}
}
